// The Organisation Certificates of every party, and their keys where they are not in a token.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "pki/certificate.h"
#include "repository/record.h"
#include "sim/authority/authority.h"
#include "sim/estate/folder.h"
#include "sim/estate/plan.h"

namespace smki::sim {

// A certificate and what the extract files say of it: lodged in one, and in a later one with another status.
struct Lodged {
  pki::Certificate certificate;
  repository::CertificateKind kind = repository::CertificateKind::kOrganisation;
  int file = 0;  // 0: FULL, 1..7: delta
  std::string subscriber;
  std::optional<int> changed_in;  // delta in which `status` is told
  repository::CertificateStatus status = repository::CertificateStatus::kInUse;
};

struct Organisations {
  // Party id and cell -> the certificate that Devices hold.
  std::map<std::string, std::map<gbcs::TrustAnchorCell, pki::Certificate>> current;
  std::vector<Lodged> all;  // also earlier ones
};

// Writes parties/PARTY/. `recovery` is the public key in the keyguard's token. `day`: midnight of the FULL.
StatusOr<Organisations> MakeOrganisations(const EstateFolder& folder, const pki::IssuerIdentity& issuing_oca,
                                          const pki::PublicKey& recovery, UtcTime day, Random& random);

}  // namespace smki::sim
