// Custodians, shares and ceremonies under attack, through the keyguard's persons' listener.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "procedures/documents.h"
#include "procedures/evidence/share.h"
#include "tests/harness/keyguard.h"

namespace smki::test {
namespace {

class CustodyUnderAttack : public ::testing::Test {
 protected:
  void SetUp() override {
    estate_ = Estate::Copy();
    keyguard_ = Keyguard::Start(*estate_);
    bundle_ = estate_->MakeBundle();
  }
  void ExpectRefused(const StatusOr<kg::Ceremony>& result, const std::string& code) {
    ASSERT_FALSE(result.ok()) << "accepted, but must be refused with " << code;
    EXPECT_EQ(ReasonOf(result.status()), code) << Message(result.status());
    EXPECT_EQ(keyguard_->Refusals(code), 1u) << "a refusal leaves a record";
  }
  // Signs a presentation again after a change, as its person would.
  void SignAgain(kg::PresentShareRequest& request, const procedures::SharePresentation& presentation,
                 const std::string& person) {
    PersonKeys& keys = estate_->person(person);
    request.set_presentation(procedures::Render(presentation));
    request.set_signature(
        ToString(SMKI_MUST(pki::SignDetached(AsBytes(request.presentation()), keys.sign, keys.sign_certificate,
                                             SystemClock().Now(), procedures::kPresentationHint))));
  }
  std::string SignRefusal() {
    const auto response = keyguard_->Sign(bundle_, "supplier-a-esme", {{TestDevice(0, 0), 1}});
    return response.ok() ? response->commands(0).refusal() : ReasonOf(response.status());
  }

  std::unique_ptr<Estate> estate_;
  std::unique_ptr<Keyguard> keyguard_;
  Bundle bundle_;
};

TEST_F(CustodyUnderAttack, I5_TooFewSharesNoSignature) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  ASSERT_TRUE(keyguard_->Present("kira.custodian", ceremony).ok());
  ASSERT_TRUE(keyguard_->Present("liam.custodian", ceremony).ok());
  EXPECT_EQ(SignRefusal(), "SHARES_TOO_FEW");
  EXPECT_EQ(keyguard_->Refusals("SHARES_TOO_FEW"), 1u);
  ASSERT_TRUE(keyguard_->Present("otto.custodian", ceremony).ok());
  EXPECT_EQ(SignRefusal(), "");
}

TEST_F(CustodyUnderAttack, I5_AStrangersPresentation) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  kg::PresentShareRequest request = SMKI_MUST(keyguard_->MakePresentation("kira.custodian", ceremony));
  procedures::SharePresentation presentation = SMKI_MUST(procedures::ParseSharePresentation(request.presentation()));
  presentation.person = "owen.operator";
  SignAgain(request, presentation, "owen.operator");
  ExpectRefused(keyguard_->Present("owen.operator", request), "SHARE_FROM_STRANGER");
}

TEST_F(CustodyUnderAttack, I5_AStolenShareSignedByAnotherCustodian) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  kg::PresentShareRequest request = SMKI_MUST(keyguard_->MakePresentation("kira.custodian", ceremony));
  procedures::SharePresentation presentation = SMKI_MUST(procedures::ParseSharePresentation(request.presentation()));
  presentation.person = "liam.custodian";
  SignAgain(request, presentation, "liam.custodian");
  ExpectRefused(keyguard_->Present("liam.custodian", request), "SHARE_WRONG");
}

TEST_F(CustodyUnderAttack, I8_APresentationOfAnotherEnvironment) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  kg::PresentShareRequest request = SMKI_MUST(keyguard_->MakePresentation("kira.custodian", ceremony));
  procedures::SharePresentation presentation = SMKI_MUST(procedures::ParseSharePresentation(request.presentation()));
  presentation.environment.estate += "-other";
  SignAgain(request, presentation, "kira.custodian");
  ExpectRefused(keyguard_->Present("kira.custodian", request), "ENVIRONMENT_MISMATCH");
}

TEST_F(CustodyUnderAttack, I5_AShareReplayedFromAnotherCeremony) {
  const kg::Ceremony first = SMKI_MUST(keyguard_->Prepare(bundle_));
  const kg::PresentShareRequest recorded = SMKI_MUST(keyguard_->MakePresentation("kira.custodian", first));
  ASSERT_TRUE(keyguard_->Present("kira.custodian", recorded).ok());
  ASSERT_TRUE(keyguard_->Close(bundle_).ok());
  const kg::Ceremony second = SMKI_MUST(keyguard_->Prepare(bundle_));
  ASSERT_NE(first.request(), second.request());
  ExpectRefused(keyguard_->Present("kira.custodian", recorded), "SHARE_REPLAYED");
}

TEST_F(CustodyUnderAttack, I4_OneCustodianCountsOnce) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  ASSERT_TRUE(keyguard_->Present("kira.custodian", ceremony).ok());
  ExpectRefused(keyguard_->Present("kira.custodian", ceremony), "SHARE_DUPLICATE");
  EXPECT_EQ(SignRefusal(), "SHARES_TOO_FEW");
}

TEST_F(CustodyUnderAttack, I5_AnEnvelopeSwappedUnderASignedPresentation) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  kg::PresentShareRequest request = SMKI_MUST(keyguard_->MakePresentation("kira.custodian", ceremony));
  const kg::PresentShareRequest other = SMKI_MUST(keyguard_->MakePresentation("liam.custodian", ceremony));
  request.set_envelope(other.envelope());
  EXPECT_FALSE(keyguard_->Present("kira.custodian", request).ok());
  EXPECT_EQ(SignRefusal(), "SHARES_TOO_FEW");
}

TEST_F(CustodyUnderAttack, I5_ARelayWithACeremonyKeyOfItsOwnIsNoticedByTheCustodiansTool) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  procedures::CeremonyRequest request = SMKI_MUST(procedures::ParseCeremonyRequest(ceremony.request()));
  pki::PrivateKey relay = SMKI_MUST(pki::PrivateKey::Generate());
  const UtcTime now = SystemClock().Now();
  const Bytes serial(16, 0x11);
  request.ceremony_certificate.bytes =
      SMKI_MUST(
          pki::SelfSignedAgreementCertificate(relay, "ceremony", serial, now - Millis(1000), now + Millis(1'000'000)))
          .der();
  const std::string altered = procedures::Render(request);
  EXPECT_TRUE(procedures::CheckCeremonyRequest(estate_->policy(), estate_->policy_text(), ceremony.request(),
                                               AsBytes(ceremony.signature()), "kira.custodian", now)
                  .ok());
  EXPECT_FALSE(procedures::CheckCeremonyRequest(estate_->policy(), estate_->policy_text(), altered,
                                                AsBytes(ceremony.signature()), "kira.custodian", now)
                   .ok());
}

TEST_F(CustodyUnderAttack, I5_AKilledKeyguardNeedsTheSharesAgainButRemembersItsBurns) {
  ASSERT_TRUE(keyguard_->Open(bundle_).ok());
  ASSERT_EQ(SignRefusal(), "");
  const auto first = keyguard_->Sign(bundle_, "supplier-a-esme", {{TestDevice(0, 0), 1}});
  keyguard_->Kill();
  keyguard_ = Keyguard::Start(*estate_);
  EXPECT_NE(SignRefusal(), "") << "a crash closes the key";
  ASSERT_TRUE(keyguard_->Open(bundle_).ok());
  const auto again = keyguard_->Sign(bundle_, "supplier-a-esme", {{TestDevice(0, 0), 1}});
  ASSERT_TRUE(again.ok()) << Message(again.status());
  EXPECT_EQ(again->commands(0).command(), first->commands(0).command()) << "I2: only one byte string for an attempt";
}

// Two would each count and burn for themselves: the same counter signed twice, journal records written over.
TEST_F(CustodyUnderAttack, I2_ASecondKeyguardOnTheSameFolderDoesNotStart) {
  const std::string site = "keyguard/second.yaml";
  std::string text = estate_->Read("keyguard/keyguard.yaml");
  for (size_t at = text.find("127.0.0.1:"); at != std::string::npos; at = text.find("127.0.0.1:", at + 1)) {
    const size_t end = text.find_first_not_of("0123456789", at + 10);
    text.replace(at + 10, end - at - 10, "0");
  }
  estate_->Write(site, text);
  const auto second = sim::Process::Start({Program("smki-keyguard"), "--site", estate_->Path(site)}, {},
                                          estate_->Path("second.log"), "ready", Millis(20'000));
  ASSERT_FALSE(second.ok());
  EXPECT_NE(Message(second.status()).find("in use by another process"), std::string::npos) << Message(second.status());
  ASSERT_TRUE(keyguard_->Open(bundle_).ok()) << "the first one goes on";
  EXPECT_EQ(SignRefusal(), "");
}

TEST(KeyguardAtItsStart, I5_AnIdentityKeyThatOthersMayReadIsRefused) {
  const std::unique_ptr<Estate> estate = Estate::Copy();
  const std::string key = estate->Path("keyguard/identity.key.pem");
  ASSERT_EQ(::chmod(key.c_str(), 0640), 0);
  const sim::ProcessExit exit = SMKI_MUST(sim::RunProcess(
      {Program("smki-keyguard"), "--site", estate->Path("keyguard/keyguard.yaml")}, {}, Millis(20'000)));
  EXPECT_EQ(exit.code, 1);
  EXPECT_NE(exit.err.find("others may read this private key; run: chmod 600"), std::string::npos) << exit.err;
}

}  // namespace
}  // namespace smki::test
