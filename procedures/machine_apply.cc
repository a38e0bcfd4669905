// Folding events into a state. Everything here trusts nothing: events may come from a ledger that somebody touched.
#include "procedures/machine_rules.h"
#include "procedures/quorum.h"

namespace smki::procedures {
namespace {

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
  Fold(const Runbook& runbook, const TrustPolicy& policy, IncidentState& state, const Event& event)
      : runbook_(runbook), policy_(policy), state_(state), event_(event) {}

  Status Run() {
    if (event_.time < state_.newest)
      return CannotFollow(event_, "its time {} is before {}", FormatTimeMillis(event_.time),
                          FormatTimeMillis(state_.newest));
    if (state_.closed) return CannotFollow(event_, "the incident is closed");
    if (state_.open == (event_.kind == "incident-opened")) {
      return CannotFollow(event_, "{}", state_.open ? "the incident is open already" : "no incident is open");
    }
    // I9: whoever folds has the runbook that is pinned, or the one that becomes so.
    if (state_.open && event_.kind != "runbook-repinned" && state_.runbook_digest != runbook_.digest)
      return CannotFollow(event_, "pinned is the runbook with SHA-256 {}, here is {}", ToHex(state_.runbook_digest),
                          ToHex(runbook_.digest));
    if (event_.kind == "deviation-requested") {
      SMKI_RETURN_IF_ERROR(Ask());
    } else if (event_.kind == "deviation-approved") {
      SMKI_RETURN_IF_ERROR(Approve());
    } else {
      SMKI_RETURN_IF_ERROR(event_.step.empty() ? ApplyToIncident() : ApplyToStep());
    }
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
      if (state_.key_to_close) return CannotFollow(event_, "no step has closed the key since it was opened");  // I5
      state_.closed = true;
      state_.closed_result = FieldOf(event_, "result");
      state_.closed_text = FieldOf(event_, "text");
    } else if (event_.kind == "runbook-repinned") {
      return Repin();
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
    for (const Step& step : runbook_.steps) state_.steps[step.id] = NewStep(step);
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
      SMKI_RETURN_IF_ERROR(MustBeReadyToStart(step));
      Start(at);
    } else if (kind == "step-completed") {
      SMKI_RETURN_IF_ERROR(step.kind == StepKind::kAttest ? MustBe(at, {S::kReady}) : MustBe(at, {S::kRunning}));
      Finish(at, S::kDone, FieldOf(event_, "result"));
      FoldFacts(step);
    } else if (kind == "step-failed") {
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kRunning}));
      Finish(at, S::kFailed, FieldOf(event_, "result"));
    } else if (kind == "step-decided") {
      if (step.kind != StepKind::kDecide) return CannotFollow(event_, "it is no decide step");
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kReady}));
      SMKI_RETURN_IF_ERROR(TakeAnswers(step, at));
      Finish(at, S::kDone, FieldOf(event_, "choice"));
      at.text = FieldOf(event_, "text");
    } else if (kind == "step-skipped") {
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kBlocked, S::kReady, S::kFailed}));
      SMKI_RETURN_IF_ERROR(MayBeLeftOut(step));
      Finish(at, S::kSkipped, FieldOf(event_, "result"));
    } else if (kind == "step-repeated") {
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kDone}));
      SMKI_RETURN_IF_ERROR(Deviate(DeviationKind::kRepeat));
      Repeat(step, at);
    } else if (kind == "step-reordered") {
      SMKI_RETURN_IF_ERROR(MustBe(at, {S::kBlocked}));
      if (step.when.contains(FieldOf(event_, "notAfter")))
        return CannotFollow(event_, "it hangs on how '{}' ends", FieldOf(event_, "notAfter"));
      SMKI_RETURN_IF_ERROR(Deviate(DeviationKind::kReorder));
      state_.reordered.insert({step.id, FieldOf(event_, "notAfter")});
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

  Status TakeAnswers(const Step& step, StepState& at) const {
    FactorAnswers answers;
    for (const auto& [key, value] : event_.fields) {
      if (key.starts_with(kFactorField)) answers[key.substr(kFactorField.size())] = value;
    }
    const Status answered = CheckAnswers(runbook_, step, FieldOf(event_, "choice"), answers);
    if (!answered.ok()) return CannotFollow(event_, "{}", Message(answered));
    at.factors = std::move(answers);
    return OkStatus();
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

  // --- facts ---

  Status MustBeReadyToStart(const Step& step) const {
    for (const std::string& id : step.requires_) {
      if (Machine::WaitsFor(state_, step, id)) return CannotFollow(event_, "it waits for '{}'", id);
    }
    const std::string unmet = Unmet(EffectsOf(runbook_, step), state_.holds);
    return unmet.empty() ? OkStatus() : CannotFollow(event_, "it starts {}", unmet);
  }

  void FoldFacts(const Step& step) {
    const Effects effects = EffectsOf(runbook_, step);
    state_.holds = state_.holds.Without(effects.ends) | effects.makes;
    if (effects.makes.Has(Fact::kKeyOpen)) state_.key_to_close = true;
    if (effects.ends.Has(Fact::kKeyOpen)) state_.key_to_close = false;
  }

  // --- deviations ---

  Status Ask() {
    const auto kind = DeviationKindFrom(FieldOf(event_, "deviation"));
    if (!kind) return CannotFollow(event_, "'{}' is no kind of deviation", FieldOf(event_, "deviation"));
    DeviationState deviation;
    deviation.asked = {*kind,
                       event_.step,
                       FieldOf(event_, "notAfter"),
                       FieldOf(event_, "runbook"),
                       FieldOf(event_, "why"),
                       FieldOf(event_, "witness")};
    if (const Status form = CheckForm(deviation.asked); !form.ok()) return CannotFollow(event_, "{}", Message(form));
    if (!event_.step.empty() && !state_.steps.contains(event_.step))
      return CannotFollow(event_, "the runbook has no such step");
    if (!event_.step.empty()) deviation.stood = state_.steps.at(event_.step);
    deviation.requested_by = event_.person;
    deviation.requested = event_.time;
    deviation.runbook_digest = state_.runbook_digest;
    if (!state_.deviations.emplace(FieldOf(event_, "digest"), deviation).second)
      return CannotFollow(event_, "it was asked for already");
    return OkStatus();
  }

  Status Approve() {
    const auto found = state_.deviations.find(FieldOf(event_, "digest"));
    if (found == state_.deviations.end()) return CannotFollow(event_, "nobody asked for it");
    DeviationState& deviation = found->second;
    if (deviation.done || event_.person.empty() || event_.person == deviation.requested_by ||
        deviation.asked.step != event_.step)
      return CannotFollow(event_, "{} asked for it, {} cannot approve it so", deviation.requested_by, event_.person);
    const std::string role = ApproverRole(policy_, deviation.asked, deviation.requested_by);
    if (!role.empty() && FieldOf(event_, "role") != role)
      return CannotFollow(event_, "it is approved as {}, not as {}", role, FieldOf(event_, "role"));
    if (!deviation.approvals.emplace(event_.person, event_.time).second)
      return CannotFollow(event_, "{} has approved it", event_.person);
    return OkStatus();
  }

  // The event is what comes of a deviation of this kind, which is approved and not yet done.
  Status Deviate(DeviationKind kind) {
    const auto found = state_.deviations.find(FieldOf(event_, "deviation"));
    if (found == state_.deviations.end()) return CannotFollow(event_, "nobody asked for that deviation");
    DeviationState& deviation = found->second;
    const Deviation& asked = deviation.asked;
    if (deviation.done || asked.kind != kind || asked.step != event_.step ||
        (kind == DeviationKind::kReorder && asked.not_after != FieldOf(event_, "notAfter")) ||
        (kind == DeviationKind::kRepin && asked.runbook != FieldOf(event_, "digest")))
      return CannotFollow(event_, "another deviation was asked for, or it is done");
    SMKI_RETURN_IF_ERROR(MustBeApproved(deviation));
    deviation.done = true;
    return OkStatus();
  }

  Status MustBeApproved(const DeviationState& deviation) const {
    if (deviation.approvals.empty()) return CannotFollow(event_, "nobody approved that deviation");
    if (deviation.asked.kind != DeviationKind::kRepin) return OkStatus();
    std::vector<SignatureFinding> approvals;
    for (const auto& [person, time] : deviation.approvals) approvals.push_back({std::nullopt, "", person, time});
    const Status quorum =
        JudgeApprovals(policy_, ForApproval{"it", deviation.requested_by, deviation.requested}, approvals, event_.time);
    return quorum.ok() ? OkStatus() : CannotFollow(event_, "{}", Message(quorum));
  }

  // By a deviation, or because of how another step ended; never what closes an open key.
  Status MayBeLeftOut(const Step& step) {
    if (MustCloseKey(state_, runbook_, step)) return CannotFollow(event_, "it closes the key, which is open");
    if (event_.fields.contains("deviation")) return Deviate(DeviationKind::kSkip);
    return IsRuledOut(state_, step) ? OkStatus() : CannotFollow(event_, "nothing rules it out");
  }

  void Repeat(const Step& step, StepState& at) {
    state_.holds = state_.holds.Without(EndedByRepeating(runbook_, step));
    const uint64_t attempts = at.attempts;
    at = NewStep(step);
    at.attempts = attempts;
  }

  // I9: what has ended stays as it ended where the new runbook has the same step; all else is new.
  Status Repin() {
    if (FieldOf(event_, "digest") != ToHex(runbook_.digest))
      return CannotFollow(event_, "it pins a runbook with SHA-256 {}, here is {}", FieldOf(event_, "digest"),
                          ToHex(runbook_.digest));
    if (FieldOf(event_, "runbook") != runbook_.id)
      return CannotFollow(event_, "the incident runs {}, this is {}", FieldOf(event_, "runbook"), runbook_.id);
    if (state_.key_to_close) return CannotFollow(event_, "the key is open");
    SMKI_RETURN_IF_ERROR(Deviate(DeviationKind::kRepin));
    std::map<std::string, StepState> steps;
    for (const Step& step : runbook_.steps) {
      const auto before = state_.steps.find(step.id);
      steps[step.id] = before != state_.steps.end() && IsKept(step, before->second) ? before->second : NewStep(step);
    }
    for (const auto& [id, at] : state_.steps) {
      if (at.status == StepStatus::kRunning) return CannotFollow(event_, "'{}' is running", id);
    }
    state_.steps = std::move(steps);
    state_.runbook_digest = runbook_.digest;
    LeaveOutWhatIsRuledOut();
    return OkStatus();
  }

  bool IsKept(const Step& step, const StepState& before) const {
    if (before.kind != step.kind || before.action != step.action) return false;
    if (step.kind != StepKind::kDecide || before.status != StepStatus::kDone) return true;
    // A choice that is gone decides nothing, nor one whose answers are not those that are asked for now.
    return std::find(step.choices.begin(), step.choices.end(), before.result) != step.choices.end() &&
           CheckAnswers(runbook_, step, before.result, before.factors).ok();
  }

  void LeaveOutWhatIsRuledOut() {
    for (bool more = true; more;) {
      more = false;
      for (const Step& step : runbook_.steps) {
        StepState& at = state_.steps.at(step.id);
        if (IsFinished(at) || !IsRuledOut(state_, step)) continue;
        Finish(at, StepStatus::kSkipped, "ruled out by what was done under the runbook before");
        more = true;
      }
    }
  }

  static StepState NewStep(const Step& step) {
    StepState out;
    out.kind = step.kind;
    out.action = step.action;
    return out;
  }

  // Blocked and ready follow from the rest.
  void MakeReady() {
    for (const Step& step : runbook_.steps) {
      StepState& at = state_.steps.at(step.id);
      if (at.status != StepStatus::kBlocked && at.status != StepStatus::kReady) continue;
      const bool waits = std::any_of(step.requires_.begin(), step.requires_.end(),
                                     [&](const std::string& id) { return Machine::WaitsFor(state_, step, id); });
      at.status = waits ? StepStatus::kBlocked : StepStatus::kReady;
    }
  }

  const Runbook& runbook_;
  const TrustPolicy& policy_;
  IncidentState& state_;
  const Event& event_;
};

}  // namespace

Status Machine::Apply(IncidentState& state, const Event& event) const {
  // On a copy: an event that cannot follow changes nothing.
  IncidentState next = state;
  SMKI_RETURN_IF_ERROR(Fold(runbook_, policy_, next, event).Run());
  state = std::move(next);
  return OkStatus();
}

}  // namespace smki::procedures
