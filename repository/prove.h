// A store proved again, and two of them compared. Both read the stores only, in bounded memory.
#pragma once

#include <functional>
#include <string>

#include "repository/rebuild.h"

namespace smki::repository {

struct Proof {
  StoreSummary summary;            // as the store says
  uint64_t certificates = 0;       // looked at
  std::vector<std::string> notes;  // what was not proved, for people
};

// Everything a store says of itself, shown again from its certificates: every page's seal and order, every index row,
// every certificate's digest, its fields against its entry, its chain up to the roots (with options.verify kFull its
// signature), and the Merkle root. STORE_DAMAGED names the first thing that is not so. Of `options` roots, store,
// verify, memory, threads and on_progress are used.
StatusOr<Proof> ProveStore(const RebuildOptions& options);

// One certificate in which two stores differ.
enum class Difference : uint8_t { kAdded, kRemoved, kStatus, kBody };
const char* Name(Difference difference);  // added, removed, status, body
struct DifferentCertificate {
  Difference difference;
  std::string serial;  // hexadecimal
  Eui64 eui;           // 0 for an authority
  CertificateKind kind;
  // Before and after; of what was added or removed the one that is there. The flag counts as status.
  std::optional<CertificateStatus> before, after;
};
struct DiffReport {
  StoreSummary a, b;
  uint64_t same = 0, added = 0, removed = 0, status = 0, body = 0;
  bool Same() const { return added + removed + status + body == 0; }
};
// From store `a` to store `b` (files, as StoreFileOf gives them), in order of serial number and issuer; `visit` gets
// each difference, an error of it ends it.
StatusOr<DiffReport> DiffStores(const std::string& a, const std::string& b,
                                const std::function<Status(const DifferentCertificate&)>& visit);

}  // namespace smki::repository
