// What an incident waits for, and what can be done now.
#include "procedures/machine_rules.h"

namespace smki::procedures {

std::string Name(StepStatus status) {
  static constexpr const char* kNames[] = {"blocked", "ready", "running", "done", "failed", "skipped"};
  return kNames[static_cast<size_t>(status)];
}

std::vector<std::string> Machine::WaitingFor(const IncidentState& state, const Step& step) const {
  std::vector<std::string> out;
  const auto at = state.steps.find(step.id);
  if (at == state.steps.end() || IsFinished(at->second)) return out;
  if (at->second.status == StepStatus::kRunning && step.kind == StepKind::kDirection) {
    return {fmt::format("approvals {} of {}", state.approvals(), policy_.approvals_needed)};
  }
  for (const std::string& id : step.requires_) {
    if (WaitsFor(state, step, id)) out.push_back(id);
  }
  const bool could_start = at->second.status == StepStatus::kReady || at->second.status == StepStatus::kFailed;
  const std::string unmet = Unmet(EffectsOf(runbook_, step), state.holds);
  if (out.empty() && could_start && !unmet.empty()) out.push_back("it cannot start " + unmet);
  return out;
}

bool Machine::WaitsFor(const IncidentState& state, const Step& step, const std::string& required) {
  if (std::find(step.requires_.begin(), step.requires_.end(), required) == step.requires_.end()) return false;
  if (state.reordered.contains({step.id, required})) return false;
  const auto at = state.steps.find(required);
  return at == state.steps.end() || !IsFinished(at->second);
}

std::vector<Machine::NextStep> Machine::Next(const IncidentState& state) const {
  std::vector<NextStep> out;
  if (!state.open || state.closed) return out;
  for (const Step& step : runbook_.steps) {
    const StepStatus status = state.steps.at(step.id).status;
    if (status == StepStatus::kReady || status == StepStatus::kRunning || status == StepStatus::kFailed) {
      out.push_back({&step, status, WaitingFor(state, step)});
    }
  }
  return out;
}

std::string Machine::StandingOf(const IncidentState& state, const DeviationState& deviation) const {
  if (deviation.done) return "done";
  return state.closed || HasMovedOn(runbook_, state, deviation) ? "expired" : "waiting";
}

std::vector<const Step*> Machine::Startable(const IncidentState& state) const {
  std::vector<const Step*> out;
  if (!state.open || state.paused || state.closed) return out;
  for (const Step& step : runbook_.steps) {
    if (step.actor == "system" && state.steps.at(step.id).status == StepStatus::kReady &&
        Unmet(EffectsOf(runbook_, step), state.holds).empty())
      out.push_back(&step);
  }
  return out;
}

}  // namespace smki::procedures
