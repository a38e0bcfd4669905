#include "base/sqlite.h"

#include <cstdio>
#include <cstdlib>

namespace smki::sqlite {
namespace {

Status FromSqlite(sqlite3* database, int code) {
  const int extended = database == nullptr ? code : sqlite3_extended_errcode(database);
  const char* path = database == nullptr ? nullptr : sqlite3_db_filename(database, "main");
  const std::string name = path == nullptr ? "database" : path;
  const std::string text = database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database);
  if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC) {
    // I10: after a failed fsync the page cache may lie.
    fmt::print(stderr, "fsync of {} failed. The process ends; check the disk, then start it again.\n", name);
    std::abort();
  }
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
      return DataLoss("{}: {}", name, text);
    case SQLITE_FULL:
      return Error(StatusCode::kResourceExhausted, "{}: {}; free space on the disk", name, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return FailedPrecondition("{} is in use by another process; stop that one first", name);
    case SQLITE_CANTOPEN:
      return NotFound("{}: {}", name, text);
    case SQLITE_CONSTRAINT:
      return Error(StatusCode::kAlreadyExists, "{}: {}", name, text);
    case SQLITE_TOOBIG:
      return InvalidArgument("{}: {}", name, text);
    default:
      return Unavailable("{}: {}", name, text);
  }
}

}  // namespace

StatusOr<bool> Statement::Step() {
  const int code = bind_error_ != SQLITE_OK ? bind_error_ : sqlite3_step(get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return FromSqlite(sqlite3_db_handle(get()), code);
}

Status Statement::Run() {
  Status status = Step().status();
  Reset();
  return status;
}

void Statement::Reset() {
  sqlite3_reset(get());
  sqlite3_clear_bindings(get());
  bind_error_ = SQLITE_OK;
}

int64_t Statement::Integer(int column) const {
  return sqlite3_column_type(get(), column) == SQLITE_INTEGER ? sqlite3_column_int64(get(), column) : 0;
}

ByteSpan Statement::Blob(int column) const {
  if (sqlite3_column_type(get(), column) != SQLITE_BLOB) return {};
  const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(get(), column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(get(), column))};
}

std::string Statement::Text(int column) const {
  if (sqlite3_column_type(get(), column) != SQLITE_TEXT) return "";
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(get(), column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(get(), column))};
}

StatusOr<Database> Database::Open(const std::string& path, int flags, Millis busy) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (code != SQLITE_OK) return WithContext(FromSqlite(raw, code), "cannot open " + path);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_busy_timeout(raw, static_cast<int>(busy.count()));
  return database;
}

Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? OkStatus() : FromSqlite(database_.get(), code);
}

StatusOr<Statement> Database::Prepare(const char* sql) const {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return FromSqlite(database_.get(), code);
  return Statement(raw);
}

StatusOr<int64_t> Database::QueryInteger(const char* sql) const {
  SMKI_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  SMKI_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Integer(0) : 0;
}

StatusOr<Transaction> Transaction::Begin(Database& database) {
  SMKI_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  // An error here means that SQLite has rolled back already.
  if (database_ != nullptr) (void)database_->Execute("ROLLBACK");
}

Status Transaction::Commit() {
  SMKI_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return OkStatus();
}

}  // namespace smki::sqlite
