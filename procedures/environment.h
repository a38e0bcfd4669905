// I8: drills cannot bite. Every artefact carries the environment and estate it belongs to; all must be equal.
#pragma once

#include <string>

namespace smki::procedures {

struct Environment {
  std::string kind;    // production | drill | test
  std::string estate;  // estate id, e.g. "estate-7"
  friend bool operator==(const Environment&, const Environment&) = default;
  std::string ToString() const { return kind + "/" + estate; }
  bool IsKnownKind() const { return kind == "production" || kind == "drill" || kind == "test"; }
};

}  // namespace smki::procedures
