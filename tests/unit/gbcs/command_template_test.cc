#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "gbcs/credentials.h"
#include "tests/unit/gbcs/golden_cases.h"

namespace smki::gbcs {
namespace {

using ::testing::HasSubstr;

constexpr Eui64 kOriginator(0x90B3D51F300A0001);
constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();

CommandPayload GoldenPayload(const std::string& name) {
  for (const GoldenCase& golden : GoldenCases()) {
    if (golden.name == name) return std::get<CommandPayload>(golden.payload);
  }
  ADD_FAILURE() << "no golden message " << name;
  return {};
}
CommandPayload Recovery() {
  return GoldenPayload("recovery-command");
}

// Every group the signer may meet: each cell alone, all together, with and without each optional field.
std::vector<CommandPayload> GroupShapes() {
  std::vector<CommandPayload> out = {Recovery(), GoldenPayload("contingency-command"),
                                     GoldenPayload("recovery-command-wide-control"),
                                     GoldenPayload("recovery-command-wide-control-two-octet-lengths")};
  for (const Replacement& one : Recovery().replacements) {
    CommandPayload p = Recovery();
    p.replacements = {one};
    out.push_back(p);
    p.disapply_time_checks = false;
    out.push_back(p);
    p.new_floor.reset();
    out.push_back(p);
    p.other_changes.reset();
    out.push_back(p);
    p.new_specialist_floors.emplace(2, SpecialistSeqNumber{0, 300});
    out.push_back(p);
    p.path_certificates.clear();
    out.push_back(p);
  }
  return out;
}

// The same command from EncodeMessage, which the golden messages vouch for.
Bytes Expected(CommandPayload payload, Eui64 target, uint64_t counter) {
  payload.seq_number = counter;
  Message m;
  m.originator_counter = counter;
  m.originator = kOriginator;
  m.recipient = target;
  m.message_code = MessageCodeOf(payload.mode);
  m.payload = EncodeCommandPayload(payload);
  m.signature.emplace().fill(0xA5);
  return EncodeMessage(m);
}

std::string Refusal(const CommandPayload& payload, uint64_t first = 1, uint64_t last = 1) {
  const auto made = CommandTemplate::Make(kOriginator, payload, first, last);
  return made.ok() ? "" : smki::Message(made.status());
}

TEST(CommandTemplate, EncodesWhatEncodeMessageDoes_ForEveryShapeAndRange) {
  // From and to the edges of each DER length, the whole of one, and a single counter.
  const std::vector<std::pair<uint64_t, uint64_t>> ranges = {{0, 0x7F},
                                                             {0x80, 0x7FFF},
                                                             {0x8000, 0x7FFFFF},
                                                             {0x800000, 0x7FFFFFFF},
                                                             {0x80000000, 0x7FFFFFFFFF},
                                                             {7000, 7000},
                                                             {0x8000000000, 0x7FFFFFFFFFFF},
                                                             {0x800000000000, 0x7FFFFFFFFFFFFF},
                                                             {0x80000000000000, kMax}};
  Signature signature;
  signature.fill(0xA5);
  for (const CommandPayload& shape : GroupShapes()) {
    for (const auto& [first, last] : ranges) {
      const auto made = CommandTemplate::Make(kOriginator, shape, first, last);
      ASSERT_TRUE(made.ok()) << made.status();
      for (const uint64_t counter : {first, first + (last - first) / 2, last}) {
        for (const uint64_t target : {0x00DB1234567890A0ull, 0ull, ~0ull}) {
          Bytes command = made->Encode(Eui64(target), counter);
          EXPECT_EQ(command.size(), made->size());
          CommandTemplate::AppendSignature(command, signature);
          ASSERT_EQ(command, Expected(shape, Eui64(target), counter)) << first << " " << last << " " << counter;
        }
      }
    }
  }
}

TEST(CommandTemplate, TwoCommandsOfOneTemplateShareNothing) {
  const auto made = CommandTemplate::Make(kOriginator, Recovery(), 1000, 2000);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->Encode(Eui64(1), 1000), made->Encode(Eui64(1), 1000));
  const Bytes second = made->Encode(Eui64(2), 2000);
  EXPECT_EQ(made->Encode(Eui64(1), 1000),
            CommandTemplate::Make(kOriginator, Recovery(), 1000, 1000)->Encode(Eui64(1), 1000));
  EXPECT_NE(second, made->Encode(Eui64(1), 1000));
}

TEST(CommandTemplate, ToBeSignedIsWhatTheReaderOfTheMessageVerifies) {
  const auto made = CommandTemplate::Make(kOriginator, Recovery(), 1000, 2000);
  ASSERT_TRUE(made.ok());
  Bytes command = made->Encode(Eui64(1), 1500);
  const Bytes signed_octets = ToBytes(CommandTemplate::ToBeSigned(command));
  CommandTemplate::AppendSignature(command, Signature{});
  const auto message = ParseMessage(command);
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(SignedOctets(*message), signed_octets);
  EXPECT_EQ(ParseCommandPayload(message->payload)->seq_number, 1500u);
}

TEST(CommandTemplate, RefusesWhatIsNoRecoveryOrContingencyCommand) {
  CommandPayload p = Recovery();
  p.mode = Mode::kSupplierBySupplier;
  EXPECT_THAT(Refusal(p), HasSubstr("mode supplierBySupplier cannot be made here"));
  p = Recovery();
  p.plaintext_symmetric_key = Bytes(32, 1);
  EXPECT_THAT(Refusal(p), HasSubstr("must not carry a plaintextSymmetricKey"));
  p = GoldenPayload("contingency-command");
  p.plaintext_symmetric_key.reset();
  EXPECT_THAT(Refusal(p), HasSubstr("needs the plaintextSymmetricKey"));
  p = Recovery();
  p.authorising_cell.reset();
  EXPECT_THAT(Refusal(p), HasSubstr("authorising Trust Anchor Cell"));
  p = Recovery();
  p.replacements.clear();
  EXPECT_THAT(Refusal(p), HasSubstr("replaces nothing"));
}

TEST(CommandTemplate, I1_RefusesAnExecutionTime) {
  CommandPayload p = Recovery();
  p.execution_date_time = "20300115000000Z";
  EXPECT_THAT(Refusal(p), HasSubstr("leave out the execution time"));
}

TEST(CommandTemplate, RefusesRangesThatAreNone) {
  EXPECT_THAT(Refusal(Recovery(), 2, 1), HasSubstr("no range"));
  EXPECT_THAT(Refusal(Recovery(), 1, kMax + 1), HasSubstr("no range"));
  EXPECT_THAT(Refusal(Recovery(), 0x7F, 0x80), HasSubstr("take 1 and 2 octets"));
  EXPECT_THAT(Refusal(Recovery(), 0x7FFF, 0x8000), HasSubstr("take 2 and 3 octets"));
  EXPECT_THAT(Refusal(Recovery(), 0, kMax), HasSubstr("split it"));
}

TEST(CommandTemplate, RefusesWhatADeviceWouldNotReadAsMeant) {
  CommandPayload p = Recovery();
  p.replacements[0].certificate.pop_back();
  EXPECT_THAT(Refusal(p), HasSubstr("would not be readable"));
  p = Recovery();
  p.path_certificates.assign(4, p.path_certificates[0]);
  EXPECT_THAT(Refusal(p), HasSubstr("would not be readable"));
  p = Recovery();
  p.new_floor = kMax + 1;
  EXPECT_THAT(Refusal(p), HasSubstr("would not be readable"));
  // Two certificates in the place of one.
  p = Recovery();
  p.path_certificates = {p.path_certificates[0]};
  Append(p.path_certificates[0], p.path_certificates[0]);
  EXPECT_THAT(Refusal(p), HasSubstr("one whole DER SEQUENCE"));
}

TEST(CommandTemplate, RefusesACommandAboveTheLargestMessage) {
  CommandPayload p = Recovery();
  Bytes huge = *FromHex("3082FF00");
  huge.resize(4 + 0xFF00, 0);
  p.replacements = {{huge, p.replacements[0].cell}};
  EXPECT_THAT(Refusal(p), HasSubstr("at most 65536 are allowed"));
}

TEST(CommandTemplateDeathTest, ACounterOutsideTheRangeEndsTheProcess) {
  const auto made = CommandTemplate::Make(kOriginator, Recovery(), 1000, 2000);
  ASSERT_TRUE(made.ok());
  EXPECT_DEATH(made->Encode(Eui64(1), 999), "counter");
  EXPECT_DEATH(made->Encode(Eui64(1), 2001), "counter");
}

}  // namespace
}  // namespace smki::gbcs
