#include "sim/authority/profile.h"

#include <zlib.h>

#include <charconv>

namespace smki::sim {
namespace {

using repository::CertificateKind;

constexpr int kOrganisationYears = 10;

StatusOr<std::string> UsageOf(const pki::Certificate& certificate) {
  if (certificate.is_ca) return std::string("CA");
  if (certificate.key_usage == pki::kDigitalSignature) return std::string("DS");
  if (certificate.key_usage == pki::kKeyAgreement) return std::string("KA");
  return InvalidArgument("{}: the Repository lists digitalSignature, keyAgreement and authority certificates only",
                         certificate.Describe());
}

}  // namespace

UtcTime Midnight(UtcTime time) {
  CivilTime civil = ToCivil(time);
  civil.hour = civil.minute = civil.second = 0;
  return FromCivil(civil);
}

UtcTime AddYears(UtcTime day, int years) {
  CivilTime civil = ToCivil(day);
  civil.year += years;
  // 29 February has no anniversary in most years.
  if (civil.month == 2 && civil.day == 29) civil.day = 28;
  return FromCivil(civil);
}

Validity OrganisationValidity(UtcTime day) {
  const UtcTime start = Midnight(day);
  return {start, AddYears(start, kOrganisationYears) - std::chrono::seconds(1)};
}

Bytes NewSerial(Random& random) {
  return random.Take(16);
}

StatusOr<repository::CertificateRecord> RecordOf(const pki::Certificate& certificate, CertificateKind kind,
                                                 repository::CertificateStatus status, const std::string& date) {
  repository::CertificateRecord record;
  record.kind = kind;
  record.status = status;
  record.serial = certificate.serial;
  record.der = certificate.der();
  record.lodged = date;
  SMKI_ASSIGN_OR_RETURN(record.usage, UsageOf(certificate));
  switch (kind) {
    case CertificateKind::kDevice:
      if (!certificate.device_eui) return InvalidArgument("{} names no Device", certificate.Describe());
      record.eui = *certificate.device_eui;
      break;
    case CertificateKind::kOrganisation: {
      if (!certificate.subject_eui) return InvalidArgument("{} names no organisation", certificate.Describe());
      record.eui = *certificate.subject_eui;
      record.subject_name = certificate.subject_cn;
      const std::string& ou = certificate.subject_ou;
      uint8_t role = 0;
      std::from_chars(ou.data(), ou.data() + ou.size(), role, 16);
      record.role = role;
      break;
    }
    case CertificateKind::kOrganisationAuthority:
    case CertificateKind::kDeviceAuthority:
      record.subject_name = certificate.subject_cn;
      break;
  }
  return record;
}

Bytes Gzip(ByteSpan octets) {
  z_stream stream{};
  // 16: a gzip header instead of zlib's.
  SMKI_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, octets.size()));
  stream.next_in = const_cast<Bytef*>(octets.data());
  stream.avail_in = static_cast<uInt>(octets.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  SMKI_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace smki::sim
