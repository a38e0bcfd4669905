// One certificate as the SMKI Repository knows it (DOMAIN.md section 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"

namespace smki::repository {

enum class CertificateStatus : char { kPending = 'P', kInUse = 'I', kNotInUse = 'N', kExpired = 'E', kRevoked = 'R' };
inline constexpr std::string_view kStatusLetters = "PINER";
inline constexpr size_t kStatuses = 5;
enum class CertificateKind : uint8_t { kOrganisationAuthority, kDeviceAuthority, kOrganisation, kDevice };  // OCA, DCA
inline constexpr size_t kKinds = 4;

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
