// A file that is written once, from front to back, in gigabytes: what is appended starts on its way to the disk at
// once, so that the sync at the end has little left to wait for. Private to this room. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace smki::repository {

class Output {
 public:
  // Creates `path` (0600) anew. With `unnamed` the name is gone again at once: the file ends with the process.
  // Errors carry DISK_FULL or STORE_NOT_WRITABLE (repository/reason.h).
  static StatusOr<std::unique_ptr<Output>> Create(const std::string& path, bool unnamed = false);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  Status Append(ByteSpan octets);
  uint64_t size() const { return size_ + buffer_.size(); }
  // Zeros up to a multiple of `alignment`.
  Status Align(size_t alignment);
  // Hands what is buffered to the system, so that ReadAt sees it.
  Status Flush();
  // Everything appended so far is on the disk. On failure the process ends (I10, base/file.h).
  Status Sync();
  // Exactly out.size() octets from `offset`, of what was flushed. Any thread.
  Status ReadAt(uint64_t offset, std::span<uint8_t> out) const;

 private:
  Output(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status Write(ByteSpan octets);

  const std::string path_;
  const int fd_;
  Bytes buffer_;
  uint64_t size_ = 0;     // written
  uint64_t started_ = 0;  // up to here the disk was told to begin
};

}  // namespace smki::repository
