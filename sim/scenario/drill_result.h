// What a drill found, for a tired incident lead and for scripts (docs/formats/drill-result.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/time.h"

namespace smki::sim {

struct DrillPhase {
  std::string name;
  Millis took{0};
};
struct DrillCheck {
  std::string name;  // "every Device recovered, says the orchestrator"
  bool held = false;
  std::string detail;  // why not
};
struct DrillResult {
  std::string scenario;
  uint64_t seed = 0;
  uint64_t total = 0, recovered = 0, half_replaced = 0, refused = 0, silent = 0;
  std::vector<DrillPhase> phases;
  std::vector<std::pair<std::string, uint64_t>> refusals;  // code, count; sorted by code
  uint64_t signatures = 0, keyguard_refusals = 0;
  uint64_t ledger_entries = 0;
  std::string ledger_head;
  bool ledger_verified = false;
  uint64_t certificates = 0;
  std::string repository_digest;
  std::string evidence;
  std::string folder;
  std::string anchor;
  std::vector<DrillCheck> checks;
  std::string failure;  // what ended the drill early; empty if nothing did

  // Every check was made and held.
  bool passed() const;
};

nlohmann::ordered_json ToJson(const DrillResult& result);
// The last page: recovered or not, what was refused, where the evidence is, what to do next.
std::string ToText(const DrillResult& result, bool colour);
// "1.2 s", "3 min 20 s".
std::string Took(Millis duration);

}  // namespace smki::sim
