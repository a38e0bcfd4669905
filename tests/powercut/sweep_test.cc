// Every program loses its power at every durable write in turn, in the middle of a drill, with all that was not synced;
// it is started again and the recovery ends in the same recovered set (I2). One drill meets many cuts: drill K of a
// round cuts each program at its durable writes K, K + stride, K + 2 * stride, ... of all its lives.
#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "base/file.h"
#include "tests/drills/drill.h"
#include "tests/powercut/reconcile.h"

namespace smki::test {
namespace {

struct Program {
  const char* name;
  uint64_t stride;  // so that no program dies more often than it gets on
  uint64_t last;    // beyond what it writes in a drill
};
// The keyguard and the signer write little, and each end of a signer costs a ceremony.
constexpr Program kPrograms[] = {
    {"smki-orchestrator", 40, 400}, {"smki-sim", 20, 100}, {"smki-signer", 20, 60}, {"smki-keyguard", 20, 20}};
constexpr uint64_t kRounds = 40;
constexpr Millis kPatience{60'000};
constexpr const char* kHows[] = {"lose", "names", "tear", "zeros"};

class PowerCut : public Drill {
 protected:
  void Configure(const std::vector<std::string>& variables) {
    sim::RehearsalOptions& options = rehearsal_->mutable_options();
    options.environment = {"LD_PRELOAD=" + BuildFolder() + "/tests/libsmki_powercut.so",
                           "SMKI_POWERCUT_ROOT=" + options.folder};
    options.environment.insert(options.environment.end(), variables.begin(), variables.end());
    LoadIntoTheSigner(options);
    options.max_restarts = 100;
  }
  // The keyguard gives its child no LD_PRELOAD, and that is right.
  void LoadIntoTheSigner(const sim::RehearsalOptions& options) {
    const std::string script = folder_ + "/smki-signer.sh", site = options.folder + "/keyguard/keyguard.yaml";
    ASSERT_TRUE(PosixFiles()
                    .WriteDurably(script, AsBytes(fmt::format("#!/bin/sh\n{} exec {}/bin/smki-signer \"$@\"\n",
                                                              options.environment[0], BuildFolder())))
                    .ok());
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    std::string text = ToString(Must("reading", PosixFiles().Read(site, 64 * 1024)));
    const size_t at = text.find("signer: auto");
    ASSERT_NE(at, std::string::npos) << text;
    text.replace(at, 12, "signer: " + script);
    ASSERT_TRUE(PosixFiles().WriteDurably(site, AsBytes(text)).ok());
  }
  void StartAll() {
    for (const auto server : {sim::ServerName::kSim, sim::ServerName::kKeyguard, sim::ServerName::kOrchestrator}) {
      ::smki::Status started;
      // Power may fail while it starts.
      for (int i = 0; i < 20; ++i) {
        started = rehearsal_->Start(server);
        if (started.ok()) break;
      }
      ASSERT_TRUE(started.ok()) << Message(started);
    }
  }
  // Opens the incident if that is still to be done, and goes on.
  ::smki::Status Drive(Millis patience) {
    const ::smki::Status opened = rehearsal_->Open();  // may itself meet a cut; it is the same incident then
    const ::smki::Status driven = rehearsal_->Drive("", patience);
    return driven.ok() || opened.ok() ? driven : WithContext(driven, "opening: " + Message(opened));
  }
  void RunToTheEnd() {
    StartAll();
    if (HasFatalFailure()) return;
    const ::smki::Status driven = Drive(kPatience);
    ASSERT_TRUE(driven.ok()) << Message(driven);
    GoDark();
    ExpectEverything();
  }
  // Last of all everything loses its power: what was shown as done is there afterwards.
  void GoDark() {
    for (const auto server : {sim::ServerName::kOrchestrator, sim::ServerName::kKeyguard, sim::ServerName::kSim}) {
      ASSERT_EQ(::kill(rehearsal_->Pid(server), SIGUSR2), 0);
      while (rehearsal_->Running(server)) std::this_thread::yield();
    }
  }
  void ExpectEverything() {
    ExpectRecovered();
    ExpectTheRepository();
    EXPECT_THAT(Reconcile(*rehearsal_), ::testing::IsEmpty());
    points_ = ReadPoints(rehearsal_->options().folder);
    EXPECT_THAT(points_.sent_unsynced, ::testing::IsEmpty()) << "the signer answered before it was durable";
  }
  // The files of the Repository and the store in use make the store that is in evidence.
  void ExpectTheRepository() {
    const auto read = [](const std::string& path) {
      return Must("reading the store", PosixFiles().Read(path, size_t{1} << 30));
    };
    const Bytes evidence = read(rehearsal_->EvidenceFolder() + "/repository/repository.store");
    EXPECT_EQ(read(rehearsal_->Path("orchestrator/data/repository.store")), evidence);
    const std::string again = folder_ + "/again.store";
    const auto rebuilt =
        rehearsal_->Run("smkictl", {"repository", "rebuild", "--extracts", rehearsal_->Path("repository/extracts"),
                                    "--store", again, "--organisation-root", rehearsal_->Path("authority/root-oca.pem"),
                                    "--device-root", rehearsal_->Path("authority/root-dca.pem")});
    ASSERT_TRUE(rebuilt.ok() && rebuilt->code == 0) << rebuilt->err;
    // The certificates are the same; where in the file each stands depends on the way there (deltas applied one by
    // one).
    const auto compared = rehearsal_->Run(
        "smkictl", {"repository", "diff", again, rehearsal_->EvidenceFolder() + "/repository/repository.store"});
    EXPECT_TRUE(compared.ok() && compared->code == 0) << compared->out << compared->err;
  }
  Points points_;
};

class Sweep : public PowerCut, public ::testing::WithParamInterface<uint64_t> {};

TEST_P(Sweep, I2_EndsInTheSameRecoveredSetWhateverAPowerCutTakes) {
  const uint64_t round = GetParam();
  std::string cuts;
  uint64_t n = round;
  for (const Program& program : kPrograms) {
    for (uint64_t at = round % program.stride + 1; at <= program.last; at += program.stride) {
      // Rounds beyond the stride come to the same writes again, with another kind of loss.
      const char* const how = kHows[(n++ + round / program.stride) % std::size(kHows)];
      cuts += fmt::format("{}{}:{}:{}", cuts.empty() ? "" : ",", program.name, at, how);
    }
  }
  Configure({"SMKI_POWERCUT_AT=" + cuts});
  RunToTheEnd();
  EXPECT_GE(points_.cuts.size(), 3u) << "power never failed";
  for (const std::string& cut : points_.cuts) std::cout << "cut: " << cut << "\n";
  if (HasFailure()) std::cout << "SMKI_POWERCUT_AT=" << cuts << "\n";
}

std::string RoundName(const ::testing::TestParamInfo<uint64_t>& info) {
  return fmt::format("Round{:02}", info.param);
}
// A few in each run of the tests; all of them with SMKI_POWERCUT_ALL=1.
bool All() {
  return std::getenv("SMKI_POWERCUT_ALL") != nullptr;
}
INSTANTIATE_TEST_SUITE_P(Drill, Sweep, ::testing::Range(uint64_t{0}, kRounds, uint64_t{All() ? 1u : 8u}), RoundName);

// --- A disk without room, a disk that fails ---

struct Fault {
  sim::ServerName server;
  const char* program;
  uint64_t at;
  const char* what;
};
void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.program << ":" << fault.at << ":" << fault.what;
}

class FailingDisk : public PowerCut, public ::testing::WithParamInterface<Fault> {};

TEST_P(FailingDisk, I10_NothingGoesOnUnrecordedAndAfterwardsEverythingDoes) {
  const Fault& fault = GetParam();
  Configure({fmt::format("SMKI_POWERCUT_FAIL={}:{}:{}", fault.program, fault.at, fault.what)});
  StartAll();
  if (HasFatalFailure()) return;
  const bool full = std::string(fault.what) == "full";
  if (full) {
    const ::smki::Status driven = Drive(Millis(2000));
    EXPECT_FALSE(driven.ok()) << "it ended without room for its records";
    ASSERT_TRUE(PosixFiles().WriteDurably(rehearsal_->Path(".powercut/space"), {}).ok());
    const ::smki::Status restarted = rehearsal_->Restart(fault.server);
    ASSERT_TRUE(restarted.ok()) << Message(restarted);
  }
  ::smki::Status driven = Drive(kPatience);
  // The failure may meet a person's act: it is refused, and they try again as they are told.
  if (ReasonOf(driven) == "AUDIT_NOT_DURABLE") driven = Drive(kPatience);
  ASSERT_TRUE(driven.ok()) << Message(driven);
  GoDark();
  ExpectEverything();
  EXPECT_FALSE(points_.failures.empty()) << "the disk never failed";
}

std::string FaultName(const ::testing::TestParamInfo<Fault>& info) {
  std::string name = fmt::format("{}_{}_{}", info.param.program, info.param.at, info.param.what);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
constexpr auto kOrchestrator = sim::ServerName::kOrchestrator, kKeyguard = sim::ServerName::kKeyguard,
               kSim = sim::ServerName::kSim;
std::vector<Fault> Faults() {
  std::vector<Fault> out = {{kOrchestrator, "smki-orchestrator", 60, "full"},
                            {kOrchestrator, "smki-orchestrator", 140, "eio"},
                            {kKeyguard, "smki-signer", 8, "full"},
                            {kSim, "smki-sim", 14, "sync"}};
  if (!All()) return out;
  for (const char* what : {"full", "eio", "sync"}) {
    for (uint64_t at = 1; at <= 320; at += 20) out.push_back({kOrchestrator, "smki-orchestrator", at, what});
    for (uint64_t at = 1; at <= 20; at += 3) out.push_back({kKeyguard, "smki-signer", at, what});
    for (uint64_t at = 1; at <= 40; at += 10) out.push_back({kSim, "smki-sim", at, what});
    out.push_back({kKeyguard, "smki-keyguard", 1, what});
  }
  return out;
}
INSTANTIATE_TEST_SUITE_P(Drill, FailingDisk, ::testing::ValuesIn(Faults()), FaultName);

}  // namespace
}  // namespace smki::test
