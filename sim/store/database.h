// SQLite files of the simulated estate: what is committed survives a power cut (WAL, synchronous=FULL). One thread, one
// writing process.
#pragma once

#include <string>
#include <utility>

#include "base/lock.h"
#include "base/sqlite.h"

namespace smki::sim {

using sqlite::Statement;
using sqlite::Transaction;

class Database : public sqlite::Database {
 public:
  // A new file with `schema`; kAlreadyExists if there is one. `version` tells formats apart.
  static StatusOr<Database> Create(const std::string& path, const char* schema, int version);
  // To read and write. kNotFound if absent, kFailedPrecondition if it is of another version, or if another process has
  // it open to write.
  static StatusOr<Database> Open(const std::string& path, int version);
  // Also while another process writes; sees what that one has committed.
  static StatusOr<Database> OpenReadOnly(const std::string& path, int version);

  const std::string& path() const { return path_; }

 private:
  Database(sqlite::Database database, std::string path)
      : sqlite::Database(std::move(database)), path_(std::move(path)) {}
  static StatusOr<Database> OpenFile(const std::string& path, int flags);
  Status CheckVersion(int version) const;
  FileLock lock_;  // the right to write
  std::string path_;
};

}  // namespace smki::sim
