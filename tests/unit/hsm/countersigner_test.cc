#include "hsm/keyguard/countersigner.h"

#include <gtest/gtest.h>

#include "procedures/reason.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using test::Must;

class CountersignerTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart(); }
  void Restart() {
    const Secret pem = estate_.keyguard.key.ToPem();
    countersigner_ = Must(Countersigner::Make({PosixFiles(),
                                               folder_ / "newest-checkpoint",
                                               Must(pki::PrivateKey::FromPem(AsText(pem.span()))),
                                               "keyguard",
                                               estate_.orchestrator.certificate,
                                               {"drill", "estate-7"}}));
  }
  static std::string Body(uint64_t entries, uint8_t hash, const std::string& origin = "smki-ledger/drill/estate-7") {
    return ledger::RenderCheckpoint({origin, {entries, Digest{hash}}});
  }
  std::string Note(const std::string& body) {
    return body + "\n" + Must(ledger::SignatureLine(body, "orchestrator", estate_.orchestrator.key));
  }
  StatusOr<std::string> Countersign(uint64_t entries, uint8_t hash) {
    return countersigner_->Countersign(Note(Body(entries, hash)));
  }

  test::TestEstate estate_;
  test::TempFolder folder_;
  std::unique_ptr<Countersigner> countersigner_;
};

TEST_F(CountersignerTest, I3_SignsAHeadThatIsNewer) {
  const auto line = Countersign(5, 1);
  ASSERT_TRUE(line.ok()) << line.status();
  const auto note = Must(ledger::ParseSignedNote(Note(Body(5, 1)) + *line));
  EXPECT_TRUE(ledger::IsSignedBy(note, "keyguard", *estate_.keyguard.certificate.public_key));
  EXPECT_TRUE(Countersign(6, 2).ok());
  EXPECT_TRUE(Countersign(6, 2).ok());  // an answer may have been lost
}

TEST_F(CountersignerTest, I3_RefusesAnOlderHeadAlsoAfterARestart) {
  ASSERT_TRUE(Countersign(5, 1).ok());
  EXPECT_TRUE(IsRefusal(Countersign(4, 9).status(), Reason::kJOURNAL_ROLLED_BACK));
  Restart();
  EXPECT_TRUE(IsRefusal(Countersign(4, 9).status(), Reason::kJOURNAL_ROLLED_BACK));
}

TEST_F(CountersignerTest, I3_RefusesAnotherHeadOfTheSameLength) {
  ASSERT_TRUE(Countersign(5, 1).ok());
  EXPECT_TRUE(IsRefusal(Countersign(5, 2).status(), Reason::kJOURNAL_ROLLED_BACK));
}

TEST_F(CountersignerTest, I3_RefusesWhatTheOrchestratorDidNotSign) {
  const std::string body = Body(5, 1);
  const std::string note = body + "\n" + Must(ledger::SignatureLine(body, "orchestrator", estate_.keyguard.key));
  EXPECT_TRUE(IsRefusal(countersigner_->Countersign(note).status(), Reason::kBAD_REQUEST));
  EXPECT_TRUE(IsRefusal(countersigner_->Countersign("no note").status(), Reason::kBAD_REQUEST));
}

TEST_F(CountersignerTest, I8_RefusesTheLedgerOfAnotherEnvironment) {
  const std::string note = Note(Body(5, 1, "smki-ledger/production/estate-7"));
  EXPECT_TRUE(IsRefusal(countersigner_->Countersign(note).status(), Reason::kENVIRONMENT_MISMATCH));
}

TEST_F(CountersignerTest, I3_AForgedMemoryIsRefused) {
  const std::string body = Body(1, 1);
  const std::string note = body + "\n" + Must(ledger::SignatureLine(body, "keyguard", estate_.orchestrator.key));
  ASSERT_TRUE(PosixFiles().WriteDurably(folder_ / "newest-checkpoint", AsBytes(note)).ok());
  const Secret pem = estate_.keyguard.key.ToPem();
  EXPECT_EQ(Countersigner::Make({PosixFiles(),
                                 folder_ / "newest-checkpoint",
                                 Must(pki::PrivateKey::FromPem(AsText(pem.span()))),
                                 "keyguard",
                                 estate_.orchestrator.certificate,
                                 {"drill", "estate-7"}})
                .status()
                .code(),
            StatusCode::kDataLoss);
}

}  // namespace
}  // namespace smki::hsm
