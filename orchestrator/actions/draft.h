// Drafts a Direction from what is known: pure, so that the same facts give the same text. What is drafted is only a
// proposal: the PMA members' own tools compute the brief from population and Repository, and the signer judges all of
// it.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/actions/directed_use.h"
#include "orchestrator/settings.h"
#include "procedures/machine.h"
#include "repository/store/store.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::orchestrator {

struct DraftInputs {
  const procedures::TrustPolicy& policy;
  const procedures::Runbook& runbook;
  const procedures::IncidentState& incident;
  const repository::Store& store;
  const std::vector<estate::v1::Device>& devices;  // of the organisation, from the Inventory
  const DirectionSettings& settings;
  std::string requested_by;
  const pki::Certificate* new_root = nullptr;  // contingency: accepted from its key ceremony
  uint64_t counter_floor = 0;                  // of the keyguard: every counter must be above
  uint64_t ledger_sequence = 0;                // the newest entry (I3)
  Digest ledger_head{};
  UtcTime now;
  Bytes nonce;  // 16 random octets
};

// CERTIFICATES_NOT_IN_REPOSITORY as long as the store lacks the certificates that the runbook's direction step places
// (its own new ones, the ACB's, a successor's: holder.h); other refusals as CheckDirection
// and CheckMaterials. Groups: one for each device type and set of supplier cells; no other cell is ever touched.
StatusOr<DirectedUse> DraftDirection(const DraftInputs& inputs);

// The lowest range of `count` counters above `floor`, all of one DER length (GBCS.md 1.4).
struct CounterRange {
  uint64_t first = 0, last = 0;
};
CounterRange CountersAbove(uint64_t floor, uint64_t count);

}  // namespace smki::orchestrator
