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
#include "procedures/deviation.h"
#include "procedures/facts.h"
#include "procedures/guidance.h"
#include "procedures/policy.h"
#include "procedures/reason.h"
#include "procedures/runbook.h"

namespace smki::procedures {

// One thing that happened. `fields` has the documented keys of its kind (docs/formats/incident-events.md).
struct Event {
  // incident-opened, step-started, step-completed, step-failed, step-decided, step-skipped, output-recorded,
  // approval-recorded, rejection-recorded, casting-vote-recorded, deviation-requested, deviation-approved,
  // step-repeated, step-reordered, runbook-repinned, incident-paused, incident-resumed, incident-closed
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
  StepKind kind = StepKind::kAttest;  // as the runbook has it under which it stands so
  std::string action;
  StepStatus status = StepStatus::kBlocked;
  uint64_t attempts = 0;
  UtcTime started, finished;
  std::string person;
  std::string result;     // choice made, evidence, failure text; of a running direction step: digest under vote
  std::string text;       // of a decision: what the person said to it
  FactorAnswers factors;  // of a decision: what was answered
};

// A deviation as it was asked for, and who approved it.
struct DeviationState {
  Deviation asked;
  std::string requested_by;
  UtcTime requested;
  StepState stood;          // its step, when it was asked for
  Digest runbook_digest{};  // pinned then
  std::map<std::string, UtcTime> approvals;
  bool done = false;
};

struct IncidentState {
  std::string id;
  bool open = false, paused = false, closed = false;
  std::string opened_by;
  UtcTime opened;
  Digest runbook_digest{};
  std::map<std::string, std::string> facts;  // of the notification: party, eui, keyType ...
  std::map<std::string, StepState> steps;
  Facts holds;                                       // what finished steps made, and none has ended (facts.h)
  bool key_to_close = false;                         // a ceremony opened the key and no step has closed it since (I5)
  std::map<std::string, DeviationState> deviations;  // by the SHA-256 of the signed request, in hexadecimal
  std::set<std::pair<std::string, std::string>> reordered;  // step, and the required one it does not wait for
  std::map<std::string, std::string> outputs;               // "direction.digest", "store.digest", ...
  std::map<std::string, std::set<std::string>> acted;       // person -> roles acted in (I4)
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
  FactorAnswers factors{};  // of the runbook's factors, those that are answered
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
// Asks for a deviation. Nothing changes before it is approved; it expires when its step moves on.
struct DeviateRequest {
  std::string person;
  Deviation asked;
  std::string digest;  // SHA-256 of the signed request, in hexadecimal
};
// Approves the deviation of this digest, which is then done; of a repin when the PMA's quorum is complete.
struct ApproveRequest {
  std::string person, digest;
  std::string text{};
};
// When every step is done or skipped; or earlier, if a step failed, nothing runs and no key is open (I5); or, with a
// text that says why, while no ceremony has ever begun and no action runs: a false alarm ends without untrue words.
struct CloseRequest {
  std::string person;
  std::string text{};
};
using RequestBody = std::variant<OpenRequest, StartRequest, DoneRequest, DecideRequest, ActionResult, ApprovalRequest,
                                 CastingRequest, PauseRequest, DeviateRequest, ApproveRequest, CloseRequest>;
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
  // `state`. A runbook-repinned event is applied by a machine of the new runbook.
  Status Apply(IncidentState& state, const Event& event) const;

  // For the next page: ready, running and failed steps, in runbook order.
  struct NextStep {
    const Step* step;
    StepStatus status;
    std::vector<std::string> waiting_for;  // WaitingFor
  };
  std::vector<NextStep> Next(const IncidentState& state) const;
  // What `step` waits for: ids of the required steps that are not done; of a ready one the facts it lacks, in words; of
  // a running direction step "approvals 1 of 3".
  std::vector<std::string> WaitingFor(const IncidentState& state, const Step& step) const;
  // Steps that are system actions and may be started without a person now. A failed one is not among them: to
  // try it again somebody must want to.
  std::vector<const Step*> Startable(const IncidentState& state) const;
  // Of a deviation that was asked for: "done", "waiting", or "expired" if the incident has moved on since.
  std::string StandingOf(const IncidentState& state, const DeviationState& deviation) const;
  // Whether `step` waits for the end of `required`: it requires it, no deviation lifted that, and it has not ended.
  static bool WaitsFor(const IncidentState& state, const Step& step, const std::string& required);

  const Runbook& runbook() const { return runbook_; }

 private:
  const Runbook& runbook_;
  const TrustPolicy& policy_;
};

}  // namespace smki::procedures
