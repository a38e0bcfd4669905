#include "repository/profile/record_check.h"

#include <algorithm>

#include "repository/extract/base64_body.h"

namespace smki::repository {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Serial numbers are numbers: leading zeros do not count.
bool IsNumber(std::string_view hex, ByteSpan number) {
  size_t digits = 2 * number.size();
  while (!hex.empty()) {
    const int value = HexDigit(hex.back());
    hex.remove_suffix(1);
    int expected = 0;
    if (digits > 0) {
      --digits;
      const uint8_t octet = number[digits / 2];
      expected = digits % 2 == 0 ? octet >> 4 : octet & 15;
    }
    if (value != expected) return false;
  }
  for (; digits > 0; --digits) {
    const uint8_t octet = number[(digits - 1) / 2];
    if (((digits - 1) % 2 == 0 ? octet >> 4 : octet & 15) != 0) return false;
  }
  return true;
}

std::optional<Fault> CheckSubject(const ScannedRecord& scanned, const CertificateView& view) {
  const std::string_view name = scanned.fields[schema::kSubjectName];
  const std::string_view alternative = scanned.fields[schema::kSubjectAltName];
  const bool device = view.kind == CertificateKind::kDevice;
  if (device != (alternative.data() != nullptr) || device == (name.data() != nullptr)) {
    return Fault{Reject::kSUBJECT_MISMATCH, device ? "a Device's is <CertificateSubjectAltName>"
                                                   : "an organisation's is <CertificateSubjectName>"};
  }
  if (view.is_ca) {
    if (name == AsText(view.common_name)) return std::nullopt;
    return Fault{Reject::kSUBJECT_MISMATCH, "expected the common name"};
  }
  const auto eui = Eui64::Parse(device ? alternative : name);
  if (!eui) return Fault{Reject::kSUBJECT_MISMATCH, "expected an EUI-64 as A1-A2-A3-A4-A5-A6-A7-A8"};
  if (*eui == (device ? *view.device_eui : *view.subject_eui)) return std::nullopt;
  return Fault{Reject::kSUBJECT_MISMATCH, "another EUI-64"};
}

std::optional<Fault> CheckRole(std::string_view text, const CertificateView& view) {
  const bool organisation = view.kind == CertificateKind::kOrganisation;
  if (text.data() == nullptr) {
    return organisation ? std::optional(Fault{Reject::kELEMENT_MISSING, "CertificateRole"}) : std::nullopt;
  }
  // Authorities have a role in their OU too, but a file need not say it.
  const std::string_view own = AsText(view.organisational_unit);
  const auto same = [](char a, char b) { return HexDigit(a) >= 0 && HexDigit(a) == HexDigit(b); };
  const bool equal = (text.size() == own.size() && std::equal(text.begin(), text.end(), own.begin(), same)) ||
                     (text.size() == 1 && own.size() == 2 && own[0] == '0' && same(text[0], own[1]));
  if (!text.empty() && equal) return std::nullopt;
  return Fault{Reject::kROLE_MISMATCH, ""};
}

std::optional<Fault> ReadState(const ScannedRecord& scanned, RecordState& out) {
  const auto status = schema::StatusFrom(scanned.fields[schema::kStatus]);
  if (!status) return Fault{Reject::kSTATUS_UNKNOWN, ""};
  out.status = *status;
  const std::string_view flag = scanned.fields[schema::kManufacturing];
  out.manufacturing = flag == "true" || flag == "1";
  if (!out.manufacturing && flag.data() != nullptr && flag != "false" && flag != "0")
    return Fault{Reject::kFLAG_UNKNOWN, ""};
  return std::nullopt;
}

std::optional<Fault> Check(const ScannedRecord& scanned, Bytes& bodies, size_t before, CertificateView& view,
                           RecordState& state) {
  view = {};
  if (scanned.fault) return scanned.fault;
  if (auto fault = ReadState(scanned, state)) return fault;
  if (!AppendBase64(scanned.fields[schema::kBody], bodies)) return Fault{Reject::kBASE64_BAD, ""};
  if (auto fault = ReadCertificate(ByteSpan(bodies).subspan(before), view)) return fault;
  if (!IsNumber(scanned.fields[schema::kSerial], view.serial)) return Fault{Reject::kSERIAL_MISMATCH, ""};
  if (auto fault = CheckSubject(scanned, view)) return fault;
  if (auto fault = CheckRole(scanned.fields[schema::kRole], view)) return fault;
  if (scanned.fields[schema::kUsage] != UsageOf(view)) return Fault{Reject::kUSAGE_MISMATCH, ""};
  return std::nullopt;
}

}  // namespace

std::optional<Fault> CheckRecord(const ScannedRecord& scanned, Bytes& bodies, CertificateView& view,
                                 RecordState& state) {
  const size_t before = bodies.size();
  const auto fault = Check(scanned, bodies, before, view, state);
  if (fault) bodies.resize(before);
  return fault;
}

CertificateRecord RecordOf(const CertificateView& view, RecordState state) {
  CertificateRecord record;
  record.kind = view.kind;
  record.status = state.status;
  record.manufacturing = state.manufacturing;
  if (view.kind == CertificateKind::kDevice) record.eui = *view.device_eui;
  if (view.kind == CertificateKind::kOrganisation) record.eui = *view.subject_eui;
  record.subject_name = ToString(view.common_name);
  record.serial = ToBytes(view.serial);
  record.role = RoleOf(view);
  record.usage = UsageOf(view);
  record.der = ToBytes(view.der);
  return record;
}

StatusOr<CertificateRecord> RecordOf(ByteSpan der) {
  CertificateView view;
  if (const auto fault = ReadCertificate(der, view)) {
    return InvalidArgument("{}: {}{}{}", Name(fault->reject), Text(fault->reject), *fault->detail != 0 ? ": " : "",
                           fault->detail);
  }
  return RecordOf(view, {});
}

}  // namespace smki::repository
