// A store published again as the Code has it: SMKIKR_FULL and SMKIKR_DELT of a date, the Organisation ARL and CRL, and
// the two base sets. The same store and date give the same octets, whatever the threads (docs/formats/extract.md).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "repository/reason.h"
#include "repository/store/store.h"

namespace smki::repository {

inline constexpr int kDeltaDays = 7;  // a delta is kept so long (DOMAIN.md section 5)

struct PublishProgress {
  uint64_t certificates = 0, total = 0;
};

struct PublishOptions {
  std::string store;  // as StoreFileOf takes it
  std::string date;   // YYYY-MM-DD, not before the store's own
  std::string to;     // folder; made if absent
  bool full = true, delta = true;
  // The delta also holds every certificate that is not In-Use, whenever that came about. A FULL has only what is
  // In-Use, so only the two together are the whole store: rebuilt from them it has the same digest.
  bool whole = false;
  std::string lists = {};  // folder of revocation lists to publish; empty: none
  // The WAN providers of the two base sets; both or neither.
  std::optional<Eui64> north_wan = {}, central_south_wan = {};
  bool expire_deltas = false;  // remove deltas dated more than kDeltaDays before `date` from `to`
  bool replace = false;        // files of these names that hold something else
  std::function<void(const PublishProgress&)> on_progress = {};  // may be empty; from the caller's thread
  size_t memory = 32 << 20;                                      // octets for what is sorted
  unsigned threads = 0;                                          // 0: as many as there are cores
};

struct PublishedFile {
  std::string file;
  uint64_t octets = 0, records = 0;
  std::optional<Digest> sha256;  // not of the FULL: one stream of SHA-256 would add a fifth, on one core
  double seconds = 0;            // from the beginning until it was whole and durable
};

struct PublishReport {
  StoreSummary summary;              // of the store
  std::vector<PublishedFile> files;  // FULL, DELT, lists, base sets
  std::vector<std::string> expired;  // deltas that were removed
  std::vector<std::string> notes;    // for people
  double seconds = 0;                // of all
  uint64_t peak_anon_bytes = 0;      // of the process
};

// Every certificate's SHA-256 is checked on the way. Files take their names only when all of them are whole and
// durable; a crash in between leaves some of them, each whole. Errors with their codes (repository/reason.h), nothing
// changed: FILE_DIFFERS (without `replace`), PUBLISHER_BUSY, LIST_WRONG, STORE_DAMAGED, DISK_FULL, STORE_NOT_WRITABLE;
// without a code kInvalidArgument for options that cannot be, kFailedPrecondition for a date before the store's,
// kNotFound for a WAN provider that has no certificate In-Use.
StatusOr<PublishReport> Publish(const PublishOptions& options);

}  // namespace smki::repository
