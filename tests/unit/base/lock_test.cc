#include "base/lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace smki {
namespace {

class LockTest : public testing::Test {
 protected:
  LockTest() { SMKI_CHECK(::mkdtemp(folder_.data()) != nullptr); }
  ~LockTest() override { std::filesystem::remove_all(folder_); }
  StatusOr<FileLock> Take(Millis wait = Millis(0)) { return FileLock::Take(folder_ + "/lock", wait, "it is in use"); }

  std::string folder_ = std::filesystem::temp_directory_path() / "smki-lock-XXXXXX";
};

TEST_F(LockTest, OneHoldsItAtATime) {
  {
    const auto first = Take();
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = Take(Millis(20));
    EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(second.status().message(), "it is in use");
  }
  EXPECT_TRUE(Take().ok());
}

TEST_F(LockTest, AKilledHolderGivesItBackWhileWeWait) {
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = Take();
    if (!held.ok() || ::write(told[1], "x", 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(told[0], &byte, 1), 1);
  EXPECT_FALSE(Take().ok());
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  EXPECT_TRUE(Take(Millis(10'000)).ok());
  ::waitpid(child, nullptr, 0);
}

TEST_F(LockTest, TellsWhereItCannotLock) {
  const auto lock = FileLock::Take(folder_ + "/none/lock", Millis(0), "");
  EXPECT_NE(std::string(lock.status().message()).find(folder_ + "/none/lock"), std::string::npos);
}

}  // namespace
}  // namespace smki
