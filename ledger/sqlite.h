// SQLite's connection and statement as objects that end by themselves and give Status. Private to ledger/*.cc.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace smki::ledger {

class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  void Bind(int index, int64_t value) { Note(sqlite3_bind_int64(get(), index, value)); }
  void Bind(int index, std::string_view text) {
    Note(sqlite3_bind_text64(get(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  void Bind(int index, ByteSpan blob) {
    // A null pointer would be bound as NULL.
    Note(sqlite3_bind_blob64(get(), index, blob.empty() ? "" : static_cast<const void*>(blob.data()), blob.size(),
                             SQLITE_TRANSIENT));
  }
  // True: a row is there. False: done.
  StatusOr<bool> Step();
  // Runs a statement without rows, and makes it ready to be bound again.
  Status Run();
  void Reset();

  // Valid until the next Step or Reset. A value of another type reads as 0 or empty.
  int64_t Integer(int column) const;
  ByteSpan Blob(int column) const;
  std::string_view Text(int column) const;

 private:
  struct Free {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  sqlite3_stmt* get() const { return statement_.get(); }
  void Note(int code) {
    if (code != SQLITE_OK) bind_error_ = code;
  }
  std::unique_ptr<sqlite3_stmt, Free> statement_;
  int bind_error_ = SQLITE_OK;
};

class Database {
 public:
  // `flags` of sqlite3_open_v2. The file is not trusted: no SQL in its schema can call functions.
  static StatusOr<Database> Open(const std::string& path, int flags);
  Status Execute(const char* sql);
  StatusOr<Statement> Prepare(const char* sql) const;
  StatusOr<int64_t> QueryInteger(const char* sql) const;

 private:
  struct Close {
    void operator()(sqlite3* d) const { sqlite3_close_v2(d); }
  };
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace smki::ledger
