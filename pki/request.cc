// PKCS#10 certification requests (RFC 2986) of organisations; DOMAIN.md section 4.
#include "pki/certificate.h"
#include "pki/der_parts.h"

namespace smki::pki {
namespace {

constexpr size_t kMaxRequest = 8 * 1024;
// 1.2.840.113549.1.9.14 extensionRequest (RFC 2985 5.4.2)
constexpr uint8_t kExtensionRequest[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x0E};

int HexDigit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// GBCS.md 6.2: the role as two upper-case hexadecimal digits.
StatusOr<uint8_t> RoleOf(const std::string& unit) {
  const int high = unit.size() == 2 ? HexDigit(unit[0]) : -1;
  const int low = unit.size() == 2 ? HexDigit(unit[1]) : -1;
  if (high < 0 || low < 0) {
    return InvalidArgument(
        "the subject's OU must be the role as two upper-case hexadecimal digits, for example 02 for a supplier");
  }
  return static_cast<uint8_t>(high << 4 | low);
}

Status ReadAttributes(const DerValue& attributes, CertificateRequest& out) {
  DerReader in(attributes);
  while (!in.at_end()) {
    SMKI_ASSIGN_OR_RETURN(const DerValue attribute, in.Expect(der::kSequence, "attribute of the request"));
    DerReader parts(attribute);
    SMKI_ASSIGN_OR_RETURN(const DerValue type, parts.Expect(der::kOid, "attribute type"));
    SMKI_ASSIGN_OR_RETURN(const DerValue values, parts.Expect(der::kSet, "attribute values"));
    SMKI_RETURN_IF_ERROR(parts.Finish("attribute of the request"));
    if (!SameOctets(type.content, kExtensionRequest)) continue;
    DerReader inner(values);
    SMKI_ASSIGN_OR_RETURN(const DerValue sequence, inner.Expect(der::kSequence, "requested extensions"));
    SMKI_RETURN_IF_ERROR(inner.Finish("requested extensions"));
    SMKI_ASSIGN_OR_RETURN(const std::vector<Extension> extensions, ReadExtensions(sequence));
    for (const Extension& extension : extensions) {
      if (!SameOctets(extension.oid, oid::kKeyUsage)) continue;
      if (out.key_usage != 0) return InvalidArgument("DER at octet {}: keyUsage is requested twice", attribute.offset);
      SMKI_ASSIGN_OR_RETURN(out.key_usage, ReadKeyUsage(extension.value));
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<Bytes> MakeCertificateRequest(PrivateKey& key, const OrganisationSubject& subject, KeyUsageBits usage) {
  DerWriter extension;
  WriteExtension(extension, oid::kKeyUsage, true, KeyUsageValue(usage));
  DerWriter extensions;
  extensions.Wrap(der::kSequence, extension);
  DerWriter attribute_parts;
  attribute_parts.Value(der::kOid, kExtensionRequest);
  attribute_parts.Wrap(der::kSet, extensions);
  DerWriter attribute;
  attribute.Wrap(der::kSequence, attribute_parts);

  DerWriter rdns;
  WriteOrganisationSubject(rdns, subject);
  DerWriter info;
  info.Unsigned(0);
  info.Wrap(der::kSequence, rdns);
  info.Raw(key.public_key().spki());
  info.Wrap(der::Context(0, true), attribute);
  return SignTbs(info, key);
}

StatusOr<CertificateRequest> ParseCertificateRequest(ByteSpan encoded) {
  SMKI_ASSIGN_OR_RETURN(const SignedParts parts, ReadSigned(encoded, kMaxRequest, "certification request"));
  CertificateRequest out;
  DerReader in(parts.tbs);
  SMKI_ASSIGN_OR_RETURN(const uint64_t version, in.Unsigned("version of the request"));
  if (version != 0) return InvalidArgument("the request has version {}; only 0 (PKCS#10 v1) exists", version);
  SMKI_ASSIGN_OR_RETURN(const DerValue subject, in.Expect(der::kSequence, "subject"));
  SMKI_ASSIGN_OR_RETURN(const NameParts name, ReadName(subject));
  SMKI_ASSIGN_OR_RETURN(const DerValue spki, in.Expect(der::kSequence, "subjectPublicKeyInfo"));
  SMKI_ASSIGN_OR_RETURN(out.key, PublicKey::FromSpki(spki.whole));
  SMKI_ASSIGN_OR_RETURN(const DerValue attributes, in.Expect(der::Context(0, true), "attributes"));
  SMKI_RETURN_IF_ERROR(in.Finish("the fields of the request"));
  SMKI_RETURN_IF_ERROR(ReadAttributes(attributes, out));

  out.common_name = name.common_name;
  SMKI_ASSIGN_OR_RETURN(out.role, RoleOf(name.organisational_unit));
  if (!name.eui)
    return InvalidArgument("the request's subject has no x500UniqueIdentifier with the EUI-64 of the organisation");
  out.eui = *name.eui;
  // Proof of possession of the private key.
  if (!out.key->Verify(parts.tbs.whole, parts.signature)) {
    return InvalidArgument("the request for {} is not signed with the key it asks a certificate for",
                           out.eui.ToString());
  }
  out.der = ToBytes(encoded);
  return out;
}

}  // namespace smki::pki
