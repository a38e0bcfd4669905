#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "gbcs/describe.h"
#include "tests/unit/gbcs/golden_cases.h"

namespace smki::gbcs {
namespace {

std::string InLines(ByteSpan octets) {
  const std::string digits = ToHex(octets);
  std::string out;
  for (size_t at = 0; at < digits.size(); at += 96) out += digits.substr(at, 96) + "\n";
  return out;
}

bool NamesItsOctet(const Status& status) {
  return smki::Message(status).find("at octet ") != std::string::npos;
}

// Whatever is in `octets`: it is read and written back the same, or refused with the octet where it went wrong. What
// is wrong otherwise; empty if nothing is.
std::string Fault(const GoldenCase& like, ByteSpan octets) {
  const StatusOr<Message> message = ParseMessage(octets);
  if (!message.ok()) return NamesItsOctet(message.status()) ? "" : "message: " + smki::Message(message.status());
  const Bytes again = EncodeMessage(*message);
  if (!std::equal(again.begin(), again.end(), octets.begin(), octets.end())) return "message changed";
  const StatusOr<AnyPayload> payload = ParseLike(like.payload, message->payload);
  if (!payload.ok()) return NamesItsOctet(payload.status()) ? "" : "payload: " + smki::Message(payload.status());
  return Encode(*payload) == message->payload ? "" : "payload changed";
}

TEST(Golden, EveryShapeEncodesToTheCommittedOctets) {
  for (const GoldenCase& golden : GoldenCases()) {
    const Bytes made = EncodeMessage(golden.message);
    const std::string path = "tests/unit/gbcs/golden/" + golden.name + ".hex";
    ASSERT_TRUE(std::filesystem::exists(path)) << path << " should hold\n" << InLines(made);
    EXPECT_EQ(InLines(made), InLines(ReadHexFile(path))) << golden.name;
  }
}

TEST(Golden, EveryCommittedMessageParsesToTheContentItWasMadeFrom) {
  for (const GoldenCase& golden : GoldenCases()) {
    const StatusOr<Message> message = ParseMessage(GoldenOctets(golden.name));
    ASSERT_TRUE(message.ok()) << golden.name << ": " << message.status();
    EXPECT_EQ(*message, golden.message) << golden.name;
    const StatusOr<AnyPayload> payload = ParseLike(golden.payload, message->payload);
    ASSERT_TRUE(payload.ok()) << golden.name << ": " << payload.status();
    EXPECT_EQ(*payload, golden.payload) << golden.name;
  }
}

TEST(Golden, NoCommittedMessageIsForgotten) {
  std::set<std::string> known;
  for (const GoldenCase& golden : GoldenCases()) known.insert(golden.name);
  for (const auto& entry : std::filesystem::directory_iterator("tests/unit/gbcs/golden")) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".hex" || name.rfind("certificate-", 0) == 0) continue;
    EXPECT_TRUE(known.count(name) == 1) << name;
  }
}

TEST(Golden, TheFuzzerStartsFromEveryShape) {
  for (const GoldenCase& golden : GoldenCases()) {
    std::ifstream seed("tests/fuzz/seeds/gbcs_fuzz/" + golden.name, std::ios::binary);
    const std::string octets(std::istreambuf_iterator<char>(seed), {});
    EXPECT_EQ(ToHex(AsBytes(octets)), ToHex(GoldenOctets(golden.name))) << golden.name;
  }
}

TEST(Golden, EveryPrefixIsRefusedWithItsOffset) {
  for (const GoldenCase& golden : GoldenCases()) {
    const Bytes whole = GoldenOctets(golden.name);
    for (size_t size = 0; size < whole.size(); ++size) {
      const ByteSpan prefix = ByteSpan(whole).first(size);
      EXPECT_FALSE(ParseMessage(prefix).ok()) << golden.name << " cut to " << size;
      EXPECT_EQ(Fault(golden, prefix), "") << golden.name << " cut to " << size;
    }
  }
}

TEST(Golden, EveryPrefixOfEveryPayloadIsRefusedWithItsOffset) {
  for (const GoldenCase& golden : GoldenCases()) {
    const ByteSpan whole = golden.message.payload;
    for (size_t size = 0; size < whole.size(); ++size) {
      const StatusOr<AnyPayload> payload = ParseLike(golden.payload, whole.first(size));
      ASSERT_FALSE(payload.ok()) << golden.name << " cut to " << size;
      EXPECT_TRUE(NamesItsOctet(payload.status())) << payload.status();
    }
  }
}

TEST(Golden, EverySingleOctetChangeIsReadExactlyOrRefusedWithItsOffset) {
  for (const GoldenCase& golden : GoldenCases()) {
    Bytes octets = GoldenOctets(golden.name);
    for (size_t at = 0; at < octets.size(); ++at) {
      const uint8_t original = octets[at];
      // Every value where structure is dense; every bit where most octets are certificate.
      const bool small = octets.size() < 260;
      for (int change = 1; change < 256; change = small ? change + 1 : change * 2) {
        octets[at] = static_cast<uint8_t>(original ^ change);
        const std::string fault = Fault(golden, octets);
        ASSERT_EQ(fault, "") << golden.name << " octet " << at << " changed by " << change;
      }
      octets[at] = original;
    }
  }
}

TEST(Golden, EveryDamagedMessageIsStillDescribed) {
  for (const GoldenCase& golden : GoldenCases()) {
    Bytes octets = GoldenOctets(golden.name);
    for (size_t at = 0; at < octets.size(); ++at) {
      octets[at] ^= 0x80;
      const StatusOr<Described> described = Describe(octets);
      EXPECT_TRUE(!described.ok() || !ToText(*described).empty());
      octets[at] ^= 0x80;
    }
  }
}

}  // namespace
}  // namespace smki::gbcs
