// Sorts entries of one fixed size, any number of them, in bounded memory: sorted runs go to a file of no name beside
// the store, and are merged when all are there. Private to this room.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "repository/store/output.h"

namespace smki::repository {

class Sorter {
 public:
  // Entries of `entry_size` octets, ordered by their first `key_size` octets, which no two share. `path` names the
  // file for what does not fit into `memory` octets (at least one entry).
  Sorter(std::string path, size_t entry_size, size_t key_size, size_t memory);
  // Whole entries. Any thread: one that fills the buffer sorts it, while others go on with a new one.
  Status Add(ByteSpan entries);

  // The entries in order. Not thread-safe.
  class Merged {
   public:
    virtual ~Merged() = default;
    // The next entry, valid until the call after; null at the end.
    virtual StatusOr<const uint8_t*> Next() = 0;
  };
  // After the last Add, once. The sorter must outlive it.
  StatusOr<std::unique_ptr<Merged>> Finish();
  uint64_t size() const { return size_; }

 private:
  struct Run {
    uint64_t offset, entries;
  };
  using Order = std::vector<uint32_t>;  // which entry is first, second, ...
  size_t CommonOctets(const Bytes& entries) const;
  Order OrderOf(const Bytes& entries) const;
  Status Spill(Bytes& entries);
  bool IsPairs() const { return entry_size_ == 16 && key_size_ == 16; }
  class FromRuns;

  const std::string path_;
  const size_t entry_size_, key_size_, memory_;
  std::mutex mutex_;  // of what follows
  Bytes buffer_;
  Bytes spare_;  // one that was written: memory is not asked for anew
  uint64_t size_ = 0;
  std::mutex file_mutex_;  // of what follows
  std::unique_ptr<Output> file_;
  std::vector<Run> runs_;
};

}  // namespace smki::repository
