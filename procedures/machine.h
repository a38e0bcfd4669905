// The incident as a pure state machine: Decide says what a request would change, Apply changes it. Same events,
// same state. No I/O, no clock, no thread: the orchestrator makes events durable in the ledger between the two.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "procedures/policy.h"
#include "procedures/reason.h"
#include "procedures/runbook.h"

namespace smki::procedures {

// One thing that happened. `fields` has the documented keys of its kind (docs/formats/incident-events.md).
struct Event {
  // incident-opened, step-started, step-completed, step-failed, step-decided, step-skipped, output-recorded,
  // approval-recorded, rejection-recorded, casting-vote-recorded, incident-paused, incident-resumed, incident-closed
  std::string kind;
  UtcTime time;
  std::string step;    // empty if it concerns the whole incident
  std::string person;  // empty: the system
  std::map<std::string, std::string> fields;
  friend bool operator==(const Event&, const Event&) = default;
};

enum class StepStatus { kBlocked, kReady, kRunning, kDone, kFailed, kSkipped };
std::string Name(StepStatus status);

struct StepState {
  StepStatus status = StepStatus::kBlocked;
  uint64_t attempts = 0;
  UtcTime started, finished;
  std::string person;
  std::string result;  // choice made, evidence, failure text; of a running direction step: digest under vote
  std::string text;    // of a decision: what the person said to it
};

struct IncidentState {
  std::string id;
  bool open = false, paused = false, closed = false;
  std::string opened_by;
  UtcTime opened;
  Digest runbook_digest{};
  std::map<std::string, std::string> facts;  // of the notification: party, eui, keyType ...
  std::map<std::string, StepState> steps;
  std::map<std::string, std::string> outputs;          // "direction.digest", "store.digest", ...
  std::map<std::string, std::set<std::string>> acted;  // person -> roles acted in (I4)
  std::set<std::string> approved_by, rejected_by;
  std::map<std::string, std::string> rejections;  // person -> reason
  std::string cast_by, cast;                      // the Chair, and approve or reject; empty: no casting vote
  // Votes that count to approve: the Chair's is one.
  size_t approvals() const { return approved_by.size() + (cast == "approve" ? 1 : 0); }
  std::string closed_result, closed_text;
  uint64_t events = 0;  // count applied: the expected sequence that requests carry
  UtcTime newest;
};

// What people and the system ask for.
struct OpenRequest {
  std::string incident, person;
  std::map<std::string, std::string> facts;
};
// Starts an action, direction, ceremony or wait step, or retries a failed one. Without person: the system.
struct StartRequest {
  std::string step, person;
};
struct DoneRequest {  // attest
  std::string step, person, evidence;
};
struct DecideRequest {
  std::string step, person, choice;
  std::string text{};
};
struct ActionResult {  // from the system
  std::string step;
  bool succeeded = true;
  std::string detail;
  std::map<std::string, std::string> outputs;
};
struct ApprovalRequest {  // a verified approval or rejection of the Direction
  std::string step, person, digest;
  bool rejection = false;
  std::string reason{};  // of a rejection
};
struct CastingRequest {  // a verified casting vote of the Chair, over exactly the votes recorded
  std::string step, person, digest;
  std::string decision;  // approve | reject
  std::string reason{};
};
struct PauseRequest {
  std::string person;
  bool resume = false;
  std::string why;
};
// Skips a step; the runbook must allow it (onFailure: deviate).
struct DeviateRequest {
  std::string step, person, why;
};
// When every step is done or skipped; or earlier, if a step failed, nothing runs and no key is open (I5); or, with a
// text that says why, while no ceremony has ever begun and no action runs: a false alarm ends without untrue words.
struct CloseRequest {
  std::string person;
  std::string text{};
};
using RequestBody = std::variant<OpenRequest, StartRequest, DoneRequest, DecideRequest, ActionResult, ApprovalRequest,
                                 CastingRequest, PauseRequest, DeviateRequest, CloseRequest>;
struct Request {
  RequestBody body;
  std::optional<uint64_t> expected_sequence;  // must equal state.events if given; required from people
};

class Machine {
 public:
  // Both must outlive the machine.
  Machine(const Runbook& runbook, const TrustPolicy& policy) : runbook_(runbook), policy_(policy) {}

  // The events that `request` causes, or a refusal that names the missing prerequisite and who can provide it.
  StatusOr<std::vector<Event>> Decide(const IncidentState& state, const Request& request, UtcTime now) const;
  // Applies an event that Decide produced (or that was read back from the ledger). DataLoss if it cannot follow
  // `state`.
  Status Apply(IncidentState& state, const Event& event) const;

  // For the next page: ready, running and failed steps, in runbook order.
  struct NextStep {
    const Step* step;
    StepStatus status;
    std::vector<std::string> waiting_for;  // WaitingFor
  };
  std::vector<NextStep> Next(const IncidentState& state) const;
  // What `step` waits for: ids of the required steps that are not done; of a running direction step "approvals 1 of 3".
  std::vector<std::string> WaitingFor(const IncidentState& state, const Step& step) const;
  // Steps that are system actions and may be started without a person now. A failed one is not among them: to
  // try it again somebody must want to.
  std::vector<const Step*> Startable(const IncidentState& state) const;

  const Runbook& runbook() const { return runbook_; }

 private:
  const Runbook& runbook_;
  const TrustPolicy& policy_;
};

}  // namespace smki::procedures
