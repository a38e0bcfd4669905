// Shares, and who may show them (I4, I5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/digest.h"
#include "procedures/reason.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using test::Must;
using test::TestEstate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CeremonyTest : public ::testing::Test {
 protected:
  void SetUp() override { ceremony_ = Must(estate_.Prepare()); }
  // Refused, and by the name of who came with it.
  void ExpectRefused(const StatusOr<CeremonyFrame>& result, Reason reason, const std::string& by = "kira.custodian") {
    EXPECT_TRUE(IsRefusal(result.status(), reason)) << result.status();
    EXPECT_THAT(Message(result.status()), HasSubstr(by));
    EXPECT_FALSE(estate_.token("recovery").open);
  }
  // A presentation signed by `signer`, after `bend` has changed its text.
  PresentFrame Bent(const std::string& person, const std::string& signer,
                    const std::function<void(procedures::SharePresentation&)>& bend) {
    PresentFrame frame = estate_.Presentation(person, ceremony_);
    auto presentation = Must(procedures::ParseSharePresentation(frame.presentation));
    bend(presentation);
    return Signed(std::move(frame), presentation, signer);
  }
  PresentFrame Signed(PresentFrame frame, const procedures::SharePresentation& presentation,
                      const std::string& signer) {
    frame.presentation = Render(presentation);
    test::Identity& identity = *estate_.persons.at(signer).sign;
    frame.signature = Must(pki::SignDetached(AsBytes(frame.presentation), identity.key, identity.certificate,
                                             estate_.clock.Now(), procedures::kPresentationHint));
    return frame;
  }
  // A presentation by `person` of any octets.
  PresentFrame Presenting(const std::string& person, ByteSpan record) {
    const auto request = Must(procedures::ParseCeremonyRequest(ceremony_.request));
    PresentFrame frame;
    frame.envelope = Must(pki::Envelop(record, Must(pki::Certificate::Parse(request.ceremony_certificate.bytes))));
    return Signed(frame,
                  {request.environment, request.id, pki::Sha256(ceremony_.request), request.key, person,
                   pki::Sha256(frame.envelope), estate_.clock.Now()},
                  person);
  }
  const procedures::ShareRecord& ShareOf(const std::string& key, const std::string& person) {
    for (const auto& share : estate_.custody.at(key).shares) {
      if (share.person == person) return share;
    }
    std::abort();
  }

  TestEstate estate_;
  CeremonyFrame ceremony_;
};

TEST_F(CeremonyTest, I5_RequestIsSignedByTheKeyguardOverDirectionPolicyAndFreshKey) {
  const auto request = procedures::CheckCeremonyRequest(estate_.policy, estate_.PolicyText(), ceremony_.request,
                                                        ceremony_.signature, "kira.custodian", estate_.clock.Now());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->direction, estate_.DirectionDigest());
  EXPECT_EQ(request->key, "recovery");
  EXPECT_EQ(request->devices, 60u);
  EXPECT_EQ(request->total, estate_.direction.limits.total);
  EXPECT_EQ(request->journal_head, estate_.Status().journal_head);
}

TEST_F(CeremonyTest, I5_ThresholdOfCustodiansOpensTheKey) {
  EXPECT_FALSE(Must(estate_.Present("otto.custodian", ceremony_)).open);
  const CeremonyFrame second = Must(estate_.Present("kira.custodian", ceremony_));
  EXPECT_THAT(second.presented, ElementsAre("kira.custodian", "otto.custodian"));
  EXPECT_FALSE(estate_.token("recovery").open);
  EXPECT_TRUE(IsRefusal(estate_.Sign("esme", {}).status(), Reason::kSHARES_TOO_FEW));
  EXPECT_TRUE(Must(estate_.Present("liam.custodian", ceremony_)).open);
  EXPECT_TRUE(estate_.token("recovery").open);
  EXPECT_EQ(estate_.Status().state, KeyState::kOpen);
  EXPECT_FALSE(estate_.token("contingency").open);
}

TEST_F(CeremonyTest, I5_NoCeremonyNoShare) {
  const PresentFrame presentation = estate_.Presentation("kira.custodian", ceremony_);
  ASSERT_TRUE(estate_.Close().ok());
  ExpectRefused(estate_.Present(presentation), Reason::kNO_CEREMONY, "");
}

TEST_F(CeremonyTest, I5_AnExpiredCeremonyEndsByItselfAndMakesRoomForTheNext) {
  ASSERT_TRUE(estate_.Present("kira.custodian", ceremony_).ok());
  estate_.clock.Advance(kCeremonyLife + std::chrono::seconds(1));
  EXPECT_EQ(estate_.Status().state, KeyState::kCeremony);
  estate_.signer().Tick();
  EXPECT_EQ(estate_.Status().state, KeyState::kClosed);
  EXPECT_TRUE(estate_.Prepare().ok());
}

TEST_F(CeremonyTest, I5_ShareFromAStranger) {
  ExpectRefused(estate_.Present(Bent("kira.custodian", "anna.pma", [](auto& p) { p.person = "anna.pma"; })),
                Reason::kSHARE_FROM_STRANGER, "anna.pma");
}

TEST_F(CeremonyTest, I4_ShareSignedBySomebodyElse) {
  ExpectRefused(estate_.Present(Bent("kira.custodian", "liam.custodian", [](auto&) {})), Reason::kSHARE_FROM_STRANGER);
}

TEST_F(CeremonyTest, I4_AShareCountsOnce) {
  ASSERT_TRUE(estate_.Present("kira.custodian", ceremony_).ok());
  ExpectRefused(estate_.Present("kira.custodian", ceremony_), Reason::kSHARE_DUPLICATE);
  ASSERT_TRUE(estate_.Present("liam.custodian", ceremony_).ok());
  EXPECT_FALSE(estate_.token("recovery").open);
}

TEST_F(CeremonyTest, I5_ShareReplayedFromAnotherCeremony) {
  const PresentFrame old = estate_.Presentation("kira.custodian", ceremony_);
  ASSERT_TRUE(estate_.Close().ok());
  ceremony_ = Must(estate_.Prepare());
  ExpectRefused(estate_.Present(old), Reason::kSHARE_REPLAYED);
}

TEST_F(CeremonyTest, I8_PresentationOfAnotherEnvironment) {
  ExpectRefused(
      estate_.Present(Bent("kira.custodian", "kira.custodian", [](auto& p) { p.environment.kind = "production"; })),
      Reason::kENVIRONMENT_MISMATCH);
}

TEST_F(CeremonyTest, I5_EnvelopeOtherThanSigned) {
  PresentFrame frame = estate_.Presentation("kira.custodian", ceremony_);
  frame.envelope = estate_.Presentation("liam.custodian", ceremony_).envelope;
  ExpectRefused(estate_.Present(frame), Reason::kSHARE_MALFORMED);
}

TEST_F(CeremonyTest, I5_ShareOfAnotherCustodian) {
  const Secret record = procedures::EncodeShareRecord(ShareOf("recovery", "liam.custodian"));
  ExpectRefused(estate_.Present(Presenting("kira.custodian", record.span())), Reason::kSHARE_WRONG);
}

TEST_F(CeremonyTest, I5_ShareOfAnotherKey) {
  const Secret record = procedures::EncodeShareRecord(ShareOf("contingency", "kira.custodian"));
  ExpectRefused(estate_.Present(Presenting("kira.custodian", record.span())), Reason::kSHARE_WRONG);
}

TEST_F(CeremonyTest, I5_ShareThatIsNone) {
  ExpectRefused(estate_.Present(Presenting("kira.custodian", AsBytes("no share"))), Reason::kSHARE_MALFORMED);
  ExpectRefused(estate_.Present(PresentFrame{"no text", {}, {}}), Reason::kSHARE_MALFORMED, "");
}

TEST_F(CeremonyTest, I5_EnvelopeToAnotherKey) {
  PresentFrame frame;
  const Secret record = procedures::EncodeShareRecord(ShareOf("recovery", "kira.custodian"));
  frame.envelope = Must(pki::Envelop(record.span(), estate_.persons.at("kira.custodian").agree->certificate));
  auto presentation =
      Must(procedures::ParseSharePresentation(estate_.Presentation("kira.custodian", ceremony_).presentation));
  presentation.envelope = pki::Sha256(frame.envelope);
  ExpectRefused(estate_.Present(Signed(frame, presentation, "kira.custodian")), Reason::kSHARE_MALFORMED);
}

TEST_F(CeremonyTest, I5_CeremonyExpires) {
  const PresentFrame frame = estate_.Presentation("kira.custodian", ceremony_);
  estate_.clock.Advance(kCeremonyLife + std::chrono::seconds(1));
  ExpectRefused(estate_.Present(frame), Reason::kCEREMONY_EXPIRED);
}

TEST_F(CeremonyTest, I1_NoShareForADirectionThatHasExpiredMeanwhile) {
  ASSERT_TRUE(estate_.Close().ok());
  estate_.direction.nonce = std::string(32, 'a');
  estate_.direction.counter_first = 1'001'000;
  estate_.direction.counter_last = 1'001'999;
  estate_.direction.not_after = test::kStart + std::chrono::minutes(10);
  ceremony_ = Must(estate_.Prepare());
  estate_.clock.Advance(std::chrono::minutes(11));
  ExpectRefused(estate_.Present("kira.custodian", ceremony_), Reason::kDIRECTION_EXPIRED, "DIR-");
}

TEST_F(CeremonyTest, I5_NoMoreSharesAfterOpening) {
  for (const char* person : {"kira.custodian", "liam.custodian", "mona.custodian"})
    ASSERT_TRUE(estate_.Present(person, ceremony_).ok());
  EXPECT_TRUE(IsRefusal(estate_.Present("nils.custodian", ceremony_).status(), Reason::kNO_CEREMONY));
}

TEST_F(CeremonyTest, I5_SharesThatDoNotOpenTheTokenEndTheCeremony) {
  estate_.token("recovery").secret[0] ^= 1;
  ASSERT_TRUE(estate_.Present("kira.custodian", ceremony_).ok());
  ASSERT_TRUE(estate_.Present("liam.custodian", ceremony_).ok());
  ExpectRefused(estate_.Present("mona.custodian", ceremony_), Reason::kSHARE_WRONG, "do not open the token");
  EXPECT_EQ(estate_.Status().state, KeyState::kClosed);
}

TEST_F(CeremonyTest, I5_ACrashEndsTheCeremonyButAttendanceSurvives) {
  ASSERT_TRUE(estate_.Present("kira.custodian", ceremony_).ok());
  const uint64_t records = estate_.Status().journal_records;
  const PresentFrame frame = estate_.Presentation("liam.custodian", ceremony_);
  estate_.StartSigner();
  EXPECT_EQ(estate_.Status().journal_records, records);
  ExpectRefused(estate_.Present(frame), Reason::kNO_CEREMONY, "");
}

// dora.double is PMA member and custodian; here she holds the share that was kira's.
class ConflictTest : public ::testing::Test {
 protected:
  ConflictTest() {
    auto& shares = estate_.custody.at("recovery").shares;
    shares[0].person = "dora.double";
    estate_.policy.keys[0].custodians[0] = {"dora.double", 1, procedures::CommitmentOf(shares[0])};
    estate_.BindTokens();
    estate_.StartSigner();
  }
  TestEstate estate_;
};

TEST_F(ConflictTest, I4_WhoApprovedCannotPresentAShare) {
  estate_.approvers.push_back("dora.double");
  const CeremonyFrame ceremony = Must(estate_.Prepare());
  const auto result = estate_.Present("dora.double", ceremony);
  EXPECT_TRUE(IsRefusal(result.status(), Reason::kROLE_CONFLICT)) << result.status();
}

TEST_F(ConflictTest, I4_WhoRequestedItCannotPresentAShare) {
  estate_.direction.requested_by = "dora.double";
  const CeremonyFrame ceremony = Must(estate_.Prepare());
  const auto result = estate_.Present("dora.double", ceremony);
  EXPECT_TRUE(IsRefusal(result.status(), Reason::kROLE_CONFLICT)) << result.status();
}

TEST_F(ConflictTest, I4_WhoDidNotApproveMay) {
  const CeremonyFrame ceremony = Must(estate_.Prepare());
  EXPECT_TRUE(estate_.Present("dora.double", ceremony).ok());
}

TEST_F(ConflictTest, I4_WhoCastTheDecidingVoteCannotPresentAShare) {
  auto& shares = estate_.custody.at("recovery").shares;
  shares[0].person = "clara.chair";
  estate_.policy.keys[0].custodians[0] = {"clara.chair", 1, procedures::CommitmentOf(shares[0])};
  estate_.BindTokens();
  estate_.StartSigner();
  estate_.approvers = {"anna.pma", "carla.pma"};
  Bundle bundle = estate_.MakeBundle();
  estate_.Tie(bundle, {"dario.pma", "elena.pma"}, "approve");
  const CeremonyFrame ceremony = Must(estate_.Prepare(bundle));
  const auto result = estate_.Present("clara.chair", ceremony);
  EXPECT_TRUE(IsRefusal(result.status(), Reason::kROLE_CONFLICT)) << result.status();
}

class RequestCheckTest : public CeremonyTest {
 protected:
  StatusOr<procedures::CeremonyRequest> Check(const std::string& person = "kira.custodian") {
    return procedures::CheckCeremonyRequest(estate_.policy, estate_.PolicyText(), ceremony_.request,
                                            ceremony_.signature, person, estate_.clock.Now());
  }
  void SignAgain(const std::function<void(procedures::CeremonyRequest&)>& bend, test::Identity& by) {
    auto request = Must(procedures::ParseCeremonyRequest(ceremony_.request));
    bend(request);
    ceremony_.request = Render(request);
    ceremony_.signature =
        Must(pki::SignDetached(AsBytes(ceremony_.request), by.key, by.certificate, estate_.clock.Now(), ""));
  }
};

TEST_F(RequestCheckTest, I5_RefusesARequestOfSomebodyElse) {
  SignAgain([](auto&) {}, estate_.orchestrator);
  EXPECT_TRUE(IsRefusal(Check().status(), Reason::kNOT_PERMITTED)) << Check().status();
}
TEST_F(RequestCheckTest, I8_RefusesARequestOfAnotherEnvironment) {
  SignAgain([](auto& r) { r.environment.kind = "production"; }, estate_.keyguard);
  EXPECT_TRUE(IsRefusal(Check().status(), Reason::kENVIRONMENT_MISMATCH));
}
TEST_F(RequestCheckTest, I10_RefusesARequestUnderAnotherPolicy) {
  SignAgain([](auto& r) { r.policy[0] ^= 1; }, estate_.keyguard);
  EXPECT_TRUE(IsRefusal(Check().status(), Reason::kPOLICY_DIGEST_MISMATCH));
}
TEST_F(RequestCheckTest, I10_RefusesARequestUnderAnOlderPolicy) {
  SignAgain([](auto& r) { r.policy_version = 0; }, estate_.keyguard);
  EXPECT_TRUE(IsRefusal(Check().status(), Reason::kPOLICY_TOO_OLD));
}
TEST_F(RequestCheckTest, I5_RefusesALowerThreshold) {
  SignAgain([](auto& r) { r.threshold = 2; }, estate_.keyguard);
  EXPECT_TRUE(IsRefusal(Check().status(), Reason::kBAD_REQUEST));
}
TEST_F(RequestCheckTest, I5_RefusesForWhoIsNoCustodian) {
  EXPECT_TRUE(IsRefusal(Check("anna.pma").status(), Reason::kSHARE_FROM_STRANGER));
}
TEST_F(RequestCheckTest, I5_RefusesAnExpiredRequest) {
  estate_.clock.Advance(kCeremonyLife + std::chrono::seconds(1));
  EXPECT_TRUE(IsRefusal(Check().status(), Reason::kCEREMONY_EXPIRED));
}

}  // namespace
}  // namespace smki::hsm
