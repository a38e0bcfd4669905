// One certificate as the SMKI Repository knows it (DOMAIN.md section 5).
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"

namespace smki::repository {

enum class CertificateStatus : char { kPending = 'P', kInUse = 'I', kNotInUse = 'N', kExpired = 'E', kRevoked = 'R' };
enum class CertificateKind : uint8_t { kOrganisationAuthority, kDeviceAuthority, kOrganisation, kDevice };  // OCA, DCA

struct CertificateRecord {
  CertificateKind kind = CertificateKind::kDevice;
  CertificateStatus status = CertificateStatus::kInUse;
  Eui64 eui;                    // of organisation or Device; 0 for authorities
  std::string subject_name;     // organisation and authorities
  Bytes serial;                 // INTEGER contents octets
  std::optional<uint8_t> role;  // organisation certificates
  std::string usage;            // DS, KA; CA for authorities
  bool manufacturing = false;
  Bytes der;
  std::string lodged;  // date of the file it came from, YYYY-MM-DD
};

}  // namespace smki::repository
