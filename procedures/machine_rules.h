// Rules that deciding and applying share. Included only by machine_*.cc.
#pragma once

#include <algorithm>

#include "procedures/machine.h"

namespace smki::procedures {

inline bool IsFinished(const StepState& s) {
  return s.status == StepStatus::kDone || s.status == StepStatus::kSkipped;
}

// Whether a step of `when` ended otherwise than this one asks, or was skipped.
inline bool IsRuledOut(const IncidentState& state, const Step& step) {
  return std::any_of(step.when.begin(), step.when.end(), [&](const auto& when) {
    const auto at = state.steps.find(when.first);
    if (at == state.steps.end() || !IsFinished(at->second)) return false;
    const std::string& outcome = at->second.kind == StepKind::kDecide ? at->second.result : "done";
    return at->second.status == StepStatus::kSkipped || outcome != when.second;
  });
}

// I5: what closes the key that is open is left out by no decision and no deviation.
inline bool MustCloseKey(const IncidentState& state, const Runbook& runbook, const Step& step) {
  return state.key_to_close && EffectsOf(runbook, step).ends.Has(Fact::kKeyOpen);
}

// What ends when `step` is to be done again: what it made, and of a Direction the key, which is open for that one only.
inline Facts EndedByRepeating(const Runbook& runbook, const Step& step) {
  const Facts made = EffectsOf(runbook, step).makes;
  return made.Has(Fact::kDirection) ? made | Fact::kKeyOpen : made;
}

// Whether `deviation` can still mean what it was asked for: its step stands as it stood then.
inline bool HasMovedOn(const Runbook& runbook, const IncidentState& state, const DeviationState& deviation) {
  if (deviation.runbook_digest != state.runbook_digest) return true;
  const Deviation& asked = deviation.asked;
  if (asked.kind == DeviationKind::kRepin) return false;
  const Step* step = runbook.Find(asked.step);
  const auto at = state.steps.find(asked.step);
  if (step == nullptr || at == state.steps.end()) return true;
  if (asked.kind == DeviationKind::kReorder && !Machine::WaitsFor(state, *step, asked.not_after)) return true;
  const StepState& stood = deviation.stood;
  return at->second.status != stood.status || at->second.attempts != stood.attempts ||
         at->second.finished != stood.finished;
}

}  // namespace smki::procedures
