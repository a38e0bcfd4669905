#include "sim/store/database.h"

#include <sys/stat.h>

namespace smki::sim {
namespace {

constexpr Millis kBusy{5000};  // a reader may hold up a checkpoint, never for long
constexpr char kDurable[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;";

StatusOr<FileLock> LockForWriting(const std::string& path) {
  return FileLock::Take(path + ".lock", Millis(0),
                        fmt::format("{} is in use by another process; stop the smki-sim that serves it first", path));
}

}  // namespace

StatusOr<Database> Database::OpenFile(const std::string& path, int flags) {
  SMKI_ASSIGN_OR_RETURN(sqlite::Database database, sqlite::Database::Open(path, flags, kBusy));
  return Database(std::move(database), path);
}

StatusOr<Database> Database::Create(const std::string& path, const char* schema, int version) {
  struct stat existing {};
  if (::stat(path.c_str(), &existing) == 0)
    return Error(StatusCode::kAlreadyExists, "{} exists; it is never written over", path);
  SMKI_ASSIGN_OR_RETURN(FileLock lock, LockForWriting(path));
  SMKI_ASSIGN_OR_RETURN(Database database, OpenFile(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  database.lock_ = std::move(lock);
  SMKI_RETURN_IF_ERROR(database.Execute(kDurable));
  SMKI_RETURN_IF_ERROR(database.Execute(fmt::format("BEGIN; {} PRAGMA user_version={}; COMMIT;", schema, version)));
  return database;
}

StatusOr<Database> Database::Open(const std::string& path, int version) {
  SMKI_ASSIGN_OR_RETURN(Database database, OpenFile(path, SQLITE_OPEN_READWRITE));
  SMKI_ASSIGN_OR_RETURN(database.lock_, LockForWriting(path));
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

}  // namespace smki::sim
