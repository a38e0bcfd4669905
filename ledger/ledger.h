// The memory of both sides: a hash chain of entries in SQLite (docs/formats/ledger.md). State is a fold over it;
// nothing counts that is not in it. Append is durable when it returns (WAL, synchronous=FULL).
//
//   hash = SHA-256("smki ledger entry v1" | u64 sequence | u64 time ms | u32+incident | u32+person | u32+kind |
//   u32+payload | previous)
//
// Not thread-safe: owned by the core's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"

namespace smki::ledger {

struct Entry {
  uint64_t sequence = 0;  // from 0: the genesis
  UtcTime time;           // never before the entry before it
  std::string incident;   // empty for genesis and server-wide entries
  std::string person;     // empty: the system
  std::string kind;
  Bytes payload;      // protobuf, smki.ledger.v1
  Digest previous{};  // zeros for the genesis
  Digest hash{};
};
Digest HashOf(const Entry& entry);  // of everything but `hash`

struct NewEntry {
  std::string incident, person, kind;
  Bytes payload;
};
inline constexpr size_t kMaxPayload = 1 << 20;

struct Head {
  uint64_t entries = 0;  // sequence of the next entry
  Digest hash{};         // of the newest; zeros if empty
};

class Ledger {
 public:
  // Opens or creates; checks the whole chain. kDataLoss names the first bad entry.
  static StatusOr<std::unique_ptr<Ledger>> Open(const std::string& path, Clock& clock);
  ~Ledger();

  // All or none, in one transaction; durable on return. A clock behind the newest entry by up to 5 min is
  // lifted to it, further behind refuses (CLOCK_IMPLAUSIBLE).
  StatusOr<std::vector<Entry>> Append(std::vector<NewEntry> entries);
  StatusOr<Entry> Append(NewEntry entry);
  Head head() const;
  // Entries with sequence >= from, at most `limit`, in order.
  StatusOr<std::vector<Entry>> Read(uint64_t from, size_t limit) const;
  // A consistent copy (evidence), durable on return. `files` is where SQLite writes, too.
  Status CopyTo(FileSystem& files, const std::string& path) const;

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Visits a ledger file read-only with every hash and link checked: for auditors. The first bad entry ends it with
// kDataLoss "entry N: ...".
Status VisitLedger(const std::string& path, const std::function<Status(const Entry&)>& visit);

}  // namespace smki::ledger
