#include "orchestrator/actions/draft.h"

#include <gtest/gtest.h>

#include "house.h"
#include "orchestrator/actions/replacements.h"
#include "procedures/population.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using test::House;
using test::Must;

procedures::Direction Drafted(House& house) {
  return Must(procedures::ParseDirection(Must(house.core->GetDirection("leo", "")).direction()));
}

TEST(Draft, NamesEachDeviceOfTheOrganisationAndNoOther) {
  House house(7);
  house.ReachDirection();
  const recovery::v1::DirectionView view = Must(house.core->GetDirection("leo", ""));
  const procedures::Direction direction = Drafted(house);
  ASSERT_EQ(direction.groups.size(), 2u);
  EXPECT_EQ(direction.groups[0].name, "supplier-a-esme");
  EXPECT_EQ(direction.groups[1].name, "supplier-a-gpf");
  size_t devices = 0;
  for (const auto& blob : view.populations()) {
    const procedures::Population population = Must(procedures::ParsePopulation(AsBytes(blob.octets())));
    devices += population.devices.size();
    // The two bystanders of the other supplier come last.
    EXPECT_FALSE(population.RankOf(Eui64(0x00DB123456000007)) || population.RankOf(Eui64(0x00DB123456000008)));
  }
  EXPECT_EQ(devices, 7u);
}

TEST(Draft, TouchesOnlyTheSuppliersCells) {
  House house;
  house.ReachDirection();
  for (const procedures::DirectedGroup& group : Drafted(house).groups) {
    ASSERT_EQ(group.replacements.size(), 3u);
    for (const auto& replacement : group.replacements) EXPECT_EQ(replacement.cell.rfind("supplier/", 0), 0u);
    ASSERT_EQ(group.floors.size(), 1u);
    EXPECT_EQ(group.floors[0].role, "supplier");
    EXPECT_TRUE(group.floors[0].prepayment_top_up.has_value());
    EXPECT_FALSE(group.authorising_floor.has_value());
    EXPECT_EQ(group.path_certificates.size(), 1u);
  }
}

TEST(Draft, I3_QuotesALedgerHeadAndItsRequester) {
  House house;
  house.ReachDirection();
  const procedures::Direction direction = Drafted(house);
  const auto entries = house.Entries();
  ASSERT_LT(direction.ledger_sequence, entries.size());
  EXPECT_EQ(entries[direction.ledger_sequence].hash, direction.ledger_head);
  EXPECT_EQ(direction.requested_by, "leo");
  EXPECT_EQ(direction.environment, house.people.policy.environment);
}

TEST(Draft, ThePmaReadsTheFactorsAsTheyWereAnswered) {
  House house;
  house.ReachDirection();
  std::map<std::string, std::string> factors;
  for (const procedures::GuidanceFactor& factor : Drafted(house).factors) factors[factor.id] = factor.answer.text;
  EXPECT_EQ(factors["harm-if-nothing-is-done"], "as to harm-if-nothing-is-done");
  EXPECT_EQ(factors.count("time-needed"), 0u) << "nobody answered it";
  EXPECT_EQ(factors["report-received"], "leo: seen");
}

TEST(Draft, MembersAreHandedTheRunbookAndWhatOtherIncidentsDirected) {
  House house;
  house.ReachDirection();
  const procedures::Direction first = Drafted(house);
  ASSERT_TRUE(house.Vote("ann").ok());
  ASSERT_TRUE(house.SendOpening("leo", house.Opening("leo", "second")).ok());
  house.DriveToDirection();
  const auto view = house.core->GetDirection("bob", "");
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(pki::Sha256(view->runbook()), Drafted(house).procedure_digest);
  ASSERT_EQ(view->earlier_size(), 1);
  EXPECT_EQ(view->earlier(0).direction(), procedures::RenderDirection(first));
  EXPECT_EQ(view->earlier(0).approvals_size(), 1);
  EXPECT_EQ(view->earlier(0).populations_size(), 0) << "small, however many Devices";
  const auto votes_only = house.core->GetDirection("bob", "", true);
  EXPECT_EQ(votes_only->earlier_size(), 0);
  EXPECT_EQ(votes_only->runbook(), "");
}

TEST(Draft, WhatCannotBeReadOfAnotherIncidentIsCountedAndKeepsNobodyFromTheNewOne) {
  House house;
  house.ReachDirection();
  ASSERT_TRUE(house.SendOpening("leo", house.Opening("leo", "second")).ok());
  house.DriveToDirection();
  const std::string folder = house.core->book().incidents().front()->folder;
  ASSERT_TRUE(PosixFiles().WriteDurably(folder + "/direction/direction.yaml", AsBytes("touched")).ok());
  const auto damaged = house.core->GetDirection("bob", "");
  ASSERT_TRUE(damaged.ok()) << damaged.status();
  EXPECT_EQ(damaged->earlier_size(), 0);
  EXPECT_EQ(damaged->earlier_left_out(), 1u);
}

TEST(Draft, CountersAreAboveEveryEarlierDirection) {
  House house;
  house.keyguard_status.set_counter_floor(9000000);
  house.ReachDirection();
  EXPECT_EQ(Drafted(house).counter_first, 9000001u);
}

TEST(Draft, CountersHaveOneDerLength) {
  EXPECT_EQ(CountersAbove(0, 10).first, uint64_t{1} << 23);
  const uint64_t boundary = uint64_t{1} << 31;
  EXPECT_EQ(CountersAbove(boundary - 6, 5).last, boundary - 1);
  EXPECT_EQ(CountersAbove(boundary - 6, 6).first, boundary);
}

TEST(Draft, ADraftOnceShownIsKeptOverARestart) {
  House house;
  house.ReachDirection();
  const std::string before = Must(house.core->GetDirection("leo", "")).direction();
  ASSERT_TRUE(house.Start().ok());
  EXPECT_EQ(Must(house.core->GetDirection("leo", "")).direction(), before);
}

class Replacements : public ::testing::Test {
 protected:
  const UtcTime compromised_ = *ParseTime("2026-11-21T03:00:00Z");
  const UtcTime old_ = *ParseTime("2026-11-01T00:00:00Z"), new_ = *ParseTime("2026-11-21T00:00:00Z");
  pki::PrivateKey authority_ = Must(pki::PrivateKey::Generate());
  uint8_t serial_ = 0;

  repository::CertificateRecord Make(pki::KeyUsageBits usage, UtcTime from, const pki::PublicKey* key = nullptr) {
    const pki::PrivateKey fresh = Must(pki::PrivateKey::Generate());
    Bytes serial(16, 0x11);
    serial[15] = ++serial_;
    const pki::IssuerIdentity issuer{&authority_, pki::AuthorityName({"Issuing", "07"})};
    const pki::Certificate certificate = Must(
        pki::IssueOrganisationCertificate(issuer, {"", 2, test::kSupplier}, key == nullptr ? fresh.public_key() : *key,
                                          usage, serial, from, *ParseTime("2036-01-01T00:00:00Z")));
    repository::CertificateRecord record;
    record.kind = repository::CertificateKind::kOrganisation;
    record.eui = test::kSupplier;
    record.role = 2;
    record.der = certificate.der();
    return record;
  }
};

TEST_F(Replacements, TheTwoNewestAgreementCertificatesServeTheTwoCells) {
  const auto signing = Make(pki::kDigitalSignature, new_), elder = Make(pki::kKeyAgreement, new_),
             younger = Make(pki::kKeyAgreement, new_), before = Make(pki::kKeyAgreement, old_);
  const OrganisationCertificates chosen = Must(ChooseReplacements({younger, before, signing, elder}, compromised_));
  EXPECT_EQ(chosen.replacements.at(kSupplierSigning).der(), signing.der);
  EXPECT_EQ(chosen.replacements.at(kSupplierAgreement).der(), elder.der);
  EXPECT_EQ(chosen.replacements.at(kSupplierTopUp).der(), younger.der);
  ASSERT_EQ(chosen.replaced.size(), 1u);
  EXPECT_EQ(chosen.replaced[0].der(), before.der);
}

TEST_F(Replacements, OneAgreementCertificateMayServeBothCells) {
  const auto agreement = Make(pki::kKeyAgreement, new_);
  const OrganisationCertificates chosen =
      Must(ChooseReplacements({Make(pki::kDigitalSignature, new_), agreement}, compromised_));
  EXPECT_EQ(chosen.replacements.at(kSupplierAgreement).der(), agreement.der);
  EXPECT_EQ(chosen.replacements.at(kSupplierTopUp).der(), agreement.der);
}

TEST_F(Replacements, OlderThanTheCompromiseIsNotNew) {
  EXPECT_TRUE(IsRefusal(
      ChooseReplacements({Make(pki::kDigitalSignature, old_), Make(pki::kKeyAgreement, new_)}, compromised_).status(),
      Reason::kCERTIFICATES_NOT_IN_REPOSITORY));
}

TEST_F(Replacements, ACompromisedKeyCertifiedAnewIsNoReplacement) {
  const pki::PrivateKey compromised = Must(pki::PrivateKey::Generate());
  const auto before = Make(pki::kDigitalSignature, old_, &compromised.public_key());
  const auto again = Make(pki::kDigitalSignature, new_, &compromised.public_key());
  EXPECT_TRUE(IsRefusal(ChooseReplacements({before, again, Make(pki::kKeyAgreement, new_)}, compromised_).status(),
                        Reason::kCERTIFICATES_NOT_IN_REPOSITORY));
}

TEST_F(Replacements, WhatAPartyUsesNowIsTheNewestHoweverOld) {
  const auto signing = Make(pki::kDigitalSignature, old_), elder = Make(pki::kKeyAgreement, old_),
             younger = Make(pki::kKeyAgreement, old_);
  auto revoked = Make(pki::kDigitalSignature, new_);
  revoked.status = repository::CertificateStatus::kRevoked;
  const CellCertificates chosen = Must(ChooseCurrent({younger, revoked, signing, elder}, gbcs::Role::kSupplier));
  EXPECT_EQ(chosen.at(kSupplierSigning).der(), signing.der);
  EXPECT_EQ(chosen.at(kSupplierAgreement).der(), elder.der);
  EXPECT_EQ(chosen.at(kSupplierTopUp).der(), younger.der);
  EXPECT_TRUE(IsRefusal(ChooseCurrent({signing, elder, younger}, gbcs::Role::kAccessControlBroker).status(),
                        Reason::kCERTIFICATES_NOT_IN_REPOSITORY))
      << "a supplier's are not the broker's";
}

TEST_F(Replacements, TheOldOnesAreFoundWithoutNewOnes) {
  const auto signing = Make(pki::kDigitalSignature, old_);
  const auto old = Must(ReplacedCertificates({signing, Make(pki::kDigitalSignature, new_)}, compromised_));
  ASSERT_EQ(old.size(), 1u);
  EXPECT_EQ(old[0].der(), signing.der);
}

TEST_F(Replacements, ARevokedCertificateIsNoReplacement) {
  auto signing = Make(pki::kDigitalSignature, new_);
  signing.status = repository::CertificateStatus::kRevoked;
  EXPECT_FALSE(ChooseReplacements({signing, Make(pki::kKeyAgreement, new_)}, compromised_).ok());
}

}  // namespace
}  // namespace smki::orchestrator
