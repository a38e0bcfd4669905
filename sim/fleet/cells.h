// Which Trust Anchor Cells each type of Device has (GBCS.md section 5). ESME's are complete in the reference messages;
// the others are recalled, not read. Data: to correct a type, correct its list.
#pragma once

#include <string>
#include <vector>

#include "gbcs/credentials.h"

namespace smki::sim {

struct DeviceType {
  std::string name;
  uint64_t share = 0;  // how many of them a drill's estate has, beside the shares of the others
  std::vector<gbcs::TrustAnchorCell> cells;
  bool HasCellOf(gbcs::Role role) const;
};
// Without those that have no cells at all (type 2 Devices, as in-home displays).
const std::vector<DeviceType>& DeviceTypes();
// Null if unknown.
const DeviceType* FindDeviceType(const std::string& name);

}  // namespace smki::sim
