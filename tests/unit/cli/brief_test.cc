// What a PMA member reads before signing is computed here: from the files and the Repository, and it warns.
#include "cli/brief.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "incident.h"
#include "people.h"
#include "pki/digest.h"
#include "procedures/documents.h"
#include "sample.h"

namespace smki::cli {
namespace {

using procedures::test::Now;
using ::testing::HasSubstr;
using ::testing::Not;

class FakeStore : public repository::Store {
 public:
  void Add(const pki::Certificate& certificate, repository::CertificateKind kind, const std::string& usage, Eui64 eui) {
    repository::CertificateRecord record;
    record.kind = kind;
    record.eui = eui;
    record.usage = usage;
    record.serial = certificate.serial;
    record.der = certificate.der();
    record.lodged = "2026-11-20";
    records_.push_back(std::move(record));
  }
  std::vector<repository::CertificateRecord>& records() { return records_; }
  StatusOr<std::vector<repository::CertificateRecord>> ByEui(Eui64 eui) const override {
    std::vector<repository::CertificateRecord> out;
    for (const auto& record : records_) {
      if (record.eui == eui) out.push_back(record);
    }
    return out;
  }
  StatusOr<std::vector<repository::CertificateRecord>> BySerial(ByteSpan) const override {
    return std::vector<repository::CertificateRecord>();
  }
  StatusOr<std::optional<repository::CertificateRecord>> ByDigest(const Digest& sha256) const override {
    for (const auto& record : records_) {
      if (pki::Sha256(record.der) == sha256) return std::optional(record);
    }
    return std::optional<repository::CertificateRecord>();
  }
  StatusOr<std::vector<repository::CertificateRecord>> Authorities() const override {
    return std::vector<repository::CertificateRecord>();
  }
  const repository::StoreSummary& summary() const override { return summary_; }

 private:
  std::vector<repository::CertificateRecord> records_;
  repository::StoreSummary summary_;
};

constexpr Eui64 kSupplier(0x90B3D51F30010000);

class BriefTest : public ::testing::Test {
 protected:
  BriefTest() : verifier_(people_.Verifier()) {
    for (const auto& [digest, der] : estate_.certificates) {
      const pki::Certificate certificate = *pki::Certificate::Parse(der);
      const auto kind = certificate.is_ca ? repository::CertificateKind::kOrganisationAuthority
                                          : repository::CertificateKind::kOrganisation;
      store_.Add(certificate, kind, certificate.key_usage == pki::kKeyAgreement ? "KA" : "DS",
                 certificate.subject_eui.value_or(Eui64()));
    }
    old_ = estate_.Organisation(2, kSupplier, pki::kDigitalSignature);
    store_.Add(*old_, repository::CertificateKind::kOrganisation, "DS", kSupplier);
    for (const auto& [group, octets] : estate_.populations) {
      const procedures::Population population = *procedures::ParsePopulation(octets);
      for (const Eui64 device : population.devices)
        store_.Add(*old_, repository::CertificateKind::kDevice, "DS", device);
    }
    runbook_ = procedures::test::MethodThreeText();
    people_.policy.allowed[0].digest = pki::Sha256(runbook_);
    estate_.direction.procedure_digest = pki::Sha256(runbook_);
    estate_.direction.factors = {{"report-received", {"leo: they called at three"}}};
    for (const auto& [id, answer] : procedures::test::Answers(procedures::test::MethodThree(), "guidance"))
      estate_.direction.factors.push_back({id, {answer}});
    estate_.direction.limits.total = 4;
    estate_.direction.limits.outstanding = 2;
  }
  Brief& Compute(const std::string& reader = "ann") {
    BriefInputs inputs;
    inputs.policy = &people_.policy;
    inputs.verifier = &verifier_;
    text_ = procedures::RenderDirection(estate_.direction);
    inputs.direction = ToBytes(AsBytes(text_));
    inputs.populations = estate_.populations;
    if (give_certificates_) {
      for (const auto& [digest, der] : estate_.certificates) inputs.certificates.push_back(der);
    }
    for (const std::string& member : approved_by_)
      inputs.approvals.push_back(
          people_.Sign(member, inputs.direction, procedures::ApprovalHint(estate_.direction.id)));
    if (give_store_) inputs.store = &store_;
    inputs.reader = reader;
    inputs.runbook = ToBytes(AsBytes(runbook_));
    inputs.earlier = earlier_;
    inputs.earlier_left_out = left_out_;
    inputs.random = &random_;
    inputs.now = Now();
    auto brief = ComputeBrief(inputs);
    EXPECT_TRUE(brief.ok()) << brief.status();
    brief_ = *std::move(brief);
    return *brief_;
  }
  std::string Text(const std::string& reader = "ann") { return BriefText(Compute(reader), Style()); }
  // As one line, wherever the page was broken.
  std::string FlatText() {
    std::string out;
    for (const char c : Text()) {
      if (c != '\n' && (c != ' ' || out.empty() || out.back() != ' ')) out += c;
      if (c == '\n' && !out.empty() && out.back() != ' ') out += ' ';
    }
    return out;
  }
  std::string Warnings(const std::string& reader = "ann") {
    std::string out;
    for (const Brief::Warning& warning : Compute(reader).warnings)
      out += (warning.grave ? "STOP " : "note ") + warning.text + "\n";
    return out;
  }

  // Of the first group.
  void Population(const std::vector<uint64_t>& devices) {
    procedures::Population population{estate_.direction.environment, estate_.direction.groups[0].name, {}};
    for (const uint64_t device : devices) population.devices.push_back(Eui64(device));
    estate_.SetPopulation(0, population);
  }
  void AddEarlier(const std::string& votes, const std::string& orders) {
    EarlierUse use;
    use.direction = estate_.direction;
    use.direction.id = "DIR-before";
    use.direction.incident = "INC-before";
    use.acts.acts = {{Now(), "approve", "bob", "large-supplier-2", "", ""},
                     {Now(), "approve", "cal", "network", "", "it does not count"}};
    use.acts.votes = votes;
    use.acts.orders = orders;
    earlier_->push_back(std::move(use));
  }

  procedures::test::People people_;
  procedures::test::Estate estate_{people_};
  procedures::PolicyVerifier verifier_;
  FakeStore store_;
  std::optional<pki::Certificate> old_;
  std::vector<std::string> approved_by_;
  bool give_certificates_ = true, give_store_ = true;
  std::optional<std::vector<EarlierUse>> earlier_ = std::vector<EarlierUse>();
  uint64_t left_out_ = 0;
  SeededRandom random_{7};
  std::string text_, runbook_;
  std::unique_ptr<Brief> brief_;
};

TEST_F(BriefTest, AnHonestDirectionHasNoWarning) {
  EXPECT_EQ(Warnings(), "");
  EXPECT_TRUE(brief_->allowed.ok()) << brief_->allowed;
  EXPECT_TRUE(brief_->materials.ok()) << brief_->materials;
  EXPECT_FALSE(brief_->grave());
}

TEST_F(BriefTest, ItEndsWithTheDigestThatIsSigned) {
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("SHA-256      " + ToHex(pki::Sha256(text_))));
  EXPECT_GT(text.find("SHA-256"), text.find("approvals"));
}

TEST_F(BriefTest, ItTellsWhichDevicesGetWhichCertificatesInsteadOfWhich) {
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("2 Devices of type ESME"));
  EXPECT_THAT(text, HasSubstr("00-00-00-00-00-00-00-01 to 00-00-00-00-00-00-00-02"));
  EXPECT_THAT(text, HasSubstr("equal to the directed digest"));
  EXPECT_THAT(text, HasSubstr("supplier/keyAgreement/prePaymentTopUp"));
  EXPECT_THAT(text, HasSubstr("In-Use in the Repository, lodged 2026-11-20"));
  EXPECT_THAT(text, HasSubstr(old_->SerialHex()));
}

TEST_F(BriefTest, APopulationOfOtherDevicesIsGrave) {
  estate_.populations["supplier-a-esme"] =
      procedures::EncodePopulation({estate_.direction.environment, "supplier-a-esme", {Eui64(1), Eui64(3)}});
  EXPECT_THAT(Warnings(), HasSubstr("STOP Group supplier-a-esme: the population file is not the directed one"));
}

TEST_F(BriefTest, AMissingPopulationIsGrave) {
  estate_.populations.erase("supplier-a-gpf");
  EXPECT_THAT(Warnings(), HasSubstr("STOP Group supplier-a-gpf: no population file was given"));
}

TEST_F(BriefTest, ACertificateThatIsNotInTheRepositoryIsGrave) {
  auto& records = store_.records();
  const Digest directed = estate_.direction.groups[0].replacements[0].certificate;
  std::erase_if(records, [&](const auto& record) { return pki::Sha256(record.der) == directed; });
  EXPECT_THAT(
      Warnings(),
      HasSubstr("STOP Group supplier-a-esme, supplier/digitalSignature: the certificate is not in the Repository"));
}

TEST_F(BriefTest, ACertificateThatIsNotInUseIsGrave) {
  const Digest directed = estate_.direction.groups[0].replacements[0].certificate;
  for (auto& record : store_.records()) {
    if (pki::Sha256(record.der) == directed) record.status = repository::CertificateStatus::kRevoked;
  }
  EXPECT_THAT(Warnings(), HasSubstr("does not hold the certificate as In-Use"));
}

TEST_F(BriefTest, ACertificateThatNobodyCanShowIsGrave) {
  give_certificates_ = give_store_ = false;
  EXPECT_THAT(Warnings(), HasSubstr("the certificate could not be shown by anybody"));
  EXPECT_THAT(Warnings(), HasSubstr("STOP No Repository was at hand"));
}

TEST_F(BriefTest, TheSameKeyAgainIsGrave) {
  const pki::Certificate directed =
      *pki::Certificate::Parse(estate_.certificates[estate_.direction.groups[0].replacements[0].certificate]);
  const pki::Certificate renewed = *pki::IssueOrganisationCertificate(
      estate_.issuing, {"", 2, kSupplier}, *directed.public_key, pki::kDigitalSignature, Bytes(16, 0x55),
      Now() - Millis(1000), Now() + std::chrono::hours(24));
  store_.Add(renewed, repository::CertificateKind::kOrganisation, "DS", kSupplier);
  EXPECT_THAT(Warnings(), HasSubstr("carries the same key as the old one"));
}

TEST_F(BriefTest, DevicesThatCannotProveThemselvesAreCounted) {
  std::erase_if(store_.records(), [](const auto& record) { return record.eui == Eui64(1); });
  EXPECT_THAT(Warnings(), HasSubstr("note Group supplier-a-esme: 1 of 2 Devices have no In-Use certificate"));
}

TEST_F(BriefTest, WhatThePolicyDoesNotAllowIsGrave) {
  estate_.direction.procedure_digest.fill(9);
  EXPECT_THAT(Warnings(), HasSubstr("STOP The trust policy does not allow it: PROCEDURE_NOT_ALLOWED"));
}

TEST_F(BriefTest, I4_TheRequesterIsTold) {
  EXPECT_THAT(Warnings("leo"), HasSubstr("STOP You requested this Direction"));
}

TEST_F(BriefTest, WhoeverHasNoSeatIsTold) {
  EXPECT_THAT(Warnings("kim"), HasSubstr("gives kim no seat"));
}

TEST_F(BriefTest, ApprovalsAreJudgedHere) {
  approved_by_ = {"bob", "cal"};
  EXPECT_THAT(Text(), HasSubstr("2 of 3: bob, cal"));
  approved_by_ = {"bob", "leo"};
  EXPECT_EQ(Compute().approvals[1].person, "leo");
}

TEST_F(BriefTest, ASecondVoteOfOneOrganisationOrSeatIsForetold) {
  approved_by_ = {"ann"};
  EXPECT_THAT(Warnings("dee"), HasSubstr("ann of your organisation has approved already"));
  EXPECT_THAT(Warnings("alt"), HasSubstr("ann has approved for your seat already"));
  EXPECT_THAT(Warnings("ann"), HasSubstr("You have approved this Direction already"));
}

TEST_F(BriefTest, LimitsThatDoNotFitAreNoticed) {
  estate_.direction.limits.total = 3;
  EXPECT_THAT(Warnings(), HasSubstr("note 3 signatures in total are fewer than 4 Devices"));
  estate_.direction.limits.total = 13;
  EXPECT_THAT(Warnings(), HasSubstr("STOP 13 signatures in total are more than 4 Devices"));
}

TEST_F(BriefTest, ATextThatIsNoDirectionIsRefused) {
  BriefInputs inputs;
  inputs.policy = &people_.policy;
  inputs.direction = ToBytes(AsBytes(procedures::RenderDirection(estate_.direction) + " "));
  EXPECT_EQ(ReasonOf(ComputeBrief(inputs).status()), "DIRECTION_NOT_CANONICAL");
}

// --- whom it concerns ---

TEST_F(BriefTest, DevicesAreCountedByKindAndOwner) {
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("2 Devices of type ESME"));
  EXPECT_THAT(text, HasSubstr("2 Devices of type GPF"));
  ASSERT_EQ(brief_->owners.size(), 1u);
  EXPECT_EQ(brief_->owners[0].organisation, kSupplier);
  EXPECT_EQ(brief_->owners[0].devices, 4u);
  EXPECT_THAT(text, HasSubstr(kSupplier.ToString() + ", 4 Devices"));
  EXPECT_THAT(text, HasSubstr("region       not known to this tool"));
}

TEST_F(BriefTest, OfWhomItReplacesNoSuppliersCertificateTheOwnerIsNotKnown) {
  for (procedures::DirectedGroup& group : estate_.direction.groups) {
    for (auto& replacement : group.replacements) replacement.cell = "networkOperator" + replacement.cell.substr(8);
  }
  estate_.direction.groups.resize(1);
  estate_.direction.groups[0].replacements.resize(1);
  estate_.direction.groups[0].floors.clear();
  EXPECT_THAT(FlatText(), HasSubstr("owner not known to this tool: no supplier's certificate is replaced, 2 Devices"));
}

TEST_F(BriefTest, TheSampleIsOfDirectedDevicesAndDrawnByTheReader) {
  Population({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  std::set<std::vector<uint64_t>> draws;
  for (int i = 0; i < 20; ++i) {
    std::vector<uint64_t> draw;
    for (const BriefSample& one : Compute().sample) draw.push_back(one.device.value());
    EXPECT_EQ(draw.size(), kSampled);
    EXPECT_TRUE(std::is_sorted(draw.begin(), draw.end()) ||
                brief_->sample.front().group != brief_->sample.back().group);
    draws.insert(draw);
  }
  EXPECT_GT(draws.size(), 10u);
  EXPECT_THAT(FlatText(), HasSubstr("drawn on this machine"));
}

TEST_F(BriefTest, EveryDeviceCanBeDrawn) {
  Population({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  std::set<std::pair<std::string, uint64_t>> seen;
  for (int i = 0; i < 200; ++i) {
    for (const BriefSample& one : Compute().sample) seen.emplace(one.group, one.device.value());
  }
  EXPECT_EQ(seen.size(), 14u) << "12 of one group, 2 of the other";
}

TEST_F(BriefTest, OfAPopulationThatIsNotTheDirectedOneNothingIsDrawn) {
  for (auto& [group, octets] : estate_.populations)
    octets = procedures::EncodePopulation({estate_.direction.environment, group, {Eui64(1), Eui64(3)}});
  EXPECT_THAT(FlatText(), HasSubstr("none: no population here is the directed one"));
  EXPECT_TRUE(brief_->sample.empty());
}

// --- the factors ---

TEST_F(BriefTest, FactorsAreToldApartByTheRunbookThatTheDirectionNames) {
  const std::string text = Text();
  const size_t mandatory = text.find("(mandatory)"), optional = text.find("(optional)");
  ASSERT_NE(mandatory, std::string::npos);
  EXPECT_LT(mandatory, text.find("as to harm-if-nothing-is-done"));
  EXPECT_LT(text.find("as to harm-if-nothing-is-done"), optional);
  EXPECT_LT(optional, text.find("time-needed"));
  EXPECT_THAT(text.substr(optional), HasSubstr("not answered"));
  EXPECT_THAT(text, HasSubstr("they called at three"));
}

TEST_F(BriefTest, AMandatoryFactorWithoutAnswerIsGrave) {
  std::erase_if(estate_.direction.factors, [](const auto& factor) { return factor.id == "method-1-or-2"; });
  EXPECT_THAT(Warnings(), HasSubstr("STOP The mandatory factor method-1-or-2 has no answer: Would Method 1"));
}

TEST_F(BriefTest, WithoutTheRunbookOrWithAnotherNobodyCanSayWhichFactorsAreMandatory) {
  const std::string whole = runbook_;
  runbook_.clear();
  EXPECT_THAT(Warnings(), HasSubstr("STOP Which factors the PMA shall take into account cannot be told: no runbook"));
  runbook_ = procedures::test::Replaced(whole, "weight: mandatory", "weight: optional");
  EXPECT_THAT(Warnings(), HasSubstr("the runbook given is not the one with SHA-256"));
  EXPECT_TRUE(brief_->factors.empty());
}

// --- its bounds ---

TEST_F(BriefTest, WhatItCannotDoFollowsFromTheDirection) {
  estate_.direction.limits.attempts_per_device = 2;
  const std::string text = FlatText();
  EXPECT_THAT(text, HasSubstr("root, recovery, networkOperator, accessControlBroker"));
  EXPECT_THAT(text, HasSubstr("not one of the 4 in the directed populations"));
  EXPECT_THAT(text, HasSubstr("another organisation than: "));
  EXPECT_THAT(text, HasSubstr("after " + FormatTime(estate_.direction.not_after)));
  EXPECT_THAT(text, HasSubstr("one Device more than 2 commands"));
  EXPECT_THAT(text, HasSubstr("another environment than drill/estate-7"));
}

TEST_F(BriefTest, ARoleThatIsDirectedIsNotAmongThoseOutOfReach) {
  for (const std::string& sentence : Compute().cannot) {
    if (sentence.find("these roles") != std::string::npos) {
      EXPECT_THAT(sentence, Not(HasSubstr("supplier")));
    }
  }
}

// --- other Directions ---

TEST_F(BriefTest, AnotherDirectionThatStillAllowsIsShownWithWhoApprovedItAndUntilWhen) {
  AddEarlier(kDirected, kNoneStands);
  EXPECT_THAT(FlatText(), HasSubstr("DIR-before"));
  EXPECT_THAT(FlatText(), HasSubstr("approved by bob; orders: none stands"));
  EXPECT_THAT(Warnings(), HasSubstr("note DIR-before still allows the use of the recovery key until"));
}

TEST_F(BriefTest, WhatIsOverWithdrawnOrNotApprovedNoLongerAllows) {
  AddEarlier(kDirected, kWithdrawn);
  AddEarlier("QUORUM_SHORT: one of three", kNoneStands);
  AddEarlier(kDirected, kNoneStands);
  earlier_->back().direction.not_after = Now() - Millis(1000);
  EXPECT_TRUE(Compute().earlier.empty());
  EXPECT_THAT(FlatText(), HasSubstr("none of those that the orchestrator showed"));
}

TEST_F(BriefTest, WhatIsHaltedOrOfUnknownOrdersIsTakenToAllow) {
  AddEarlier(kDirected, kHalted);
  AddEarlier(kDirected, "unknown: the keyguard does not answer");
  EXPECT_EQ(Compute().earlier.size(), 2u);
  EXPECT_THAT(FlatText(), HasSubstr("orders: unknown: the keyguard does not answer"));
}

TEST_F(BriefTest, WhatIsNotKnownOfOthersIsSaid) {
  left_out_ = 2;
  EXPECT_THAT(Warnings(), HasSubstr("note 2 Directions of other incidents could not be shown"));
  earlier_.reset();
  EXPECT_THAT(Warnings(), HasSubstr("note Nobody was asked which other Directions"));
  EXPECT_EQ(BriefJson(*brief_)["earlier"], nullptr);
}

TEST_F(BriefTest, JsonHasEverythingThePageHas) {
  const Json json = BriefJson(Compute());
  EXPECT_EQ(json["sha256"], ToHex(brief_->digest));
  EXPECT_EQ(json["devices"], 4);
  EXPECT_EQ(json["groups"].size(), 2u);
  EXPECT_EQ(json["groups"][0]["cells"].size(), 3u);
  EXPECT_EQ(json["groups"][0]["cells"][0]["in_use"], true);
  EXPECT_EQ(json["warnings"].size(), 0u);
  EXPECT_EQ(json["scope"]["kinds"].size(), 2u);
  EXPECT_EQ(json["scope"]["sample"].size(), 4u);
  EXPECT_EQ(json["guidance"]["factors"].size(), 6u);
  EXPECT_EQ(json["guidance"]["said"].size(), 1u);
  EXPECT_EQ(json["cannot"].size(), brief_->cannot.size());
  EXPECT_EQ(json["earlier"].size(), 0u);
}

}  // namespace
}  // namespace smki::cli
