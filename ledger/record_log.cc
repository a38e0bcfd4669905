#include "ledger/record_log.h"

#include <algorithm>

#include "base/wire.h"

namespace smki::ledger {
namespace {

constexpr char kMagic[] = "SMKILOG1";
constexpr size_t kCheckSize = 4;
constexpr size_t kHeaderSize = 4 + 1 + kCheckSize;
constexpr size_t kMaxKind = 64;
constexpr size_t kMaxLogFile = size_t{8} << 30;
constexpr size_t kReadAhead = 1 << 20;

Bytes FileHeader(const std::string& kind) {
  WireWriter out;
  out.Fixed(AsBytes(kMagic));
  out.Text(kind);
  return out.Take();
}

Bytes LengthAndType(size_t length, uint8_t type) {
  WireWriter out;
  out.U32(static_cast<uint32_t>(length));
  out.U8(type);
  return out.Take();
}

Digest HeadAfter(const Digest& previous, ByteSpan length_and_type, ByteSpan payload) {
  pki::Sha256Stream hash;
  hash.Update(previous);
  hash.Update(length_and_type);
  hash.Update(payload);
  return hash.Finish();
}

std::array<uint8_t, kCheckSize> CheckOf(const Digest& previous, ByteSpan length_and_type) {
  const Digest digest = HeadAfter(previous, length_and_type, {});
  return {digest[0], digest[1], digest[2], digest[3]};
}

// The octets of a log, wherever they are. Window() gives `size` octets from `offset`, valid until the next call.
class Source {
 public:
  virtual ~Source() = default;
  virtual uint64_t size() const = 0;
  virtual StatusOr<ByteSpan> Window(uint64_t offset, size_t size) = 0;
};

class MemorySource : public Source {
 public:
  explicit MemorySource(ByteSpan bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  StatusOr<ByteSpan> Window(uint64_t offset, size_t size) override { return bytes_.subspan(offset, size); }

 private:
  ByteSpan bytes_;
};

class FileSource : public Source {
 public:
  explicit FileSource(const AppendFile& file) : file_(file) {}
  uint64_t size() const override { return file_.size(); }
  StatusOr<ByteSpan> Window(uint64_t offset, size_t size) override {
    if (offset < start_ || offset + size > start_ + window_.size()) {
      const size_t wanted = std::min<uint64_t>(std::max(size, kReadAhead), file_.size() - offset);
      SMKI_ASSIGN_OR_RETURN(window_, file_.ReadAt(offset, wanted));
      start_ = offset;
    }
    return ByteSpan(window_).subspan(offset - start_, size);
  }

 private:
  const AppendFile& file_;
  Bytes window_;
  uint64_t start_ = 0;
};

struct Scan {
  LogSummary summary;
  uint64_t good = 0;  // octets up to the end of the last whole record
  Status damage;      // of what follows, if it is not just the beginning of a record
};

// PATH.committed: u64 length, first 8 octets of the SHA-256 of that. 0 if there is none, or none that can be read.
Bytes EncodeCommitted(uint64_t length) {
  WireWriter out;
  out.U64(length);
  Bytes octets = out.Take();
  const Digest check = pki::Sha256(octets);
  octets.insert(octets.end(), check.begin(), check.begin() + 8);
  return octets;
}
uint64_t ReadCommitted(FileSystem& files, const std::string& path) {
  const auto octets = files.Read(CommittedPathOf(path), kMaxHint);
  if (!octets.ok() || octets->size() < 8) return 0;
  WireReader reader(*octets);
  const uint64_t length = reader.U64();
  return EncodeCommitted(length) == *octets ? length : 0;
}

// Visits every whole record up to the first that does not fit. Errors are those of reading, of another kind of file and
// of the visitor.
StatusOr<Scan> ScanRecords(Source& in, const std::string& path, const std::string& kind,
                           const RecordLog::Visitor& visit) {
  const Bytes header = FileHeader(kind);
  const size_t present = std::min<uint64_t>(header.size(), in.size());
  SMKI_ASSIGN_OR_RETURN(const ByteSpan found, in.Window(0, present));
  if (!std::equal(found.begin(), found.end(), header.begin())) {
    return DataLoss("{}: is not a record log of kind {}; check the path, or restore the file from its newest copy",
                    path, kind);
  }
  Scan scan;
  scan.summary.head = pki::Sha256(header);
  if (present < header.size()) return scan;
  scan.good = header.size();
  while (true) {
    const uint64_t left = in.size() - scan.good;
    const uint64_t number = scan.summary.records;
    if (left < kHeaderSize) return scan;
    SMKI_ASSIGN_OR_RETURN(const ByteSpan head, in.Window(scan.good, kHeaderSize));
    const Bytes length_and_type = ToBytes(head.first(5));
    WireReader reader(length_and_type);
    const size_t length = reader.U32();
    const uint8_t type = reader.U8();
    const auto check = CheckOf(scan.summary.head, length_and_type);
    if (length > kMaxRecord || !std::equal(check.begin(), check.end(), head.begin() + 5)) {
      scan.damage = DataLoss(
          "{}: record {} (at octet {}): its length or type was changed, or a record before it was removed; "
          "restore the file from its newest copy",
          path, number, scan.good);
      return scan;
    }
    if (left < kHeaderSize + length + sizeof(Digest)) return scan;
    const uint64_t payload_offset = scan.good + kHeaderSize;
    SMKI_ASSIGN_OR_RETURN(const ByteSpan body, in.Window(payload_offset, length + sizeof(Digest)));
    const ByteSpan payload = body.first(length);
    const Digest expected = HeadAfter(scan.summary.head, length_and_type, payload);
    if (!std::equal(expected.begin(), expected.end(), body.begin() + static_cast<std::ptrdiff_t>(length))) {
      scan.damage = DataLoss(
          "{}: record {} (at octet {}) was changed: its head does not fit; restore the file from its newest copy", path,
          number, scan.good);
      return scan;
    }
    const Status visited = visit ? visit({number, type, payload, payload_offset, expected}) : OkStatus();
    if (!visited.ok()) return WithContext(visited, fmt::format("{}: record {}", path, number));
    scan.summary.head = expected;
    scan.summary.records = number + 1;
    scan.good = payload_offset + length + sizeof(Digest);
  }
}

}  // namespace

StatusOr<std::unique_ptr<RecordLog>> RecordLog::Open(FileSystem& files, const std::string& path,
                                                     const std::string& kind, const Visitor& visit) {
  if (kind.empty() || kind.size() > kMaxKind)
    return InvalidArgument("a record log's kind has 1 to {} octets", kMaxKind);
  auto log = std::unique_ptr<RecordLog>(new RecordLog(files, path));
  // Made with its header or not at all: a power cut must not leave a file that is no log. The hint comes first, so that
  // there is always one.
  if (!files.Exists(path)) {
    const Bytes header = FileHeader(kind);
    SMKI_RETURN_IF_ERROR(files.WriteDurably(CommittedPathOf(path), EncodeCommitted(header.size()), /*secret=*/true));
    SMKI_RETURN_IF_ERROR(files.WriteDurably(path, header, /*secret=*/true));
  }
  SMKI_ASSIGN_OR_RETURN(log->file_, files.OpenAppend(path));
  FileSource source(*log->file_);
  SMKI_ASSIGN_OR_RETURN(const Scan scan, ScanRecords(source, path, kind, visit));
  const uint64_t committed = ReadCommitted(files, path);
  if (scan.good < committed) {
    if (!scan.damage.ok()) return scan.damage;
    return DataLoss(
        "{}: record {} (at octet {}) is missing or incomplete: {} octets were synced, {} are there; "
        "restore the file from its newest copy",
        path, scan.summary.records, scan.good, committed, log->file_->size());
  }
  // Without a hint nothing tells what was synced.
  if (committed == 0 && !scan.damage.ok()) return scan.damage;
  log->torn_ = log->file_->size() - scan.good;
  log->records_ = scan.summary.records;
  log->head_ = scan.summary.head;
  if (log->torn_ > 0) {
    // A disk that gave a wrong bit once must not cost what was written: what is cut was read wrong twice.
    FileSource once_more(*log->file_);
    SMKI_ASSIGN_OR_RETURN(const Scan second, ScanRecords(once_more, path, kind, {}));
    if (second.good != scan.good)
      return Unavailable("{}: two readings of it differ at octet {}; check the disk, then start again", path,
                         std::min(second.good, scan.good));
    SMKI_RETURN_IF_ERROR(log->file_->Truncate(scan.good));
  }
  if (scan.good == 0) SMKI_RETURN_IF_ERROR(log->file_->Append(FileHeader(kind)));
  // Also what was there already: its writer may have ended before it was synced, and from now on it counts.
  log->Sync();
  return log;
}

void RecordLog::Sync() {
  file_->Sync();
  // A hint that cannot be written leaves an older one, which protects less.
  files_.WriteHint(CommittedPathOf(path_), EncodeCommitted(file_->size())).IgnoreError();
}

std::string CommittedPathOf(const std::string& path) {
  return path + ".committed";
}

StatusOr<uint64_t> RecordLog::Append(uint8_t type, ByteSpan payload) {
  if (broken_)
    return Unavailable("an earlier record could not be undone after a failed write; mend the disk and start again");
  if (payload.size() > kMaxRecord)
    return InvalidArgument("a record has at most {} octets, this one {}", kMaxRecord, payload.size());
  const Bytes length_and_type = LengthAndType(payload.size(), type);
  const Digest head = HeadAfter(head_, length_and_type, payload);
  const uint64_t start = file_->size();
  Bytes record;
  record.reserve(kHeaderSize + payload.size() + head.size());
  smki::Append(record, length_and_type);
  smki::Append(record, CheckOf(head_, length_and_type));
  smki::Append(record, payload);
  smki::Append(record, head);
  if (const Status written = file_->Append(record); !written.ok()) {
    // A shorter record written over a torn one would leave the torn one's end behind it.
    broken_ = !file_->Truncate(start).ok();
    return written;
  }
  head_ = head;
  ++records_;
  return start + kHeaderSize;
}

StatusOr<LogSummary> ReadRecordLog(FileSystem& files, const std::string& path, const std::string& kind,
                                   const RecordLog::Visitor& visit) {
  SMKI_ASSIGN_OR_RETURN(const Bytes bytes, files.Read(path, kMaxLogFile));
  MemorySource source(bytes);
  SMKI_ASSIGN_OR_RETURN(const Scan scan, ScanRecords(source, path, kind, visit));
  SMKI_RETURN_IF_ERROR(scan.damage);
  if (scan.good == 0) return DataLoss("{}: ends inside its header; restore the file from its newest copy", path);
  if (scan.good != bytes.size()) {
    return DataLoss(
        "{}: record {} (at octet {}) is incomplete: the file was cut, or its writer was stopped while writing", path,
        scan.summary.records, scan.good);
  }
  return scan.summary;
}

}  // namespace smki::ledger
