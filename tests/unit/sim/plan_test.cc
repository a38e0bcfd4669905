#include "sim/estate/plan.h"

#include <gmock/gmock.h>

#include <set>

namespace smki::sim {
namespace {

TEST(EstatePlan, IsTheSameForTheSameSeedAndAnotherForAnother) {
  const EstatePlan a = PlanEstate(200, 20, 7), b = PlanEstate(200, 20, 7), c = PlanEstate(200, 20, 8);
  ASSERT_EQ(a.fleet.size(), b.fleet.size());
  bool differs = false;
  for (size_t i = 0; i < a.fleet.size(); ++i) {
    EXPECT_EQ(a.fleet[i].eui, b.fleet[i].eui);
    EXPECT_EQ(a.fleet[i].type, b.fleet[i].type);
    EXPECT_EQ(a.fleet[i].supplier, b.fleet[i].supplier);
    EXPECT_EQ(a.fleet[i].file, b.fleet[i].file);
    differs = differs || a.fleet[i].supplier != c.fleet[i].supplier || a.fleet[i].type != c.fleet[i].type;
  }
  EXPECT_TRUE(differs);
}

TEST(EstatePlan, HasTheDevicesAskedForAndBystandersOfAnotherSupplier) {
  const EstatePlan plan = PlanEstate(1000, 100, 1);
  uint64_t recovered = 0, esme = 0;
  for (const DevicePlan& device : plan.fleet) {
    recovered += device.supplier == kRecoveredSupplier;
    esme += device.supplier == kRecoveredSupplier && device.type == "ESME";
  }
  EXPECT_EQ(recovered, 1000u);
  EXPECT_EQ(plan.fleet.size(), 1100u);
  EXPECT_NEAR(static_cast<double>(esme), 400, 60);
  std::set<std::string> types;
  for (const DevicePlan& device : plan.fleet) types.insert(device.type);
  EXPECT_THAT(types, ::testing::ElementsAre("CHF", "ESME", "GPF", "GSME", "HCALCS", "PPMID"));
}

TEST(EstatePlan, HasSomethingForEveryDeltaAndAStatusChangeHoweverSmall) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const EstatePlan plan = PlanEstate(1, 0, seed);
    EXPECT_EQ(plan.bystanders, 8u);
    std::set<int> files;
    bool renewed = false;
    for (const DevicePlan& device : plan.fleet) {
      files.insert(device.file);
      renewed = renewed || device.renewed;
    }
    for (int file = 0; file <= kDeltas; ++file) EXPECT_EQ(files.count(file), 1u) << "seed " << seed << " file " << file;
    EXPECT_TRUE(renewed);
  }
}

TEST(EstatePlan, GivesTheTestsOfTheTrustPolicyTheirPeople) {
  std::set<std::string> ids;
  std::map<std::string, std::string> organisation;
  for (const PersonPlan& person : PlannedPersons()) {
    EXPECT_TRUE(ids.insert(person.id).second) << person.id;
    organisation[person.id] = person.organisation;
  }
  for (const char* key : {"recovery", "contingency", "symmetric"}) EXPECT_EQ(PlannedCustodians(key).size(), 5u) << key;
  EXPECT_EQ(organisation.at("greta.pma"), organisation.at("bruno.pma"));
  EXPECT_NE(organisation.at("felix.pma"), organisation.at("anna.pma"));
}

}  // namespace
}  // namespace smki::sim
