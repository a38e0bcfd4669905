#include "repository/profile/certificate_view.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/der.h"
#include "base/text.h"
#include "pki/certificate.h"
#include "pki/curve.h"
#include "repository/profile/certificate_parts.h"

namespace smki::repository {
namespace {

using namespace smki::der;  // tags

constexpr size_t kMaxParts = 32;  // RDNs, extensions, policies

// --- Contents octets of what the profile knows (RFC 5280, GBCS.md section 6) ---
constexpr uint8_t kVersion3[] = {0x02, 0x01, 0x02};
constexpr uint8_t kP256Key[] = {0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
                                0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
constexpr uint8_t kHardwareModuleName[] = {0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04};
constexpr uint8_t kCommonName[] = {0x55, 0x04, 0x03};
constexpr uint8_t kOrganisationalUnit[] = {0x55, 0x04, 0x0B};
constexpr uint8_t kX500UniqueIdentifier[] = {0x55, 0x04, 0x2D};
// The last octet of the standard extensions below 2.5.29.
enum ExtensionId : uint8_t {
  kSubjectKeyIdentifier = 0x0E,
  kKeyUsage = 0x0F,
  kSubjectAltName = 0x11,
  kBasicConstraints = 0x13,
  kCertificatePolicies = 0x20,
  kAuthorityKeyIdentifier = 0x23,
  kExtendedKeyUsage = 0x25,
};
// Those of this environment; the production ones take their place here (GBCS.md 8 point 7).
// pki::kOrganisationPolicy and pki::kDevicePolicy as contents octets.
constexpr uint8_t kOrganisationPolicy[] = {0x2A, 0x86, 0x3A, 0x00, 0x01, 0x84, 0x8F,
                                           0xB9, 0x0F, 0x01, 0x02, 0x01, 0x04};
constexpr uint8_t kDevicePolicy[] = {0x2A, 0x86, 0x3A, 0x00, 0x01, 0xED, 0xEE, 0x40, 0x01, 0x02, 0x01, 0x04};

// DOMAIN.md section 5, in years; a DCA's is not given.
constexpr int kOrganisationYears = 10, kIssuingYears = 25, kRootYears = 50;

template <size_t N>
bool Is(ByteSpan octets, const uint8_t (&expected)[N]) {
  return octets.size() == N && std::memcmp(octets.data(), expected, N) == 0;
}

// `years` after `from`, as calendars count.
UtcTime YearsAfter(UtcTime from, int years) {
  CivilTime c = ToCivil(from);
  c.year += years;
  if (c.month == 2 && c.day == 29) c.day = 28;
  return FromCivil(c);
}

UtcTime NoExpiry() {
  static const UtcTime end = FromCivil({9999, 12, 31, 23, 59, 59});
  return end;
}

// --- Names ---

struct NameView {
  ByteSpan common_name, organisational_unit;
  std::optional<Eui64> eui;
};

bool ReadAttribute(ByteSpan content, NameView& out) {
  constexpr uint8_t kIa5String = 0x16;
  Walk in(content);
  Value type, value;
  if (!in.Next(kOid, type) || !in.Next(value) || !in.done()) return false;
  const bool common_name = Is(type.content, kCommonName);
  if (common_name || Is(type.content, kOrganisationalUnit)) {
    ByteSpan& text = common_name ? out.common_name : out.organisational_unit;
    const bool is_text = value.tag == kUtf8String || value.tag == kPrintableString || value.tag == kIa5String;
    if (!text.empty() || !is_text || value.content.empty() || !IsReadableLine(AsText(value.content))) return false;
    text = value.content;
  } else if (Is(type.content, kX500UniqueIdentifier)) {
    if (out.eui || value.tag != kBitString || value.content.size() != 9 || value.content[0] != 0) return false;
    out.eui = Eui64::FromBytes(value.content.subspan(1));
  }
  return true;
}

bool ReadName(ByteSpan content, NameView& out) {
  Walk rdns(content);
  for (size_t count = 0; !rdns.done(); ++count) {
    Value rdn, attribute;
    if (count == kMaxParts || !rdns.Next(kSet, rdn)) return false;
    Walk attributes(rdn.content);
    do {
      if (!attributes.Next(kSequence, attribute) || !ReadAttribute(attribute.content, out)) return false;
    } while (!attributes.done());
  }
  return true;
}

// --- Extensions ---

bool ReadKeyUsage(ByteSpan value, uint16_t& out) {
  Value bits;
  if (!Only(value, kBitString, bits)) return false;
  const ByteSpan c = bits.content;
  if (c.size() < 2 || c.size() > 3 || c[0] > 7 || (c.back() >> c[0] & 1) == 0 || (c.back() & ((1 << c[0]) - 1)) != 0 ||
      (c.size() == 3 && c[0] != 7))
    return false;
  for (size_t bit = 0; bit < (c.size() - 1) * 8; ++bit) {
    if ((c[1 + bit / 8] >> (7 - bit % 8) & 1) != 0) out = static_cast<uint16_t>(out | 1 << bit);
  }
  return true;
}

bool ReadBasicConstraints(ByteSpan value, CertificateView& out) {
  Value sequence, part;
  if (!Only(value, kSequence, sequence)) return false;
  Walk in(sequence.content);
  if (in.done()) return true;
  if (!in.Next(kBoolean, part) || part.content.size() != 1 || part.content[0] != 0xFF) return false;
  out.is_ca = true;
  if (in.done()) return true;
  if (!in.Next(kInteger, part) || !in.done() || part.content.empty() || part.content[0] >= 0x80) return false;
  const ByteSpan c = part.content;
  if (c.size() > 2 || (c.size() == 2 && (c[0] != 0 || c[1] < 0x80))) return false;
  out.path_length = c.back();
  return true;
}

bool ReadPolicies(ByteSpan value, CertificateView& out) {
  Value sequence, information, part;
  if (!Only(value, kSequence, sequence)) return false;
  Walk in(sequence.content);
  // The profile has one.
  if (!in.Next(kSequence, information) || !in.done()) return false;
  Walk parts(information.content);
  if (!parts.Next(kOid, part)) return false;
  out.policy = part.content;
  return parts.done() || (parts.Next(kSequence, part) && parts.done());
}

// id-on-hardwareModuleName, RFC 4108 section 5.
bool ReadHardwareModuleName(ByteSpan other_name, CertificateView& out) {
  Walk in(other_name);
  Value type, wrapper, sequence, part;
  if (!in.Next(kOid, type) || !in.Next(Context(0, true), wrapper) || !in.done()) return false;
  if (!Is(type.content, kHardwareModuleName)) return true;
  if (!Only(wrapper.content, kSequence, sequence)) return false;
  Walk parts(sequence.content);
  if (!parts.Next(kOid, part) || !parts.Next(kOctetString, part) || !parts.done()) return false;
  if (out.device_eui || part.content.size() != Eui64::kSize) return false;
  out.device_eui = Eui64::FromBytes(part.content);
  out.device_eui_octets = part.content;
  return true;
}

bool ReadSubjectAltName(ByteSpan value, CertificateView& out) {
  Value sequence, name;
  if (!Only(value, kSequence, sequence)) return false;
  Walk in(sequence.content);
  do {
    if (!in.Next(name) || (name.tag & 0xC0) != 0x80) return false;
    if (name.tag == Context(0, true) && !ReadHardwareModuleName(name.content, out)) return false;
  } while (!in.done());
  return true;
}

bool ReadKeyIdentifier(ByteSpan content, ByteSpan& out) {
  out = content;
  return !content.empty() && content.size() <= 64;
}

bool ReadAuthorityKeyIdentifier(ByteSpan value, ByteSpan& out) {
  Value sequence, part;
  if (!Only(value, kSequence, sequence)) return false;
  Walk in(sequence.content);
  if (in.tag() == Context(0, false) && (!in.Next(part) || !ReadKeyIdentifier(part.content, out))) return false;
  if (in.tag() == Context(1, true) && !in.Next(part)) return false;
  if (in.tag() == Context(2, false) && !in.Next(part)) return false;
  return in.done();
}

bool ReadExtension(uint8_t id, ByteSpan value, CertificateView& out) {
  Value octets;
  switch (id) {
    case kKeyUsage:
      return ReadKeyUsage(value, out.key_usage);
    case kSubjectKeyIdentifier:
      return Only(value, kOctetString, octets) && ReadKeyIdentifier(octets.content, out.subject_key_identifier);
    case kAuthorityKeyIdentifier:
      return ReadAuthorityKeyIdentifier(value, out.authority_key_identifier);
    case kBasicConstraints:
      return ReadBasicConstraints(value, out);
    case kCertificatePolicies:
      return ReadPolicies(value, out);
    case kSubjectAltName:
      return ReadSubjectAltName(value, out);
    default:
      return true;
  }
}

// id-pe-wrappedApexContinKey, of a Root OCA Certificate: well-formed and not critical, as pki::Certificate wants it.
constexpr uint8_t kWrappedApexKey[] = {0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x14};
bool IsApexKey(ByteSpan value, bool critical) {
  Value sequence, part;
  if (critical || !Only(value, kSequence, sequence)) return false;
  Walk parts(sequence.content);
  return parts.Next(kSequence, part) && parts.Next(kOctetString, part) && parts.done();
}

// Each known extension once; an unknown one may not be critical.
bool ReadExtensions(ByteSpan wrapper, CertificateView& out) {
  Value sequence, item, part;
  if (!Only(wrapper, kSequence, sequence)) return false;
  std::array<ByteSpan, kMaxParts> seen;
  size_t count = 0;
  Walk in(sequence.content);
  do {
    if (count == kMaxParts || !in.Next(kSequence, item)) return false;
    Walk parts(item.content);
    if (!parts.Next(kOid, part)) return false;
    const ByteSpan id = part.content;
    const bool known_arc = id.size() == 3 && id[0] == 0x55 && id[1] == 0x1D;
    for (size_t i = 0; i < count; ++i) {
      if (std::equal(id.begin(), id.end(), seen[i].begin(), seen[i].end())) return false;
    }
    seen[count++] = id;
    bool critical = false;
    if (parts.tag() == kBoolean) {
      if (!parts.Next(part) || part.content.size() != 1 || part.content[0] != 0xFF) return false;
      critical = true;
    }
    if (!parts.Next(kOctetString, part) || !parts.done()) return false;
    if (Is(id, kWrappedApexKey) && !IsApexKey(part.content, critical)) return false;
    static constexpr uint8_t kKnown[] = {
        kSubjectKeyIdentifier,   kKeyUsage,        kSubjectAltName, kBasicConstraints, kCertificatePolicies,
        kAuthorityKeyIdentifier, kExtendedKeyUsage};
    const bool known = known_arc && std::find(std::begin(kKnown), std::end(kKnown), id[2]) != std::end(kKnown);
    if (!known && critical) return false;
    if (known && !ReadExtension(id[2], part.content, out)) return false;
  } while (!in.done());
  return true;
}

// --- The whole ---

std::optional<Fault> ReadSerial(Walk& in, ByteSpan& out) {
  Value value;
  if (!in.Next(kInteger, value)) return Fault{Reject::kDER_BAD, "serialNumber"};
  if (auto fault = CheckSerial(value.content)) return fault;
  out = value.content;
  return std::nullopt;
}

std::optional<Fault> ReadKey(ByteSpan spki, ByteSpan& point) {
  Walk in(spki);
  Value algorithm, bits;
  if (!in.Next(kSequence, algorithm) || !in.Next(kBitString, bits) || !in.done())
    return Fault{Reject::kDER_BAD, "subjectPublicKeyInfo"};
  if (!Is(algorithm.whole, kP256Key)) return Fault{Reject::kCURVE_WRONG, "the algorithm is not id-ecPublicKey, P-256"};
  if (bits.content.size() != 66 || bits.content[0] != 0 || !pki::IsOnCurve(bits.content.subspan(1)))
    return Fault{Reject::kCURVE_WRONG, "the point is not on the curve"};
  point = bits.content.subspan(1);
  return std::nullopt;
}

std::optional<Fault> ReadTbs(ByteSpan content, CertificateView& out) {
  Walk in(content);
  Value value;
  if (!in.Next(Context(0, true), value) || !Is(value.content, kVersion3)) return Fault{Reject::kDER_BAD, "version"};
  if (auto fault = ReadSerial(in, out.serial)) return fault;
  if (!in.Next(kSequence, value)) return Fault{Reject::kDER_BAD, "signature algorithm"};
  if (!Is(value.content, kEcdsaWithSha256)) return Fault{Reject::kALGORITHM_WRONG, "inside the certificate"};
  NameView issuer, subject;
  if (!in.Next(kSequence, value) || !ReadName(value.content, issuer)) return Fault{Reject::kDER_BAD, "issuer"};
  out.issuer = value.whole;
  Value validity;
  if (!in.Next(kSequence, validity)) return Fault{Reject::kDER_BAD, "validity"};
  Walk times(validity.content);
  Value begin, end;
  if (!times.Next(begin) || !ReadTime(begin, out.not_before) || !times.Next(end) || !ReadTime(end, out.not_after) ||
      !times.done())
    return Fault{Reject::kDER_BAD, "validity"};
  out.not_before_text = begin.content;
  if (!in.Next(kSequence, value) || !ReadName(value.content, subject)) return Fault{Reject::kDER_BAD, "subject"};
  out.subject = value.whole;
  out.common_name = subject.common_name;
  out.organisational_unit = subject.organisational_unit;
  out.subject_eui = subject.eui;
  if (!in.Next(kSequence, value)) return Fault{Reject::kDER_BAD, "subjectPublicKeyInfo"};
  if (auto fault = ReadKey(value.content, out.point)) return fault;
  // No issuerUniqueID, no subjectUniqueID: GBCS.md 6.2.
  if (!in.Next(Context(3, true), value) || !in.done() || !ReadExtensions(value.content, out))
    return Fault{Reject::kDER_BAD, "extensions"};
  return std::nullopt;
}

bool IsRole(ByteSpan text) {
  return text.size() == 2 && FromHex(AsText(text)).has_value();
}

std::optional<Fault> CheckAuthority(CertificateView& out) {
  out.kind =
      out.organisational_unit.empty() ? CertificateKind::kDeviceAuthority : CertificateKind::kOrganisationAuthority;
  if ((out.key_usage & pki::kKeyCertSign) == 0)
    return Fault{Reject::kPROFILE_WRONG, "an authority's key usage must allow signing certificates"};
  if (!out.policy.empty() && !Is(out.policy, kOrganisationPolicy) && !Is(out.policy, kDevicePolicy))
    return Fault{Reject::kPOLICY_WRONG, ""};
  if (out.kind == CertificateKind::kDeviceAuthority) return std::nullopt;
  const bool root = std::equal(out.issuer.begin(), out.issuer.end(), out.subject.begin(), out.subject.end());
  if (out.not_after > YearsAfter(out.not_before, root ? kRootYears : kIssuingYears))
    return Fault{Reject::kLIFETIME_WRONG,
                 root ? "a Root OCA Certificate's is 50 years" : "an Issuing OCA Certificate's is 25 years"};
  return std::nullopt;
}

std::optional<Fault> CheckEndEntity(CertificateView& out) {
  if (out.key_usage != pki::kDigitalSignature && out.key_usage != pki::kKeyAgreement)
    return Fault{Reject::kPROFILE_WRONG, "the key usage is neither digitalSignature nor keyAgreement alone"};
  if (out.device_eui.has_value() == out.subject_eui.has_value())
    return Fault{Reject::kPROFILE_WRONG, "it is neither an authority's nor an organisation's nor a Device's"};
  if (out.device_eui) {
    out.kind = CertificateKind::kDevice;
    if (!Is(out.policy, kDevicePolicy)) return Fault{Reject::kPOLICY_WRONG, "expected the Device Certificate Policy"};
    if (out.not_after != NoExpiry())
      return Fault{Reject::kLIFETIME_WRONG, "a Device Certificate ends at 99991231235959Z"};
    return std::nullopt;
  }
  out.kind = CertificateKind::kOrganisation;
  if (!IsRole(out.organisational_unit)) return Fault{Reject::kPROFILE_WRONG, "the subject names no role"};
  if (!Is(out.policy, kOrganisationPolicy))
    return Fault{Reject::kPOLICY_WRONG, "expected the Organisation Certificate Policy"};
  if (out.not_after > YearsAfter(out.not_before, kOrganisationYears))
    return Fault{Reject::kLIFETIME_WRONG, "an Organisation Certificate's is 10 years"};
  return std::nullopt;
}

}  // namespace

std::optional<Fault> ReadCertificate(ByteSpan der, CertificateView& out) {
  out = {};
  out.der = der;
  Value certificate, tbs, algorithm, signature;
  Walk outer(der);
  if (der.size() > kMaxCertificate || !outer.Next(kSequence, certificate))
    return Fault{Reject::kDER_BAD, "certificate"};
  if (!outer.done()) return Fault{Reject::kDER_TRAILING, ""};
  Walk in(certificate.content);
  if (!in.Next(kSequence, tbs) || !in.Next(kSequence, algorithm) || !in.Next(kBitString, signature) || !in.done())
    return Fault{Reject::kDER_BAD, "certificate"};
  out.tbs = tbs.whole;
  if (!Is(algorithm.content, kEcdsaWithSha256)) return Fault{Reject::kALGORITHM_WRONG, ""};
  if (auto fault = ReadTbs(tbs.content, out)) return fault;
  if (!ReadSignature(signature.content, out.signature)) return Fault{Reject::kDER_BAD, "signatureValue"};
  if (out.not_after < out.not_before) return Fault{Reject::kLIFETIME_WRONG, "it ends before it begins"};
  return out.is_ca ? CheckAuthority(out) : CheckEndEntity(out);
}

const char* UsageOf(const CertificateView& view) {
  if (view.is_ca) return "CA";
  return view.key_usage == pki::kDigitalSignature ? "DS" : "KA";
}

std::optional<uint8_t> RoleOf(const CertificateView& view) {
  if (view.kind != CertificateKind::kOrganisation) return std::nullopt;
  return FromHex(AsText(view.organisational_unit))->front();
}

}  // namespace smki::repository
