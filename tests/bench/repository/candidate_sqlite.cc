// SQLite: a table by key without rowid, filled from sorted rows; or a table in order of arrival, indexed afterwards.
#include <sqlite3.h>

#include <algorithm>

#include "tests/bench/repository/row_sorter.h"
#include "tests/bench/repository/store_candidate.h"

namespace smki::bench {
namespace {

class Sqlite : public Candidate {
 public:
  Sqlite(std::string folder, bool sorted) : folder_(std::move(folder)), sorted_(sorted) {
    if (sqlite3_open((folder_ + "/store.sqlite").c_str(), &database_) != SQLITE_OK) Fail();
    // A store that is not whole is thrown away, so nothing need be undone; one fsync at the end makes it durable.
    Run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA threads=2");
    Run("PRAGMA cache_size=-" + std::to_string(kMemory / 1024));
  }
  ~Sqlite() override {
    sqlite3_finalize(by_serial_);
    sqlite3_finalize(by_eui_);
    sqlite3_close(database_);
  }

  void Load(uint64_t count) override {
    Run(sorted_ ? "CREATE TABLE c (key BLOB PRIMARY KEY, eui BLOB, status INTEGER, der BLOB) WITHOUT ROWID"
                : "CREATE TABLE c (key BLOB, eui BLOB, status INTEGER, der BLOB)");
    Run("BEGIN");
    sqlite3_stmt* insert = Prepare("INSERT INTO c VALUES (?, ?, ?, ?)");
    if (sorted_) {
      RowSorter sorter(folder_, sizeof(Row), kKeySize);
      for (uint64_t i = 0; i < count; ++i) {
        const Row row = MakeRow(i);
        sorter.Add({row.key.data(), sizeof(row)});
      }
      sorter.Merge([&](ByteSpan entry) { Insert(insert, *reinterpret_cast<const Row*>(entry.data())); });
    } else {
      for (uint64_t i = 0; i < count; ++i) Insert(insert, MakeRow(i));
    }
    sqlite3_finalize(insert);
    Run("COMMIT");
    if (!sorted_) Run("CREATE UNIQUE INDEX by_key ON c (key)");
    Run("CREATE INDEX by_eui ON c (eui)");
    SyncPath(folder_ + "/store.sqlite");
    SyncPath(folder_);
    by_serial_ = Prepare("SELECT der FROM c WHERE key = ?");
    by_eui_ = Prepare("SELECT der FROM c WHERE eui = ?");
  }
  std::optional<Bytes> BySerial(ByteSpan key) override {
    auto found = Select(by_serial_, key);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  }
  std::vector<Bytes> ByEui(ByteSpan eui) override { return Select(by_eui_, eui); }

 private:
  [[noreturn]] void Fail() { Die(std::string("SQLite: ") + sqlite3_errmsg(database_)); }
  void Run(const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) Fail();
  }
  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* out = nullptr;
    if (sqlite3_prepare_v2(database_, sql, -1, &out, nullptr) != SQLITE_OK) Fail();
    return out;
  }
  void Insert(sqlite3_stmt* insert, const Row& row) {
    sqlite3_bind_blob(insert, 1, row.key.data(), kKeySize, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 2, row.eui.data(), kEuiSize, SQLITE_STATIC);
    sqlite3_bind_int(insert, 3, row.status);
    sqlite3_bind_blob(insert, 4, row.der.data(), kDerSize, SQLITE_STATIC);
    if (sqlite3_step(insert) != SQLITE_DONE) Fail();
    sqlite3_reset(insert);
  }
  std::vector<Bytes> Select(sqlite3_stmt* select, ByteSpan key) {
    sqlite3_bind_blob(select, 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
    std::vector<Bytes> out;
    while (sqlite3_step(select) == SQLITE_ROW) {
      const auto* octets = static_cast<const uint8_t*>(sqlite3_column_blob(select, 0));
      out.emplace_back(octets, octets + sqlite3_column_bytes(select, 0));
    }
    sqlite3_reset(select);
    return out;
  }

  const std::string folder_;
  const bool sorted_;
  sqlite3* database_ = nullptr;
  sqlite3_stmt* by_serial_ = nullptr;
  sqlite3_stmt* by_eui_ = nullptr;
};

}  // namespace

std::unique_ptr<Candidate> MakeSqliteSorted(const std::string& folder) {
  return std::make_unique<Sqlite>(folder, true);
}
std::unique_ptr<Candidate> MakeSqliteArrival(const std::string& folder) {
  return std::make_unique<Sqlite>(folder, false);
}

}  // namespace smki::bench
