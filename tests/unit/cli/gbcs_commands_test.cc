// smkictl gbcs decode, as people and scripts meet it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "gbcs/message.h"
#include "terminal.h"

namespace smki::cli {
namespace {

using ::testing::HasSubstr;

// A command with a signature, in hexadecimal.
std::string CommandHex() {
  gbcs::Message message;
  message.cra = gbcs::Cra::kCommand;
  message.originator_counter = 1;
  message.originator = Eui64(0x90B3D51F30000001);
  message.recipient = Eui64(0x00DB123456000001);
  message.message_code = 0x0008;
  // CS02a: of the recovery role, all that it holds.
  message.payload = {0x30, 0x0E, 0x30, 0x07, 0x02, 0x01, 0x01, 0x03, 0x02, 0x07, 0x80, 0x30, 0x03, 0x02, 0x01, 0x02};
  message.signature.emplace();
  message.signature->fill(7);
  return ToHex(gbcs::EncodeMessage(message));
}

TEST(GbcsDecode, AWholeMessageIsSuccess) {
  const test::Answer answer = test::Smkictl({"gbcs", "decode", CommandHex()});
  EXPECT_EQ(answer.code, 0) << answer.out << answer.err;
}

TEST(GbcsDecode, AMessageCutAnywhereIsAFailureThatSaysWhatIsMissing) {
  const std::string whole = CommandHex();
  for (size_t octets = 1; 2 * octets < whole.size(); ++octets) {
    const test::Answer answer = test::Smkictl({"gbcs", "decode", whole.substr(0, 2 * octets)});
    EXPECT_EQ(answer.code, 1) << octets << " octets\n" << answer.out;
    EXPECT_THAT(answer.err, HasSubstr("at octet")) << octets << " octets";
  }
}

TEST(GbcsDecode, APayloadThatIsNotWhatTheHeaderSaysIsAFailure) {
  std::string hex = CommandHex();
  const size_t role = hex.find("020101030207");
  ASSERT_NE(role, std::string::npos);
  hex[role + 1] = '4';  // no INTEGER
  const test::Answer answer = test::Smkictl({"gbcs", "decode", hex});
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_THAT(answer.err, HasSubstr("at octet"));
}

TEST(GbcsDecode, WhatWasReadIsStillShown) {
  const std::string whole = CommandHex();
  const test::Answer answer = test::Smkictl({"gbcs", "decode", whole.substr(0, whole.size() - 20)});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, HasSubstr("Grouping Header"));
  EXPECT_THAT(answer.err, HasSubstr("the message is not whole"));
}

TEST(GbcsDecode, AWrongDigitIsShownAtItsPlaceAndNotTheWholeInput) {
  std::string hex(2000, 'a');
  hex[1500] = 'x';
  const test::Answer answer = test::Smkictl({"gbcs", "decode", hex});
  EXPECT_EQ(answer.code, 1);
  EXPECT_LT(answer.err.size(), 300u) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("character 1501 is"));
  EXPECT_THAT(answer.err, HasSubstr("ax"));
}

TEST(GbcsDecode, AnOddNumberOfDigitsIsSaid) {
  const test::Answer answer = test::Smkictl({"gbcs", "decode", std::string(2001, 'a')});
  EXPECT_EQ(answer.code, 1);
  EXPECT_LT(answer.err.size(), 300u) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("hexadecimal needs two"));
}

}  // namespace
}  // namespace smki::cli
