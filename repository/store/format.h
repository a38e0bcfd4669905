// The store's file, as its writer and its reader both see it (docs/formats/repository-store.md). Private to this room.
//
//   file   = "SMKISTO1" | record* | index by serial | index by EUI-64 | index by digest | footer | u32 size of footer
//   record = u32 size | payload | SHA-256 of payload
//   index  = fixed-size entries, sorted: key | u64 offset of the record
//   footer = summary | for each index u64 offset, u64 entries, SHA-256 | SHA-256 of the footer before it
#pragma once

#include <array>
#include <functional>

#include "base/time.h"
#include "base/wire.h"
#include "repository/store/store.h"

namespace smki::repository::store_format {

inline constexpr std::string_view kMagic = "SMKISTO1";
inline constexpr size_t kMaxPayload = 16 * 1024;
inline constexpr size_t kMaxFooter = 4 * 1024;

enum Index : size_t { kBySerial, kByEui, kByDigest, kIndexes };
// A serial number has at most 20 octets (RFC 5280): its length, then the octets, then zeros.
inline constexpr size_t kSerialKey = 21;
inline constexpr std::array<size_t, kIndexes> kKeySize = {kSerialKey, 8, 32};
inline constexpr size_t kOffsetSize = 8;

struct IndexPlace {
  uint64_t offset = 0;
  uint64_t entries = 0;
  Digest sha256{};
};
struct Footer {
  StoreSummary summary;
  std::array<IndexPlace, kIndexes> indexes;
};

struct StoredRecord {
  CertificateRecord record;
  UtcTime not_before;
};

Bytes EncodeRecord(const StoredRecord& stored);
StatusOr<StoredRecord> DecodeRecord(ByteSpan payload);
Bytes SerialKey(ByteSpan serial);  // empty if there is no such serial number
Bytes EncodeFooter(const Footer& footer);
StatusOr<Footer> DecodeFooter(ByteSpan bytes);

// What of a record the store's digest covers (I7): kind, EUI-64, serial, status, SHA-256 of the certificate.
Bytes DigestLeaf(const CertificateRecord& record, const Digest& sha256);
// The order of records, and so of leaves.
bool KeyLess(const CertificateRecord& a, const CertificateRecord& b);
// Counts one record.
void Count(const CertificateRecord& record, StoreSummary& summary);

// Visits every record of a store file in key order.
Status VisitStore(const std::string& path, const std::function<Status(StoredRecord)>& visit);

}  // namespace smki::repository::store_format
