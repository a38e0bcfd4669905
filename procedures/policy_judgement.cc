// Whether the trust policy lets a Direction stand, whoever signed it (I1, I8).
#include <algorithm>

#include "procedures/policy.h"
#include "procedures/reason.h"

namespace smki::procedures {

Status JudgeDirection(const TrustPolicy& policy, const Direction& direction, const std::string& incident, UtcTime now) {
  if (direction.environment != policy.environment) {  // I8
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("{} is for {}, the trust policy for {}", direction.id, direction.environment.ToString(),
                              policy.environment.ToString()));
  }
  if (direction.incident != incident) {
    return Refuse(Reason::kWRONG_INCIDENT,
                  fmt::format("{} belongs to {}, not to {}", direction.id, direction.incident, incident));
  }
  const auto allows = [&](const AllowedUse& use) {
    return use.procedure == direction.procedure && use.digest == direction.procedure_digest &&
           use.key == direction.key && std::find(use.modes.begin(), use.modes.end(), direction.mode) != use.modes.end();
  };
  if (std::none_of(policy.allowed.begin(), policy.allowed.end(), allows)) {
    return Refuse(Reason::kPROCEDURE_NOT_ALLOWED,
                  fmt::format("{} with SHA-256 {}, key {}, mode {}", direction.procedure,
                              ToHex(direction.procedure_digest), direction.key, direction.mode));
  }
  if (policy.FindKey(direction.key) == nullptr) {
    return Refuse(Reason::kPOLICY_INCOMPLETE, fmt::format("no custodians are named for the {} key", direction.key));
  }
  if (now < direction.not_before) {
    return Refuse(Reason::kDIRECTION_NOT_YET_VALID,
                  fmt::format("{} is valid from {}", direction.id, FormatTime(direction.not_before)));
  }
  if (now > direction.not_after) {
    return Refuse(Reason::kDIRECTION_EXPIRED,
                  fmt::format("{} was valid until {}", direction.id, FormatTime(direction.not_after)));
  }
  return OkStatus();
}

}  // namespace smki::procedures
