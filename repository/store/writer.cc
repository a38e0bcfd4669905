#include "repository/store/writer.h"

#include <cstring>

#include "base/wire.h"

namespace smki::repository {

using namespace store_format;  // the file's own words

namespace {

constexpr size_t kBatch = 4096 * Entry::kSize;  // handed over at once
constexpr size_t kWaiting = 64;                 // batches, 22 MB: enough to go on while a run of an index is sorted
constexpr size_t kRuns = 4;                     // of an index, in the memory it has: small ones, for the same reason

void PutIndexEntry(uint8_t* to, const uint8_t* key, uint64_t row) {
  row = __builtin_bswap64(row);
  std::memcpy(to, key, 8);
  std::memcpy(to + 8, &row, 8);
}

StatusOr<TablePlace> WriteIndex(Sorter& sorter, Output& out) {
  SMKI_ASSIGN_OR_RETURN(const auto merged, sorter.Finish());
  TableWriter table(out, kIndexEntries);
  SMKI_RETURN_IF_ERROR(table.Begin());
  while (true) {
    SMKI_ASSIGN_OR_RETURN(const uint8_t* entry, merged->Next());
    if (entry == nullptr) return table.Finish();
    SMKI_RETURN_IF_ERROR(table.Add(entry));
  }
}

}  // namespace

StoreWriter::StoreWriter(std::string path, std::unique_ptr<Output> out, size_t memory)
    : path_(std::move(path)),
      out_(std::move(out)),
      entries_(*out_, kEntries),
      by_eui_(path_ + ".eui", kIndexEntry, kIndexEntry, memory / kRuns),
      by_digest_(path_ + ".digest", kIndexEntry, kIndexEntry, memory / kRuns) {}

StatusOr<std::unique_ptr<StoreWriter>> StoreWriter::Create(const std::string& path, size_t memory) {
  SMKI_ASSIGN_OR_RETURN(auto out, Output::Create(path));
  SMKI_RETURN_IF_ERROR(out->Append(AsBytes(kMagic)));
  return std::unique_ptr<StoreWriter>(new StoreWriter(path, std::move(out), memory));
}

StatusOr<uint64_t> StoreWriter::AddBodies(ByteSpan ders) {
  SMKI_CHECK(table_worker_ == nullptr);
  const uint64_t offset = out_->size();
  SMKI_RETURN_IF_ERROR(out_->Append(ders));
  return offset;
}

// The table begins at a page, which is where what was appended so far can be read.
Status StoreWriter::EndBodies() {
  if (table_worker_) return OkStatus();
  footer_.bodies_end = out_->size();
  SMKI_RETURN_IF_ERROR(entries_.Begin());
  SMKI_RETURN_IF_ERROR(out_->Flush());
  table_worker_ = std::make_unique<Worker>(kWaiting);
  index_worker_ = std::make_unique<Worker>(kWaiting);
  return OkStatus();
}

Status StoreWriter::AddEntry(const Entry& entry) {
  std::array<uint8_t, Entry::kSize> encoded;
  entry.Encode(encoded.data());
  return AddEncoded(encoded.data());
}

Status StoreWriter::AddEncoded(const uint8_t* entry) {
  if (batch_.capacity() == 0) batch_.reserve(kBatch);
  Append(batch_, {entry, Entry::kSize});
  return batch_.size() < kBatch ? OkStatus() : HandOver();
}

Status StoreWriter::HandOver() {
  SMKI_RETURN_IF_ERROR(EndBodies());
  const auto batch = std::make_shared<const Bytes>(std::move(batch_));
  batch_ = {};
  SMKI_RETURN_IF_ERROR(table_worker_->Do([this, batch] { return WriteEntries(*batch); }));
  return index_worker_->Do([this, batch] { return AddToIndexes(*batch); });
}

Status StoreWriter::WriteEntries(const Bytes& entries) {
  for (size_t at = 0; at < entries.size(); at += Entry::kSize) {
    const uint8_t* entry = entries.data() + at;
    SMKI_RETURN_IF_ERROR(entries_.Add(entry));
    const auto status = static_cast<CertificateStatus>(entry[Entry::kStatusAt]);
    Digest digest;
    std::memcpy(digest.data(), entry + Entry::kDigestAt, digest.size());
    digest_.AddLeaf(DigestLeaf(status, entry[Entry::kManufacturingAt] != 0, digest));
    Count(static_cast<CertificateKind>(entry[Entry::kKindAt]), status, footer_.summary);
  }
  return OkStatus();
}

Status StoreWriter::AddToIndexes(const Bytes& entries) {
  const size_t count = entries.size() / Entry::kSize;
  Bytes euis(count * kIndexEntry), digests(count * kIndexEntry);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* entry = entries.data() + i * Entry::kSize;
    PutIndexEntry(euis.data() + i * kIndexEntry, entry + Entry::kEuiAt, rows_);
    PutIndexEntry(digests.data() + i * kIndexEntry, entry + Entry::kDigestAt, rows_);
    ++rows_;
  }
  SMKI_RETURN_IF_ERROR(by_eui_.Add(euis));
  return by_digest_.Add(digests);
}

// Both at once: how long the first is, is known.
Status StoreWriter::WriteIndexes() {
  SMKI_RETURN_IF_ERROR(out_->Align(kPage));
  const uint64_t size = TableWriter::SizeOf(kIndexEntries, rows_);
  SMKI_ASSIGN_OR_RETURN(const auto first, out_->Branch((size + kPage - 1) / kPage * kPage));
  const Status begun = table_worker_->Do([this, &first]() -> Status {
    SMKI_ASSIGN_OR_RETURN(footer_.by_eui, WriteIndex(by_eui_, *first));
    SMKI_RETURN_IF_ERROR(first->Align(kPage));
    return first->Flush();
  });
  auto second = WriteIndex(by_digest_, *out_);
  const Status ended = table_worker_->Wait();
  SMKI_RETURN_IF_ERROR(begun);
  SMKI_RETURN_IF_ERROR(ended);
  SMKI_RETURN_IF_ERROR(second.status());
  footer_.by_digest = *second;
  return OkStatus();
}

Status StoreWriter::Finish(StoreSummary& summary) {
  SMKI_RETURN_IF_ERROR(HandOver());
  SMKI_RETURN_IF_ERROR(table_worker_->Wait());
  SMKI_RETURN_IF_ERROR(index_worker_->Wait());
  SMKI_ASSIGN_OR_RETURN(footer_.entries, entries_.Finish());
  SMKI_RETURN_IF_ERROR(WriteIndexes());
  summary.certificates = footer_.summary.certificates;
  summary.by_kind = footer_.summary.by_kind;
  summary.by_status = footer_.summary.by_status;
  summary.digest = digest_.Root();
  footer_.summary = summary;
  const Bytes encoded = EncodeFooter(footer_);
  WireWriter size;
  size.U32(static_cast<uint32_t>(encoded.size()));
  SMKI_RETURN_IF_ERROR(out_->Append(encoded));
  SMKI_RETURN_IF_ERROR(out_->Append(size.bytes()));
  return out_->Sync();
}

}  // namespace smki::repository
