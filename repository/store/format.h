// The store's file, as its writer and its reader both see it (docs/formats/repository-store.md). Private to this room.
//
//   file = "SMKISTO2" | certificates in the order they came in | table | index by EUI-64 | index by digest
//          | footer | u32 size of footer
#pragma once

#include <array>

#include "repository/store/entry.h"
#include "repository/store/store.h"
#include "repository/store/table.h"

namespace smki::repository::store_format {

inline constexpr std::string_view kMagic = "SMKISTO2";
inline constexpr size_t kMaxFooter = 1 << 20;

// An index's entry: what is looked for (an EUI-64, or the first 8 octets of a SHA-256), then the row in the table.
inline constexpr size_t kIndexEntry = 16;
inline constexpr TableShape kEntries{Entry::kSize, Entry::kKey};
inline constexpr TableShape kIndexEntries{kIndexEntry, kIndexEntry};

struct Footer {
  StoreSummary summary;
  uint64_t bodies_end = 0;  // behind the last certificate
  TablePlace entries, by_eui, by_digest;
};
Bytes EncodeFooter(const Footer& footer);
StatusOr<Footer> DecodeFooter(ByteSpan bytes);
// Of a store's file; an error names what is wrong with it.
StatusOr<Footer> ReadFooter(const StoreFile& file);

// Counts one certificate.
void Count(CertificateKind kind, CertificateStatus status, StoreSummary& summary);
inline void Count(const Entry& entry, StoreSummary& summary) {
  Count(entry.kind, entry.status, summary);
}

}  // namespace smki::repository::store_format
