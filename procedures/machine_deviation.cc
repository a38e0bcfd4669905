// Deviations: what may be asked for, who approves it, and what comes of it (deviation.h).
#include <iterator>

#include "procedures/machine_decision.h"
#include "procedures/quorum.h"

namespace smki::procedures {
namespace {

Status NotAllowed(const std::string& detail) {
  return Refuse(Reason::kDEVIATION_NOT_ALLOWED, detail);
}

class DeviationJudgement : private Judgement {
 public:
  using Judgement::Judgement;

  Events Ask(const DeviateRequest& r) const {
    SMKI_RETURN_IF_ERROR(CheckForm(r.asked));
    if (!DigestFromHex(r.digest)) return Refuse(Reason::kBAD_REQUEST, "the deviation names no digest of its request");
    if (state_.deviations.contains(r.digest))
      return Refuse(Reason::kBAD_REQUEST, fmt::format("{} was asked for already", r.digest));
    if (state_.deviations.size() >= kMaxDeviations)
      return NotAllowed(fmt::format("{} has had {} requests for deviations", state_.id, kMaxDeviations));
    SMKI_ASSIGN_OR_RETURN(const std::string role, acting_.TeamRoleOf(r.person, "asking for a deviation"));
    SMKI_RETURN_IF_ERROR(MayBeDone(r.asked));
    Event event = Make("deviation-requested", r.asked.step, r.person, role);
    event.fields["deviation"] = Name(r.asked.kind);
    event.fields["digest"] = r.digest;
    if (!r.asked.not_after.empty()) event.fields["notAfter"] = r.asked.not_after;
    if (!r.asked.runbook.empty()) event.fields["runbook"] = r.asked.runbook;
    event.fields["why"] = r.asked.why;
    event.fields["witness"] = r.asked.witness;
    return std::vector<Event>{event};
  }

  Events Approve(const ApproveRequest& r) const {
    const auto found = state_.deviations.find(r.digest);
    if (found == state_.deviations.end())
      return Refuse(Reason::kNO_DEVIATION, fmt::format("{} knows no request {}", state_.id, r.digest));
    const DeviationState& deviation = found->second;
    if (deviation.done) return Refuse(Reason::kSTEP_ALREADY_DONE, "this deviation was approved and is done");
    if (HasMovedOn(runbook_, state_, deviation))
      return Refuse(Reason::kDEVIATION_EXPIRED,
                    fmt::format("{} asked for it at {}", deviation.requested_by, FormatTime(deviation.requested)));
    SMKI_ASSIGN_OR_RETURN(const std::string role, ApprovesAs(r.person, deviation));
    SMKI_RETURN_IF_ERROR(MayBeDone(deviation.asked));
    Event event = Make("deviation-approved", deviation.asked.step, r.person, role);
    event.fields["digest"] = r.digest;
    if (!r.text.empty()) event.fields["text"] = r.text;
    std::vector<Event> events = {std::move(event)};
    if (deviation.asked.kind == DeviationKind::kRepin) {
      const Status quorum = QuorumWith(r.person, r.digest, deviation);
      if (IsRefusal(quorum, Reason::kQUORUM_SHORT)) return events;
      SMKI_RETURN_IF_ERROR(quorum);
    }
    return Done(std::move(events), r.digest, deviation.asked);
  }

 private:
  // I4: the role in which `person` approves what another asked for.
  StatusOr<std::string> ApprovesAs(const std::string& person, const DeviationState& deviation) const {
    if (person == deviation.requested_by)
      return Refuse(Reason::kAPPROVAL_BY_REQUESTER, fmt::format("{} asked for it", person));
    std::string role = ApproverRole(policy_, deviation.asked, deviation.requested_by);
    if (role.empty()) {
      const Seat* seat = policy_.SeatOf(person);
      if (seat == nullptr)
        return Refuse(Reason::kAPPROVAL_NOT_A_MEMBER, fmt::format("'{}' has no seat in the PMA", person));
      role = seat->member == person ? "pma-member" : "pma-alternate";
    }
    SMKI_RETURN_IF_ERROR(acting_.MayActAs(person, role, "approving this deviation"));
    return role;
  }

  // I9: the PMA's quorum, as over any document of theirs.
  Status QuorumWith(const std::string& person, const std::string& digest, const DeviationState& deviation) const {
    std::vector<SignatureFinding> approvals;
    for (const auto& [approver, time] : deviation.approvals) approvals.push_back({std::nullopt, "", approver, time});
    approvals.push_back({std::nullopt, "", person, now_});
    return JudgeApprovals(policy_, ForApproval{"deviation " + digest, deviation.requested_by, deviation.requested},
                          approvals, now_);
  }

  Status MayBeDone(const Deviation& asked) const {
    if (asked.kind == DeviationKind::kRepin) return MayRepin(asked);
    SMKI_ASSIGN_OR_RETURN(const Step* step, FindStep(asked.step));
    if (asked.kind == DeviationKind::kSkip) return MaySkip(*step);
    if (asked.kind == DeviationKind::kRepeat) return MayRepeat(*step);
    return MayReorder(*step, asked.not_after);
  }

  Status MaySkip(const Step& step) const {
    if (StateOf(step).status != StepStatus::kFailed) SMKI_RETURN_IF_ERROR(MustBeReady(step));
    if (!MustCloseKey(state_, runbook_, step)) return OkStatus();
    return NotAllowed(fmt::format("'{}' closes the key, which is open: it cannot be left out", step.id));
  }

  Status MayRepeat(const Step& step) const {
    const StepStatus status = StateOf(step).status;
    if (status != StepStatus::kDone)
      return NotAllowed(fmt::format("'{}' is {}: only what is done can be repeated", step.id, Name(status)));
    // What runs was started upon it.
    const Facts ended = EndedByRepeating(runbook_, step);
    for (const Step& s : runbook_.steps) {
      const Effects effects = EffectsOf(runbook_, s);
      const bool upon = std::find(s.requires_.begin(), s.requires_.end(), step.id) != s.requires_.end() ||
                        (effects.needs | effects.needs_one_of).Meets(ended);
      if (upon && StateOf(s).status == StepStatus::kRunning)
        return NotAllowed(fmt::format("'{}' runs upon '{}': let it end first", s.id, step.id));
    }
    return OkStatus();
  }

  Status MayReorder(const Step& step, const std::string& required) const {
    if (step.when.contains(required))
      return NotAllowed(fmt::format("'{}' hangs on how '{}' ends, not on its order only", step.id, required));
    if (StateOf(step).status == StepStatus::kBlocked && Machine::WaitsFor(state_, step, required)) return OkStatus();
    return NotAllowed(fmt::format("'{}' ({}) does not wait for '{}'", step.id, Name(StateOf(step).status), required));
  }

  Status MayRepin(const Deviation& asked) const {
    if (asked.runbook == ToHex(runbook_.digest)) return NotAllowed("that runbook is pinned already");
    if (state_.key_to_close)
      return NotAllowed("the key was opened under the runbook that is pinned, and is closed under it first");
    for (const Step& s : runbook_.steps) {
      if (StateOf(s).status == StepStatus::kRunning)
        return NotAllowed(fmt::format("'{}' runs under the runbook that is pinned: let it end first", s.id));
    }
    return OkStatus();
  }

  // What comes of a deviation that is approved, after `events`.
  Events Done(std::vector<Event> events, const std::string& digest, const Deviation& asked) const {
    static constexpr const char* kKinds[] = {"step-skipped", "step-repeated", "step-reordered", "runbook-repinned"};
    Event& event = events.emplace_back(Make(kKinds[static_cast<size_t>(asked.kind)], asked.step));
    event.fields["deviation"] = digest;
    switch (asked.kind) {
      case DeviationKind::kSkip:
        event.fields["result"] = asked.why;
        return WithSkipped(std::move(events));
      case DeviationKind::kRepeat:
        event.fields["notUndone"] = FinishedUpon(asked.step);
        break;
      case DeviationKind::kReorder:
        event.fields["notAfter"] = asked.not_after;
        break;
      case DeviationKind::kRepin:
        event.fields["runbook"] = runbook_.id;
        event.fields["digest"] = asked.runbook;
        break;
    }
    return events;
  }

  // Steps that are done and, by way of whatever else, required `id`: "a, b", or "none".
  std::string FinishedUpon(const std::string& id) const {
    std::set<std::string> upon = {id};
    for (bool more = true; more;) {
      more = false;
      for (const Step& s : runbook_.steps) {
        const auto is_upon = [&](const std::string& required) { return upon.contains(required); };
        if (std::any_of(s.requires_.begin(), s.requires_.end(), is_upon)) more |= upon.insert(s.id).second;
      }
    }
    std::vector<std::string> done;
    for (const Step& s : runbook_.steps) {
      if (s.id != id && upon.contains(s.id) && StateOf(s).status == StepStatus::kDone) done.push_back(s.id);
    }
    return done.empty() ? "none" : fmt::format("{}", fmt::join(done, ", "));
  }
};

}  // namespace

Events DecideDeviation(const Machine& machine, const TrustPolicy& policy, const IncidentState& state, UtcTime now,
                       const DeviateRequest& request) {
  return DeviationJudgement(machine, policy, state, now).Ask(request);
}

Events DecideApproval(const Machine& machine, const TrustPolicy& policy, const IncidentState& state, UtcTime now,
                      const ApproveRequest& request) {
  return DeviationJudgement(machine, policy, state, now).Approve(request);
}

}  // namespace smki::procedures
