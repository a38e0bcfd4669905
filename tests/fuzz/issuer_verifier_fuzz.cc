// IssuerVerifier against PublicKey::VerifyDigest: whatever the claims and however they stand in a block, both give the
// same answer. The input chooses the key, how many hopeless claims stand in front, and then claims: a kind each, and
// the numbers that the kind takes. Most begin as valid signatures, which octets at random never are.
#include <array>
#include <memory>
#include <vector>

#include "tests/unit/pki/crafted.h"

namespace smki::pki {
namespace {

using namespace crafted;

constexpr size_t kMaxClaims = 12;

class Input {
 public:
  explicit Input(ByteSpan octets) : octets_(octets) {}
  bool empty() const { return octets_.empty(); }
  uint8_t Octet() {
    if (octets_.empty()) return 0;
    const uint8_t out = octets_[0];
    octets_ = octets_.subspan(1);
    return out;
  }
  // 32 octets as they come, or one of the numbers at which something changes.
  Number Any() {
    static const std::array<Number, 9> kEdges = {
        Small(0),          Small(1),    Small(2), Order(-1), Order(), Order(1), PrimeMinusOrder(-1),
        PrimeMinusOrder(), Filled(0xFF)};
    const uint8_t kind = Octet();
    if (kind < kEdges.size()) return kEdges[kind];
    Number out{};
    for (uint8_t& octet : out) octet = Octet();
    return out;
  }
  // Modulo n, and not 0.
  Number Scalar() {
    const Number out = Times(Any(), Small(1));
    return out == Small(0) ? Small(1) : out;
  }

 private:
  static Number Filled(uint8_t octet) {
    Number out;
    out.fill(octet);
    return out;
  }
  ByteSpan octets_;
};

struct Issuer {
  Number d;
  PublicKey key;
  std::unique_ptr<IssuerVerifier> verifier;
};

const std::vector<Issuer>& Issuers() {
  static const std::vector<Issuer>& issuers = *[] {
    auto* out = new std::vector<Issuer>;
    // The generator, its negative, twice it; RFC 6979 A.2.5.
    for (const Number& d : {Small(1), Order(-1), Small(2),
                            *DigestFromHex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")}) {
      PublicKey key = PrivateKey::FromScalar(d)->public_key();
      auto verifier = IssuerVerifier::Create(key);
      SMKI_CHECK(verifier.ok());
      out->push_back({d, std::move(key), *std::move(verifier)});
    }
    return out;
  }();
  return issuers;
}

Claim Valid(const Issuer& issuer, Input& in) {
  const Number u2 = in.Scalar();
  const Number u1 = Times(in.Any(), Small(1));
  const Number opposite = Negative(Times(u2, issuer.d));
  return FromMultipliers(issuer.d, u1 == opposite ? Minus(u1, Small(1)) : u1, u2);
}

Claim NextClaim(const Issuer& issuer, Input& in) {
  const uint8_t kind = in.Octet();
  switch (kind % 10) {
    case 0: {
      const Number e = in.Any();
      const Number r = in.Any();
      return MakeClaim(e, r, in.Any());
    }
    case 1: {
      const Number u2 = in.Scalar();
      return AtInfinity(issuer.d, u2, in.Scalar());
    }
    case 2: {
      const Number u2 = in.Scalar();
      const Number doubling = Times(u2, issuer.d);
      return FromMultipliers(issuer.d, doubling, u2);
    }
    default:
      break;
  }
  Claim claim = Valid(issuer, in);
  SMKI_CHECK(issuer.key.VerifyDigest(claim.digest, claim.signature));
  const Number r = NumberR(claim);
  const Number s = NumberS(claim);
  switch (kind % 10) {
    case 3:
      claim.digest[in.Octet() % 32] ^= static_cast<uint8_t>(1 << in.Octet() % 8);
      break;
    case 4:
      claim.signature[in.Octet() % 64] ^= static_cast<uint8_t>(1 << in.Octet() % 8);
      break;
    case 5:
      return MakeClaim(claim.digest, r, Negative(s));
    case 6:
      return MakeClaim(claim.digest, s, r);
    case 7:
      return MakeClaim(claim.digest, in.Any(), s);
    case 8:
      return MakeClaim(PlusOrder(claim.digest).value_or(claim.digest), r, PlusOrder(s).value_or(s));
    default:
      break;
  }
  return claim;
}

}  // namespace
}  // namespace smki::pki

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace smki::pki;
  Input in(smki::ByteSpan(data, size));
  const Issuer& issuer = Issuers()[in.Octet() % Issuers().size()];
  // With s = 0: they cost nothing, and move the others to the end of a block and over it.
  std::vector<Claim> claims(in.Octet());
  for (size_t i = 0; i < kMaxClaims && !in.empty(); ++i) claims.push_back(NextClaim(issuer, in));
  std::vector<uint8_t> valid(claims.size(), 0xAA);
  issuer.verifier->Verify(claims, valid);
  for (size_t i = 0; i < claims.size(); ++i) {
    SMKI_CHECK(valid[i] == (issuer.key.VerifyDigest(claims[i].digest, claims[i].signature) ? 1 : 0));
  }
  return 0;
}
