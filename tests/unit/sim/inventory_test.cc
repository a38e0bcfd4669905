#include "sim/network/inventory.h"

#include <gtest/gtest.h>

#include "tests/unit/sim/small_fleet.h"

namespace smki::sim {
namespace {

constexpr Eui64 kOther(0x90B3D51F30030000);

class Inventory : public testing::Test {
 protected:
  Inventory() {
    state.cells = small.cells;
    before = {SmallFleet::Device(1), "ESME", kSupplierParty, Eui64(9), "Commissioned"};
  }
  void Hold(gbcs::Role role, Eui64 eui) {
    state.cells[SmallFleet::kSupplierCell] =
        Anchor::FromCertificate(small.pki.Organisation(role, eui, gbcs::KeyUsage::kDigitalSignature));
  }
  SmallFleet small;
  DeviceState state;
  Enrolment before;
};

TEST_F(Inventory, ADeviceIsWhosesCertificateStandsInItsSigningCell) {
  Hold(gbcs::Role::kSupplier, kOther);
  const Enrolment after = EnrolmentAfter(before, state, gbcs::Mode::kAnyExceptAbnormalRootByRecovery);
  EXPECT_EQ(after.supplier, kOther);
  EXPECT_EQ(after.status, kRecovered);
}

TEST_F(Inventory, TheBrokerStandsInWithoutTakingTheDeviceUntilItIsHandedOver) {
  Hold(gbcs::Role::kAccessControlBroker, kBrokerParty);
  const Enrolment after = EnrolmentAfter(before, state, gbcs::Mode::kAnyExceptAbnormalRootByRecovery);
  EXPECT_EQ(after.supplier, kSupplierParty);
  EXPECT_EQ(after.status, kWithAcbCredentials);
  Hold(gbcs::Role::kSupplier, kSupplierParty);
  EXPECT_EQ(EnrolmentAfter(after, state, gbcs::Mode::kSupplierBySupplier).status, kRecovered);
}

TEST_F(Inventory, APartysOwnReplacementIsNoRecovery) {
  EXPECT_EQ(EnrolmentAfter(before, state, gbcs::Mode::kSupplierBySupplier).status, "Commissioned");
}

}  // namespace
}  // namespace smki::sim
