// A hundred seeds, and that a seed is a seed.
#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/simulation/coverage.h"
#include "tests/simulation/shrink.h"

namespace smki::simulation {
namespace {

using Played = Run;  // ::testing::Test has a Run of its own

class SimulationTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string runbooks = std::filesystem::absolute("runbooks").string();
    folder_ = fmt::format("/dev/shm/smki-simulation-test-{}", ::getpid());
    auto stage = MakeStage(folder_, SMKI_SIM_HSM, runbooks, 4);
    ASSERT_TRUE(stage.ok()) << Message(stage.status());
    stage_ = std::make_unique<Stage>(*std::move(stage));
  }
  static void TearDownTestSuite() {
    stage_.reset();
    std::filesystem::current_path("/");
    std::filesystem::remove_all(folder_);
  }
  static Played Play(uint64_t seed) {
    RunOptions options;
    options.seed = seed;
    return Simulate(*stage_, options);
  }
  static std::string Tail(const Played& run) {
    std::string out;
    for (size_t i = run.story.size() > 30 ? run.story.size() - 30 : 0; i < run.story.size(); ++i)
      out += run.story[i] + "\n";
    return out + fmt::format("Next: ./dev simulate --seed {}", run.seed);
  }

  static std::string folder_;
  static std::unique_ptr<Stage> stage_;
};
std::string SimulationTest::folder_;
std::unique_ptr<Stage> SimulationTest::stage_;

TEST_F(SimulationTest, AQuietWorldRecoversEveryDevice) {
  // The first seed in whose world people choose to recover.
  RunOptions options;
  options.quiet = true;
  options.seed = 1;
  const Played run = Simulate(*stage_, options);
  EXPECT_TRUE(run.violations.empty()) << Tail(run);
  EXPECT_TRUE(run.closed);
  EXPECT_GT(run.total, 0u);
  EXPECT_EQ(run.recovered, run.total);
  EXPECT_TRUE(run.strikes.empty());
}

TEST_F(SimulationTest, TheSameSeedGivesTheSameBytes) {
  for (const uint64_t seed : {3, 7, 22, 31}) {
    const Played first = Play(seed);
    Play(seed + 1000);  // what ran before leaves no trace
    const Played second = Play(seed);
    EXPECT_EQ(first.digest, second.digest) << "seed " << seed;
    EXPECT_EQ(first.story, second.story) << "seed " << seed;
  }
}

TEST_F(SimulationTest, LeavingOutAStrikeMovesNoOther) {
  const Played whole = Play(4);
  ASSERT_GT(whole.strikes.size(), 4u);
  RunOptions options;
  options.seed = 4;
  options.only.emplace();
  options.only->insert(whole.strikes[0].Id());
  const Played one = Simulate(*stage_, options);
  ASSERT_EQ(one.strikes.size(), 1u);
  EXPECT_EQ(one.strikes[0].Id(), whole.strikes[0].Id());
  EXPECT_EQ(one.strikes[0].time, whole.strikes[0].time);
}

TEST_F(SimulationTest, AHundredSeedsBreakNoPromise) {
  const char* wanted = std::getenv("SMKI_SEEDS");
  const uint64_t seeds = wanted == nullptr ? 100 : std::strtoull(wanted, nullptr, 10);
  Coverage coverage;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const Played run = Play(seed);
    coverage.Add(run);
    EXPECT_TRUE(run.violations.empty()) << "seed " << seed << ": " << run.violations[0].invariant << ": "
                                        << run.violations[0].what << "\n"
                                        << Tail(run);
  }
  std::printf("%s", coverage.Table().c_str());
}

}  // namespace
}  // namespace smki::simulation
