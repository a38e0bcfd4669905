// Cryptographic Message Syntax (RFC 5652, 5083) as this system uses it: detached signatures by persons over
// exact document bytes, and envelopes to one keyAgreement certificate.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"
#include "pki/certificate.h"

namespace smki::pki {

// What a document signature says of itself, in signed attributes. `hint` (RFC 2634 contentHints, contentDescription,
// at most 200 octets, may be empty) only helps to explain a mismatch, e.g. "smki approval DIR-2026-0001";
// it never makes a signature acceptable.
struct DocumentSignature {
  Digest signer_certificate{};  // SHA-256 of the certificate it verified with
  UtcTime signing_time;
  std::string hint;
};

// DER ContentInfo/SignedData, detached, one SignerInfo, SHA-256, signedAttrs contentType, messageDigest,
// signingTime and contentHints; carries no certificates. `openssl cms -verify -binary -inform DER -content DOC
// -certfile CERT -noverify` (or with a trust store) confirms it.
StatusOr<Bytes> SignDetached(ByteSpan document, Signer& key, const Certificate& certificate, UtcTime signing_time,
                             const std::string& hint);

// Why a detached signature is not acceptable. Stable: each maps to one reason code.
enum class CmsFault {
  kNone,
  kMalformed,     // not DER CMS SignedData, too large (64 KiB), attached content, trailing octets
  kNotOneSigner,  // no SignerInfo, or more than one
  kNoSignedAttributes,
  kNoSigningTime,
  kOtherDigest,       // digest not SHA-256 or signature not ECDSA with P-256
  kWrongCertificate,  // sid does not name the given certificate
  kDigestMismatch,    // the document is not the one that was signed (SignerInfo verifies over its own attributes)
  kBadSignature,
};
struct CmsVerdict {
  CmsFault fault = CmsFault::kNone;
  std::string detail;           // one sentence for people
  DocumentSignature signature;  // filled as far as read, also for kDigestMismatch
  bool ok() const { return fault == CmsFault::kNone; }
};

// Who claims to have signed: issuer Name and serial of the only SignerInfo. Needed to look the
// certificate up in the policy before verifying. Refuses like VerifyDetached.
struct CmsSignerId {
  Bytes issuer;  // DER Name
  Bytes serial;  // INTEGER contents octets
};
StatusOr<CmsSignerId> ReadSignerId(ByteSpan cms);
// The same with the fault: all that VerifyDetached refuses without document and certificate (kMalformed to
// kOtherDigest). `signer` (may be null) is filled when ok().
CmsVerdict CheckDetachedForm(ByteSpan cms, CmsSignerId* signer);

// Verifies over the exact bytes of `document` with exactly `certificate`; embedded certificates are ignored.
// The certificate must allow digitalSignature. Its validity and revocation are the caller's rules.
CmsVerdict VerifyDetached(ByteSpan document, ByteSpan cms, const Certificate& certificate);

// AuthEnvelopedData, AES-256-GCM, ephemeral-static ECDH to `recipient` with X9.63 KDF SHA-256 and AES-256 key
// wrap. Refuses a recipient without keyAgreement usage (OpenSSL would not).
StatusOr<Bytes> Envelop(ByteSpan plaintext, const Certificate& recipient);
// kPermissionDenied if it was not made for this key or was altered.
StatusOr<Secret> OpenEnvelope(ByteSpan cms, const PrivateKey& key, const Certificate& recipient);

}  // namespace smki::pki
