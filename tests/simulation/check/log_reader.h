// Record logs (docs/formats/record-log.md) and the payloads of the signer's journal and of the campaign log.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::simulation {

struct LogRecord {
  uint64_t number = 0;  // from 0
  uint8_t type = 0;
  Bytes payload;
  Digest head{};
};

// A log as it grows: what was read once must stay.
class GrowingLog {
 public:
  explicit GrowingLog(std::string kind) : kind_(std::move(kind)) {}

  // The records that are new in `file`. What does not fit at the end is left alone: it may be torn. An error if the
  // records read before are not its beginning.
  StatusOr<std::vector<LogRecord>> Read(ByteSpan file);
  // True if `file` is exactly a beginning, cut behind a whole record, of what was read.
  bool HasBeginning(ByteSpan file) const;
  // True if the newest Read left octets at the end.
  bool torn() const { return torn_; }
  uint64_t records() const { return heads_.size(); }
  // After `records` records, from 1 to records().
  const Digest& HeadAfter(uint64_t records) const { return heads_[records - 1]; }
  const Bytes& octets() const { return octets_; }

 private:
  std::string kind_;
  Bytes octets_;  // whole records only
  std::vector<Digest> heads_;
  std::vector<size_t> ends_;
  Digest first_{};  // of the header
  bool torn_ = false;
};

// --- signer-journal: type and what is behind it ---

enum JournalType : uint8_t {
  kAdmitted = 1,
  kAttendance = 2,
  kOpened = 3,
  kBurn = 4,
  kSignatures = 5,
  kProven = 6,
  kClosed = 7,
  kRefusal = 8,
  kOrder = 9,
  kCustody = 10,
};
struct BurnItem {
  Eui64 device;
  uint32_t attempt = 0;
  uint64_t counter = 0;
};
// One record for all types: only what its type has is set.
struct JournalRecord {
  UtcTime time;
  Digest digest{};   // the Direction (of type 2: the request; of 10: the change)
  Digest request{};  // of type 3
  std::string id, incident, environment, nonce, person, group, text;  // text: why, order, stage
  uint64_t first = 0, last = 0, ledger_sequence = 0, epoch = 0, burn = 0;
  Digest ledger_head{}, from{}, to{};
  UtcTime newest_evidence;
  std::vector<BurnItem> items;
  std::vector<std::array<uint8_t, 64>> signatures;
  std::vector<Eui64> devices;
  Bytes document, cms;
};
StatusOr<JournalRecord> ReadJournalRecord(const LogRecord& record);

// --- campaign ---

enum CampaignType : uint8_t {
  kCampaignOpened = 1,
  kCampaignSigned = 3,
  kCampaignResponse = 6,
  kCampaignEnded = 8,
  kCampaignProven = 9,
};
enum Outcome : uint8_t { kNone = 0, kRecovered = 1, kHalfReplaced = 2, kRefused = 3, kSilent = 4 };
struct CampaignItem {
  Eui64 device;
  uint32_t attempt = 0;
  uint64_t counter = 0;
  Digest command{};
};
struct CampaignRecord {
  std::string incident;
  Digest direction{};
  uint64_t batch = 0;
  std::vector<CampaignItem> items;
  Eui64 device;
  uint32_t attempt = 0;
  uint64_t counter = 0;
  uint8_t outcome = 0;
  Bytes octets;
  std::vector<Eui64> devices;
};
// Records of other types come back empty.
StatusOr<CampaignRecord> ReadCampaignRecord(const LogRecord& record);

}  // namespace smki::simulation
