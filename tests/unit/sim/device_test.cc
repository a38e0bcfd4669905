// Every check of GBCS.md 4.2 to 4.5, one test each.
#include "sim/fleet/device.h"

#include <gmock/gmock.h>

#include <functional>

#include "pki/digest.h"
#include "tests/unit/sim/small_pki.h"

namespace smki::sim {
namespace {

using gbcs::CellUsage;
using gbcs::KeyUsage;
using gbcs::Role;
using gbcs::StatusCode;
using gbcs::TrustAnchorCell;

constexpr TrustAnchorCell kRoot{Role::kRoot, KeyUsage::kKeyCertSign, CellUsage::kManagement};
constexpr TrustAnchorCell kRecovery{Role::kRecovery, KeyUsage::kDigitalSignature, CellUsage::kManagement};
constexpr TrustAnchorCell kSupplierDs{Role::kSupplier, KeyUsage::kDigitalSignature, CellUsage::kManagement};
constexpr TrustAnchorCell kSupplierKa{Role::kSupplier, KeyUsage::kKeyAgreement, CellUsage::kManagement};
constexpr TrustAnchorCell kAcbKa{Role::kAccessControlBroker, KeyUsage::kKeyAgreement, CellUsage::kManagement};

constexpr Eui64 kDeviceEui(0x00DB123456000001);
constexpr Eui64 kRecoveryEui(0x90B3D51F30000001);
constexpr Eui64 kSupplierEui(0x90B3D51F30010000);
constexpr Eui64 kAcbEui(0x90B3D51F30000002);

class Device : public testing::Test {
 protected:
  Device() {
    state.eui = kDeviceEui;
    state.type = "ESME";
    Hold(kRoot, pki.root);
    Hold(kRecovery,
         pki.Organisation(Role::kRecovery, kRecoveryEui, KeyUsage::kDigitalSignature, recovery_key.public_key()));
    Hold(kSupplierDs, pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature));
    Hold(kSupplierKa, pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kKeyAgreement));
    state.counters[Role::kRecovery].seq_number = 100;

    payload.authorising_cell = kRecovery;
    payload.seq_number = 1000;
    payload.path_certificates = {pki.issuing.der()};
    Offer(pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature), kSupplierDs);
    message.originator = kRecoveryEui;
    message.recipient = kDeviceEui;
    message.originator_counter = 1000;
    message.message_code = gbcs::kAnyExceptAbnormalRootByRecoveryCode;
  }

  void Hold(const TrustAnchorCell& cell, const pki::Certificate& certificate) {
    state.cells[cell] = Anchor::FromCertificate(certificate);
  }
  void Offer(const pki::Certificate& certificate, const TrustAnchorCell& cell) {
    payload.replacements.push_back({certificate.der(), cell});
  }
  void OfferOnly(const pki::Certificate& certificate, const TrustAnchorCell& cell) {
    payload.replacements.clear();
    Offer(certificate, cell);
  }
  Bytes Octets() {
    message.payload = gbcs::EncodeCommandPayload(payload);
    message.signature = Must(recovery_key.Sign(gbcs::SignedOctets(message)));
    return gbcs::EncodeMessage(message);
  }
  Processed Process(const Bytes& octets) { return Must(ProcessCommand(state, octets, kTestNow, device_key, memo)); }
  Processed Process() { return Process(Octets()); }
  std::vector<StatusCode> Statuses() {
    const Processed processed = Process();
    EXPECT_FALSE(processed.discard) << processed.detail;
    std::vector<StatusCode> out;
    for (const auto& outcome : processed.outcome.outcomes) out.push_back(outcome.status);
    return out;
  }
  testing::Matcher<std::vector<StatusCode>> Is(StatusCode code) { return testing::ElementsAre(code); }

  SmallPki pki;
  pki::PrivateKey recovery_key = Must(pki::PrivateKey::Generate());
  pki::PrivateKey device_key = Must(pki::PrivateKey::Generate());
  CertificateMemo memo;
  DeviceState state;
  gbcs::CommandPayload payload;
  gbcs::Message message;
};

TEST_F(Device, ReplacesTheCellAndSaysSoInASignedResponse) {
  const auto before = state.cells[kSupplierDs];
  const Processed processed = Process();
  ASSERT_FALSE(processed.discard) << processed.detail;
  const auto offered = Must(pki::Certificate::Parse(payload.replacements[0].certificate));
  EXPECT_EQ(*processed.state.cells.at(kSupplierDs)->certificate, offered);

  const gbcs::Message response = Must(gbcs::ParseMessage(processed.response));
  EXPECT_EQ(response.cra, gbcs::Cra::kResponse);
  EXPECT_EQ(response.originator, kDeviceEui);
  EXPECT_EQ(response.recipient, kRecoveryEui);
  EXPECT_EQ(response.originator_counter, 1000u);
  EXPECT_EQ(response.message_code, gbcs::kAnyExceptAbnormalRootByRecoveryCode);
  EXPECT_EQ(ToHex(response.date_time), "07ea0b15ff0c0000008000ff");
  EXPECT_FALSE(response.mac);
  ASSERT_TRUE(response.signature);
  EXPECT_TRUE(device_key.public_key().Verify(gbcs::SignedOctets(response), *response.signature));

  const auto told = Must(gbcs::ParseResponsePayload(response.payload));
  ASSERT_TRUE(told.outcome);
  EXPECT_EQ(*told.outcome, processed.outcome);
  ASSERT_EQ(told.outcome->outcomes.size(), 1u);
  const gbcs::ReplacementOutcome& outcome = told.outcome->outcomes[0];
  EXPECT_EQ(outcome.status, StatusCode::kSuccess);
  EXPECT_EQ(outcome.existing_ski, before->identifier);
  EXPECT_EQ(outcome.replacing_ski, offered.public_key->identifier());
  EXPECT_EQ(outcome.replacing_eui, kSupplierEui);
}

// --- Discards: no response, nothing changed. ---

struct DiscardCase {
  const char* name;
  Discard expected;
  std::function<void(gbcs::Message&, gbcs::CommandPayload&)> change;
};

class DiscardedCommand : public Device, public testing::WithParamInterface<DiscardCase> {};

TEST_P(DiscardedCommand, GetsNoResponseAndChangesNothing) {
  GetParam().change(message, payload);
  const Processed processed = Process();
  ASSERT_TRUE(processed.discard);
  EXPECT_EQ(Name(*processed.discard), Name(GetParam().expected)) << processed.detail;
  EXPECT_TRUE(processed.response.empty());
  EXPECT_EQ(processed.state.cells, state.cells);
  EXPECT_EQ(processed.state.counters, state.counters);
}

INSTANTIATE_TEST_SUITE_P(
    Because, DiscardedCommand,
    testing::Values(
        DiscardCase{"ItIsAResponse", Discard::kNotACommand, [](auto& m, auto&) { m.cra = gbcs::Cra::kResponse; }},
        DiscardCase{"ItIsForAnotherDevice", Discard::kOtherDevice,
                    [](auto& m, auto&) { m.recipient = Eui64(0x00DB123456000002); }},
        DiscardCase{"ItsMessageCodeIsUnknown", Discard::kUnknownMessageCode,
                    [](auto& m, auto&) { m.message_code = 0x0104; }},
        DiscardCase{"ItHasAMac", Discard::kMacPresent, [](auto& m, auto&) { m.mac = gbcs::Mac{}; }},
        DiscardCase{"ModeAndCodeDisagree", Discard::kModeMismatch,
                    [](auto& m, auto&) { m.message_code = gbcs::kAnyByContingencyCode; }},
        DiscardCase{"ItIsFutureDated", Discard::kFutureDated,
                    [](auto&, auto& p) { p.execution_date_time = "20300101000000Z"; }},
        DiscardCase{"ThereIsNoContingencyKey", Discard::kNoContingencyKey,
                    [](auto& m, auto& p) {
                      m.message_code = gbcs::kAnyByContingencyCode;
                      p.mode = gbcs::Mode::kAnyByContingency;
                      p.authorising_cell = kRoot;
                      p.plaintext_symmetric_key = Bytes(pki::kSymmetricKey);
                    }},
        DiscardCase{"NoCellAuthorises", Discard::kAuthorisingCell, [](auto&, auto& p) { p.authorising_cell.reset(); }},
        DiscardCase{"AnotherCellAuthorises", Discard::kAuthorisingCell,
                    [](auto&, auto& p) { p.authorising_cell = kSupplierDs; }},
        DiscardCase{"TheOriginatorIsNotTheCellsParty", Discard::kOriginator,
                    [](auto& m, auto&) { m.originator = kSupplierEui; }},
        DiscardCase{"PayloadAndHeaderCountersDiffer", Discard::kCounterMismatch,
                    [](auto& m, auto&) { m.originator_counter = 1001; }},
        DiscardCase{"TheCounterIsBelowTheLast", Discard::kReplayed,
                    [](auto& m, auto& p) { m.originator_counter = p.seq_number = 99; }},
        DiscardCase{"TheCounterEqualsTheLast", Discard::kReplayed,
                    [](auto& m, auto& p) { m.originator_counter = p.seq_number = 100; }}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(Device, DiscardsWhatIsNoMessage) {
  EXPECT_EQ(Process(Bytes{0xDF, 0x09, 0x01}).discard, Discard::kNotAMessage);
}

TEST_F(Device, DiscardsAPayloadItCannotRead) {
  message.payload = {0x30, 0x00};
  message.signature = Must(recovery_key.Sign(gbcs::SignedOctets(message)));
  EXPECT_EQ(Process(gbcs::EncodeMessage(message)).discard, Discard::kNotAMessage);
}

TEST_F(Device, DiscardsACommandWithoutSignature) {
  Octets();
  message.signature.reset();
  EXPECT_EQ(Process(gbcs::EncodeMessage(message)).discard, Discard::kBadSignature);
}

TEST_F(Device, DiscardsACommandSignedByAnotherKey) {
  Octets();
  message.signature = Must(Must(pki::PrivateKey::Generate()).Sign(gbcs::SignedOctets(message)));
  EXPECT_EQ(Process(gbcs::EncodeMessage(message)).discard, Discard::kBadSignature);
}

TEST_F(Device, DiscardsEverythingWhileItHasNoRecoveryCell) {
  state.cells.erase(kRecovery);
  EXPECT_EQ(Process().discard, Discard::kAuthorisingCell);
}

// --- Counters ---

TEST_F(Device, RemembersTheCounterSoThatARepeatedCommandIsDiscarded) {
  state = Process().state;
  EXPECT_EQ(state.counters[Role::kRecovery].seq_number, 1000u);
  EXPECT_EQ(Process().discard, Discard::kReplayed);
}

TEST_F(Device, RemembersTheCounterEvenIfNothingWasReplaced) {
  payload.path_certificates.clear();
  const Processed processed = Process();
  ASSERT_FALSE(processed.discard);
  EXPECT_EQ(processed.state.counters.at(Role::kRecovery).seq_number, 1000u);
}

TEST_F(Device, WithoutFloorsReportsNoCounterChange) {
  EXPECT_TRUE(Process().outcome.changes.empty());
}

TEST_F(Device, SetsFloorsAndReportsTheAuthorisingRoleFirst) {
  payload.new_floor = 7;
  payload.other_changes = {{{Role::kSupplier, 20, {{0, 30}}}, {Role::kNetworkOperator, 40, {}}}};
  const Processed processed = Process();
  EXPECT_EQ(processed.state.counters.at(Role::kRecovery).seq_number, 7u);
  EXPECT_EQ(processed.state.counters.at(Role::kSupplier), (RoleCounters{20, {{0, 30}}}));
  EXPECT_EQ(processed.state.counters.at(Role::kNetworkOperator), (RoleCounters{40, {}}));
  EXPECT_THAT(processed.outcome.changes, testing::ElementsAre(gbcs::SeqNumberChange{Role::kRecovery, 7, {}},
                                                              gbcs::SeqNumberChange{Role::kSupplier, 20, {{0, 30}}},
                                                              gbcs::SeqNumberChange{Role::kNetworkOperator, 40, {}}));
}

// --- Each replacement on its own ---

TEST_F(Device, ReportsNoTrustAnchorForACertificateOfAnotherHierarchyAndReplacesTheRest) {
  SmallPki other("OtherRoot");
  const pki::Certificate agreement = pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kKeyAgreement);
  OfferOnly(other.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature), kSupplierDs);
  Offer(agreement, kSupplierKa);
  payload.path_certificates.push_back(other.issuing.der());
  const Processed processed = Process();
  ASSERT_EQ(processed.outcome.outcomes.size(), 2u);
  const gbcs::ReplacementOutcome& failed = processed.outcome.outcomes[0];
  EXPECT_EQ(failed.status, StatusCode::kNoTrustAnchor);
  // GBCS.md 1.6: what is now in the cell, not what was offered.
  EXPECT_EQ(failed.replacing_ski, failed.existing_ski);
  EXPECT_EQ(failed.replacing_eui, failed.existing_eui);
  EXPECT_EQ(processed.state.cells.at(kSupplierDs), state.cells.at(kSupplierDs));
  EXPECT_EQ(processed.outcome.outcomes[1].status, StatusCode::kSuccess);
  EXPECT_EQ(*processed.state.cells.at(kSupplierKa)->certificate, agreement);
}

TEST_F(Device, ReportsNoTrustAnchorWhenThePathCertificateIsMissing) {
  payload.path_certificates.clear();
  EXPECT_THAT(Statuses(), Is(StatusCode::kNoTrustAnchor));
}

TEST_F(Device, ReportsTrustAnchorNotFoundForACellItDoesNotHave) {
  OfferOnly(pki.Organisation(Role::kAccessControlBroker, kAcbEui, KeyUsage::kKeyAgreement), kAcbKa);
  const Processed processed = Process();
  ASSERT_EQ(processed.outcome.outcomes.size(), 1u);
  EXPECT_EQ(processed.outcome.outcomes[0].status, StatusCode::kTrustAnchorNotFound);
  EXPECT_EQ(processed.state.cells.count(kAcbKa), 0u);
}

TEST_F(Device, ReportsBadCertificateForOctetsThatAreNone) {
  payload.replacements[0].certificate = {0x30, 0x03, 0x02, 0x01, 0x00};
  EXPECT_THAT(Statuses(), Is(StatusCode::kBadCertificate));
}

TEST_F(Device, ReportsBadCertificateForAnotherKeyUsageThanTheCells) {
  OfferOnly(pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kKeyAgreement), kSupplierDs);
  EXPECT_THAT(Statuses(), Is(StatusCode::kBadCertificate));
}

TEST_F(Device, ReportsBadCertificateForAnotherRoleThanTheCells) {
  OfferOnly(pki.Organisation(Role::kNetworkOperator, kSupplierEui, KeyUsage::kDigitalSignature), kSupplierDs);
  EXPECT_THAT(Statuses(), Is(StatusCode::kBadCertificate));
}

TEST_F(Device, TakesTheAccessControlBrokersCertificateIntoASupplierCell) {
  OfferOnly(pki.Organisation(Role::kAccessControlBroker, kAcbEui, KeyUsage::kDigitalSignature), kSupplierDs);
  EXPECT_THAT(Statuses(), Is(StatusCode::kSuccess));
}

TEST_F(Device, CannotTellOneSupplierFromAnother) {
  // GBCS has no such check: only the Direction keeps one supplier's certificate off another's Devices.
  OfferOnly(pki.Organisation(Role::kSupplier, Eui64(0x90B3D51F30030000), KeyUsage::kDigitalSignature), kSupplierDs);
  EXPECT_THAT(Statuses(), Is(StatusCode::kSuccess));
}

TEST_F(Device, ReportsBadCertificateForAnExpiredOneWhileTimeIsChecked) {
  OfferOnly(pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature,
                             Must(pki::PrivateKey::Generate()).public_key(), kTestNow - std::chrono::seconds(1)),
            kSupplierDs);
  EXPECT_THAT(Statuses(), Is(StatusCode::kBadCertificate));
  payload.disapply_time_checks = true;
  EXPECT_THAT(Statuses(), Is(StatusCode::kSuccess));
}

TEST_F(Device, RemembersPathsPerMomentNotForEver) {
  const UtcTime expiry = kTestNow + std::chrono::hours(1);
  OfferOnly(pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature,
                             Must(pki::PrivateKey::Generate()).public_key(), expiry),
            kSupplierDs);
  const Bytes octets = Octets();
  const auto at = [&](UtcTime now) {
    return Must(ProcessCommand(state, octets, now, device_key, memo)).outcome.outcomes[0].status;
  };
  EXPECT_EQ(at(expiry), StatusCode::kSuccess);
  EXPECT_EQ(at(expiry + Millis(1)), StatusCode::kBadCertificate);
}

// --- The recovery cell and the root ---

TEST_F(Device, LetsRecoveryReplaceItsOwnCell) {
  const pki::PrivateKey next = Must(pki::PrivateKey::Generate());
  OfferOnly(pki.Organisation(Role::kRecovery, kRecoveryEui, KeyUsage::kDigitalSignature, next.public_key()), kRecovery);
  state = Process().state;
  EXPECT_EQ(state.cells.at(kRecovery)->key, next.public_key());
  payload.seq_number = message.originator_counter = 1001;
  EXPECT_EQ(Process().discard, Discard::kBadSignature);  // the old key is no longer anyone's
}

TEST_F(Device, RefusesAnAbnormalRootReplacement) {
  SmallPki next("NextRoot");
  OfferOnly(next.root, kRoot);
  EXPECT_THAT(Statuses(), Is(StatusCode::kNoTrustAnchor));
}

TEST_F(Device, ChainsOtherCellsToARootReplacedInTheSameCommand) {
  // A new Root OCA that the old one has certified; the command's order does not matter.
  SmallPki next("NextRoot");
  const pki::Certificate certified = Must(pki::IssueAuthorityCertificate(
      pki.root_issuer, {"NextRoot", "00"}, next.root_key.public_key(), 1, pki::kOrganisationPolicy, SmallPki::Serial(),
      SmallPki::Before(), SmallPki::After()));
  OfferOnly(next.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature), kSupplierDs);
  Offer(certified, kRoot);
  Offer(pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kKeyAgreement), kSupplierKa);
  payload.path_certificates = {pki.issuing.der(), next.issuing.der()};
  EXPECT_THAT(Statuses(), testing::ElementsAre(StatusCode::kSuccess, StatusCode::kSuccess, StatusCode::kNoTrustAnchor));
}

TEST_F(Device, WorksWithARootKnownByItsKeyAlone) {
  state.cells[kRoot] = Anchor::FromKey(pki.root_key.public_key());
  EXPECT_THAT(Statuses(), Is(StatusCode::kSuccess));
}

// --- Contingency: mode 9 ---

// A hierarchy whose root carries a contingency key, and what opens it.
struct WithContingency {
  explicit WithContingency(const std::string& name) : pki(name) {
    symmetric.assign(pki::kSymmetricKey, static_cast<uint8_t>(name.size()));
    const pki::AuthoritySubject subject{name, "00"};
    root = Must(pki::IssueAuthorityCertificate(pki.root_issuer, subject, pki.root_key.public_key(), 1,
                                               pki::kOrganisationPolicy, SmallPki::Serial(), SmallPki::Before(),
                                               SmallPki::After(), &apex()));
  }
  const pki::WrappedApexKey& apex() {
    wrapped = Must(pki::WrapApexKey(key.public_key(), symmetric));
    return wrapped;
  }
  SmallPki pki;
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  Bytes symmetric;
  pki::WrappedApexKey wrapped;
  pki::Certificate root;
};

class DeviceInContingency : public Device {
 protected:
  DeviceInContingency() {
    Hold(kRoot, old.root);
    state.counters[Role::kRoot].seq_number = 5;
    payload.mode = gbcs::Mode::kAnyByContingency;
    payload.authorising_cell = kRoot;
    payload.plaintext_symmetric_key = old.symmetric;
    payload.path_certificates = {next.pki.issuing.der()};
    OfferOnly(next.pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature), kSupplierDs);
    Offer(next.root, kRoot);
    message.message_code = gbcs::kAnyByContingencyCode;
    message.originator = Eui64(0x70B3D51F300017FF);
  }
  Processed Signed(pki::PrivateKey& key) {
    message.payload = gbcs::EncodeCommandPayload(payload);
    message.signature = Must(key.Sign(gbcs::SignedOctets(message)));
    return Process(gbcs::EncodeMessage(message));
  }
  std::vector<StatusCode> StatusesOf(const Processed& processed) {
    EXPECT_FALSE(processed.discard) << processed.detail;
    std::vector<StatusCode> out;
    for (const auto& outcome : processed.outcome.outcomes) out.push_back(outcome.status);
    return out;
  }
  WithContingency old{"OldRoot"}, next{"TheNextRoot"};
};

TEST_F(DeviceInContingency, TakesANewRootAndWhatIsUnderIt) {
  payload.new_floor = 7;
  const Processed processed = Signed(old.key);
  EXPECT_THAT(StatusesOf(processed), testing::ElementsAre(StatusCode::kSuccess, StatusCode::kSuccess));
  EXPECT_EQ(*processed.state.cells.at(kRoot)->certificate, next.root);
  EXPECT_EQ(processed.state.counters.at(Role::kRoot).seq_number, 7u);
  EXPECT_EQ(processed.state.counters.at(Role::kRecovery).seq_number, 100u);
  EXPECT_EQ(processed.outcome.changes[0], (gbcs::SeqNumberChange{Role::kRoot, 7, {}}));
  const gbcs::Message response = Must(gbcs::ParseMessage(processed.response));
  EXPECT_EQ(response.message_code, gbcs::kAnyByContingencyCode);
}

TEST_F(DeviceInContingency, TheOldPairIsOfNoUseOnceTheRootIsReplaced) {
  state = Signed(old.key).state;
  payload.seq_number = message.originator_counter = 1001;
  EXPECT_EQ(Signed(old.key).discard, Discard::kNoContingencyKey);
  payload.plaintext_symmetric_key = next.symmetric;
  EXPECT_EQ(Signed(old.key).discard, Discard::kBadSignature);
  OfferOnly(next.pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature), kSupplierDs);
  EXPECT_THAT(StatusesOf(Signed(next.key)), Is(StatusCode::kSuccess));
}

TEST_F(DeviceInContingency, DiscardsWhatItsRootsContingencyKeyDidNotSign) {
  EXPECT_EQ(Signed(next.key).discard, Discard::kBadSignature);
  EXPECT_EQ(Signed(recovery_key).discard, Discard::kBadSignature);
  EXPECT_EQ(Signed(old.pki.root_key).discard, Discard::kBadSignature);
}

TEST_F(DeviceInContingency, DiscardsItWithoutTheSymmetricKeyAndWithAnother) {
  payload.plaintext_symmetric_key = next.symmetric;
  EXPECT_EQ(Signed(old.key).discard, Discard::kNoContingencyKey);
  payload.plaintext_symmetric_key.reset();
  EXPECT_NE(Signed(old.key).discard, std::nullopt);
}

TEST_F(DeviceInContingency, DiscardsItUnderTheRecoveryCell) {
  payload.authorising_cell = kRecovery;
  EXPECT_EQ(Signed(old.key).discard, Discard::kAuthorisingCell);
}

TEST_F(DeviceInContingency, CountsForTheRootNotForRecovery) {
  payload.seq_number = message.originator_counter = 6;  // below recovery's
  state = Signed(old.key).state;
  EXPECT_EQ(state.counters[Role::kRoot].seq_number, 6u);
  Hold(kRoot, old.root);
  EXPECT_EQ(Signed(old.key).discard, Discard::kReplayed);
}

TEST_F(DeviceInContingency, ARootMustBeItsOwnIssuerAndCarryAContingencyKey) {
  OfferOnly(next.pki.root, kRoot);  // without contingency key
  EXPECT_THAT(StatusesOf(Signed(old.key)), Is(StatusCode::kBadCertificate));
  const pki::Certificate certified = Must(pki::IssueAuthorityCertificate(
      old.pki.root_issuer, {"Certified", "00"}, next.pki.root_key.public_key(), 1, pki::kOrganisationPolicy,
      SmallPki::Serial(), SmallPki::Before(), SmallPki::After(), &next.wrapped));
  OfferOnly(certified, kRoot);
  EXPECT_THAT(StatusesOf(Signed(old.key)), Is(StatusCode::kBadCertificate));
}

TEST_F(DeviceInContingency, WithoutTheNewRootTheRestDoesNotChain) {
  OfferOnly(next.pki.Organisation(Role::kSupplier, kSupplierEui, KeyUsage::kDigitalSignature), kSupplierDs);
  EXPECT_THAT(StatusesOf(Signed(old.key)), Is(StatusCode::kNoTrustAnchor));
}

TEST_F(Device, RefusesAnOrganisationCertificateInTheRootCell) {
  OfferOnly(pki.Organisation(Role::kRoot, kSupplierEui, KeyUsage::kKeyCertSign), kRoot);
  EXPECT_THAT(Statuses(), Is(StatusCode::kBadCertificate));
}

TEST_F(Device, RefusesAnAuthorityInAnOrganisationsCell) {
  const pki::Certificate authority = Must(pki::IssueAuthorityCertificate(
      pki.root_issuer, {"Supplier", "02"}, pki.issuing_key.public_key(), 0, pki::kOrganisationPolicy,
      SmallPki::Serial(), SmallPki::Before(), SmallPki::After()));
  state.cells[{Role::kSupplier, KeyUsage::kKeyCertSign, CellUsage::kManagement}] = state.cells[kSupplierDs];
  OfferOnly(authority, {Role::kSupplier, KeyUsage::kKeyCertSign, CellUsage::kManagement});
  EXPECT_THAT(Statuses(), Is(StatusCode::kBadCertificate));
}

}  // namespace
}  // namespace smki::sim
