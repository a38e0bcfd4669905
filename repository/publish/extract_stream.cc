#include "repository/publish/extract_stream.h"

#include <algorithm>
#include <cstring>

#include "pki/sha256_many.h"
#include "repository/extract/record_text.h"
#include "repository/extract/schema.h"

namespace smki::repository {
namespace {

// Where a batch ends decides the file's octets: by its records alone, never by time or threads.
constexpr size_t kBatchRecords = 512;
constexpr size_t kBatchOctets = 256 << 10;  // of DER

// A Device's record needs nothing that its entry does not have.
struct DeviceWords {
  std::array<uint8_t, 21> serial{};  // one more than a number has: the sign
  RecordWords Of(const Entry& entry, ByteSpan der) {
    std::copy(entry.serial.begin(), entry.serial.end(), serial.begin() + 1);
    size_t first = 1;
    while (first < 20 && serial[first] == 0) ++first;
    if ((serial[first] & 0x80) != 0) --first;
    RecordWords words;
    words.kind = entry.kind;
    words.status = entry.status;
    words.eui = Eui64(entry.eui);
    words.serial = ByteSpan(serial).subspan(first);
    words.der = der;
    words.usage = entry.usage == 'D' ? schema::kSignatureUsage : schema::kAgreementUsage;
    words.manufacturing = entry.manufacturing;
    return words;
  }
};

}  // namespace

struct ExtractStream::Batch {
  bool first = false, last = false;
  std::vector<Entry> entries;
  Bytes ders;
};

ExtractStream::ExtractStream(const StoreReader& store, Pool& pool, std::unique_ptr<JoinedGzip> file, std::string type,
                             std::string date)
    : store_(store),
      pool_(pool),
      file_(std::move(file)),
      type_(std::move(type)),
      date_(std::move(date)),
      batch_(std::make_shared<Batch>()) {
  batch_->first = true;
}

Status ExtractStream::Add(const StoreReader::Item& item) {
  if (batch_->entries.size() == kBatchRecords || batch_->ders.size() + item.der.size() > kBatchOctets)
    SMKI_RETURN_IF_ERROR(Submit(false));
  if (batch_->entries.empty()) {
    batch_->entries.reserve(kBatchRecords);
    batch_->ders.reserve(kBatchOctets);
  }
  batch_->entries.push_back(item.entry);
  Append(batch_->ders, item.der);
  ++records_;
  return OkStatus();
}

Status ExtractStream::Submit(bool last) {
  auto batch = std::make_shared<Batch>();
  batch.swap(batch_);
  batch->last = last;
  return pool_.Submit([this, batch = std::move(batch)] { return Make(*batch); });
}

StatusOr<ExtractStream::Piece> ExtractStream::Make(const Batch& batch) {
  const size_t count = batch.entries.size();
  std::vector<ByteSpan> ders(count);
  std::vector<Digest> digests(count);
  std::vector<CertificateRecord> others(count);  // those that are not Devices'
  const std::string head = batch.first ? DocumentHead(type_, date_) : "", tail = batch.last ? DocumentTail() : "";
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    ders[i] = ByteSpan(batch.ders).subspan(at, batch.entries[i].size);
    at += batch.entries[i].size;
  }
  pki::Sha256Many(ders, digests);
  size_t room = head.size() + tail.size();
  for (size_t i = 0; i < count; ++i) {
    const Entry& entry = batch.entries[i];
    if (digests[i] != entry.digest)
      return store_.file().Damaged(fmt::format("the certificate at octet {} was changed", entry.offset));
    DeviceWords words;
    if (entry.kind == CertificateKind::kDevice) {
      room += RecordRoom(words.Of(entry, ders[i]));
      continue;
    }
    CertificateView view;
    if (ReadCertificate(ders[i], view))
      return store_.file().Damaged(fmt::format("what stands at octet {} is no certificate", entry.offset));
    others[i] = RecordOf(view, {entry.status, entry.manufacturing});
    room += RecordRoom(WordsOf(others[i]));
  }
  OctetBuffer text(room);
  text.Append(AsBytes(head));
  for (size_t i = 0; i < count; ++i) {
    DeviceWords words;
    const bool device = batch.entries[i].kind == CertificateKind::kDevice;
    const uint8_t* end = WriteRecord(device ? words.Of(batch.entries[i], ders[i]) : WordsOf(others[i]), text.end());
    text.Grow(static_cast<size_t>(end - text.end()));
  }
  text.Append(AsBytes(tail));
  return Piece{this, DeflatePiece(text.octets())};
}

}  // namespace smki::repository
