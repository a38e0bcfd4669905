#include "tests/simulation/shrink.h"

#include <algorithm>

namespace smki::simulation {

// Delta debugging (Zeller and Hildebrandt, 2002), without its complements: leave out ever smaller pieces.
Shrunk Shrink(const Stage& stage, const RunOptions& options, const Run& failed, uint64_t most) {
  Shrunk out{failed, 0};
  const std::string invariant = failed.violations[0].invariant;
  std::vector<std::string> left;
  for (const Strike& strike : failed.strikes) left.push_back(strike.Id());
  const auto fails_with = [&](const std::vector<std::string>& strikes) {
    RunOptions fewer = options;
    fewer.on_line = {};
    fewer.only = std::set<std::string>(strikes.begin(), strikes.end());
    ++out.runs;
    Run run = Simulate(stage, fewer);
    if (run.violations.empty() || run.violations[0].invariant != invariant) return false;
    out.run = std::move(run);
    return true;
  };
  for (size_t piece = std::max<size_t>(left.size(), 1); piece > 0 && out.runs < most; piece /= 2) {
    for (size_t at = 0; at < left.size() && out.runs < most;) {
      std::vector<std::string> fewer(left.begin(), left.begin() + static_cast<ptrdiff_t>(at));
      fewer.insert(fewer.end(), left.begin() + static_cast<ptrdiff_t>(std::min(at + piece, left.size())), left.end());
      if (fails_with(fewer)) {
        left = std::move(fewer);
      } else {
        at += piece;
      }
    }
  }
  return out;
}

}  // namespace smki::simulation
