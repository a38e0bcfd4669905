#include "repository/store/sorter.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "tests/unit/ledger/scratch.h"

namespace smki::repository {
namespace {

constexpr uint64_t kSeed = 31;

struct Shape {
  size_t entry_size, key_size, memory;
};

class SorterTest : public ::testing::TestWithParam<Shape> {
 protected:
  // `count` entries whose keys `make` fills in, none twice.
  template <typename Make>
  std::vector<Bytes> Entries(size_t count, const Make& make) {
    std::set<Bytes> keys;
    std::vector<Bytes> out;
    for (size_t i = 0; i < count; ++i) {
      Bytes entry = random_.Take(GetParam().entry_size);
      make(std::span(entry).first(GetParam().key_size), i);
      if (keys.insert(ToBytes(ByteSpan(entry).first(GetParam().key_size))).second) out.push_back(entry);
    }
    return out;
  }
  // What comes out is what went in, in order of its keys.
  void ExpectSorted(std::vector<Bytes> entries) {
    Sorter sorter(scratch_ / "sorter", GetParam().entry_size, GetParam().key_size, GetParam().memory);
    const auto add = [&](size_t from, size_t step) {
      Bytes batch;
      for (size_t i = from; i < entries.size(); i += step) {
        Append(batch, entries[i]);
        if (i % 7 != 0) continue;
        EXPECT_TRUE(sorter.Add(batch).ok());
        batch.clear();
      }
      EXPECT_TRUE(sorter.Add(batch).ok());
    };
    std::thread other(add, 1, 2);
    add(0, 2);
    other.join();
    EXPECT_EQ(sorter.size(), entries.size());
    std::sort(entries.begin(), entries.end());  // keys come first, and none is there twice
    const auto merged = sorter.Finish();
    ASSERT_TRUE(merged.ok()) << merged.status();
    for (const Bytes& expected : entries) {
      const auto next = (*merged)->Next();
      ASSERT_TRUE(next.ok()) << next.status();
      ASSERT_NE(*next, nullptr);
      ASSERT_EQ(ToHex({*next, GetParam().entry_size}), ToHex(expected));
    }
    EXPECT_EQ(*(*merged)->Next(), nullptr);
    EXPECT_FALSE(PosixFiles().Exists(scratch_ / "sorter")) << "nothing is left behind";
  }
  Scratch scratch_;
  SeededRandom random_{kSeed};
};

TEST_P(SorterTest, KeysSpreadEvenly) {
  for (const size_t count : {0, 1, 2, 3, 100, 5000}) ExpectSorted(Entries(count, [](auto, size_t) {}));
}

TEST_P(SorterTest, KeysThatBeginAlike) {
  ExpectSorted(Entries(3000, [](auto key, size_t) {
    for (size_t i = 0; i < std::min<size_t>(key.size() - 2, 17); ++i) key[i] = 0x40;
  }));
}

TEST_P(SorterTest, KeysThatAreNumberedOneAfterTheOther) {
  ExpectSorted(Entries(3000, [](auto key, size_t n) {
    std::fill(key.begin(), key.end(), uint8_t{0});
    key[key.size() - 1] = static_cast<uint8_t>(n);
    key[key.size() - 2] = static_cast<uint8_t>(n >> 8);
  }));
}

TEST_P(SorterTest, AFewKeysFarFromAllOthers) {
  ExpectSorted(Entries(3000, [&](auto key, size_t n) {
    std::fill(key.begin(), key.end(), n % 1000 == 7 ? uint8_t{0xFF} : uint8_t{0});
    random_.Fill(key.last(2));
  }));
}

INSTANTIATE_TEST_SUITE_P(Shapes, SorterTest,
                         ::testing::Values(Shape{93, 36, 93 * 1000}, Shape{93, 36, 1 << 20}, Shape{93, 36, 1},
                                           Shape{16, 16, 16 * 700}, Shape{16, 16, 1 << 20}, Shape{91, 6, 91 * 900},
                                           Shape{20, 11, 20 * 512}),
                         [](const auto& info) {
                           return fmt::format("{}of{}in{}", info.param.key_size, info.param.entry_size,
                                              info.param.memory);
                         });

}  // namespace
}  // namespace smki::repository
