// Key ceremonies with real tokens: what is made, and what nobody can write over or alter unseen.
#include "hsm/material/key_ceremony.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "procedures/evidence/key_ceremony.h"
#include "procedures/reason.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using test::Must;
using ::testing::HasSubstr;

constexpr char kAuthority[] =
    "apiVersion: smki.recovery/v1\nkind: KeyCeremony\n"
    "metadata: {id: %ID%, version: \"1.0\", title: A test, source: the test}\n"
    "spec: {makes: %MAKES%, token: %ID%, subject: {commonName: %ID%, organisationalUnit: \"%OU%\"}, years: %YEARS%, "
    "%MORE%}\n";
constexpr char kContingency[] =
    "apiVersion: smki.recovery/v1\nkind: KeyCeremony\n"
    "metadata: {id: contingency-2, version: \"1.0\", title: A test, source: the test}\n"
    "spec: {makes: contingency, token: contingency-2, symmetricToken: symmetric-2,\n"
    "       custody: {threshold: 3, custodiansOf: recovery}, symmetricCustody: {threshold: 2, custodiansOf: "
    "contingency}}\n";

std::string Authority(const std::string& id, const std::string& makes, const std::string& ou, int years,
                      const std::string& more) {
  std::string out = kAuthority;
  for (const auto& [from, to] : std::initializer_list<std::pair<std::string, std::string>>{
           {"%ID%", id}, {"%MAKES%", makes}, {"%OU%", ou}, {"%YEARS%", std::to_string(years)}, {"%MORE%", more}}) {
    for (size_t at = out.find(from); at != std::string::npos; at = out.find(from)) out.replace(at, from.size(), to);
  }
  return out;
}

class Ceremonies : public ::testing::Test {
 protected:
  Ceremonies() {
    for (const char* folder : {"results", "pins", "authorities", "keyguard"})
      std::filesystem::create_directories(folder_ / folder);
    Write("policy.yaml", estate_.PolicyText());
    Write("authorities.conf", pkcs11::SoftHsmConfig(folder_ / "authorities"));
    Write("keyguard.conf", pkcs11::SoftHsmConfig(folder_ / "keyguard"));
    Write("site.yaml", fmt::format("policy: policy.yaml\nresults: results\nmodule: {}\n"
                                   "authorities: {{config: authorities.conf, pins: pins}}\n"
                                   "keyguard: {{config: keyguard.conf}}\n",
                                   test::kSoftHsm));
    site_ = Must(ReadCeremonySite(PosixFiles(), folder_ / "site.yaml"));
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(PosixFiles().WriteDurably(folder_ / name, AsBytes(text)).ok());
  }
  StatusOr<CeremonyResult> Hold(const std::string& text) {
    Write("ceremony.yaml", text);
    return HoldKeyCeremony(site_, folder_ / "ceremony.yaml", PosixFiles(), estate_.clock, estate_.random);
  }
  pki::Certificate CertificateOf(const std::string& id) {
    return Must(pki::Certificate::FromPem(
        AsText(Must(PosixFiles().Read(folder_ / ("results/" + id + "/certificate.pem"), 1 << 16)))));
  }
  void HoldAll() {
    ASSERT_TRUE(Hold(kContingency).ok());
    const auto root = Hold(Authority("root-2", "root-oca", "00", 50, "carries: contingency-2"));
    ASSERT_TRUE(root.ok()) << root.status();
    const auto issuing = Hold(Authority("issuing-2", "issuing-oca", "07", 25, "issuer: root-2"));
    ASSERT_TRUE(issuing.ok()) << issuing.status();
  }
  void Sign(const std::string& id, const std::string& person) {
    test::Identity& identity = *estate_.persons.at(person).sign;
    Write("person.pem", identity.certificate.ToPem());
    const auto signed_by =
        SignKeyCeremony(site_, id, person, identity.key, folder_ / "person.pem", PosixFiles(), estate_.clock);
    ASSERT_TRUE(signed_by.ok()) << signed_by.status();
  }
  // As whoever wants to rely on it.
  StatusOr<procedures::KeyCeremonyTranscript> Check(const std::string& id) {
    const std::string folder = folder_ / ("results/" + id);
    const Bytes text = Must(PosixFiles().Read(folder + "/transcript.txt", 1 << 16));
    std::vector<Bytes> signatures;
    if (const auto names = PosixFiles().List(folder + "/signatures"); names.ok()) {
      for (const std::string& name : *names)
        signatures.push_back(Must(PosixFiles().Read(folder + "/signatures/" + name, 1 << 16)));
    }
    procedures::PolicyVerifier verifier = Must(procedures::PolicyVerifier::Make(estate_.policy));
    SMKI_CHECK(verifier.UseRevocationList(estate_.RevocationList(), estate_.clock.Now()).ok());
    return procedures::CheckTranscript(estate_.policy, verifier, AsText(text), signatures, estate_.clock.Now());
  }

  test::TestEstate estate_;
  test::TempFolder folder_;
  CeremonySite site_;
};

TEST_F(Ceremonies, ANewHierarchyChainsAndItsRootCarriesTheNewContingencyKey) {
  HoldAll();
  const pki::Certificate root = CertificateOf("root-2"), issuing = CertificateOf("issuing-2");
  ASSERT_TRUE(root.apex_key);
  EXPECT_FALSE(issuing.apex_key);
  EXPECT_TRUE(pki::ValidatePath(issuing, {}, pki::AnchorOf(root), estate_.clock.Now()).ok());
  EXPECT_EQ(Must(PosixFiles().Read(folder_ / "results/contingency-2/apex-key.wrapped.bin", 1 << 12)),
            root.apex_key->wrapped);
  EXPECT_EQ(issuing.path_length, 0);
}

TEST_F(Ceremonies, I5_EachNewSecretIsSplitAmongItsOwnCustodians) {
  ASSERT_TRUE(Hold(kContingency).ok());
  for (const char* share : {"contingency-kira.custodian", "symmetric-otto.custodian"}) {
    const std::string person = std::string(share).substr(std::string(share).find('-') + 1);
    const Bytes envelope =
        Must(PosixFiles().Read(folder_ / fmt::format("results/contingency-2/shares/{}.cms", share), 1 << 16));
    test::Identity& agree = *estate_.persons.at(person).agree;
    const auto record =
        procedures::DecodeShareRecord(Must(pki::OpenEnvelope(envelope, agree.key, agree.certificate)).span());
    ASSERT_TRUE(record.ok()) << share;
    EXPECT_EQ(record->person, person);
  }
}

TEST_F(Ceremonies, NothingIsWrittenOver) {
  const auto first = Hold(kContingency);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = Hold(kContingency);
  EXPECT_EQ(again.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(Message(again.status()), HasSubstr("never written over"));
  EXPECT_EQ(Must(ReadKeyCeremony(site_, "contingency-2", PosixFiles())).transcript.key_identifier,
            first->transcript.key_identifier);
}

TEST_F(Ceremonies, ARootNeedsTheContingencyKeyThatItNames) {
  EXPECT_FALSE(Hold(Authority("root-2", "root-oca", "00", 50, "carries: contingency-2")).ok());
  EXPECT_FALSE(PosixFiles().Exists(folder_ / "results/root-2/transcript.txt"));
  EXPECT_FALSE(Hold(Authority("issuing-2", "issuing-oca", "07", 25, "issuer: root-9")).ok());
}

TEST_F(Ceremonies, I3_AnAlteredOrMissingResultIsFound) {
  ASSERT_TRUE(Hold(kContingency).ok());
  Write("results/contingency-2/public-key.der", "another key");
  EXPECT_TRUE(
      IsRefusal(ReadKeyCeremony(site_, "contingency-2", PosixFiles()).status(), Reason::kCEREMONY_OUTPUT_WRONG));
  std::filesystem::remove(folder_ / "results/contingency-2/public-key.der");
  EXPECT_TRUE(
      IsRefusal(ReadKeyCeremony(site_, "contingency-2", PosixFiles()).status(), Reason::kCEREMONY_OUTPUT_WRONG));
}

TEST_F(Ceremonies, I4_ATranscriptTakesTwoWitnessesOfThePolicy) {
  ASSERT_TRUE(Hold(kContingency).ok());
  EXPECT_TRUE(IsRefusal(Check("contingency-2").status(), Reason::kCEREMONY_NOT_WITNESSED));
  Sign("contingency-2", "lena.lead");
  EXPECT_TRUE(IsRefusal(Check("contingency-2").status(), Reason::kCEREMONY_NOT_WITNESSED));
  Sign("contingency-2", "kira.custodian");
  const auto believed = Check("contingency-2");
  ASSERT_TRUE(believed.ok()) << believed.status();
  EXPECT_EQ(believed->makes, "contingency");
}

TEST_F(Ceremonies, I8_ATranscriptOfAnotherEnvironmentIsNotBelieved) {
  ASSERT_TRUE(Hold(kContingency).ok());
  for (const char* person : {"lena.lead", "kira.custodian"}) Sign("contingency-2", person);
  estate_.policy.environment.estate = "estate-8";
  EXPECT_TRUE(IsRefusal(Check("contingency-2").status(), Reason::kENVIRONMENT_MISMATCH));
}

TEST_F(Ceremonies, TheProfileOfAnAuthorityIsHeldAgainstWhatWasReviewed) {
  HoldAll();
  const pki::Certificate root = CertificateOf("root-2"), issuing = CertificateOf("issuing-2");
  const auto plan = [](const std::string& text) { return Must(procedures::LoadKeyCeremony(text, "test")); };
  using procedures::CheckAuthorityProfile;
  EXPECT_TRUE(
      CheckAuthorityProfile(plan(Authority("issuing-2", "issuing-oca", "07", 25, "issuer: root-2")), issuing, root)
          .ok());
  const std::string others[] = {Authority("issuing-3", "issuing-oca", "07", 25, "issuer: root-2"),
                                Authority("issuing-2", "issuing-oca", "07", 24, "issuer: root-2"),
                                Authority("issuing-2", "root-oca", "00", 25, "carries: contingency-2")};
  for (const std::string& other : others) {
    EXPECT_TRUE(IsRefusal(CheckAuthorityProfile(plan(other), issuing, root), Reason::kCEREMONY_OUTPUT_WRONG)) << other;
  }
  const auto own = plan(Authority("issuing-2", "issuing-oca", "07", 25, "issuer: root-2"));
  EXPECT_TRUE(IsRefusal(CheckAuthorityProfile(own, issuing, issuing), Reason::kCEREMONY_OUTPUT_WRONG)) << "its issuer";
}

TEST(KeyCeremonyPlan, IsStrict) {
  const auto refused = [](std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return !procedures::LoadKeyCeremony(text, "test").ok();
  };
  ASSERT_TRUE(procedures::LoadKeyCeremony(kContingency, "test").ok());
  EXPECT_TRUE(refused(kContingency, "threshold: 3", "threshold: 1"));
  EXPECT_TRUE(refused(kContingency, "custodiansOf: recovery", "custodiansOf: anybody"));
  EXPECT_TRUE(refused(kContingency, "id: contingency-2", "id: ../elsewhere"));
  EXPECT_TRUE(refused(kContingency, "makes: contingency", "makes: root-oca"));
  EXPECT_TRUE(refused(kContingency, "token: contingency-2", "token: contingency-2, pin: 1234"));
  EXPECT_TRUE(refused(kContingency, ", symmetricCustody: {threshold: 2, custodiansOf: contingency}", ""));
  const std::string root = Authority("root-2", "root-oca", "00", 50, "carries: contingency-2");
  ASSERT_TRUE(procedures::LoadKeyCeremony(root, "test").ok());
  EXPECT_TRUE(refused(root, "years: 50", "years: 51"));
  EXPECT_TRUE(refused(root, "\"00\"", "\"07\""));
}

}  // namespace
}  // namespace smki::hsm
