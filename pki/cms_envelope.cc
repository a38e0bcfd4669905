// Envelopes to one keyAgreement certificate: CMS AuthEnvelopedData (RFC 5083, 5084, 5753). OpenSSL does the
// cryptography; what it would accept silently (CBC, another KDF, short tags, further recipients) is refused here first.
#include "pki/cms.h"
#include "pki/der_parts.h"
#include "pki/openssl.h"

namespace smki::pki {
namespace {

constexpr size_t kMaxPlaintext = 1024 * 1024;
constexpr size_t kMaxEnvelope = kMaxPlaintext + 4096;
constexpr size_t kGcmTag = 16;

constexpr uint8_t kAuthEnvelopedData[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D,
                                          0x01, 0x09, 0x10, 0x01, 0x17};                  // 1.2.840.113549.1.9.16.1.23
constexpr uint8_t kData[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01};       // 1.2.840.113549.1.7.1
constexpr uint8_t kAes256Gcm[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2E};  // 2.16.840.1.101.3.4.1.46
// AlgorithmIdentifiers: id-ecPublicKey; dhSinglePass-stdDH-sha256kdf-scheme with id-aes256-wrap.
constexpr uint8_t kEcPublicKey[] = {0x30, 0x09, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};
constexpr uint8_t kKeyAgreement256[] = {0x30, 0x15, 0x06, 0x06, 0x2B, 0x81, 0x04, 0x01, 0x0B, 0x01, 0x30, 0x0B,
                                        0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2D};

Status ExpectExactly(DerReader& in, uint8_t tag, ByteSpan whole_or_content, const char* what) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Expect(tag, what));
  if (SameOctets(tag == der::kOid ? value.content : value.whole, whole_or_content)) return OkStatus();
  return InvalidArgument("DER at octet {}: {} is not the one used here", value.offset, what);
}

// The only value inside `outer`.
StatusOr<DerValue> Only(const DerValue& outer, uint8_t tag, const char* what) {
  DerReader in(outer);
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Expect(tag, what));
  SMKI_RETURN_IF_ERROR(in.Finish(what));
  return value;
}

Status ExpectVersion(DerReader& in, uint64_t expected, const char* what) {
  SMKI_ASSIGN_OR_RETURN(const uint64_t version, in.Unsigned(what));
  if (version != expected) return InvalidArgument("{} is {}, not {}", what, version, expected);
  return OkStatus();
}

// KeyAgreeRecipientInfo, RFC 5652 6.2.2, of ephemeral-static ECDH (RFC 5753 3.1.1) to `recipient` alone.
Status CheckRecipient(const DerValue& info, const Certificate& recipient) {
  DerReader in(info);
  SMKI_RETURN_IF_ERROR(ExpectVersion(in, 3, "version of KeyAgreeRecipientInfo"));
  SMKI_ASSIGN_OR_RETURN(const DerValue originator, in.Expect(der::Context(0, true), "originator"));
  SMKI_ASSIGN_OR_RETURN(const DerValue originator_key, Only(originator, der::Context(1, true), "originatorKey"));
  DerReader key(originator_key);
  SMKI_RETURN_IF_ERROR(ExpectExactly(key, der::kSequence, kEcPublicKey, "algorithm of the ephemeral key"));
  SMKI_ASSIGN_OR_RETURN(const ByteSpan point, ReadBitString(key, "ephemeral key"));
  SMKI_RETURN_IF_ERROR(key.Finish("originatorKey"));
  SMKI_RETURN_IF_ERROR(PublicKey::FromPoint(point).status());
  SMKI_RETURN_IF_ERROR(ExpectExactly(in, der::kSequence, kKeyAgreement256, "keyEncryptionAlgorithm"));
  SMKI_ASSIGN_OR_RETURN(const DerValue keys, in.Expect(der::kSequence, "recipientEncryptedKeys"));
  SMKI_RETURN_IF_ERROR(in.Finish("KeyAgreeRecipientInfo"));
  SMKI_ASSIGN_OR_RETURN(const DerValue encrypted_key, Only(keys, der::kSequence, "the only RecipientEncryptedKey"));
  DerReader parts(encrypted_key);
  SMKI_ASSIGN_OR_RETURN(const DerValue id, parts.Expect(der::kSequence, "issuerAndSerialNumber of the recipient"));
  SMKI_RETURN_IF_ERROR(parts.Expect(der::kOctetString, "encryptedKey").status());
  SMKI_RETURN_IF_ERROR(parts.Finish("RecipientEncryptedKey"));
  DerWriter expected;
  expected.Raw(recipient.issuer);
  expected.Value(der::kInteger, recipient.serial);
  if (!SameOctets(id.content, expected.bytes())) return InvalidArgument("it is for another certificate");
  return OkStatus();
}

Status CheckContent(const DerValue& info) {
  DerReader in(info);
  SMKI_RETURN_IF_ERROR(ExpectExactly(in, der::kOid, kData, "contentType of the envelope"));
  SMKI_ASSIGN_OR_RETURN(const DerValue algorithm, in.Expect(der::kSequence, "contentEncryptionAlgorithm"));
  SMKI_RETURN_IF_ERROR(in.Expect(der::Context(0, false), "encryptedContent").status());
  SMKI_RETURN_IF_ERROR(in.Finish("EncryptedContentInfo"));
  DerReader parts(algorithm);
  SMKI_RETURN_IF_ERROR(ExpectExactly(parts, der::kOid, kAes256Gcm, "the cipher (AES-256-GCM)"));
  SMKI_ASSIGN_OR_RETURN(const DerValue parameters, parts.Expect(der::kSequence, "GCMParameters"));
  SMKI_RETURN_IF_ERROR(parts.Finish("contentEncryptionAlgorithm"));
  DerReader gcm(parameters);
  SMKI_ASSIGN_OR_RETURN(const DerValue nonce, gcm.Expect(der::kOctetString, "nonce"));
  if (nonce.content.size() != 12) return InvalidArgument("the nonce does not have 12 octets");
  SMKI_RETURN_IF_ERROR(ExpectVersion(gcm, kGcmTag, "length of the authentication tag"));
  return gcm.Finish("GCMParameters");
}

Status CheckEnvelope(ByteSpan cms, const Certificate& recipient) {
  if (cms.size() > kMaxEnvelope)
    return InvalidArgument("it has {} octets; at most {} are accepted", cms.size(), kMaxEnvelope);
  DerReader outermost(cms);
  SMKI_ASSIGN_OR_RETURN(const DerValue content_info, outermost.Expect(der::kSequence, "ContentInfo"));
  SMKI_RETURN_IF_ERROR(outermost.Finish("the envelope"));
  DerReader info(content_info);
  SMKI_RETURN_IF_ERROR(ExpectExactly(info, der::kOid, kAuthEnvelopedData, "contentType (AuthEnvelopedData)"));
  SMKI_ASSIGN_OR_RETURN(const DerValue content, info.Expect(der::Context(0, true), "content"));
  SMKI_RETURN_IF_ERROR(info.Finish("ContentInfo"));
  SMKI_ASSIGN_OR_RETURN(const DerValue enveloped, Only(content, der::kSequence, "AuthEnvelopedData"));
  DerReader in(enveloped);
  SMKI_RETURN_IF_ERROR(ExpectVersion(in, 0, "version of AuthEnvelopedData"));
  SMKI_ASSIGN_OR_RETURN(const DerValue recipients, in.Expect(der::kSet, "recipientInfos"));
  SMKI_ASSIGN_OR_RETURN(const DerValue only,
                        Only(recipients, der::Context(1, true), "the only recipient, by key agreement"));
  SMKI_RETURN_IF_ERROR(CheckRecipient(only, recipient));
  SMKI_ASSIGN_OR_RETURN(const DerValue encrypted, in.Expect(der::kSequence, "authEncryptedContentInfo"));
  SMKI_RETURN_IF_ERROR(CheckContent(encrypted));
  SMKI_ASSIGN_OR_RETURN(const DerValue tag, in.Expect(der::kOctetString, "authentication tag"));
  if (tag.content.size() != kGcmTag) return InvalidArgument("the authentication tag does not have {} octets", kGcmTag);
  return in.Finish("AuthEnvelopedData");
}

X509Ptr ToX509(const Certificate& certificate) {
  const uint8_t* at = certificate.der().data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(certificate.der().size())));
}

}  // namespace

StatusOr<Bytes> Envelop(ByteSpan plaintext, const Certificate& recipient) {
  if (plaintext.size() > kMaxPlaintext)
    return InvalidArgument("{} octets; at most {} fit an envelope", plaintext.size(), kMaxPlaintext);
  if ((recipient.key_usage & kKeyAgreement) == 0) {
    return InvalidArgument("the certificate of {} is not for keyAgreement; nothing may be encrypted to it",
                           recipient.Describe());
  }
  const X509Ptr x509 = ToX509(recipient);
  if (x509 == nullptr) return InvalidArgument("the certificate of {}: {}", recipient.Describe(), TakeOpensslError());
  constexpr unsigned kFlags = CMS_BINARY | CMS_PARTIAL | CMS_KEY_PARAM;
  const CmsPtr cms(CMS_encrypt(nullptr, nullptr, EVP_aes_256_gcm(), kFlags));
  CMS_RecipientInfo* info = cms == nullptr ? nullptr : CMS_add1_recipient_cert(cms.get(), x509.get(), kFlags);
  EVP_PKEY_CTX* context = info == nullptr ? nullptr : CMS_RecipientInfo_get0_pkey_ctx(info);
  // OpenSSL's default is SHA-1.
  if (context == nullptr || EVP_PKEY_CTX_ctrl_str(context, "ecdh_kdf_md", "sha256") != 1) {
    return Internal("cannot prepare an envelope: {}", TakeOpensslError());
  }
  const BioPtr in = ReadingBio(plaintext);
  const BioPtr out = WritingBio();
  if (CMS_final(cms.get(), in.get(), nullptr, kFlags) != 1 || i2d_CMS_bio(out.get(), cms.get()) != 1) {
    return Internal("cannot make an envelope: {}", TakeOpensslError());
  }
  const Bytes encoded = ToBytes(Written(out.get()));
  const Status check = CheckEnvelope(encoded, recipient);
  if (!check.ok()) return Internal("the envelope just made is not as intended: {}", Message(check));
  return encoded;
}

StatusOr<Secret> OpenEnvelope(ByteSpan cms, const PrivateKey& key, const Certificate& recipient) {
  const auto refuse = [](const std::string& why) { return PermissionDenied("the envelope cannot be opened: {}", why); };
  if (!(key.public_key() == *recipient.public_key))
    return refuse("the private key does not belong to " + recipient.Describe());
  const Status form = CheckEnvelope(cms, recipient);
  if (!form.ok()) return refuse(Message(form));
  const BioPtr in = ReadingBio(cms);
  const CmsPtr parsed(d2i_CMS_bio(in.get(), nullptr));
  const X509Ptr x509 = ToX509(recipient);
  const PkeyPtr pkey = ToEvp(key);
  const BioPtr out = WritingBio();
  if (parsed == nullptr || x509 == nullptr ||
      CMS_decrypt(parsed.get(), pkey.get(), x509.get(), nullptr, out.get(), CMS_BINARY) != 1) {
    ERR_clear_error();
    return refuse("it was altered, or made for another key");
  }
  return Secret(ToBytes(Written(out.get())));
}

}  // namespace smki::pki
