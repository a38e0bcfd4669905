// A rehearsal in a temporary folder, for tests of whole recoveries.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/scenario/rehearsal.h"
#include "tests/harness/estate.h"

namespace smki::test {

class Drill : public ::testing::Test {
 protected:
  static constexpr uint64_t kDevices = 24;

  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "smki-drill-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    sim::RehearsalOptions options;
    options.folder = folder_ + "/estate";
    options.programs = BuildFolder() + "/bin";
    options.runbooks = "runbooks";
    options.devices = kDevices;
    rehearsal_ = std::make_unique<sim::Rehearsal>(options);
    const Status generated = rehearsal_->Generate();
    ASSERT_TRUE(generated.ok()) << Message(generated);
  }
  void TearDown() override {
    rehearsal_.reset();
    std::error_code ignored;
    if (!HasFailure()) std::filesystem::remove_all(folder_, ignored);
    if (HasFailure()) std::cerr << "the estate and its logs are kept in " << folder_ << "\n";
  }
  // Everything that must hold after any recovery, however it went.
  void ExpectRecovered() {
    const auto verified = rehearsal_->VerifyEvidence();
    ASSERT_TRUE(verified.ok()) << Message(verified.status());
    EXPECT_EQ((*verified)["verdict"], "verified") << verified->dump(2);
    for (const auto server : {sim::ServerName::kOrchestrator, sim::ServerName::kKeyguard, sim::ServerName::kSim})
      rehearsal_->Stop(server);
    const auto fleet = rehearsal_->VerifyFleet();
    ASSERT_TRUE(fleet.ok()) << Message(fleet.status());
    fleet_ = *fleet;
    EXPECT_EQ(fleet_["devices"], kDevices) << fleet_.dump(2);
    EXPECT_EQ(fleet_["recovered"], kDevices) << fleet_.dump(2);
    EXPECT_EQ(fleet_["touched_bystanders"], 0) << fleet_.dump(2);
  }

  std::string folder_;
  std::unique_ptr<sim::Rehearsal> rehearsal_;
  nlohmann::json fleet_;
};

}  // namespace smki::test
