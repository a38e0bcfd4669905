#include "sim/scenario/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/unit/ledger/scratch.h"

namespace smki::sim {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Shell(const std::string& script) {
  return {"/bin/sh", "-c", script};
}
std::string ReadLog(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

TEST(RunProcess, CapturesWhatIsPrintedAndTheExitCode) {
  const auto exit = RunProcess(Shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 3);
  EXPECT_EQ(exit->out, "out\n");
  EXPECT_EQ(exit->err, "err\n");
}

TEST(RunProcess, MoreThanAPipeHoldsDoesNotBlock) {
  const auto exit = RunProcess(Shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"));
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->out.size(), 300000u);
  EXPECT_EQ(exit->err.size(), 300000u);
}

TEST(RunProcess, GivesVariablesAndReplacesOurs) {
  ::setenv("SMKI_PROCESS_TEST", "ours", 1);
  const auto exit = RunProcess(Shell("echo $SMKI_PROCESS_TEST"), {"SMKI_PROCESS_TEST=given"});
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->out, "given\n");
}

TEST(RunProcess, EndsWhatTakesTooLongWithItsChildren) {
  const auto exit = RunProcess(Shell("sleep 60 & sleep 60"), {}, Millis(50));
  EXPECT_EQ(exit.status().code(), StatusCode::kDeadlineExceeded);
}

TEST(RunProcess, AProgramThatIsNotThereIsAnError) {
  EXPECT_FALSE(RunProcess({"/nothing/here"}).ok());
}

TEST(Process, IsReadyWhenItSaysSo) {
  Scratch scratch;
  const auto process =
      Process::Start(Shell("echo server ready on 1; exec sleep 60"), {}, scratch / "log", "ready", Millis(10'000));
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_TRUE((*process)->Running());
  EXPECT_EQ((*process)->Kill(), 128 + SIGKILL);
  EXPECT_FALSE((*process)->Running());
}

TEST(Process, OneThatEndsBeforeItIsReadyIsAnErrorWithItsLastWords) {
  Scratch scratch;
  const auto process =
      Process::Start(Shell("echo the token is missing >&2; exit 1"), {}, scratch / "log", "ready", Millis(10'000));
  EXPECT_THAT(Message(process.status()), HasSubstr("the token is missing"));
}

TEST(Process, WhatItPrintsLaterGoesToTheLogAndNeverBlocksIt) {
  Scratch scratch;
  auto process = Process::Start(Shell("echo ready; head -c 300000 /dev/zero | tr '\\0' x; echo end"), {},
                                scratch / "log", "ready", Millis(10'000));
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->Wait(Millis(10'000)), 0);
  process->reset();
  EXPECT_EQ(ReadLog(scratch / "log").size(), 6u + 300000u + 4u);
}

TEST(Process, StopsInOrderOrIsKilled) {
  Scratch scratch;
  const auto gentle = Process::Start(Shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"), {},
                                     scratch / "log", "ready", Millis(10'000));
  ASSERT_TRUE(gentle.ok()) << gentle.status();
  EXPECT_EQ((*gentle)->Stop(Millis(10'000)), 7);
  const auto deaf = Process::Start(Shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"), {}, scratch / "log",
                                   "ready", Millis(10'000));
  ASSERT_TRUE(deaf.ok()) << deaf.status();
  EXPECT_EQ((*deaf)->Stop(Millis(30)), 128 + SIGKILL);
}

TEST(RunProcess, EndsWithWhoStartedItEvenIfThatWasKilled) {
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const pid_t starter = ::fork();
  if (starter == 0) {
    const auto server = Process::Start({"/bin/sh", "-c", "echo ready; exec sleep 600"}, {}, "/dev/null", "ready",
                                       std::chrono::seconds(20));
    const pid_t pid = server.ok() ? (*server)->pid() : -1;
    if (::write(told[1], &pid, sizeof pid) != sizeof pid) ::_exit(1);
    while (true) ::pause();
  }
  pid_t server = -1;
  ASSERT_EQ(::read(told[0], &server, sizeof server), static_cast<ssize_t>(sizeof server));
  ASSERT_GT(server, 0);
  const int ends = static_cast<int>(::syscall(SYS_pidfd_open, server, 0));
  ASSERT_GE(ends, 0);
  pollfd poll{ends, POLLIN, 0};
  EXPECT_EQ(::poll(&poll, 1, 0), 0) << "it runs";
  ASSERT_EQ(::kill(starter, SIGKILL), 0);
  ASSERT_EQ(::waitpid(starter, nullptr, 0), starter);
  EXPECT_EQ(::poll(&poll, 1, 20'000), 1) << "left running";
  if (poll.revents == 0) ::kill(server, SIGKILL);
  ::close(ends);
}

}  // namespace
}  // namespace smki::sim
