#include "pki/certificate.h"

#include "pki/der_parts.h"
#include "pki/digest.h"

namespace smki::pki {
namespace {

constexpr size_t kMaxCertificate = 8 * 1024;
constexpr size_t kMaxPolicies = 16;
constexpr char kPemBegin[] = "-----BEGIN CERTIFICATE-----";
constexpr char kPemEnd[] = "-----END CERTIFICATE-----";

StatusOr<Bytes> ReadKeyIdentifier(const DerValue& value, const char* what) {
  constexpr size_t kMaxKeyIdentifier = 64;
  if (value.content.empty() || value.content.size() > kMaxKeyIdentifier) {
    return InvalidArgument("DER at octet {}: {} must have 1 to {} octets", value.offset, what, kMaxKeyIdentifier);
  }
  return ToBytes(value.content);
}

StatusOr<Bytes> ReadSubjectKeyIdentifier(const DerValue& extension) {
  DerReader in(extension);
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Expect(der::kOctetString, "subjectKeyIdentifier"));
  SMKI_RETURN_IF_ERROR(in.Finish("subjectKeyIdentifier"));
  return ReadKeyIdentifier(value, "subjectKeyIdentifier");
}

// AuthorityKeyIdentifier, RFC 5280 4.2.1.1; only keyIdentifier is of use here.
StatusOr<Bytes> ReadAuthorityKeyIdentifier(const DerValue& extension) {
  DerReader outer(extension);
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, outer.Expect(der::kSequence, "authorityKeyIdentifier"));
  SMKI_RETURN_IF_ERROR(outer.Finish("authorityKeyIdentifier"));
  DerReader in(sequence);
  SMKI_ASSIGN_OR_RETURN(const auto identifier, in.Optional(der::Context(0, false)));
  SMKI_RETURN_IF_ERROR(in.Optional(der::Context(1, true)).status());
  SMKI_RETURN_IF_ERROR(in.Optional(der::Context(2, false)).status());
  SMKI_RETURN_IF_ERROR(in.Finish("authorityKeyIdentifier"));
  if (!identifier) return Bytes();
  return ReadKeyIdentifier(*identifier, "authorityKeyIdentifier");
}

Status ReadBasicConstraints(const DerValue& extension, Certificate& out) {
  DerReader outer(extension);
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, outer.Expect(der::kSequence, "basicConstraints"));
  SMKI_RETURN_IF_ERROR(outer.Finish("basicConstraints"));
  DerReader in(sequence);
  SMKI_ASSIGN_OR_RETURN(const auto ca, in.Optional(der::kBoolean));
  if (ca) {
    if (ca->content.size() != 1 || ca->content[0] != 0xFF) {
      return InvalidArgument("DER at octet {}: cA must be TRUE (FF) or absent", ca->offset);
    }
    out.is_ca = true;
    if (!in.at_end()) {
      SMKI_ASSIGN_OR_RETURN(const uint64_t length, in.Unsigned("pathLenConstraint"));
      if (length > 255)
        return InvalidArgument("DER at octet {}: pathLenConstraint {} is above 255", sequence.offset, length);
      out.path_length = static_cast<int>(length);
    }
  }
  return in.Finish("basicConstraints");
}

Status ReadPolicies(const DerValue& extension, Certificate& out) {
  DerReader outer(extension);
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, outer.Expect(der::kSequence, "certificatePolicies"));
  SMKI_RETURN_IF_ERROR(outer.Finish("certificatePolicies"));
  DerReader in(sequence);
  do {
    SMKI_ASSIGN_OR_RETURN(const DerValue information, in.Expect(der::kSequence, "PolicyInformation"));
    if (out.policies.size() == kMaxPolicies) {
      return InvalidArgument("DER at octet {}: more than {} policies", information.offset, kMaxPolicies);
    }
    DerReader parts(information);
    SMKI_ASSIGN_OR_RETURN(const DerValue policy, parts.Expect(der::kOid, "policyIdentifier"));
    SMKI_RETURN_IF_ERROR(parts.Optional(der::kSequence).status());  // policyQualifiers
    SMKI_RETURN_IF_ERROR(parts.Finish("PolicyInformation"));
    out.policies.push_back(OidText(policy.content));
    if (out.policies.back().front() == '(') {
      return InvalidArgument("DER at octet {}: policyIdentifier is malformed", policy.offset);
    }
  } while (!in.at_end());
  return OkStatus();
}

// HardwareModuleName, RFC 4108 section 5: SEQUENCE { hwType OID, hwSerialNum OCTET STRING }.
Status ReadHardwareModuleName(const DerValue& explicit_value, Certificate& out) {
  DerReader wrapper(explicit_value);
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, wrapper.Expect(der::kSequence, "HardwareModuleName"));
  SMKI_RETURN_IF_ERROR(wrapper.Finish("HardwareModuleName"));
  DerReader in(sequence);
  SMKI_RETURN_IF_ERROR(in.Expect(der::kOid, "hwType").status());
  SMKI_ASSIGN_OR_RETURN(const DerValue serial, in.Expect(der::kOctetString, "hwSerialNum"));
  SMKI_RETURN_IF_ERROR(in.Finish("HardwareModuleName"));
  if (out.device_eui || serial.content.size() != Eui64::kSize) {
    return InvalidArgument("DER at octet {}: hwSerialNum must occur once and be an EUI-64 of 8 octets", serial.offset);
  }
  out.device_eui = Eui64::FromBytes(serial.content);
  return OkStatus();
}

Status ReadSubjectAltName(const DerValue& extension, Certificate& out) {
  constexpr uint8_t kContextClass = 0x80;
  DerReader outer(extension);
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, outer.Expect(der::kSequence, "subjectAltName"));
  SMKI_RETURN_IF_ERROR(outer.Finish("subjectAltName"));
  DerReader in(sequence);
  do {
    SMKI_ASSIGN_OR_RETURN(const DerValue name, in.Next());
    if ((name.tag & 0xC0) != kContextClass) return InvalidArgument("DER at octet {}: not a GeneralName", name.offset);
    if (name.tag != der::Context(0, true)) continue;
    DerReader other(name);
    SMKI_ASSIGN_OR_RETURN(const DerValue type, other.Expect(der::kOid, "type-id of an otherName"));
    SMKI_ASSIGN_OR_RETURN(const DerValue value, other.Expect(der::Context(0, true), "value of an otherName"));
    SMKI_RETURN_IF_ERROR(other.Finish("otherName"));
    if (SameOctets(type.content, oid::kHardwareModuleName)) SMKI_RETURN_IF_ERROR(ReadHardwareModuleName(value, out));
  } while (!in.at_end());
  return OkStatus();
}

Status ReadApexKey(const Extension& extension, Certificate& out) {
  if (extension.critical)
    return InvalidArgument("DER at octet {}: the wrapped contingency key must not be critical", extension.value.offset);
  DerReader outer(extension.value);
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, outer.Expect(der::kSequence, "ApexContingencyKey"));
  SMKI_RETURN_IF_ERROR(outer.Finish("ApexContingencyKey"));
  DerReader in(sequence);
  SMKI_ASSIGN_OR_RETURN(const DerValue algorithm, in.Expect(der::kSequence, "wrapAlgorithm"));
  SMKI_ASSIGN_OR_RETURN(const DerValue wrapped, in.Expect(der::kOctetString, "wrappedContinPubKey"));
  SMKI_RETURN_IF_ERROR(in.Finish("ApexContingencyKey"));
  out.apex_key = {ToBytes(algorithm.whole), ToBytes(wrapped.content)};
  return OkStatus();
}

Status ReadExtension(const Extension& extension, Certificate& out) {
  const auto is = [&](ByteSpan id) { return SameOctets(extension.oid, id); };
  if (is(oid::kKeyUsage)) {
    SMKI_ASSIGN_OR_RETURN(out.key_usage, ReadKeyUsage(extension.value));
  } else if (is(oid::kSubjectKeyIdentifier)) {
    SMKI_ASSIGN_OR_RETURN(out.subject_key_identifier, ReadSubjectKeyIdentifier(extension.value));
  } else if (is(oid::kAuthorityKeyIdentifier)) {
    SMKI_ASSIGN_OR_RETURN(out.authority_key_identifier, ReadAuthorityKeyIdentifier(extension.value));
  } else if (is(oid::kBasicConstraints)) {
    return ReadBasicConstraints(extension.value, out);
  } else if (is(oid::kCertificatePolicies)) {
    return ReadPolicies(extension.value, out);
  } else if (is(oid::kSubjectAltName)) {
    return ReadSubjectAltName(extension.value, out);
  } else if (is(oid::kWrappedApexKey)) {
    return ReadApexKey(extension, out);
  } else if (extension.critical && !is(oid::kExtendedKeyUsage)) {
    return InvalidArgument("DER at octet {}: critical extension {} is not known here", extension.value.offset,
                           OidText(extension.oid));
  }
  return OkStatus();
}

}  // namespace

StatusOr<Certificate> Certificate::Parse(ByteSpan encoded) {
  SMKI_ASSIGN_OR_RETURN(const SignedParts parts, ReadSigned(encoded, kMaxCertificate, "certificate"));
  Certificate out;
  out.signature = parts.signature;
  out.tbs_offset_ = parts.tbs.offset;
  out.tbs_size_ = parts.tbs.whole.size();

  DerReader in(parts.tbs);
  SMKI_ASSIGN_OR_RETURN(const DerValue version, in.Expect(der::Context(0, true), "version of the certificate"));
  constexpr uint8_t kVersion3[] = {0x02, 0x01, 0x02};
  if (!SameOctets(version.content, kVersion3)) {
    return InvalidArgument("DER at octet {}: the certificate must be version 3", version.offset);
  }
  SMKI_ASSIGN_OR_RETURN(out.serial, ReadSerial(in, "serialNumber"));
  SMKI_RETURN_IF_ERROR(ReadEcdsaWithSha256(in, "the signature algorithm inside the certificate"));
  SMKI_ASSIGN_OR_RETURN(const DerValue issuer, in.Expect(der::kSequence, "issuer"));
  SMKI_ASSIGN_OR_RETURN(const NameParts issuer_parts, ReadName(issuer));
  out.issuer = ToBytes(issuer.whole);
  out.issuer_cn = issuer_parts.common_name;

  SMKI_ASSIGN_OR_RETURN(const DerValue validity, in.Expect(der::kSequence, "validity"));
  DerReader times(validity);
  SMKI_ASSIGN_OR_RETURN(out.not_before, ReadTime(times, "notBefore"));
  SMKI_ASSIGN_OR_RETURN(out.not_after, ReadTime(times, "notAfter"));
  SMKI_RETURN_IF_ERROR(times.Finish("validity"));

  SMKI_ASSIGN_OR_RETURN(const DerValue subject, in.Expect(der::kSequence, "subject"));
  SMKI_ASSIGN_OR_RETURN(const NameParts subject_parts, ReadName(subject));
  out.subject = ToBytes(subject.whole);
  out.subject_cn = subject_parts.common_name;
  out.subject_ou = subject_parts.organisational_unit;
  out.subject_eui = subject_parts.eui;

  SMKI_ASSIGN_OR_RETURN(const DerValue spki, in.Expect(der::kSequence, "subjectPublicKeyInfo"));
  auto key = PublicKey::FromSpki(spki.whole);
  if (!key.ok()) return WithContext(key.status(), fmt::format("DER at octet {}", spki.offset));
  out.public_key = *std::move(key);

  SMKI_ASSIGN_OR_RETURN(const auto wrapper, in.Optional(der::Context(3, true)));
  SMKI_RETURN_IF_ERROR(in.Finish("the fields of a certificate"));  // no issuerUniqueID, no subjectUniqueID: GBCS.md 6.2
  if (wrapper) {
    DerReader inner(*wrapper);
    SMKI_ASSIGN_OR_RETURN(const DerValue sequence, inner.Expect(der::kSequence, "extensions"));
    SMKI_RETURN_IF_ERROR(inner.Finish("extensions"));
    SMKI_ASSIGN_OR_RETURN(const std::vector<Extension> extensions, ReadExtensions(sequence));
    for (const Extension& extension : extensions) SMKI_RETURN_IF_ERROR(ReadExtension(extension, out));
  }
  out.der_ = ToBytes(encoded);
  out.sha256_ = Sha256(encoded);
  return out;
}

StatusOr<Certificate> Certificate::FromPem(std::string_view pem) {
  const size_t begin = pem.find(kPemBegin);
  if (begin == std::string_view::npos) return InvalidArgument("no line {} in the text", kPemBegin);
  const size_t body = begin + sizeof kPemBegin - 1;
  const size_t end = pem.find(kPemEnd, body);
  if (end == std::string_view::npos) return InvalidArgument("no line {} after {}", kPemEnd, kPemBegin);
  if (end - body > 2 * kMaxCertificate) return InvalidArgument("a certificate of more than {} octets", kMaxCertificate);
  const auto encoded = FromBase64(pem.substr(body, end - body));
  if (!encoded) return InvalidArgument("the certificate's text between {} and {} is not Base64", kPemBegin, kPemEnd);
  return Parse(*encoded);
}

std::string Certificate::ToPem() const {
  constexpr size_t kLine = 64;
  const std::string text = ToBase64(der_);
  std::string out = std::string(kPemBegin) + "\n";
  for (size_t at = 0; at < text.size(); at += kLine) out += text.substr(at, kLine) + "\n";
  return out + kPemEnd + "\n";
}

std::string Certificate::Describe() const {
  const std::optional<Eui64> eui = subject_eui ? subject_eui : device_eui;
  std::string name = subject_cn;
  if (name.empty() && !subject_ou.empty()) name = "role " + subject_ou;
  if (eui) name += name.empty() ? eui->ToString() : " (" + eui->ToString() + ")";
  return fmt::format("{}, serial {}", name.empty() ? "(no name)" : name, SerialHex());
}

bool Certificate::IsSignedBy(const PublicKey& issuer_key) const {
  return issuer_key.Verify(tbs(), signature);
}

}  // namespace smki::pki
