// The shortest story that still breaks the same promise: of all that went wrong in a run, what must go wrong.
#pragma once

#include "tests/simulation/simulation.h"

namespace smki::simulation {

struct Shrunk {
  Run run;            // with the strikes that are left
  uint64_t runs = 0;  // that it took
};
// `failed` has a violation. Makes at most `most` runs; each takes as long as a run takes.
Shrunk Shrink(const Stage& stage, const RunOptions& options, const Run& failed, uint64_t most);

}  // namespace smki::simulation
