#include "repository/store/writer.h"

#include <algorithm>

namespace smki::repository {

using namespace store_format;  // the file's own words

namespace {
constexpr size_t kBuffer = 1 << 20;
}

StatusOr<std::unique_ptr<StoreWriter>> StoreWriter::Create(const std::string& path) {
  if (PosixFiles().Exists(path)) SMKI_RETURN_IF_ERROR(PosixFiles().Remove(path));
  SMKI_ASSIGN_OR_RETURN(auto file, PosixFiles().OpenAppend(path));
  auto writer = std::unique_ptr<StoreWriter>(new StoreWriter(std::move(file)));
  SMKI_RETURN_IF_ERROR(writer->Put(AsBytes(kMagic)));
  return writer;
}

Status StoreWriter::Put(ByteSpan octets) {
  smki::Append(buffer_, octets);
  return buffer_.size() >= kBuffer ? Flush() : OkStatus();
}

Status StoreWriter::Flush() {
  SMKI_RETURN_IF_ERROR(file_->Append(buffer_));
  buffer_.clear();
  return OkStatus();
}

void StoreWriter::AddIndexEntry(Index index, ByteSpan key, uint64_t offset) {
  WireWriter entry;
  entry.Fixed(key);
  entry.U64(offset);
  indexes_[index].push_back(entry.Take());
}

Status StoreWriter::Add(const StoredRecord& stored, const Digest& sha256) {
  const CertificateRecord& record = stored.record;
  if (last_ && !KeyLess(*last_, record)) return Internal("records of a store must come in key order, each once");
  const Bytes payload = EncodeRecord(stored);
  const Bytes serial = SerialKey(record.serial);
  if (payload.size() > kMaxPayload || serial.empty()) {
    return InvalidArgument("certificate {} is too large for the store", ToHex(record.serial));
  }
  const uint64_t offset = file_->size() + buffer_.size();
  WireWriter framed;
  framed.Octets(payload);
  framed.Fixed(pki::Sha256(payload));
  SMKI_RETURN_IF_ERROR(Put(framed.bytes()));
  AddIndexEntry(kBySerial, serial, offset);
  AddIndexEntry(kByEui, record.eui.bytes(), offset);
  AddIndexEntry(kByDigest, sha256, offset);
  digest_.AddLeaf(DigestLeaf(record, sha256));
  Count(record, summary_);
  last_.emplace();
  last_->kind = record.kind;
  last_->eui = record.eui;
  last_->serial = record.serial;
  return OkStatus();
}

StatusOr<IndexPlace> StoreWriter::PutIndex(std::vector<Bytes>& entries) {
  // As text: comparing the vectors themselves trips a false warning of GCC 12.
  std::sort(entries.begin(), entries.end(), [](const Bytes& a, const Bytes& b) { return AsText(a) < AsText(b); });
  IndexPlace place;
  place.offset = file_->size() + buffer_.size();
  place.entries = entries.size();
  pki::Sha256Stream hash;
  for (const Bytes& entry : entries) {
    hash.Update(entry);
    SMKI_RETURN_IF_ERROR(Put(entry));
  }
  place.sha256 = hash.Finish();
  return place;
}

StatusOr<StoreSummary> StoreWriter::Finish(const std::string& full_date, const std::string& last_delta_date) {
  Footer footer;
  for (size_t i = 0; i < kIndexes; ++i) {
    SMKI_ASSIGN_OR_RETURN(footer.indexes[i], PutIndex(indexes_[i]));
  }
  summary_.full_date = full_date;
  summary_.last_delta_date = last_delta_date;
  summary_.digest = digest_.Root();
  footer.summary = summary_;
  const Bytes encoded = EncodeFooter(footer);
  WireWriter size;
  size.U32(static_cast<uint32_t>(encoded.size()));
  SMKI_RETURN_IF_ERROR(Put(encoded));
  SMKI_RETURN_IF_ERROR(Put(size.bytes()));
  SMKI_RETURN_IF_ERROR(Flush());
  file_->Sync();
  return summary_;
}

}  // namespace smki::repository
