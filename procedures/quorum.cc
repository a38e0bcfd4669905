#include "procedures/quorum.h"

#include <algorithm>

namespace smki::procedures {
namespace {

constexpr Millis kClockTolerance = std::chrono::minutes(5);

std::vector<Digest> DigestsOf(const std::vector<Vote>& votes) {
  std::vector<Digest> out;
  out.reserve(votes.size());
  for (const Vote& vote : votes) out.push_back(vote.digest);
  std::sort(out.begin(), out.end());
  return out;
}

// The casting vote itself, whatever the votes are.
Status JudgeCast(const TrustPolicy& policy, const Direction& direction, const Digest& digest, const Cast& cast) {
  if (cast.finding.fault) return Refuse(*cast.finding.fault, cast.finding.detail);
  const std::string& person = cast.finding.person;
  if (!policy.chair || person != *policy.chair || cast.document.person != person ||
      policy.FindPerson(person) == nullptr) {
    return Refuse(Reason::kCASTING_VOTE_NOT_BY_CHAIR,
                  fmt::format("it is signed by '{}' in the name of '{}'; the Chair is {}", person, cast.document.person,
                              policy.chair.value_or("nobody")));
  }
  if (person == direction.requested_by)
    return Refuse(Reason::kAPPROVAL_BY_REQUESTER, fmt::format("the Chair, {}, requested {}", person, direction.id));
  if (cast.document.environment != policy.environment) {  // I8
    return Refuse(Reason::kENVIRONMENT_MISMATCH, "the casting vote is for " + cast.document.environment.ToString());
  }
  if (cast.document.direction != digest) {
    return Refuse(Reason::kAPPROVAL_OTHER_DOCUMENT,
                  fmt::format("the casting vote is about Direction {}, this is {} with {}",
                              ToHex(cast.document.direction), direction.id, ToHex(digest)));
  }
  return OkStatus();
}

// After every vote it decides about, and not in the future; by the signature's word and by the document's.
Status JudgeCastTime(const Cast& cast, UtcTime newest_vote, UtcTime now) {
  for (const UtcTime time : {cast.finding.signing_time, cast.document.time}) {
    if (time >= newest_vote && time <= now + kClockTolerance) continue;
    return Refuse(Reason::kAPPROVAL_OUTSIDE_VALIDITY,
                  fmt::format("the casting vote is of {}; the last vote it lists of {}, and it is {}", FormatTime(time),
                              FormatTime(newest_vote), FormatTime(now)));
  }
  return OkStatus();
}

// What a casting vote to reject lists stands for good: votes beside it are not looked at.
void KeepListed(std::vector<Vote>& votes, const std::vector<Digest>& listed) {
  std::erase_if(votes, [&](const Vote& v) { return !std::binary_search(listed.begin(), listed.end(), v.digest); });
}

Status JudgeTie(const TrustPolicy& policy, const Direction& direction, Votes votes, UtcTime now) {
  const Cast& cast = *votes.cast;
  const bool rejects = cast.document.decision == "reject";
  if (rejects) {
    KeepListed(votes.approvals, cast.document.approvals);
    KeepListed(votes.rejections, cast.document.rejections);
  }
  if (DigestsOf(votes.approvals) != cast.document.approvals ||
      DigestsOf(votes.rejections) != cast.document.rejections) {
    return Refuse(Reason::kCASTING_VOTE_OTHER_VOTES,
                  fmt::format("it lists {} approvals and {} rejections; of {} there are {} and {}, or others",
                              cast.document.approvals.size(), cast.document.rejections.size(), direction.id,
                              votes.approvals.size(), votes.rejections.size()));
  }
  Voters voters(policy, Of(direction), now);
  for (const std::vector<Vote>* side : {&votes.approvals, &votes.rejections}) {
    for (const Vote& vote : *side) SMKI_RETURN_IF_ERROR(voters.Admit(vote.finding));
  }
  const std::string& organisation = policy.FindPerson(cast.finding.person)->organisation;
  if (policy.one_vote_per_organisation && voters.Has(organisation)) {
    return Refuse(Reason::kAPPROVAL_SAME_ORGANISATION,
                  fmt::format("the Chair is of {}, which has voted", organisation));
  }
  const size_t each = votes.approvals.size();
  if (each != votes.rejections.size()) {
    return Refuse(Reason::kCASTING_VOTE_WITHOUT_TIE,
                  fmt::format("{} approve and {} reject {}", each, votes.rejections.size(), direction.id));
  }
  SMKI_RETURN_IF_ERROR(JudgeCastTime(cast, voters.newest(), now));
  if (each + 1 < policy.approvals_needed) {
    return Refuse(Reason::kQUORUM_SHORT,
                  fmt::format("{} approvals and the Chair's are {} of {}; it decides nothing yet", each, each + 1,
                              policy.approvals_needed));
  }
  if (!rejects) return OkStatus();
  return Refuse(Reason::kDIRECTION_REJECTED,
                fmt::format("{} by the Chair, {}: {}", direction.id, cast.finding.person, cast.document.reason.text));
}

}  // namespace

ForApproval Of(const Direction& direction) {
  return {direction.id, direction.requested_by, direction.drafted};
}

Status Voters::JudgeAlone(const SignatureFinding& vote) const {
  if (vote.fault) return Refuse(*vote.fault, vote.detail);
  if (policy_.FindPerson(vote.person) == nullptr || policy_.SeatOf(vote.person) == nullptr)
    return Refuse(Reason::kAPPROVAL_NOT_A_MEMBER, fmt::format("'{}' has no seat in the PMA", vote.person));
  if (vote.person == document_.requested_by) {
    return Refuse(Reason::kAPPROVAL_BY_REQUESTER, fmt::format("{} requested {}", vote.person, document_.id));
  }
  if (vote.signing_time < document_.drafted || vote.signing_time > now_ + kClockTolerance) {
    return Refuse(
        Reason::kAPPROVAL_OUTSIDE_VALIDITY,
        fmt::format("{} signed at {}; {} was drafted at {} and it is {}", vote.person, FormatTime(vote.signing_time),
                    document_.id, FormatTime(document_.drafted), FormatTime(now_)));
  }
  return OkStatus();
}

Status Voters::Admit(const SignatureFinding& vote) {
  SMKI_RETURN_IF_ERROR(JudgeAlone(vote));
  const std::string& seat = policy_.SeatOf(vote.person)->name;
  if (seats_.contains(seat))
    return Refuse(Reason::kAPPROVAL_DUPLICATE_MEMBER, fmt::format("seat {} votes again by {}", seat, vote.person));
  const std::string& organisation = policy_.FindPerson(vote.person)->organisation;
  if (policy_.one_vote_per_organisation && organisations_.contains(organisation)) {
    return Refuse(Reason::kAPPROVAL_SAME_ORGANISATION,
                  fmt::format("{} is the second of {}", vote.person, organisation));
  }
  seats_.insert(seat);
  organisations_.insert(organisation);
  newest_ = std::max(newest_, vote.signing_time);
  return OkStatus();
}

Status JudgeApprovals(const TrustPolicy& policy, const ForApproval& document,
                      std::span<const SignatureFinding> approvals, UtcTime now) {
  if (approvals.empty()) return Refuse(Reason::kDIRECTION_UNSIGNED, fmt::format("{} has no approval", document.id));
  Voters voters(policy, document, now);
  for (const SignatureFinding& approval : approvals) SMKI_RETURN_IF_ERROR(voters.Admit(approval));
  if (approvals.size() >= policy.approvals_needed) return OkStatus();
  return Refuse(Reason::kQUORUM_SHORT,
                fmt::format("{} of {} approvals of {}", approvals.size(), policy.approvals_needed, document.id));
}

Status JudgeVotes(const TrustPolicy& policy, const Direction& direction, const Digest& digest, const Votes& votes,
                  UtcTime now) {
  if (votes.cast) {
    SMKI_RETURN_IF_ERROR(JudgeCast(policy, direction, digest, *votes.cast));
    return JudgeTie(policy, direction, votes, now);
  }
  std::vector<SignatureFinding> approvals;
  for (const Vote& vote : votes.approvals) approvals.push_back(vote.finding);
  return JudgeApprovals(policy, Of(direction), approvals, now);
}

bool QuorumReachable(const TrustPolicy& policy, size_t approvals, size_t rejections) {
  const size_t seats = policy.seats.size();
  if (rejections + policy.approvals_needed <= seats) return true;
  // A tie of this many each, which the Chair would decide.
  const size_t each = std::max({approvals, rejections, static_cast<size_t>(policy.approvals_needed - 1)});
  return policy.chair && 2 * each <= seats;
}

Standing StandingAfter(std::span<const GivenOrder> orders, const TrustPolicy& policy) {
  std::set<std::string> withdrawing, resuming, resuming_organisations;
  bool halted = false;
  for (const GivenOrder& order : orders) {
    const Seat* const seat = policy.SeatOf(order.person);
    if (order.order == "halt") {
      halted = true;
      resuming.clear();
      resuming_organisations.clear();
    } else if (order.order == "withdraw") {
      // For good is for good, also when its member has no seat any more; and a seat is one voice, also when somebody
      // else sits there now.
      withdrawing.insert(!order.seat.empty() ? order.seat : seat != nullptr ? seat->name : order.person);
    } else if (order.order == "resume" && seat != nullptr && policy.FindPerson(order.person) != nullptr) {
      const bool first = resuming_organisations.insert(policy.FindPerson(order.person)->organisation).second;
      if (first || !policy.one_vote_per_organisation) resuming.insert(seat->name);
      if (resuming.size() >= policy.approvals_needed) halted = false;
    }
  }
  if (withdrawing.size() >= policy.withdrawals_needed) return Standing::kWithdrawn;
  return halted ? Standing::kHalted : Standing::kNone;
}

Status JudgeOrders(std::span<const GivenOrder> orders, const TrustPolicy& policy, const std::string& id) {
  switch (StandingAfter(orders, policy)) {
    case Standing::kWithdrawn:
      return Refuse(Reason::kDIRECTION_WITHDRAWN, id);
    case Standing::kHalted:
      return Refuse(Reason::kKEY_HALTED, id);
    case Standing::kNone:
      break;
  }
  return OkStatus();
}

}  // namespace smki::procedures
