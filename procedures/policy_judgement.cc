// The rules of the PMA over a Direction and its approvals (I1, I4). Pure: what the cryptography found comes in.
#include <algorithm>
#include <set>

#include "procedures/policy.h"

namespace smki::procedures {
namespace {

constexpr Millis kClockTolerance = std::chrono::minutes(5);

Status JudgeApproval(const TrustPolicy& policy, const ForApproval& document, const SignatureFinding& approval,
                     UtcTime now) {
  if (approval.fault) return Refuse(*approval.fault, approval.detail);
  const Person* person = policy.FindPerson(approval.person);
  if (person == nullptr || policy.SeatOf(person->id) == nullptr) {
    return Refuse(Reason::kAPPROVAL_NOT_A_MEMBER, fmt::format("'{}' has no seat in the PMA", approval.person));
  }
  if (person->id == document.requested_by) {
    return Refuse(Reason::kAPPROVAL_BY_REQUESTER, fmt::format("{} requested {}", person->id, document.id));
  }
  if (approval.signing_time < document.drafted || approval.signing_time > now + kClockTolerance) {
    return Refuse(
        Reason::kAPPROVAL_OUTSIDE_VALIDITY,
        fmt::format("{} signed at {}; {} was drafted at {} and it is {}", person->id, FormatTime(approval.signing_time),
                    document.id, FormatTime(document.drafted), FormatTime(now)));
  }
  return OkStatus();
}

}  // namespace

Status JudgeApprovals(const TrustPolicy& policy, const Direction& direction,
                      const std::vector<SignatureFinding>& approvals, UtcTime now) {
  return JudgeApprovals(policy, ForApproval{direction.id, direction.requested_by, direction.drafted}, approvals, now);
}

Status JudgeApprovals(const TrustPolicy& policy, const ForApproval& document,
                      const std::vector<SignatureFinding>& approvals, UtcTime now) {
  if (approvals.empty()) return Refuse(Reason::kDIRECTION_UNSIGNED, fmt::format("{} has no approval", document.id));
  std::set<std::string> seats, organisations;
  for (const SignatureFinding& approval : approvals) {
    SMKI_RETURN_IF_ERROR(JudgeApproval(policy, document, approval, now));
    const Seat* seat = policy.SeatOf(approval.person);
    if (!seats.insert(seat->name).second) {
      return Refuse(Reason::kAPPROVAL_DUPLICATE_MEMBER,
                    fmt::format("seat {} approves again by {}", seat->name, approval.person));
    }
    const std::string& organisation = policy.FindPerson(approval.person)->organisation;
    if (!organisations.insert(organisation).second && policy.one_vote_per_organisation) {
      return Refuse(Reason::kAPPROVAL_SAME_ORGANISATION,
                    fmt::format("{} is the second of {}", approval.person, organisation));
    }
  }
  if (approvals.size() < policy.approvals_needed) {
    return Refuse(Reason::kQUORUM_SHORT,
                  fmt::format("{} of {} approvals of {}", approvals.size(), policy.approvals_needed, document.id));
  }
  return OkStatus();
}

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
