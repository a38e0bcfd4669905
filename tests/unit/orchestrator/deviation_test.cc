// Deviations as people bring them: signed, durable, shown, and done only when another person has approved them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "house.h"
#include "pki/digest.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

using procedures::Deviation;
using procedures::DeviationKind;
using procedures::IsRefusal;
using procedures::Reason;
using test::House;
using ::testing::HasSubstr;

const Deviation kSkip = {DeviationKind::kSkip, "report-received", "", "", "it came by telephone", "WB"};

class Deviations : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(house_.Start().ok());
    ASSERT_TRUE(house_.Open().ok());
  }
  House house_;
};

TEST_F(Deviations, AreDurableAndShownAndDoneWhenAnotherPersonApproves) {
  ASSERT_TRUE(house_.Ask("ola", kSkip).ok());
  ASSERT_TRUE(house_.Start().ok());  // again, from the ledger
  const recovery::v1::DeviationView asked = house_.NewestDeviation();
  EXPECT_EQ(asked.standing(), "waiting");
  EXPECT_EQ(asked.requested_by(), "ola");
  EXPECT_EQ(asked.witness(), "WB");
  EXPECT_EQ(asked.approver(), "incident-lead");
  EXPECT_EQ(asked.digest(), ToHex(pki::Sha256(AsBytes(asked.request()))));
  EXPECT_EQ(house_.Step("report-received").status(), "ready");
  EXPECT_TRUE(IsRefusal(house_.Approve("ola"), Reason::kAPPROVAL_BY_REQUESTER));
  ASSERT_TRUE(house_.Approve("leo").ok());
  EXPECT_EQ(house_.Step("report-received").status(), "skipped");
  EXPECT_EQ(house_.NewestDeviation().standing(), "done");
  EXPECT_EQ(house_.NewestDeviation().approved_by(0), "leo");
  ASSERT_TRUE(house_.Start().ok());
  EXPECT_EQ(house_.Step("report-received").status(), "skipped");
}

TEST_F(Deviations, I4_TheRequestIsTheOneThatWasSigned) {
  procedures::Statement statement = house_.StatementFor("ola", "deviate", "report-received", "none", kSkip.why);
  statement.deviation = "skip";
  statement.witness = procedures::Quoted{"WB"};
  const auto refused = [&](auto change) {
    recovery::v1::ActRequest request = house_.Request("ola", statement);
    change(request);
    return IsRefusal(house_.Send("ola", request).status(), Reason::kSTATEMENT_INVALID);
  };
  EXPECT_TRUE(refused([](auto& request) { request.set_deviation("repeat"); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_witness("XY"); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_not_after("notify-pma"); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_runbook(std::string(64, 'a')); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_text("another reason"); }));
  EXPECT_EQ(house_.View().deviations_size(), 0);
  ASSERT_TRUE(house_.Send("ola", house_.Request("ola", statement)).ok());
}

TEST_F(Deviations, WhatLacksAFactSaysSoOnThePageAndIsNotStarted) {
  ASSERT_TRUE(house_.Act("leo", "pause", "none").ok());
  ASSERT_TRUE(house_.Ask("ola", kSkip).ok());
  ASSERT_TRUE(house_.Approve("leo").ok());
  ASSERT_TRUE(house_.Ask("ola", {DeviationKind::kSkip, "rebuild-repository", "", "", "no extracts", "WB"}).ok());
  ASSERT_TRUE(house_.Approve("leo").ok());
  ASSERT_TRUE(house_.Act("leo", "resume", "none").ok());
  ASSERT_TRUE(house_.Act("ola", "done", "confirm-compromise").ok());
  ASSERT_TRUE(house_.Act("ola", "done", "new-certificates").ok());
  house_.Settle(Millis(3000));
  EXPECT_EQ(house_.Step("apply-delta").status(), "ready");
  ASSERT_EQ(house_.Step("apply-delta").waiting_for_size(), 1);
  EXPECT_THAT(house_.Step("apply-delta").waiting_for(0), HasSubstr("without a Repository that was rebuilt"));
  EXPECT_TRUE(IsRefusal(house_.Act("leo", "start", "apply-delta"), Reason::kFACT_MISSING));
  EXPECT_TRUE(IsRefusal(house_.Act("leo", "approve", "none", std::string(64, 'a')), Reason::kNO_DEVIATION));
}

// --- I9 ---

class Repins : public ::testing::Test {
 protected:
  void SetUp() override {
    next_text_ = procedures::test::Replaced(procedures::test::MethodThreeText(), "version: \"", "version: \"9.");
    const auto next = procedures::LoadRunbook(next_text_, "next");
    ASSERT_TRUE(next.ok()) << next.status();
    next_ = ToHex(next->digest);
    house_.people.policy.allowed.push_back({"method-3", next->digest, "recovery", {"anyExceptAbnormalRootByRecovery"}});
    Write(house_.site.policy, procedures::RenderPolicy(house_.people.policy));
    house_.site.runbooks = house_.scratch.path() + "/runbooks";
    ASSERT_TRUE(PosixFiles().CreateDirectories(house_.site.runbooks + "/appendix-l").ok());
    Install(procedures::test::MethodThreeText());
    ASSERT_TRUE(house_.Start().ok());
    ASSERT_TRUE(house_.Open().ok());
    ASSERT_TRUE(house_.Act("leo", "done", "report-received").ok());
    house_.Settle(Millis(3000));
  }
  void Write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(PosixFiles().WriteDurably(path, AsBytes(text)).ok());
  }
  void Install(const std::string& text) { Write(house_.site.runbooks + "/appendix-l/method-3.yaml", text); }
  Status Ask() { return house_.Ask("leo", {DeviationKind::kRepin, "", "", next_, "the runbook is wrong", "WB"}); }
  std::string Pinned() { return ToHex(AsBytes(house_.View().runbook_digest())); }
  std::string Kept() { return house_.Folder() + "/runbook-" + next_.substr(0, 16) + ".yaml"; }

  House house_;
  std::string next_text_, next_;
};

TEST_F(Repins, I9_TheIncidentGoesOnUnderAnotherRunbookWhenThePmaHasApprovedIt) {
  EXPECT_TRUE(IsRefusal(Ask(), Reason::kBAD_REQUEST)) << "it is not in the folder yet";
  Install(next_text_);
  const Status asked = Ask();
  ASSERT_TRUE(asked.ok()) << asked;
  const std::string before = Pinned();
  for (const char* member : {"ann", "bob"}) ASSERT_TRUE(house_.Approve(member).ok()) << member;
  EXPECT_EQ(Pinned(), before);
  ASSERT_TRUE(house_.Start().ok());
  ASSERT_TRUE(house_.Approve("cal").ok());
  EXPECT_EQ(Pinned(), next_);
  EXPECT_EQ(house_.Step("report-received").status(), "done");
  ASSERT_TRUE(house_.Start().ok());
  EXPECT_EQ(Pinned(), next_);
  ASSERT_TRUE(house_.Act("ola", "done", "confirm-compromise").ok());
}

TEST_F(Repins, I9_WhatWasApprovedIsTheTextInTheEvidence) {
  Install(next_text_);
  ASSERT_TRUE(Ask().ok());
  const auto kept = PosixFiles().Read(Kept(), 1 << 20);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(AsText(*kept), next_text_);
  for (const char* member : {"ann", "bob"}) ASSERT_TRUE(house_.Approve(member).ok()) << member;
  Write(Kept(), next_text_ + "\n");
  const Status altered = house_.Approve("cal");
  EXPECT_EQ(altered.code(), StatusCode::kDataLoss) << altered;
  EXPECT_NE(Pinned(), next_);
  Write(Kept(), next_text_);
  ASSERT_TRUE(house_.Approve("cal").ok());
  Write(Kept(), next_text_ + "\n");
  EXPECT_EQ(house_.Start().code(), StatusCode::kDataLoss);
}

TEST_F(Repins, I9_ARunbookThatThePolicyDoesNotAllowIsNotEvenAskedFor) {
  const std::string other = procedures::test::Replaced(next_text_, "version: \"9.", "version: \"8.");
  Install(other);
  next_ = ToHex(pki::Sha256(AsBytes(other)));
  EXPECT_TRUE(IsRefusal(Ask(), Reason::kPROCEDURE_NOT_ALLOWED));
  EXPECT_FALSE(PosixFiles().Exists(Kept()));
}

}  // namespace
}  // namespace smki::orchestrator
