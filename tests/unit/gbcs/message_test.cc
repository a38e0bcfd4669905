#include "gbcs/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gbcs/golden_cases.h"

namespace smki::gbcs {
namespace {

using ::testing::HasSubstr;

Message Small() {
  Message m;
  m.originator_counter = 7000;
  m.originator = Eui64(0x90B3D51F30000001);
  m.recipient = Eui64(0x00DB1234567890A0);
  m.message_code = 0x0108;
  m.payload = {0x30, 0x00};
  m.signature = Signature{};
  return m;
}

std::string ErrorOf(ByteSpan octets) {
  const auto message = ParseMessage(octets);
  return message.ok() ? "" : smki::Message(message.status());
}

// Small() with one octet changed.
std::string ErrorWith(size_t at, uint8_t value) {
  Bytes octets = EncodeMessage(Small());
  octets[at] = value;
  return ErrorOf(octets);
}

TEST(Message, FieldsLieWhereTheStandardPutsThem) {
  EXPECT_EQ(ToHex(EncodeMessage(Small())).substr(0, 74),
            "df0901"
            "0000000000001b58"
            "0890b3d51f30000001"
            "0800db1234567890a0"
            "00"
            "020108"
            "023000"
            "40");
}

TEST(Message, SignatureCoversEverythingFromTheTransactionIdToThePayload) {
  Message m = Small();
  const Bytes whole = EncodeMessage(m);
  const Bytes expected(whole.begin() + 1, whole.end() - 65);
  EXPECT_EQ(SignedOctets(m), expected);
  // Neither signature nor MAC, nor the header of the MAC, belong to it.
  m.signature.reset();
  m.mac = Mac{};
  EXPECT_EQ(SignedOctets(m), expected);
}

TEST(Message, MacHeaderAnnouncesEverythingBehindItsLength) {
  Message m = Small();
  m.mac = Mac{};
  const Bytes whole = EncodeMessage(m);
  m.mac.reset();
  const size_t inner = EncodeMessage(m).size();
  // 5 octets of header, the message, 12 octets of MAC: 118 here, in one octet.
  EXPECT_EQ(ToHex(ByteSpan(whole).first(14)), fmt::format("dd000000000000{:02x}1100000000df", inner + 17));
  EXPECT_EQ(whole.size(), 13 + inner + 12);
}

TEST(Message, ContentLengthUsesTheShortestForm) {
  for (const auto& [size, form] : std::vector<std::pair<size_t, std::string>>{
           {0, "00"}, {127, "7f"}, {128, "8180"}, {255, "81ff"}, {256, "820100"}, {60000, "82ea60"}}) {
    Message m = Small();
    m.payload.assign(size, 0);
    const Bytes octets = EncodeMessage(m);
    EXPECT_EQ(ToHex(ByteSpan(octets).subspan(33, form.size() / 2)), form);
    const auto parsed = ParseMessage(octets);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, m);
  }
}

TEST(Message, MacHeaderLengthUsesTheShortestForm) {
  for (const size_t size : {0, 24, 25, 30, 140, 160, 1000}) {
    Message m = Small();
    m.mac = Mac{};
    m.payload.assign(size, 0);
    const auto parsed = ParseMessage(EncodeMessage(m));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, m);
  }
}

TEST(Message, LongerFormsOfALengthAreRefused) {
  Bytes octets = EncodeMessage(Small());
  octets.erase(octets.begin() + 33);
  for (const Bytes& length : {Bytes{0x81, 0x02}, Bytes{0x82, 0x00, 0x02}, Bytes{0x82, 0x00, 0xFF}}) {
    Bytes longer = octets;
    longer.insert(longer.begin() + 33, length.begin(), length.end());
    EXPECT_THAT(ErrorOf(longer), HasSubstr("at octet 33")) << ToHex(length);
    EXPECT_THAT(ErrorOf(longer), HasSubstr("shortest form")) << ToHex(length);
  }
  EXPECT_THAT(ErrorWith(33, 0x80), HasSubstr("begins with 80"));
  EXPECT_THAT(ErrorWith(33, 0x83), HasSubstr("at most two octets of length"));
}

TEST(Message, EachFieldOutOfBoundsIsNamedWithItsOctet) {
  EXPECT_THAT(ErrorWith(0, 0xDE), HasSubstr("at octet 0: the Grouping Header must have DF"));
  EXPECT_THAT(ErrorWith(1, 0x0A), HasSubstr("at octet 1: the Grouping Header must have 09"));
  EXPECT_THAT(ErrorWith(2, 0), HasSubstr("at octet 2: the CRA Flag must be 1, 2 or 3, found 0"));
  EXPECT_THAT(ErrorWith(2, 4), HasSubstr("found 4"));
  EXPECT_THAT(ErrorWith(11, 7), HasSubstr("at octet 11: the Business Originator ID"));
  EXPECT_THAT(ErrorWith(20, 9), HasSubstr("at octet 20: the Business Target ID"));
  EXPECT_THAT(ErrorWith(29, 11), HasSubstr("at octet 29: the date-time must have 0 or 12"));
  EXPECT_THAT(ErrorWith(30, 1), HasSubstr("at octet 30: the other-information"));
  EXPECT_THAT(ErrorWith(30, 3), HasSubstr("must have 2, 10, 18 or 26 octets"));
  EXPECT_THAT(ErrorWith(30, 34), HasSubstr("must have 2, 10, 18 or 26 octets"));
  EXPECT_THAT(ErrorWith(33, 0x7F), HasSubstr("at octet 34: the payload takes 127 octets, 67 are left"));
  EXPECT_THAT(ErrorWith(36, 0x3F), HasSubstr("at octet 36: the signature must have 0 or 64"));
}

TEST(Message, OctetsBehindTheMessageAreRefused) {
  Bytes octets = EncodeMessage(Small());
  octets.push_back(0);
  EXPECT_THAT(ErrorOf(octets), HasSubstr("at octet 101: 1 octets too many"));
}

TEST(Message, OctetsBetweenSignatureAndMacAreRefused) {
  Message m = Small();
  m.mac = Mac{};
  Bytes octets = EncodeMessage(m);
  octets.insert(octets.end() - 12, 0);
  ++octets[7];  // the MAC Header agrees
  EXPECT_THAT(ErrorOf(octets), HasSubstr("octets too many"));
}

TEST(Message, MacHeaderThatAnnouncesAnotherLengthIsRefused) {
  Message m = Small();
  m.mac = Mac{};
  Bytes octets = EncodeMessage(m);
  ++octets[7];
  EXPECT_THAT(ErrorOf(octets), HasSubstr("at octet 7: the MAC Header announces"));
}

TEST(Message, MacHeaderThatLeavesNoRoomForTheMacIsRefused) {
  Message m = Small();
  m.mac = Mac{};
  Bytes octets = EncodeMessage(m);
  // The Grouping Header up to its Message Code and nothing behind it; the MAC Header agrees.
  octets.resize(13 + 33 + 11);
  octets[7] = static_cast<uint8_t>(octets.size() - 8);
  EXPECT_THAT(ErrorOf(octets), HasSubstr("at octet 46: the MAC takes 12 octets, 11 are left"));
}

TEST(Message, MoreThanTheLargestMessageIsRefused) {
  Message m = Small();
  m.payload.assign(kMaxMessage, 0);
  EXPECT_THAT(ErrorOf(EncodeMessage(m)), HasSubstr("at most 65536"));
  m.payload.assign(kMaxMessage - 36 - 65, 0);
  EXPECT_EQ(EncodeMessage(m).size(), kMaxMessage);
  EXPECT_EQ(ErrorOf(EncodeMessage(m)), "");
}

TEST(MessageDeathTest, SizesThatNoHeaderHasEndTheProcess) {
  Message m = Small();
  m.date_time.assign(11, 0);
  EXPECT_DEATH(EncodeMessage(m), "date_time");
  m = Small();
  m.supplementary.assign(9, 0);
  EXPECT_DEATH(EncodeMessage(m), "supplementary");
  m.supplementary.assign(32, 0);
  EXPECT_DEATH(EncodeMessage(m), "supplementary");
}

}  // namespace
}  // namespace smki::gbcs
