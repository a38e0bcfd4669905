// ECDSA P-256/SHA-256 signatures of one issuer, by the million: an extract of the Repository has a handful of issuers.
// Three times the rate of PublicKey::VerifyDigest, which stays the reference: the answers are the same.
//
// From two things that many signatures share. The key: its multiples are computed once, as OpenSSL's are for the
// generator, so that neither multiplication doubles a point. The modulus: a block of signatures is inverted by one
// inversion modulo n (Montgomery's trick), and none modulo p.
//
// Everything here is public, so no time is constant.
#pragma once

#include <memory>
#include <span>

#include "pki/key.h"

namespace smki::pki {

// One issuer's public key, made ready to verify many of its signatures. Immutable, any thread, several at once.
class IssuerVerifier {
 public:
  struct Claim {
    Digest digest;  // SHA-256 of what is said to be signed
    RawSignature signature;
  };

  // Takes as long as some 500 plain verifications (30 ms) and 150 kB: for issuers of many. An error is OpenSSL's.
  static StatusOr<std::unique_ptr<IssuerVerifier>> Create(const PublicKey& issuer);
  ~IssuerVerifier();
  IssuerVerifier(const IssuerVerifier&) = delete;
  IssuerVerifier& operator=(const IssuerVerifier&) = delete;

  // valid[i] becomes 1 if claims[i] is the issuer's signature (FIPS 186-4 6.4), else 0. The spans have the same length,
  // any length; a call with a few hundred claims costs least for each. A claim never changes what another is answered.
  // Where OpenSSL fails (memory), PublicKey::VerifyDigest decides.
  void Verify(std::span<const Claim> claims, std::span<uint8_t> valid) const;

 private:
  struct Impl;
  explicit IssuerVerifier(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace smki::pki
