// A person's act on an incident: the signed statement over incident, step and the page it was read from (I4).
#pragma once

#include <optional>
#include <string>

#include "cli/person.h"

namespace smki::cli {

inline constexpr char kNoStep[] = "none";      // of a statement that concerns the whole incident
inline constexpr char kNoChoice[] = "none";    // of a statement that decides nothing
inline constexpr char kNewIncident[] = "new";  // of the statement that opens one

struct Act {
  std::string incident;  // empty: the newest
  std::string step = kNoStep;
  std::string verb;  // start | done | decide | deviate | approve | pause | resume | close
  std::string choice = kNoChoice;
  std::string text;
  std::string deviation, not_after, runbook, witness;  // of deviate (procedures/deviation.h)
  std::optional<uint64_t> expected;                    // of the page that was read; absent: the page is read now
};

// The statement of an act, ready to be signed.
procedures::Statement StatementFor(const Person& person, const Act& act, uint64_t expected, UtcTime now);

StatusOr<recovery::v1::IncidentView> FetchIncident(Person& person, const std::string& incident);
// Reads the page, signs, asks.
StatusOr<recovery::v1::IncidentView> Perform(Person& person, const Act& act);

// The act that approves the deviation of `view` whose digest begins with `digest`: at least eight digits of one alone.
// What was asked for is read from the request as it was signed, whose digest is computed here: a page may lie.
struct DeviationApproval {
  Act act;
  procedures::Statement request;
};
StatusOr<DeviationApproval> ApprovalOf(const recovery::v1::IncidentView& view, const std::string& digest);

struct Opening {
  std::string runbook, party, what, request_id;
  Eui64 organisation;
  std::string successor;  // who takes the Devices over; empty: nobody
  Eui64 successor_organisation;
};
StatusOr<recovery::v1::IncidentView> OpenIncident(Person& person, const Opening& opening);

}  // namespace smki::cli
