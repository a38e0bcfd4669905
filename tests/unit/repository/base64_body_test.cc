#include "repository/extract/base64_body.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/random.h"

namespace smki::repository {
namespace {

constexpr uint64_t kSeed = 11;

// A certificate's body as the files fold it.
std::string Folded(ByteSpan octets, size_t line) {
  const std::string text = ToBase64(octets);
  std::string out = "\n";
  for (size_t at = 0; at < text.size(); at += line) out += text.substr(at, line) + "\n";
  return out;
}

std::optional<Bytes> Decoded(std::optional<size_t> (*decode)(std::string_view, uint8_t*), std::string_view text) {
  // No octet more than was promised, so that a sanitizer sees what is written behind it.
  const auto out = std::make_unique<uint8_t[]>(Base64Room(text.size()));
  const auto size = decode(text, out.get());
  if (!size) return std::nullopt;
  return Bytes(out.get(), out.get() + *size);
}

void ExpectSame(std::string_view text) {
  ASSERT_EQ(Decoded(DecodeBase64, text), Decoded(DecodeBase64Plainly, text)) << text;
}

TEST(Base64Body, EverySizeFoldedAnywayIsWhatItWas) {
  SeededRandom random(kSeed);
  for (size_t size = 0; size < 500; ++size) {
    const Bytes octets = random.Take(size);
    for (const size_t line : {size_t{1}, size_t{31}, size_t{33}, size_t{64}, size_t{76}, size_t{10000}}) {
      const std::string text = Folded(octets, line);
      EXPECT_EQ(Decoded(DecodeBase64, text), octets) << size << " octets in lines of " << line;
      EXPECT_EQ(Decoded(DecodeBase64Plainly, text), octets) << size << " octets in lines of " << line;
    }
  }
}

TEST(Base64Body, WideAndPlainAgreeOnEveryOctetInEveryPlace) {
  SeededRandom random(kSeed);
  const std::string good = Folded(random.Take(100), 64);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string text = good;
    for (int octet = 0; octet < 256; ++octet) {
      text[at] = static_cast<char>(octet);
      ExpectSame(text);
    }
  }
}

TEST(Base64Body, WideAndPlainAgreeOnEveryCutAndOnManyChanges) {
  SeededRandom random(kSeed);
  const std::string good = Folded(random.Take(450), 64);
  for (size_t size = 0; size <= good.size(); ++size) ExpectSame(good.substr(0, size));
  for (int round = 0; round < 20000; ++round) {
    std::string text = good.substr(random.Below(40));
    for (uint64_t change = random.Below(3); change-- > 0;) {
      const size_t at = random.Below(text.size());
      switch (random.Below(3)) {
        case 0:
          text[at] = "\n \r\t=+/-_A"[random.Below(10)];
          break;
        case 1:
          text.erase(at, 1 + random.Below(3));
          break;
        default:
          text.insert(at, 1 + random.Below(5), "\n =A"[random.Below(4)]);
      }
    }
    ExpectSame(text);
  }
}

TEST(Base64Body, RefusesWhatIsNotStrict) {
  for (const std::string_view text : {"AAA", "AAA*", "A===", "AA=A", "AB==", "AAB=", "AA==AAAA", "AAAA=", "=AAA"}) {
    EXPECT_EQ(Decoded(DecodeBase64, text), std::nullopt) << text;
    const std::string behind = std::string(64, 'A') + std::string(text);
    EXPECT_EQ(Decoded(DecodeBase64, behind), std::nullopt) << behind;
  }
}

}  // namespace
}  // namespace smki::repository
