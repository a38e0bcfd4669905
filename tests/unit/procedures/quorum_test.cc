// Who may direct: a table of cases. A row says who voted what, what the Chair cast and what was ordered, and for which
// reason it directs nothing, or that it directs. Sample policy: ann (with her alternate alt), bob, cal, dee (of ann's
// organisation), eve, pam hold the six seats; cho is the Chair; three approvals are needed.
#include "procedures/quorum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "incident.h"
#include "sample.h"

namespace smki::procedures {
namespace {

using test::Filled;
using test::Incident;
using test::kVoteDigest;
using test::Now;
using test::SampleDirection;
using test::SamplePolicy;
using test::Signed;

using People = std::vector<std::string>;

const Digest kDirection = Filled(0x77);
constexpr Millis kMinute = std::chrono::minutes(1);

struct Situation {
  TrustPolicy policy = SamplePolicy();
  Direction direction = SampleDirection();
  Votes votes;
  std::vector<GivenOrder> orders;

  Status Judge() const {
    SMKI_RETURN_IF_ERROR(JudgeVotes(policy, direction, kDirection, votes, Now()));
    return JudgeOrders(orders, policy, direction.id);
  }
};
using Change = std::function<void(Situation&)>;

struct Row {
  const char* name;
  People approve, reject;
  std::string cast;      // approve | reject; empty: the Chair does nothing
  Change change;         // on top of it
  const char* expected;  // reason code; empty: it directs
};

// Each vote has a digest of its own; the casting vote lists them as a Chair's tool would.
Situation Make(const Row& row) {
  Situation out;
  uint8_t number = 0;
  for (const std::string& person : row.approve) out.votes.approvals.push_back({Filled(++number), Signed(person)});
  for (const std::string& person : row.reject) out.votes.rejections.push_back({Filled(++number), Signed(person)});
  if (!row.cast.empty()) {
    Cast cast{{out.policy.environment, kDirection, "cho", row.cast, {}, {}, Now() - 3 * kMinute, {"time presses"}},
              {std::nullopt, "", "cho", Now() - 3 * kMinute}};
    for (const Vote& vote : out.votes.approvals) cast.document.approvals.push_back(vote.digest);
    for (const Vote& vote : out.votes.rejections) cast.document.rejections.push_back(vote.digest);
    out.votes.cast = std::move(cast);
  }
  if (row.change) row.change(out);
  return out;
}

Change Order(const std::string& order, const std::string& person, const std::string& seat) {
  return [=](Situation& s) { s.orders.push_back({order, person, seat}); };
}
Change Both(Change first, Change second) {
  return [=](Situation& s) {
    first(s);
    second(s);
  };
}
// The policy of the next version: somebody else has the seat that ann and alt had.
void AnnHasLeft(Situation& s) {
  s.policy.seats[0] = {"large-supplier-1", "kit", {}};
  std::erase_if(s.policy.persons, [](const Person& p) { return p.id == "ann" || p.id == "alt"; });
}
void TwoWithdraw(Situation& s) {
  s.policy.withdrawals_needed = 2;
}
CastingVote& CastOf(Situation& s) {
  return s.votes.cast->document;
}

const People kThree = {"ann", "bob", "cal"}, kTwo = {"ann", "bob"}, kTwoOthers = {"cal", "eve"};

const Row kRows[] = {
    // --- Members ---
    {"quorum met", kThree, {}, "", nullptr, ""},
    {"more than the quorum", {"ann", "bob", "cal", "eve"}, {}, "", nullptr, ""},
    {"nobody", {}, {}, "", nullptr, "DIRECTION_UNSIGNED"},
    {"one short", kTwo, {}, "", nullptr, "QUORUM_SHORT"},
    {"absence counts as nothing, though nobody is against", kTwo, {}, "", nullptr, "QUORUM_SHORT"},
    {"quorum met against a minority", kThree, {"eve", "pam"}, "", nullptr, ""},
    {"an alternate for the member", {"alt", "bob", "cal"}, {}, "", nullptr, ""},
    {"member and alternate of one seat", {"ann", "alt", "bob"}, {}, "", nullptr, "APPROVAL_DUPLICATE_MEMBER"},
    {"one member twice", {"ann", "bob", "ann"}, {}, "", nullptr, "APPROVAL_DUPLICATE_MEMBER"},
    {"two of one organisation", {"ann", "bob", "dee"}, {}, "", nullptr, "APPROVAL_SAME_ORGANISATION"},
    {"two of one organisation, where each has a vote",
     {"ann", "bob", "dee"},
     {},
     "",
     [](Situation& s) { s.policy.one_vote_per_organisation = false; },
     ""},
    {"alternate of the organisation of another voter",
     {"alt", "bob", "cal"},
     {},
     "",
     [](Situation& s) { s.policy.persons[6].organisation = "org-b"; },
     "APPROVAL_SAME_ORGANISATION"},
    {"no seat", {"ann", "bob", "ola"}, {}, "", nullptr, "APPROVAL_NOT_A_MEMBER"},
    {"the Chair votes like a member", {"ann", "bob", "cho"}, {}, "", nullptr, "APPROVAL_NOT_A_MEMBER"},
    {"unknown signer", {"ann", "bob", ""}, {}, "", nullptr, "APPROVAL_NOT_A_MEMBER"},
    {"the requester approves",
     {"ann", "bob", "pam"},
     {},
     "",
     [](Situation& s) { s.direction.requested_by = "pam"; },
     "APPROVAL_BY_REQUESTER"},
    {"one of four is faulty",
     {"ann", "bob", "cal", "eve"},
     {},
     "",
     [](Situation& s) { s.votes.approvals[3].finding.fault = Reason::kSIGNER_CERTIFICATE_REVOKED; },
     "SIGNER_CERTIFICATE_REVOKED"},
    {"signed before the draft",
     kThree,
     {},
     "",
     [](Situation& s) { s.votes.approvals[0].finding.signing_time = s.direction.drafted - Millis(1); },
     "APPROVAL_OUTSIDE_VALIDITY"},
    {"signed 5 minutes ahead",
     kThree,
     {},
     "",
     [](Situation& s) { s.votes.approvals[0].finding.signing_time = Now() + 5 * kMinute; },
     ""},
    {"signed in the future",
     kThree,
     {},
     "",
     [](Situation& s) { s.votes.approvals[0].finding.signing_time = Now() + 5 * kMinute + Millis(1); },
     "APPROVAL_OUTSIDE_VALIDITY"},
    {"a member who has no seat in the next version", kThree, {}, "", AnnHasLeft, "APPROVAL_NOT_A_MEMBER"},

    // --- The Chair ---
    {"a tie without casting vote", kTwo, kTwoOthers, "", nullptr, "QUORUM_SHORT"},
    {"a tie and the Chair for it", kTwo, kTwoOthers, "approve", nullptr, ""},
    {"a tie and the Chair against it", kTwo, kTwoOthers, "reject", nullptr, "DIRECTION_REJECTED"},
    {"rejected by the Chair, then one more approves", kTwo, kTwoOthers, "reject",
     [](Situation& s) {
       s.votes.approvals.push_back({Filled(9), Signed("pam")});
     },
     "DIRECTION_REJECTED"},
    {"approved by the Chair, then one more rejects", kTwo, kTwoOthers, "approve",
     [](Situation& s) {
       s.votes.rejections.push_back({Filled(9), Signed("pam")});
     },
     "CASTING_VOTE_OTHER_VOTES"},
    {"lists a vote too few", kTwo, kTwoOthers, "approve", [](Situation& s) { CastOf(s).approvals.pop_back(); },
     "CASTING_VOTE_OTHER_VOTES"},
    {"lists a rejection too few", kTwo, kTwoOthers, "approve", [](Situation& s) { CastOf(s).rejections.pop_back(); },
     "CASTING_VOTE_OTHER_VOTES"},
    {"lists a vote too many", kTwo, kTwoOthers, "approve",
     [](Situation& s) { CastOf(s).rejections.push_back(Filled(9)); }, "CASTING_VOTE_OTHER_VOTES"},
    {"lists another vote", kTwo, kTwoOthers, "approve", [](Situation& s) { CastOf(s).approvals[1] = Filled(9); },
     "CASTING_VOTE_OTHER_VOTES"},
    {"to reject, lists a vote that nobody gave", kTwo, kTwoOthers, "reject",
     [](Situation& s) { CastOf(s).rejections.push_back(Filled(9)); }, "CASTING_VOTE_OTHER_VOTES"},
    {"more for it than against it", kTwo, {"cal"}, "approve", nullptr, "CASTING_VOTE_WITHOUT_TIE"},
    {"more against it than for it", {"ann"}, kTwoOthers, "approve", nullptr, "CASTING_VOTE_WITHOUT_TIE"},
    {"against it without a tie", {"ann"}, kTwoOthers, "reject", nullptr, "CASTING_VOTE_WITHOUT_TIE"},
    {"a tie that one more does not decide", {"ann"}, {"cal"}, "approve", nullptr, "QUORUM_SHORT"},
    {"against it in a tie that one more does not decide", {"ann"}, {"cal"}, "reject", nullptr, "QUORUM_SHORT"},
    {"all seats, three to three",
     kThree,
     {"dee", "eve", "pam"},
     "approve",
     [](Situation& s) {
       s.policy.approvals_needed = 4;
       s.policy.one_vote_per_organisation = false;
     },
     ""},
    {"cast by a member", kTwo, kTwoOthers, "approve", [](Situation& s) { s.votes.cast->finding.person = "pam"; },
     "CASTING_VOTE_NOT_BY_CHAIR"},
    {"cast in the Chair's name by another", kTwo, kTwoOthers, "approve",
     [](Situation& s) { s.votes.cast->finding.person = "leo"; }, "CASTING_VOTE_NOT_BY_CHAIR"},
    {"cast by the Chair in another's name", kTwo, kTwoOthers, "approve", [](Situation& s) { CastOf(s).person = "pam"; },
     "CASTING_VOTE_NOT_BY_CHAIR"},
    {"a policy without Chair", kTwo, kTwoOthers, "approve", [](Situation& s) { s.policy.chair.reset(); },
     "CASTING_VOTE_NOT_BY_CHAIR"},
    {"another Chair in the next version", kTwo, kTwoOthers, "approve", [](Situation& s) { s.policy.chair = "kit"; },
     "CASTING_VOTE_NOT_BY_CHAIR"},
    {"the Chair requested it", kTwo, kTwoOthers, "approve", [](Situation& s) { s.direction.requested_by = "cho"; },
     "APPROVAL_BY_REQUESTER"},
    {"the Chair's certificate is revoked", kTwo, kTwoOthers, "approve",
     [](Situation& s) { s.votes.cast->finding.fault = Reason::kSIGNER_CERTIFICATE_REVOKED; },
     "SIGNER_CERTIFICATE_REVOKED"},
    {"the Chair is of a voter's organisation", kTwo, kTwoOthers, "approve",
     [](Situation& s) { s.policy.persons.back().organisation = "org-e"; }, "APPROVAL_SAME_ORGANISATION"},
    {"of a voter's organisation, where each has a vote", kTwo, kTwoOthers, "approve",
     [](Situation& s) {
       s.policy.persons.back().organisation = "org-e";
       s.policy.one_vote_per_organisation = false;
     },
     ""},
    {"about another Direction", kTwo, kTwoOthers, "approve", [](Situation& s) { CastOf(s).direction = Filled(1); },
     "APPROVAL_OTHER_DOCUMENT"},
    {"for another environment", kTwo, kTwoOthers, "approve",
     [](Situation& s) { CastOf(s).environment.estate = "estate-8"; }, "ENVIRONMENT_MISMATCH"},
    {"signed before the last vote", kTwo, kTwoOthers, "approve",
     [](Situation& s) { s.votes.rejections[1].finding.signing_time = Now() - 2 * kMinute; },
     "APPROVAL_OUTSIDE_VALIDITY"},
    {"dated before the last vote", kTwo, kTwoOthers, "approve",
     [](Situation& s) { CastOf(s).time = Now() - 6 * kMinute; }, "APPROVAL_OUTSIDE_VALIDITY"},
    {"signed with the last vote", kTwo, kTwoOthers, "approve",
     [](Situation& s) { s.votes.rejections[1].finding.signing_time = Now() - 3 * kMinute; }, ""},
    {"signed in the future", kTwo, kTwoOthers, "approve",
     [](Situation& s) { s.votes.cast->finding.signing_time = Now() + 5 * kMinute + Millis(1); },
     "APPROVAL_OUTSIDE_VALIDITY"},
    {"one seat on both sides of the tie", kTwo, {"cal", "alt"}, "approve", nullptr, "APPROVAL_DUPLICATE_MEMBER"},
    {"one organisation on both sides of the tie",
     kTwo,
     {"cal", "dee"},
     "approve",
     nullptr,
     "APPROVAL_SAME_ORGANISATION"},
    {"a tie with a rejection by nobody", kTwo, {"cal", "ola"}, "approve", nullptr, "APPROVAL_NOT_A_MEMBER"},
    {"a tie with a faulty rejection", kTwo, kTwoOthers, "approve",
     [](Situation& s) { s.votes.rejections[0].finding.fault = Reason::kAPPROVAL_BAD_SIGNATURE; },
     "APPROVAL_BAD_SIGNATURE"},
    {"a tie with the requester's rejection",
     kTwo,
     {"cal", "pam"},
     "approve",
     [](Situation& s) { s.direction.requested_by = "pam"; },
     "APPROVAL_BY_REQUESTER"},

    // --- Orders afterwards ---
    {"withdrawn afterwards", kThree, {}, "", Order("withdraw", "eve", "security"), "DIRECTION_WITHDRAWN"},
    {"withdrawn after the Chair's vote", kTwo, kTwoOthers, "approve", Order("withdraw", "ann", "large-supplier-1"),
     "DIRECTION_WITHDRAWN"},
    {"one of two withdrawals", kThree, {}, "", Both(TwoWithdraw, Order("withdraw", "eve", "security")), ""},
    {"two of two withdrawals",
     kThree,
     {},
     "",
     Both(TwoWithdraw, Both(Order("withdraw", "eve", "security"), Order("withdraw", "bob", "large-supplier-2"))),
     "DIRECTION_WITHDRAWN"},
    {"member and alternate withdraw as one seat",
     kThree,
     {},
     "",
     Both(TwoWithdraw,
          Both(Order("withdraw", "ann", "large-supplier-1"), Order("withdraw", "alt", "large-supplier-1"))),
     ""},
    {"a withdrawal keeps counting when its member has no seat any more",
     {"bob", "cal", "eve"},
     {},
     "",
     Both(Order("withdraw", "ann", "large-supplier-1"), AnnHasLeft),
     "DIRECTION_WITHDRAWN"},
    {"whoever has the seat now withdraws with the same voice",
     {"bob", "cal", "eve"},
     {},
     "",
     Both(Both(TwoWithdraw, AnnHasLeft),
          Both(Order("withdraw", "ann", "large-supplier-1"), Order("withdraw", "kit", "large-supplier-1"))),
     ""},
    {"member and alternate who both left withdraw as the one seat they had",
     {"bob", "cal", "eve"},
     {},
     "",
     Both(Both(TwoWithdraw, AnnHasLeft),
          Both(Order("withdraw", "ann", "large-supplier-1"), Order("withdraw", "alt", "large-supplier-1"))),
     ""},
    {"an older record, without seat, of a member who has left",
     {"bob", "cal", "eve"},
     {},
     "",
     Both(Order("withdraw", "ann", ""), AnnHasLeft),
     "DIRECTION_WITHDRAWN"},
    {"halted afterwards", kThree, {}, "", Order("halt", "eve", "security"), "KEY_HALTED"},
    {"halted by a member who has left",
     {"bob", "cal", "eve"},
     {},
     "",
     Both(Order("halt", "ann", "large-supplier-1"), AnnHasLeft),
     "KEY_HALTED"},
};

TEST(Quorum, I1_I4_EveryRowOfTheTableIsJudgedForItsReason) {
  for (const Row& row : kRows) {
    const Status status = Make(row).Judge();
    EXPECT_EQ(ReasonOf(status), row.expected) << row.name << ": " << Message(status);
    EXPECT_EQ(status.ok(), row.expected[0] == '\0') << row.name;
  }
}

// --- Resuming ---

Standing After(const std::vector<std::pair<const char*, const char*>>& given) {
  std::vector<GivenOrder> orders;
  for (const auto& [order, person] : given) orders.push_back({order, person, ""});
  return StandingAfter(orders, SamplePolicy());
}

TEST(Orders, I4_ResumingTakesTheQuorumOfSeatsAndOrganisationsAfterTheHalt) {
  EXPECT_EQ(After({{"halt", "ann"}}), Standing::kHalted);
  EXPECT_EQ(After({{"halt", "ann"}, {"resume", "ann"}, {"resume", "bob"}}), Standing::kHalted);
  EXPECT_EQ(After({{"halt", "ann"}, {"resume", "ann"}, {"resume", "bob"}, {"resume", "cal"}}), Standing::kNone);
  EXPECT_EQ(After({{"halt", "ann"}, {"resume", "ann"}, {"resume", "alt"}, {"resume", "bob"}}), Standing::kHalted)
      << "one seat is one voice";
  EXPECT_EQ(After({{"halt", "ann"}, {"resume", "ann"}, {"resume", "dee"}, {"resume", "bob"}}), Standing::kHalted)
      << "one organisation is one voice";
  EXPECT_EQ(After({{"resume", "ann"}, {"resume", "bob"}, {"halt", "ann"}, {"resume", "cal"}}), Standing::kHalted)
      << "before the halt";
  EXPECT_EQ(After({{"halt", "ann"}, {"resume", "ann"}, {"resume", "bob"}, {"resume", "gone"}}), Standing::kHalted)
      << "whoever has no seat now resumes nothing";
  EXPECT_EQ(After({{"withdraw", "ann"}, {"resume", "ann"}, {"resume", "bob"}, {"resume", "cal"}}), Standing::kWithdrawn)
      << "for good";
}

// --- What can still become a quorum ---

TEST(Quorum, ATieThatTheChairCouldDecideIsStillOpen) {
  TrustPolicy policy = SamplePolicy();  // six seats
  policy.approvals_needed = 4;
  EXPECT_TRUE(QuorumReachable(policy, 0, 2));
  EXPECT_TRUE(QuorumReachable(policy, 3, 3)) << "three to three";
  EXPECT_TRUE(QuorumReachable(policy, 0, 3));
  EXPECT_FALSE(QuorumReachable(policy, 0, 4)) << "two seats are left";
  policy.chair.reset();
  EXPECT_TRUE(QuorumReachable(policy, 0, 2));
  EXPECT_FALSE(QuorumReachable(policy, 3, 3)) << "nobody to cast";
}

// --- The incident judges the same ---

// Rows that only the signed documents can tell apart are not among them.
TEST(Quorum, TheIncidentRefusesForTheSameReason) {
  const struct {
    const char* name;
    People approve, reject;
    std::string cast;
    const char* expected;
  } kCases[] = {
      {"tie and casting vote", kTwo, kTwoOthers, "approve", ""},
      {"tie and casting vote against", kTwo, kTwoOthers, "reject", ""},
      {"no tie", kTwo, {"cal"}, "approve", "CASTING_VOTE_WITHOUT_TIE"},
      {"nobody voted", {}, {}, "approve", "CASTING_VOTE_WITHOUT_TIE"},
      {"not decided by one more", {"ann"}, {"cal"}, "reject", "QUORUM_SHORT"},
      {"alternate after member", {"ann", "alt"}, {}, "", "APPROVAL_DUPLICATE_MEMBER"},
      {"seat on the other side", {"ann"}, {"alt"}, "", "APPROVAL_DUPLICATE_MEMBER"},
      {"organisation twice", {"ann", "dee"}, {}, "", "APPROVAL_SAME_ORGANISATION"},
      {"the Chair as member", {"cho"}, {}, "", "APPROVAL_NOT_A_MEMBER"},
  };
  for (const auto& c : kCases) {
    Incident i;
    i.Reach("direction");
    ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
    Status last;
    const auto act = [&](const RequestBody& body) {
      if (last.ok()) last = i.Do(Request{body, std::nullopt});
    };
    for (const std::string& person : c.approve) act(ApprovalRequest{"direction", person, kVoteDigest});
    for (const std::string& person : c.reject) act(ApprovalRequest{"direction", person, kVoteDigest, true, "no"});
    if (!c.cast.empty()) act(CastingRequest{"direction", "cho", kVoteDigest, c.cast, "time presses"});
    EXPECT_EQ(ReasonOf(last), c.expected) << c.name << ": " << Message(last);
  }
}

class CastIncident : public ::testing::Test {
 protected:
  void Tie(const std::string& requester = "leo") {
    i_.Reach("direction");
    ASSERT_TRUE(i_.Do(StartRequest{"direction", requester}).ok());
    for (const std::string& person : kTwo) ASSERT_TRUE(i_.Do(ApprovalRequest{"direction", person, kVoteDigest}).ok());
    for (const std::string& person : kTwoOthers)
      ASSERT_TRUE(i_.Do(ApprovalRequest{"direction", person, kVoteDigest, true, "no"}).ok());
  }
  std::string Cast(const std::string& person, const std::string& decision) {
    return ReasonOf(i_.Do(CastingRequest{"direction", person, kVoteDigest, decision, "time presses"}));
  }
  std::string Finish() {
    return ReasonOf(i_.Do(ActionResult{"direction", true, "approved", {{"direction.digest", kVoteDigest}}}));
  }
  Incident i_;
};

TEST_F(CastIncident, I1_TheChairsVoteIsExactlyOneMore) {
  Tie();
  EXPECT_EQ(Finish(), "QUORUM_SHORT");
  EXPECT_EQ(Cast("cho", "approve"), "");
  EXPECT_EQ(i_.state_.approvals(), 3u);
  EXPECT_EQ(i_.state_.acted.at("cho"), std::set<std::string>{"pma-chair"});
  EXPECT_EQ(Finish(), "");
}

TEST_F(CastIncident, I1_WhatTheChairRejectsIsRejectedForGood) {
  Tie();
  ASSERT_EQ(Cast("cho", "reject"), "");
  EXPECT_EQ(ReasonOf(i_.Do(ApprovalRequest{"direction", "pam", kVoteDigest})), "DIRECTION_REJECTED");
  EXPECT_EQ(Cast("cho", "approve"), "DIRECTION_REJECTED");
  EXPECT_EQ(Finish(), "DIRECTION_REJECTED");
  ASSERT_TRUE(i_.Do(ActionResult{"direction", false, "rejected", {}}).ok());
  ASSERT_TRUE(i_.Do(StartRequest{"direction", "leo"}).ok());
  EXPECT_TRUE(i_.state_.cast.empty()) << "the next draft is another Direction";
  EXPECT_TRUE(i_.Do(ApprovalRequest{"direction", "pam", std::string(64, 'b')}).ok());
}

TEST_F(CastIncident, I4_OnlyTheChairCastsAndNotWhatTheyRequestedOrInASecondRole) {
  Person& cho = i_.policy_.persons.back();
  cho.roles.push_back("incident-lead");
  i_.policy_.conflicts.pop_back();
  Tie("cho");
  EXPECT_EQ(Cast("pam", "approve"), "CASTING_VOTE_NOT_BY_CHAIR");
  EXPECT_EQ(Cast("cho", "approve"), "APPROVAL_BY_REQUESTER");

  Incident j;
  j.policy_.persons.back().roles.push_back("incident-lead");
  ASSERT_TRUE(j.Open("cho").ok());
  j.Reach("direction");
  ASSERT_TRUE(j.Do(StartRequest{"direction", "leo"}).ok());
  EXPECT_EQ(ReasonOf(j.Do(CastingRequest{"direction", "cho", kVoteDigest, "approve", "why"})), "ROLE_CONFLICT");
}

TEST_F(CastIncident, ACastingVoteThatCouldNotHaveBeenGivenCannotFollow) {
  Tie();
  const Event event{"casting-vote-recorded",
                    i_.now_,
                    "direction",
                    "cho",
                    {{"digest", kVoteDigest}, {"decision", "perhaps"}, {"role", "pma-chair"}}};
  EXPECT_EQ(i_.machine_.Apply(i_.state_, event).code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace smki::procedures
