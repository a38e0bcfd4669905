#include <gtest/gtest.h>

#include "house.h"
#include "orchestrator/access/refusals.h"
#include "procedures/documents.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using test::House;

class Access : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(house_.Start().ok());
    ASSERT_TRUE(house_.Open().ok());
  }
  procedures::Statement Good() { return house_.StatementFor("leo", "done", "report-received"); }
  // The request says `good`, the signed statement says `signed_one`.
  Status SendOther(const procedures::Statement& signed_one) {
    recovery::v1::ActRequest request = house_.Request("leo", Good());
    request.set_statement(procedures::Render(signed_one));
    request.set_signature(ToString(house_.Sign("leo", request.statement(), "")));
    return house_.Send("leo", request).status();
  }
  House house_;
};

TEST_F(Access, AStatementThatSaysWhatTheRequestSaysIsTaken) {
  EXPECT_TRUE(house_.Send("leo", house_.Request("leo", Good())).ok());
  EXPECT_EQ(house_.Step("report-received").status(), "done");
  EXPECT_EQ(house_.Entries("statement").size(), 2u);
}

TEST_F(Access, I4_EveryFieldOfTheStatementMustEqualTheRequest) {
  const std::vector<std::function<void(procedures::Statement&)>> changes = {
      [](auto& s) { s.incident = "INC-other"; },
      [](auto& s) { s.step = "notify-pma"; },
      [](auto& s) { s.verb = "decide"; },
      [](auto& s) { s.choice = "direct"; },
      [](auto& s) { ++s.expected_sequence; },
      [](auto& s) { s.text.text = "something else"; },
      [](auto& s) { s.person = "ola"; },
      [](auto& s) { s.time = s.time + std::chrono::minutes(6); },
      [](auto& s) { s.time = s.time - std::chrono::minutes(6); }};
  for (size_t i = 0; i < changes.size(); ++i) {
    procedures::Statement statement = Good();
    changes[i](statement);
    EXPECT_TRUE(IsRefusal(SendOther(statement), Reason::kSTATEMENT_INVALID)) << "change " << i;
  }
  EXPECT_EQ(house_.RefusalsOf("STATEMENT_INVALID"), changes.size());
  EXPECT_EQ(house_.Step("report-received").status(), "ready");
}

TEST_F(Access, I4_TheAnswersToFactorsAreThoseThatWereSigned) {
  procedures::Statement decision = house_.StatementFor("leo", "decide", "guidance", "direct");
  recovery::v1::ActRequest request = house_.Request("leo", decision);
  request.mutable_factors(0)->set_value("something else");
  EXPECT_TRUE(IsRefusal(house_.Send("leo", request).status(), Reason::kSTATEMENT_INVALID));
  request = house_.Request("leo", decision);
  request.mutable_factors()->RemoveLast();
  EXPECT_TRUE(IsRefusal(house_.Send("leo", request).status(), Reason::kSTATEMENT_INVALID));
  request = house_.Request("leo", decision);
  *request.add_factors() = request.factors(0);
  EXPECT_TRUE(IsRefusal(house_.Send("leo", request).status(), Reason::kBAD_REQUEST));
  EXPECT_TRUE(IsRefusal(house_.Send("leo", house_.Request("leo", decision)).status(), Reason::kSTEP_NOT_READY))
      << "the statement itself is good";
}

TEST_F(Access, I8_AStatementForAnotherEstateIsRefused) {
  procedures::Statement statement = Good();
  statement.environment.estate = "estate-8";
  EXPECT_TRUE(IsRefusal(SendOther(statement), Reason::kENVIRONMENT_MISMATCH));
}

TEST_F(Access, WithoutAStatementNothingIsDone) {
  recovery::v1::ActRequest request = house_.Request("leo", Good());
  request.clear_statement();
  EXPECT_TRUE(IsRefusal(house_.Send("leo", request).status(), Reason::kSTATEMENT_INVALID));
}

TEST_F(Access, NobodyActsWithAnothersStatement) {
  EXPECT_TRUE(IsRefusal(house_.Send("ola", house_.Request("leo", Good())).status(), Reason::kSTATEMENT_INVALID));
}

TEST_F(Access, NobodyActsOnAStalePage) {
  recovery::v1::ActRequest request = house_.Request("leo", Good());
  ASSERT_TRUE(house_.Send("leo", request).ok());
  EXPECT_TRUE(IsRefusal(house_.Send("leo", request).status(), Reason::kSTALE_PAGE));
}

TEST_F(Access, ARevokedPersonDoesNotAct) {
  house_.Settle(std::chrono::seconds(1));
  const Bytes list =
      house_.people.RevocationList({"leo"}, house_.clock.Now(), house_.clock.Now() + std::chrono::hours(24));
  ASSERT_TRUE(PosixFiles().WriteDurably(house_.site.revocation_list, list).ok());
  EXPECT_TRUE(
      IsRefusal(house_.Send("leo", house_.Request("leo", Good())).status(), Reason::kSIGNER_CERTIFICATE_REVOKED));
}

TEST_F(Access, AStrangerIsNotAnswered) {
  EXPECT_TRUE(IsRefusal(house_.core->GetIncident("mallory", "").status(), Reason::kNOT_PERMITTED));
  EXPECT_TRUE(IsRefusal(house_.core->GetIncident("", "").status(), Reason::kNOT_PERMITTED));
  EXPECT_EQ(house_.RefusalsOf("NOT_PERMITTED"), 2u);
}

TEST_F(Access, RefusalsAreRecordedSinglyAndThenCounted) {
  for (int i = 0; i < 130; ++i) (void)house_.core->GetIncident("mallory", "");
  EXPECT_EQ(house_.Entries("refusal").size(), Refusals::kSinglyInMinute);
  house_.Settle(std::chrono::minutes(1));
  EXPECT_EQ(house_.Entries("refusal").size(), Refusals::kSinglyInMinute + 1);
  EXPECT_EQ(house_.RefusalsOf("NOT_PERMITTED"), 130u);
}

// --- votes ---

class Votes : public ::testing::Test {
 protected:
  void SetUp() override { house_.ReachDirection(); }
  House house_;
};

TEST_F(Votes, ThreeMembersMakeTheQuorum) {
  for (const char* member : {"ann", "bob"}) ASSERT_TRUE(house_.Vote(member).ok());
  EXPECT_EQ(house_.Step("direction").status(), "running");
  ASSERT_TRUE(house_.Vote("cal").ok());
  EXPECT_EQ(house_.Step("direction").status(), "done");
}

TEST_F(Votes, EachRefusedWithItsOwnReasonAndRecorded) {
  ASSERT_TRUE(house_.Vote("ann").ok());
  const std::string text = house_.core->GetDirection("ann", "")->direction();
  EXPECT_TRUE(IsRefusal(house_.Vote("ann"), Reason::kAPPROVAL_DUPLICATE_MEMBER));
  EXPECT_TRUE(IsRefusal(house_.Vote("dee"), Reason::kAPPROVAL_SAME_ORGANISATION));
  EXPECT_TRUE(IsRefusal(house_.Vote("kim"), Reason::kAPPROVAL_NOT_A_MEMBER));
  const Bytes altered = house_.Sign("bob", text + " ", procedures::ApprovalHint("DIR-other"));
  EXPECT_FALSE(house_.SubmitVote("bob", altered).ok());
  EXPECT_TRUE(IsRefusal(house_.SubmitVote("bob", {1, 2, 3}), Reason::kAPPROVAL_MALFORMED));
  EXPECT_TRUE(IsRefusal(house_.SubmitVote("bob", {}), Reason::kDIRECTION_UNSIGNED));
  for (const char* code : {"APPROVAL_DUPLICATE_MEMBER", "APPROVAL_SAME_ORGANISATION", "APPROVAL_NOT_A_MEMBER",
                           "APPROVAL_MALFORMED", "DIRECTION_UNSIGNED"}) {
    EXPECT_EQ(house_.RefusalsOf(code), 1u) << code;
  }
  EXPECT_EQ(house_.core->GetDirection("ann", "")->approvals_size(), 1);
}

TEST_F(Votes, NobodySendsAnothersApproval) {
  const std::string text = house_.core->GetDirection("ann", "")->direction();
  const auto direction = procedures::ParseDirection(text);
  EXPECT_TRUE(IsRefusal(house_.SubmitVote("ann", house_.Sign("bob", text, procedures::ApprovalHint(direction->id))),
                        Reason::kNOT_PERMITTED));
}

TEST_F(Votes, ARejectionIsRecordedAndStands) {
  const std::string text = house_.core->GetDirection("ann", "")->direction();
  procedures::Rejection rejection{house_.people.policy.environment, pki::Sha256(text), "bob", {"too many Devices"}};
  const std::string document = procedures::Render(rejection);
  const Bytes cms = house_.Sign("bob", document, procedures::kRejectionHint);
  EXPECT_TRUE(IsRefusal(house_.SubmitVote("bob", cms), Reason::kAPPROVAL_IS_REJECTION));
  ASSERT_TRUE(house_.SubmitVote("bob", cms, document).ok());
  EXPECT_TRUE(PosixFiles().Exists(house_.Folder() + "/direction/rejections/1-bob.cms"));
  EXPECT_FALSE(house_.Vote("bob").ok());
}

TEST_F(Votes, TooManyRejectionsEndTheStep) {
  const std::string text = house_.core->GetDirection("ann", "")->direction();
  for (const char* member : {"ann", "bob", "cal", "eve"}) {
    const std::string document =
        procedures::Render(procedures::Rejection{house_.people.policy.environment, pki::Sha256(text), member, {"no"}});
    ASSERT_TRUE(house_.SubmitVote(member, house_.Sign(member, document, procedures::kRejectionHint), document).ok());
  }
  EXPECT_EQ(house_.Step("direction").status(), "failed");
}

class Ties : public Votes {
 protected:
  void SetUp() override {
    Votes::SetUp();
    for (const char* member : {"ann", "bob"}) ASSERT_TRUE(house_.Vote(member).ok());
    for (const char* member : {"cal", "eve"}) ASSERT_TRUE(house_.Reject(member, "too many Devices").ok());
  }
  std::string Waiting() {
    std::string out;
    const auto step = house_.Step("direction");
    for (const std::string& what : step.waiting_for()) out += what + "\n";
    return out;
  }
};

TEST_F(Ties, I1_TheChairDecidesAndTheKeyguardGetsBothSides) {
  EXPECT_NE(Waiting().find("the casting vote of the Chair, cho"), std::string::npos) << Waiting();
  ASSERT_TRUE(house_.Cast("cho", "approve").ok());
  EXPECT_EQ(house_.Step("direction").status(), "done");
  EXPECT_NE(house_.Step("direction").result().find("2 members and the Chair's casting vote"), std::string::npos);
  house_.Settle(Millis(3000));
  EXPECT_EQ(house_.prepared.approvals_size(), 2);
  EXPECT_EQ(house_.prepared.rejections_size(), 2);
  EXPECT_EQ(house_.prepared.casting_vote().document(), house_.core->GetDirection("ann", "")->casting_vote().document());
  EXPECT_TRUE(PosixFiles().Exists(house_.Folder() + "/direction/casting/1-cho.txt"));
  EXPECT_TRUE(PosixFiles().Exists(house_.Folder() + "/direction/casting/1-cho.cms"));
}

TEST_F(Ties, I1_WhatTheChairRejectsEndsTheStepForGood) {
  ASSERT_TRUE(house_.Cast("cho", "reject").ok());
  EXPECT_EQ(house_.Step("direction").status(), "failed");
  EXPECT_NE(house_.Step("direction").result().find("DIRECTION_REJECTED"), std::string::npos);
  EXPECT_FALSE(house_.Vote("pam").ok());
}

TEST_F(Ties, I2_TheChairsVoteOutlivesACrashBeforeItIsActedOn) {
  ASSERT_TRUE(house_.Cast("cho", "approve").ok());
  ASSERT_TRUE(house_.Start().ok());
  EXPECT_EQ(house_.Step("direction").status(), "done");
  EXPECT_FALSE(house_.core->GetDirection("ann", "")->casting_vote().document().empty());
}

TEST_F(Ties, I4_NobodyElseCastsAndNobodySendsTheChairsVote) {
  EXPECT_TRUE(IsRefusal(house_.Cast("pam", "approve"), Reason::kCASTING_VOTE_NOT_BY_CHAIR));
  EXPECT_TRUE(IsRefusal(house_.SubmitVote("cho", {}, "", "kind: CastingVote"), Reason::kDIRECTION_UNSIGNED));
  EXPECT_TRUE(IsRefusal(house_.SubmitVote("cho", {1}, "", "kind: CastingVote"), Reason::kAPPROVAL_MALFORMED));
  EXPECT_TRUE(IsRefusal(house_.SubmitVote("cho", {1}, "a rejection", "and a vote"), Reason::kBAD_REQUEST));
  EXPECT_EQ(house_.Step("direction").status(), "running");
}

TEST_F(Ties, I1_WithoutATieTheChairDecidesNothing) {
  ASSERT_TRUE(house_.Reject("pam", "nor do I").ok());
  EXPECT_TRUE(IsRefusal(house_.Cast("cho", "approve"), Reason::kCASTING_VOTE_WITHOUT_TIE));
  EXPECT_EQ(Waiting().find("casting"), std::string::npos) << Waiting();
  EXPECT_EQ(house_.Step("direction").status(), "running") << "one more may still approve";
}

TEST_F(Votes, AfterTheQuorumNoMoreAreTaken) {
  for (const char* member : {"ann", "bob", "cal"}) ASSERT_TRUE(house_.Vote(member).ok());
  EXPECT_TRUE(IsRefusal(house_.Vote("eve"), Reason::kSTEP_ALREADY_DONE));
}

}  // namespace
}  // namespace smki::orchestrator
