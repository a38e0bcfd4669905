// SQLite for the simulated estate: what is committed survives a power cut (WAL, synchronous=FULL). One thread, one
// writing process.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"

namespace smki::sim {

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
  // Runs a statement whose rows do not matter, and makes it ready again.
  Status Run();
  void Reset();

  // Columns from 0; valid until the next Step or Reset.
  int64_t Integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::string Text(int column) const { return std::string(AsText(Blob(column))); }
  ByteSpan Blob(int column) const;
  Eui64 Eui(int column) const { return Eui64::FromBytes(Blob(column)).value_or(Eui64()); }

 private:
  struct Free {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  void BindOne(int index, int64_t value) { Note(sqlite3_bind_int64(statement_.get(), index, value)); }
  void BindOne(int index, uint64_t value) { BindOne(index, static_cast<int64_t>(value)); }
  void BindOne(int index, int value) { BindOne(index, int64_t{value}); }
  void BindOne(int index, const std::string& text) {
    Note(sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  void BindOne(int index, ByteSpan blob) {
    // A null pointer would be bound as NULL.
    Note(sqlite3_bind_blob64(statement_.get(), index, blob.empty() ? "" : static_cast<const void*>(blob.data()),
                             blob.size(), SQLITE_TRANSIENT));
  }
  void BindOne(int index, const Bytes& blob) { BindOne(index, ByteSpan(blob)); }
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
  // A new file with `schema`; kAlreadyExists if there is one. `version` tells formats apart.
  static StatusOr<Database> Create(const std::string& path, const char* schema, int version);
  // To read and write. kNotFound if absent, kFailedPrecondition if it is of another version, or if another process has
  // it open to write.
  static StatusOr<Database> Open(const std::string& path, int version);
  // Also while another process writes; sees what that one has committed.
  static StatusOr<Database> OpenReadOnly(const std::string& path, int version);

  Status Execute(const std::string& sql);
  StatusOr<Statement> Prepare(const char* sql) const;
  StatusOr<int64_t> QueryInteger(const char* sql) const;
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* d) const { sqlite3_close_v2(d); }
  };
  // The right to write, from an advisory lock on PATH.lock; a process that dies gives it back.
  class WriterLock {
   public:
    static StatusOr<WriterLock> Take(const std::string& path);
    WriterLock() = default;
    WriterLock(WriterLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    WriterLock& operator=(WriterLock&& other) noexcept {
      std::swap(fd_, other.fd_);
      return *this;
    }
    ~WriterLock();

   private:
    int fd_ = -1;
  };
  Database(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}
  static StatusOr<Database> OpenFile(const std::string& path, int flags);
  Status CheckVersion(int version) const;
  WriterLock lock_;
  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

// Everything done while it lives is undone, unless it was committed.
class Transaction {
 public:
  static StatusOr<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction(const Transaction&) = delete;
  ~Transaction();
  // Durable when it returns OK.
  Status Commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace smki::sim
