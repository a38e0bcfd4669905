#include "repository/store/format.h"

#include <algorithm>

#include "base/wire.h"
#include "pki/digest.h"

namespace smki::repository::store_format {
namespace {

void PutPlace(WireWriter& out, const TablePlace& place) {
  out.U64(place.offset);
  out.U64(place.entries);
  out.U64(place.fences);
  out.Fixed(place.fences_sha256);
}
TablePlace GetPlace(WireReader& in) {
  TablePlace out;
  out.offset = in.U64();
  out.entries = in.U64();
  out.fences = in.U64();
  out.fences_sha256 = in.Digest();
  return out;
}

}  // namespace

Bytes EncodeFooter(const Footer& footer) {
  WireWriter out;
  const StoreSummary& s = footer.summary;
  out.U64(s.certificates);
  for (const uint64_t count : s.by_kind) out.U64(count);
  for (const uint64_t count : s.by_status) out.U64(count);
  out.U8(static_cast<uint8_t>(s.verify));
  out.Text(s.as_of);
  out.Text(s.full_date);
  out.Text(s.last_delta_date);
  out.Fixed(s.digest);
  out.U64(footer.bodies_end);
  PutPlace(out, footer.entries);
  PutPlace(out, footer.by_eui);
  PutPlace(out, footer.by_digest);
  out.Fixed(pki::Sha256(out.bytes()));
  return out.Take();
}

StatusOr<Footer> DecodeFooter(ByteSpan bytes) {
  if (bytes.size() < sizeof(Digest)) return DataLoss("its end is missing");
  const Digest seal = pki::Sha256(bytes.first(bytes.size() - sizeof(Digest)));
  if (!std::equal(seal.begin(), seal.end(), bytes.end() - sizeof(Digest))) return DataLoss("its footer was changed");
  WireReader in(bytes);
  Footer out;
  StoreSummary& s = out.summary;
  s.certificates = in.U64();
  for (uint64_t& count : s.by_kind) count = in.U64();
  for (uint64_t& count : s.by_status) count = in.U64();
  s.verify = in.U8() == static_cast<uint8_t>(Verify::kFull) ? Verify::kFull : Verify::kStructure;
  s.as_of = in.Text();
  s.full_date = in.Text();
  s.last_delta_date = in.Text();
  s.digest = in.Digest();
  out.bodies_end = in.U64();
  out.entries = GetPlace(in);
  out.by_eui = GetPlace(in);
  out.by_digest = GetPlace(in);
  in.Fixed(sizeof(Digest));
  SMKI_RETURN_IF_ERROR(in.Finish("the store's footer"));
  return out;
}

StatusOr<Footer> ReadFooter(const StoreFile& file) {
  SMKI_ASSIGN_OR_RETURN(const Bytes magic, file.Read(0, std::min<uint64_t>(kMagic.size(), file.size())));
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

void Count(CertificateKind kind, CertificateStatus status, StoreSummary& summary) {
  ++summary.certificates;
  ++summary.by_kind[static_cast<size_t>(kind)];
  ++summary.by_status[kStatusLetters.find(static_cast<char>(status))];
}

}  // namespace smki::repository::store_format
