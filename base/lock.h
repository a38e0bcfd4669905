// The right to write something alone, held through an advisory lock on a file of its own. A process that dies gives it
// back.
#pragma once

#include <string>
#include <utility>

#include "base/status.h"
#include "base/time.h"

namespace smki {

class FileLock {
 public:
  // Creates `path` (0600) if absent; it stays. Waits up to `wait` for a process that is just ending, then
  // kFailedPrecondition with `in_use` as its text.
  static StatusOr<FileLock> Take(const std::string& path, Millis wait, const std::string& in_use);
  FileLock() = default;
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace smki
