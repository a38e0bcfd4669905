// The signer's journal: what this keyguard has ever admitted, burned, signed and refused (docs/formats/journal.md), and
// what follows from it.
//
// Append-only, one writer. Append* changes the history at once and is durable only after Sync(); nothing is released
// before (I2). When an append fails the record is not in the history, and the caller must close the key (I10).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "hsm/signer/gate.h"
#include "ledger/journal_records.h"
#include "ledger/record_log.h"
#include "pki/key.h"
#include "procedures/quorum.h"
#include "procedures/reason.h"

namespace smki::hsm {

// Where a record of one Direction lies, for replaying it.
struct RecordPlace {
  uint64_t number = 0;
  uint64_t offset = 0;  // of the payload
  uint32_t size = 0;
  ledger::JournalType type{};
};

struct DirectionHistory {
  ledger::JournalDirection admitted;  // empty digest: only orders are known of it
  bool opened = false;                // ever
  std::string closed_because;         // the last time
  bool ends_key = false;              // its key's end was written down
  uint64_t signatures = 0;
  uint64_t proven = 0;
  std::vector<RecordPlace> places;  // burns, signatures and proofs, in order
  std::vector<ledger::JournalOrder> orders;

  // DIRECTION_WITHDRAWN or KEY_HALTED with `id`, if that is what the orders amount to under `policy` (quorum.h).
  Status JudgeOrders(const procedures::TrustPolicy& policy, const std::string& id) const;
};

struct History {
  std::map<Digest, DirectionHistory> directions;
  std::map<std::string, Digest> nonces;
  std::optional<Digest> newest_direction;  // admitted last
  std::optional<Digest> open;              // opened and not closed since
  // Custody changes by key that were begun on the token and whose outcome is not recorded: a crash came between.
  std::map<std::string, ledger::JournalCustody> unfinished_custody;
  // By policy that is in force no more: the change that made the next one. Tokens of other keys follow it
  // (admission.h).
  std::map<Digest, ledger::JournalCustody> succession;
  // Key identifiers of keys that were destroyed, or whose destruction was begun: no Direction opens them again.
  std::set<std::array<uint8_t, 8>> destroyed;
  UtcTime newest;                // of any record, approval or revocation list seen (I10)
  uint64_t epoch = 0;            // activations
  uint64_t ledger_sequence = 0;  // newest ledger head shown by the orchestrator
  std::optional<Digest> ledger_head;
  uint64_t refusals = 0;
  std::map<std::string, uint64_t> refusal_counts;

  uint64_t HighestCounter() const;  // of all admitted ranges; 0 if there is none
  const DirectionHistory* Find(const Digest& direction) const;
  // Null if every custody change of this key has its outcome.
  const ledger::JournalCustody* UnfinishedCustody(const std::string& key) const;
};

class Journal {
 public:
  static StatusOr<std::unique_ptr<Journal>> Open(FileSystem& files, const std::string& path);

  const History& history() const { return history_; }

  // Each returns the number of its record. Records' times never go back: they are lifted to the newest.
  StatusOr<uint64_t> Append(ledger::JournalDirection record);
  StatusOr<uint64_t> Append(ledger::JournalAttendance record);
  StatusOr<uint64_t> Append(ledger::JournalOpened record);
  StatusOr<uint64_t> Append(ledger::JournalBurn record);
  StatusOr<uint64_t> Append(ledger::JournalProven record);
  StatusOr<uint64_t> Append(ledger::JournalClosed record);
  StatusOr<uint64_t> Append(ledger::JournalOrder record);
  StatusOr<uint64_t> Append(ledger::JournalCustody record);
  StatusOr<uint64_t> Append(ledger::JournalDestroyed record);
  // The Symmetric Key was read in this ceremony; opens nothing by itself.
  StatusOr<uint64_t> AppendSymmetricRead(ledger::JournalOpened record);
  // Returns the offset in the file of the first signature.
  StatusOr<uint64_t> Append(const ledger::JournalSignatures& record);
  // Bounded: the first 100 of a code in a minute are records, the rest a count in the next one.
  Status RecordRefusal(const std::string& reason, const std::string& detail, UtcTime now);
  // The counts not yet recorded.
  Status FlushRefusals(UtcTime now);
  void Sync() { log_->Sync(); }

  // Brings a new Gate to the state that the records of its Direction say.
  Status Replay(const Digest& direction, Gate& gate) const;
  StatusOr<pki::RawSignature> ReadSignature(uint64_t offset) const;

  uint64_t records() const { return log_->records(); }
  const Digest& head() const { return log_->head(); }
  uint64_t octets() const { return end_; }  // up to the end of the newest record
  // The head after the first `records` records, which must be from 1 to records().
  StatusOr<Digest> HeadAfter(uint64_t records) const;

 private:
  struct RefusalWindow {
    UtcTime start;
    uint64_t recorded = 0;
    uint64_t counted = 0;
  };

  Journal() = default;
  StatusOr<uint64_t> Write(ledger::JournalType type, const Bytes& payload);
  Status Apply(const ledger::Record& record);
  void SeenLedger(uint64_t sequence, const Digest& head);
  void Seen(UtcTime time) { history_.newest = std::max(history_.newest, time); }
  UtcTime Lifted(UtcTime time) const { return std::max(history_.newest, time); }
  Status FlushWindow(const std::string& reason, RefusalWindow& window, UtcTime now);

  std::unique_ptr<ledger::RecordLog> log_;
  History history_;
  std::unordered_map<uint64_t, Digest> unsigned_burns_;  // burn record -> Direction
  std::vector<uint64_t> head_offsets_;                   // of each record's head
  uint64_t end_ = 0;
  std::map<std::string, RefusalWindow> windows_;
};

}  // namespace smki::hsm
