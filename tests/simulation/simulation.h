// One run: a whole world under one seed, from the opening of an incident until it is closed, faults and all, and then
// the judgement.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hsm/pkcs11/module.h"
#include "tests/simulation/check/checks.h"
#include "tests/simulation/estate.h"
#include "tests/simulation/world/fates.h"

namespace smki::simulation {

// What all runs of this process share.
struct Stage {
  LoadedHsm hsm;
  std::shared_ptr<hsm::pkcs11::Module> module;
  std::vector<EstateImage> estates;  // a seed takes one of them
  std::string scratch;               // a folder of our own, on a fast disk
  std::string runbook;               // text of method-3.yaml
};
// `folder` is made; it is the caller's to remove. `estates` of them, each with some Devices more than the one before.
StatusOr<Stage> MakeStage(const std::string& folder, const std::string& hsm_library, const std::string& runbooks,
                          size_t estates);

struct RunOptions {
  uint64_t seed = 1;
  bool quiet = false;                               // nothing goes wrong
  std::optional<std::set<std::string>> only;        // the strikes that may happen; none: all
  std::set<Fault> without;                          // kinds that do not happen
  std::function<void(const std::string&)> on_line;  // the story, as it happens; may be empty
};

struct Run {
  uint64_t seed = 0;
  std::vector<Violation> violations;
  std::vector<Strike> strikes;
  std::vector<std::string> story;
  std::string temper;
  Digest digest{};  // of all that happened
  bool closed = false;
  uint64_t recovered = 0, total = 0;
  Millis simulated{0};
  uint64_t events = 0;
};
Run Simulate(const Stage& stage, const RunOptions& options);

}  // namespace smki::simulation
