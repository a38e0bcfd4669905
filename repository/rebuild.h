// Exact restore (I7): the newest FULL, then every delta in date order up to the newest, no gap, idempotent, every
// record accounted for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "repository/store/store.h"

namespace smki::repository {

struct RebuildProgress {
  std::string file;
  uint64_t certificates = 0;
  uint64_t octets_done = 0, octets_total = 0;  // compressed
};
struct RebuildOptions {
  std::string extracts;                // folder of SMKIKR files
  std::string store;                   // path of the store to build
  std::string target_date;             // YYYY-MM-DD; empty: the newest delta there is
  pki::TrustAnchor organisation_root;  // every certificate must chain to one of the two
  pki::TrustAnchor device_root;
  std::function<void(const RebuildProgress&)> on_progress;  // may be empty
};
struct FileAccount {
  std::string file;
  Digest sha256{};
  uint64_t records = 0, added = 0, updated = 0, unchanged = 0;
};
struct RebuildReport {
  StoreSummary summary;
  std::vector<FileAccount> files;
};

// Builds `store` anew beside the old one, checks it, swaps it in. On any fault nothing changes: a missing delta date, a
// FULL that does not parse, a certificate that does not chain, a duplicate serial with another body: kDataLoss or
// kFailedPrecondition naming file, line and what to fetch.
StatusOr<RebuildReport> Rebuild(const RebuildOptions& options);

// Applies the deltas newer than the store's last one, in the same way (built beside, swapped). No new delta: report
// with no files.
StatusOr<RebuildReport> ApplyDeltas(const RebuildOptions& options);

}  // namespace smki::repository
