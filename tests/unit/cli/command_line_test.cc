// The command line itself: what is said about one that cannot be followed, and about output that went nowhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/json.h"
#include "terminal.h"

namespace smki::cli {
namespace {

using test::Answer;
using test::Smkictl;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CommandLine, AnUnknownCommandIsAnsweredWithTheOneMeant) {
  const Answer answer = Smkictl({"incident", "nxt"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.out, "");
  EXPECT_THAT(answer.err, HasSubstr("smkictl incident has no command \"nxt\""));
  EXPECT_THAT(answer.err, HasSubstr("perhaps you mean:  smkictl incident next"));
  EXPECT_THAT(Smkictl({"--site", "incident", "ledgre", "verify"}).err, HasSubstr("smkictl ledger\n"))
      << "an option's value is no command";
  EXPECT_THAT(Smkictl({"xylophone"}).err, Not(HasSubstr("perhaps")));
}

TEST(CommandLine, AMissingCommandIsAnsweredWithTheChoice) {
  const Answer answer = Smkictl({"ceremony"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("smkictl ceremony needs a command: check, present"));
}

TEST(CommandLine, UsageErrorsAreJsonWhereJsonIsAskedFor) {
  const std::vector<std::vector<std::string>> lines = {{"--output", "json", "incident", "nxt"},
                                                       {"incident", "next", "--bogus", "--output=json"},
                                                       {"--output", "json"},
                                                       {"ledger", "verify", "--output", "json"}};
  for (const auto& line : lines) {
    const Answer answer = Smkictl(line);
    EXPECT_EQ(answer.code, 2);
    EXPECT_EQ(answer.out, "");
    const Json json = Json::parse(answer.err, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << answer.err;
    EXPECT_EQ(json["error"]["reason"], "USAGE");
    EXPECT_NE(json["error"]["message"], "");
    EXPECT_NE(json["error"]["next"], "");
  }
}

TEST(CommandLine, HelpIsNoError) {
  const Answer answer = Smkictl({"incident", "next", "--help"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.out, HasSubstr("--output")) << "the options of every command are named at every command";
}

// Ends with smkictl's exit code, its standard output going to `path` (or nowhere at all).
[[noreturn]] void RunWithOutputTo(const char* path, const std::vector<const char*>& words) {
  if (path == nullptr) {
    ::close(STDOUT_FILENO);
    KeepStandardStreams();
  } else if (std::freopen(path, "w", stdout) == nullptr) {
    std::_Exit(99);
  }
  std::_Exit(RunCommandLine(static_cast<int>(words.size()), words.data()));
}

TEST(CommandLine, OutputThatIsLostIsAFailure) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const std::vector<const char*> lint = {"smkictl", "runbook", "lint", "runbooks/appendix-l/method-3.yaml"};
  EXPECT_EXIT(RunWithOutputTo("/dev/full", lint), ::testing::ExitedWithCode(1), "No space left");
  EXPECT_EXIT(RunWithOutputTo(nullptr, lint), ::testing::ExitedWithCode(1), "the output is not whole");
  const std::vector<const char*> help = {"smkictl", "--help"};
  EXPECT_EXIT(RunWithOutputTo("/dev/full", help), ::testing::ExitedWithCode(1), "");
}

TEST(CommandLine, ANegativeNumberIsNoHugeOne) {
  for (const char* number : {"-1", "-5", "1.5", "0x10", "010", "18446744073709551616", "ten", ""}) {
    const Answer answer = Smkictl({"ledger", "show", "nowhere", "--from", number});
    EXPECT_EQ(answer.code, 2) << number;
    EXPECT_THAT(answer.err, HasSubstr("--from")) << number;
  }
  EXPECT_EQ(Smkictl({"ledger", "show", "nowhere", "--from", "10"}).code, 1);
  EXPECT_EQ(Smkictl({"incident", "watch", "--patience", "-1"}).code, 2);
  EXPECT_EQ(Smkictl({"incident", "done", "x", "--text", "y", "--expect", "-1"}).code, 2);
}

}  // namespace
}  // namespace smki::cli
