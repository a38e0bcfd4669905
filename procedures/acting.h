// Who may act as what in an incident (I4): a person holds the role in the trust policy, and has not acted in one that
// conflicts with it. Pure; the machine asks before it makes an event of anybody's act.
#pragma once

#include <string>

#include "procedures/machine.h"

namespace smki::procedures {

inline constexpr char kLeadRole[] = "incident-lead";
inline constexpr char kOperatorRole[] = "incident-operator";
inline constexpr char kChairRole[] = "pma-chair";

class Acting {
 public:
  // Both must outlive it.
  Acting(const TrustPolicy& policy, const IncidentState& state) : policy_(policy), state_(state) {}

  // NOT_PERMITTED, WRONG_ACTOR ("`what` is for ...") or ROLE_CONFLICT.
  Status MayActAs(const std::string& person, const std::string& role, const std::string& what) const;
  // The first of the incident team's roles in which `person` may act.
  StatusOr<std::string> TeamRoleOf(const std::string& person, const std::string& what) const;

  // The role in which `person` votes on a Direction requested by `requester`.
  StatusOr<std::string> MayVote(const std::string& person, const std::string& requester) const;
  // `person` is the Chair, did not request it, and the votes recorded are a tie that one more decides. That a casting
  // vote lists these very votes, and was made after them, is in what was signed (quorum.h).
  Status MayCast(const std::string& person, const std::string& requester) const;

  // "incident-lead (leo, pam)"
  std::string Holders(const std::string& role) const;

 private:
  const TrustPolicy& policy_;
  const IncidentState& state_;
};

}  // namespace smki::procedures
