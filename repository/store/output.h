// A file that is written once, from front to back, in gigabytes. Private to this room. Not thread-safe.
//
// What will last goes past the system's cache (O_DIRECT, where the file system has it), on a thread of its own: it
// would be copied there, push everything else out, and be written when the disk is needed for something else.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "repository/store/worker.h"

namespace smki::repository {

class Output {
 public:
  static constexpr size_t kBlock = 1 << 20;  // octets written at once

  // Creates `path` anew, to last; `mode` is its permissions, less the umask. Errors, here and below, carry DISK_FULL or
  // STORE_NOT_WRITABLE (repository/reason.h).
  static StatusOr<std::unique_ptr<Output>> Create(const std::string& path, mode_t mode = 0600);
  // The same for what is read again soon and ends with the process: its name is gone at once.
  static StatusOr<std::unique_ptr<Output>> CreateScratch(const std::string& path);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  Status Append(ByteSpan octets);
  uint64_t size() const { return size_ + used_; }
  // Zeros up to a multiple of `alignment`.
  Status Align(size_t alignment);
  // Everything appended so far is seen by ReadAt. If the file is to last, size() is a multiple of kPage
  // (store/table.h).
  Status Flush();
  // Everything appended so far is on the disk, and nothing is appended any more. On failure the process ends (I10,
  // base/file.h).
  Status Sync();
  // Exactly out.size() octets from `offset`, of what was flushed. Any thread.
  Status ReadAt(uint64_t offset, std::span<uint8_t> out) const;

  // Leaves out the next `octets` of a file that is to last: they are written by what is returned, from another thread
  // if need be, which must Flush and end before this one's Sync. As Flush, and `octets` is such a multiple too.
  StatusOr<std::unique_ptr<Output>> Branch(uint64_t octets);

 private:
  struct Free {
    void operator()(uint8_t* block) const { std::free(block); }
  };
  struct File;
  static constexpr size_t kBlocks = 6, kWaiting = kBlocks - 2;  // of those at most kWaiting are being written

  Output(std::shared_ptr<const File> file, uint64_t begin);
  Status Write(const uint8_t* octets, size_t size, uint64_t offset) const;
  Status EndBlock();

  const std::shared_ptr<const File> file_;
  std::array<std::unique_ptr<uint8_t, Free>, kBlocks> blocks_;
  size_t block_ = 0, used_ = 0;     // the one that is being filled, and how far
  uint64_t size_;                   // in front of it
  std::unique_ptr<Worker> worker_;  // null for scratch; last: it uses the others
};

}  // namespace smki::repository
