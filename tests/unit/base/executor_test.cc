#include "base/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace smki {
namespace {

using testing::ElementsAre;

class ManualExecutorTest : public testing::Test {
 protected:
  Executor::Task Note(const std::string& what) {
    return [this, what] { ran_.push_back(what); };
  }
  ManualClock clock_{UtcTime{1000}};
  ManualExecutor executor_{clock_};
  std::vector<std::string> ran_;
};

TEST_F(ManualExecutorTest, RunsInTheOrderOfPosting) {
  for (const char* name : {"a", "b", "c"}) executor_.Post(Note(name));
  EXPECT_TRUE(ran_.empty()) << "nothing runs inside Post";
  executor_.RunUntilIdle();
  EXPECT_THAT(ran_, ElementsAre("a", "b", "c"));
  EXPECT_TRUE(executor_.idle());
}

TEST_F(ManualExecutorTest, WhatATaskPostsRunsAfterWhatWasThere) {
  executor_.Post([this] {
    ran_.push_back("a");
    executor_.Post(Note("c"));
  });
  executor_.Post(Note("b"));
  executor_.RunUntilIdle();
  EXPECT_THAT(ran_, ElementsAre("a", "b", "c"));
}

TEST_F(ManualExecutorTest, TimersRunAtTheirTimeInTheirOrder) {
  executor_.PostAfter(Millis(20), Note("20"));
  executor_.PostAfter(Millis(10), [this] {
    ran_.push_back("10 at " + std::to_string(clock_.Now().ms));
    executor_.PostAfter(Millis(5), Note("15"));
  });
  executor_.PostAfter(Millis(10), Note("10 too"));
  executor_.RunUntilIdle();
  EXPECT_TRUE(ran_.empty());
  executor_.Advance(Millis(19));
  EXPECT_THAT(ran_, ElementsAre("10 at 1010", "10 too", "15"));
  EXPECT_EQ(clock_.Now().ms, 1019);
  executor_.Advance(Millis(1));
  EXPECT_EQ(ran_.back(), "20");
}

TEST_F(ManualExecutorTest, ACancelledTimerDoesNotRun) {
  const auto id = executor_.PostAfter(Millis(10), Note("never"));
  executor_.PostAfter(Millis(10), Note("still"));
  executor_.Cancel(id);
  executor_.Cancel(id);
  executor_.Advance(Millis(100));
  EXPECT_THAT(ran_, ElementsAre("still"));
}

TEST_F(ManualExecutorTest, SettingTheWallClockMovesNoTimer) {
  executor_.PostAfter(Millis(10), Note("timer"));
  clock_.SetWall(UtcTime{1000000});
  executor_.RunUntilIdle();
  EXPECT_TRUE(ran_.empty());
}

TEST(AsioExecutorTest, RunsOnOneThreadInTheOrderOfPosting) {
  AsioExecutor executor;
  std::vector<int> order;
  std::thread::id thread;
  for (int i = 0; i < 100; ++i) executor.Post([&order, i] { order.push_back(i); });
  executor.Post([&] {
    thread = std::this_thread::get_id();
    executor.Stop();
  });
  std::thread core([&] { executor.Run(); });
  const auto core_id = core.get_id();
  core.join();
  EXPECT_EQ(thread, core_id);
  std::vector<int> expected(100);
  for (int i = 0; i < 100; ++i) expected[static_cast<size_t>(i)] = i;
  EXPECT_EQ(order, expected);
}

TEST(AsioExecutorTest, TimersRunInOrderAndACancelledOneDoesNot) {
  AsioExecutor executor;
  std::vector<std::string> ran;
  const auto cancelled = executor.PostAfter(Millis(1), [&] { ran.push_back("cancelled"); });
  executor.PostAfter(Millis(4), [&] {
    ran.push_back("second");
    executor.Stop();
  });
  executor.PostAfter(Millis(2), [&] { ran.push_back("first"); });
  executor.Cancel(cancelled);
  executor.Run();
  EXPECT_THAT(ran, ElementsAre("first", "second"));
}

TEST(AsioExecutorTest, OtherThreadsMayPost) {
  AsioExecutor executor;
  int count = 0;  // only touched on the core's thread
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < 250; ++i) {
        executor.Post([&] {
          if (++count == 1000) executor.Stop();
        });
      }
    });
  }
  executor.Run();
  for (std::thread& poster : posters) poster.join();
  EXPECT_EQ(count, 1000);
}

TEST(AsioExecutorTest, EndsWithTimersStillWaiting) {
  auto kept = std::make_shared<int>(1);
  {
    AsioExecutor executor;
    executor.PostAfter(Millis(1000000), [kept] {});
    executor.Post([kept] {});
  }
  EXPECT_EQ(kept.use_count(), 1) << "tasks that never ran are released";
}

}  // namespace
}  // namespace smki
