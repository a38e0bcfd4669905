// Disks set back: snapshots of real processes' folders are restored, and a witness that was not set back finds it
// (I10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "sim/scenario/rehearsal.h"
#include "tests/harness/keyguard.h"

namespace smki::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void ReplaceFolder(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::create_directories(fs::path(to).parent_path());
  fs::copy(from, to, fs::copy_options::recursive);
}

// --- The keyguard alone, with an orchestrator that looks away ---

class KeyguardsDisk : public ::testing::Test {
 protected:
  void SetUp() override { estate_ = Estate::Copy(); }
  std::string Snapshot(const std::string& folder) { return estate_->dir() + "-snapshot/" + folder; }
  void ExpectRolledBack(const Status& status, const std::string& witness) {
    EXPECT_EQ(ReasonOf(status), "JOURNAL_ROLLED_BACK") << Message(status);
    EXPECT_THAT(Message(status), HasSubstr(witness));
  }
  std::unique_ptr<Estate> estate_;
};

TEST_F(KeyguardsDisk, I10_SetBack_TheTokenProvesIt) {
  auto keyguard = Keyguard::Start(*estate_);
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard->Prepare(bundle).ok());
  keyguard.reset();
  ReplaceFolder(estate_->Path("keyguard/data"), Snapshot("data"));

  keyguard = Keyguard::Start(*estate_);
  ASSERT_TRUE(keyguard->Open(bundle).ok());
  ASSERT_TRUE(keyguard->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}}).ok());
  ASSERT_TRUE(keyguard->Close(bundle).ok());
  keyguard.reset();
  ReplaceFolder(Snapshot("data"), estate_->Path("keyguard/data"));

  keyguard = Keyguard::Start(*estate_);
  ExpectRolledBack(keyguard->Prepare(bundle).status(), "the token has seen");
  EXPECT_EQ(keyguard->Refusals("JOURNAL_ROLLED_BACK"), 1u);
}

// Each with a journal of its own, each prepared while the token was closed: the first to open it wins.
TEST_F(KeyguardsDisk, I5_TwoKeyguardsOnOneToken_TheTokenProvesIt) {
  const auto other_estate = Estate::Copy();
  other_estate->Write("keyguard/softhsm2.conf", estate_->Read("keyguard/softhsm2.conf"));
  auto first = Keyguard::Start(*estate_);
  auto second = Keyguard::Start(*other_estate);
  const Bundle bundle = estate_->MakeBundle();
  const kg::Ceremony ceremony = SMKI_MUST(second->Prepare(bundle));
  ASSERT_TRUE(second->Present("kira.custodian", ceremony).ok());
  ASSERT_TRUE(second->Present("liam.custodian", ceremony).ok());
  ASSERT_TRUE(first->Open(bundle).ok());
  ExpectRolledBack(second->Present("mona.custodian", ceremony).status(), "the token has seen");
  EXPECT_NE(SMKI_MUST(second->GetStatus()).state(), kg::Status::OPEN);
  ExpectRolledBack(second->Prepare(bundle).status(), "the token has seen");
  EXPECT_TRUE(first->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}}).ok());
}

// An orchestrator that does not look itself: its ledger is shorter than the keyguard was shown, or another.
TEST_F(KeyguardsDisk, I3_TheOrchestratorsDiskSetBack_TheKeyguardProvesIt) {
  auto keyguard = Keyguard::Start(*estate_);
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard->Prepare(bundle).ok());
  ASSERT_TRUE(keyguard->Close(bundle).ok());
  Bundle shorter = estate_->MakeBundle(2);
  shorter.direction.ledger_sequence = bundle.direction.ledger_sequence - 1;
  estate_->Reapprove(shorter);
  ExpectRolledBack(keyguard->Prepare(shorter).status(), "this keyguard was shown entry 7");
  Bundle other = estate_->MakeBundle(3);
  other.direction.ledger_head = pki::Sha256(std::string_view("another head"));
  estate_->Reapprove(other);
  keyguard.reset();
  keyguard = Keyguard::Start(*estate_);
  ExpectRolledBack(keyguard->Prepare(other).status(), "this keyguard was shown entry 7");
  EXPECT_TRUE(keyguard->Prepare(estate_->MakeBundle(4)).ok());
}

// --- Everybody, as in a drill ---

class Disks : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "smki-rollback-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    sim::RehearsalOptions options;
    options.folder = folder_ + "/estate";
    options.programs = BuildFolder() + "/bin";
    options.runbooks = "runbooks";
    options.devices = 40;  // more than the canary
    rehearsal_ = std::make_unique<sim::Rehearsal>(options);
    Expect(rehearsal_->Generate());
    Expect(rehearsal_->StartServers());
    Expect(rehearsal_->Open());
    Expect(rehearsal_->Drive("direction"));
    StopServers();
    for (const char* folder : kFolders) ReplaceFolder(rehearsal_->Path(folder), Snapshot(folder));
    Expect(rehearsal_->StartServers());
    Expect(rehearsal_->Drive("canary"));  // the key was opened and used; three custodians have receipts
    StopServers();
  }
  void TearDown() override {
    rehearsal_.reset();
    std::error_code ignored;
    if (!HasFailure()) fs::remove_all(folder_, ignored);
  }
  static void Expect(const Status& status) { ASSERT_TRUE(status.ok()) << Message(status); }
  void StopServers() {
    for (const auto server : {sim::ServerName::kOrchestrator, sim::ServerName::kKeyguard, sim::ServerName::kSim})
      rehearsal_->Stop(server);
  }
  std::string Snapshot(const std::string& folder) { return folder_ + "/snapshot/" + folder; }
  void Restore(const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) ReplaceFolder(Snapshot(folder), rehearsal_->Path(folder));
    Expect(rehearsal_->StartServers());
  }
  void ExpectStepFails(const std::string& witness) {
    const Status driven = rehearsal_->Drive("campaign", Millis(20'000));
    ASSERT_FALSE(driven.ok()) << "the campaign went on";
    EXPECT_THAT(Message(driven), HasSubstr("JOURNAL_ROLLED_BACK"));
    EXPECT_THAT(Message(driven), HasSubstr(witness));
  }
  void ExpectCustodianRefuses(const std::string& person) {
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"ceremony", "check"}, std::vector<std::string>{"ceremony", "present"}}) {
      const auto exit = rehearsal_->Act(person, command);
      ASSERT_TRUE(exit.ok()) << Message(exit.status());
      EXPECT_NE(exit->code, 0);
      EXPECT_THAT(exit->err, HasSubstr("JOURNAL_ROLLED_BACK"));
      EXPECT_THAT(exit->err, HasSubstr("it showed you"));
    }
  }

  static constexpr const char* kFolders[] = {"keyguard/data", "keyguard/tokens", "orchestrator/data"};
  std::string folder_;
  std::unique_ptr<sim::Rehearsal> rehearsal_;
};

TEST_F(Disks, I10_KeyguardAndTokenSetBack_TheLedgerProvesIt) {
  Restore({"keyguard/data", "keyguard/tokens"});
  ExpectStepFails("this ledger has seen");
}

TEST_F(Disks, I10_TheOrchestratorsDiskSetBack_TheKeyguardProvesIt) {
  Restore({"orchestrator/data"});
  ExpectStepFails("which is not in this ledger");
}

TEST_F(Disks, I10_BothSetBack_TheCustodiansReceiptsProveIt) {
  Restore({"keyguard/data", "keyguard/tokens", "orchestrator/data"});
  const Status driven = rehearsal_->Drive("ceremony", Millis(5'000));
  EXPECT_FALSE(driven.ok()) << "the custodians presented";
  const auto status = rehearsal_->Ask("kira.custodian", {"keyguard", "status"});
  ASSERT_TRUE(status.ok()) << Message(status.status());
  EXPECT_EQ((*status)["state"], "ceremony") << "neither server has found anything";
  EXPECT_EQ((*status)["presented"].size(), 0u);
  ExpectCustodianRefuses("kira.custodian");
  ExpectCustodianRefuses("mona.custodian");
}

}  // namespace
}  // namespace smki::test
