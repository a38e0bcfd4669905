// Which certificates of an organisation are the old ones, and which shall stand in a Device's cells. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gbcs/credentials.h"
#include "pki/certificate.h"
#include "repository/record.h"

namespace smki::orchestrator {

inline constexpr char kSupplierSigning[] = "supplier/digitalSignature";
inline constexpr char kSupplierAgreement[] = "supplier/keyAgreement";
inline constexpr char kSupplierTopUp[] = "supplier/keyAgreement/prePaymentTopUp";

// By cell. All cells of the role, or the choice failed.
using CellCertificates = std::map<std::string, pki::Certificate>;

struct OrganisationCertificates {
  CellCertificates replacements;
  // What is In Use and will be replaced: to be revoked afterwards.
  std::vector<pki::Certificate> replaced;
};

// What a party is, by its certificates: a supplier, or else a network operator.
gbcs::Role RoleOf(const std::vector<repository::CertificateRecord>& records);

// `records`: everything the Repository has of the organisation; looked at are its certificates of `role` (supplier or
// networkOperator). New are the In-Use certificates whose validity begins on the day of the compromise or later (SMKI
// validity begins at midnight of the day of issue) and whose key no older certificate has: a compromised key certified
// anew is no replacement. The newest digitalSignature certificate serves its cell; of the two newest keyAgreement
// certificates of a supplier the elder serves management, the younger prepayment top-up; a single one serves both.
// CERTIFICATES_NOT_IN_REPOSITORY says which kind is missing.
StatusOr<OrganisationCertificates> ChooseReplacements(const std::vector<repository::CertificateRecord>& records,
                                                      UtcTime compromised, gbcs::Role role = gbcs::Role::kSupplier);

// The same old ones, whether or not there are new ones.
StatusOr<std::vector<pki::Certificate>> ReplacedCertificates(const std::vector<repository::CertificateRecord>& records,
                                                             UtcTime compromised,
                                                             gbcs::Role role = gbcs::Role::kSupplier);

// What an organisation of role `held_by` uses now, for the supplier cells: of its In-Use certificates, however old, the
// newest ones, chosen as above. For whoever stands in for the supplier or follows it.
StatusOr<CellCertificates> ChooseCurrent(const std::vector<repository::CertificateRecord>& records, gbcs::Role held_by);

}  // namespace smki::orchestrator
