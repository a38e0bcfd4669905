// A program of its own: OpenSSL takes its allocator only before it first allocates.
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <atomic>

#include "tests/unit/pki/crafted.h"
#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

using namespace crafted;

constexpr long kNone = -1;
std::atomic<long> until_failure{kNone};  // allocations of OpenSSL before the one that fails

std::atomic<size_t> largest{0};  // octets, of what was allocated

bool Fails(size_t size) {
  largest = std::max<size_t>(largest, size);
  return until_failure != kNone && until_failure-- == 0;
}
void* Allocate(size_t size, const char*, int) {
  return Fails(size) ? nullptr : std::malloc(size);
}
void* Reallocate(void* memory, size_t size, const char*, int) {
  return Fails(size) ? nullptr : std::realloc(memory, size);
}
void Free(void* memory, const char*, int) {
  std::free(memory);
}
const int installed = CRYPTO_set_mem_functions(Allocate, Reallocate, Free);

class IssuerVerifierMemoryTest : public testing::Test {
 protected:
  // Whether an allocation failed while `run` ran: the one after `before` others.
  template <typename Run>
  static bool FailsOne(long before, const Run& run) {
    until_failure = before;
    run();
    return until_failure.exchange(kNone) == kNone;
  }
  void SetUp() override { ASSERT_EQ(installed, 1); }

  const PublicKey key_ = Must(PrivateKey::FromScalar(Small(2))).public_key();
  const std::vector<Claim> claims_ = {FromMultipliers(Small(2), Small(5), Small(7)),
                                      FromMultipliers(Small(3), Small(5), Small(7)),
                                      MakeClaim(Small(1), Small(1), Small(0)), AtInfinity(Small(2), Small(9), Small(8)),
                                      FromMultipliers(Small(2), Small(9), Small(8))};
  const std::vector<uint8_t> expected_ = {1, 0, 0, 0, 1};
};

TEST_F(IssuerVerifierMemoryTest, AnswersAreRightWhicheverAllocationFails) {
  const auto verifier = Must(IssuerVerifier::Create(key_));
  std::vector<uint8_t> valid(claims_.size());
  verifier->Verify(claims_, valid);  // what OpenSSL and this room allocate once
  ASSERT_EQ(valid, expected_);
  long failed = 0;
  while (true) {
    std::fill(valid.begin(), valid.end(), 0xAA);
    if (!FailsOne(failed, [&] { verifier->Verify(claims_, valid); })) break;
    EXPECT_EQ(valid, expected_) << "without allocation " << failed;
    EXPECT_EQ(ERR_peek_error(), 0u) << "without allocation " << failed;
    ++failed;
  }
  EXPECT_EQ(valid, expected_);
  EXPECT_GT(failed, 30);
}

// Without a table for the key OpenSSL makes a small one, of 16 points of 96 octets, at every multiplication: that is
// the whole difference in speed, and no other test would see it.
TEST_F(IssuerVerifierMemoryTest, TheTableOfTheKeyIsMadeOnce) {
  constexpr size_t kSmallTable = 16 * 96;
  const auto verifier = Must(IssuerVerifier::Create(key_));
  std::vector<uint8_t> valid(claims_.size());
  verifier->Verify(claims_, valid);
  largest = 0;
  verifier->Verify(claims_, valid);
  EXPECT_LT(largest, kSmallTable);
  largest = 0;
  (void)key_.VerifyDigest(claims_[0].digest, claims_[0].signature);
  EXPECT_GE(largest, kSmallTable);
}

TEST_F(IssuerVerifierMemoryTest, CreateIsRefusedOrRightWhicheverAllocationFails) {
  (void)Must(IssuerVerifier::Create(key_));
  long refused = 0;
  bool more = true;
  for (long before = 0; more && before < 60; ++before) {
    StatusOr<std::unique_ptr<IssuerVerifier>> verifier = Internal("not run");
    more = FailsOne(before, [&] { verifier = IssuerVerifier::Create(key_); });
    if (!verifier.ok()) {
      EXPECT_REFUSED(verifier, "cannot prepare the issuer's public key");
      ++refused;
      continue;
    }
    std::vector<uint8_t> valid(claims_.size());
    (*verifier)->Verify(claims_, valid);
    EXPECT_EQ(valid, expected_) << "without allocation " << before;
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace smki::pki
