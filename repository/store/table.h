// A sorted table of fixed-size entries in the store's file: sealed pages, and the first key of every page, so that a
// lookup reads one page or two. Private to this room.
//
//   page   = entries, zeros up to 4080 octets | u64 page number | u64 CRC-64 (ECMA-182, reflected) of all before it
//   fences = the first key of each page
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "repository/store/output.h"

namespace smki::repository {

inline constexpr size_t kPage = 4096;
inline constexpr size_t kPagePayload = 4080;

struct TableShape {
  size_t entry_size, key_size;
  size_t per_page() const { return kPagePayload / entry_size; }
};
struct TablePlace {
  uint64_t offset = 0;  // of the first page, a multiple of kPage
  uint64_t entries = 0;
  uint64_t fences = 0;  // offset of the fences
  Digest fences_sha256{};
};

// Appends a table to a file. Not thread-safe.
class TableWriter {
 public:
  TableWriter(Output& out, TableShape shape);
  Status Begin();                    // aligns the file
  Status Add(const uint8_t* entry);  // in strictly increasing order of keys
  StatusOr<TablePlace> Finish();
  // Octets that a table of so many entries takes, from its first page to behind its fences.
  static uint64_t SizeOf(TableShape shape, uint64_t entries) {
    return (entries + shape.per_page() - 1) / shape.per_page() * (kPage + shape.key_size);
  }

 private:
  Status EndPage();
  Output& out_;
  const TableShape shape_;
  TablePlace place_;
  Bytes page_, fences_;
  size_t in_page_ = 0;
  uint64_t pages_ = 0;
};

// The store's file, only read: any thread.
class StoreFile {
 public:
  static StatusOr<std::unique_ptr<StoreFile>> Open(const std::string& path);
  ~StoreFile();
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;
  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  Status ReadInto(uint64_t offset, std::span<uint8_t> out) const;
  StatusOr<Bytes> Read(uint64_t offset, size_t size) const;
  Status Damaged(const std::string& what) const;

 private:
  StoreFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  const std::string path_;
  const int fd_;
  uint64_t size_ = 0;
};

// A table, only read: any thread.
class Table {
 public:
  static StatusOr<Table> Open(const StoreFile& file, TableShape shape, const TablePlace& place);
  uint64_t size() const { return place_.entries; }
  // The first row whose key is not less than `key` (of key_size octets or fewer), size() if there is none.
  StatusOr<uint64_t> LowerBound(ByteSpan key) const;
  // Calls `visit` with row and entry from `row` on, while it returns true.
  Status From(uint64_t row, const std::function<StatusOr<bool>(uint64_t row, const uint8_t* entry)>& visit) const;
  // All rows in order, read ahead in large pieces, their order checked.
  Status Scan(const std::function<Status(uint64_t row, const uint8_t* entry)>& visit) const;

 private:
  Table(const StoreFile& file, TableShape shape, TablePlace place) : file_(&file), shape_(shape), place_(place) {}
  uint64_t pages() const { return (place_.entries + shape_.per_page() - 1) / shape_.per_page(); }
  uint64_t PageOf(ByteSpan key) const;
  Status CheckPage(uint64_t number, ByteSpan page) const;
  const StoreFile* file_;
  TableShape shape_;
  TablePlace place_;
  Bytes fences_;
};

}  // namespace smki::repository
