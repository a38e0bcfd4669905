#include "procedures/acting.h"

namespace smki::procedures {

Status Acting::MayActAs(const std::string& person, const std::string& role, const std::string& what) const {
  const Person* p = policy_.FindPerson(person);
  if (p == nullptr) return Refuse(Reason::kNOT_PERMITTED, fmt::format("the trust policy knows no person '{}'", person));
  if (!p->HasRole(role))
    return Refuse(Reason::kWRONG_ACTOR, fmt::format("{} is for {}, which {} is not", what, Holders(role), person));
  const auto acted = state_.acted.find(person);
  if (acted == state_.acted.end()) return OkStatus();
  for (const RoleConflict& c : policy_.conflicts) {
    const std::string& other = c.a == role ? c.b : c.a;
    if ((c.a == role || c.b == role) && acted->second.contains(other)) {
      return Refuse(Reason::kROLE_CONFLICT,
                    fmt::format("{} already acted as {} in {} and may not act as {}", person, other, state_.id, role));
    }
  }
  return OkStatus();
}

StatusOr<std::string> Acting::TeamRoleOf(const std::string& person, const std::string& what) const {
  const Status as_lead = MayActAs(person, kLeadRole, what);
  if (as_lead.ok()) return kLeadRole;
  const Status as_operator = MayActAs(person, kOperatorRole, what);
  if (as_operator.ok()) return kOperatorRole;
  return IsRefusal(as_operator, Reason::kROLE_CONFLICT) ? as_operator : as_lead;
}

StatusOr<std::string> Acting::MayVote(const std::string& person, const std::string& requester) const {
  const Seat* seat = policy_.SeatOf(person);
  if (seat == nullptr)
    return Refuse(Reason::kAPPROVAL_NOT_A_MEMBER, fmt::format("'{}' has no seat in the PMA", person));
  if (person == requester) return Refuse(Reason::kAPPROVAL_BY_REQUESTER, fmt::format("{} requested it", person));
  const std::string role = seat->member == person ? "pma-member" : "pma-alternate";
  SMKI_RETURN_IF_ERROR(MayActAs(person, role, "voting"));
  const std::string& organisation = policy_.FindPerson(person)->organisation;
  for (const std::set<std::string>* voters : {&state_.approved_by, &state_.rejected_by}) {
    for (const std::string& voter : *voters) {
      if (policy_.SeatOf(voter) == seat)
        return Refuse(Reason::kAPPROVAL_DUPLICATE_MEMBER, fmt::format("seat {} has voted, by {}", seat->name, voter));
      if (policy_.one_vote_per_organisation && policy_.FindPerson(voter)->organisation == organisation) {
        return Refuse(Reason::kAPPROVAL_SAME_ORGANISATION, fmt::format("{} has voted, by {}", organisation, voter));
      }
    }
  }
  return role;
}

Status Acting::MayCast(const std::string& person, const std::string& requester) const {
  if (person != policy_.chair)
    return Refuse(Reason::kCASTING_VOTE_NOT_BY_CHAIR, fmt::format("{} is not the Chair", person));
  if (person == requester) return Refuse(Reason::kAPPROVAL_BY_REQUESTER, fmt::format("{} requested it", person));
  SMKI_RETURN_IF_ERROR(MayActAs(person, kChairRole, "the casting vote"));
  const size_t approve = state_.approved_by.size(), reject = state_.rejected_by.size();
  if (approve != reject || approve == 0)
    return Refuse(Reason::kCASTING_VOTE_WITHOUT_TIE, fmt::format("{} approve and {} reject", approve, reject));
  if (approve + 1 < policy_.approvals_needed) {
    return Refuse(Reason::kQUORUM_SHORT,
                  fmt::format("with the Chair's there are {} of {} approvals", approve + 1, policy_.approvals_needed));
  }
  return OkStatus();
}

std::string Acting::Holders(const std::string& role) const {
  std::vector<std::string> ids;
  for (const Person& p : policy_.persons) {
    if (p.HasRole(role)) ids.push_back(p.id);
  }
  return ids.empty() ? role : fmt::format("{} ({})", role, fmt::join(ids, ", "));
}

}  // namespace smki::procedures
