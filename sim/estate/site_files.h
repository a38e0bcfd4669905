// The site files of a drill's processes and persons. They bind reviewed text to paths and ports; none holds a secret,
// an environment or an estate (I8).
#pragma once

#include <cstdint>
#include <string>

#include "sim/estate/folder.h"
#include "sim/estate/hierarchy.h"
#include "sim/estate/plan.h"

namespace smki::sim {

struct Ports {
  uint16_t keyguard = 0, keyguard_persons = 0, orchestrator = 0, sim = 0;
};
// Free ports on the loopback interface, all different. Nothing reserves them afterwards.
StatusOr<Ports> FindPorts();

inline constexpr char kPkcs11Module[] = "/usr/lib/softhsm/libsofthsm2.so";

Status WriteSiteFiles(const EstateFolder& folder, const EstatePlan& plan, const Hierarchy& hierarchy,
                      const Ports& ports, const std::string& runbooks);

}  // namespace smki::sim
