#include "repository/store/format.h"

#include <algorithm>
#include <tuple>

#include "pki/digest.h"

namespace smki::repository::store_format {

Bytes EncodeRecord(const StoredRecord& stored) {
  const CertificateRecord& r = stored.record;
  WireWriter out;
  out.U8(static_cast<uint8_t>(r.kind));
  out.U8(static_cast<uint8_t>(r.status));
  out.Eui(r.eui);
  out.U8(r.role ? 1 : 0);
  out.U8(r.role.value_or(0));
  out.U8(r.manufacturing ? 1 : 0);
  out.U64(static_cast<uint64_t>(stored.not_before.ms));
  out.Text(r.usage);
  out.Text(r.subject_name);
  out.Text(r.lodged);
  out.Octets(r.serial);
  out.Octets(r.der);
  return out.Take();
}

StatusOr<StoredRecord> DecodeRecord(ByteSpan payload) {
  WireReader in(payload);
  StoredRecord out;
  CertificateRecord& r = out.record;
  const uint8_t kind = in.U8();
  const uint8_t status = in.U8();
  r.eui = in.Eui();
  const bool has_role = in.U8() != 0;
  const uint8_t role = in.U8();
  r.manufacturing = in.U8() != 0;
  out.not_before = {static_cast<int64_t>(in.U64())};
  r.usage = in.Text();
  r.subject_name = in.Text();
  r.lodged = in.Text();
  r.serial = ToBytes(in.Octets());
  r.der = ToBytes(in.Octets());
  SMKI_RETURN_IF_ERROR(in.Finish("record of the store"));
  if (kind > static_cast<uint8_t>(CertificateKind::kDevice))
    return DataLoss("record of the store: unknown kind {}", kind);
  r.kind = static_cast<CertificateKind>(kind);
  r.status = static_cast<CertificateStatus>(status);
  if (has_role) r.role = role;
  return out;
}

Bytes SerialKey(ByteSpan serial) {
  if (serial.empty() || serial.size() >= kSerialKey) return {};
  Bytes key(kSerialKey);
  key[0] = static_cast<uint8_t>(serial.size());
  std::copy(serial.begin(), serial.end(), key.begin() + 1);
  return key;
}

Bytes EncodeFooter(const Footer& footer) {
  WireWriter out;
  const StoreSummary& s = footer.summary;
  for (const uint64_t count :
       {s.certificates, s.in_use, s.revoked, s.other, s.authorities, s.organisations, s.devices}) {
    out.U64(count);
  }
  out.Text(s.full_date);
  out.Text(s.last_delta_date);
  out.Fixed(s.digest);
  for (const IndexPlace& index : footer.indexes) {
    out.U64(index.offset);
    out.U64(index.entries);
    out.Fixed(index.sha256);
  }
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
  for (uint64_t* count :
       {&s.certificates, &s.in_use, &s.revoked, &s.other, &s.authorities, &s.organisations, &s.devices}) {
    *count = in.U64();
  }
  s.full_date = in.Text();
  s.last_delta_date = in.Text();
  s.digest = in.Digest();
  for (IndexPlace& index : out.indexes) {
    index.offset = in.U64();
    index.entries = in.U64();
    index.sha256 = in.Digest();
  }
  in.Fixed(sizeof(Digest));
  SMKI_RETURN_IF_ERROR(in.Finish("the store's footer"));
  return out;
}

Bytes DigestLeaf(const CertificateRecord& record, const Digest& sha256) {
  WireWriter out;
  out.U8(static_cast<uint8_t>(record.kind));
  out.Eui(record.eui);
  out.Octets(record.serial);
  out.U8(static_cast<uint8_t>(record.status));
  out.Fixed(sha256);
  return out.Take();
}

bool KeyLess(const CertificateRecord& a, const CertificateRecord& b) {
  return std::tie(a.kind, a.eui, a.serial) < std::tie(b.kind, b.eui, b.serial);
}

void Count(const CertificateRecord& record, StoreSummary& summary) {
  ++summary.certificates;
  switch (record.status) {
    case CertificateStatus::kInUse:
      ++summary.in_use;
      break;
    case CertificateStatus::kRevoked:
      ++summary.revoked;
      break;
    default:
      ++summary.other;
      break;
  }
  switch (record.kind) {
    case CertificateKind::kOrganisationAuthority:
    case CertificateKind::kDeviceAuthority:
      ++summary.authorities;
      break;
    case CertificateKind::kOrganisation:
      ++summary.organisations;
      break;
    case CertificateKind::kDevice:
      ++summary.devices;
      break;
  }
}

}  // namespace smki::repository::store_format
