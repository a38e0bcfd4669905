// Signatures made from the inside, for IssuerVerifier's tests and its fuzzer: who knows the private key d chooses the
// numbers that verification computes: u1 = e / s, u2 = r / s, R = u1 G + u2 Q. Numbers are 32 octets, big-endian,
// modulo the order n. With OpenSSL's plain arithmetic, and no table but OpenSSL's own.
#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <optional>

#include "base/status.h"
#include "pki/issuer_verifier.h"

namespace smki::pki::crafted {

using Number = Digest;
using Claim = IssuerVerifier::Claim;

struct Arithmetic {
  EC_GROUP* group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  BN_CTX* context = BN_CTX_new();
  BIGNUM *a = BN_new(), *b = BN_new();
  EC_POINT *p = EC_POINT_new(group), *q = EC_POINT_new(group);
  const BIGNUM* n = EC_GROUP_get0_order(group);

  static Arithmetic& Get() {
    static thread_local Arithmetic& arithmetic = *new Arithmetic;
    return arithmetic;
  }
  void Load(const Number& first, const Number& second) {
    SMKI_CHECK(BN_bin2bn(first.data(), 32, a) != nullptr && BN_bin2bn(second.data(), 32, b) != nullptr);
  }
  Number Taken() const {
    Number out;
    SMKI_CHECK(BN_bn2binpad(a, out.data(), 32) == 32);
    return out;
  }
};

inline Number Small(uint8_t value) {
  Number out{};
  out[31] = value;
  return out;
}
// n + offset, the number itself, not reduced.
inline Number Order(int offset = 0) {
  Arithmetic& of = Arithmetic::Get();
  SMKI_CHECK(BN_copy(of.a, of.n) != nullptr);
  SMKI_CHECK((offset < 0 ? BN_sub_word : BN_add_word)(of.a, static_cast<BN_ULONG>(std::abs(offset))) == 1);
  return of.Taken();
}
// p - n, plus offset: numbers r from here on have no r + n below p.
inline Number PrimeMinusOrder(int offset = 0) {
  Arithmetic& of = Arithmetic::Get();
  SMKI_CHECK(BN_sub(of.a, EC_GROUP_get0_field(of.group), of.n) == 1);
  SMKI_CHECK((offset < 0 ? BN_sub_word : BN_add_word)(of.a, static_cast<BN_ULONG>(std::abs(offset))) == 1);
  return of.Taken();
}
inline Number Times(const Number& first, const Number& second) {
  Arithmetic& of = Arithmetic::Get();
  of.Load(first, second);
  SMKI_CHECK(BN_mod_mul(of.a, of.a, of.b, of.n, of.context) == 1);
  return of.Taken();
}
inline Number Minus(const Number& first, const Number& second) {
  Arithmetic& of = Arithmetic::Get();
  of.Load(first, second);
  SMKI_CHECK(BN_mod_sub(of.a, of.a, of.b, of.n, of.context) == 1);
  return of.Taken();
}
inline Number Negative(const Number& number) {
  return Minus(Small(0), number);
}
// `number` must not be 0 modulo n.
inline Number Inverse(const Number& number) {
  Arithmetic& of = Arithmetic::Get();
  of.Load(number, number);
  SMKI_CHECK(BN_mod_inverse(of.a, of.a, of.n, of.context) != nullptr);
  return of.Taken();
}
// number + n as it stands, if 32 octets hold it.
inline std::optional<Number> PlusOrder(const Number& number) {
  Arithmetic& of = Arithmetic::Get();
  of.Load(number, number);
  SMKI_CHECK(BN_add(of.a, of.a, of.n) == 1);
  if (BN_num_bits(of.a) > 256) return std::nullopt;
  return of.Taken();
}

inline Claim MakeClaim(const Number& e, const Number& r, const Number& s) {
  Claim out{e, {}};
  std::copy(s.begin(), s.end(), std::copy(r.begin(), r.end(), out.signature.begin()));
  return out;
}
inline Number NumberR(const Claim& claim) {
  Number out;
  std::copy_n(claim.signature.begin(), 32, out.begin());
  return out;
}
inline Number NumberS(const Claim& claim) {
  Number out;
  std::copy_n(claim.signature.begin() + 32, 32, out.begin());
  return out;
}

// x(k G) mod n; k must not be 0.
inline Number XOf(const Number& k) {
  Arithmetic& of = Arithmetic::Get();
  of.Load(k, k);
  SMKI_CHECK(EC_POINT_mul(of.group, of.p, of.a, nullptr, nullptr, of.context) == 1 &&
             EC_POINT_get_affine_coordinates(of.group, of.p, of.a, nullptr, of.context) == 1 &&
             BN_nnmod(of.a, of.a, of.n, of.context) == 1);
  return of.Taken();
}

// The valid signature of key d for which verification computes u1 and u2; u2 and u1 + u2 d must not be 0.
inline Claim FromMultipliers(const Number& d, const Number& u1, const Number& u2) {
  const Number r = XOf(Minus(u1, Negative(Times(u2, d))));
  const Number s = Times(r, Inverse(u2));
  return MakeClaim(Times(u1, s), r, s);
}
// The valid signature of key d with nonce k and this s.
inline Claim FromNonce(const Number& d, const Number& k, const Number& s) {
  const Number r = XOf(k);
  return MakeClaim(Minus(Times(s, k), Times(r, d)), r, s);
}
// A signature with this r for which R is at infinity.
inline Claim AtInfinity(const Number& d, const Number& u2, const Number& r) {
  const Number s = Times(r, Inverse(u2));
  return MakeClaim(Negative(Times(r, d)), r, s);
}

struct KeyAndClaim {
  PublicKey issuer;
  Claim claim;
};
// An issuer, with private key unknown, and its signature with this r (and this s and e) for which x(R) is `x`: Q is
// (s R - e G) / r. Nothing if no point has this x.
inline std::optional<KeyAndClaim> FromX(const Number& x, const Number& r, const Number& s, const Number& e) {
  Arithmetic& of = Arithmetic::Get();
  const Number by_g = Negative(Times(e, Inverse(r)));
  const Number by_r = Times(s, Inverse(r));
  of.Load(x, x);
  if (EC_POINT_set_compressed_coordinates(of.group, of.q, of.a, 0, of.context) != 1) return std::nullopt;
  of.Load(by_g, by_r);
  PublicPoint point;
  SMKI_CHECK(EC_POINT_mul(of.group, of.p, of.a, of.q, of.b, of.context) == 1 &&
             EC_POINT_point2oct(of.group, of.p, POINT_CONVERSION_UNCOMPRESSED, point.data(), point.size(),
                                of.context) == point.size());
  auto issuer = PublicKey::FromPoint(point);
  SMKI_CHECK(issuer.ok());
  return KeyAndClaim{*std::move(issuer), MakeClaim(e, r, s)};
}

}  // namespace smki::pki::crafted
