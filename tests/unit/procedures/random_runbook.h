// Runbooks that nobody would write, for what must hold whatever the runbook says.
#pragma once

#include <random>

#include "procedures/runbook.h"
#include "procedures/words.h"

namespace smki::procedures::test {

// Random runbooks of the true actions, wired at random.
inline Runbook RandomRunbook(std::mt19937_64& random) {
  static constexpr std::pair<const char*, StepKind> kActions[] = {{"repository.rebuild", StepKind::kAction},
                                                                  {"repository.holds-certificates", StepKind::kWait},
                                                                  {"direction.draft", StepKind::kDirection},
                                                                  {"keyguard.prepare", StepKind::kCeremony},
                                                                  {"campaign.run", StepKind::kAction},
                                                                  {"keyguard.close", StepKind::kAction},
                                                                  {"authority.revoke-replaced", StepKind::kAction},
                                                                  {"authority.publish-crl", StepKind::kAction},
                                                                  {"", StepKind::kDecide},
                                                                  {"", StepKind::kAttest}};
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  Runbook out;
  out.id = "random";
  out.key = "recovery";
  out.mode = ModeOfKey("recovery");
  const size_t sparse = 1 + below(3);    // 1: everything in one line
  const size_t strange = 4 + below(60);  // one in so many does what nobody expects there
  const size_t steps = 2 + below(7);     // short ones may be in order
  for (size_t s = 0; s < steps; ++s) {
    Step step;
    // Mostly in the order in which they make sense.
    const auto& [action, kind] = kActions[below(strange) == 0 ? below(std::size(kActions)) : s];
    step.id = fmt::format("s{}", s);
    step.line = static_cast<int>(s + 1);
    step.kind = kind;
    step.action = action;
    step.actor = kind == StepKind::kAction || kind == StepKind::kCeremony || kind == StepKind::kWait ? "system"
                                                                                                     : "incident-lead";
    if (step.action == "campaign.run") step.with["wave"] = "main";
    if (kind == StepKind::kDecide) step.choices = {"x", "y"};
    step.on_failure = below(3) == 0 && kind != StepKind::kDecide ? "deviate" : "retry";
    for (size_t t = 0; t < s; ++t) {
      if (below(sparse) != 0) continue;
      step.requires_.push_back(out.steps[t].id);
      if (below(sparse * 4) == 0)
        step.when[out.steps[t].id] = out.steps[t].choices.empty() ? "done" : out.steps[t].choices[below(2)];
    }
    out.steps.push_back(std::move(step));
  }
  return out;
}

}  // namespace smki::procedures::test
