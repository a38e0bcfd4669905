#include "orchestrator/actions/runner.h"

#include <spdlog/spdlog.h>

#include "base/fail_point.h"
#include "orchestrator/incident/event_codec.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

using procedures::Reason;
using procedures::StepStatus;

constexpr Millis kAgain{5000};

// The ledger cannot take anything now: a full disk, a wrong clock. What happened is to be said later; anything else is
// a judgement.
bool MayPass(const Status& status) {
  return ReasonOf(status).empty() || procedures::IsRefusal(status, Reason::kAUDIT_NOT_DURABLE) ||
         procedures::IsRefusal(status, Reason::kCLOCK_IMPLAUSIBLE);
}

ledger::v1::ActionRecord RecordOf(const procedures::Step& step, uint64_t attempt) {
  ledger::v1::ActionRecord record;
  record.set_step(step.id);
  record.set_action(step.action);
  record.set_attempt(attempt);
  return record;
}

}  // namespace

std::vector<ledger::NewEntry> Runner::IntentFor(const Incident& incident, const procedures::Step& step) const {
  const auto at = incident.state.steps.find(step.id);
  const uint64_t attempt = (at == incident.state.steps.end() ? 0 : at->second.attempts) + 1;
  std::vector<ledger::NewEntry> out;
  out.push_back(MakeEntry(incident.state.id, "", "action.intent", RecordOf(step, attempt)));
  return out;
}

void Runner::Advance(Incident& incident) {
  if (incident.state.closed) {
    // What still waited for something waits no more.
    std::erase_if(actions_, [&](const auto& action) { return action.first.first == incident.state.id; });
    return;
  }
  StartReadySteps(incident);
  for (const procedures::Step& step : incident.runbook.steps) {
    const auto found = actions_.find({incident.state.id, step.id});
    const bool running = incident.state.steps.at(step.id).status == StepStatus::kRunning;
    if (running && found == actions_.end()) Launch(incident, step);
    if (running && found != actions_.end()) found->second->SetPaused(incident.state.paused);
  }
}

void Runner::StartReadySteps(Incident& incident) {
  while (!incident.state.paused && !incident.state.closed) {
    const auto startable = incident.machine.Startable(incident.state);
    if (startable.empty()) return;
    const procedures::Step& step = *startable.front();
    const Status started = core_.book.Change(incident, {procedures::StartRequest{step.id, ""}, std::nullopt}, {},
                                             IntentFor(incident, step));
    if (!started.ok()) {
      spdlog::error("{}: step {} cannot be started: {}", incident.state.id, step.id, Message(started));
      if (MayPass(started)) Again([this, &incident] { Advance(incident); });
      return;
    }
  }
}

void Runner::Launch(Incident& incident, const procedures::Step& step) {
  spdlog::info("{}: {} ({})", incident.state.id, step.id, step.action);
  auto report = [this, &incident](procedures::ActionResult result) {
    // Posted: an action is never destroyed while it is on the stack.
    core_.outside.executor.Post(lifeline_.Guard([this, &incident, result] { Complete(incident, result); }));
  };
  auto action = MakeAction({core_, incident, step, report});
  if (action == nullptr) return report({step.id, false, "this version knows no action " + step.action, {}});
  Action* raw = action.get();
  actions_[{incident.state.id, step.id}] = std::move(action);
  raw->Start();
}

void Runner::Complete(Incident& incident, const procedures::ActionResult& result) {
  FailPoint("orchestrator.action.effect-done");
  const procedures::Step& step = *incident.runbook.Find(result.step);
  ledger::v1::ActionRecord outcome = RecordOf(step, incident.state.steps.at(step.id).attempts);
  outcome.set_outcome(result.succeeded ? "succeeded" : "failed");
  outcome.set_detail(result.detail);
  std::vector<ledger::NewEntry> before;
  before.push_back(MakeEntry(incident.state.id, "", "action.outcome", outcome));
  const Status changed = core_.book.Change(incident, {result, std::nullopt}, std::move(before));
  if (!changed.ok() && MayPass(changed) && !incident.state.closed) {
    spdlog::error("{}: the result of step {} cannot be recorded now: {}", incident.state.id, step.id, Message(changed));
    return Again([this, &incident, result] { Complete(incident, result); });
  }
  actions_.erase({incident.state.id, result.step});
  if (!changed.ok()) {
    spdlog::error("{}: the result of step {} is not accepted: {}", incident.state.id, step.id, Message(changed));
    return;
  }
  spdlog::info("{}: {} {}: {}", incident.state.id, step.id, result.succeeded ? "done" : "failed", result.detail);
  Advance(incident);
}

void Runner::Again(std::function<void()> task) {
  core_.outside.executor.PostAfter(kAgain, lifeline_.Guard(std::move(task)));
}

Action* Runner::Find(const Incident& incident, const std::string& step) const {
  const auto it = actions_.find({incident.state.id, step});
  return it == actions_.end() ? nullptr : it->second.get();
}

DirectionAction* Runner::TakesVotes(const Incident& incident) const {
  for (const procedures::Step& step : incident.runbook.steps) {
    if (step.kind != procedures::StepKind::kDirection) continue;
    if (auto* action = dynamic_cast<DirectionAction*>(Find(incident, step.id))) return action;
  }
  return nullptr;
}

}  // namespace smki::orchestrator
