// What every decision rests on: who may act, how steps stand, what an outcome rules out. Included only by machine.cc
// and machine_deviation.cc.
#pragma once

#include "procedures/acting.h"
#include "procedures/machine_rules.h"

namespace smki::procedures {

using Events = StatusOr<std::vector<Event>>;

// One request's view of one incident. Keeps references only.
class Judgement {
 public:
  Judgement(const Machine& machine, const TrustPolicy& policy, const IncidentState& state, UtcTime now)
      : machine_(machine),
        runbook_(machine.runbook()),
        policy_(policy),
        state_(state),
        acting_(policy, state),
        now_(std::max(now, state.newest)) {}

  Event Make(const char* kind, const std::string& step = "", const std::string& person = "",
             const std::string& role = "") const;
  // The party itself has no role here; the operator records what it did.
  static std::string RoleOf(const Step& step) { return step.actor == "party" ? kOperatorRole : step.actor; }

  StatusOr<const Step*> FindStep(const std::string& id) const;
  const StepState& StateOf(const Step& step) const { return state_.steps.at(step.id); }
  // Names each missing step, how it stands and who can provide it.
  Status NotReady(const Step& step) const;
  Status MustBeReady(const Step& step) const;
  Status MustBeOfKind(const Step& step, StepKind kind) const;
  // FACT_MISSING, with what the step lacks and which steps make it.
  Status MustHaveFacts(const Step& step) const;
  // `events`, and the skipping of every step that the last of them rules out by its `when`.
  Events WithSkipped(std::vector<Event> events) const;

 protected:
  const Machine& machine_;
  const Runbook& runbook_;
  const TrustPolicy& policy_;
  const IncidentState& state_;
  const Acting acting_;
  const UtcTime now_;  // never behind what the incident has already seen
};

// machine_deviation.cc
Events DecideDeviation(const Machine& machine, const TrustPolicy& policy, const IncidentState& state, UtcTime now,
                       const DeviateRequest& request);
Events DecideApproval(const Machine& machine, const TrustPolicy& policy, const IncidentState& state, UtcTime now,
                      const ApproveRequest& request);

}  // namespace smki::procedures
