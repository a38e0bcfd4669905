// The runbook repository-rebuild, from the loss to the closed incident.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "house.h"
#include "repository/extract/extract.h"
#include "repository/store/store.h"

namespace smki::orchestrator {
namespace {

using ::testing::HasSubstr;
using Status = smki::Status;
using test::House;

class RestoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(house_.Start().ok());
    auto request = house_.Opening("leo");
    request.set_runbook("repository-rebuild");
    const auto opened = house_.SendOpening("leo", request);
    ASSERT_TRUE(opened.ok()) << opened.status();
  }
  void Done(const std::string& person, const std::string& step) {
    const Status status = house_.Act(person, "done", step);
    ASSERT_TRUE(status.ok()) << step << ": " << status;
    house_.Settle(Millis(3000));
  }
  void Decide(const std::string& step, const std::string& choice) {
    const Status status = house_.Act("leo", "decide", step, choice);
    ASSERT_TRUE(status.ok()) << step << ": " << status;
    house_.Settle(Millis(3000));
  }
  void Gather() {
    Done("leo", "loss-confirmed");
    Done("ola", "freeze-lodging");
    Decide("agree-download", "use-archive");
    Done("ola", "files-gathered");
  }
  void FinishFromCompare() {
    for (const char* step : {"compare", "serve", "publish", "lodge-again"}) Done("ola", step);
    EXPECT_EQ(house_.Step("report").status(), "done");
    Done("leo", "review");
    (void)house_.Act("leo", "close", "none");
    house_.Settle(Millis(3000));
    EXPECT_EQ(house_.View().state(), "closed") << house_.View().DebugString();
  }
  // The delta of 19 November, which overlaps the full extract of the 20th; that of the 20th is lost.
  void PublishBeforeAGap() {
    auto writer = repository::ExtractWriter::Create(house_.site.extracts, false, "2026-11-19");
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  void SkipRebuild(const std::string& why) {
    const Status asked = house_.Ask("ola", {procedures::DeviationKind::kSkip, "rebuild", "", "", why, "WB"});
    ASSERT_TRUE(asked.ok()) << asked;
    const Status skipped = house_.Approve("leo");
    ASSERT_TRUE(skipped.ok()) << skipped;
    house_.Settle(Millis(3000));
  }
  // A delta of the next day with a Device's certificate that nobody known issued.
  void PublishForgery() {
    auto writer = repository::ExtractWriter::Create(house_.site.extracts, false, "2026-11-21");
    ASSERT_TRUE(writer.ok());
    pki::PrivateKey thief = *pki::PrivateKey::Generate();
    const pki::AuthoritySubject dca{"Root DCA", ""};
    const pki::IssuerIdentity issuer{&thief, pki::AuthorityName(dca)};
    const auto forged = pki::IssueDeviceCertificate(issuer, Eui64(0x00DB123456000099), thief.public_key(),
                                                    pki::kDigitalSignature, Bytes(16, 0x33), *ParseDate("2026-01-01"));
    ASSERT_TRUE(forged.ok());
    repository::CertificateRecord record;
    record.eui = Eui64(0x00DB123456000099);
    record.serial = forged->serial;
    record.usage = "DS";
    record.der = forged->der();
    ASSERT_TRUE((*writer)->Add(record).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  House house_;
};

TEST_F(RestoreTest, FromTheLossToTheClosedIncident) {
  Gather();
  EXPECT_EQ(house_.Step("rebuild").status(), "done") << house_.View().DebugString();
  Decide("rejects", "none-rejected");
  EXPECT_EQ(house_.Step("rebuild-without").status(), "skipped");
  const auto store = repository::Store::Open(house_.site.store);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->summary().verify, repository::Verify::kFull);
  FinishFromCompare();
}

TEST_F(RestoreTest, I7_RejectedRecordsAreLeftOutOnlyWhenALeadDecidedSo) {
  PublishForgery();
  Gather();
  EXPECT_EQ(house_.Step("rebuild").status(), "failed") << house_.View().DebugString();
  EXPECT_THAT(house_.View().DebugString(), HasSubstr("1 records were rejected, 0 are tolerated"));
  EXPECT_FALSE(repository::Store::Open(house_.site.store).ok());
  SkipRebuild("the one record is a known forgery");
  EXPECT_FALSE(repository::Store::Open(house_.site.store).ok()) << "skipping builds nothing";
  Decide("rejects", "accept-without-them");
  EXPECT_EQ(house_.Step("rebuild-without").status(), "done") << house_.View().DebugString();
  EXPECT_THAT(house_.View().DebugString(), HasSubstr("1 rejected records are left out"));
  const auto store = repository::Store::Open(house_.site.store);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->ByEui(Eui64(0x00DB123456000099))->empty());
  FinishFromCompare();
}

TEST_F(RestoreTest, I7_AMissingDayIsLeftOutOnlyAfterADeviationAndADecision) {
  PublishBeforeAGap();
  Gather();
  EXPECT_EQ(house_.Step("rebuild").status(), "failed") << house_.View().DebugString();
  EXPECT_THAT(house_.View().DebugString(), HasSubstr("SMKIKR_DELT_2026-11-20.xml.gz is missing"));
  SkipRebuild("the delta of the 20th is in no archive");
  Decide("rejects", "accept-gap");
  EXPECT_EQ(house_.Step("rebuild-with-gap").status(), "done") << house_.View().DebugString();
  EXPECT_THAT(house_.View().DebugString(), HasSubstr("missing and left out: SMKIKR_DELT_2026-11-20.xml.gz"));
  FinishFromCompare();
}

TEST_F(RestoreTest, I7_ADecisionWithoutADeviationAllowsNoGap) {
  Gather();
  ASSERT_EQ(house_.Step("rebuild").status(), "done") << house_.View().DebugString();
  PublishBeforeAGap();
  Decide("rejects", "accept-gap");
  EXPECT_EQ(house_.Step("rebuild-with-gap").status(), "failed") << house_.View().DebugString();
  EXPECT_THAT(house_.View().DebugString(), HasSubstr("SMKIKR_DELT_2026-11-20.xml.gz is missing"));
}

}  // namespace
}  // namespace smki::orchestrator
