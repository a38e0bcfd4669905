// Every act of the PMA, as a person's own tool judges it: no server is asked, and none is believed.
#include "cli/pma_acts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "people.h"
#include "pki/digest.h"
#include "sample.h"

namespace smki::cli {
namespace {

using procedures::test::Now;
using ::testing::HasSubstr;

class Acts : public ::testing::Test {
 protected:
  Acts() {
    text_ = procedures::RenderDirection(procedures::test::SampleDirection());
    view_.set_direction(text_);
  }
  void Approve(const std::string& person) {
    view_.add_approvals(ToString(people_.Sign(person, AsBytes(text_), procedures::ApprovalHint("DIR-2026-0001"))));
  }
  void Reject(const std::string& person, const std::string& signer) {
    const std::string text =
        procedures::Render(procedures::Rejection{people_.policy.environment, digest(), person, {"too many Devices"}});
    recovery::v1::Rejection& no = *view_.add_rejections();
    no.set_document(text);
    no.set_signature(ToString(people_.Sign(signer, AsBytes(text), procedures::kRejectionHint)));
  }
  void Cast(const std::string& decision) {
    procedures::CastingVote vote{
        people_.policy.environment, digest(), "cho", decision, {}, {}, Now(), {"time presses"}};
    const procedures::SignedVotes votes = VotesOf(view_);
    for (const Bytes& cms : votes.approvals) vote.approvals.push_back(pki::Sha256(cms));
    for (const procedures::SignedText& no : votes.rejections) vote.rejections.push_back(pki::Sha256(no.text));
    std::sort(vote.approvals.begin(), vote.approvals.end());
    std::sort(vote.rejections.begin(), vote.rejections.end());
    const std::string text = procedures::Render(vote);
    view_.mutable_casting_vote()->set_document(text);
    view_.mutable_casting_vote()->set_signature(
        ToString(people_.Sign("cho", AsBytes(text), procedures::kCastingVoteHint, Now())));
  }
  void Order(const std::string& order, const std::string& person, const std::string& signer, const Digest& direction) {
    const std::string text = procedures::Render(
        procedures::PmaOrder{order, people_.policy.environment, direction, person, Now(), {"a doubt"}});
    keyguard::v1::GivenOrder& given = *status_.add_orders();
    given.set_document(text);
    given.set_signature(ToString(people_.Sign(signer, AsBytes(text), procedures::kOrderHint)));
  }
  Digest digest() const { return pki::Sha256(text_); }
  PmaActs Judge() {
    const auto acts = JudgeActs(people_.policy, people_.Verifier(), view_, status_, Now());
    EXPECT_TRUE(acts.ok()) << acts.status();
    return acts.ok() ? *acts : PmaActs();
  }
  // "what person seat counts|reason code"
  std::vector<std::string> Lines() {
    std::vector<std::string> out;
    for (const PmaAct& act : Judge().acts) {
      out.push_back(fmt::format("{} {} {} {}", act.what, act.person, act.seat,
                                act.fault.empty() ? "counts" : act.fault.substr(0, act.fault.find(':'))));
    }
    return out;
  }

  procedures::test::People people_;
  std::string text_;
  recovery::v1::DirectionView view_;
  keyguard::v1::Status status_;
};

TEST_F(Acts, EachVoteSaysWhoForWhichSeatAndWhetherItCounts) {
  for (const char* person : {"ann", "alt", "bob", "dee", "leo"}) Approve(person);
  Reject("cal", "cal");
  Reject("eve", "cal");
  EXPECT_EQ(
      Lines(),
      (std::vector<std::string>{
          "approve ann large-supplier-1 counts", "approve alt large-supplier-1 APPROVAL_DUPLICATE_MEMBER",
          "approve bob large-supplier-2 counts", "approve dee small-supplier APPROVAL_SAME_ORGANISATION",
          "approve leo  APPROVAL_NOT_A_MEMBER", "reject cal network counts", "reject cal network NOT_PERMITTED"}));
  EXPECT_EQ(Judge().acts[5].reason, "too many Devices");
  EXPECT_THAT(Judge().votes, HasSubstr("APPROVAL_DUPLICATE_MEMBER"));
}

TEST_F(Acts, TheChairsVoteCountsOnlyOverTheVotesItLists) {
  for (const char* person : {"ann", "bob"}) Approve(person);
  for (const char* person : {"cal", "eve"}) Reject(person, person);
  EXPECT_THAT(Judge().votes, HasSubstr("QUORUM_SHORT"));
  Cast("approve");
  EXPECT_EQ(Lines().back(), "cast approve cho chair counts");
  EXPECT_EQ(Judge().votes, "directed");
  Approve("pam");
  EXPECT_EQ(Lines().back(), "cast approve cho chair CASTING_VOTE_OTHER_VOTES");
}

TEST_F(Acts, TheChairsNoCountsAndEndsIt) {
  for (const char* person : {"ann", "bob"}) Approve(person);
  for (const char* person : {"cal", "eve"}) Reject(person, person);
  Cast("reject");
  EXPECT_EQ(Lines().back(), "cast reject cho chair counts");
  EXPECT_THAT(Judge().votes, HasSubstr("DIRECTION_REJECTED"));
}

TEST_F(Acts, OrdersCountIfTheyAreWhatTheirPersonSigned) {
  Order("halt", "ann", "ann", digest());
  EXPECT_EQ(Judge().orders, "halted");
  Order("withdraw", "bob", "cal", digest());
  Order("withdraw", "bob", "bob", procedures::test::Filled(9));
  Order("withdraw", "leo", "leo", digest());
  EXPECT_EQ(Lines(),
            (std::vector<std::string>{"halt ann large-supplier-1 counts", "withdraw cal network NOT_PERMITTED",
                                      "withdraw bob large-supplier-2 NOT_PERMITTED", "withdraw leo  NOT_PERMITTED"}));
  EXPECT_EQ(Judge().orders, "halted");
  Order("withdraw", "bob", "bob", digest());
  EXPECT_EQ(Judge().orders, "withdrawn");
}

TEST_F(Acts, AKeyguardThatDoesNotAnswerLeavesItsOrdersUnknown) {
  Approve("ann");
  const auto acts = JudgeActs(people_.policy, people_.Verifier(), view_, Unavailable("nobody listens"), Now());
  ASSERT_TRUE(acts.ok()) << acts.status();
  EXPECT_EQ(acts->acts.size(), 1u);
  EXPECT_EQ(acts->orders, "unknown: nobody listens");
}

TEST_F(Acts, ThePageHasWhoWhenWhatAndTheJsonTheSame) {
  Approve("ann");
  Order("halt", "bob", "bob", digest());
  const std::string page = PmaActsText(Judge(), Style());
  EXPECT_THAT(page, HasSubstr("2026-11-21T02:55:00Z  approve  ann  large-supplier-1  counts"));
  EXPECT_THAT(page, HasSubstr("halt        bob: a doubt"));
  EXPECT_THAT(page, HasSubstr("halted"));
  const Json json = PmaActsJson(Judge());
  EXPECT_EQ(json["direction"], "DIR-2026-0001");
  EXPECT_EQ(json["acts"][0]["person"], "ann");
  EXPECT_EQ(json["acts"][0]["counts"], true);
  EXPECT_EQ(json["acts"][1]["what"], "halt");
  EXPECT_EQ(json["orders"], "halted");
}

}  // namespace
}  // namespace smki::cli
