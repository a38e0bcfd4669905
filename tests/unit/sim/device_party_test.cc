// A party's own commands: modes 2 and 3, with its signature and the Access Control Broker's MAC
// (GBCS.md 2.1, 2.4, 4.5).
#include <gmock/gmock.h>

#include "sim/fleet/device.h"
#include "sim/fleet/message_mac.h"
#include "tests/unit/sim/small_pki.h"

namespace smki::sim {
namespace {

using gbcs::KeyUsage;
using gbcs::Role;
using gbcs::TrustAnchorCell;

constexpr Eui64 kDeviceEui(0x00DB1234567890A0), kSupplierEui(0x90B3D51F30010000), kAcbEui(0x90B3D51F30000002),
    kOperatorEui(0x90B3D51F30020000);

TrustAnchorCell CellOf(const char* text) {
  return *TrustAnchorCell::Parse(text);
}

class PartyCommand : public testing::Test {
 protected:
  PartyCommand() {
    state.eui = kDeviceEui;
    Hold("root/keyCertSign", pki.root);
    Hold("supplier/digitalSignature",
         pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature, supplier.public_key()));
    Hold("networkOperator/digitalSignature",
         pki.Organisation(Role::kNetworkOperator, kOperatorEui, KeyUsage::kDigitalSignature, network.public_key()));
    Hold("accessControlBroker/keyAgreement",
         pki.Organisation(Role::kAccessControlBroker, kAcbEui, KeyUsage::kKeyAgreement, broker.public_key()));
    state.counters[Role::kSupplier].seq_number = 100;
    payload.mode = gbcs::Mode::kSupplierBySupplier;
    payload.authorising_cell = CellOf("supplier/digitalSignature");
    payload.seq_number = 101;
    payload.path_certificates = {pki.issuing.der()};
    Offer(Role::kSupplier, kSupplierEui, "supplier/digitalSignature");
    message.originator = kSupplierEui;
    message.recipient = kDeviceEui;
  }

  void Hold(const char* cell, const pki::Certificate& certificate) {
    state.cells[CellOf(cell)] = Anchor::FromCertificate(certificate);
  }
  void Offer(Role role, Eui64 eui, const char* cell) {
    payload.replacements = {{pki.Organisation(role, eui, CellOf(cell).key_usage).der(), CellOf(cell)}};
  }
  // Signed by `signer`, with the broker's MAC over all of it.
  gbcs::Message Made(pki::PrivateKey& signer) {
    message.originator_counter = payload.seq_number;
    message.message_code = gbcs::MessageCodeOf(payload.mode);
    message.payload = gbcs::EncodeCommandPayload(payload);
    message.signature = Must(signer.Sign(gbcs::SignedOctets(message)));
    message.mac = MacOf(message, broker, agreement.public_key());
    return message;
  }
  Processed Process(const gbcs::Message& made) {
    return Must(
        ProcessCommand(state, gbcs::EncodeMessage(made), kTestNow, {device, agreement.ToScalar().span()}, memo));
  }

  SmallPki pki;
  pki::PrivateKey supplier = Must(pki::PrivateKey::Generate()), network = Must(pki::PrivateKey::Generate()),
                  broker = Must(pki::PrivateKey::Generate()), device = Must(pki::PrivateKey::Generate()),
                  agreement = Must(pki::PrivateKey::Generate());
  CertificateMemo memo;
  DeviceState state;
  gbcs::CommandPayload payload;
  gbcs::Message message;
};

TEST_F(PartyCommand, ASupplierReplacesItsOwnCellAndItsCounterMoves) {
  const Processed processed = Process(Made(supplier));
  ASSERT_FALSE(processed.discard) << processed.detail;
  ASSERT_EQ(processed.outcome.outcomes.size(), 1u);
  EXPECT_EQ(processed.outcome.outcomes[0].status, gbcs::StatusCode::kSuccess);
  EXPECT_EQ(processed.state.counters.at(Role::kSupplier).seq_number, 101u);
  const gbcs::Message response = Must(gbcs::ParseMessage(processed.response));
  EXPECT_FALSE(response.mac) << "GBCS.md 2.5: the response is the Device's word alone";
  EXPECT_TRUE(device.public_key().Verify(gbcs::SignedOctets(response), *response.signature));
}

TEST_F(PartyCommand, ANetworkOperatorReplacesItsOwnCell) {
  payload.mode = gbcs::Mode::kNetworkOperatorByNetworkOperator;
  payload.authorising_cell = CellOf("networkOperator/digitalSignature");
  Offer(Role::kNetworkOperator, kOperatorEui, "networkOperator/digitalSignature");
  message.originator = kOperatorEui;
  const Processed processed = Process(Made(network));
  ASSERT_FALSE(processed.discard) << processed.detail;
  EXPECT_EQ(processed.outcome.outcomes[0].status, gbcs::StatusCode::kSuccess);
}

// SRV 6.21: what authorises is whatever stands in the supplier's cell.
TEST_F(PartyCommand, TheBrokerHandsOverWhereItsCertificateStandsInTheSuppliersCell) {
  pki::PrivateKey acb = Must(pki::PrivateKey::Generate());
  Hold("supplier/digitalSignature",
       pki.Organisation(Role::kAccessControlBroker, kAcbEui, KeyUsage::kDigitalSignature, acb.public_key()));
  message.originator = kAcbEui;
  payload.new_floor = 0;
  const Processed processed = Process(Made(acb));
  ASSERT_FALSE(processed.discard) << processed.detail;
  EXPECT_EQ(processed.state.cells.at(CellOf("supplier/digitalSignature"))->eui, kSupplierEui);
  EXPECT_EQ(processed.state.counters.at(Role::kSupplier).seq_number, 0u) << "another party's counters begin anew";
}

TEST_F(PartyCommand, IsDiscardedWithoutAMacOrWithAnother) {
  gbcs::Message made = Made(supplier);
  made.mac.reset();
  EXPECT_EQ(Process(made).discard, Discard::kMacMissing);
  made.mac = MacOf(made, supplier, agreement.public_key());
  EXPECT_EQ(Process(made).discard, Discard::kBadMac) << "any key agrees on something: it must be the ACB's";
  made = Made(supplier);
  made.mac->front() ^= 1;
  EXPECT_EQ(Process(made).discard, Discard::kBadMac);
}

TEST_F(PartyCommand, IsDiscardedWhenTheMacIsRightAndTheSignatureIsNot) {
  EXPECT_EQ(Process(Made(network)).discard, Discard::kBadSignature);
}

TEST_F(PartyCommand, IsDiscardedFromWhoeverIsNotInTheCell) {
  message.originator = kOperatorEui;
  EXPECT_EQ(Process(Made(supplier)).discard, Discard::kOriginator);
  message.originator = kSupplierEui;
  payload.authorising_cell = CellOf("networkOperator/digitalSignature");
  EXPECT_EQ(Process(Made(supplier)).discard, Discard::kAuthorisingCell);
}

TEST_F(PartyCommand, ReplacesNoCellOfAnother) {
  Offer(Role::kNetworkOperator, kOperatorEui, "networkOperator/digitalSignature");
  EXPECT_EQ(Process(Made(supplier)).discard, Discard::kOthersCell);
}

TEST_F(PartyCommand, IsNotAcceptedTwice) {
  payload.seq_number = 100;
  EXPECT_EQ(Process(Made(supplier)).discard, Discard::kReplayed);
}

TEST_F(PartyCommand, ADeviceWithoutItsKeyAgreementKeyBelievesNoMac) {
  const Bytes octets = gbcs::EncodeMessage(Made(supplier));
  EXPECT_EQ(Must(ProcessCommand(state, octets, kTestNow, device, memo)).discard, Discard::kBadMac);
}

}  // namespace
}  // namespace smki::sim
