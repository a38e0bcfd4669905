#include "base/der.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smki {
namespace {

using testing::HasSubstr;

Bytes Hex(std::string_view text) {
  return *FromHex(text);
}

TEST(DerReaderTest, WalksValuesAndKeepsOffsetsOfTheOutermostInput) {
  Bytes data = Hex("0500");
  Append(data, Hex("3008"
                   "020105"
                   "0403abcdef"));
  DerReader outer(data);
  EXPECT_EQ(outer.PeekTag(), der::kNull);
  ASSERT_TRUE(outer.Next().ok());
  const DerValue sequence = *outer.Expect(der::kSequence, "sequence");
  EXPECT_EQ(sequence.offset, 2u);
  EXPECT_TRUE(outer.at_end());
  EXPECT_EQ(outer.PeekTag(), 0);
  DerReader inner(sequence);
  EXPECT_EQ(inner.offset(), 4u);
  EXPECT_EQ(*inner.Unsigned("number"), 5u);
  const DerValue octets = *inner.Expect(der::kOctetString, "octets");
  EXPECT_EQ(octets.offset, 7u);
  EXPECT_EQ(ToHex(octets.content), "abcdef");
  EXPECT_EQ(ToHex(octets.whole), "0403abcdef");
  EXPECT_TRUE(inner.Finish("sequence").ok());
}

TEST(DerReaderTest, RefusesWhatIsNotDerAndSaysWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "octet 0: a value must have a tag and a length"},
      {"04", "a tag and a length"},
      {"1f0100", "more than one octet"},
      {"048000000000", "indefinite length"},
      {"04850000000001aa", "more than four octets"},
      {"0482", "inside the length"},
      {"048201", "inside the length"},
      {"04817f", "not minimal"},
      {"04820080", "not minimal"},
      {"0483000100", "not minimal"},
      {"0402aa", "beyond the end"},
      {"0484ffffffff", "beyond the end"},
  };
  for (const auto& [hex, why] : cases) {
    const Bytes in = Hex(hex);
    DerReader reader(in);
    const auto value = reader.Next();
    ASSERT_FALSE(value.ok()) << hex;
    EXPECT_THAT(Message(value.status()), HasSubstr(why)) << hex;
    EXPECT_EQ(reader.offset(), 0u) << "an error does not move the reader";
  }
}

TEST(DerReaderTest, ReadsEveryFormOfLength) {
  for (const size_t size : {0u, 1u, 127u, 128u, 255u, 256u, 65535u, 65536u}) {
    DerWriter writer;
    writer.Value(der::kOctetString, Bytes(size, 7));
    DerReader reader(writer.bytes());
    const auto value = reader.Next();
    ASSERT_TRUE(value.ok()) << size;
    EXPECT_EQ(value->content.size(), size);
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(DerReaderTest, ExpectNamesWhatIsMissingOrOther) {
  const Bytes in = Hex("0500");
  DerReader reader(in);
  EXPECT_THAT(Message(reader.Expect(der::kInteger, "the counter").status()),
              HasSubstr("octet 0: the counter must have tag 02, found 05"));
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_THAT(Message(reader.Expect(der::kInteger, "the counter").status()),
              HasSubstr("octet 2: the counter (tag 02) is missing"));
}

TEST(DerReaderTest, OptionalTakesOnlyItsTag) {
  const Bytes in =
      Hex("0500"
          "048000");
  DerReader reader(in);
  EXPECT_FALSE((*reader.Optional(der::kInteger)).has_value());
  EXPECT_TRUE((*reader.Optional(der::kNull)).has_value());
  EXPECT_FALSE(reader.Optional(der::kOctetString).ok()) << "a malformed value is an error, not absent";
}

TEST(DerReaderTest, FinishCountsWhatIsLeft) {
  const Bytes in = Hex("05000500");
  DerReader reader(in);
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_THAT(Message(reader.Finish("the list")), HasSubstr("octet 2: 2 octets too many after the list"));
}

TEST(DerUnsignedTest, GoesThereAndBack) {
  const std::pair<uint64_t, const char*> cases[] = {
      {0, "020100"},     {1, "020101"},     {127, "02017f"},       {128, "02020080"},
      {255, "020200ff"}, {256, "02020100"}, {32768, "0203008000"}, {INT64_MAX, "02087fffffffffffffff"}};
  for (const auto& [number, hex] : cases) {
    DerWriter writer;
    writer.Unsigned(number);
    EXPECT_EQ(ToHex(writer.bytes()), hex);
    DerReader reader(writer.bytes());
    EXPECT_EQ(*reader.Unsigned("n"), number);
  }
  DerWriter tagged;
  tagged.Unsigned(7000, der::Context(3, false));
  EXPECT_EQ(ToHex(tagged.bytes()), "83021b58");
}

TEST(DerUnsignedTest, RefusesNegativeLongAndPaddedNumbers) {
  const std::pair<const char*, const char*> cases[] = {{"0200", "empty"},
                                                       {"020180", "negative"},
                                                       {"0208ffffffffffffffff", "negative"},
                                                       {"02020001", "not the shortest"},
                                                       {"02020000", "not the shortest"},
                                                       {"0209008000000000000000", "larger than 2^63-1"},
                                                       {"0209010000000000000000", "larger than 2^63-1"}};
  for (const auto& [hex, why] : cases) {
    const Bytes in = Hex(hex);
    DerReader reader(in);
    EXPECT_THAT(Message(reader.Unsigned("n").status()), HasSubstr(why)) << hex;
  }
}

TEST(DerOidTest, GoesThereAndBack) {
  const std::pair<const char*, const char*> cases[] = {
      {"1.2.840.10045.4.3.2", "06082a8648ce3d040302"},
      {"2.5.29.15", "0603551d0f"},
      {"2.999.3", "0603883703"},
      {"0.39", "060127"},
      {"1.2.826.0.1.8641679.1.2.1.4", "060d2a863a0001848fb90f01020104"}};
  for (const auto& [text, hex] : cases) {
    DerWriter writer;
    writer.Oid(text);
    EXPECT_EQ(ToHex(writer.bytes()), hex);
    EXPECT_EQ(OidText(ByteSpan(writer.bytes()).subspan(2)), text);
  }
}

TEST(DerOidTest, NoMalformedIdentifierLooksLikeAGoodOne) {
  for (const char* hex : {"", "80", "2a80", "2a8003", "8027", "2affffffffffffffffff7f"}) {
    EXPECT_EQ(OidText(Hex(hex)), "(malformed object identifier)") << hex;
  }
}

TEST(DerOidTest, TextThatIsNoIdentifierEndsTheProcess) {
  EXPECT_DEATH(DerWriter().Oid("1.2.x"), "must hold");
  EXPECT_DEATH(DerWriter().Oid("1"), "must hold");
}

}  // namespace
}  // namespace smki
