#include "repository/store/table.h"

#include <fcntl.h>
#include <isa-l/crc64.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pki/digest.h"
#include "repository/reason.h"

namespace smki::repository {
namespace {

constexpr size_t kPiece = 256;  // pages read at once by a scan

void PutNumber(uint8_t* at, uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(at, &value, 8);
}
uint64_t GetNumber(const uint8_t* at) {
  uint64_t value;
  std::memcpy(&value, at, 8);
  return __builtin_bswap64(value);
}
uint64_t SealOf(const uint8_t* page) {
  return crc64_ecma_refl(0, page, kPage - 8);
}

}  // namespace

TableWriter::TableWriter(Output& out, TableShape shape) : out_(out), shape_(shape), page_(kPage) {}

Status TableWriter::Begin() {
  SMKI_RETURN_IF_ERROR(out_.Align(kPage));
  place_.offset = out_.size();
  return OkStatus();
}

Status TableWriter::Add(const uint8_t* entry) {
  uint8_t* to = page_.data() + in_page_ * shape_.entry_size;
  if (in_page_ == 0) {
    Append(fences_, {entry, shape_.key_size});
  } else {
    SMKI_CHECK(std::memcmp(to - shape_.entry_size, entry, shape_.key_size) < 0);
  }
  std::memcpy(to, entry, shape_.entry_size);
  ++place_.entries;
  return ++in_page_ == shape_.per_page() ? EndPage() : OkStatus();
}

Status TableWriter::EndPage() {
  const size_t used = in_page_ * shape_.entry_size;
  std::memset(page_.data() + used, 0, kPagePayload - used);
  PutNumber(page_.data() + kPagePayload, pages_++);
  PutNumber(page_.data() + kPage - 8, SealOf(page_.data()));
  in_page_ = 0;
  return out_.Append(page_);
}

StatusOr<TablePlace> TableWriter::Finish() {
  if (in_page_ > 0) SMKI_RETURN_IF_ERROR(EndPage());
  place_.fences = out_.size();
  place_.fences_sha256 = pki::Sha256(fences_);
  SMKI_RETURN_IF_ERROR(out_.Append(fences_));
  return place_;
}

StatusOr<std::unique_ptr<StoreFile>> StoreFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return NotFound("there is no Repository store {}; build it with smkictl repository rebuild", path);
  if (fd < 0) return Unavailable("cannot open {}: {}", path, std::strerror(errno));
  auto file = std::unique_ptr<StoreFile>(new StoreFile(path, fd));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return Unavailable("{} is no file that can be read", path);
  file->size_ = static_cast<uint64_t>(info.st_size);
  return file;
}

StoreFile::~StoreFile() {
  ::close(fd_);
}

Status StoreFile::Damaged(const std::string& what) const {
  return Refuse(Refusal::kSTORE_DAMAGED,
                fmt::format("{}: {}; build the store again with smkictl repository rebuild", path_, what));
}

Status StoreFile::ReadInto(uint64_t offset, std::span<uint8_t> out) const {
  if (offset > size_ || out.size() > size_ - offset)
    return Damaged(fmt::format("it ends before octet {}", offset + out.size()));
  for (size_t done = 0; done < out.size();) {
    const ssize_t n = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Unavailable("cannot read {}: {}", path_, std::strerror(errno));
    if (n == 0) return Damaged("it became shorter");
    done += static_cast<size_t>(n);
  }
  return OkStatus();
}

StatusOr<Bytes> StoreFile::Read(uint64_t offset, size_t size) const {
  if (offset > size_ || size > size_ - offset) return Damaged(fmt::format("it ends before octet {}", offset + size));
  Bytes out(size);
  SMKI_RETURN_IF_ERROR(ReadInto(offset, out));
  return out;
}

StatusOr<Table> Table::Open(const StoreFile& file, TableShape shape, const TablePlace& place) {
  Table table(file, shape, place);
  const uint64_t pages = table.pages();
  if (place.entries > file.size() || place.offset > file.size() || pages * kPage > file.size() - place.offset)
    return file.Damaged("a table is longer than the file");
  SMKI_ASSIGN_OR_RETURN(table.fences_, file.Read(place.fences, pages * shape.key_size));
  // A changed fence would hide certificates.
  if (pki::Sha256(table.fences_) != place.fences_sha256) return file.Damaged("a table's first keys were changed");
  return table;
}

Status Table::CheckPage(uint64_t number, ByteSpan page) const {
  if (GetNumber(page.data() + kPagePayload) == number && GetNumber(page.data() + kPage - 8) == SealOf(page.data()))
    return OkStatus();
  return file_->Damaged(fmt::format("the page at octet {} was changed", place_.offset + number * kPage));
}

// The last page whose first key is less than `key`, or the first.
uint64_t Table::PageOf(ByteSpan key) const {
  uint64_t low = 0, high = pages();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (std::memcmp(fences_.data() + middle * shape_.key_size, key.data(), key.size()) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low > 0 ? low - 1 : 0;
}

StatusOr<uint64_t> Table::LowerBound(ByteSpan key) const {
  uint64_t found = size();
  SMKI_RETURN_IF_ERROR(From(PageOf(key) * shape_.per_page(), [&](uint64_t row, const uint8_t* entry) -> StatusOr<bool> {
    if (std::memcmp(entry, key.data(), key.size()) < 0) return true;
    found = row;
    return false;
  }));
  return found;
}

Status Table::From(uint64_t row, const std::function<StatusOr<bool>(uint64_t, const uint8_t*)>& visit) const {
  std::array<uint8_t, kPage> page;
  while (row < size()) {
    const uint64_t number = row / shape_.per_page();
    SMKI_RETURN_IF_ERROR(file_->ReadInto(place_.offset + number * kPage, page));
    SMKI_RETURN_IF_ERROR(CheckPage(number, page));
    const uint64_t end = std::min<uint64_t>((number + 1) * shape_.per_page(), size());
    for (; row < end; ++row) {
      SMKI_ASSIGN_OR_RETURN(const bool more, visit(row, page.data() + row % shape_.per_page() * shape_.entry_size));
      if (!more) return OkStatus();
    }
  }
  return OkStatus();
}

Status Table::Scan(const std::function<Status(uint64_t, const uint8_t*)>& visit) const {
  Bytes pages_read(kPiece * kPage), last;
  uint64_t row = 0;
  for (uint64_t number = 0; number < pages();) {
    const size_t count = std::min<uint64_t>(kPiece, pages() - number);
    SMKI_RETURN_IF_ERROR(file_->ReadInto(place_.offset + number * kPage, std::span(pages_read).first(count * kPage)));
    for (size_t i = 0; i < count; ++i, ++number) {
      const ByteSpan page = ByteSpan(pages_read).subspan(i * kPage, kPage);
      SMKI_RETURN_IF_ERROR(CheckPage(number, page));
      for (size_t k = 0; k < shape_.per_page() && row < size(); ++k, ++row) {
        const uint8_t* entry = page.data() + k * shape_.entry_size;
        if (!last.empty() && std::memcmp(last.data(), entry, shape_.key_size) >= 0)
          return file_->Damaged(fmt::format("row {} of a table is not in order", row));
        last.assign(entry, entry + shape_.key_size);
        SMKI_RETURN_IF_ERROR(visit(row, entry));
      }
    }
  }
  return OkStatus();
}

}  // namespace smki::repository
