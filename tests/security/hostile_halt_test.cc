// The orchestrator suppresses everything, and signing still stops: a PMA member's own smkictl reaches the keyguard's
// own listener.
#include <gtest/gtest.h>
#include <signal.h>

#include "sim/scenario/process.h"
#include "tests/harness/keyguard.h"

namespace smki::test {
namespace {

const char kEsme[] = "supplier-a-esme";
constexpr Millis kPatience{20'000};

class SuppressingOrchestrator : public ::testing::Test {
 protected:
  void SetUp() override {
    estate_ = Estate::Copy();
    keyguard_ = Keyguard::Start(*estate_);
    // A real orchestrator that serves its people - until it is stopped in the middle of everything, its connections
    // open, its port taken, answering nobody.
    orchestrator_ = SMKI_MUST(
        sim::Process::Start({Program("smki-orchestrator"), "--site", estate_->Path("orchestrator/orchestrator.yaml")},
                            {}, estate_->Path("orchestrator.log"), "ready", kPatience));
    ASSERT_EQ(::kill(orchestrator_->pid(), SIGSTOP), 0);
    bundle_ = estate_->MakeBundle();
    ASSERT_TRUE(keyguard_->Open(bundle_).ok());
    ASSERT_EQ(SignRefusal(0), "");
  }
  void TearDown() override {
    if (orchestrator_ != nullptr) orchestrator_->Kill();
  }

  // What this person's smkictl says.
  sim::ProcessExit Smkictl(const std::string& person, std::vector<std::string> arguments) {
    std::vector<std::string> command = {Program("smkictl"), "--site",
                                        estate_->Path("persons/" + person + "/client.yaml")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return SMKI_MUST(sim::RunProcess(command, {}, kPatience));
  }
  void Order(const std::string& person, const std::string& order) {
    const sim::ProcessExit exit = Smkictl(person, {"direction", order, "--file", DirectionFile(), "--reason", "stop"});
    ASSERT_EQ(exit.code, 0) << exit.err;
    EXPECT_NE(exit.out.find("ordered"), std::string::npos) << exit.out;
  }
  std::string DirectionFile() {
    estate_->Write("direction.txt", bundle_.text);
    return estate_->Path("direction.txt");
  }
  std::string SignRefusal(uint64_t device) {
    const auto response = keyguard_->Sign(bundle_, kEsme, {{TestDevice(0, device), 1}});
    return response.ok() ? response->commands(0).refusal() : ReasonOf(response.status());
  }
  // Closed for everybody, whatever is tried with the approved Direction and the shares.
  void ExpectStopped(const std::string& code) {
    EXPECT_EQ(SignRefusal(1), code);
    EXPECT_EQ(SignRefusal(0), code) << "also what was signed before is not given out again";
    EXPECT_EQ(ReasonOf(keyguard_->Prepare(bundle_).status()), code);
    EXPECT_EQ(SMKI_MUST(keyguard_->GetStatus()).state(), kg::Status::CLOSED);
    EXPECT_EQ(SMKI_MUST(keyguard_->GetStatus()).signatures(), 1u);
  }
  void RestartKeyguard() {
    keyguard_->Kill();
    keyguard_.reset();
    keyguard_ = Keyguard::Start(*estate_);
  }

  std::unique_ptr<Estate> estate_;
  std::unique_ptr<Keyguard> keyguard_;
  std::unique_ptr<sim::Process> orchestrator_;
  Bundle bundle_;
};

TEST_F(SuppressingOrchestrator, I5_HaltedByOneMemberSigningStopsAlsoAfterARestart) {
  // As a member types it at night: no file, the keyguard is asked which Direction it has.
  const sim::ProcessExit halted = Smkictl("dario.pma", {"direction", "halt", "--reason", "I do not trust this"});
  ASSERT_EQ(halted.code, 0) << halted.err;
  EXPECT_NE(halted.out.find("closed"), std::string::npos) << halted.out;
  ExpectStopped("KEY_HALTED");
  RestartKeyguard();
  ExpectStopped("KEY_HALTED");
}

TEST_F(SuppressingOrchestrator, I5_WithdrawnSigningStopsForGood) {
  Order("elena.pma", "withdraw");
  ExpectStopped("DIRECTION_WITHDRAWN");
  for (const char* member : {"anna.pma", "bruno.pma", "carla.pma"}) Order(member, "resume");
  RestartKeyguard();
  ExpectStopped("DIRECTION_WITHDRAWN");
}

TEST_F(SuppressingOrchestrator, I5_ResumingTakesTheQuorumAndACeremony) {
  Order("dario.pma", "halt");
  Order("anna.pma", "resume");
  Order("anna.pma", "resume");  // one seat counts once
  Order("bruno.pma", "resume");
  ExpectStopped("KEY_HALTED");
  Order("carla.pma", "resume");
  // The quorum allows; the key is closed until the custodians have come.
  EXPECT_EQ(SMKI_MUST(keyguard_->GetStatus()).state(), kg::Status::CLOSED);
  EXPECT_EQ(SignRefusal(1), "KEY_CLOSED") << "going on is allowed; what is missing is a ceremony";
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  EXPECT_EQ(SignRefusal(1), "SHARES_TOO_FEW");
  for (const char* custodian : {"kira.custodian", "liam.custodian", "mona.custodian"})
    ASSERT_TRUE(keyguard_->Present(custodian, ceremony).ok());
  EXPECT_EQ(SignRefusal(1), "");
}

TEST_F(SuppressingOrchestrator, I5_HaltReachesTheKeyguardWhileItsOtherListenerIsFlooded) {
  // The orchestrator drops all: a hundred uploads that never end, and it reads no answers.
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<kg::PrepareResponse> responses(100);
  std::vector<std::unique_ptr<grpc::ClientWriter<kg::PrepareRequest>>> uploads;
  const auto stub = keyguard_->OrchestratorStub("orchestrator");
  const kg::PrepareRequest header = Keyguard::Parts(bundle_)[0];
  for (kg::PrepareResponse& response : responses) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    uploads.push_back(stub->Prepare(contexts.back().get(), &response));
    uploads.back()->Write(header);
  }
  Order("dario.pma", "halt");
  ExpectStopped("KEY_HALTED");
  for (size_t i = 0; i < uploads.size(); ++i) {
    contexts[i]->TryCancel();
    uploads[i]->Finish();
  }
}

TEST_F(SuppressingOrchestrator, I5_AHaltGivenBeforeTheDirectionIsEverPreparedHolds) {
  ASSERT_TRUE(keyguard_->Close(bundle_).ok());
  bundle_ = estate_->MakeBundle(2);
  Order("dario.pma", "halt");
  EXPECT_EQ(ReasonOf(keyguard_->Prepare(bundle_).status()), "KEY_HALTED");
  EXPECT_EQ(SignRefusal(0), "KEY_HALTED");
}

}  // namespace
}  // namespace smki::test
