#include "tests/simulation/check/ledger_reader.h"

#include <sqlite3.h>

#include <memory>

#include "base/wire.h"
#include "pki/digest.h"

namespace smki::simulation {
namespace {

std::string Blob(sqlite3_stmt* statement, int column) {
  const void* const octets = sqlite3_column_blob(statement, column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  return octets == nullptr ? "" : std::string(static_cast<const char*>(octets), size);
}

Digest Hash(const std::string& octets) {
  Digest out{};
  if (octets.size() == out.size()) std::copy(octets.begin(), octets.end(), out.begin());
  return out;
}

}  // namespace

StatusOr<std::vector<LedgerEntry>> ReadLedger(const std::string& file) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(raw, sqlite3_close_v2);
  sqlite3_stmt* query = nullptr;
  if (opened != SQLITE_OK ||
      sqlite3_prepare_v2(raw,
                         "SELECT sequence, time, incident, person, kind, payload, previous, hash FROM entry "
                         "ORDER BY sequence",
                         -1, &query, nullptr) != SQLITE_OK) {
    return DataLoss("{}: {}", file, raw == nullptr ? "no memory" : sqlite3_errmsg(raw));
  }
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(query, sqlite3_finalize);
  std::vector<LedgerEntry> out;
  int code = SQLITE_OK;
  while ((code = sqlite3_step(query)) == SQLITE_ROW) {
    LedgerEntry& entry = out.emplace_back();
    entry.sequence = static_cast<uint64_t>(sqlite3_column_int64(query, 0));
    entry.time = {sqlite3_column_int64(query, 1)};
    entry.incident = Blob(query, 2);
    entry.person = Blob(query, 3);
    entry.kind = Blob(query, 4);
    entry.payload = Blob(query, 5);
    entry.previous = Hash(Blob(query, 6));
    entry.hash = Hash(Blob(query, 7));
  }
  if (code != SQLITE_DONE) return DataLoss("{}: {}", file, sqlite3_errmsg(raw));
  return out;
}

Digest LedgerHash(const LedgerEntry& entry) {
  WireWriter out;
  out.Fixed(AsBytes("smki ledger entry v1"));
  out.U64(entry.sequence);
  out.U64(static_cast<uint64_t>(entry.time.ms));
  out.Text(entry.incident);
  out.Text(entry.person);
  out.Text(entry.kind);
  out.Text(entry.payload);
  out.Fixed(entry.previous);
  return pki::Sha256(out.bytes());
}

}  // namespace smki::simulation
