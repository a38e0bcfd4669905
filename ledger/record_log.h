// An append-only file of typed records, each bound to all before it (docs/formats/record-log.md). The signer's
// journal and the campaign log are such files; what the records mean is theirs.
//
//   file   = "SMKILOG1" | u32+kind text | record*
//   record = u32 length of payload | u8 type | 4-octet check | payload | 32-octet head
//   head   = SHA-256(previous head | u32 length | u8 type | payload); before the first record SHA-256(file header)
//   check  = the first 4 octets of SHA-256(previous head | u32 length | u8 type): it tells a torn write, whose
//            length is right, from a damaged length, which could pass for one and take good records with it
//
// Durable only after Sync(). Beside the file stands PATH.committed, a hint of how much of it was synced: what is
// damaged above may be a torn write and is cut off, what is damaged below never is. Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/file.h"
#include "pki/digest.h"

namespace smki::ledger {

struct Record {
  uint64_t number = 0;  // from 0
  uint8_t type = 0;
  ByteSpan payload;  // valid during the visit only
  uint64_t payload_offset = 0;
  Digest head{};  // of the file up to here: what a witness quotes
};

inline constexpr size_t kMaxRecord = 16 << 20;

class RecordLog {
 public:
  using Visitor = std::function<Status(const Record&)>;

  // Opens or creates `path` of the given kind and visits every record. What does not fit beyond the committed length
  // was never synced and is cut off; without a hint only an incomplete last record is. Below, it refuses with kDataLoss
  // and the record's number.
  static StatusOr<std::unique_ptr<RecordLog>> Open(FileSystem& files, const std::string& path, const std::string& kind,
                                                   const Visitor& visit);
  // Returns the offset of the payload in the file. Not durable until Sync(). After a failure nothing of the record is
  // left; if even that cannot be had, every later Append refuses.
  StatusOr<uint64_t> Append(uint8_t type, ByteSpan payload);
  void Sync();
  StatusOr<Bytes> ReadAt(uint64_t offset, size_t size) const { return file_->ReadAt(offset, size); }

  uint64_t records() const { return records_; }
  const Digest& head() const { return head_; }
  uint64_t torn_octets() const { return torn_; }  // cut off by Open

 private:
  RecordLog(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  FileSystem& files_;
  std::string path_;
  std::unique_ptr<AppendFile> file_;
  uint64_t records_ = 0;
  Digest head_{};
  uint64_t torn_ = 0;
  bool broken_ = false;  // a failed Append could not be undone
};

// The hint beside a log. It may be removed when nobody writes to the log any more.
std::string CommittedPathOf(const std::string& path);

// Visits a file read-only, for auditors: checks every head; a torn tail is an error here. Returns the final head and
// count. Records cut off whole at the end are found only by comparing these with a witness. At most 8 GiB.
struct LogSummary {
  uint64_t records = 0;
  Digest head{};
};
StatusOr<LogSummary> ReadRecordLog(FileSystem& files, const std::string& path, const std::string& kind,
                                   const RecordLog::Visitor& visit);

}  // namespace smki::ledger
