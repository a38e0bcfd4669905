#include "base/fail_point.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace smki {
namespace {

constexpr char kIsChild[] = "SMKI_FAIL_POINT_TEST_CHILD";

// Also what each child does: passes "test.point" twice and "test.other" once, then ends well.
TEST(FailPointTest, WithoutTheVariablePassingOnesDoesNothing) {
  FailPoint("test.point");
  FailPoint("test.other");
  FailPoint("test.point");
  if (std::getenv(kIsChild) != nullptr) ::_exit(42);
}

// The variable is read when a process starts, so each case is a process of its own. Returns its wait status.
int RunChild(const char* variable) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv(kIsChild, "yes", 1);
    if (variable != nullptr) {
      ::setenv("SMKI_FAIL_POINT", variable, 1);
    } else {
      ::unsetenv("SMKI_FAIL_POINT");
    }
    ::execl("/proc/self/exe", "unit_base", "--gtest_brief=1",
            "--gtest_filter=FailPointTest.WithoutTheVariablePassingOnesDoesNothing", nullptr);
    ::_exit(99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

bool Killed(int status) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}
bool EndedWell(int status) {
  return WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

TEST(FailPointTest, KillsAtTheNamedPoint) {
  EXPECT_TRUE(Killed(RunChild("test.point")));
  EXPECT_TRUE(Killed(RunChild("test.other")));
}

TEST(FailPointTest, KillsAtTheNthPass) {
  EXPECT_TRUE(Killed(RunChild("test.point:2")));
  EXPECT_TRUE(EndedWell(RunChild("test.point:3")));
}

TEST(FailPointTest, WithoutTheVariableOrWithAnotherNameNothingHappens) {
  EXPECT_TRUE(EndedWell(RunChild(nullptr)));
  EXPECT_TRUE(EndedWell(RunChild("test.poin")));
}

TEST(FailPointTest, AVariableThatCannotBeObeyedEndsTheProcessAtOnce) {
  for (const char* variable : {"", "test.point:0", "test.point:x", ":1"}) {
    const int status = RunChild(variable);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << variable;
  }
}

}  // namespace
}  // namespace smki
