#include "ledger/ledger.h"

#include <limits>

#include "base/file.h"
#include "base/sqlite.h"
#include "base/wire.h"
#include "pki/digest.h"

namespace smki::ledger {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr int64_t kApplicationId = 0x534D4B4C;  // "SMKL"
constexpr int64_t kFormat = 1;
constexpr size_t kMaxText = 256;
constexpr Millis kMaxBehind = std::chrono::minutes(5);

constexpr char kCreate[] =
    "BEGIN;"
    "CREATE TABLE entry(sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, incident TEXT NOT NULL, person TEXT NOT "
    "NULL,"
    " kind TEXT NOT NULL, payload BLOB NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
    "PRAGMA application_id = 1397574476;"
    "PRAGMA user_version = 1;"
    "COMMIT;";
constexpr char kInsert[] = "INSERT INTO entry VALUES(?1,?2,?3,?4,?5,?6,?7,?8)";
constexpr char kSelect[] =
    "SELECT sequence,time,incident,person,kind,payload,previous,hash FROM entry WHERE sequence >= ?1"
    " ORDER BY sequence LIMIT ?2";
static_assert(kApplicationId == 1397574476);

Status CheckFormat(const Database& database, const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const int64_t application, database.QueryInteger("PRAGMA application_id"));
  SMKI_ASSIGN_OR_RETURN(const int64_t format, database.QueryInteger("PRAGMA user_version"));
  if (application != kApplicationId) return DataLoss("{}: is not a ledger", path);
  if (format != kFormat)
    return DataLoss("{}: is a ledger of format {}, this program reads format {}", path, format, kFormat);
  return OkStatus();
}

// The row as it stands, nothing checked but sizes.
StatusOr<Entry> ReadRow(const Statement& row) {
  Entry entry;
  entry.sequence = static_cast<uint64_t>(row.Integer(0));
  entry.time = {row.Integer(1)};
  const ByteSpan payload = row.Blob(5), previous = row.Blob(6), hash = row.Blob(7);
  if (previous.size() != sizeof(Digest) || hash.size() != sizeof(Digest) || payload.size() > kMaxPayload) {
    return DataLoss("has a field of a wrong size");
  }
  entry.incident = row.Text(2);
  entry.person = row.Text(3);
  entry.kind = row.Text(4);
  entry.payload = ToBytes(payload);
  std::copy(previous.begin(), previous.end(), entry.previous.begin());
  std::copy(hash.begin(), hash.end(), entry.hash.begin());
  return entry;
}

struct Chain {
  Head head;
  UtcTime newest;
};

Status CheckLink(const Entry& entry, const Chain& chain) {
  if (entry.sequence != chain.head.entries)
    return DataLoss("was removed; the next one there is entry {}", entry.sequence);
  if (entry.previous != chain.head.hash)
    return DataLoss("does not follow the entry before it: one of the two was changed or replaced");
  if (HashOf(entry) != entry.hash) return DataLoss("was changed: its content does not match its hash");
  if (entry.time < chain.newest) return DataLoss("is dated before the entry before it");
  return OkStatus();
}

// Visits every entry in order with its link checked.
StatusOr<Chain> WalkChain(const Database& database, const std::string& path,
                          const std::function<Status(const Entry&)>& visit) {
  Chain chain;
  const auto fault = [&](const Status& status) {
    return WithContext(status, fmt::format("{}: entry {}", path, chain.head.entries));
  };
  auto statement = database.Prepare(kSelect);
  if (!statement.ok()) return statement.status();
  statement->Bind(std::numeric_limits<int64_t>::min(), -1);
  while (true) {
    const auto row = statement->Step();
    if (!row.ok()) return fault(row.status());
    if (!*row) return chain;
    const auto entry = ReadRow(*statement);
    if (!entry.ok()) return fault(entry.status());
    if (const Status link = CheckLink(*entry, chain); !link.ok()) return fault(link);
    if (visit) {
      if (const Status visited = visit(*entry); !visited.ok()) return fault(visited);
    }
    chain.head = {entry->sequence + 1, entry->hash};
    chain.newest = entry->time;
  }
}

Status CheckNewEntry(const NewEntry& entry) {
  if (entry.kind.empty()) return InvalidArgument("a ledger entry needs a kind");
  for (const std::string* text : {&entry.incident, &entry.person, &entry.kind}) {
    if (text->size() > kMaxText)
      return InvalidArgument("ledger entry {}: incident, person and kind have at most {} octets", entry.kind, kMaxText);
  }
  if (entry.payload.size() > kMaxPayload) {
    return InvalidArgument("ledger entry {}: its payload has {} octets, at most {} are allowed", entry.kind,
                           entry.payload.size(), kMaxPayload);
  }
  return OkStatus();
}

}  // namespace

Digest HashOf(const Entry& entry) {
  WireWriter text;
  text.Fixed(AsBytes("smki ledger entry v1"));
  text.U64(entry.sequence);
  text.U64(static_cast<uint64_t>(entry.time.ms));
  text.Text(entry.incident);
  text.Text(entry.person);
  text.Text(entry.kind);
  text.Octets(entry.payload);
  text.Fixed(entry.previous);
  return pki::Sha256(text.bytes());
}

struct Ledger::Impl {
  Impl(Database d, Statement i, Statement s, Clock& c, std::string p)
      : database(std::move(d)), insert(std::move(i)), select(std::move(s)), clock(c), path(std::move(p)) {}

  // The clock, never before the newest entry (I10).
  StatusOr<UtcTime> EntryTime() {
    const UtcTime now = clock.Now();
    if (chain.newest - now > kMaxBehind) {
      return WithReason(
          FailedPrecondition("CLOCK_IMPLAUSIBLE: the clock says {}, but entry {} was written at {}. Next: set the "
                             "clock right, then start again",
                             FormatTime(now), chain.head.entries - 1, FormatTime(chain.newest)),
          "CLOCK_IMPLAUSIBLE");
    }
    return std::max(now, chain.newest);
  }

  Status Insert(const Entry& entry) {
    insert.Bind(entry.sequence, entry.time.ms, entry.incident, entry.person, entry.kind, entry.payload, entry.previous,
                entry.hash);
    return insert.Run();
  }

  Status InsertAll(const std::vector<Entry>& entries) {
    SMKI_ASSIGN_OR_RETURN(sqlite::Transaction transaction, sqlite::Transaction::Begin(database));
    for (const Entry& entry : entries) SMKI_RETURN_IF_ERROR(Insert(entry));
    return transaction.Commit();
  }

  Database database;
  Statement insert;
  Statement select;
  Clock& clock;
  std::string path;
  Chain chain;
};

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::~Ledger() = default;

StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path, Clock& clock) {
  SMKI_ASSIGN_OR_RETURN(Database database, Database::Open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  // One process at a time: two writers would fork the chain.
  SMKI_RETURN_IF_ERROR(
      database.Execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  SMKI_ASSIGN_OR_RETURN(const int64_t tables, database.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) SMKI_RETURN_IF_ERROR(database.Execute(kCreate));
  SMKI_RETURN_IF_ERROR(CheckFormat(database, path));
  SMKI_ASSIGN_OR_RETURN(const Chain chain, WalkChain(database, path, nullptr));
  SMKI_ASSIGN_OR_RETURN(Statement insert, database.Prepare(kInsert));
  SMKI_ASSIGN_OR_RETURN(Statement select, database.Prepare(kSelect));
  auto impl = std::make_unique<Impl>(std::move(database), std::move(insert), std::move(select), clock, path);
  impl->chain = chain;
  return std::unique_ptr<Ledger>(new Ledger(std::move(impl)));
}

StatusOr<std::vector<Entry>> Ledger::Append(std::vector<NewEntry> entries) {
  for (const NewEntry& entry : entries) SMKI_RETURN_IF_ERROR(CheckNewEntry(entry));
  std::vector<Entry> out;
  if (entries.empty()) return out;
  SMKI_ASSIGN_OR_RETURN(const UtcTime time, impl_->EntryTime());
  Chain chain = impl_->chain;
  chain.newest = time;
  out.reserve(entries.size());
  for (NewEntry& fresh : entries) {
    Entry entry{chain.head.entries,        time,
                std::move(fresh.incident), std::move(fresh.person),
                std::move(fresh.kind),     std::move(fresh.payload),
                chain.head.hash,           {}};
    entry.hash = HashOf(entry);
    chain.head = {entry.sequence + 1, entry.hash};
    out.push_back(std::move(entry));
  }
  if (const Status written = impl_->InsertAll(out); !written.ok()) {
    return WithReason(
        Error(written.code(), "AUDIT_NOT_DURABLE: {}. Next: free space or mend the disk, then start again",
              Message(written)),
        "AUDIT_NOT_DURABLE");
  }
  impl_->chain = chain;
  return out;
}

StatusOr<Entry> Ledger::Append(NewEntry entry) {
  std::vector<NewEntry> one;
  one.push_back(std::move(entry));
  SMKI_ASSIGN_OR_RETURN(std::vector<Entry> written, Append(std::move(one)));
  return std::move(written.front());
}

Head Ledger::head() const {
  return impl_->chain.head;
}

StatusOr<std::vector<Entry>> Ledger::Read(uint64_t from, size_t limit) const {
  std::vector<Entry> out;
  if (from >= impl_->chain.head.entries) return out;
  Statement& select = impl_->select;
  select.Bind(from, std::min<uint64_t>(limit, impl_->chain.head.entries - from));
  Status status;
  while (true) {
    const auto row = select.Step();
    status = row.status();
    if (!row.ok() || !*row) break;
    auto entry = ReadRow(select);
    status = entry.status();
    if (!status.ok()) break;
    if (HashOf(*entry) != entry->hash || entry->sequence != from + out.size()) {
      status = DataLoss("was changed since the ledger was opened");
      break;
    }
    out.push_back(std::move(*entry));
  }
  select.Reset();
  if (!status.ok()) return WithContext(status, fmt::format("{}: entry {}", impl_->path, from + out.size()));
  return out;
}

Status Ledger::CopyTo(FileSystem& files, const std::string& path) const {
  const std::string temporary = path + ".new";
  if (files.Exists(temporary)) SMKI_RETURN_IF_ERROR(files.Remove(temporary));
  SMKI_ASSIGN_OR_RETURN(Statement copy, impl_->database.Prepare("VACUUM INTO ?1"));
  copy.Bind(temporary);
  SMKI_RETURN_IF_ERROR(copy.Run());  // SQLite syncs it
  Head copied;
  SMKI_RETURN_IF_ERROR(VisitLedger(temporary, [&](const Entry& entry) {
    copied = {entry.sequence + 1, entry.hash};
    return OkStatus();
  }));
  if (copied.entries != head().entries || copied.hash != head().hash) {
    return DataLoss("{}: the copy of the ledger ends at entry {}, not at {}", temporary, copied.entries,
                    head().entries);
  }
  SMKI_RETURN_IF_ERROR(files.Rename(temporary, path));
  return files.SyncDirectory(DirectoryOf(path));
}

Status VisitLedger(const std::string& path, const std::function<Status(const Entry&)>& visit) {
  SMKI_ASSIGN_OR_RETURN(const Database database, Database::Open(path, SQLITE_OPEN_READONLY));
  SMKI_RETURN_IF_ERROR(CheckFormat(database, path));
  return WalkChain(database, path, visit).status();
}

}  // namespace smki::ledger
