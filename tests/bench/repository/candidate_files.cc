// Files of our own, as planned for the Repository: bodies in order of arrival, one table of entries of one size sorted
// by serial and issuer, an index by EUI-64 into it, in sealed pages of 4 KiB. The first eight octets of every page's
// first key are held in memory.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "pki/digest.h"
#include "tests/bench/repository/row_sorter.h"
#include "tests/bench/repository/store_candidate.h"

namespace smki::bench {
namespace {

constexpr size_t kPageSize = 4096;
constexpr size_t kSealSize = 16;
constexpr size_t kPageRoom = kPageSize - kSealSize;

struct Entry {
  std::array<uint8_t, kKeySize> key;
  std::array<uint8_t, kEuiSize> eui;
  std::array<uint8_t, 8> offset;
  std::array<uint8_t, 2> size;
  uint8_t status, zero;
  Digest digest;  // of the body
};
static_assert(sizeof(Entry) == 80);
struct EuiEntry {
  std::array<uint8_t, kEuiSize> eui;
  std::array<uint8_t, 8> entry;  // its number in the table
};
static_assert(sizeof(EuiEntry) == 16);

template <size_t kSize>
std::array<uint8_t, kSize> BigEndian(uint64_t number) {
  std::array<uint8_t, kSize> out;
  for (size_t i = kSize; i-- > 0; number >>= 8) out[i] = static_cast<uint8_t>(number);
  return out;
}
uint64_t Number(ByteSpan octets) {
  uint64_t out = 0;
  for (const uint8_t octet : octets) out = out << 8 | octet;
  return out;
}

std::array<uint8_t, kSealSize> SealOf(ByteSpan page) {
  const Digest digest = pki::Sha256(page.first(kPageRoom));
  std::array<uint8_t, kSealSize> out;
  std::copy_n(digest.begin(), kSealSize, out.begin());
  return out;
}

class Output {
 public:
  explicit Output(const std::string& path) : file_(std::fopen(path.c_str(), "wb")) {
    if (file_ == nullptr) Die("cannot write " + path);
    std::setvbuf(file_, nullptr, _IOFBF, 1 << 20);
  }
  ~Output() { std::fclose(file_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  void Write(ByteSpan octets) {
    if (std::fwrite(octets.data(), 1, octets.size(), file_) != octets.size()) Die("cannot write");
    size_ += octets.size();
  }
  void Sync() {
    if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) Die("cannot sync");
  }
  uint64_t size() const { return size_; }

 private:
  std::FILE* file_;
  uint64_t size_ = 0;
};

// Sorted entries of one size in sealed pages.
class TableWriter {
 public:
  TableWriter(const std::string& path, size_t entry_size, bool sealed)
      : out_(path), entry_size_(entry_size), sealed_(sealed) {}
  void Add(ByteSpan entry) {
    if (page_.size() + entry_size_ > kPageRoom) EndPage();
    if (page_.empty()) fences_.push_back(Number(entry.first(8)));
    page_.insert(page_.end(), entry.begin(), entry.end());
  }
  std::vector<uint64_t> Finish() {
    if (!page_.empty()) EndPage();
    out_.Sync();
    return std::move(fences_);
  }

 private:
  void EndPage() {
    page_.resize(kPageSize);
    if (sealed_) {
      const auto seal = SealOf(page_);
      std::copy(seal.begin(), seal.end(), page_.begin() + kPageRoom);
    }
    out_.Write(page_);
    page_.clear();
  }
  Output out_;
  const size_t entry_size_;
  const bool sealed_;
  Bytes page_;
  std::vector<uint64_t> fences_;
};

class Input {
 public:
  explicit Input(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ < 0) Die("cannot read " + path);
  }
  ~Input() { ::close(file_); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  void Read(uint64_t at, std::span<uint8_t> out) const {
    if (::pread(file_, out.data(), out.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(out.size())) {
      Die("cannot read");
    }
  }

 private:
  const int file_;
};

class Table {
 public:
  Table(const std::string& path, size_t entry_size, std::vector<uint64_t> fences, uint64_t entries, bool sealed)
      : in_(path), entry_size_(entry_size), fences_(std::move(fences)), entries_(entries), sealed_(sealed) {}
  size_t per_page() const { return kPageRoom / entry_size_; }
  void ReadEntry(uint64_t number, std::span<uint8_t> out) const {
    std::array<uint8_t, kPageSize> page;
    ReadPage(number / per_page(), page);
    std::memcpy(out.data(), page.data() + number % per_page() * entry_size_, entry_size_);
  }
  // Every entry that begins with `key`.
  template <typename Visit>
  void Find(ByteSpan key, const Visit& visit) const {
    const uint64_t prefix = Number(key.first(8));
    // The page before the first fence that is not below: a key may begin on it and go on behind it.
    auto fence = std::lower_bound(fences_.begin(), fences_.end(), prefix);
    if (fence != fences_.begin()) --fence;
    for (size_t page = static_cast<size_t>(fence - fences_.begin()); page < fences_.size() && fences_[page] <= prefix;
         ++page) {
      std::array<uint8_t, kPageSize> octets;
      ReadPage(page, octets);
      const size_t held = std::min<uint64_t>(per_page(), entries_ - page * per_page());
      const auto compare = [&](size_t i) {
        return std::memcmp(octets.data() + i * entry_size_, key.data(), key.size());
      };
      size_t low = 0, high = held;
      while (low < high) {
        const size_t middle = (low + high) / 2;
        if (compare(middle) < 0)
          low = middle + 1;
        else
          high = middle;
      }
      for (; low < held && compare(low) == 0; ++low) visit(octets.data() + low * entry_size_);
      if (low < held) return;
    }
  }

 private:
  void ReadPage(size_t number, std::array<uint8_t, kPageSize>& page) const {
    in_.Read(number * kPageSize, page);
    if (!sealed_) return;
    const auto seal = SealOf(page);
    if (!std::equal(seal.begin(), seal.end(), page.begin() + kPageRoom)) Die("a page is damaged");
  }
  const Input in_;
  const size_t entry_size_;
  const std::vector<uint64_t> fences_;
  const uint64_t entries_;
  const bool sealed_;
};

class Files : public Candidate {
 public:
  Files(std::string folder, bool sealed) : folder_(std::move(folder)), sealed_(sealed) {}

  void Load(uint64_t count) override {
    RowSorter entries(folder_, sizeof(Entry), kKeySize);
    {
      Output bodies(folder_ + "/bodies");
      for (uint64_t i = 0; i < count; ++i) {
        const Row row = MakeRow(i);
        const Entry entry{row.key,
                          row.eui,
                          BigEndian<8>(bodies.size()),
                          BigEndian<2>(row.der.size()),
                          row.status,
                          0,
                          sealed_ ? pki::Sha256(row.der) : Digest{}};
        bodies.Write(row.der);
        entries.Add({entry.key.data(), sizeof(entry)});
      }
      bodies.Sync();
    }
    RowSorter euis(folder_, sizeof(EuiEntry), sizeof(EuiEntry));
    TableWriter by_serial(folder_ + "/entries", sizeof(Entry), sealed_);
    uint64_t number = 0;
    entries.Merge([&](ByteSpan entry) {
      by_serial.Add(entry);
      const EuiEntry eui{reinterpret_cast<const Entry*>(entry.data())->eui, BigEndian<8>(number++)};
      euis.Add({eui.eui.data(), sizeof(eui)});
    });
    TableWriter by_eui(folder_ + "/euis", sizeof(EuiEntry), sealed_);
    euis.Merge([&](ByteSpan entry) { by_eui.Add(entry); });
    Open(by_serial.Finish(), by_eui.Finish(), count);
  }
  std::optional<Bytes> BySerial(ByteSpan key) override {
    std::optional<Bytes> out;
    by_serial_->Find(key, [&](const uint8_t* entry) { out = BodyOf(*reinterpret_cast<const Entry*>(entry)); });
    return out;
  }
  std::vector<Bytes> ByEui(ByteSpan eui) override {
    std::vector<Bytes> out;
    by_eui_->Find(eui, [&](const uint8_t* found) {
      Entry entry;
      by_serial_->ReadEntry(Number(reinterpret_cast<const EuiEntry*>(found)->entry), {entry.key.data(), sizeof(entry)});
      out.push_back(BodyOf(entry));
    });
    return out;
  }

 private:
  void Open(std::vector<uint64_t> serial_fences, std::vector<uint64_t> eui_fences, uint64_t count) {
    Output fences(folder_ + "/fences");
    for (const auto* list : {&serial_fences, &eui_fences}) {
      for (const uint64_t fence : *list) fences.Write(BigEndian<8>(fence));
    }
    fences.Sync();
    SyncPath(folder_);
    bodies_ = std::make_unique<Input>(folder_ + "/bodies");
    by_serial_ = std::make_unique<Table>(folder_ + "/entries", sizeof(Entry), std::move(serial_fences), count, sealed_);
    by_eui_ = std::make_unique<Table>(folder_ + "/euis", sizeof(EuiEntry), std::move(eui_fences), count, sealed_);
  }
  Bytes BodyOf(const Entry& entry) const {
    Bytes out(Number(entry.size));
    bodies_->Read(Number(entry.offset), out);
    if (sealed_ && pki::Sha256(out) != entry.digest) Die("a body is damaged");
    return out;
  }

  const std::string folder_;
  const bool sealed_;
  std::unique_ptr<Input> bodies_;
  std::unique_ptr<Table> by_serial_, by_eui_;
};

}  // namespace

std::unique_ptr<Candidate> MakeFiles(const std::string& folder) {
  return std::make_unique<Files>(folder, true);
}
std::unique_ptr<Candidate> MakeFilesUnsealed(const std::string& folder) {
  return std::make_unique<Files>(folder, false);
}

}  // namespace smki::bench
