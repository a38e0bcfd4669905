#include "pki/issuer_verifier.h"

#include <thread>

#include "base/random.h"
#include "tests/unit/pki/crafted.h"
#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

using namespace crafted;
using testing::Each;
using testing::ElementsAre;

constexpr size_t kBlock = 256;  // as issuer_verifier.cc has it
constexpr uint64_t kSeed = 20261121;

PrivateKey KeyOf(const Number& d) {
  return Must(PrivateKey::FromScalar(d));
}
Number Random256(SeededRandom& random) {
  Number out;
  random.Fill(out);
  return out;
}
// Above zero and below n.
Number RandomScalar(SeededRandom& random) {
  Number out = Random256(random);
  out[0] &= 0x7F;
  out[31] |= 1;
  return out;
}
// RFC 6979 A.2.5.
Number SomeKey() {
  return *DigestFromHex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
}
Number AllOnes() {
  Number out;
  out.fill(0xFF);
  return out;
}

// An issuer's two ways of verifying. What both say of the claims, claim by claim; a difference is a failure.
class BothPaths {
 public:
  explicit BothPaths(const PublicKey& issuer) : plain_(issuer), fast_(Must(IssuerVerifier::Create(issuer))) {}
  explicit BothPaths(const Number& d) : BothPaths(KeyOf(d).public_key()) {}

  std::vector<uint8_t> Of(const std::vector<Claim>& claims) const {
    std::vector<uint8_t> fast(claims.size(), 0xAA);
    fast_->Verify(claims, fast);
    for (size_t i = 0; i < claims.size(); ++i) {
      EXPECT_EQ(fast[i], plain_.VerifyDigest(claims[i].digest, claims[i].signature) ? 1 : 0)
          << "claim " << i << " of " << claims.size() << ": digest " << ToHex(claims[i].digest) << " signature "
          << ToHex(claims[i].signature) << " key " << ToHex(plain_.point());
    }
    return fast;
  }
  bool Of(const Claim& claim) const { return Of(std::vector<Claim>{claim})[0] == 1; }

 private:
  PublicKey plain_;
  std::unique_ptr<IssuerVerifier> fast_;
};

std::vector<Claim> ValidClaims(const Number& d, size_t count, SeededRandom& random) {
  std::vector<Claim> out;
  while (out.size() < count) out.push_back(FromMultipliers(d, RandomScalar(random), RandomScalar(random)));
  return out;
}

TEST(IssuerVerifierTest, AcceptsWhatThePrivateKeySigns) {
  PrivateKey key = KeyOf(SomeKey());
  SeededRandom random(kSeed);
  std::vector<Claim> claims;
  for (int i = 0; i < 600; ++i) {
    const Digest digest = Random256(random);
    claims.push_back({digest, Must(key.SignDigest(digest))});
  }
  EXPECT_THAT(BothPaths(SomeKey()).Of(claims), Each(1));
}

TEST(IssuerVerifierTest, RefusesWhatAnotherKeySigned) {
  SeededRandom random(kSeed);
  EXPECT_THAT(BothPaths(SomeKey()).Of(ValidClaims(RandomScalar(random), 20, random)), Each(0));
}

TEST(IssuerVerifierTest, RefusesASignatureOrDigestWithAnyBitFlipped) {
  SeededRandom random(kSeed);
  const Claim good = ValidClaims(SomeKey(), 1, random)[0];
  std::vector<Claim> claims;
  for (size_t bit = 0; bit < 256; ++bit) {
    claims.insert(claims.end(), 3, good);
    const auto flip = [bit](auto& octets, size_t from) {
      octets[from + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    };
    flip(claims[3 * bit].digest, 0);
    flip(claims[3 * bit + 1].signature, 0);
    flip(claims[3 * bit + 2].signature, 32);
  }
  EXPECT_THAT(BothPaths(SomeKey()).Of(claims), Each(0));
}

TEST(IssuerVerifierTest, AnswersAsThePlainPathForEveryCombinationOfEdgeNumbers) {
  const std::vector<Number> edges = {
      Small(0), Small(1), Small(2), Order(-1), Order(), Order(1), PrimeMinusOrder(-1), PrimeMinusOrder(), AllOnes()};
  for (const Number& d : {Small(1), Small(2), Order(-1), SomeKey()}) {
    std::vector<Claim> claims;
    for (const Number& e : edges) {
      for (const Number& r : edges) {
        for (const Number& s : edges) claims.push_back(MakeClaim(e, r, s));
      }
    }
    (void)BothPaths(d).Of(claims);
  }
}

TEST(IssuerVerifierTest, RefusesRAndSSwapped) {
  SeededRandom random(kSeed);
  const Claim good = ValidClaims(SomeKey(), 1, random)[0];
  EXPECT_FALSE(BothPaths(SomeKey()).Of(MakeClaim(good.digest, NumberS(good), NumberR(good))));
}

TEST(IssuerVerifierTest, AcceptsSNegatedAsEcdsaDoes) {
  SeededRandom random(kSeed);
  const Claim good = ValidClaims(SomeKey(), 1, random)[0];
  EXPECT_TRUE(BothPaths(SomeKey()).Of(MakeClaim(good.digest, NumberR(good), Negative(NumberS(good)))));
}

// u1 = 0: there is no multiple of G to add.
TEST(IssuerVerifierTest, AcceptsADigestOfZeroAndItsTwinTheOrder) {
  const Claim zero = FromMultipliers(SomeKey(), Small(0), Small(7));
  ASSERT_EQ(zero.digest, Small(0));
  const Claim order = MakeClaim(Order(), NumberR(zero), NumberS(zero));
  EXPECT_THAT(BothPaths(SomeKey()).Of({zero, order}), Each(1));
}

TEST(IssuerVerifierTest, ReducesADigestThatIsNotBelowTheOrder) {
  SeededRandom random(kSeed);
  const BothPaths both(SomeKey());
  for (const Number& e : {Small(1), Minus(AllOnes(), Small(0))}) {
    const Number k = RandomScalar(random);
    const Number r = XOf(k);
    const Number s = Times(Minus(e, Negative(Times(r, SomeKey()))), Inverse(k));
    EXPECT_TRUE(both.Of(MakeClaim(e, r, s)));
    ASSERT_TRUE(PlusOrder(e).has_value());
    EXPECT_TRUE(both.Of(MakeClaim(*PlusOrder(e), r, s)));
  }
}

// x(R) is n + k, and r says so: modulo p it would match, but r must be below n.
TEST(IssuerVerifierTest, RefusesRThatIsTheOrderTooLarge) {
  int tried = 0;
  for (int k = 1; k < 20; ++k) {
    const auto crafted = FromX(Order(k), Order(k), Small(5), Small(9));
    if (!crafted) continue;
    ++tried;
    EXPECT_FALSE(BothPaths(crafted->issuer).Of(crafted->claim)) << k;
  }
  EXPECT_GT(tried, 0);
}

TEST(IssuerVerifierTest, RefusesSThatIsTheOrderTooLarge) {
  const BothPaths both(SomeKey());
  const Claim good = FromNonce(SomeKey(), Small(77), Small(5));
  EXPECT_TRUE(both.Of(good));
  EXPECT_FALSE(both.Of(MakeClaim(good.digest, NumberR(good), Order(5))));
}

TEST(IssuerVerifierTest, AcceptsRWhereXOfTheSumIsNotBelowTheOrder) {
  int tried = 0;
  for (uint8_t r = 1; r < 20; ++r) {
    const auto crafted = FromX(Order(r), Small(r), Small(5), Small(9));
    if (!crafted) continue;
    ++tried;
    EXPECT_TRUE(BothPaths(crafted->issuer).Of(crafted->claim)) << int{r};
  }
  EXPECT_GT(tried, 0);
}

// x(R) is small, and r + n is p + x(R): the same modulo p, not the same.
TEST(IssuerVerifierTest, RefusesRWhereOnlyRPlusTheOrderModuloPIsXOfTheSum) {
  int tried = 0;
  for (uint8_t x = 0; x < 20; ++x) {
    const auto crafted = FromX(Small(x), PrimeMinusOrder(x), Small(5), Small(9));
    if (!crafted) continue;
    ++tried;
    EXPECT_FALSE(BothPaths(crafted->issuer).Of(crafted->claim)) << int{x};
  }
  EXPECT_GT(tried, 0);
}

TEST(IssuerVerifierTest, RefusesASumAtInfinity) {
  SeededRandom random(kSeed);
  for (const Number& d : {Small(1), Small(2), Order(-1), SomeKey()}) {
    const BothPaths both(d);
    for (int i = 0; i < 10; ++i) {
      const Claim infinite = AtInfinity(d, RandomScalar(random), RandomScalar(random));
      EXPECT_FALSE(both.Of(infinite));
      const Claim good = FromMultipliers(d, Small(3), Small(4));
      EXPECT_THAT(both.Of({good, infinite, good}), ElementsAre(1, 0, 1));
    }
  }
}

TEST(IssuerVerifierTest, AcceptsASumThatIsADoubling) {
  SeededRandom random(kSeed);
  for (const Number& d : {Small(1), Small(2), Order(-1), SomeKey()}) {
    const Number u2 = RandomScalar(random);
    EXPECT_TRUE(BothPaths(d).Of(FromMultipliers(d, Times(u2, d), u2)));
  }
}

// The windows of the tables are 7 bits wide: multipliers whose windows are empty, full, or carry.
TEST(IssuerVerifierTest, MultipliesByEveryWindowOfTheTables) {
  std::vector<Number> multipliers = {Small(1),   Small(63), Small(64), Small(65),  Small(127),
                                     Small(128), Order(-1), Order(-2), Order(-64), Order(-128)};
  for (size_t bit = 0; bit < 256; ++bit) {
    Number one{};
    one[31 - bit / 8] = static_cast<uint8_t>(1 << bit % 8);
    multipliers.push_back(one);
    if (bit < 250) multipliers.push_back(Times(one, Small(63)));
    multipliers.push_back(Negative(one));
  }
  std::vector<Claim> claims;
  for (const Number& u : multipliers) {
    claims.push_back(FromMultipliers(SomeKey(), Small(5), u));
    claims.push_back(FromMultipliers(SomeKey(), u, Small(5)));
  }
  EXPECT_THAT(BothPaths(SomeKey()).Of(claims), Each(1));
}

TEST(IssuerVerifierTest, VerifiesForIssuersWhoseKeyIsTheGeneratorOrNearIt) {
  SeededRandom random(kSeed);
  for (const Number& d : {Small(1), Order(-1), Small(2), Order(-2), Small(64), Small(128)}) {
    EXPECT_THAT(BothPaths(d).Of(ValidClaims(d, 20, random)), Each(1)) << ToHex(d);
  }
}

TEST(IssuerVerifierTest, AnInvalidClaimAnywhereInABlockChangesNoOther) {
  SeededRandom random(kSeed);
  const std::vector<Claim> good = ValidClaims(SomeKey(), kBlock, random);
  const BothPaths both(SomeKey());
  const Number r = NumberR(good[0]);
  const std::vector<Claim> bad = {MakeClaim(Small(1), r, Small(0)), MakeClaim(Small(1), Small(0), r),
                                  MakeClaim(Small(1), r, AllOnes()), MakeClaim(Small(1), r, r),
                                  AtInfinity(SomeKey(), Small(9), r)};
  for (size_t position = 0; position < kBlock; position += position < 4 || position >= kBlock - 4 ? 1 : 31) {
    std::vector<Claim> claims = good;
    claims[position] = bad[position % bad.size()];
    const std::vector<uint8_t> answers = both.Of(claims);
    for (size_t i = 0; i < kBlock; ++i) EXPECT_EQ(answers[i], i != position) << position << " " << i;
  }
}

TEST(IssuerVerifierTest, AnInvalidClaimAtEachPositionOfASmallBlockChangesNoOther) {
  SeededRandom random(kSeed);
  const std::vector<Claim> good = ValidClaims(SomeKey(), 8, random);
  const BothPaths both(SomeKey());
  for (size_t invalid = 0; invalid < 256; ++invalid) {  // bit i: claim i is invalid
    std::vector<Claim> claims = good;
    for (size_t i = 0; i < 8; ++i) {
      if ((invalid >> i & 1) != 0) claims[i] = MakeClaim(Small(1), Small(1), Small(i % 2 == 0 ? 0 : 1));
    }
    const std::vector<uint8_t> answers = both.Of(claims);
    for (size_t i = 0; i < 8; ++i) EXPECT_EQ(answers[i], (invalid >> i & 1) == 0) << invalid << " " << i;
  }
}

TEST(IssuerVerifierTest, TakesAnyNumberOfClaims) {
  SeededRandom random(kSeed);
  const BothPaths both(SomeKey());
  std::vector<Claim> good = ValidClaims(SomeKey(), 2 * kBlock + 1, random);
  for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, kBlock - 1, kBlock, kBlock + 1, 2 * kBlock + 1}) {
    std::vector<Claim> claims(good.begin(), good.begin() + static_cast<ptrdiff_t>(count));
    EXPECT_THAT(both.Of(claims), Each(1)) << count;
    if (count == 0) continue;
    claims.back().digest[0] ^= 1;
    EXPECT_EQ(both.Of(claims).back(), 0) << count;
  }
}

TEST(IssuerVerifierTest, ThreadsVerifyWithOneVerifierAtOnce) {
  SeededRandom random(kSeed);
  const std::vector<Claim> good = ValidClaims(SomeKey(), kBlock + 3, random);
  const BothPaths both(SomeKey());
  std::vector<std::thread> threads;
  for (size_t bad = 0; bad < 4; ++bad) {
    threads.emplace_back([&, bad] {
      std::vector<Claim> claims = good;
      claims[bad].digest[0] ^= 1;
      for (int round = 0; round < 3; ++round) {
        const std::vector<uint8_t> answers = both.Of(claims);
        for (size_t i = 0; i < claims.size(); ++i) EXPECT_EQ(answers[i], i != bad) << i;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(IssuerVerifierDeathTest, EndsWhenThereIsNotOneAnswerForEachClaim) {
  const auto verifier = Must(IssuerVerifier::Create(KeyOf(SomeKey()).public_key()));
  const std::vector<Claim> claims(2);
  std::vector<uint8_t> valid(1);
  EXPECT_DEATH(verifier->Verify(claims, valid), "claims.size\\(\\) == valid.size\\(\\)");
}

}  // namespace
}  // namespace smki::pki
