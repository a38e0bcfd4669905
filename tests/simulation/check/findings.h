// Where the checks say what they found. The same sentence is kept once, and at most kMost in all: a world that has gone
// wrong goes on being wrong.
#pragma once

#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/check/checks.h"

namespace smki::simulation {

class Findings {
 public:
  static constexpr size_t kMost = 200;

  template <typename... Args>
  void Say(const char* invariant, fmt::format_string<Args...> format, Args&&... args) {
    std::string what = fmt::format(format, std::forward<Args>(args)...);
    if (violations_.size() >= kMost || !said_.insert(invariant + what).second) return;
    violations_.push_back({invariant, std::move(what)});
  }
  const std::vector<Violation>& violations() const { return violations_; }

 private:
  std::vector<Violation> violations_;
  std::set<std::string> said_;
};

}  // namespace smki::simulation
