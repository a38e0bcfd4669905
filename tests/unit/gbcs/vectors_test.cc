// Real, signed messages of the public Reference Test Data Set. They are not in the repository; $SMKI_VECTORS or
// ../shared/vectors has them, and vectors.sha256 says which they are.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "gbcs/credentials.h"
#include "gbcs/describe.h"
#include "gbcs/message.h"
#include "gbcs/message_mac.h"
#include "pki/certificate.h"
#include "pki/digest.h"
#include "pki/message_mac.h"
#include "tests/unit/gbcs/golden_cases.h"

namespace smki::gbcs {
namespace {

constexpr char kRecoveryCommand[] = "CS02bAnyExceptAbnormalRootByRecovery_NA_SUCCESS_COMMAND_GBCS.HEX";
constexpr char kRecoveryResponse[] = "CS02bAnyExceptAbnormalRootByRecovery_NA_SUCCESS_RESPONSE_GBCS.HEX";
constexpr char kOperatorCommand[] = "CS02bNOByNO_6.15.1_SUCCESS_COMMAND_GBCS.HEX";
constexpr char kOperatorResponse[] = "CS02bNOByNO_6.15.1_SUCCESS_RESPONSE_GBCS.HEX";
constexpr char kErrorResponse[] = "CS02bSupplierBySupplier_6.15.1_IMMEDIATE_ERROR_RESPONSE_GBCS.HEX";

std::string Folder() {
  const char* folder = std::getenv("SMKI_VECTORS");
  return folder != nullptr && *folder != 0 ? folder : "../shared/vectors";
}

std::map<std::string, std::string> Digests() {
  std::map<std::string, std::string> out;
  std::ifstream list("tests/unit/gbcs/vectors.sha256");
  for (std::string digest, name; list >> digest >> name;) out[name] = digest;
  return out;
}

std::string ReadChecked(const std::string& name) {
  std::ifstream file(Folder() + "/" + name, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  const auto digests = Digests();
  EXPECT_EQ(digests.count(name), 1u) << name << " is not in vectors.sha256";
  EXPECT_EQ(ToHex(pki::Sha256(text)), digests.at(name))
      << Folder() << "/" << name << " is not the file this test was written for";
  return text;
}

bool Absent(const std::string& name) {
  return !std::filesystem::exists(Folder() + "/" + name);
}
#define SKIP_IF_ABSENT(name) \
  if (Absent(name))          \
  GTEST_SKIP() << Folder() << "/" << (name) << " is absent; set SMKI_VECTORS to the folder that has it"

Bytes Octets(const std::string& name) {
  return *FromHex(ReadChecked(name));
}

struct Vector {
  const char* file;
  const char* signer;  // whose digitalSignature certificate verifies it
};
class RealMessage : public testing::TestWithParam<Vector> {};

TEST_P(RealMessage, ParsesAndReencodesToIdenticalOctets) {
  SKIP_IF_ABSENT(GetParam().file);
  const Bytes octets = Octets(GetParam().file);
  const auto message = ParseMessage(octets);
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(EncodeMessage(*message), octets);
}

TEST_P(RealMessage, PayloadParsesAndReencodesToIdenticalOctets) {
  SKIP_IF_ABSENT(GetParam().file);
  const auto message = ParseMessage(Octets(GetParam().file));
  ASSERT_TRUE(message.ok()) << message.status();
  const AnyPayload kind = message->cra == Cra::kCommand ? AnyPayload(CommandPayload()) : AnyPayload(ResponsePayload());
  const auto payload = ParseLike(kind, message->payload);
  ASSERT_TRUE(payload.ok()) << payload.status();
  EXPECT_EQ(ToHex(Encode(*payload)), ToHex(message->payload));
}

TEST_P(RealMessage, SignatureVerifies) {
  SKIP_IF_ABSENT(GetParam().file);
  const std::string certificate_file = std::string("certificates/") + GetParam().signer + "-ds.pem";
  SKIP_IF_ABSENT(certificate_file);
  const auto message = ParseMessage(Octets(GetParam().file));
  ASSERT_TRUE(message.ok()) << message.status();
  const auto certificate = pki::Certificate::FromPem(ReadChecked(certificate_file));
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  ASSERT_TRUE(message->signature);
  EXPECT_TRUE(certificate->public_key->Verify(SignedOctets(*message), *message->signature));
  EXPECT_EQ(ToHex(message->originator.bytes()), GetParam().signer);

  Message changed = *message;
  ++changed.originator_counter;
  EXPECT_FALSE(certificate->public_key->Verify(SignedOctets(changed), *message->signature));
}

TEST_P(RealMessage, IsDescribedInWords) {
  SKIP_IF_ABSENT(GetParam().file);
  const auto described = Describe(Octets(GetParam().file));
  ASSERT_TRUE(described.ok()) << described.status();
  const std::string text = ToText(*described);
  EXPECT_EQ(text.find("not understood"), std::string::npos) << text;
  EXPECT_EQ(text.find("unknown ("), std::string::npos) << text;
  EXPECT_EQ(text.find("not a readable certificate"), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(Vectors, RealMessage,
                         testing::Values(Vector{kRecoveryCommand, "90b3d51f30000001"},
                                         Vector{kRecoveryResponse, "00db1234567890a0"},
                                         Vector{kOperatorCommand, "90b3d51f30020000"},
                                         Vector{kOperatorResponse, "00db1234567890a0"},
                                         Vector{kErrorResponse, "00db1234567890a0"}),
                         [](const auto& info) {
                           std::string name = info.param.file;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST(RealRecoveryCommand, HoldsWhatTheFactsSay) {
  SKIP_IF_ABSENT(kRecoveryCommand);
  const auto message = ParseMessage(Octets(kRecoveryCommand));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->cra, Cra::kCommand);
  EXPECT_EQ(message->originator_counter, 7000u);
  EXPECT_EQ(message->message_code, kAnyExceptAbnormalRootByRecoveryCode);
  EXPECT_FALSE(message->mac);
  const auto p = ParseCommandPayload(message->payload);
  ASSERT_TRUE(p.ok()) << p.status();
  EXPECT_EQ(p->mode, Mode::kAnyExceptAbnormalRootByRecovery);
  EXPECT_TRUE(p->disapply_time_checks);
  EXPECT_EQ(p->authorising_cell->ToString(), "recovery/digitalSignature");
  EXPECT_EQ(p->seq_number, message->originator_counter);
  EXPECT_EQ(p->new_floor, 0u);
  const std::vector<SeqNumberChange> changes = {{Role::kSupplier, 0, {{0, 0}}},
                                                {Role::kNetworkOperator, 0, {}},
                                                {Role::kAccessControlBroker, 0, {}},
                                                {Role::kTransitionalCos, 0, {}}};
  EXPECT_EQ(p->other_changes, changes);
  std::vector<std::string> cells;
  for (const Replacement& one : p->replacements) cells.push_back(one.cell.ToString());
  EXPECT_EQ(cells, (std::vector<std::string>{"recovery/digitalSignature", "supplier/digitalSignature",
                                             "supplier/keyAgreement", "supplier/keyAgreement/prePaymentTopUp",
                                             "networkOperator/digitalSignature", "networkOperator/keyAgreement",
                                             "accessControlBroker/keyAgreement", "transitionalCoS/digitalSignature"}));
  ASSERT_EQ(p->path_certificates.size(), 1u);
  EXPECT_EQ(p->path_certificates[0].size(), 420u);
  EXPECT_FALSE(p->execution_date_time);
}

TEST(RealRecoveryCommand, ComesOutOfATemplateToo) {
  SKIP_IF_ABSENT(kRecoveryCommand);
  const Bytes octets = Octets(kRecoveryCommand);
  const auto message = ParseMessage(octets);
  ASSERT_TRUE(message.ok());
  const auto made = CommandTemplate::Make(message->originator, *ParseCommandPayload(message->payload), 7000, 8000);
  ASSERT_TRUE(made.ok()) << made.status();
  Bytes command = made->Encode(message->recipient, 7000);
  CommandTemplate::AppendSignature(command, *message->signature);
  EXPECT_EQ(command, octets);
}

TEST(RealErrorResponse, TellsWhichCellFailedAndWhatItStillHolds) {
  SKIP_IF_ABSENT(kErrorResponse);
  const auto message = ParseMessage(Octets(kErrorResponse));
  ASSERT_TRUE(message.ok());
  const auto p = ParseResponsePayload(message->payload);
  ASSERT_TRUE(p.ok()) << p.status();
  // Its lengths of 165 to 202 octets are written in two octets.
  EXPECT_EQ(p->lengths, DerLengths::kTwoOctets);
  ASSERT_EQ(p->outcome->outcomes.size(), 3u);
  const ReplacementOutcome& failed = p->outcome->outcomes[1];
  EXPECT_EQ(failed.cell.ToString(), "supplier/keyAgreement");
  EXPECT_EQ(failed.status, StatusCode::kNoTrustAnchor);
  EXPECT_EQ(failed.existing_ski, failed.replacing_ski);
  EXPECT_EQ(p->outcome->outcomes[0].status, StatusCode::kSuccess);
  EXPECT_NE(p->outcome->outcomes[0].existing_ski, p->outcome->outcomes[0].replacing_ski);
}

// GBCS.md 2.4, on a real message: what the test PKI's Access Control Broker and the Device agree on gives its MAC.
TEST(RealMac, IsTheGmacOfWhatIsBetweenMacHeaderAndMac) {
  SKIP_IF_ABSENT(kOperatorCommand);
  constexpr char kAgreed[] = "ed342441df01551a6beaff3b54adc981f4c6a7e71dff4c3e1cc80b3c9f4e5ac0";
  const Bytes octets = Octets(kOperatorCommand);
  const auto message = ParseMessage(octets);
  ASSERT_TRUE(message.ok()) << message.status();
  ASSERT_TRUE(message->mac);
  EXPECT_EQ(ToHex(*message->mac), ToHex(ByteSpan(octets).last(message->mac->size()))) << "the last 12 octets";
  const MacInputs inputs = MacInputsOf(*message);
  EXPECT_EQ(ToHex(inputs.other_info), "6085740608030090b3d51f30020000090100000000000004b000db1234567890a0");
  EXPECT_EQ(ToHex(inputs.iv), "90b3d51f3002000000000000");
  EXPECT_EQ(inputs.authenticated.size(), octets.size() - 15 - 12 + 6) << "11 00000000 00 stands for the MAC Header";
  const Secret key = pki::DeriveMacKey(Secret(*FromHex(kAgreed)), inputs.other_info);
  EXPECT_EQ(pki::Gmac(key, inputs.iv, inputs.authenticated), *message->mac);
}

}  // namespace
}  // namespace smki::gbcs
