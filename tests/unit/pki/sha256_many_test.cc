#include "pki/sha256_many.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "pki/digest.h"
#include "pki/merkle_stream.h"

namespace smki::pki {
namespace {

class Sha256ManyTest : public ::testing::TestWithParam<int> {
 protected:
  // Messages of the given sizes, with random content.
  void Make(const std::vector<size_t>& sizes) {
    SeededRandom random(5);
    for (const size_t size : sizes) texts_.push_back(random.Take(size));
    for (const Bytes& text : texts_) messages_.emplace_back(text);
  }
  void ExpectAsOpenSsl() {
    std::vector<Digest> digests(messages_.size());
    if (!Sha256ManyWith(GetParam(), messages_, digests)) GTEST_SKIP() << "this processor has no such lanes";
    for (size_t i = 0; i < messages_.size(); ++i)
      ASSERT_EQ(ToHex(digests[i]), ToHex(Sha256(messages_[i]))) << "of " << messages_[i].size() << " octets";
  }
  std::vector<Bytes> texts_;
  std::vector<ByteSpan> messages_;
};

TEST_P(Sha256ManyTest, EverySizeAroundABlockIsAsOpenSslSays) {
  std::vector<size_t> sizes;
  for (size_t size = 0; size <= 300; ++size) sizes.push_back(size);
  Make(sizes);
  ExpectAsOpenSsl();
}

TEST_P(Sha256ManyTest, LanesOfVeryDifferentLengthDoNotDisturbEachOther) {
  std::vector<size_t> sizes;
  SeededRandom random(6);
  for (int i = 0; i < 500; ++i) sizes.push_back(random.Below(8) == 0 ? random.Below(9000) : random.Below(120));
  Make(sizes);
  ExpectAsOpenSsl();
}

TEST_P(Sha256ManyTest, AnyNumberOfMessages) {
  for (size_t count = 0; count <= 40; ++count) {
    texts_.clear();
    messages_.clear();
    Make(std::vector<size_t>(count, 447));
    ExpectAsOpenSsl();
  }
}

TEST_P(Sha256ManyTest, PaddedMessagesOfEverySizeAndNumberAreAsOpenSslSays) {
  SeededRandom random(8);
  for (const size_t blocks : {1u, 2u, 3u}) {
    for (size_t count = 0; count <= 40; ++count) {
      Bytes laid_out = random.Take(count * blocks * 64);
      std::vector<Digest> expected, digests(count);
      for (size_t i = 0; i < count; ++i) {
        uint8_t* const message = laid_out.data() + i * blocks * 64;
        const size_t most = blocks * 64 - 9, least = blocks == 1 ? 0 : most - 63;
        const size_t size = random.Below(4) == 0 ? most : least + random.Below(most - least + 1);
        expected.push_back(Sha256({message, size}));
        Sha256Pad(message, size, blocks);
      }
      if (!Sha256PaddedWith(GetParam(), laid_out.data(), blocks, digests)) GTEST_SKIP() << "no such lanes here";
      ASSERT_EQ(digests, expected) << count << " of " << blocks << " blocks";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Lanes, Sha256ManyTest, ::testing::Values(1, 8, 16));

TEST(MerkleStream, IsTheTreeOfRfc6962WhateverTheNumberOfLeaves) {
  SeededRandom random(7);
  for (const size_t count : {0u, 1u, 2u, 3u, 5u, 4095u, 4096u, 4097u, 8191u, 8192u, 12288u, 12289u, 20481u, 28672u}) {
    MerkleTree expected;
    MerkleStream stream;
    for (size_t i = 0; i < count; ++i) {
      const Bytes leaf = random.Take(random.Below(MerkleStream::kMaxLeaf + 1));
      expected.AddLeaf(leaf);
      stream.AddLeaf(leaf);
    }
    EXPECT_EQ(stream.Root(), expected.Root()) << count;
    EXPECT_EQ(stream.size(), count);
  }
}

}  // namespace
}  // namespace smki::pki
