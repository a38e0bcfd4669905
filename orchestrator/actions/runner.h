// Starts the system's steps and brings what came of them back into the incident: intent, effect, outcome (I2).
//
// Core's thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "orchestrator/actions/action.h"
#include "orchestrator/actions/direction_action.h"

namespace smki::orchestrator {

class Runner {
 public:
  explicit Runner(Core& core) : core_(core) {}

  // Starts every step that the system may start now, and goes on with every step left running (after a restart). Called
  // after each change.
  void Advance(Incident& incident);
  // The entries that start a step, to be made durable together with its step-started event.
  std::vector<ledger::NewEntry> IntentFor(const Incident& incident, const procedures::Step& step) const;
  // The action of a running step; null if there is none.
  Action* Find(const Incident& incident, const std::string& step) const;
  // The action that takes votes at the moment; null if none does.
  DirectionAction* TakesVotes(const Incident& incident) const;

 private:
  using Key = std::pair<std::string, std::string>;  // incident, step
  void StartReadySteps(Incident& incident);
  void Launch(Incident& incident, const procedures::Step& step);
  void Complete(Incident& incident, const procedures::ActionResult& result);

  // Later, if this still lives: the ledger may take it then.
  void Again(std::function<void()> task);

  Core& core_;
  std::map<Key, std::unique_ptr<Action>> actions_;
  Lifeline lifeline_;
};

}  // namespace smki::orchestrator
