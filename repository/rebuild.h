// Exact restore (I7): the newest FULL, then every delta in date order up to the newest, no gap, idempotent, every
// record accounted for. Memory does not grow with the number of certificates.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "repository/plan.h"
#include "repository/reason.h"
#include "repository/store/store.h"

namespace smki::repository {

// Above so many rejects the files are not what they should be, and nobody reads the list.
inline constexpr uint64_t kMostTolerated = 100'000;

struct RebuildProgress {
  std::string stage;  // reading, sorting, writing
  std::string file;
  uint64_t records = 0;                        // read so far
  uint64_t octets_done = 0, octets_total = 0;  // of the files, as they are
};

struct RebuildOptions {
  std::string extracts;                // folder of SMKIKR files and revocation lists
  std::string store;                   // what to build, as StoreFileOf takes it
  std::string target_date;             // YYYY-MM-DD; empty: the newest delta there is
  pki::TrustAnchor organisation_root;  // every certificate must chain to one of the two
  pki::TrustAnchor device_root;
  std::function<void(const RebuildProgress&)> on_progress = {};  // may be empty; from any thread, one at a time
  Verify verify = Verify::kFull;
  std::vector<std::string> files = {};  // names in `extracts` or paths; empty: what is in `extracts`
  int overlap_days = 1;                 // deltas of so many days before the FULL's are applied if they are there
  std::string today = {};               // files dated later are refused; empty: any date
  uint64_t tolerance = 0;               // rejected records that do not fail the rebuild, at most kMostTolerated
  std::string archive = {};             // folder of deltas that the Repository keeps no longer; empty: none
  std::string rejects_file = {};        // empty: the store's name with ".rejects.jsonl"
  size_t memory = 32 << 20;             // octets for each of the three things that are sorted
  unsigned threads = 0;                 // 0: as many as there are cores
  // Roots that a recovery is about to put in the place of organisation_root; certificates may chain to them as well.
  std::vector<pki::TrustAnchor> more_organisation_roots = {};
  // Missing deltas are left out and named. Only for an incident in which two persons signed that it may be so.
  bool allow_gap = false;
};

struct FileAccount {
  std::string file;
  std::string date;
  Digest sha256{};  // of the file; zeros with Verify::kStructure
  uint64_t records = 0, loaded = 0, superseded = 0, unchanged = 0, rejected = 0;
  std::map<std::string, uint64_t> superseded_by;  // file: records of this one that it superseded
};

struct RejectedRecord {
  Reject code;
  std::string detail;  // may be empty
  std::string file;
  uint64_t offset = 0;  // octets of XML before the record
  std::string serial;   // hexadecimal, empty if it cannot be read
};

struct RebuildReport {
  StoreSummary summary;
  std::vector<FileAccount> files;       // in the order they were applied
  std::vector<std::string> missing;     // deltas that were not there and are left out; see allow_gap
  std::vector<std::string> not_needed;  // deltas from before the FULL
  std::vector<RejectedRecord> rejects;
  std::string rejects_file;        // where they are listed; empty if there are none
  std::vector<std::string> notes;  // what was not checked, and why, for people
  uint64_t peak_anon_bytes = 0;    // of the process
};

// Builds `store` anew beside the old one and swaps it in. A file that cannot be believed as a whole, a missing day, a
// full disk: an error with its code (repository/reason.h), and nothing has changed. More rejected records than the
// tolerance: the error's code is REJECTS, the reject file says which. `report`, if given, is filled in as far as it
// went, whatever happens.
StatusOr<RebuildReport> Rebuild(const RebuildOptions& options, RebuildReport* report = nullptr);

// Applies the deltas newer than the store's last one, in the same way (built beside, swapped); the old store's
// certificates are checked again as if they came from a file. No new delta: report with no files.
StatusOr<RebuildReport> ApplyDeltas(const RebuildOptions& options, RebuildReport* report = nullptr);

}  // namespace smki::repository
