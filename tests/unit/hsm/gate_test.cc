#include "hsm/signer/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

constexpr uint64_t kFirst = 1000;

class GateTest : public ::testing::Test {
 protected:
  GateTest() {
    direction_.groups.resize(2);
    direction_.groups[0].name = "esme";
    direction_.groups[1].name = "gpf";
    direction_.counter_first = kFirst;
    direction_.counter_last = kFirst + 999;
    direction_.limits = {3, 100, 50, 1'000'000};
  }
  static Eui64 Device(uint64_t i) { return Eui64(0x00DB000000000000 + i); }
  static procedures::Population Population(const std::string& name, uint64_t first, uint64_t count) {
    procedures::Population p{{"drill", "estate-7"}, name, {}};
    for (uint64_t i = first; i < first + count; ++i) p.devices.push_back(Device(i));
    return p;
  }
  Gate MakeGate() { return Gate(direction_, {Population("esme", 0, 100), Population("gpf", 100, 10)}); }
  std::vector<SignItem> Items(uint64_t first, uint64_t count, uint32_t attempt = 1) {
    std::vector<SignItem> items;
    for (uint64_t i = first; i < first + count; ++i) items.push_back({Device(i), attempt});
    return items;
  }
  // Admits and, as the signer does, gives what was burned a record number.
  Admission Admit(Gate& gate, const std::vector<SignItem>& items, const std::string& group = "esme") {
    auto admission = gate.Admit(group, items, now_);
    EXPECT_TRUE(admission.ok()) << admission.status();
    if (!admission->burn.empty()) {
      gate.Recorded(next_record_);
      journal_.push_back({next_record_, {{}, {}, group, 0, {}, admission->burn}});
      next_record_ += 2;
    }
    return *admission;
  }
  std::optional<Reason> RefusalOf(Gate& gate, SignItem item, const std::string& group = "esme") {
    return Admit(gate, {item}, group).items.at(0).refusal;
  }

  procedures::Direction direction_;
  std::chrono::nanoseconds now_ = seconds(1000);
  uint64_t next_record_ = 7;
  std::vector<std::pair<uint64_t, ledger::JournalBurn>> journal_;
};

TEST_F(GateTest, I1_AllocatesEachCounterOnceInOrder) {
  Gate gate = MakeGate();
  const Admission first = Admit(gate, Items(3, 2));
  const Admission second = Admit(gate, Items(101, 1), "gpf");
  EXPECT_EQ(first.items[0].counter, kFirst);
  EXPECT_EQ(first.items[1].counter, kFirst + 1);
  EXPECT_EQ(second.items[0].counter, kFirst + 2);
  ASSERT_EQ(first.burn.size(), 2u);
  EXPECT_EQ(first.burn[1].device, Device(4));
  EXPECT_EQ(first.burn[1].attempt, 1u);
  EXPECT_EQ(first.burn[1].counter, kFirst + 1);
  EXPECT_EQ(gate.burned(), 3u);
}

TEST_F(GateTest, I1_RefusesDeviceOutsideDirectedPopulation) {
  Gate gate = MakeGate();
  EXPECT_EQ(RefusalOf(gate, {Device(500), 1}), Reason::kDEVICE_NOT_IN_GROUP);
  EXPECT_EQ(gate.burned(), 0u);
}

TEST_F(GateTest, I1_RefusesDeviceOfAnotherGroup) {
  Gate gate = MakeGate();
  EXPECT_EQ(RefusalOf(gate, {Device(100), 1}, "esme"), Reason::kDEVICE_NOT_IN_GROUP);
  EXPECT_EQ(RefusalOf(gate, {Device(100), 1}, "gpf"), std::nullopt);
}

TEST_F(GateTest, I1_RefusesUnknownGroup) {
  Gate gate = MakeGate();
  EXPECT_TRUE(IsRefusal(gate.Admit("chf", Items(0, 1), now_).status(), Reason::kUNKNOWN_GROUP));
}

TEST_F(GateTest, I1_RefusesABatchThatIsTooLarge) {
  Gate gate = MakeGate();
  const std::vector<SignItem> items(kMaxBatch + 1, SignItem{Device(0), 1});
  EXPECT_TRUE(IsRefusal(gate.Admit("esme", items, now_).status(), Reason::kBATCH_TOO_LARGE));
}

TEST_F(GateTest, I1_RefusesAttemptZero) {
  Gate gate = MakeGate();
  EXPECT_EQ(RefusalOf(gate, {Device(0), 0}), Reason::kBAD_REQUEST);
}

TEST_F(GateTest, I1_RefusesAttemptsBeyondTheLimit) {
  Gate gate = MakeGate();
  for (uint32_t attempt = 1; attempt <= 3; ++attempt) EXPECT_EQ(RefusalOf(gate, {Device(0), attempt}), std::nullopt);
  EXPECT_EQ(RefusalOf(gate, {Device(0), 4}), Reason::kATTEMPT_LIMIT);
  EXPECT_EQ(gate.burned(), 3u);
}

TEST_F(GateTest, I1_RefusesAttemptsOutOfOrder) {
  Gate gate = MakeGate();
  EXPECT_EQ(RefusalOf(gate, {Device(0), 2}), Reason::kATTEMPT_OUT_OF_ORDER);
  EXPECT_EQ(RefusalOf(gate, {Device(0), 1}), std::nullopt);
  EXPECT_EQ(RefusalOf(gate, {Device(0), 3}), Reason::kATTEMPT_OUT_OF_ORDER);
}

TEST_F(GateTest, I1_RefusesBeyondTheTotal) {
  direction_.limits.total = 2;
  Gate gate = MakeGate();
  const Admission admission = Admit(gate, Items(0, 3));
  EXPECT_EQ(admission.items[2].refusal, Reason::kTOTAL_LIMIT);
  EXPECT_EQ(admission.burn.size(), 2u);
  EXPECT_EQ(RefusalOf(gate, {Device(0), 2}), Reason::kTOTAL_LIMIT);
}

TEST_F(GateTest, I1_RefusesBeyondTheOutstandingUntilProofs) {
  direction_.limits.outstanding = 2;
  Gate gate = MakeGate();
  EXPECT_EQ(Admit(gate, Items(0, 3)).items[2].refusal, Reason::kOUTSTANDING_LIMIT);
  // Another attempt for a Device that is outstanding already opens nothing further.
  EXPECT_EQ(RefusalOf(gate, {Device(0), 2}), std::nullopt);
  EXPECT_EQ(gate.outstanding(), 2u);
  ASSERT_TRUE(gate.ApplyProven(std::vector<Eui64>{Device(0)}).ok());
  EXPECT_EQ(gate.outstanding(), 1u);
  EXPECT_EQ(RefusalOf(gate, {Device(2), 1}), std::nullopt);
  EXPECT_EQ(RefusalOf(gate, {Device(3), 1}), Reason::kOUTSTANDING_LIMIT);
}

TEST_F(GateTest, I6_ADeviceIsProvenOnce) {
  Gate gate = MakeGate();
  Admit(gate, Items(0, 2));
  ASSERT_TRUE(gate.ApplyProven(std::vector<Eui64>{Device(0)}).ok());
  ASSERT_TRUE(gate.ApplyProven(std::vector<Eui64>{Device(0)}).ok());
  EXPECT_EQ(gate.proven(), 1u);
  EXPECT_EQ(gate.outstanding(), 1u);
  EXPECT_TRUE(gate.IsProven(0, Device(0)));
  EXPECT_FALSE(gate.IsProven(0, Device(1)));
}

TEST_F(GateTest, I1_RefusesFasterThanTheDirectedRate) {
  direction_.limits.rate_per_second = 10;
  Gate gate = MakeGate();
  const Admission burst = Admit(gate, Items(0, 12));
  EXPECT_EQ(burst.items[9].refusal, std::nullopt);
  EXPECT_EQ(burst.items[10].refusal, Reason::kRATE_LIMIT);
  now_ += milliseconds(100);
  const Admission later = Admit(gate, Items(10, 2));
  EXPECT_EQ(later.items[0].refusal, std::nullopt);
  EXPECT_EQ(later.items[1].refusal, Reason::kRATE_LIMIT);
  now_ += seconds(60);  // what was not used is not saved up
  const Admission much_later = Admit(gate, Items(20, 12));
  EXPECT_EQ(much_later.items[9].refusal, std::nullopt);
  EXPECT_EQ(much_later.items[10].refusal, Reason::kRATE_LIMIT);
}

TEST_F(GateTest, I2_AskedAgainGivesTheSameCounterAndBurnsNothing) {
  Gate gate = MakeGate();
  const uint64_t counter = Admit(gate, Items(5, 1)).items[0].counter;
  Admit(gate, Items(6, 1));
  Admit(gate, Items(5, 1, 2));
  const Admission again = Admit(gate, Items(5, 1));
  EXPECT_EQ(again.items[0].counter, counter);
  EXPECT_TRUE(again.burn.empty());
  EXPECT_EQ(gate.burned(), 3u);
}

TEST_F(GateTest, I2_OneDeviceTwiceInABatchIsBurnedOnce) {
  Gate gate = MakeGate();
  const Admission admission = Admit(gate, {{Device(1), 1}, {Device(1), 1}, {Device(1), 2}});
  EXPECT_EQ(admission.items[0].counter, admission.items[1].counter);
  EXPECT_EQ(admission.items[2].counter, admission.items[0].counter + 1);
  EXPECT_EQ(admission.burn.size(), 2u);
}

TEST_F(GateTest, I2_ReplayedRecordsMakeTheSameGate) {
  Gate gate = MakeGate();
  Admit(gate, Items(0, 5));
  Admit(gate, Items(100, 3), "gpf");
  Admit(gate, Items(2, 2, 2));
  ASSERT_TRUE(gate.ApplySignatures(7, 5, 4711).ok());
  ASSERT_TRUE(gate.ApplyProven(std::vector<Eui64>{Device(3), Device(101)}).ok());

  Gate replayed = MakeGate();
  for (const auto& [record, burn] : journal_) ASSERT_TRUE(replayed.ApplyBurn(record, burn).ok());
  ASSERT_TRUE(replayed.ApplySignatures(7, 5, 4711).ok());
  ASSERT_TRUE(replayed.ApplyProven(std::vector<Eui64>{Device(3), Device(101)}).ok());
  EXPECT_EQ(replayed.burned(), gate.burned());
  EXPECT_EQ(replayed.outstanding(), gate.outstanding());
  EXPECT_EQ(replayed.proven(), gate.proven());
  EXPECT_EQ(replayed.BlockOf(kFirst + 4).signatures_offset, 4711u);
  EXPECT_EQ(replayed.BlockOf(kFirst + 5).signatures_offset, 0u);
  // Both go on alike.
  const auto items = Items(0, 6, 2);
  const Admission a = *gate.Admit("esme", items, now_), b = *replayed.Admit("esme", items, now_);
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(a.items[i].refusal, b.items[i].refusal);
    EXPECT_EQ(a.items[i].counter, b.items[i].counter);
  }
}

TEST_F(GateTest, I2_RefusesRecordsThatDoNotFit) {
  Gate gate = MakeGate();
  const auto burn = [](Eui64 device, uint32_t attempt, uint64_t counter, const char* group = "esme") {
    ledger::JournalBurn b;
    b.group = group;
    b.items = {{device, attempt, counter}};
    return b;
  };
  EXPECT_FALSE(gate.ApplyBurn(0, burn(Device(0), 1, kFirst + 1)).ok());
  EXPECT_FALSE(gate.ApplyBurn(0, burn(Device(0), 2, kFirst)).ok());
  EXPECT_FALSE(gate.ApplyBurn(0, burn(Device(500), 1, kFirst)).ok());
  EXPECT_FALSE(gate.ApplyBurn(0, burn(Device(0), 1, kFirst, "chf")).ok());
  EXPECT_FALSE(gate.ApplySignatures(0, 1, 100).ok());
  EXPECT_FALSE(gate.ApplyProven(std::vector<Eui64>{Device(500)}).ok());
  ASSERT_TRUE(gate.ApplyBurn(0, burn(Device(0), 1, kFirst)).ok());
  EXPECT_FALSE(gate.ApplySignatures(0, 2, 100).ok());
  ASSERT_TRUE(gate.ApplySignatures(0, 1, 100).ok());
  EXPECT_FALSE(gate.ApplySignatures(0, 1, 100).ok());
}

TEST_F(GateTest, I2_KnowsTheItemsOfABlockForSigningThemAgain) {
  Gate gate = MakeGate();
  Admit(gate, Items(0, 2));
  Admit(gate, Items(7, 3));
  const std::vector<ledger::JournalBurnItem> items = gate.ItemsOf(gate.BlockOf(kFirst + 3));
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].device, Device(7));
  EXPECT_EQ(items[2].counter, kFirst + 4);
}

TEST_F(GateTest, I6_KnowsToWhomACounterWasGiven) {
  Gate gate = MakeGate();
  Admit(gate, Items(0, 1));
  Admit(gate, Items(100, 1), "gpf");
  EXPECT_EQ(gate.GroupOfIssued(Device(0), kFirst), 0u);
  EXPECT_EQ(gate.GroupOfIssued(Device(100), kFirst + 1), 1u);
  EXPECT_EQ(gate.GroupOfIssued(Device(0), kFirst + 1), std::nullopt);
  EXPECT_EQ(gate.GroupOfIssued(Device(0), kFirst + 2), std::nullopt);
  EXPECT_EQ(gate.GroupOfIssued(Device(0), kFirst - 1), std::nullopt);
}

}  // namespace
}  // namespace smki::hsm
