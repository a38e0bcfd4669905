// Folding events into a state. Everything here trusts nothing: events may come from a ledger that somebody touched.
#include <algorithm>
#include <iterator>

#include "procedures/machine.h"

namespace smki::procedures {
namespace {

bool IsFinished(const StepState& s) {
  return s.status == StepStatus::kDone || s.status == StepStatus::kSkipped;
}

template <typename... Args>
Status CannotFollow(const Event& event, fmt::format_string<Args...> format, Args&&... args) {
  return DataLoss("event '{}'{} cannot follow: {}", event.kind,
                  event.step.empty() ? "" : " of step '" + event.step + "'",
                  fmt::format(format, std::forward<Args>(args)...));
}

const std::string& FieldOf(const Event& event, const std::string& key) {
  static const std::string none;
  const auto it = event.fields.find(key);
  return it == event.fields.end() ? none : it->second;
}

class Fold {
 public:
  Fold(const Runbook& runbook, IncidentState& state, const Event& event)
      : runbook_(runbook), state_(state), event_(event) {}

  Status Run() {
    if (event_.time < state_.newest)
      return CannotFollow(event_, "its time {} is before {}", FormatTimeMillis(event_.time),
                          FormatTimeMillis(state_.newest));
    if (state_.closed) return CannotFollow(event_, "the incident is closed");
    if (state_.open == (event_.kind == "incident-opened")) {
      return CannotFollow(event_, "{}", state_.open ? "the incident is open already" : "no incident is open");
    }
    SMKI_RETURN_IF_ERROR(event_.step.empty() ? ApplyToIncident() : ApplyToStep());
    MakeReady();
    if (!event_.person.empty()) state_.acted[event_.person].insert(FieldOf(event_, "role"));
    ++state_.events;
    state_.newest = event_.time;
    return OkStatus();
  }

 private:
  Status ApplyToIncident() {
    if (event_.kind == "incident-opened") return Open();
    if (event_.kind == "incident-paused" || event_.kind == "incident-resumed") {
      const bool pause = event_.kind == "incident-paused";
      if (state_.paused == pause)
        return CannotFollow(event_, "the incident is {}", pause ? "paused already" : "not paused");
      state_.paused = pause;
    } else if (event_.kind == "incident-closed") {
      state_.closed = true;
      state_.closed_result = FieldOf(event_, "result");
      state_.closed_text = FieldOf(event_, "text");
    } else {
      return CannotFollow(event_, "its kind is unknown for an incident");
    }
    return OkStatus();
  }

  Status Open() {
    // I9: the procedure that an incident was opened with, and no other.
    if (FieldOf(event_, "digest") != ToHex(runbook_.digest)) {
      return CannotFollow(event_, "it pins runbook {} with SHA-256 {}, here is {}", FieldOf(event_, "runbook"),
                          FieldOf(event_, "digest"), ToHex(runbook_.digest));
    }
    state_.id = FieldOf(event_, "incident");
    state_.open = true;
    state_.opened_by = event_.person;
    state_.opened = event_.time;
    state_.runbook_digest = runbook_.digest;
    constexpr std::string_view kFact = "fact.";
    for (const auto& [key, value] : event_.fields) {
      if (key.starts_with(kFact)) state_.facts[key.substr(kFact.size())] = value;
    }
    for (const Step& step : runbook_.steps) state_.steps[step.id] = {};
    return OkStatus();
  }

  Status ApplyToStep() {
    const auto it = state_.steps.find(event_.step);
    if (it == state_.steps.end()) return CannotFollow(event_, "the runbook has no such step");
    const Step& step = *runbook_.Find(event_.step);
    StepState& at = it->second;
    const std::string& kind = event_.kind;
    using S = StepStatus;
    if (kind == "step-started") {
      if (step.kind == StepKind::kAttest || step.kind == StepKind::kDecide)
        return CannotFollow(event_, "a step of kind {} is not started", Name(step.kind));
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kReady, S::kFailed}));
      Start(at);
    } else if (kind == "step-completed") {
      SMKI_RETURN_IF_ERROR(step.kind == StepKind::kAttest ? MustBe(at, {S::kReady}) : MustBe(at, {S::kRunning}));
      Finish(at, S::kDone, FieldOf(event_, "result"));
    } else if (kind == "step-failed") {
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kRunning}));
      Finish(at, S::kFailed, FieldOf(event_, "result"));
    } else if (kind == "step-decided") {
      if (step.kind != StepKind::kDecide) return CannotFollow(event_, "it is no decide step");
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kReady}));
      Finish(at, S::kDone, FieldOf(event_, "choice"));
      at.text = FieldOf(event_, "text");
    } else if (kind == "step-skipped") {
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kBlocked, S::kReady, S::kFailed}));
      Finish(at, S::kSkipped, FieldOf(event_, "result"));
    } else if (kind == "output-recorded") {
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kRunning}));
      for (const auto& [key, value] : event_.fields) state_.outputs[key] = value;
    } else if (kind == "approval-recorded" || kind == "rejection-recorded" || kind == "casting-vote-recorded") {
      SMKI_RETURN_IF_ERROR(MustBeOpenForVotes(step, at));
      return kind == "casting-vote-recorded" ? Cast() : Vote(at, kind == "approval-recorded");
    } else {
      return CannotFollow(event_, "its kind is unknown for a step");
    }
    return OkStatus();
  }

  Status MustBe(const StepState& at, std::initializer_list<StepStatus> allowed) const {
    if (std::find(allowed.begin(), allowed.end(), at.status) != allowed.end()) return OkStatus();
    return CannotFollow(event_, "the step is {}", Name(at.status));
  }

  void Start(StepState& at) {
    at.status = StepStatus::kRunning;
    ++at.attempts;
    at.started = event_.time;
    at.finished = {};
    at.person = event_.person;
    at.result.clear();
    // A Direction drafted again has no votes yet.
    if (runbook_.Find(event_.step)->kind == StepKind::kDirection) {
      state_.approved_by.clear();
      state_.rejected_by.clear();
      state_.rejections.clear();
      state_.cast_by.clear();
      state_.cast.clear();
    }
  }

  void Finish(StepState& at, StepStatus status, const std::string& result) {
    at.status = status;
    if (at.attempts == 0) at.started = event_.time;
    at.finished = event_.time;
    if (!event_.person.empty()) at.person = event_.person;
    at.result = result;
  }

  Status MustBeOpenForVotes(const Step& step, const StepState& at) const {
    if (step.kind != StepKind::kDirection) return CannotFollow(event_, "it is no direction step");
    SMKI_RETURN_IF_ERROR(MustBe(at, {StepStatus::kRunning}));
    if (!at.result.empty() && at.result != FieldOf(event_, "digest"))
      return CannotFollow(event_, "the votes are on {}", at.result);
    if (!state_.cast.empty()) return CannotFollow(event_, "the Chair has decided");
    return OkStatus();
  }

  Status Cast() {
    const std::string& decision = FieldOf(event_, "decision");
    if (decision != "approve" && decision != "reject") return CannotFollow(event_, "it decides '{}'", decision);
    state_.cast_by = event_.person;
    state_.cast = decision;
    return OkStatus();
  }

  Status Vote(StepState& at, bool approves) {
    if (state_.approved_by.contains(event_.person) || state_.rejected_by.contains(event_.person)) {
      return CannotFollow(event_, "{} has voted", event_.person);
    }
    at.result = FieldOf(event_, "digest");
    (approves ? state_.approved_by : state_.rejected_by).insert(event_.person);
    if (!approves) state_.rejections[event_.person] = FieldOf(event_, "reason");
    return OkStatus();
  }

  void MakeReady() {
    for (const Step& step : runbook_.steps) {
      StepState& at = state_.steps.at(step.id);
      if (at.status != StepStatus::kBlocked) continue;
      const bool ready = std::all_of(step.requires_.begin(), step.requires_.end(), [&](const std::string& id) {
        const auto required = state_.steps.find(id);
        return required != state_.steps.end() && IsFinished(required->second);
      });
      if (ready) at.status = StepStatus::kReady;
    }
  }

  const Runbook& runbook_;
  IncidentState& state_;
  const Event& event_;
};

}  // namespace

std::string Name(StepStatus status) {
  static constexpr const char* kNames[] = {"blocked", "ready", "running", "done", "failed", "skipped"};
  return kNames[static_cast<size_t>(status)];
}

Status Machine::Apply(IncidentState& state, const Event& event) const {
  // On a copy: an event that cannot follow changes nothing.
  IncidentState next = state;
  SMKI_RETURN_IF_ERROR(Fold(runbook_, next, event).Run());
  state = std::move(next);
  return OkStatus();
}

std::vector<std::string> Machine::WaitingFor(const IncidentState& state, const Step& step) const {
  std::vector<std::string> out;
  const auto at = state.steps.find(step.id);
  if (at == state.steps.end() || IsFinished(at->second)) return out;
  if (at->second.status == StepStatus::kRunning && step.kind == StepKind::kDirection) {
    return {fmt::format("approvals {} of {}", state.approvals(), policy_.approvals_needed)};
  }
  std::copy_if(step.requires_.begin(), step.requires_.end(), std::back_inserter(out), [&](const std::string& id) {
    const auto required = state.steps.find(id);
    return required == state.steps.end() || !IsFinished(required->second);
  });
  return out;
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

std::vector<const Step*> Machine::Startable(const IncidentState& state) const {
  std::vector<const Step*> out;
  if (!state.open || state.paused || state.closed) return out;
  for (const Step& step : runbook_.steps) {
    if (step.actor == "system" && state.steps.at(step.id).status == StepStatus::kReady) out.push_back(&step);
  }
  return out;
}

}  // namespace smki::procedures
