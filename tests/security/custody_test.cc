// Custodians, shares and ceremonies under attack, through the keyguard's persons' listener.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>

#include "base/clock.h"
#include "procedures/documents.h"
#include "procedures/evidence/share.h"
#include "proto/rpc/server.h"
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

// A taken keyguard host without the keyguard's identity: it answers in the keyguard's place and wants the shares for a
// ceremony key of its own.
class Relay : public kg::KeyguardPersons::Service {
 public:
  grpc::Status GetCeremony(grpc::ServerContext*, const kg::GetCeremonyRequest*, kg::Ceremony* response) override {
    ++asked;
    *response = ceremony;
    return grpc::Status::OK;
  }
  grpc::Status GetStatus(grpc::ServerContext*, const kg::GetStatusRequest*, kg::Status* response) override {
    *response = status;
    return grpc::Status::OK;
  }
  grpc::Status PresentShare(grpc::ServerContext*, const kg::PresentShareRequest*, kg::PresentShareResponse*) override {
    ++received;
    return grpc::Status::OK;
  }
  kg::Ceremony ceremony;
  kg::Status status;
  std::atomic<int> asked{0}, received{0};
};

TEST_F(CustodyUnderAttack, I5_ARelayWithACeremonyKeyOfItsOwnGetsNothing) {
  const kg::Ceremony honest = SMKI_MUST(keyguard_->Prepare(bundle_));
  Relay relay;
  relay.status = SMKI_MUST(keyguard_->GetStatus());
  const rpc::TlsMaterial tls{estate_->Read("tls/ca.pem"), estate_->Read("tls/keyguard.crt.pem"),
                             estate_->Read("tls/keyguard.key.pem")};
  const auto server = SMKI_MUST(rpc::Server::Start("127.0.0.1:0", tls, {&relay}));
  const std::string site = "persons/kira.custodian/client.yaml";
  std::string text = estate_->Read(site);
  const size_t at = text.find("keyguard: ") + 10;
  text.replace(at, text.find('\n', at) - at, server->address());
  estate_->Write(site, text);
  const auto present = [&] {
    return SMKI_MUST(sim::RunProcess({Program("smkictl"), "--site", estate_->Path(site), "ceremony", "present"}, {},
                                     Millis(30'000)));
  };

  procedures::CeremonyRequest request = SMKI_MUST(procedures::ParseCeremonyRequest(honest.request()));
  pki::PrivateKey key = SMKI_MUST(pki::PrivateKey::Generate());
  const UtcTime now = SystemClock().Now();
  const pki::Certificate certificate = SMKI_MUST(pki::SelfSignedAgreementCertificate(
      key, "ceremony", Bytes(16, 0x11), now - Millis(1000), now + Millis(1'000'000)));
  request.ceremony_certificate.bytes = certificate.der();
  const std::string altered = procedures::Render(request);
  // With the keyguard's signature over the honest request, with none, and signed by whoever the relay can be.
  PersonKeys& insider = estate_->person("owen.operator");
  const std::vector<std::string> signatures = {
      honest.signature(), "",
      ToString(SMKI_MUST(pki::SignDetached(AsBytes(altered), insider.sign, insider.sign_certificate, now,
                                           procedures::kCeremonyHint)))};
  for (const std::string& signature : signatures) {
    relay.ceremony = honest;
    relay.ceremony.set_request(altered);
    relay.ceremony.set_signature(signature);
    const sim::ProcessExit exit = present();
    EXPECT_EQ(exit.code, 1) << exit.out;
    EXPECT_NE(exit.err.find("NOT_PERMITTED"), std::string::npos) << exit.err;
  }
  EXPECT_EQ(relay.asked, 3) << "smkictl spoke to the relay";
  EXPECT_EQ(relay.received, 0) << "and gave it nothing";
  // One that passes the honest request on gets an envelope that it cannot open.
  relay.ceremony = honest;
  EXPECT_EQ(present().code, 0);
  EXPECT_EQ(relay.received, 1);
  EXPECT_EQ(SMKI_MUST(keyguard_->GetStatus()).presented_size(), 0);
  const kg::PresentShareRequest passed = SMKI_MUST(keyguard_->MakePresentation("kira.custodian", honest));
  EXPECT_FALSE(pki::OpenEnvelope(AsBytes(passed.envelope()), key, certificate).ok());
}

TEST_F(CustodyUnderAttack, I5_ARefusedShareIsNamedByItsCustodian) {
  const kg::Ceremony first = SMKI_MUST(keyguard_->Prepare(bundle_));
  const kg::PresentShareRequest recorded = SMKI_MUST(keyguard_->MakePresentation("kira.custodian", first));
  ASSERT_TRUE(keyguard_->Present("kira.custodian", recorded).ok());
  const auto twice = keyguard_->Present("kira.custodian", recorded);
  EXPECT_NE(Message(twice.status()).find("kira.custodian"), std::string::npos) << Message(twice.status());
  ASSERT_TRUE(keyguard_->Close(bundle_).ok());
  ASSERT_TRUE(keyguard_->Prepare(bundle_).ok());
  const auto replayed = keyguard_->Present("liam.custodian", recorded);
  EXPECT_EQ(ReasonOf(replayed.status()), "SHARE_REPLAYED");
  EXPECT_NE(Message(replayed.status()).find("kira.custodian"), std::string::npos) << "whoever brings it";
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
