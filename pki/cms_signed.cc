// Detached signatures over documents: CMS SignedData (RFC 5652 section 5), written and read with our own DER so
// that every rule is visible here. OpenSSL only computes.
#include <algorithm>
#include <vector>

#include "base/text.h"
#include "pki/cms.h"
#include "pki/der_parts.h"
#include "pki/digest.h"

namespace smki::pki {
namespace {

constexpr size_t kMaxCms = 64 * 1024;
constexpr size_t kMaxHint = 200;
constexpr size_t kMaxAttributes = 32;

// Contents octets of object identifiers.
constexpr uint8_t kSignedData[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02};     // 1.2.840.113549.1.7.2
constexpr uint8_t kData[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01};           // 1.2.840.113549.1.7.1
constexpr uint8_t kContentType[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x03};    // 1.2.840.113549.1.9.3
constexpr uint8_t kMessageDigest[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x04};  // 1.2.840.113549.1.9.4
constexpr uint8_t kSigningTime[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x05};    // 1.2.840.113549.1.9.5
constexpr uint8_t kContentHint[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x04};  // .9.16.2.4

// AlgorithmIdentifier of SHA-256 (RFC 5754 section 2): written without parameters, read also with NULL.
constexpr uint8_t kSha256[] = {0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
constexpr uint8_t kSha256Null[] = {0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00};

bool IsSha256(const DerValue& algorithm) {
  return SameOctets(algorithm.whole, kSha256) || SameOctets(algorithm.whole, kSha256Null);
}

// The order of a DER SET OF (X.690 11.6): as octet strings, the shorter padded with zeros. A complete encoding is
// never a prefix of another, so the padding never decides.
bool BeforeInSet(ByteSpan a, ByteSpan b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

// --- Reading ---

struct SignerInfo {
  DerValue issuer;
  Bytes serial;
  Bytes signed_attributes;  // as they were signed: a SET OF, RFC 5652 5.4
  Digest message_digest{};
  ByteSpan signature;
  DocumentSignature claims;
};

CmsVerdict Fault(CmsFault fault, std::string detail) {
  CmsVerdict out;
  out.fault = fault;
  out.detail = std::move(detail);
  return out;
}
CmsVerdict Malformed(const Status& status) {
  return Fault(CmsFault::kMalformed, Message(status));
}

// The fields of SignedData up to the set of signers.
StatusOr<DerValue> ReadSignerInfos(ByteSpan cms, DerValue& digest_algorithms) {
  if (cms.size() > kMaxCms)
    return InvalidArgument("a signature of {} octets; at most {} are accepted", cms.size(), kMaxCms);
  DerReader outermost(cms);
  SMKI_ASSIGN_OR_RETURN(const DerValue content_info, outermost.Expect(der::kSequence, "ContentInfo"));
  SMKI_RETURN_IF_ERROR(outermost.Finish("the signature"));
  DerReader info(content_info);
  SMKI_ASSIGN_OR_RETURN(const DerValue type, info.Expect(der::kOid, "contentType"));
  if (!SameOctets(type.content, kSignedData))
    return InvalidArgument("this is no SignedData but {}", OidText(type.content));
  SMKI_ASSIGN_OR_RETURN(const DerValue explicit_content, info.Expect(der::Context(0, true), "content"));
  SMKI_RETURN_IF_ERROR(info.Finish("ContentInfo"));
  DerReader content(explicit_content);
  SMKI_ASSIGN_OR_RETURN(const DerValue signed_data, content.Expect(der::kSequence, "SignedData"));
  SMKI_RETURN_IF_ERROR(content.Finish("SignedData"));

  DerReader in(signed_data);
  SMKI_ASSIGN_OR_RETURN(const uint64_t version, in.Unsigned("version of SignedData"));
  if (version != 1) return InvalidArgument("SignedData has version {}; a signature over a document has 1", version);
  SMKI_ASSIGN_OR_RETURN(digest_algorithms, in.Expect(der::kSet, "digestAlgorithms"));
  SMKI_ASSIGN_OR_RETURN(const DerValue encapsulated, in.Expect(der::kSequence, "encapContentInfo"));
  DerReader inner(encapsulated);
  SMKI_ASSIGN_OR_RETURN(const DerValue content_type, inner.Expect(der::kOid, "eContentType"));
  if (!SameOctets(content_type.content, kData))
    return InvalidArgument("the content type is {}, not data", OidText(content_type.content));
  if (!inner.at_end())
    return InvalidArgument("the signature carries a content of its own; it must be detached from the document");
  // Embedded certificates and revocation lists are never looked at: the signer is known from the policy.
  SMKI_RETURN_IF_ERROR(in.Optional(der::Context(0, true)).status());
  SMKI_RETURN_IF_ERROR(in.Optional(der::Context(1, true)).status());
  SMKI_ASSIGN_OR_RETURN(const DerValue signers, in.Expect(der::kSet, "signerInfos"));
  SMKI_RETURN_IF_ERROR(in.Finish("SignedData"));
  return signers;
}

Status ReadContentHint(const DerValue& value, DocumentSignature& claims) {
  DerReader in(value);
  SMKI_ASSIGN_OR_RETURN(const auto description, in.Optional(der::kUtf8String));
  SMKI_RETURN_IF_ERROR(in.Expect(der::kOid, "contentType of contentHints").status());
  SMKI_RETURN_IF_ERROR(in.Finish("contentHints"));
  if (!description) return OkStatus();
  const std::string_view text = AsText(description->content);
  if (text.size() > kMaxHint || !IsReadableLine(text)) {
    return InvalidArgument("DER at octet {}: contentDescription must be a readable line of at most {} octets",
                           description->offset, kMaxHint);
  }
  claims.hint = std::string(text);
  return OkStatus();
}

// Reads the signed attributes. `has_time` tells whether a signingTime is among them.
Status ReadAttributes(const DerValue& attributes, SignerInfo& out, bool& has_time) {
  std::vector<ByteSpan> types;
  ByteSpan previous;
  bool has_type = false;
  bool has_digest = false;
  DerReader in(attributes);
  while (!in.at_end()) {
    SMKI_ASSIGN_OR_RETURN(const DerValue attribute, in.Expect(der::kSequence, "signed attribute"));
    if (types.size() == kMaxAttributes) return InvalidArgument("more than {} signed attributes", kMaxAttributes);
    if (!BeforeInSet(previous, attribute.whole)) {
      return InvalidArgument("DER at octet {}: the signed attributes are not in the order of DER", attribute.offset);
    }
    previous = attribute.whole;
    DerReader parts(attribute);
    SMKI_ASSIGN_OR_RETURN(const DerValue type, parts.Expect(der::kOid, "type of a signed attribute"));
    SMKI_ASSIGN_OR_RETURN(const DerValue values, parts.Expect(der::kSet, "values of a signed attribute"));
    SMKI_RETURN_IF_ERROR(parts.Finish("signed attribute"));
    for (const ByteSpan other : types) {
      if (SameOctets(other, type.content)) {
        return InvalidArgument("DER at octet {}: signed attribute {} a second time", attribute.offset,
                               OidText(type.content));
      }
    }
    types.push_back(type.content);

    DerReader value(values);
    const auto is = [&](ByteSpan id) { return SameOctets(type.content, id); };
    if (is(kContentType)) {
      SMKI_ASSIGN_OR_RETURN(const DerValue content_type, value.Expect(der::kOid, "the signed contentType"));
      if (!SameOctets(content_type.content, kData)) return InvalidArgument("the signed contentType is not data");
      has_type = true;
    } else if (is(kMessageDigest)) {
      SMKI_ASSIGN_OR_RETURN(const DerValue digest, value.Expect(der::kOctetString, "messageDigest"));
      if (digest.content.size() != out.message_digest.size())
        return InvalidArgument("messageDigest does not have 32 octets");
      std::copy(digest.content.begin(), digest.content.end(), out.message_digest.begin());
      has_digest = true;
    } else if (is(kSigningTime)) {
      SMKI_ASSIGN_OR_RETURN(out.claims.signing_time, ReadTime(value, "signingTime"));
      has_time = true;
    } else if (is(kContentHint)) {
      SMKI_ASSIGN_OR_RETURN(const DerValue hints, value.Expect(der::kSequence, "contentHints"));
      SMKI_RETURN_IF_ERROR(ReadContentHint(hints, out.claims));
    } else {
      continue;
    }
    SMKI_RETURN_IF_ERROR(value.Finish("the only value of a signed attribute"));
  }
  if (!has_type) return InvalidArgument("the signed attributes have no contentType");
  if (!has_digest) return InvalidArgument("the signed attributes have no messageDigest");
  return OkStatus();
}

// The fields of a SignerInfo, without judging its algorithms and attributes.
struct SignerFields {
  DerValue digest_algorithm;
  std::optional<DerValue> attributes;
  DerValue signature_algorithm;
};
StatusOr<SignerFields> ReadSignerFields(const DerValue& signer, SignerInfo& out) {
  SignerFields fields;
  DerReader in(signer);
  SMKI_ASSIGN_OR_RETURN(const uint64_t version, in.Unsigned("version of SignerInfo"));
  if (version != 1) {
    return InvalidArgument(
        "SignerInfo has version {}; the signer must be named by issuer and serial number (version 1)", version);
  }
  SMKI_ASSIGN_OR_RETURN(const DerValue sid, in.Expect(der::kSequence, "issuerAndSerialNumber"));
  DerReader id(sid);
  SMKI_ASSIGN_OR_RETURN(out.issuer, id.Expect(der::kSequence, "issuer of the signer"));
  SMKI_ASSIGN_OR_RETURN(out.serial, ReadSerial(id, "serial number of the signer"));
  SMKI_RETURN_IF_ERROR(id.Finish("issuerAndSerialNumber"));
  SMKI_ASSIGN_OR_RETURN(fields.digest_algorithm, in.Expect(der::kSequence, "digestAlgorithm"));
  SMKI_ASSIGN_OR_RETURN(fields.attributes, in.Optional(der::Context(0, true)));
  SMKI_ASSIGN_OR_RETURN(fields.signature_algorithm, in.Expect(der::kSequence, "signatureAlgorithm"));
  SMKI_ASSIGN_OR_RETURN(const DerValue signature, in.Expect(der::kOctetString, "signature"));
  // Unsigned attributes could be changed by anybody without breaking the signature.
  SMKI_RETURN_IF_ERROR(in.Finish("SignerInfo (unsigned attributes are not accepted)"));
  out.signature = signature.content;
  return fields;
}

// All that can be judged without the document and the certificate.
CmsVerdict ReadForm(ByteSpan cms, SignerInfo& out) {
  DerValue digest_algorithms;
  const auto signers = ReadSignerInfos(cms, digest_algorithms);
  if (!signers.ok()) return Malformed(signers.status());

  DerReader signer_reader(*signers);
  const auto signer = signer_reader.Next();
  if (signers->content.empty()) return Fault(CmsFault::kNotOneSigner, "nobody signed: the list of signers is empty");
  if (!signer.ok()) return Malformed(signer.status());
  if (!signer_reader.at_end()) {
    return Fault(CmsFault::kNotOneSigner, "more than one signer; each person must sign in a file of their own");
  }
  if (signer->tag != der::kSequence) return Fault(CmsFault::kMalformed, "the signer is no SignerInfo");
  const auto fields = ReadSignerFields(*signer, out);
  if (!fields.ok()) return Malformed(fields.status());

  if (!fields->attributes || fields->attributes->content.empty()) {
    return Fault(CmsFault::kNoSignedAttributes, "the signature has no signed attributes; do not sign with -noattr");
  }
  DerReader digests(digest_algorithms);
  const auto digest = digests.Next();
  if (!digest.ok() || !digests.at_end() || !IsSha256(*digest) || !IsSha256(fields->digest_algorithm)) {
    return Fault(CmsFault::kOtherDigest, "the digest is not SHA-256; sign with -md sha256");
  }
  DerReader algorithm(fields->signature_algorithm.whole);
  if (!ReadEcdsaWithSha256(algorithm, "signatureAlgorithm").ok()) {
    return Fault(CmsFault::kOtherDigest, "the signature is not ECDSA with SHA-256; sign with a P-256 key");
  }
  bool has_time = false;
  const Status attributes = ReadAttributes(*fields->attributes, out, has_time);
  if (!attributes.ok()) return Malformed(attributes);
  if (!has_time) return Fault(CmsFault::kNoSigningTime, "the signature does not say when it was made (no signingTime)");
  // RFC 5652 5.4: what is signed is the EXPLICIT SET OF, not the [0] that is in the file.
  out.signed_attributes = ToBytes(fields->attributes->whole);
  out.signed_attributes[0] = der::kSet;
  CmsVerdict verdict;
  verdict.signature = out.claims;
  return verdict;
}

std::string Hint(const DocumentSignature& signature) {
  return signature.hint.empty() ? std::string("nothing") : "\"" + signature.hint + "\"";
}

// --- Writing ---

void WriteAttribute(std::vector<Bytes>& attributes, ByteSpan type, const DerWriter& value) {
  DerWriter parts;
  parts.Value(der::kOid, type);
  parts.Wrap(der::kSet, value);
  DerWriter attribute;
  attribute.Wrap(der::kSequence, parts);
  attributes.push_back(attribute.Take());
}

// The contents of the SET OF signed attributes.
DerWriter SignedAttributes(const Digest& document_digest, UtcTime signing_time, const std::string& hint) {
  std::vector<Bytes> attributes;
  DerWriter content_type;
  content_type.Value(der::kOid, kData);
  WriteAttribute(attributes, kContentType, content_type);
  DerWriter digest;
  digest.Value(der::kOctetString, document_digest);
  WriteAttribute(attributes, kMessageDigest, digest);
  DerWriter time;
  WriteTime(time, signing_time);
  WriteAttribute(attributes, kSigningTime, time);
  if (!hint.empty()) {
    DerWriter parts;
    parts.Text(der::kUtf8String, hint);
    parts.Value(der::kOid, kData);
    DerWriter hints;
    hints.Wrap(der::kSequence, parts);
    WriteAttribute(attributes, kContentHint, hints);
  }
  std::sort(attributes.begin(), attributes.end(), [](const Bytes& a, const Bytes& b) { return BeforeInSet(a, b); });
  DerWriter out;
  for (const Bytes& attribute : attributes) out.Raw(attribute);
  return out;
}

}  // namespace

StatusOr<Bytes> SignDetached(ByteSpan document, Signer& key, const Certificate& certificate, UtcTime signing_time,
                             const std::string& hint) {
  if (!(key.public_key() == *certificate.public_key)) {
    return InvalidArgument("the private key does not belong to the certificate of {}", certificate.Describe());
  }
  if ((certificate.key_usage & kDigitalSignature) == 0) {
    return InvalidArgument("the certificate of {} is not for digitalSignature", certificate.Describe());
  }
  if (hint.size() > kMaxHint || !IsReadableLine(hint)) {
    return InvalidArgument("the hint must be a readable line of at most {} octets", kMaxHint);
  }
  const DerWriter attributes = SignedAttributes(Sha256(document), signing_time, hint);
  DerWriter to_sign;
  to_sign.Wrap(der::kSet, attributes);
  SMKI_ASSIGN_OR_RETURN(const RawSignature signature, key.SignDigest(Sha256(to_sign.bytes())));

  DerWriter sid;
  sid.Raw(certificate.issuer);
  sid.Value(der::kInteger, certificate.serial);
  DerWriter signer_fields;
  signer_fields.Unsigned(1);
  signer_fields.Wrap(der::kSequence, sid);
  signer_fields.Raw(kSha256);
  signer_fields.Wrap(der::Context(0, true), attributes);
  WriteEcdsaWithSha256(signer_fields);
  signer_fields.Value(der::kOctetString, SignatureToDer(signature));
  DerWriter signer;
  signer.Wrap(der::kSequence, signer_fields);

  DerWriter digests;
  digests.Raw(kSha256);
  DerWriter content_type;
  content_type.Value(der::kOid, kData);
  DerWriter data_fields;
  data_fields.Unsigned(1);
  data_fields.Wrap(der::kSet, digests);
  data_fields.Wrap(der::kSequence, content_type);  // no eContent: detached
  data_fields.Wrap(der::kSet, signer);
  DerWriter data;
  data.Wrap(der::kSequence, data_fields);
  DerWriter info;
  info.Value(der::kOid, kSignedData);
  info.Wrap(der::Context(0, true), data);
  DerWriter out;
  out.Wrap(der::kSequence, info);

  const CmsVerdict check = VerifyDetached(document, out.bytes(), certificate);
  if (!check.ok()) return Internal("the signature just made does not verify: {}", check.detail);
  return out.Take();
}

CmsVerdict CheckDetachedForm(ByteSpan cms, CmsSignerId* signer_id) {
  SignerInfo signer;
  CmsVerdict verdict = ReadForm(cms, signer);
  if (verdict.ok() && signer_id != nullptr) *signer_id = {ToBytes(signer.issuer.whole), signer.serial};
  return verdict;
}

StatusOr<CmsSignerId> ReadSignerId(ByteSpan cms) {
  CmsSignerId out;
  const CmsVerdict verdict = CheckDetachedForm(cms, &out);
  if (!verdict.ok()) return InvalidArgument("{}", verdict.detail);
  return out;
}

CmsVerdict VerifyDetached(ByteSpan document, ByteSpan cms, const Certificate& certificate) {
  SignerInfo signer;
  CmsVerdict verdict = ReadForm(cms, signer);
  if (!verdict.ok()) return verdict;
  const auto refuse = [&](CmsFault fault, std::string detail) {
    verdict.fault = fault;
    verdict.detail = std::move(detail);
    return verdict;
  };
  if (!SameOctets(signer.issuer.whole, certificate.issuer) || signer.serial != certificate.serial) {
    return refuse(CmsFault::kWrongCertificate, fmt::format("the signature names certificate {}, not that of {}",
                                                           ToHex(signer.serial), certificate.Describe()));
  }
  if ((certificate.key_usage & kDigitalSignature) == 0) {
    return refuse(CmsFault::kWrongCertificate,
                  "the certificate of " + certificate.Describe() + " is not for digitalSignature");
  }
  const auto raw = SignatureFromDer(signer.signature);
  if (!raw.ok() || !certificate.public_key->Verify(signer.signed_attributes, *raw)) {
    return refuse(CmsFault::kBadSignature, "the signature does not verify with the key of " + certificate.Describe());
  }
  verdict.signature.signer_certificate = certificate.sha256();
  // Only now are the attributes known to be the signer's own.
  if (signer.message_digest != Sha256(document)) {
    return refuse(CmsFault::kDigestMismatch,
                  fmt::format("{} signed another document (digest {}…, it says of itself: {})", certificate.Describe(),
                              ToHex(ByteSpan(signer.message_digest).first(8)), Hint(verdict.signature)));
  }
  return verdict;
}

}  // namespace smki::pki
