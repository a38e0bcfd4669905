#include "base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace smki {
namespace {

TEST(SeededRandomTest, OneSeedGivesOneSequence) {
  SeededRandom a(7);
  SeededRandom b(7);
  SeededRandom c(8);
  const Bytes first = a.Take(20);
  EXPECT_EQ(first, b.Take(20));
  EXPECT_NE(first, c.Take(20));
  EXPECT_NE(first, a.Take(20));
}

// The first number of SplitMix64 from state 0, as its authors publish it.
TEST(SeededRandomTest, IsSplitMix64) {
  EXPECT_EQ(ToHex(SeededRandom(0).Take(8)), "e220a8397b1dcdaf");
}

TEST(SystemRandomTest, DoesNotRepeat) {
  EXPECT_NE(SystemRandom().Take(32), SystemRandom().Take(32));
}

TEST(RandomTest, BelowReachesEveryNumberAndNoOther) {
  SeededRandom random(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Below(5));
  EXPECT_EQ(seen, (std::set<uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(random.Below(1), 0u);
  EXPECT_DEATH(random.Below(0), "bound > 0");
}

// Yields what it is given, to reach the numbers that would make Below uneven.
class Scripted : public Random {
 public:
  explicit Scripted(std::vector<uint8_t> octets) : octets_(std::move(octets)) {}
  void Fill(std::span<uint8_t> out) override {
    const uint8_t octet = octets_.at(next_++);
    for (uint8_t& o : out) o = octet;
  }
  size_t used() const { return next_; }

 private:
  std::vector<uint8_t> octets_;
  size_t next_ = 0;
};

TEST(RandomTest, BelowThrowsAwayNumbersThatWouldMakeItUneven) {
  Scripted random({0xFF, 0x01});
  EXPECT_EQ(random.Below(10), 0x0101010101010101u % 10);
  EXPECT_EQ(random.used(), 2u);
}

}  // namespace
}  // namespace smki
