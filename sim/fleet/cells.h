// Which Trust Anchor Cells each type of Device has (GBCS.md section 5). ESME's are complete in the reference messages;
// the others are recalled, not read. Data: to correct a type, correct its list.
#pragma once

#include <string>
#include <vector>

#include "gbcs/credentials.h"

namespace smki::sim {

struct DeviceType {
  std::string name;
  std::vector<gbcs::TrustAnchorCell> cells;
};
const std::vector<DeviceType>& DeviceTypes();
// Null if unknown.
const DeviceType* FindDeviceType(const std::string& name);

}  // namespace smki::sim
