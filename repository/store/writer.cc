#include "repository/store/writer.h"

#include "base/wire.h"

namespace smki::repository {

using namespace store_format;  // the file's own words

namespace {

constexpr size_t kBatch = 4096 * kIndexEntry;

void PutIndexEntry(Bytes& out, const uint8_t* key, uint64_t row) {
  Append(out, {key, 8});
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(row >> shift));
}

}  // namespace

StoreWriter::StoreWriter(std::string path, std::unique_ptr<Output> out, size_t memory)
    : path_(std::move(path)),
      out_(std::move(out)),
      entries_(*out_, kEntries),
      by_eui_(path_ + ".eui", kIndexEntry, kIndexEntry, memory),
      by_digest_(path_ + ".digest", kIndexEntry, kIndexEntry, memory) {}

StatusOr<std::unique_ptr<StoreWriter>> StoreWriter::Create(const std::string& path, size_t memory) {
  SMKI_ASSIGN_OR_RETURN(auto out, Output::Create(path));
  SMKI_RETURN_IF_ERROR(out->Append(AsBytes(kMagic)));
  return std::unique_ptr<StoreWriter>(new StoreWriter(path, std::move(out), memory));
}

StatusOr<uint64_t> StoreWriter::AddBodies(ByteSpan ders) {
  const uint64_t offset = out_->size();
  SMKI_RETURN_IF_ERROR(out_->Append(ders));
  return offset;
}

StatusOr<Bytes> StoreWriter::ReadBody(uint64_t offset, size_t size) {
  SMKI_RETURN_IF_ERROR(out_->Flush());
  Bytes out(size);
  SMKI_RETURN_IF_ERROR(out_->ReadAt(offset, out));
  return out;
}

Status StoreWriter::AddEntry(const Entry& entry) {
  if (!in_entries_) {
    in_entries_ = true;
    footer_.bodies_end = out_->size();
    SMKI_RETURN_IF_ERROR(entries_.Begin());
  }
  std::array<uint8_t, Entry::kSize> encoded;
  entry.Encode(encoded.data());
  SMKI_RETURN_IF_ERROR(entries_.Add(encoded.data()));
  digest_.AddLeaf(DigestLeaf(entry.status, entry.manufacturing, entry.digest));
  Count(entry, footer_.summary);
  PutIndexEntry(eui_batch_, Eui64(entry.eui).bytes().data(), rows_);
  PutIndexEntry(digest_batch_, entry.digest.data(), rows_);
  ++rows_;
  if (eui_batch_.size() < kBatch) return OkStatus();
  SMKI_RETURN_IF_ERROR(by_eui_.Add(eui_batch_));
  SMKI_RETURN_IF_ERROR(by_digest_.Add(digest_batch_));
  eui_batch_.clear();
  digest_batch_.clear();
  return OkStatus();
}

StatusOr<TablePlace> StoreWriter::WriteIndex(Sorter& sorter) {
  SMKI_ASSIGN_OR_RETURN(const auto merged, sorter.Finish());
  TableWriter table(*out_, kIndexEntries);
  SMKI_RETURN_IF_ERROR(table.Begin());
  while (true) {
    SMKI_ASSIGN_OR_RETURN(const uint8_t* entry, merged->Next());
    if (entry == nullptr) return table.Finish();
    SMKI_RETURN_IF_ERROR(table.Add(entry));
  }
}

Status StoreWriter::Finish(StoreSummary& summary) {
  if (!in_entries_) {
    footer_.bodies_end = out_->size();
    SMKI_RETURN_IF_ERROR(entries_.Begin());
  }
  SMKI_ASSIGN_OR_RETURN(footer_.entries, entries_.Finish());
  SMKI_RETURN_IF_ERROR(by_eui_.Add(eui_batch_));
  SMKI_RETURN_IF_ERROR(by_digest_.Add(digest_batch_));
  SMKI_ASSIGN_OR_RETURN(footer_.by_eui, WriteIndex(by_eui_));
  SMKI_ASSIGN_OR_RETURN(footer_.by_digest, WriteIndex(by_digest_));
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
