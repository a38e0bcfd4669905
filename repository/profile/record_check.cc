#include "repository/profile/record_check.h"

#include <algorithm>
#include <array>

#include "repository/extract/base64_body.h"

namespace smki::repository {
namespace {

constexpr std::array<int8_t, 256> MakeHexTable() {
  std::array<int8_t, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 10; ++i) table[static_cast<size_t>('0' + i)] = static_cast<int8_t>(i);
  for (int i = 0; i < 6; ++i) {
    table[static_cast<size_t>('a' + i)] = static_cast<int8_t>(10 + i);
    table[static_cast<size_t>('A' + i)] = static_cast<int8_t>(10 + i);
  }
  return table;
}
constexpr std::array<int8_t, 256> kHex = MakeHexTable();

int HexDigit(char c) {
  return kHex[static_cast<uint8_t>(c)];
}

// Whether `hex` (an even number of digits) is `octets`.
bool IsHexOf(std::string_view hex, ByteSpan octets) {
  if (hex.size() != 2 * octets.size()) return false;
  int wrong = 0;
  for (size_t i = 0; i < octets.size(); ++i)
    wrong |= (HexDigit(hex[2 * i]) << 4 | HexDigit(hex[2 * i + 1])) ^ int { octets[i] };
  return wrong == 0;
}

// Serial numbers are numbers: leading zeros do not count.
bool IsNumber(std::string_view hex, ByteSpan number) {
  if (IsHexOf(hex, number)) return true;
  while (!hex.empty() && hex.front() == '0') hex.remove_prefix(1);
  while (!number.empty() && number.front() == 0) number = number.subspan(1);
  const std::string even = (hex.size() % 2 == 1 ? "0" : "") + std::string(hex);
  return IsHexOf(even, number);
}

// A1-A2-A3-A4-A5-A6-A7-A8; other ways to write one go through Eui64::Parse.
bool IsEui(std::string_view text, Eui64 eui) {
  if (text.size() != 23) return false;
  int wrong = 0;
  for (size_t i = 0; i < 8; ++i) {
    wrong |=
        (HexDigit(text[3 * i]) << 4 | HexDigit(text[3 * i + 1])) ^ static_cast<uint8_t>(eui.value() >> (56 - 8 * i));
    if (i < 7) wrong |= text[3 * i + 2] ^ '-';
  }
  return wrong == 0;
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
  const Eui64 own = device ? *view.device_eui : *view.subject_eui;
  if (IsEui(device ? alternative : name, own)) return std::nullopt;
  const auto eui = Eui64::Parse(device ? alternative : name);
  if (!eui) return Fault{Reject::kSUBJECT_MISMATCH, "expected an EUI-64 as A1-A2-A3-A4-A5-A6-A7-A8"};
  if (*eui == own) return std::nullopt;
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
  // The web service, whose schema an extract is said to have, writes roles in decimal: 127 for 7F.
  const auto octet = own.size() == 2 ? FromHex(own) : std::nullopt;
  if (octet && text == fmt::format("{}", octet->front())) return std::nullopt;
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

std::optional<Fault> Check(const ScannedRecord& scanned, OctetBuffer& bodies, size_t before, CertificateView& view,
                           RecordState& state, CertificateTemplates* templates) {
  view.serial = {};
  if (scanned.fault) return scanned.fault;
  if (auto fault = ReadState(scanned, state)) return fault;
  const std::string_view body = scanned.fields[schema::kBody];
  SMKI_CHECK(bodies.room() >= Base64Room(body.size()));
  const auto size = DecodeBase64(body, bodies.end());
  if (!size) return Fault{Reject::kBASE64_BAD, ""};
  bodies.Grow(*size);
  const ByteSpan der = bodies.octets().subspan(before);
  if (auto fault = templates != nullptr ? templates->Read(der, view) : ReadCertificate(der, view)) return fault;
  if (!IsNumber(scanned.fields[schema::kSerial], view.serial)) return Fault{Reject::kSERIAL_MISMATCH, ""};
  if (auto fault = CheckSubject(scanned, view)) return fault;
  if (auto fault = CheckRole(scanned.fields[schema::kRole], view)) return fault;
  if (scanned.fields[schema::kUsage] != UsageOf(view)) return Fault{Reject::kUSAGE_MISMATCH, ""};
  return std::nullopt;
}

}  // namespace

std::optional<Fault> CheckRecord(const ScannedRecord& scanned, OctetBuffer& bodies, CertificateView& view,
                                 RecordState& state, CertificateTemplates* templates) {
  const size_t before = bodies.size();
  const auto fault = Check(scanned, bodies, before, view, state, templates);
  if (fault) bodies.ShrinkTo(before);
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
