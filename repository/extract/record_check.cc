#include "repository/extract/record_check.h"

#include <algorithm>

#include "repository/extract/shown.h"

namespace smki::repository {
namespace {

using schema::Field;

std::string_view Element(Field field) {
  return schema::kFieldRules[field].element;
}

Status Differs(Field field, const std::string& in_file, const std::string& in_certificate) {
  return DataLoss("<{}> is \"{}\", but its certificate says \"{}\"; fetch the file again", Element(field),
                  Shown(in_file), Shown(in_certificate));
}

// Serial numbers are numbers: leading zeros do not count.
std::string SerialText(const std::string& hex) {
  const size_t first = std::min(hex.find_first_not_of('0'), hex.size());
  std::string out = hex.substr(first);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string UsageOf(const pki::Certificate& certificate) {
  if (certificate.is_ca) return std::string(schema::kAuthorityUsage);
  switch (certificate.key_usage) {
    case pki::kDigitalSignature:
      return std::string(schema::kSignatureUsage);
    case pki::kKeyAgreement:
      return std::string(schema::kAgreementUsage);
    default:
      return "";
  }
}

StatusOr<CertificateKind> KindOf(const pki::Certificate& certificate) {
  // GBCS.md 6: the subject of an OCA has an OU, that of a DCA none. Which root it chains to decides in the end
  // (rebuild).
  if (certificate.is_ca) {
    return certificate.subject_ou.empty() ? CertificateKind::kDeviceAuthority : CertificateKind::kOrganisationAuthority;
  }
  if (certificate.device_eui) return CertificateKind::kDevice;
  if (certificate.subject_eui) return CertificateKind::kOrganisation;
  return DataLoss("its certificate is neither an authority's nor an organisation's nor a Device's");
}

// What the file calls the subject must be what the certificate calls it.
Status CheckSubject(const RawRecord& raw, const CertificateRecord& record) {
  const auto& name = raw.fields[schema::kSubjectName];
  const auto& alternative = raw.fields[schema::kSubjectAltName];
  const bool device = record.kind == CertificateKind::kDevice;
  const Field field = device ? schema::kSubjectAltName : schema::kSubjectName;
  if (name.has_value() == alternative.has_value() || alternative.has_value() != device) {
    return DataLoss("expected <{}> and nothing else as the subject of this kind of certificate", Element(field));
  }
  const std::string& text = *raw.fields[field];
  if (record.usage == schema::kAuthorityUsage) {
    return text == record.subject_name ? OkStatus() : Differs(field, text, record.subject_name);
  }
  const auto eui = Eui64::Parse(text);
  if (!eui) {
    return DataLoss("<{}> is \"{}\", expected an EUI-64 as A1-A2-A3-A4-A5-A6-A7-A8", Element(field), Shown(text));
  }
  return *eui == record.eui ? OkStatus() : Differs(field, text, record.eui.ToString());
}

Status CheckRole(const RawRecord& raw, const pki::Certificate& certificate, const CertificateRecord& record) {
  const auto& text = raw.fields[schema::kRole];
  if (!text) {
    return record.role ? DataLoss("<{}> is missing", Element(schema::kRole)) : OkStatus();
  }
  const auto role = FromHex(text->size() == 1 ? "0" + *text : *text);
  if (!role || role->size() != 1) {
    return DataLoss("<{}> is \"{}\", expected two hexadecimal digits", Element(schema::kRole), Shown(*text));
  }
  return role == FromHex(certificate.subject_ou) ? OkStatus() : Differs(schema::kRole, *text, certificate.subject_ou);
}

Status Check(const RawRecord& raw, CheckedRecord& out) {
  const std::string& status_text = *raw.fields[schema::kStatus];
  const auto status = schema::StatusFrom(status_text);
  if (!status) {
    return DataLoss("<{}> is \"{}\", expected one of P, I, N, E, R", Element(schema::kStatus), Shown(status_text));
  }
  const auto der = FromBase64(*raw.fields[schema::kBody]);
  if (!der || der->empty()) return DataLoss("<{}> is not Base64; fetch the file again", Element(schema::kBody));
  auto certificate = pki::Certificate::Parse(*der);
  if (!certificate.ok()) {
    return DataLoss("<{}> is no certificate: {}; fetch the file again", Element(schema::kBody),
                    Message(certificate.status()));
  }
  out.certificate = std::move(*certificate);
  CertificateRecord& record = out.record;
  SMKI_ASSIGN_OR_RETURN(record, RecordOf(out.certificate));
  record.status = *status;

  const std::string& serial = *raw.fields[schema::kSerial];
  if (SerialText(serial) != SerialText(ToHex(record.serial)))
    return Differs(schema::kSerial, serial, ToHex(record.serial));
  SMKI_RETURN_IF_ERROR(CheckSubject(raw, record));
  SMKI_RETURN_IF_ERROR(CheckRole(raw, out.certificate, record));
  const std::string& usage = *raw.fields[schema::kUsage];
  if (usage != record.usage) return Differs(schema::kUsage, usage, record.usage);

  const std::string manufacturing = raw.fields[schema::kManufacturing].value_or("false");
  record.manufacturing = manufacturing == "true" || manufacturing == "1";
  if (!record.manufacturing && manufacturing != "false" && manufacturing != "0") {
    return DataLoss("<{}> is \"{}\", expected true or false", Element(schema::kManufacturing), Shown(manufacturing));
  }
  return OkStatus();
}

}  // namespace

StatusOr<CertificateRecord> RecordOf(const pki::Certificate& certificate) {
  CertificateRecord record;
  SMKI_ASSIGN_OR_RETURN(record.kind, KindOf(certificate));
  record.usage = UsageOf(certificate);
  if (record.usage.empty()) return DataLoss("its certificate's key usage is neither digitalSignature nor keyAgreement");
  record.subject_name = certificate.subject_cn;
  record.serial = certificate.serial;
  record.der = certificate.der();
  if (record.kind == CertificateKind::kDevice) record.eui = *certificate.device_eui;
  if (record.kind == CertificateKind::kOrganisation) {
    record.eui = *certificate.subject_eui;
    const auto role = FromHex(certificate.subject_ou);
    if (!role || role->size() != 1) return DataLoss("its certificate names no role");
    record.role = role->front();
  }
  return record;
}

StatusOr<CheckedRecord> CheckRecord(const RawRecord& raw, const ExtractName& name) {
  CheckedRecord out;
  out.number = raw.number;
  out.line = raw.line;
  if (const Status checked = Check(raw, out); !checked.ok()) {
    return WithContext(checked, fmt::format("{}:line {}: record {}", name.file, raw.line, raw.number));
  }
  out.record.lodged = name.date;
  return out;
}

}  // namespace smki::repository
