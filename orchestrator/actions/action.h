// What the system does for a step. An action is started after its intent is in the ledger and reports exactly once;
// after a crash it is started again and must find out by itself how far it had come (I2).
//
// Core's thread only. An action is destroyed after it has reported, or with the orchestrator; callbacks that come
// later do nothing (lifeline).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/core.h"
#include "orchestrator/lifeline.h"
#include "procedures/machine.h"

namespace smki::orchestrator {

class Action {
 public:
  struct Context {
    Core& core;
    Incident& incident;
    const procedures::Step& step;
    std::function<void(procedures::ActionResult)> report;
  };

  explicit Action(Context context) : context_(std::move(context)) {}
  virtual ~Action() = default;
  Action(const Action&) = delete;
  Action& operator=(const Action&) = delete;

  virtual void Start() = 0;
  // For people: what the step waits for at the moment.
  virtual std::vector<std::string> WaitingFor() const { return {}; }
  virtual void SetPaused(bool) {}

 protected:
  using Outputs = std::map<std::string, std::string>;
  Core& core() { return context_.core; }
  const Core& core() const { return context_.core; }
  Incident& incident() { return context_.incident; }
  const Incident& incident() const { return context_.incident; }
  const procedures::Step& step() const { return context_.step; }
  const procedures::StepState& step_state() const { return context_.incident.state.steps.at(context_.step.id); }

  void Succeed(const std::string& detail, Outputs outputs = {}) {
    Report({step().id, true, detail, std::move(outputs)});
  }
  // Records a refusal if the status carries a reason code.
  void Fail(const Status& status) {
    core().refusals.Record(incident().state.id, "", step().action, status);
    Report({step().id, false, Message(status), {}});
  }
  // Runs `f` after `delay`, if this still lives.
  template <typename F>
  void After(Millis delay, F f) {
    core().outside.executor.PostAfter(delay, lifeline_.Guard(std::move(f)));
  }
  template <typename F>
  auto Guard(F f) const {
    return lifeline_.Guard(std::move(f));
  }

 private:
  void Report(procedures::ActionResult result) {
    if (reported_) return;
    reported_ = true;
    context_.report(std::move(result));
  }

  Context context_;
  bool reported_ = false;
  Lifeline lifeline_;
};

// By the name a runbook gives it; null if it is unknown (the linter refuses such a runbook).
std::unique_ptr<Action> MakeAction(Action::Context context);

// The makers, by family.
std::unique_ptr<Action> MakeRepositoryAction(Action::Context context);
std::unique_ptr<Action> MakeDirectionAction(Action::Context context);
std::unique_ptr<Action> MakeKeyguardAction(Action::Context context);
std::unique_ptr<Action> MakeCampaignAction(Action::Context context);
std::unique_ptr<Action> MakeAuthorityAction(Action::Context context);
std::unique_ptr<Action> MakeReportAction(Action::Context context);
std::unique_ptr<Action> MakeHierarchyAction(Action::Context context);
std::unique_ptr<Action> MakeProofAction(Action::Context context);

}  // namespace smki::orchestrator
