// The recoveries that can be rehearsed, as data: which runbook, about whom, what the parties do by themselves
// meanwhile, and what must hold at the end.
#pragma once

#include <string>
#include <vector>

namespace smki::sim {

// What the staff of a party do before a person attests `step`: `smki-sim COMMAND... --estate FOLDER --party PARTY`.
// Done again if it fails, until it succeeds.
struct PartyAct {
  std::string step;
  std::string party;
  std::vector<std::string> command;
};

// What the DCC's own staff do before a person attests `step`: PROGRAM ARGUMENT..., where {estate} and {runbooks} stand
// for those folders. Each once, in order.
struct StaffAct {
  std::string step, program;
  std::vector<std::string> arguments;
  bool while_down = false;  // the estate's server is stopped meanwhile
};

// A part of the rehearsal with a name: until `step` is done. Empty: until the incident is closed.
struct ScenarioPhase {
  std::string title;
  std::string step;
};

struct Scenario {
  std::string name;
  std::string runbook;
  std::string party, organisation;                // whom the incident is about, and its EUI-64
  std::string successor, successor_organisation;  // who takes over; empty: nobody
  std::string what;                               // what is notified
  std::vector<StaffAct> staff;
  std::vector<PartyAct> acts;
  std::vector<ScenarioPhase> phases;
  bool directed = true;  // by the PMA, with the Recovery key
  bool proven = false;   // to a fleet.proven step, by Devices that others commanded
  // At the end, of every Device of the party: whose certificates it holds, under whom the inventory lists it, and with
  // which status.
  std::string holder, listed_under, status;
  bool hierarchy = false;  // or every Device there is holds certificates under the new root, and nothing else
};

const std::vector<Scenario>& Scenarios();
// Null if there is none of this name.
const Scenario* FindScenario(const std::string& name);
// "method-3, further-use": for people who asked for another.
std::string ScenarioNames();

}  // namespace smki::sim
