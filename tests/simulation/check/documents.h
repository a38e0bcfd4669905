// The signed documents and the trust policy, as far as the checks need them: read from canonical text
// (docs/formats/signed-documents.md, direction.md, trust-policy.md).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"
#include "tests/simulation/check/text_reader.h"

namespace smki::simulation {

struct Seat {
  std::string name, member;
  std::vector<std::string> alternates;
};
struct PolicyPerson {
  std::string organisation;
  std::vector<std::string> roles;
  Bytes signing;  // certificate
  bool Has(const std::string& role) const;
};
struct PolicyKey {
  uint64_t threshold = 0;
  std::vector<std::string> custodians;
};
struct Policy {
  uint64_t version = 0;
  Digest digest{}, previous{};
  std::string environment, estate;
  uint64_t needed = 0, withdrawals_needed = 0;
  bool one_vote_per_organisation = false;
  std::vector<Seat> seats;
  std::map<std::string, PolicyPerson> persons;
  std::map<std::string, PolicyKey> keys;
  std::vector<std::string> retired;  // key identifiers
  struct Allowed {
    std::string procedure, key;
    Digest digest{};
    std::vector<std::string> modes;
  };
  std::vector<Allowed> allowed;
  std::vector<std::pair<std::string, std::string>> conflicts;
  Bytes keyguard, orchestrator, persons_authority;  // certificates
  Millis revocation_list_max_age{0};
  std::string unchanging;  // what a custody change must leave as it is

  // Null if the person has no seat.
  const Seat* SeatOf(const std::string& person) const;
  // The role in which the holder of a seat votes.
  std::string VotingRole(const std::string& person) const;
};
StatusOr<Policy> ReadPolicy(std::string_view text);

struct Floor {
  std::string role;
  uint64_t floor = 0;
  std::optional<uint64_t> prepayment;
};
struct Group {
  std::string name;
  uint64_t count = 0;
  Digest population{};
  std::vector<std::pair<std::string, Digest>> replacements;  // cell, certificate
  std::vector<Digest> path;
  std::vector<Floor> floors;
  std::optional<uint64_t> authorising_floor;
  bool time_checks = true;
};
struct Direction {
  std::string id, environment, estate, incident, nonce, requested_by, key, procedure, mode;
  uint64_t ledger_sequence = 0;
  Digest ledger_head{};
  UtcTime drafted, not_before, not_after;
  Digest certificate{}, procedure_digest{};
  std::vector<Group> groups;
  uint64_t first = 0, last = 0;  // counters
  uint64_t attempts = 0, total = 0, outstanding = 0, rate = 0;

  const Group* Find(const std::string& group) const;
};
StatusOr<Direction> ReadDirection(std::string_view text);

struct Order {
  std::string order, environment, estate, person;
  Digest direction{};
  UtcTime time;
};
StatusOr<Order> ReadOrder(std::string_view text);

struct Rejection {
  std::string environment, estate, person;
  Digest direction{};
};
StatusOr<Rejection> ReadRejection(std::string_view text);

struct Statement {
  std::string environment, estate, incident, step, verb, choice, person, text;
  std::string deviation, not_after, witness;   // empty: it asks for none
  std::map<std::string, std::string> factors;  // what a decision answers
  uint64_t expected_sequence = 0;
  UtcTime time;
  Digest digest{};  // of the text
};
StatusOr<Statement> ReadStatement(std::string_view text);

struct CeremonyRequest {
  Digest digest{};  // of the text
  std::string environment, estate, id, incident, direction_id, key;
  Digest direction{}, policy{}, journal_head{}, ledger_head{};
  uint64_t policy_version = 0, threshold = 0, devices = 0, total = 0, journal_records = 0;
  UtcTime keyguard_time, expires;
};
StatusOr<CeremonyRequest> ReadCeremonyRequest(std::string_view text);

struct Presentation {
  std::string environment, estate, ceremony, key, person;
  Digest request{}, envelope{};
};
StatusOr<Presentation> ReadPresentation(std::string_view text);

}  // namespace smki::simulation
