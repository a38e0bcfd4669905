#include "procedures/machine.h"

#include "procedures/machine_decision.h"

namespace smki::procedures {
namespace {

constexpr Millis kClockTolerance = std::chrono::minutes(5);

// What a person asked for on a page must carry that page's sequence. Votes are CMS over the Direction itself, and
// opening has no page.
template <typename Body>
bool NeedsSequence(const Body& body) {
  if constexpr (requires { body.person; }) return !body.person.empty();
  return false;
}
bool NeedsSequence(const OpenRequest&) {
  return false;
}
bool NeedsSequence(const ApprovalRequest&) {
  return false;
}
bool NeedsSequence(const CastingRequest&) {
  return false;
}

// While paused nothing new begins; what runs may report, members may vote, the team may resume, and a deviation may be
// thought over in peace.
template <typename Body>
bool AllowedWhilePaused(const Body&) {
  return false;
}
bool AllowedWhilePaused(const ActionResult&) {
  return true;
}
bool AllowedWhilePaused(const ApprovalRequest&) {
  return true;
}
bool AllowedWhilePaused(const CastingRequest&) {
  return true;
}
bool AllowedWhilePaused(const PauseRequest&) {
  return true;
}
bool AllowedWhilePaused(const DeviateRequest&) {
  return true;
}
bool AllowedWhilePaused(const ApproveRequest&) {
  return true;
}

// One decision about one request.
class Decision : private Judgement {
 public:
  using Judgement::Judgement;

  template <typename Body>
  Events Judge(const Body& body, std::optional<uint64_t> expected) const {
    SMKI_RETURN_IF_ERROR(CheckState(body, expected));
    return On(body);
  }

 private:
  template <typename Body>
  Status CheckState(const Body& body, std::optional<uint64_t> expected) const {
    if constexpr (!std::is_same_v<Body, OpenRequest>) {
      if (!state_.open) return Refuse(Reason::kBAD_REQUEST, "no incident is open");
    }
    if (state_.closed)
      return Refuse(Reason::kINCIDENT_CLOSED, fmt::format("{} was closed at {}", state_.id, FormatTime(state_.newest)));
    if (NeedsSequence(body) && !expected)
      return Refuse(Reason::kBAD_REQUEST, "the request does not say which page it was made on (expected sequence)");
    if (expected && *expected != state_.events) {
      return Refuse(Reason::kSTALE_PAGE,
                    fmt::format("the page was read at {}, {} is at {}", *expected, state_.id, state_.events));
    }
    if (state_.paused && !AllowedWhilePaused(body)) return Refuse(Reason::kINCIDENT_PAUSED, state_.id + " is paused");
    return OkStatus();
  }

  Events On(const OpenRequest& r) const {
    if (state_.open) return Refuse(Reason::kBAD_REQUEST, state_.id + " is open already");
    if (r.incident.empty()) return Refuse(Reason::kBAD_REQUEST, "the incident has no id");
    SMKI_ASSIGN_OR_RETURN(const std::string role, acting_.TeamRoleOf(r.person, "opening an incident"));
    Event event = Make("incident-opened", "", r.person, role);
    event.fields["incident"] = r.incident;
    event.fields["runbook"] = runbook_.id;
    event.fields["digest"] = ToHex(runbook_.digest);
    for (const auto& [key, value] : r.facts) event.fields["fact." + key] = value;
    return std::vector<Event>{event};
  }

  Events On(const StartRequest& r) const {
    SMKI_ASSIGN_OR_RETURN(const Step* step, FindStep(r.step));
    if (step->kind == StepKind::kAttest || step->kind == StepKind::kDecide) {
      return Refuse(Reason::kBAD_REQUEST, fmt::format("'{}' is not started but {}", step->id,
                                                      step->kind == StepKind::kAttest ? "attested" : "decided"));
    }
    const bool again = StateOf(*step).status == StepStatus::kFailed && step->on_failure != "stop";
    if (!again) SMKI_RETURN_IF_ERROR(MustBeReady(*step));
    const auto waits = [&](const std::string& id) { return Machine::WaitsFor(state_, *step, id); };
    if (std::any_of(step->requires_.begin(), step->requires_.end(), waits)) return NotReady(*step);
    SMKI_RETURN_IF_ERROR(MustHaveFacts(*step));
    std::string role;
    if (step->actor != "system") {
      role = RoleOf(*step);
      SMKI_RETURN_IF_ERROR(acting_.MayActAs(r.person, role, fmt::format("'{}'", step->id)));
    } else if (!r.person.empty()) {
      SMKI_ASSIGN_OR_RETURN(role, acting_.TeamRoleOf(r.person, fmt::format("'{}'", step->id)));
    }
    Event event = Make("step-started", step->id, r.person, role);
    event.fields["attempt"] = fmt::format("{}", StateOf(*step).attempts + 1);
    return std::vector<Event>{event};
  }

  Events On(const DoneRequest& r) const {
    SMKI_ASSIGN_OR_RETURN(const Step* step, FindStep(r.step));
    SMKI_RETURN_IF_ERROR(MustBeOfKind(*step, StepKind::kAttest));
    SMKI_RETURN_IF_ERROR(MustBeReady(*step));
    SMKI_RETURN_IF_ERROR(acting_.MayActAs(r.person, RoleOf(*step), fmt::format("'{}'", step->id)));
    Event event = Make("step-completed", step->id, r.person, RoleOf(*step));
    event.fields["result"] = r.evidence;
    return std::vector<Event>{event};
  }

  Events On(const DecideRequest& r) const {
    SMKI_ASSIGN_OR_RETURN(const Step* step, FindStep(r.step));
    SMKI_RETURN_IF_ERROR(MustBeOfKind(*step, StepKind::kDecide));
    SMKI_RETURN_IF_ERROR(MustBeReady(*step));
    SMKI_RETURN_IF_ERROR(acting_.MayActAs(r.person, RoleOf(*step), fmt::format("'{}'", step->id)));
    if (std::find(step->choices.begin(), step->choices.end(), r.choice) == step->choices.end()) {
      return Refuse(Reason::kBAD_REQUEST, fmt::format("'{}' is decided as {}; found '{}'", step->id,
                                                      fmt::join(step->choices, " or "), r.choice));
    }
    SMKI_RETURN_IF_ERROR(CheckAnswers(runbook_, *step, r.choice, r.factors));
    Event event = Make("step-decided", step->id, r.person, RoleOf(*step));
    event.fields["choice"] = r.choice;
    for (const auto& [id, answer] : r.factors) event.fields[std::string(kFactorField) + id] = answer;
    if (!r.text.empty()) event.fields["text"] = r.text;
    return WithSkipped({std::move(event)});
  }

  Events On(const ActionResult& r) const {
    SMKI_ASSIGN_OR_RETURN(const Step* step, FindStep(r.step));
    const StepState& at = StateOf(*step);
    if (at.status != StepStatus::kRunning)
      return Refuse(Reason::kSTEP_NOT_READY, fmt::format("'{}' is {}, not running", step->id, Name(at.status)));
    if (step->kind == StepKind::kDirection && r.succeeded) SMKI_RETURN_IF_ERROR(MustHaveQuorum(*step, r));
    std::vector<Event> events;
    if (!r.outputs.empty()) {
      events.push_back(Make("output-recorded", step->id));
      events.back().fields = r.outputs;
    }
    events.push_back(Make(r.succeeded ? "step-completed" : "step-failed", step->id));
    events.back().fields["result"] = r.detail;
    return events;
  }

  Status MustHaveQuorum(const Step& step, const ActionResult& r) const {
    if (state_.cast == "reject") return Refuse(Reason::kDIRECTION_REJECTED, StateOf(step).result);
    if (state_.approvals() < policy_.approvals_needed) {
      return Refuse(Reason::kQUORUM_SHORT,
                    fmt::format("'{}' has {} of {} approvals", step.id, state_.approvals(), policy_.approvals_needed));
    }
    const auto digest = r.outputs.find("direction.digest");
    if (digest != r.outputs.end() && digest->second != StateOf(step).result) {
      return Refuse(Reason::kWRONG_DIRECTION,
                    fmt::format("the members voted on {}, the result names {}", StateOf(step).result, digest->second));
    }
    return OkStatus();
  }

  // The direction step `id`, on whose Direction `digest` one may vote now.
  StatusOr<const Step*> OpenForVotes(const std::string& id, const std::string& person,
                                     const std::string& digest) const {
    SMKI_ASSIGN_OR_RETURN(const Step* step, FindStep(id));
    SMKI_RETURN_IF_ERROR(MustBeOfKind(*step, StepKind::kDirection));
    const StepState& at = StateOf(*step);
    if (at.status == StepStatus::kBlocked) return NotReady(*step);
    if (at.status != StepStatus::kRunning) {
      return Refuse(IsFinished(at) ? Reason::kSTEP_ALREADY_DONE : Reason::kNO_DIRECTION,
                    fmt::format("'{}' is {}: nothing is open for votes", step->id, Name(at.status)));
    }
    if (!DigestFromHex(digest)) return Refuse(Reason::kBAD_REQUEST, "the vote names no digest");
    if (!at.result.empty() && at.result != digest) {
      return Refuse(Reason::kAPPROVAL_OTHER_DOCUMENT,
                    fmt::format("{} voted on {}, open is {}", person, digest, at.result));
    }
    // What the Chair has decided stands for good.
    if (!state_.cast.empty()) {
      return Refuse(state_.cast == "reject" ? Reason::kDIRECTION_REJECTED : Reason::kSTEP_ALREADY_DONE,
                    fmt::format("the Chair, {}, has decided to {} {}", state_.cast_by, state_.cast, digest));
    }
    return step;
  }

  Events On(const ApprovalRequest& r) const {
    SMKI_ASSIGN_OR_RETURN(const Step* step, OpenForVotes(r.step, r.person, r.digest));
    SMKI_ASSIGN_OR_RETURN(const std::string role, acting_.MayVote(r.person, StateOf(*step).person));
    Event event = Make(r.rejection ? "rejection-recorded" : "approval-recorded", step->id, r.person, role);
    event.fields["digest"] = r.digest;
    if (r.rejection && !r.reason.empty()) event.fields["reason"] = r.reason;
    return std::vector<Event>{event};
  }

  Events On(const CastingRequest& r) const {
    SMKI_ASSIGN_OR_RETURN(const Step* step, OpenForVotes(r.step, r.person, r.digest));
    SMKI_RETURN_IF_ERROR(acting_.MayCast(r.person, StateOf(*step).person));
    Event event = Make("casting-vote-recorded", step->id, r.person, kChairRole);
    event.fields["digest"] = r.digest;
    event.fields["decision"] = r.decision;
    event.fields["reason"] = r.reason;
    return std::vector<Event>{event};
  }

  Events On(const PauseRequest& r) const {
    if (r.resume != state_.paused)
      return Refuse(Reason::kBAD_REQUEST, state_.id + (r.resume ? " is not paused" : " is paused already"));
    SMKI_ASSIGN_OR_RETURN(const std::string role, acting_.TeamRoleOf(r.person, r.resume ? "resuming" : "pausing"));
    Event event = Make(r.resume ? "incident-resumed" : "incident-paused", "", r.person, role);
    event.fields["why"] = r.why;
    return std::vector<Event>{event};
  }

  Events On(const DeviateRequest& r) const { return DecideDeviation(machine_, policy_, state_, now_, r); }
  Events On(const ApproveRequest& r) const { return DecideApproval(machine_, policy_, state_, now_, r); }

  Events On(const CloseRequest& r) const {
    SMKI_RETURN_IF_ERROR(acting_.MayActAs(r.person, kLeadRole, "closing"));
    std::vector<std::string> open;
    std::vector<std::string> acting;
    bool running = false, failed = false, ceremony_begun = false;
    for (const Step& s : runbook_.steps) {
      const StepState& at = StateOf(s);
      if (!IsFinished(at)) open.push_back(fmt::format("'{}' ({})", s.id, Name(at.status)));
      running |= at.status == StepStatus::kRunning;
      failed |= at.status == StepStatus::kFailed;
      if (at.status == StepStatus::kRunning && s.kind == StepKind::kAction) acting.push_back(s.id);
      ceremony_begun |= s.kind == StepKind::kCeremony && at.attempts > 0;
    }
    // An incident that cannot go on may be closed as it stands, but never over an open key (I5).
    const bool can_end_here = failed && !running && !state_.key_to_close;
    // Nor need anybody attest untruthfully to end what was opened by mistake, as long as nobody was near a key.
    const bool untouched = !ceremony_begun && acting.empty() && !r.text.empty();
    if (!open.empty() && !can_end_here && !untouched) {
      if (!ceremony_begun && !acting.empty()) {
        return Refuse(Reason::kSTEP_NOT_READY, fmt::format("{} can be closed as soon as '{}' has ended", state_.id,
                                                           fmt::join(acting, "' and '")));
      }
      return Refuse(Reason::kSTEP_NOT_READY,
                    fmt::format("{} cannot be closed before {}", state_.id, fmt::join(open, ", ")));
    }
    if (state_.key_to_close)
      return Refuse(Reason::kSTEP_NOT_READY,
                    state_.id + " cannot be closed: no step has closed the key since it was opened");
    Event event = Make("incident-closed", "", r.person, kLeadRole);
    event.fields["result"] = open.empty() ? "completed" : "stopped";
    if (!r.text.empty()) event.fields["text"] = r.text;
    return std::vector<Event>{event};
  }
};

}  // namespace

StatusOr<std::vector<Event>> Machine::Decide(const IncidentState& state, const Request& request, UtcTime now) const {
  if (now + kClockTolerance < state.newest) {
    return Refuse(Reason::kCLOCK_IMPLAUSIBLE,
                  fmt::format("it is {}, but {} has seen {}", FormatTime(now), state.id, FormatTime(state.newest)));
  }
  const Decision decision(*this, policy_, state, now);
  return std::visit([&](const auto& body) { return decision.Judge(body, request.expected_sequence); }, request.body);
}

}  // namespace smki::procedures
