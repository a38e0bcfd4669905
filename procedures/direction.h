// The Direction: what the SMKI PMA directs a Recovery or Contingency key to be used for (ARCHITECTURE section 5, SEC
// L10).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "procedures/canonical.h"
#include "procedures/environment.h"

namespace smki::procedures {

struct DirectedReplacement {
  std::string cell;      // GBCS cell, "supplier/digitalSignature" (gbcs::TrustAnchorCell::ToString)
  Digest certificate{};  // SHA-256 of the DER
};
struct DirectedFloor {
  std::string role;  // GBCS role, "supplier"
  uint64_t floor = 0;
  std::optional<uint64_t> prepayment_top_up;
};
struct DirectedGroup {
  std::string name;
  std::string device_type;  // ESME, GPF, ...
  uint64_t population_count = 0;
  Digest population_digest{};
  std::vector<DirectedReplacement> replacements;  // strictly increasing by cell text: each cell exactly once
  std::vector<Digest> path_certificates;          // 1 to 3
  std::vector<DirectedFloor> floors;              // [6]: only roles whose cells are replaced, recovery excluded
  std::optional<uint64_t> authorising_floor;      // [4]: only when recovery's own cell gets a new key
  bool time_checks = true;
};
struct GuidanceFactor {  // SEC L10.9: mandatory and optional factors the PMA weighs
  std::string id;
  Quoted answer;
};
struct DirectionLimits {
  uint64_t attempts_per_device = 3;  // 1..10
  uint64_t total = 0;                // signatures, at most counters.last - counters.first + 1
  uint64_t outstanding = 0;          // signed and not yet proven
  uint64_t rate_per_second = 0;      // 1..1000000
};
struct Direction {
  std::string id;  // "DIR-..."
  Environment environment;
  std::string incident;
  uint64_t ledger_sequence = 0;  // the head it was drafted against (I3)
  Digest ledger_head{};
  std::string nonce;         // 32 hexadecimal digits
  std::string requested_by;  // person id
  UtcTime drafted;
  std::string key;  // recovery | contingency
  // Recovery: its Organisation Certificate, whose EUI-64 is the Business Originator ID. Contingency: the Root OCA
  // Certificate that Devices hold, which carries the key wrapped (SEC L10.30(e)).
  Digest key_certificate{};
  std::optional<Eui64> originator;  // contingency only: its Business Originator ID, which no certificate names
  std::string procedure;            // runbook id
  Digest procedure_digest{};
  std::string mode;                   // GBCS name, "anyExceptAbnormalRootByRecovery"
  std::vector<DirectedGroup> groups;  // 1..64, names strictly increasing
  uint64_t counter_first = 0;         // one DER length for the whole range
  uint64_t counter_last = 0;
  UtcTime not_before;
  UtcTime not_after;  // at most 30 days after not_before
  DirectionLimits limits;
  std::vector<GuidanceFactor> factors;
  Quoted rationale;

  const DirectedGroup* FindGroup(const std::string& name) const;
};

// Canonical text, at most kMaxDocument octets.
std::string RenderDirection(const Direction& direction);
// Refuses with DIRECTION_NOT_CANONICAL ("line N: expected ...") or DIRECTION_MALFORMED (a rule of the
// comments above; names the field).
StatusOr<Direction> ParseDirection(std::string_view text);
// The rules of the comments above, also for a Direction just drafted.
Status CheckDirection(const Direction& direction);

}  // namespace smki::procedures
