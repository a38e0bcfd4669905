// A ledger file (docs/formats/ledger.md), read with SQLite and nothing else of ours.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::simulation {

struct LedgerEntry {
  uint64_t sequence = 0;
  UtcTime time;
  std::string incident, person, kind, payload;
  Digest previous{}, hash{};
};
// All rows in order of their sequence, as they are: nothing is checked.
StatusOr<std::vector<LedgerEntry>> ReadLedger(const std::string& file);
// The hash that an entry must have.
Digest LedgerHash(const LedgerEntry& entry);

}  // namespace smki::simulation
