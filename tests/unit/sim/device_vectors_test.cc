// The simulated Device against a real recovery command and a real Device's response to it (GBCS.md 3.1, 3.2).
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "pki/digest.h"
#include "sim/fleet/device.h"
#include "tests/unit/sim/small_pki.h"

namespace smki::sim {
namespace {

constexpr char kCommand[] = "CS02bAnyExceptAbnormalRootByRecovery_NA_SUCCESS_COMMAND_GBCS.HEX";
constexpr char kCommandSha256[] = "31d4fdb7153e61d59610aaa4c0b8818e307a4933bee2f8246d8c6215d85512e5";
constexpr char kResponse[] = "CS02bAnyExceptAbnormalRootByRecovery_NA_SUCCESS_RESPONSE_GBCS.HEX";
constexpr char kResponseSha256[] = "a9fef01adef819d579098b8077c2051ccb58523102d59e35f971b76a9a6db251";
// Root "ZA" of the test PKI, recovered from its signatures (GBCS.md 6.4).
constexpr char kRootPoint[] =
    "040691e68b45c57e2ec7974ef6d1360a50da01576e0ee0b3b4c67f64127120e63f31771cc9dcbd5ae007d0c6170951d7035bcefc8b1f81805e"
    "0fd0f7a555dcca78";

// Empty if the vectors are not on this machine.
Bytes ReadVector(const std::string& name, const std::string& sha256) {
  const char* folder = std::getenv("SMKI_VECTORS");
  auto file = PosixFiles().Read(std::string(folder != nullptr ? folder : "../shared/vectors") + "/" + name, 1 << 20);
  if (!file.ok()) return {};
  EXPECT_EQ(ToHex(pki::Sha256(*file)), sha256) << name << " is not the file it should be";
  std::string text = ToString(*file);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return FromHex(text).value_or(Bytes());
}

TEST(DeviceVectors, AcceptsTheRealRecoveryCommandAndAnswersWithTheRealOutcomes) {
  const Bytes command_octets = ReadVector(kCommand, kCommandSha256);
  const Bytes response_octets = ReadVector(kResponse, kResponseSha256);
  if (command_octets.empty() || response_octets.empty())
    GTEST_SKIP() << "no reference messages: " << kCommand << ", " << kResponse;

  const gbcs::Message command = Must(gbcs::ParseMessage(command_octets));
  const gbcs::CommandPayload payload = Must(gbcs::ParseCommandPayload(command.payload));
  DeviceState state;
  state.eui = command.recipient;
  state.type = "ESME";
  state.cells[*gbcs::TrustAnchorCell::Parse("root/keyCertSign")] =
      Anchor::FromKey(Must(pki::PublicKey::FromPoint(*FromHex(kRootPoint))));
  // The reference set sends again the certificates that the Device already holds (GBCS.md 3.1).
  CertificateMemo memo;
  for (const gbcs::Replacement& one : payload.replacements) state.cells[one.cell] = memo.Parse(one.certificate);
  ASSERT_EQ(state.cells.size(), 9u);

  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  const Processed processed = Must(ProcessCommand(state, command_octets, kTestNow, key, memo));
  ASSERT_FALSE(processed.discard) << processed.detail;

  const gbcs::Message real = Must(gbcs::ParseMessage(response_octets));
  gbcs::Message ours = Must(gbcs::ParseMessage(processed.response));
  EXPECT_EQ(ToHex(ours.payload), ToHex(real.payload));
  // All else but the time and the signature is the same too.
  ours.date_time = real.date_time;
  ours.signature = real.signature;
  EXPECT_EQ(ours, real);
}

TEST(DeviceVectors, DiscardsTheRealCommandWithOneBitChanged) {
  Bytes command_octets = ReadVector(kCommand, kCommandSha256);
  if (command_octets.empty()) GTEST_SKIP() << "no reference message: " << kCommand;
  const gbcs::CommandPayload payload =
      Must(gbcs::ParseCommandPayload(Must(gbcs::ParseMessage(command_octets)).payload));
  CertificateMemo memo;
  DeviceState state;
  state.eui = Eui64(0x00DB1234567890A0);
  for (const gbcs::Replacement& one : payload.replacements) state.cells[one.cell] = memo.Parse(one.certificate);
  command_octets[command_octets.size() - 100] ^= 1;
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  EXPECT_EQ(Must(ProcessCommand(state, command_octets, kTestNow, key, memo)).discard, Discard::kBadSignature);
}

}  // namespace
}  // namespace smki::sim
