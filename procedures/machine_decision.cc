#include "procedures/machine_decision.h"

namespace smki::procedures {

Event Judgement::Make(const char* kind, const std::string& step, const std::string& person,
                      const std::string& role) const {
  Event event{kind, now_, step, person, {}};
  if (!person.empty()) event.fields["role"] = role;
  return event;
}

StatusOr<const Step*> Judgement::FindStep(const std::string& id) const {
  const Step* step = runbook_.Find(id);
  if (step == nullptr)
    return Refuse(Reason::kUNKNOWN_STEP, fmt::format("runbook {} has no step '{}'", runbook_.id, id));
  return step;
}

Status Judgement::NotReady(const Step& step) const {
  std::vector<std::string> missing;
  Reason reason = Reason::kSTEP_NOT_READY;
  for (const std::string& id : step.requires_) {
    if (!Machine::WaitsFor(state_, step, id)) continue;
    const Step* required = runbook_.Find(id);
    if (required == nullptr) {
      missing.push_back(fmt::format("'{}', which the runbook does not have", id));
      continue;
    }
    const std::string who = required->actor == "system" ? "the system" : acting_.Holders(RoleOf(*required));
    missing.push_back(fmt::format("'{}' ({}; {})", id, Name(StateOf(*required).status), who));
    if (required->action == "repository.holds-certificates") reason = Reason::kCERTIFICATES_NOT_IN_REPOSITORY;
  }
  return Refuse(reason, fmt::format("'{}' waits for {}", step.id, fmt::join(missing, " and ")));
}

Status Judgement::MustBeReady(const Step& step) const {
  switch (StateOf(step).status) {
    case StepStatus::kReady:
      return OkStatus();
    case StepStatus::kBlocked:
      return NotReady(step);
    case StepStatus::kRunning:
      return Refuse(Reason::kBAD_REQUEST, fmt::format("'{}' is running already", step.id));
    case StepStatus::kFailed:
      return Refuse(Reason::kBAD_REQUEST,
                    fmt::format("'{}' has failed and its runbook says {}", step.id, step.on_failure));
    case StepStatus::kDone:
    case StepStatus::kSkipped:
      break;
  }
  return Refuse(Reason::kSTEP_ALREADY_DONE, fmt::format("'{}' is {}", step.id, Name(StateOf(step).status)));
}

Status Judgement::MustBeOfKind(const Step& step, StepKind kind) const {
  if (step.kind == kind) return OkStatus();
  return Refuse(Reason::kBAD_REQUEST,
                fmt::format("'{}' is a step of kind {}, not {}", step.id, Name(step.kind), Name(kind)));
}

Status Judgement::MustHaveFacts(const Step& step) const {
  const Effects effects = EffectsOf(runbook_, step);
  const std::string unmet = Unmet(effects, state_.holds);
  if (unmet.empty()) return OkStatus();
  const Facts missing = (effects.needs | effects.needs_one_of).Without(state_.holds);
  std::vector<std::string> makers;
  for (const Step& s : runbook_.steps) {
    if (EffectsOf(runbook_, s).makes.Meets(missing))
      makers.push_back(fmt::format("'{}' ({})", s.id, Name(StateOf(s).status)));
  }
  return Refuse(Reason::kFACT_MISSING,
                fmt::format("'{}' cannot start {}{}", step.id, unmet,
                            makers.empty() ? "; no step of this runbook makes it"
                                           : fmt::format("; that is made by {}", fmt::join(makers, ", "))));
}

Events Judgement::WithSkipped(std::vector<Event> events) const {
  const Event origin = events.back();
  IncidentState next = state_;
  for (const Event& event : events) SMKI_RETURN_IF_ERROR(machine_.Apply(next, event));
  const auto decided = origin.fields.find("choice");
  const std::string why = fmt::format("'{}' was {}", origin.step,
                                      decided == origin.fields.end() ? "skipped" : "decided: " + decided->second);
  for (bool more = true; more;) {
    more = false;
    for (const Step& s : runbook_.steps) {
      const StepState& at = next.steps.at(s.id);
      if (IsFinished(at) || at.status == StepStatus::kRunning || !IsRuledOut(next, s) ||
          MustCloseKey(next, runbook_, s))
        continue;
      events.push_back(Make("step-skipped", s.id));
      events.back().fields["result"] = why;
      SMKI_RETURN_IF_ERROR(machine_.Apply(next, events.back()));
      more = true;
    }
  }
  return events;
}

}  // namespace smki::procedures
