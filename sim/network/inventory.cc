#include "sim/network/inventory.h"

#include <algorithm>

namespace smki::sim {
namespace {

// RemotePartyRole in the OU of an Organisation Certificate (GBCS.md 6.2).
constexpr char kSupplierOu[] = "02", kAcbOu[] = "04";

bool IsOf(const AnchorPtr& anchor, const char* ou) {
  return anchor->certificate && anchor->certificate->subject_ou == ou;
}

// The parties whose cells the ACB's certificates may stand in (GBCS.md 4.4).
bool IsPartysCell(gbcs::Role role) {
  return role == gbcs::Role::kSupplier || role == gbcs::Role::kNetworkOperator;
}

}  // namespace

Enrolment EnrolmentAfter(Enrolment before, const DeviceState& state, gbcs::Mode mode) {
  constexpr gbcs::TrustAnchorCell kSupplierSigning{gbcs::Role::kSupplier, gbcs::KeyUsage::kDigitalSignature,
                                                   gbcs::CellUsage::kManagement};
  const auto signing = state.cells.find(kSupplierSigning);
  if (signing != state.cells.end() && IsOf(signing->second, kSupplierOu)) before.supplier = signing->second->eui;
  const bool stands_in = std::any_of(state.cells.begin(), state.cells.end(), [](const auto& cell) {
    return IsPartysCell(cell.first.role) && IsOf(cell.second, kAcbOu);
  });
  if (stands_in) {
    before.status = kWithAcbCredentials;
  } else if (mode == gbcs::Mode::kAnyExceptAbnormalRootByRecovery || before.status == kWithAcbCredentials) {
    before.status = kRecovered;
  }
  return before;
}

}  // namespace smki::sim
