// Which certificates of the compromised organisation are the old ones, and which shall take their place. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "repository/record.h"

namespace smki::orchestrator {

inline constexpr char kSupplierSigning[] = "supplier/digitalSignature";
inline constexpr char kSupplierAgreement[] = "supplier/keyAgreement";
inline constexpr char kSupplierTopUp[] = "supplier/keyAgreement/prePaymentTopUp";

struct OrganisationCertificates {
  // By cell: the new certificates. All three cells, or the choice failed.
  std::map<std::string, pki::Certificate> replacements;
  // What is In Use and will be replaced: to be revoked afterwards.
  std::vector<pki::Certificate> replaced;
};

// `records`: everything the Repository has of the organisation. New are the In-Use certificates whose validity begins
// on the day of the compromise or later (SMKI validity begins at midnight of the day of issue) and whose key no older
// certificate has: a compromised key certified anew is no replacement. The newest digitalSignature certificate serves
// its cell; of the two newest keyAgreement certificates the elder serves management, the younger prepayment top-up; a
// single one serves both. CERTIFICATES_NOT_IN_REPOSITORY says which kind is missing.
StatusOr<OrganisationCertificates> ChooseReplacements(const std::vector<repository::CertificateRecord>& records,
                                                      UtcTime compromised);

}  // namespace smki::orchestrator
