#include "hsm/signer/batch_signer.h"

#include <gtest/gtest.h>

#include <atomic>

#include "gbcs/credentials.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm {
namespace {

using test::Must;

std::unique_ptr<SigningBatch> MakeBatch(size_t count, uint8_t mark) {
  auto batch = std::make_unique<SigningBatch>();
  for (size_t i = 0; i < count; ++i)
    batch->commands.push_back({0xDF, mark, static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)});
  return batch;
}

class ParallelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Secret pem = key_.ToPem();
    std::vector<std::unique_ptr<pki::Signer>> keys;
    for (int i = 0; i < 3; ++i)
      keys.push_back(std::make_unique<pki::PrivateKey>(Must(pki::PrivateKey::FromPem(AsText(pem.span())))));
    signer_ = MakeParallelBatchSigner(std::move(keys));
  }
  pki::PrivateKey key_ = Must(pki::PrivateKey::Generate());
  std::unique_ptr<BatchSigner> signer_;
};

TEST_F(ParallelTest, SignsEveryCommandOfEveryBatchInOrder) {
  EXPECT_EQ(signer_->Take(true), nullptr);
  for (uint8_t i = 0; i < 5; ++i) signer_->Submit(MakeBatch(1 + i * 40, i));
  for (uint8_t i = 0; i < 5; ++i) {
    const auto batch = signer_->Take(true);
    ASSERT_NE(batch, nullptr);
    EXPECT_TRUE(batch->status.ok());
    EXPECT_EQ(batch->commands[0][1], i);
    ASSERT_EQ(batch->signatures.size(), batch->commands.size());
    for (size_t n = 0; n < batch->commands.size(); ++n) {
      EXPECT_TRUE(
          key_.public_key().Verify(gbcs::CommandTemplate::ToBeSigned(batch->commands[n]), batch->signatures[n]));
    }
  }
  EXPECT_EQ(signer_->Take(true), nullptr);
}

TEST_F(ParallelTest, EndsWithBatchesUnderWay) {
  for (uint8_t i = 0; i < 5; ++i) signer_->Submit(MakeBatch(500, i));
  signer_.reset();
}

// A token that is pulled out after some signatures.
class Unplugged : public pki::Signer {
 public:
  explicit Unplugged(pki::PrivateKey& key) : key_(key) {}
  const pki::PublicKey& public_key() const override { return key_.public_key(); }
  StatusOr<pki::RawSignature> SignDigest(const Digest& digest) override {
    if (++count_ > 20) return Unavailable("C_Sign returned CKR_DEVICE_REMOVED");
    return key_.SignDigest(digest);
  }

 private:
  pki::PrivateKey& key_;
  int count_ = 0;
};

TEST_F(ParallelTest, ATokenThatFailsFailsTheBatch) {
  std::vector<std::unique_ptr<pki::Signer>> keys;
  keys.push_back(std::make_unique<Unplugged>(key_));
  const auto signer = MakeParallelBatchSigner(std::move(keys));
  signer->Submit(MakeBatch(100, 0));
  EXPECT_EQ(signer->Take(true)->status.code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace smki::hsm
