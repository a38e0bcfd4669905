#include "sim/fleet/fleet_store.h"

#include <gmock/gmock.h>

#include "tests/unit/sim/small_fleet.h"

namespace smki::sim {
namespace {

class Fleet : public testing::Test {
 protected:
  Fleet() : store(Must(FleetStore::Create(folder / "fleet.sqlite"))) { small.Fill(*store, 5); }
  void Reopen() {
    store.reset();
    store = Must(FleetStore::Open(folder / "fleet.sqlite"));
  }

  TemporaryFolder folder;
  SmallFleet small;
  std::unique_ptr<FleetStore> store;
};

TEST_F(Fleet, GivesBackAfterReopeningWhatWasAdded) {
  Reopen();
  const auto loaded = Must(store->Load(SmallFleet::Device(3)));
  ASSERT_NE(loaded, nullptr);
  EXPECT_EQ(loaded->device.enrolment.eui, SmallFleet::Device(3));
  EXPECT_EQ(loaded->device.enrolment.type, "ESME");
  EXPECT_EQ(loaded->device.enrolment.supplier, kSupplierParty);
  EXPECT_EQ(loaded->device.enrolment.status, "Commissioned");
  EXPECT_EQ(loaded->key.public_key(), small.keys[3]);
  ASSERT_EQ(loaded->device.state.cells.size(), small.cells.size());
  for (const auto& [cell, anchor] : small.cells) {
    EXPECT_EQ(loaded->device.state.cells.at(cell)->certificate, anchor->certificate) << cell.ToString();
  }
}

TEST_F(Fleet, KeepsARootKnownByItsKeyAlone) {
  DeviceState state;
  state.eui = SmallFleet::Device(100);
  const auto root = *gbcs::TrustAnchorCell::Parse("root/keyCertSign");
  state.cells[root] = Anchor::FromKey(small.pki.root_key.public_key());
  Transaction transaction = Must(store->Begin());
  ASSERT_TRUE(store
                  ->Add({state.eui, "GPF", Eui64(1), Eui64(2), "Commissioned"}, state,
                        Must(pki::PrivateKey::Generate()), Must(pki::PrivateKey::Generate()))
                  .ok());
  ASSERT_TRUE(store->Commit(std::move(transaction)).ok());
  Reopen();
  const AnchorPtr read = Must(store->Load(state.eui))->device.state.cells.at(root);
  EXPECT_FALSE(read->certificate);
  EXPECT_EQ(read->key, small.pki.root_key.public_key());
}

TEST_F(Fleet, KeepsCountersAndCellsOfASavedState) {
  auto loaded = Must(store->Load(SmallFleet::Device(1)));
  DeviceState& state = loaded->device.state;
  state.counters[gbcs::Role::kRecovery] = {UINT64_C(0x7FFFFFFFFFFFFFFF), {}};
  state.counters[gbcs::Role::kSupplier] = {7, {{0, 8}}};
  state.cells[SmallFleet::kSupplierCell] = Anchor::FromCertificate(small.new_supplier);
  Transaction transaction = Must(store->Begin());
  ASSERT_TRUE(store->SaveState(state).ok());
  ASSERT_TRUE(store->Commit(std::move(transaction)).ok());
  Reopen();
  const auto read = Must(store->Load(SmallFleet::Device(1)));
  EXPECT_EQ(read->device.state.counters, state.counters);
  EXPECT_EQ(*read->device.state.cells.at(SmallFleet::kSupplierCell)->certificate, small.new_supplier);
  EXPECT_EQ(read->device.accepted, 1u);
}

TEST_F(Fleet, WritesAnAnchorAgainWhenItsTransactionWasUndone) {
  auto loaded = Must(store->Load(SmallFleet::Device(1)));
  loaded->device.state.cells[SmallFleet::kSupplierCell] = Anchor::FromCertificate(small.new_supplier);
  {
    const Transaction undone = Must(store->Begin());
    ASSERT_TRUE(store->SaveState(loaded->device.state).ok());
  }
  Transaction transaction = Must(store->Begin());
  ASSERT_TRUE(store->SaveState(loaded->device.state).ok());
  ASSERT_TRUE(store->Commit(std::move(transaction)).ok());
  Reopen();
  EXPECT_EQ(*Must(store->Load(SmallFleet::Device(1)))->device.state.cells.at(SmallFleet::kSupplierCell)->certificate,
            small.new_supplier);
}

TEST_F(Fleet, ListsInOrderPageByPageAndBySupplier) {
  const auto page = Must(store->List(SmallFleet::Device(1), 2, Eui64()));
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].enrolment.eui, SmallFleet::Device(2));
  EXPECT_EQ(page[1].enrolment.eui, SmallFleet::Device(3));
  EXPECT_EQ(Must(store->List(Eui64(), 100, kSupplierParty)).size(), 5u);
  EXPECT_TRUE(Must(store->List(Eui64(), 100, Eui64(4711))).empty());
}

TEST_F(Fleet, NumbersResponsesWithoutGapsAndLandsDelayedOnesInTheOrderOfTheirDueTime) {
  Transaction transaction = Must(store->Begin());
  ASSERT_TRUE(store->AppendInFlight(UtcTime{30}, SmallFleet::Device(3), Bytes{3}).ok());
  ASSERT_TRUE(store->AppendInFlight(UtcTime{20}, SmallFleet::Device(2), Bytes{2}).ok());
  ASSERT_TRUE(store->AppendInFlight(UtcTime{40}, SmallFleet::Device(4), Bytes{4}).ok());
  ASSERT_TRUE(store->AppendResponse(SmallFleet::Device(1), Bytes{1}).ok());
  EXPECT_TRUE(Must(store->Land(UtcTime{30})));
  EXPECT_FALSE(Must(store->Land(UtcTime{30})));
  ASSERT_TRUE(store->Commit(std::move(transaction)).ok());
  Reopen();
  const auto responses = Must(store->Responses(0, 100));
  ASSERT_EQ(responses.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(responses[i].sequence, i + 1);
    EXPECT_EQ(responses[i].message, Bytes{static_cast<uint8_t>(i + 1)});
  }
  EXPECT_EQ(Must(store->NextDue()), UtcTime{40});
  EXPECT_EQ(Must(store->Responses(2, 100)).size(), 1u);
}

TEST_F(Fleet, RefusesASecondProcess) {
  const auto second = FleetStore::Open(folder / "fleet.sqlite");
  EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(second.status()), testing::HasSubstr("in use by another process"));
}

TEST_F(Fleet, NeverWritesOverAnExistingFile) {
  EXPECT_EQ(FleetStore::Create(folder / "fleet.sqlite").status().code(), StatusCode::kAlreadyExists);
}

TEST_F(Fleet, SaysWhereThereIsNone) {
  EXPECT_EQ(FleetStore::Open(folder / "nothing.sqlite").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace smki::sim
