#include "sim/store/database.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace smki::sim {
namespace {

Status FromSqlite(sqlite3* database, int code) {
  const char* path = sqlite3_db_filename(database, "main");
  const std::string name = path == nullptr ? "database" : path;
  const std::string text = sqlite3_errmsg(database);
  const int extended = sqlite3_extended_errcode(database);
  if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC) {
    // I10: after a failed fsync the page cache may lie.
    fmt::print(stderr, "fsync of {} failed. The process ends; check the disk, then start it again.\n", name);
    std::abort();
  }
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return DataLoss("{}: {}", name, text);
    case SQLITE_FULL:
      return Error(StatusCode::kResourceExhausted, "{}: {}; free space on the disk", name, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return FailedPrecondition("{} is in use by another process; stop the smki-sim that serves it first", name);
    case SQLITE_CANTOPEN:
      return NotFound("cannot open {}: {}", name, text);
    case SQLITE_CONSTRAINT:
      return Error(StatusCode::kAlreadyExists, "{}: {}", name, text);
    default:
      return Unavailable("{}: {}", name, text);
  }
}

constexpr char kDurable[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;";

}  // namespace

StatusOr<bool> Statement::Step() {
  const int code = bind_error_ != SQLITE_OK ? bind_error_ : sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return FromSqlite(sqlite3_db_handle(statement_.get()), code);
}

Status Statement::Run() {
  const Status status = Step().status();
  Reset();
  return status;
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  bind_error_ = SQLITE_OK;
}

ByteSpan Statement::Blob(int column) const {
  const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

StatusOr<Database::WriterLock> Database::WriterLock::Take(const std::string& path) {
  WriterLock lock;
  const std::string file = path + ".lock";
  lock.fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock.fd_ < 0) return NotFound("cannot open {}: {}", file, std::strerror(errno));
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    return FailedPrecondition("{} is in use by another process; stop the smki-sim that serves it first", path);
  }
  return lock;
}

Database::WriterLock::~WriterLock() {
  if (fd_ >= 0) ::close(fd_);
}

StatusOr<Database> Database::OpenFile(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw, path);
  if (code != SQLITE_OK) return WithContext(FromSqlite(raw, code), path);
  sqlite3_busy_timeout(raw, 5000);  // a reader may hold up a checkpoint, never for long
  return database;
}

StatusOr<Database> Database::Create(const std::string& path, const char* schema, int version) {
  struct stat existing {};
  if (::stat(path.c_str(), &existing) == 0)
    return Error(StatusCode::kAlreadyExists, "{} exists; it is never written over", path);
  SMKI_ASSIGN_OR_RETURN(WriterLock lock, WriterLock::Take(path));
  SMKI_ASSIGN_OR_RETURN(Database database, OpenFile(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  database.lock_ = std::move(lock);
  SMKI_RETURN_IF_ERROR(database.Execute(kDurable));
  SMKI_RETURN_IF_ERROR(database.Execute(fmt::format("BEGIN; {} PRAGMA user_version={}; COMMIT;", schema, version)));
  return database;
}

StatusOr<Database> Database::Open(const std::string& path, int version) {
  SMKI_ASSIGN_OR_RETURN(Database database, OpenFile(path, SQLITE_OPEN_READWRITE));
  SMKI_ASSIGN_OR_RETURN(database.lock_, WriterLock::Take(path));
  SMKI_RETURN_IF_ERROR(database.Execute(kDurable));
  SMKI_RETURN_IF_ERROR(database.CheckVersion(version));
  return database;
}

StatusOr<Database> Database::OpenReadOnly(const std::string& path, int version) {
  SMKI_ASSIGN_OR_RETURN(Database database, OpenFile(path, SQLITE_OPEN_READONLY));
  SMKI_RETURN_IF_ERROR(database.CheckVersion(version));
  return database;
}

Status Database::CheckVersion(int version) const {
  SMKI_ASSIGN_OR_RETURN(const int64_t found, QueryInteger("PRAGMA user_version"));
  if (found == version) return OkStatus();
  return FailedPrecondition("{} is of format {}, this program reads {}; make the estate again with smki-sim generate",
                            path_, found, version);
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

}  // namespace smki::sim
