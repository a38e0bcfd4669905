#include "repository/store/store.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "pki/digest.h"
#include "repository/store/format.h"
#include "repository/store/reader.h"

namespace smki::repository {

using namespace store_format;  // the file's own words

namespace {

struct Found {
  CertificateRecord record;
  UtcTime not_before;
};

class FileStore : public Store {
 public:
  explicit FileStore(std::unique_ptr<StoreReader> reader) : reader_(std::move(reader)) {}

  StatusOr<std::vector<CertificateRecord>> ByEui(Eui64 eui) const override {
    return Indexed(reader_->by_eui(), eui.bytes(), [&](const Entry& entry) { return entry.eui == eui.value(); });
  }

  StatusOr<std::vector<CertificateRecord>> BySerial(ByteSpan serial) const override {
    std::array<uint8_t, 20> key{};
    while (!serial.empty() && serial.front() == 0) serial = serial.subspan(1);
    if (serial.size() > key.size()) return std::vector<CertificateRecord>();
    std::copy_backward(serial.begin(), serial.end(), key.end());
    std::vector<Found> found;
    SMKI_ASSIGN_OR_RETURN(const uint64_t first, reader_->entries().LowerBound(key));
    SMKI_RETURN_IF_ERROR(reader_->entries().From(first, [&](uint64_t, const uint8_t* in) -> StatusOr<bool> {
      const Entry entry = Entry::Decode(in);
      if (entry.serial != key) return false;
      return Take(entry, found);
    }));
    return NewestFirst(std::move(found));
  }

  StatusOr<std::optional<CertificateRecord>> ByDigest(const Digest& sha256) const override {
    SMKI_ASSIGN_OR_RETURN(auto found, Indexed(reader_->by_digest(), ByteSpan(sha256).first(8),
                                              [&](const Entry& entry) { return entry.digest == sha256; }));
    if (found.empty()) return std::nullopt;
    return std::optional(std::move(found.front()));
  }

  StatusOr<std::vector<CertificateRecord>> Authorities() const override {
    // Their EUI-64 is 0.
    return Indexed(reader_->by_eui(), Eui64().bytes(), [](const Entry& entry) {
      return entry.kind == CertificateKind::kOrganisationAuthority || entry.kind == CertificateKind::kDeviceAuthority;
    });
  }

  const StoreSummary& summary() const override { return reader_->footer().summary; }

 private:
  StatusOr<bool> Take(const Entry& entry, std::vector<Found>& found) const {
    SMKI_ASSIGN_OR_RETURN(const Bytes der, reader_->Body(entry));
    CertificateView view;
    if (ReadCertificate(der, view))
      return reader_->file().Damaged(fmt::format("what stands at octet {} is no certificate", entry.offset));
    Found& out = found.emplace_back(Found{RecordOf(view, {entry.status, entry.manufacturing}), view.not_before});
    out.record.lodged = DateOf(entry.lodged);
    return true;
  }

  template <typename Wanted>
  StatusOr<std::vector<CertificateRecord>> Indexed(const Table& index, ByteSpan key, const Wanted& wanted) const {
    std::vector<Found> found;
    SMKI_ASSIGN_OR_RETURN(const uint64_t first, index.LowerBound(key));
    SMKI_RETURN_IF_ERROR(index.From(first, [&](uint64_t, const uint8_t* in) -> StatusOr<bool> {
      if (std::memcmp(in, key.data(), key.size()) != 0) return false;
      uint64_t row = 0;
      for (size_t i = 8; i < kIndexEntry; ++i) row = row << 8 | in[i];
      Status inner = reader_->file().Damaged("an index points behind the table");
      SMKI_RETURN_IF_ERROR(reader_->entries().From(row, [&](uint64_t, const uint8_t* encoded) -> StatusOr<bool> {
        const Entry entry = Entry::Decode(encoded);
        inner = OkStatus();
        if (wanted(entry)) inner = Take(entry, found).status();
        return false;
      }));
      SMKI_RETURN_IF_ERROR(inner);
      return true;
    }));
    return NewestFirst(std::move(found));
  }

  static std::vector<CertificateRecord> NewestFirst(std::vector<Found> found) {
    std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
      return std::tie(a.not_before, a.record.lodged) > std::tie(b.not_before, b.record.lodged);
    });
    std::vector<CertificateRecord> out;
    out.reserve(found.size());
    for (Found& one : found) out.push_back(std::move(one.record));
    return out;
  }

  const std::unique_ptr<StoreReader> reader_;
};

}  // namespace

const char* Name(Verify verify) {
  return verify == Verify::kFull ? "full" : "structure";
}

std::string StoreFileOf(const std::string& path) {
  struct stat info {};
  if (path.ends_with(".store") || (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode))) return path;
  return path + (path.ends_with("/") ? "" : "/") + "repository.store";
}

StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(auto reader, StoreReader::Open(StoreFileOf(path)));
  return std::make_unique<FileStore>(std::move(reader));
}

}  // namespace smki::repository
