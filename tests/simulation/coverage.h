// Which faults met which kinds of steps: what no seed has tried, no seed has tested.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/simulation/simulation.h"

namespace smki::simulation {

class Coverage {
 public:
  void Add(const Run& run);
  // A line for each fault: how often it struck while a step of each kind was under way; and the combinations that were
  // never met.
  std::string Table() const;
  std::vector<std::string> NeverMet() const;
  // "kill" -> "action" -> count
  const std::map<std::string, std::map<std::string, uint64_t>>& met() const { return met_; }

 private:
  std::map<std::string, std::map<std::string, uint64_t>> met_;
};

}  // namespace smki::simulation
