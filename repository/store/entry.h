// One certificate's entry in the store's table, and one in an index: fixed sizes, big-endian, compared as octets
// (docs/formats/repository-store.md). Private to this room.
#pragma once

#include <array>
#include <cstring>

#include "base/time.h"
#include "repository/profile/record_check.h"

namespace smki::repository {

// Days since 2000-01-01, as dates are stored.
using DayNumber = uint16_t;
DayNumber DayOf(const std::string& date);  // YYYY-MM-DD
std::string DateOf(DayNumber day);

struct Entry {
  // The key: the serial as a number of 20 octets, then the first 8 octets of SHA-256 over the issuer's Name.
  std::array<uint8_t, 20> serial{};
  std::array<uint8_t, 8> issuer{};
  Digest digest{};      // SHA-256 of the DER
  uint64_t offset = 0;  // of the DER in the store's file, below 2^48
  uint16_t size = 0;    // of the DER
  uint64_t eui = 0;     // 0 for an authority
  CertificateKind kind = CertificateKind::kDevice;
  CertificateStatus status = CertificateStatus::kInUse;
  char usage = 'D';  // D, K or C, the first letter of the file's word
  uint8_t role = 0;
  bool manufacturing = false;
  DayNumber lodged = 0;   // of the file it first came in
  DayNumber changed = 0;  // of the file that changed its state last

  static constexpr size_t kKey = 28;
  static constexpr size_t kSize = 85;
  // Where some of it is in what Encode writes.
  static constexpr size_t kDigestAt = 28, kEuiAt = 68, kKindAt = 76, kStatusAt = 77, kManufacturingAt = 80;
  std::array<uint8_t, kKey> Key() const;
  ByteSpan SerialNumber() const;  // the serial without its leading zeros; at least one octet
  void Encode(uint8_t* out) const;
  static Entry Decode(const uint8_t* in);
  // Of a certificate without offset, digest and days.
  static Entry Of(const CertificateView& view, RecordState state, const std::array<uint8_t, 8>& issuer);
};

// What the store's digest covers of a certificate (I7): status, flag, SHA-256 of the DER; which are its serial and
// issuer the DER says, and their order is the tree's.
std::array<uint8_t, 34> DigestLeaf(CertificateStatus status, bool manufacturing, const Digest& sha256);

}  // namespace smki::repository
