// P-256 keys and ECDSA/SHA-256 signatures. GBCS writes a signature as r || s (64 octets); X.509, CMS and TLS
// write it as a DER SEQUENCE. Keys in a token are a Signer too (hsm/pkcs11).
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace smki::pki {

using RawSignature = std::array<uint8_t, 64>;  // r || s, 32 octets each, big-endian
using PublicPoint = std::array<uint8_t, 65>;   // 04 || x || y
using KeyIdentifier = std::array<uint8_t, 8>;  // SMKI: RFC 5280 4.2.1.2 method 2

// 0100 followed by the last 60 bits of the SHA-1 of the public key's BIT STRING value.
KeyIdentifier KeyIdentifierOf(const PublicPoint& point);

// ECDSA-Sig-Value (RFC 3279) from and to r || s. FromDer refuses anything not strict DER or out of range.
Bytes SignatureToDer(const RawSignature& raw);
StatusOr<RawSignature> SignatureFromDer(ByteSpan der);

// A public key on P-256, checked to be on the curve, loaded once for many verifications. Immutable, any thread.
class PublicKey {
 public:
  static StatusOr<PublicKey> FromPoint(ByteSpan uncompressed_point);
  // SubjectPublicKeyInfo, 91 octets for P-256 with an uncompressed point; anything else is refused.
  static StatusOr<PublicKey> FromSpki(ByteSpan spki);

  const PublicPoint& point() const;
  Bytes spki() const;
  KeyIdentifier identifier() const { return KeyIdentifierOf(point()); }
  bool Verify(ByteSpan message, const RawSignature& signature) const;
  bool VerifyDigest(const Digest& digest, const RawSignature& signature) const;
  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.point() == b.point(); }

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// Whoever can sign a SHA-256 digest with a P-256 key: a software key or a key in a token.
class Signer {
 public:
  virtual ~Signer() = default;
  virtual const PublicKey& public_key() const = 0;
  virtual StatusOr<RawSignature> SignDigest(const Digest& digest) = 0;
};

// A software private key: persons, Devices and transport in a drill. Zeroised by OpenSSL when it ends.
class PrivateKey : public Signer {
 public:
  static StatusOr<PrivateKey> Generate();
  static StatusOr<PrivateKey> FromPem(std::string_view pem);
  // From the 32-octet private scalar (fleet store), with its public point recomputed.
  static StatusOr<PrivateKey> FromScalar(ByteSpan scalar);
  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;
  ~PrivateKey() override;

  Secret ToPem() const;     // PKCS#8, unencrypted: for files of mode 0600 only
  Secret ToScalar() const;  // 32 octets
  const PublicKey& public_key() const override;
  StatusOr<RawSignature> SignDigest(const Digest& digest) override;
  StatusOr<RawSignature> Sign(ByteSpan message);

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit PrivateKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace smki::pki
