// SQLite's connection, statement and transaction as objects that end by themselves and give Status. One thread.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::sqlite {

class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  // Parameters in order, from the first.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    int index = 0;
    (BindOne(++index, values), ...);
    return *this;
  }
  // True: a row is there. False: done.
  StatusOr<bool> Step();
  // Runs a statement without rows, and makes it ready to be bound again.
  Status Run();
  void Reset();

  // Valid until the next Step or Reset. A value of another type reads as 0 or empty.
  int64_t Integer(int column) const;
  ByteSpan Blob(int column) const;
  std::string Text(int column) const;
  Eui64 Eui(int column) const { return Eui64::FromBytes(Blob(column)).value_or(Eui64()); }

 private:
  struct Free {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  sqlite3_stmt* get() const { return statement_.get(); }
  void BindOne(int index, int64_t value) { Note(sqlite3_bind_int64(get(), index, value)); }
  void BindOne(int index, uint64_t value) { BindOne(index, static_cast<int64_t>(value)); }
  void BindOne(int index, int value) { BindOne(index, int64_t{value}); }
  void BindOne(int index, std::string_view text) {
    Note(sqlite3_bind_text64(get(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  void BindOne(int index, const std::string& text) { BindOne(index, std::string_view(text)); }
  void BindOne(int index, ByteSpan blob) {
    // A null pointer would be bound as NULL.
    Note(sqlite3_bind_blob64(get(), index, blob.empty() ? "" : static_cast<const void*>(blob.data()), blob.size(),
                             SQLITE_TRANSIENT));
  }
  void BindOne(int index, const Bytes& blob) { BindOne(index, ByteSpan(blob)); }
  void BindOne(int index, const Digest& digest) { BindOne(index, ByteSpan(digest)); }
  // Big-endian, so that EUI-64s sort as numbers.
  void BindOne(int index, Eui64 eui) { BindOne(index, ByteSpan(eui.bytes())); }
  void Note(int code) {
    if (code != SQLITE_OK) bind_error_ = code;
  }
  std::unique_ptr<sqlite3_stmt, Free> statement_;
  int bind_error_ = SQLITE_OK;
};

class Database {
 public:
  // `flags` of sqlite3_open_v2. kNotFound if it cannot be opened, kDataLoss if it is no database. Waits for another
  // process up to `busy`, then kFailedPrecondition. A failed fsync ends the process (I10). The file is not trusted: no
  // SQL in its schema can call functions.
  static StatusOr<Database> Open(const std::string& path, int flags, Millis busy = Millis(0));
  Status Execute(const std::string& sql);
  StatusOr<Statement> Prepare(const char* sql) const;
  StatusOr<int64_t> QueryInteger(const char* sql) const;

 private:
  struct Close {
    void operator()(sqlite3* d) const { sqlite3_close_v2(d); }
  };
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, Close> database_;
};

// Everything done while it lives is undone, unless it was committed.
class Transaction {
 public:
  static StatusOr<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction(const Transaction&) = delete;
  ~Transaction();
  // Durable when it returns OK, if the connection is synchronous=FULL.
  Status Commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace smki::sqlite
