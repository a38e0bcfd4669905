#include "base/bytes.h"

#include <gtest/gtest.h>

namespace smki {
namespace {

TEST(HexTest, GoesThereAndBack) {
  const Bytes bytes{0x00, 0x0F, 0xA0, 0xFF};
  EXPECT_EQ(ToHex(bytes), "000fa0ff");
  EXPECT_EQ(FromHex("000fA0Ff"), bytes);
  EXPECT_EQ(FromHex(""), Bytes());
}

TEST(HexTest, RefusesOddLengthsAndOtherCharacters) {
  for (const char* text : {"0", "000", "0g", "g0", " 00", "0x00", "00:11", "@0", "`0", "/0", ":0"}) {
    EXPECT_EQ(FromHex(text), std::nullopt) << text;
  }
}

TEST(HexTest, ADigestHasExactly64Digits) {
  const std::string digits(64, 'a');
  ASSERT_TRUE(DigestFromHex(digits).has_value());
  EXPECT_EQ(ToHex(*DigestFromHex(digits)), digits);
  EXPECT_EQ(DigestFromHex(digits.substr(2)), std::nullopt);
  EXPECT_EQ(DigestFromHex(digits + "aa"), std::nullopt);
  EXPECT_EQ(DigestFromHex(std::string(64, 'x')), std::nullopt);
}

// RFC 4648 section 10.
TEST(Base64Test, MatchesRfc4648) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : cases) {
    EXPECT_EQ(ToBase64(AsBytes(plain)), text);
    EXPECT_EQ(FromBase64(text), ToBytes(AsBytes(plain)));
  }
  EXPECT_EQ(FromBase64("+/+/"), (Bytes{0xFB, 0xFF, 0xBF}));
}

TEST(Base64Test, SkipsWhiteSpaceOfFoldedBodies) {
  EXPECT_EQ(FromBase64(" Zm9v\r\n\tYg = =\n"), ToBytes(AsBytes("foob")));
}

TEST(Base64Test, RefusesWhatIsNotStrict) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "Zm9vY", "=", "==", "====", "Zm9v=", "Zg==Zg==", "Zg=g", "Zm-_", "Zm9v*", "Z=g=",
        "Zh==",  // bits left over that are not zero
        "Zm9="}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

TEST(ConstantTimeEqualTest, ComparesContentsAndLengths) {
  const Bytes a{1, 2, 3};
  EXPECT_TRUE(ConstantTimeEqual(a, Bytes{1, 2, 3}));
  EXPECT_TRUE(ConstantTimeEqual({}, {}));
  EXPECT_FALSE(ConstantTimeEqual(a, Bytes{1, 2, 4}));
  EXPECT_FALSE(ConstantTimeEqual(a, Bytes{0, 2, 3}));
  EXPECT_FALSE(ConstantTimeEqual(a, Bytes{1, 2}));
}

TEST(SecretTest, MovingLeavesNothingBehind) {
  Secret a(Bytes{1, 2, 3});
  Secret b(std::move(a));
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is the point
  EXPECT_EQ(ToHex(b.span()), "010203");
  Secret c(Bytes{9});
  c = std::move(b);
  EXPECT_EQ(ToHex(c.span()), "010203");
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(SecretTest, AssigningOverASecretZeroesTheOldOne) {
  Bytes old{1, 2, 3};
  old.reserve(64);
  Secret a(std::move(old));
  const ByteSpan where = a.span();
  Secret& same = a;
  a = std::move(same);  // to itself: nothing is lost
  EXPECT_EQ(ToHex(where), "010203");
}

TEST(ZeroiseTest, OverwritesBytesAndText) {
  Bytes bytes{1, 2, 3};
  Zeroise(bytes);
  EXPECT_EQ(bytes, Bytes(3));
  std::string text = "pin";
  Zeroise(text);
  EXPECT_EQ(text, std::string(3, '\0'));
}

}  // namespace
}  // namespace smki
