#include "repository/store/reader.h"

#include <cstring>

#include "pki/digest.h"
#include "repository/store/sorter.h"

namespace smki::repository {

using namespace store_format;  // the file's own words

namespace {
constexpr size_t kOffset = 6;             // octets of an offset in front of an entry
constexpr size_t kPieceOctets = 4 << 20;  // bodies read at once
}  // namespace

StatusOr<std::unique_ptr<StoreReader>> StoreReader::Open(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(auto file, StoreFile::Open(path));
  SMKI_ASSIGN_OR_RETURN(Footer footer, ReadFooter(*file));
  SMKI_ASSIGN_OR_RETURN(Table entries, Table::Open(*file, kEntries, footer.entries));
  SMKI_ASSIGN_OR_RETURN(Table by_eui, Table::Open(*file, kIndexEntries, footer.by_eui));
  SMKI_ASSIGN_OR_RETURN(Table by_digest, Table::Open(*file, kIndexEntries, footer.by_digest));
  const uint64_t count = footer.summary.certificates;
  if (entries.size() != count || by_eui.size() != count || by_digest.size() != count)
    return file->Damaged("its tables do not have as many rows as certificates");
  return std::unique_ptr<StoreReader>(
      new StoreReader(std::move(file), std::move(footer), std::move(entries), std::move(by_eui), std::move(by_digest)));
}

StatusOr<Bytes> StoreReader::Body(const Entry& entry) const {
  SMKI_ASSIGN_OR_RETURN(Bytes der, file_->Read(entry.offset, entry.size));
  if (pki::Sha256(der) != entry.digest)
    return file_->Damaged(fmt::format("the certificate at octet {} was changed", entry.offset));
  return der;
}

Status StoreReader::VisitBodies(const std::string& scratch, size_t memory, size_t batch,
                                const std::function<Status(std::span<const Item>)>& visit) const {
  Sorter by_offset(scratch, kOffset + Entry::kSize, kOffset, memory);
  Bytes encoded;
  SMKI_RETURN_IF_ERROR(entries_.Scan([&](uint64_t, const uint8_t* in) {
    const uint64_t offset = Entry::Decode(in).offset;
    for (int shift = 40; shift >= 0; shift -= 8) encoded.push_back(static_cast<uint8_t>(offset >> shift));
    Append(encoded, {in, Entry::kSize});
    if (encoded.size() < batch * (kOffset + Entry::kSize)) return OkStatus();
    const Status added = by_offset.Add(encoded);
    encoded.clear();
    return added;
  }));
  SMKI_RETURN_IF_ERROR(by_offset.Add(encoded));
  SMKI_ASSIGN_OR_RETURN(const auto merged, by_offset.Finish());

  Bytes piece(kPieceOctets);
  uint64_t piece_begin = 0, piece_end = 0;
  std::vector<Item> items;
  const auto flush = [&] {
    const Status status = items.empty() ? OkStatus() : visit(items);
    items.clear();
    return status;
  };
  while (true) {
    SMKI_ASSIGN_OR_RETURN(const uint8_t* in, merged->Next());
    if (in == nullptr) return flush();
    const Entry entry = Entry::Decode(in + kOffset);
    const uint64_t end = entry.offset + entry.size;
    if (end > footer_.bodies_end) return file_->Damaged("an entry points behind the certificates");
    if (entry.offset < piece_begin || end > piece_end) {
      // What was handed out points into the piece.
      SMKI_RETURN_IF_ERROR(flush());
      piece_begin = entry.offset;
      piece_end = std::min<uint64_t>(piece_begin + kPieceOctets, footer_.bodies_end);
      SMKI_RETURN_IF_ERROR(file_->ReadInto(piece_begin, std::span(piece).first(piece_end - piece_begin)));
    }
    items.push_back({entry, ByteSpan(piece).subspan(entry.offset - piece_begin, entry.size)});
    if (items.size() == batch) SMKI_RETURN_IF_ERROR(flush());
  }
}

}  // namespace smki::repository
