// Multiplying by a table of a point of our own is in OpenSSL's EC_GROUP interface only, half of which is deprecated:
// EC_GROUP_precompute_mult and EC_POINT_get_Jprojective_coordinates_GFp.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "pki/issuer_verifier.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "pki/openssl.h"

namespace smki::pki {
namespace {

using BnPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using BnContextPtr = std::unique_ptr<BN_CTX, OpensslFree<BN_CTX_free>>;
using GroupPtr = std::unique_ptr<EC_GROUP, OpensslFree<EC_GROUP_free>>;
using MontgomeryPtr = std::unique_ptr<BN_MONT_CTX, OpensslFree<BN_MONT_CTX_free>>;
using PointPtr = std::unique_ptr<EC_POINT, OpensslFree<EC_POINT_free>>;

constexpr int kScalarSize = 32;

// One inversion modulo n costs what a verification costs: shared by 256, less than 1 % of each.
constexpr size_t kBlock = 256;

// P-256 and the two moduli; read only once made.
struct Curve {
  GroupPtr group{EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)};  // OpenSSL has a table for its generator G
  MontgomeryPtr mod_n{BN_MONT_CTX_new()}, mod_p{BN_MONT_CTX_new()};
  BnPtr p_minus_n{BN_new()};

  Curve() {
    const BnContextPtr context(BN_CTX_new());
    SMKI_CHECK(group != nullptr && mod_n != nullptr && mod_p != nullptr && p_minus_n != nullptr && context != nullptr &&
               BN_MONT_CTX_set(mod_n.get(), n(), context.get()) == 1 &&
               BN_MONT_CTX_set(mod_p.get(), p(), context.get()) == 1 && BN_sub(p_minus_n.get(), p(), n()) == 1);
  }
  const BIGNUM* n() const { return EC_GROUP_get0_order(group.get()); }
  const BIGNUM* p() const { return EC_GROUP_get0_field(group.get()); }
};

const Curve& P256() {
  static const Curve& curve = *new Curve;
  return curve;
}

// A signature whose numbers are in range.
struct Slot {
  size_t claim = 0;
  BnPtr r{BN_new()};
  BnPtr s{BN_new()};        // after InvertAll: R / s mod n, with Montgomery's R = 2^256
  BnPtr product{BN_new()};  // of s of this and every earlier slot
};

// What a call works with, allocated once for all its blocks: else allocating takes longer than multiplying numbers.
struct Scratch {
  BnContextPtr context{BN_CTX_new()};
  std::vector<Slot> slots;
  BnPtr inverse{BN_new()}, e{BN_new()}, u1{BN_new()}, u2{BN_new()}, x{BN_new()}, z{BN_new()}, expected{BN_new()};
  PointPtr of_generator{EC_POINT_new(P256().group.get())};
  PointPtr of_issuer{EC_POINT_new(P256().group.get())};
  PointPtr sum{EC_POINT_new(P256().group.get())};

  explicit Scratch(size_t size) : slots(size) {}
  bool Allocated() const {
    const auto made = [](const auto&... pointers) { return (... && (pointers != nullptr)); };
    return made(context, inverse, e, u1, u2, x, z, expected, of_generator, of_issuer, sum) &&
           std::all_of(slots.begin(), slots.end(),
                       [&](const Slot& slot) { return made(slot.r, slot.s, slot.product); });
  }
};

// a * b / R.
bool MultiplyModN(const BnPtr& out, const BnPtr& a, const BnPtr& b, const Scratch& scratch) {
  return BN_mod_mul_montgomery(out.get(), a.get(), b.get(), P256().mod_n.get(), scratch.context.get()) == 1;
}
bool MultiplyModP(const BnPtr& out, const BnPtr& a, const BnPtr& b, const Scratch& scratch) {
  return BN_mod_mul_montgomery(out.get(), a.get(), b.get(), P256().mod_p.get(), scratch.context.get()) == 1;
}

bool IsScalar(const BnPtr& number) {
  return !BN_is_zero(number.get()) && BN_cmp(number.get(), P256().n()) < 0;
}

// Replaces each s by R / s with one inversion: a product of all is inverted, and multiplied by all but one it is the
// inverse of that one. The factors of R cancel: each product has one / R for each multiplication.
bool InvertAll(std::span<const Slot> slots, const Scratch& scratch) {
  const BnPtr& inverse = scratch.inverse;
  for (size_t i = 0; i < slots.size(); ++i) {
    const bool made = i == 0 ? BN_copy(slots[0].product.get(), slots[0].s.get()) != nullptr
                             : MultiplyModN(slots[i].product, slots[i - 1].product, slots[i].s, scratch);
    if (!made) return false;
  }
  if (BN_mod_inverse(inverse.get(), slots.back().product.get(), P256().n(), scratch.context.get()) == nullptr ||
      BN_to_montgomery(inverse.get(), inverse.get(), P256().mod_n.get(), scratch.context.get()) != 1) {
    return false;
  }
  // `inverse` is R / product of this slot, all the way down.
  for (size_t i = slots.size() - 1; i > 0; --i) {
    const BnPtr& own = slots[i].product;  // no longer needed
    if (!MultiplyModN(own, inverse, slots[i - 1].product, scratch) ||
        !MultiplyModN(inverse, inverse, slots[i].s, scratch) || BN_copy(slots[i].s.get(), own.get()) == nullptr) {
      return false;
    }
  }
  return BN_copy(slots[0].s.get(), inverse.get()) != nullptr;
}

// Whether x(sum) mod n is r, without the inversion that x(sum) = X / Z^2 would take: r Z^2 = X modulo p. Both sides are
// compared divided by R^2. An x(sum) from n to p - 1 is r + n.
std::optional<bool> HasX(const Slot& slot, const Scratch& scratch) {
  BN_CTX* context = scratch.context.get();
  const BnPtr& x = scratch.x;
  const BnPtr& z = scratch.z;
  BN_MONT_CTX* mod_p = P256().mod_p.get();
  if (EC_POINT_is_at_infinity(P256().group.get(), scratch.sum.get()) == 1) return false;
  if (EC_POINT_get_Jprojective_coordinates_GFp(P256().group.get(), scratch.sum.get(), x.get(), nullptr, z.get(),
                                               context) != 1 ||
      BN_from_montgomery(x.get(), x.get(), mod_p, context) != 1 ||
      BN_from_montgomery(x.get(), x.get(), mod_p, context) != 1 || !MultiplyModP(z, z, z, scratch) ||
      !MultiplyModP(scratch.expected, z, slot.r, scratch)) {
    return std::nullopt;
  }
  if (BN_cmp(scratch.expected.get(), x.get()) == 0) return true;
  if (BN_cmp(slot.r.get(), P256().p_minus_n.get()) >= 0) return false;
  if (BN_add(slot.r.get(), slot.r.get(), P256().n()) != 1 || !MultiplyModP(scratch.expected, z, slot.r, scratch)) {
    return std::nullopt;
  }
  return BN_cmp(scratch.expected.get(), x.get()) == 0;
}

}  // namespace

struct IssuerVerifier::Impl {
  PublicKey issuer;
  GroupPtr group;  // P-256 with the issuer's public key as generator, and a table for it

  // FIPS 186-4 6.4.2, steps 4 to 7, for a slot that InvertAll was given. Nothing if OpenSSL failed.
  std::optional<bool> Matches(const Digest& digest, const Slot& slot, const Scratch& scratch) const {
    BN_CTX* context = scratch.context.get();
    // A digest from n to 2^256 - 1 is reduced by the multiplication.
    if (BN_bin2bn(digest.data(), kScalarSize, scratch.e.get()) == nullptr ||
        !MultiplyModN(scratch.u1, scratch.e, slot.s, scratch) || !MultiplyModN(scratch.u2, slot.r, slot.s, scratch) ||
        EC_POINT_mul(P256().group.get(), scratch.of_generator.get(), scratch.u1.get(), nullptr, nullptr, context) !=
            1 ||
        EC_POINT_mul(group.get(), scratch.of_issuer.get(), scratch.u2.get(), nullptr, nullptr, context) != 1 ||
        EC_POINT_add(P256().group.get(), scratch.sum.get(), scratch.of_generator.get(), scratch.of_issuer.get(),
                     context) != 1) {
      return std::nullopt;
    }
    return HasX(slot, scratch);
  }

  bool Reference(const Claim& claim) const { return issuer.VerifyDigest(claim.digest, claim.signature); }

  // At most as many claims as scratch.slots.
  void VerifyBlock(std::span<const Claim> claims, std::span<uint8_t> valid, Scratch& scratch) const {
    size_t used = 0;
    for (size_t i = 0; i < claims.size(); ++i) {
      Slot& slot = scratch.slots[used];
      slot.claim = i;
      const uint8_t* signature = claims[i].signature.data();
      if (BN_bin2bn(signature, kScalarSize, slot.r.get()) == nullptr ||
          BN_bin2bn(signature + kScalarSize, kScalarSize, slot.s.get()) == nullptr) {
        valid[i] = Reference(claims[i]) ? 1 : 0;
        continue;
      }
      valid[i] = 0;
      if (IsScalar(slot.r) && IsScalar(slot.s)) ++used;
    }
    if (used == 0) return;
    const std::span<const Slot> slots = std::span(scratch.slots).first(used);
    const bool inverted = InvertAll(slots, scratch);
    for (const Slot& slot : slots) {
      const Claim& claim = claims[slot.claim];
      const std::optional<bool> matches = inverted ? Matches(claim.digest, slot, scratch) : std::nullopt;
      valid[slot.claim] = (matches.has_value() ? *matches : Reference(claim)) ? 1 : 0;
    }
  }
};

IssuerVerifier::IssuerVerifier(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
IssuerVerifier::~IssuerVerifier() = default;

StatusOr<std::unique_ptr<IssuerVerifier>> IssuerVerifier::Create(const PublicKey& issuer) {
  const Curve& curve = P256();
  GroupPtr group(EC_GROUP_dup(curve.group.get()));
  const PointPtr key(EC_POINT_new(curve.group.get()));
  if (group == nullptr || key == nullptr ||
      EC_POINT_oct2point(curve.group.get(), key.get(), issuer.point().data(), issuer.point().size(), nullptr) != 1 ||
      EC_GROUP_set_generator(group.get(), key.get(), curve.n(), EC_GROUP_get0_cofactor(curve.group.get())) != 1 ||
      EC_GROUP_precompute_mult(group.get(), nullptr) != 1) {
    return Internal("cannot prepare the issuer's public key for verifying: {}", TakeOpensslError());
  }
  return std::unique_ptr<IssuerVerifier>(
      new IssuerVerifier(std::make_unique<const Impl>(Impl{issuer, std::move(group)})));
}

void IssuerVerifier::Verify(std::span<const Claim> claims, std::span<uint8_t> valid) const {
  SMKI_CHECK(claims.size() == valid.size());
  Scratch scratch(std::min(kBlock, claims.size()));
  if (!scratch.Allocated()) {
    for (size_t i = 0; i < claims.size(); ++i) valid[i] = impl_->Reference(claims[i]) ? 1 : 0;
  } else {
    for (size_t from = 0; from < claims.size(); from += kBlock) {
      const size_t count = std::min(kBlock, claims.size() - from);
      impl_->VerifyBlock(claims.subspan(from, count), valid.subspan(from, count), scratch);
    }
  }
  ERR_clear_error();  // what was answered nevertheless is blamed on nobody later
}

}  // namespace smki::pki
