// The records of the signer's journal, as signer and auditor both read them (docs/formats/journal.md). The file is
// a RecordLog of kind "signer-journal"; payloads are base/wire.h encodings.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::ledger {

inline constexpr char kJournalKind[] = "signer-journal";

enum class JournalType : uint8_t {
  kDirection = 1,   // a Direction was admitted
  kAttendance = 2,  // a custodian's share was accepted
  kOpened = 3,      // the key was opened
  kBurn = 4,        // attempts are spent and counters allocated; before any signature (I2)
  kSignatures = 5,  // the signatures of the burn before it
  kProven = 6,      // Devices proven by their own signed responses
  kClosed = 7,      // the key was closed
  kRefusal = 8,
  kOrder = 9,  // halt, withdraw, resume
  kCustody = 10,
  kSymmetricRead = 11,  // the Contingency Symmetric Key was opened by its custodians; a JournalOpened
  kDestroyed = 12,      // a key's end begins: nobody uses it from here on
};

struct JournalDirection {
  UtcTime time;
  Digest digest{};
  std::string id, incident, environment, nonce;
  uint64_t counter_first = 0, counter_last = 0;
  uint64_t ledger_sequence = 0;
  Digest ledger_head{};
  UtcTime newest_evidence;  // newest time in approvals and revocation lists
};
struct JournalAttendance {
  UtcTime time;
  Digest request{};  // SHA-256 of the CeremonyRequest
  std::string person;
};
struct JournalOpened {
  UtcTime time;
  Digest direction{}, request{};
  uint64_t epoch = 0;  // activations of this token
};
struct JournalBurnItem {
  Eui64 device;
  uint32_t attempt = 0;
  uint64_t counter = 0;
};
struct JournalBurn {
  UtcTime time;
  Digest direction{};
  std::string group;
  uint64_t ledger_sequence = 0;
  Digest ledger_head{};
  std::vector<JournalBurnItem> items;
};
struct JournalSignatures {
  uint64_t burn = 0;                                // number of the burn record
  std::vector<std::array<uint8_t, 64>> signatures;  // same order as its items
};
struct JournalProven {
  UtcTime time;
  Digest direction{};
  std::vector<Eui64> devices;
};
struct JournalClosed {
  UtcTime time;
  Digest direction{};
  std::string why;
};
struct JournalRefusal {
  UtcTime time;
  std::string reason, detail;
  uint64_t count = 1;  // > 1: so many more of this code were only counted
};
struct JournalOrder {
  UtcTime time;
  std::string order, person;
  Digest direction{};
  Bytes document, cms;
  std::string seat;  // whose voice it is, by the policy that it was judged with; empty in older records
};
// Written before the token is touched: a crash between leaves a key that nobody uses.
struct JournalDestroyed {
  UtcTime time;
  Digest direction{};  // under which it was used last
  std::string key;     // contingency
  std::array<uint8_t, 8> identifier{};
};
// One stage of a custody change (docs/formats/custody-change.md). From "changing" to "changed" or "abandoned" the token
// may open with either set of shares, never with neither.
struct JournalCustody {
  UtcTime time;
  std::string stage;  // begun | offered | changing | changed | abandoned
  Digest change{};
  std::string id, key, environment, nonce;
  uint64_t from_version = 0;
  Digest from{};                        // the policy in force
  Digest to{};                          // the next version; zeros while it is only begun
  std::vector<std::string> custodians;  // of the new shares
  std::string detail;                   // abandoned: why
  UtcTime newest_evidence;              // newest time in approvals and revocation list
};

Bytes Encode(const JournalDirection&);
Bytes Encode(const JournalAttendance&);
Bytes Encode(const JournalOpened&);
Bytes Encode(const JournalBurn&);
Bytes Encode(const JournalSignatures&);
Bytes Encode(const JournalProven&);
Bytes Encode(const JournalClosed&);
Bytes Encode(const JournalRefusal&);
Bytes Encode(const JournalOrder&);
Bytes Encode(const JournalCustody&);
Bytes Encode(const JournalDestroyed&);
StatusOr<JournalDirection> DecodeJournalDirection(ByteSpan);
StatusOr<JournalAttendance> DecodeJournalAttendance(ByteSpan);
StatusOr<JournalOpened> DecodeJournalOpened(ByteSpan);
StatusOr<JournalBurn> DecodeJournalBurn(ByteSpan);
StatusOr<JournalSignatures> DecodeJournalSignatures(ByteSpan);
StatusOr<JournalProven> DecodeJournalProven(ByteSpan);
StatusOr<JournalClosed> DecodeJournalClosed(ByteSpan);
StatusOr<JournalRefusal> DecodeJournalRefusal(ByteSpan);
StatusOr<JournalOrder> DecodeJournalOrder(ByteSpan);
StatusOr<JournalCustody> DecodeJournalCustody(ByteSpan);
StatusOr<JournalDestroyed> DecodeJournalDestroyed(ByteSpan);

}  // namespace smki::ledger
