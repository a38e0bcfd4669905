#include "repository/store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "pki/digest.h"
#include "repository/store/format.h"

namespace smki::repository {

using namespace store_format;  // the file's own words

namespace {

constexpr size_t kReadAhead = 1 << 20;
constexpr size_t kFrame = 4 + sizeof(Digest);  // around a payload

// A file that is never written: reads are positioned, so any thread may read.
class StoreFile {
 public:
  static StatusOr<std::unique_ptr<StoreFile>> Open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
      return NotFound("there is no Repository store {}; build it with smkictl repository rebuild", path);
    }
    if (fd < 0) return Unavailable("cannot open {}: {}", path, std::strerror(errno));
    auto file = std::unique_ptr<StoreFile>(new StoreFile(path, fd));
    struct stat info {};
    if (::fstat(fd, &info) != 0) return Unavailable("cannot stat {}: {}", path, std::strerror(errno));
    file->size_ = static_cast<uint64_t>(info.st_size);
    return file;
  }
  ~StoreFile() { ::close(fd_); }
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;

  uint64_t size() const { return size_; }
  Status Damaged(const std::string& what) const {
    return DataLoss("{}: {}; build the store again with smkictl repository rebuild", path_, what);
  }
  Status ReadInto(uint64_t offset, std::span<uint8_t> out) const {
    if (offset > size_ || out.size() > size_ - offset)
      return Damaged(fmt::format("it ends before octet {}", offset + out.size()));
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Unavailable("cannot read {}: {}", path_, std::strerror(errno));
      if (n == 0) return Damaged("it became shorter");
      done += static_cast<size_t>(n);
    }
    return OkStatus();
  }
  StatusOr<Bytes> Read(uint64_t offset, size_t size) const {
    if (offset > size_ || size > size_ - offset) return Damaged(fmt::format("it ends before octet {}", offset + size));
    Bytes out(size);
    SMKI_RETURN_IF_ERROR(ReadInto(offset, out));
    return out;
  }

 private:
  StoreFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  const std::string path_;
  const int fd_;
  uint64_t size_ = 0;
};

StatusOr<Footer> ReadFooter(const StoreFile& file) {
  SMKI_ASSIGN_OR_RETURN(const Bytes magic, file.Read(0, kMagic.size()));
  if (AsText(magic) != kMagic) return file.Damaged("is no Repository store");
  if (file.size() < kMagic.size() + 4) return file.Damaged("its end is missing");
  SMKI_ASSIGN_OR_RETURN(const Bytes size_octets, file.Read(file.size() - 4, 4));
  const uint32_t size = WireReader(size_octets).U32();
  if (size > kMaxFooter || size + 4 > file.size() - kMagic.size()) return file.Damaged("its end is missing");
  SMKI_ASSIGN_OR_RETURN(const Bytes octets, file.Read(file.size() - 4 - size, size));
  auto footer = DecodeFooter(octets);
  if (!footer.ok()) return file.Damaged(Message(footer.status()));
  return footer;
}

// A changed index would hide certificates: it is read once, in whole, before anything is answered from it.
Status CheckIndex(const StoreFile& file, const IndexPlace& place, size_t entry_size) {
  if (place.entries > file.size() / entry_size) return file.Damaged("an index is longer than the file");
  pki::Sha256Stream hash;
  uint64_t left = place.entries * entry_size;
  for (uint64_t at = place.offset; left > 0;) {
    const size_t count = std::min<uint64_t>(left, kReadAhead);
    SMKI_ASSIGN_OR_RETURN(const Bytes octets, file.Read(at, count));
    hash.Update(octets);
    at += count;
    left -= count;
  }
  return hash.Finish() == place.sha256 ? OkStatus() : file.Damaged("an index was changed");
}

// The record whose frame is `framed`, which may go on behind it.
StatusOr<StoredRecord> DecodeFramed(const StoreFile& file, uint64_t offset, ByteSpan framed) {
  WireReader in(framed);
  const ByteSpan payload = in.Octets();
  const Digest seal = in.Digest();
  if (!in.ok() || pki::Sha256(payload) != seal)
    return file.Damaged(fmt::format("the record at octet {} was changed", offset));
  auto stored = DecodeRecord(payload);
  if (!stored.ok()) return file.Damaged(Message(stored.status()));
  return stored;
}

StatusOr<StoredRecord> ReadRecord(const StoreFile& file, uint64_t offset, uint64_t end, size_t* framed_size = nullptr) {
  const size_t most = std::min<uint64_t>(kMaxPayload + kFrame, end - std::min(offset, end));
  // Almost every record fits into the first piece.
  SMKI_ASSIGN_OR_RETURN(Bytes octets, file.Read(offset, std::min<size_t>(most, 1024)));
  const size_t size = WireReader(octets).U32();
  if (octets.size() < 4 || size > kMaxPayload || size + kFrame > most) {
    return file.Damaged(fmt::format("the record at octet {} was changed", offset));
  }
  if (size + kFrame > octets.size()) {
    SMKI_ASSIGN_OR_RETURN(octets, file.Read(offset, size + kFrame));
  }
  if (framed_size != nullptr) *framed_size = size + kFrame;
  return DecodeFramed(file, offset, octets);
}

class FileStore : public Store {
 public:
  FileStore(std::unique_ptr<StoreFile> file, Footer footer) : file_(std::move(file)), footer_(std::move(footer)) {}

  StatusOr<std::vector<CertificateRecord>> ByEui(Eui64 eui) const override { return NewestFirst(kByEui, eui.bytes()); }

  StatusOr<std::vector<CertificateRecord>> BySerial(ByteSpan serial) const override {
    const Bytes key = SerialKey(serial);
    if (key.empty()) return std::vector<CertificateRecord>();
    return NewestFirst(kBySerial, key);
  }

  StatusOr<std::optional<CertificateRecord>> ByDigest(const Digest& sha256) const override {
    SMKI_ASSIGN_OR_RETURN(std::vector<CertificateRecord> found, NewestFirst(kByDigest, sha256));
    if (found.empty()) return std::nullopt;
    if (pki::Sha256(found.front().der) != sha256) return file_->Damaged("the index by digest is wrong");
    return std::optional(std::move(found.front()));
  }

  StatusOr<std::vector<CertificateRecord>> Authorities() const override {
    // Their EUI-64 is 0, which no organisation or Device has.
    SMKI_ASSIGN_OR_RETURN(std::vector<CertificateRecord> found, NewestFirst(kByEui, Eui64().bytes()));
    std::erase_if(found, [](const CertificateRecord& r) {
      return r.kind != CertificateKind::kOrganisationAuthority && r.kind != CertificateKind::kDeviceAuthority;
    });
    return found;
  }

  const StoreSummary& summary() const override { return footer_.summary; }

 private:
  size_t EntrySize(Index index) const { return kKeySize[index] + kOffsetSize; }

  StatusOr<Bytes> Entry(Index index, uint64_t i) const {
    return file_->Read(footer_.indexes[index].offset + i * EntrySize(index), EntrySize(index));
  }

  // The first entry whose key is not less than `key`.
  StatusOr<uint64_t> LowerBound(Index index, ByteSpan key) const {
    uint64_t low = 0, high = footer_.indexes[index].entries;
    while (low < high) {
      const uint64_t middle = low + (high - low) / 2;
      SMKI_ASSIGN_OR_RETURN(const Bytes entry, Entry(index, middle));
      if (std::memcmp(entry.data(), key.data(), key.size()) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  StatusOr<std::vector<CertificateRecord>> NewestFirst(Index index, ByteSpan key) const {
    SMKI_ASSIGN_OR_RETURN(uint64_t at, LowerBound(index, key));
    std::vector<StoredRecord> found;
    for (; at < footer_.indexes[index].entries; ++at) {
      SMKI_ASSIGN_OR_RETURN(const Bytes entry, Entry(index, at));
      if (std::memcmp(entry.data(), key.data(), key.size()) != 0) break;
      const uint64_t offset = WireReader(ByteSpan(entry).subspan(key.size())).U64();
      SMKI_ASSIGN_OR_RETURN(StoredRecord stored, ReadRecord(*file_, offset, footer_.indexes[kBySerial].offset));
      found.push_back(std::move(stored));
    }
    std::stable_sort(found.begin(), found.end(), [](const StoredRecord& a, const StoredRecord& b) {
      return std::tie(a.not_before, a.record.lodged) > std::tie(b.not_before, b.record.lodged);
    });
    std::vector<CertificateRecord> out;
    out.reserve(found.size());
    for (StoredRecord& stored : found) out.push_back(std::move(stored.record));
    return out;
  }

  const std::unique_ptr<StoreFile> file_;
  const Footer footer_;
};

}  // namespace

StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(auto file, StoreFile::Open(path));
  SMKI_ASSIGN_OR_RETURN(Footer footer, ReadFooter(*file));
  for (size_t i = 0; i < kIndexes; ++i) {
    SMKI_RETURN_IF_ERROR(CheckIndex(*file, footer.indexes[i], kKeySize[i] + kOffsetSize));
  }
  return std::make_unique<FileStore>(std::move(file), std::move(footer));
}

namespace store_format {

Status VisitStore(const std::string& path, const std::function<Status(StoredRecord)>& visit) {
  SMKI_ASSIGN_OR_RETURN(const auto file, StoreFile::Open(path));
  SMKI_ASSIGN_OR_RETURN(const Footer footer, ReadFooter(*file));
  const uint64_t end = footer.indexes[kBySerial].offset;
  for (uint64_t at = kMagic.size(); at < end;) {
    size_t size = 0;
    SMKI_ASSIGN_OR_RETURN(StoredRecord stored, ReadRecord(*file, at, end, &size));
    SMKI_RETURN_IF_ERROR(visit(std::move(stored)));
    at += size;
  }
  return OkStatus();
}

}  // namespace store_format
}  // namespace smki::repository
