// Where every record of every file ended, and which were rejected. Private to this room. Records and Rejected from any
// thread, the rest from one.
#pragma once

#include <deque>
#include <mutex>
#include <vector>

#include "repository/profile/certificate_view.h"
#include "repository/rebuild.h"

namespace smki::repository {

// A record, by file and octet: the files in the order they are applied, octets of XML before it in its file.
struct RecordPlace {
  uint16_t file = 0;
  uint64_t offset = 0;  // below 2^48
  uint64_t Sequence() const { return uint64_t{file} << 48 | offset; }
  static RecordPlace Of(uint64_t sequence) {
    return {static_cast<uint16_t>(sequence >> 48), sequence & ((uint64_t{1} << 48) - 1)};
  }
};

class Account {
 public:
  // The next file; returns its number.
  uint16_t Begin(const std::string& file, const std::string& date);
  std::string NameOf(uint16_t file) const;
  void Records(uint16_t file, uint64_t count);
  // `serial` may be empty. False if there are too many now.
  bool Rejected(RecordPlace place, Fault fault, ByteSpan serial);
  void Loaded(uint16_t file);
  void Unchanged(uint16_t file);
  void Superseded(uint16_t file, uint16_t by);

  // Every record is in exactly one place: kInternal if not.
  Status CheckTotals() const;
  uint64_t rejects() const;
  std::vector<FileAccount> Files() const;
  FileAccount& File(uint16_t file) { return files_[file]; }
  // In the order of the files.
  std::vector<RejectedRecord> Rejects() const;

 private:
  mutable std::mutex mutex_;
  std::deque<FileAccount> files_;                             // never moved
  std::vector<std::pair<uint64_t, RejectedRecord>> rejects_;  // by sequence
};

}  // namespace smki::repository
