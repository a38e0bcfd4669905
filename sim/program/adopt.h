// The authority takes the results of key ceremonies into service: certificates for everybody under a new hierarchy.
#pragma once

#include <string>

#include "base/status.h"

namespace smki::sim {

// Folders in ESTATE/ceremonies.
struct NewHierarchyNames {
  std::string root = "root-oca-2", issuing = "issuing-oca-2", recovery = "recovery-2";
};

// While the estate's server is down: the new Issuing OCA issues from now on, root and issuing certificate and one for
// the new recovery key wait for the next delta. Doing it again changes nothing.
Status AdoptHierarchy(const std::string& estate, const NewHierarchyNames& names);

}  // namespace smki::sim
