// The drill's own command line, from outside: people play their roles, a server fails on demand, an estate is used
// once more.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/drills/drill.h"
#include "tests/harness/keyguard.h"

namespace smki::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A person at a terminal: what stands on it in the end.
std::string AtTerminalOnce(const std::string& command, const std::string& typed, int& ended) {
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  SMKI_CHECK(child >= 0);
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  SMKI_CHECK(::write(terminal, typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
  std::string seen;
  char octets[4096];
  for (ssize_t got; (got = ::read(terminal, octets, sizeof octets)) > 0;) seen.append(octets, static_cast<size_t>(got));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  ended = status;
  return seen;
}
// Again while the page moves on under their hands.
std::string AtTerminal(const std::string& command, const std::string& typed) {
  std::string seen;
  int ended = -1;
  for (int tries = 0; tries < 20 && ended != 0; ++tries) {
    seen = AtTerminalOnce(command, typed, ended);
    if (seen.find("STALE_PAGE") == std::string::npos) break;
  }
  EXPECT_EQ(ended, 0) << command << "\n" << seen;
  return seen;
}

class DrillProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "smki-drill-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    std::error_code ignored;
    if (!HasFailure()) std::filesystem::remove_all(folder_, ignored);
    if (HasFailure()) std::cerr << "the estate and its logs are kept in " << folder_ << "\n";
  }
  std::vector<std::string> Command(const std::vector<std::string>& more) const {
    std::vector<std::string> out = {Program("smki-sim"), "drill", "--runbooks", "runbooks", "--output", "json"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  sim::ProcessExit Drill(const std::vector<std::string>& more) {
    auto exit = sim::RunProcess(Command(more), {}, Millis(300'000));
    SMKI_CHECK(exit.ok());
    result_ = nlohmann::json::parse(exit->out, nullptr, false);
    return *std::move(exit);
  }
  sim::ProcessExit NewDrill(const std::vector<std::string>& more) {
    std::vector<std::string> all = {"--out", estate_(), "--devices", "12"};
    all.insert(all.end(), more.begin(), more.end());
    return Drill(all);
  }
  bool Held(const std::string& check) const {
    for (const auto& one : result_["checks"]) {
      if (one["name"].get<std::string>().find(check) != std::string::npos) return one["held"];
    }
    return false;
  }
  std::string estate_() const { return folder_ + "/estate"; }

  std::string folder_;
  nlohmann::json result_;
};

TEST_F(DrillProgram, PeoplePlayEveryRoleThemselvesWithTheCommandsItTells) {
  std::string line = Program("smki-sim") + " drill --runbooks runbooks --output json --devices 12 --out " + estate_() +
                     " --interactive incident-lead incident-operator pma-member key-custodian 2>&1 >" + folder_ +
                     "/result";
  FILE* told = ::popen(line.c_str(), "r");
  ASSERT_NE(told, nullptr);
  size_t commands = 0;
  std::string asked;
  for (char text[4096]; ::fgets(text, sizeof text, told) != nullptr;) {
    const std::string one = text;
    if (one.rfind("  /", 0) != 0) continue;
    ++commands;
    if (one.find("incident decide guidance") != std::string::npos) {
      asked = AtTerminal(one, "first\nsecond\nthird\nfourth\nfifth\n\n");
    } else if (one.find("direction sign") != std::string::npos) {
      AtTerminal(one, "y\ny\ny\ny\ny\ny\n");
    } else {
      StatusOr<sim::ProcessExit> exit = Internal("not run");
      for (int tries = 0; tries < 20; ++tries) {
        exit = sim::RunProcess({"/bin/sh", "-c", one}, {}, Millis(60'000));
        ASSERT_TRUE(exit.ok());
        if (exit->err.find("STALE_PAGE") == std::string::npos) break;
      }
      // A custodian may come when enough have been there.
      if (one.find("ceremony") == std::string::npos) {
        EXPECT_EQ(exit->code, 0) << one << exit->err;
      }
    }
  }
  EXPECT_EQ(::pclose(told), 0);
  EXPECT_GE(commands, 20u);
  EXPECT_THAT(asked, HasSubstr("mandatory nature-and-extent"));
  std::ifstream in(folder_ + "/result");
  result_ = nlohmann::json::parse(in, nullptr, false);
  EXPECT_EQ(result_["result"], "passed") << result_.dump(2);
  std::ifstream direction(result_["evidence"].get<std::string>() + "/direction/direction.yaml");
  const std::string text((std::istreambuf_iterator<char>(direction)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, HasSubstr("answer: \"fourth\""));
  EXPECT_THAT(text, HasSubstr("id: risk-of-recovery"));
  EXPECT_THAT(text, Not(HasSubstr("id: time-needed"))) << "nobody answered it";
}

TEST_F(DrillProgram, AServerThatFailsOnDemandDoesNotKeepItFromItsEnd) {
  const sim::ProcessExit exit = NewDrill({"--fail", "orchestrator.vote.recorded:2"});
  EXPECT_EQ(exit.code, 0) << exit.out << exit.err;
  EXPECT_TRUE(Held("SMKI_FAIL_POINT=orchestrator.vote.recorded:2 was reached")) << exit.out;
}

TEST_F(DrillProgram, ASignerThatFailsOnDemandIsSeenToHaveFailed) {
  const sim::ProcessExit exit = NewDrill({"--fail", "signer.burn.synced"});
  EXPECT_EQ(exit.code, 0) << exit.out << exit.err;
  EXPECT_TRUE(Held("signer.burn.synced:1 was reached")) << exit.out;
}

TEST_F(DrillProgram, ContingencySurvivesASignerThatEndsBetweenItsTwoKeys) {
  const sim::ProcessExit exit = NewDrill({"--scenario", "contingency", "--fail", "signer.symmetric.journalled"});
  EXPECT_EQ(exit.code, 0) << exit.out << exit.err;
  EXPECT_TRUE(Held("signer.symmetric.journalled:1 was reached")) << exit.out;
}

TEST_F(DrillProgram, ContingencySurvivesASignerThatEndsWhileItDestroysThePair) {
  const sim::ProcessExit exit = NewDrill({"--scenario", "contingency", "--fail", "signer.destroy.journalled"});
  EXPECT_EQ(exit.code, 0) << exit.out << exit.err;
  EXPECT_TRUE(Held("signer.destroy.journalled:1 was reached")) << exit.out;
}

TEST_F(DrillProgram, AFailureThatNeverCameIsNoPassedDrill) {
  const sim::ProcessExit exit = NewDrill({"--fail", "sim.crl.numbered:900"});
  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(result_["devices"]["recovered"], 12);
  EXPECT_FALSE(Held("was reached")) << exit.out;
}

TEST_F(DrillProgram, AnUnknownFailPointIsRefusedWithThoseThereAre) {
  const sim::ProcessExit exit = NewDrill({"--fail", "sim.nowhere"});
  EXPECT_NE(exit.code, 0);
  EXPECT_THAT(exit.out + exit.err, HasSubstr("there is no fail point 'sim.nowhere'"));
  EXPECT_THAT(exit.out + exit.err, HasSubstr("orchestrator.vote.recorded"));
  EXPECT_FALSE(std::filesystem::exists(estate_()));
}

TEST_F(DrillProgram, AnEstateIsUsedForOneMoreIncident) {
  ASSERT_EQ(NewDrill({}).code, 0) << result_.dump(2);
  const nlohmann::json first = result_;
  const sim::ProcessExit exit = Drill({"--estate", estate_()});
  EXPECT_EQ(exit.code, 0) << exit.out << exit.err;
  EXPECT_NE(result_["evidence"], first["evidence"]);
  EXPECT_GT(result_["ledger"]["entries"], first["ledger"]["entries"]) << "the ledger goes on";
  EXPECT_GT(result_["repository"]["certificates"], first["repository"]["certificates"]);
  EXPECT_EQ(result_["seed"], first["seed"]);
}

TEST_F(DrillProgram, AnEstateThatIsNoneOrRunsOrHasAnOpenIncidentIsRefused) {
  EXPECT_EQ(Drill({"--estate", folder_ + "/nothing"}).code, 1);
  EXPECT_THAT(result_["failure"].get<std::string>(), HasSubstr("holds no whole estate"));

  sim::RehearsalOptions options;
  options.folder = estate_();
  options.programs = BuildFolder() + "/bin";
  options.runbooks = "runbooks";
  options.devices = 12;
  sim::Rehearsal rehearsal(options);
  ASSERT_TRUE(rehearsal.Generate().ok());
  ASSERT_TRUE(rehearsal.StartServers().ok());
  ASSERT_TRUE(rehearsal.Open().ok());
  EXPECT_EQ(Drill({"--estate", estate_()}).code, 1);
  EXPECT_THAT(result_["failure"].get<std::string>(), HasSubstr("something listens at 127.0.0.1:"));
  for (const auto server : {sim::ServerName::kOrchestrator, sim::ServerName::kKeyguard, sim::ServerName::kSim})
    rehearsal.Stop(server);
  EXPECT_EQ(Drill({"--estate", estate_()}).code, 1);
  EXPECT_THAT(result_["failure"].get<std::string>(), HasSubstr("is open. Next: finish and close it"));
}

}  // namespace
}  // namespace smki::test
