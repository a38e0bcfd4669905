// Changing who holds the shares of a key: nothing changes before every new share was shown back, and whatever happens,
// the old shares open the key or the new ones do (I1, I4, I5, I8, I10).
#include "hsm/signer/custody_change.h"

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

const std::vector<std::string> kOld = {"kira.custodian", "liam.custodian", "mona.custodian"};

class CustodyChangeTest : public ::testing::Test {
 protected:
  CustodyChangeTest() { Draft("CUS-1", 'a'); }

  void Draft(const std::string& id, char nonce) {
    change_.id = id;
    change_.environment = estate_.policy.environment;
    change_.key = "recovery";
    change_.change = "refresh";
    change_.policy_version = estate_.policy.version;
    change_.policy = pki::Sha256(estate_.PolicyText());
    change_.threshold = 3;
    change_.custodians = {"kira.custodian", "liam.custodian", "mona.custodian", "nils.custodian", "otto.custodian"};
    change_.requested_by = "lena.lead";
    change_.nonce = std::string(32, nonce);
    change_.drafted = estate_.clock.Now() - std::chrono::hours(2);
    change_.not_after = estate_.clock.Now() + std::chrono::hours(24);
    change_.rationale = {"yearly refresh"};
  }
  BeginCustodyFrame Request(const std::vector<std::string>& approvers = {"anna.pma", "carla.pma", "dario.pma"}) {
    BeginCustodyFrame out;
    out.change = Render(change_);
    for (const std::string& person : approvers) {
      out.approvals.push_back(estate_.Approve(person, out.change, "smki custody change " + change_.id));
    }
    out.policy = ToBytes(AsBytes(estate_.PolicyText()));
    out.revocation_list = estate_.RevocationList();
    return out;
  }
  StatusOr<CeremonyFrame> Begin(const BeginCustodyFrame& request) {
    return estate_.Ask<CeremonyFrame>(FrameType::kBeginCustody, request);
  }
  StatusOr<CeremonyFrame> Begin() { return Begin(Request()); }
  void ExpectRefused(const BeginCustodyFrame& request, Reason reason) {
    const auto result = Begin(request);
    EXPECT_TRUE(IsRefusal(result.status(), reason)) << result.status();
    EXPECT_EQ(estate_.Refusals(std::string(procedures::TextOf(reason).code)), 1u) << "a refusal leaves a record";
    EXPECT_EQ(estate_.Status().state, KeyState::kClosed);
  }
  // The old custodians present; the new shares are ready.
  void Offer() {
    const CeremonyFrame ceremony = Must(Begin());
    for (const std::string& person : kOld) {
      const auto presented = estate_.Present(person, ceremony);
      ASSERT_TRUE(presented.ok()) << presented.status();
    }
  }
  CustodyFrame Get(const std::string& person) {
    return Must(estate_.Ask<CustodyFrame>(FrameType::kGetCustody, GetCustodyFrame{person}));
  }
  // What `person` shows back: the share in `envelope`, as their tool does.
  PresentFrame Confirmation(const std::string& person, const CustodyFrame& offer) {
    const auto policy = Must(procedures::ParsePolicy(offer.policy));
    const auto request = Must(procedures::ParseCeremonyRequest(offer.ceremony.request));
    auto& keys = estate_.persons.at(person);
    auto made = Must(procedures::PresentShare(
        policy, request, offer.ceremony.request, person, offer.envelope,
        {keys.agree->key, keys.agree->certificate, keys.sign->key, keys.sign->certificate}, estate_.clock.Now()));
    return {std::move(made.document), std::move(made.signature), std::move(made.envelope)};
  }
  StatusOr<CeremonyFrame> Confirm(const std::string& person) {
    return estate_.Present(Confirmation(person, Get(person)));
  }
  // Each new custodian keeps the share that they fetched, and shows it back. Returns the last answer.
  StatusOr<CeremonyFrame> ConfirmAll() {
    StatusOr<CeremonyFrame> last = CeremonyFrame();
    for (const std::string& person : change_.custodians) {
      const CustodyFrame offer = Get(person);
      new_policy_ = Must(procedures::ParsePolicy(offer.policy));
      auto& keys = estate_.persons.at(person);
      const Secret record = Must(pki::OpenEnvelope(offer.envelope, keys.agree->key, keys.agree->certificate));
      new_shares_.push_back(Must(procedures::DecodeShareRecord(record.span())));
      last = estate_.Present(Confirmation(person, offer));
      if (!last.ok()) return last;
    }
    return last;
  }
  // The key opens under the policy and with the shares that the estate has now, and signs.
  ::smki::Status OpenAndSign() {
    estate_.StartSigner();
    SMKI_ASSIGN_OR_RETURN(CeremonyFrame ceremony, estate_.Prepare());
    for (size_t i = 0; i < 3; ++i) {
      SMKI_ASSIGN_OR_RETURN(ceremony, estate_.Present(estate_.custody.at("recovery").shares[i].person, ceremony));
    }
    if (!ceremony.open) return Internal("not open");
    SMKI_ASSIGN_OR_RETURN(const SignedFrame made,
                          estate_.Sign("esme", {{estate_.populations.at("esme").devices[0], 1}}));
    SMKI_RETURN_IF_ERROR(estate_.Close().status());
    estate_.StartSigner();
    return made.items[0].refusal.empty() ? OkStatus() : Internal("not signed: {}", made.items[0].refusal);
  }
  // From now on the estate's persons have the new policy and the new shares.
  void TakeTheNew() {
    estate_.policy = new_policy_;
    estate_.custody.at("recovery").shares = std::move(new_shares_);
    new_shares_.clear();
  }
  std::string Folder() const { return estate_.folder / "custody/policy-v2"; }

  TestEstate estate_;
  procedures::CustodyChange change_;
  procedures::TrustPolicy new_policy_;
  std::vector<procedures::ShareRecord> new_shares_;
};

TEST_F(CustodyChangeTest, I5_ARefreshGivesNewSharesAndTheOldOnesOpenNoMore) {
  const Bytes old_secret = estate_.token("recovery").secret;
  Offer();
  EXPECT_EQ(estate_.token("recovery").secret, old_secret) << "nothing has changed yet";
  const auto last = ConfirmAll();
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(estate_.signer().ended()) << "memory that a secret was in is not used again";
  EXPECT_NE(estate_.token("recovery").secret, old_secret);
  EXPECT_EQ(estate_.token("recovery").binding.policy_version, 2u);
  EXPECT_EQ(estate_.token("recovery").binding.policy, pki::Sha256(procedures::RenderPolicy(new_policy_)));
  EXPECT_EQ(estate_.token("recovery").witness.journal_records, [&] {
    estate_.StartSigner();
    return estate_.Status().journal_records;
  }());
  EXPECT_TRUE(IsRefusal(OpenAndSign(), Reason::kPOLICY_TOO_OLD)) << "the old version is refused afterwards";
  TakeTheNew();
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
}

TEST_F(CustodyChangeTest, TheNewPolicyAndItsProofAreWrittenAndVerify) {
  Offer();
  ASSERT_TRUE(ConfirmAll().ok());
  const auto read = [&](const std::string& name) { return Must(PosixFiles().Read(Folder() + name, 1 << 20)); };
  procedures::Succession s{ToString(read(".change.yaml")),
                           {read(".approval-1.cms"), read(".approval-2.cms"), read(".approval-3.cms")},
                           ToString(read(".record.yaml")),
                           read(".record.yaml.cms"),
                           ToString(read(".yaml"))};
  auto verifier = Must(procedures::PolicyVerifier::Make(estate_.policy));
  ASSERT_TRUE(verifier.UseRevocationList(estate_.RevocationList(), estate_.clock.Now()).ok());
  const auto next =
      procedures::VerifySuccession(estate_.policy, estate_.PolicyText(), verifier, s, estate_.clock.Now());
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->version, 2u);
}

TEST_F(CustodyChangeTest, I5_SomebodyWhoDoesNotShowTheirShareBackKeepsEverythingAsItWas) {
  Offer();
  for (const char* person : {"kira.custodian", "liam.custodian", "mona.custodian", "nils.custodian"}) {
    ASSERT_TRUE(Confirm(person).ok());
  }
  EXPECT_EQ(estate_.token("recovery").binding.policy_version, 1u) << "the threshold of new shares is not enough";
  estate_.clock.Advance(kCeremonyLife + std::chrono::seconds(1));
  estate_.signer().Tick();
  EXPECT_EQ(estate_.Status().state, KeyState::kClosed);
  EXPECT_FALSE(PosixFiles().Exists(Folder() + ".yaml"));
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
}

TEST_F(CustodyChangeTest, I5_FewerThanTheOldThresholdGetNothing) {
  const CeremonyFrame ceremony = Must(Begin());
  ASSERT_TRUE(estate_.Present("kira.custodian", ceremony).ok());
  ASSERT_TRUE(estate_.Present("liam.custodian", ceremony).ok());
  const CustodyFrame offer = Get("kira.custodian");
  EXPECT_FALSE(offer.offered);
  EXPECT_TRUE(offer.envelope.empty());
  EXPECT_TRUE(offer.policy.empty());
}

TEST_F(CustodyChangeTest, I5_SomebodyElseGetsNoShare) {
  Offer();
  EXPECT_TRUE(Get("lena.lead").envelope.empty());
  EXPECT_FALSE(Get("lena.lead").policy.empty()) << "what is about to change is no secret";
}

TEST_F(CustodyChangeTest, I5_TheOldShareShownAgainIsNotTheNewOne) {
  Offer();
  const CustodyFrame offer = Get("kira.custodian");
  // The old share, in the form of a confirmation.
  const auto request = Must(procedures::ParseCeremonyRequest(offer.ceremony.request));
  const Secret record = procedures::EncodeShareRecord(estate_.custody.at("recovery").shares[0]);
  PresentFrame frame;
  frame.envelope = Must(pki::Envelop(record.span(), Must(pki::Certificate::Parse(request.ceremony_certificate.bytes))));
  frame.presentation = Render(
      procedures::SharePresentation{request.environment, request.id, pki::Sha256(offer.ceremony.request), request.key,
                                    "kira.custodian", pki::Sha256(frame.envelope), estate_.clock.Now()});
  auto& signer = *estate_.persons.at("kira.custodian").sign;
  frame.signature = Must(pki::SignDetached(AsBytes(frame.presentation), signer.key, signer.certificate,
                                           estate_.clock.Now(), procedures::kPresentationHint));
  const auto result = estate_.Present(frame);
  EXPECT_TRUE(IsRefusal(result.status(), Reason::kSHARE_WRONG)) << result.status();
}

TEST_F(CustodyChangeTest, I4_ANewShareIsConfirmedByItsHolderOnly) {
  Offer();
  PresentFrame frame = Confirmation("kira.custodian", Get("kira.custodian"));
  auto presentation = Must(procedures::ParseSharePresentation(frame.presentation));
  const auto sign = [&](const std::string& person) {
    frame.presentation = Render(presentation);
    auto& signer = *estate_.persons.at(person).sign;
    frame.signature = Must(pki::SignDetached(AsBytes(frame.presentation), signer.key, signer.certificate,
                                             estate_.clock.Now(), procedures::kPresentationHint));
    return estate_.Present(frame).status();
  };
  EXPECT_TRUE(IsRefusal(sign("liam.custodian"), Reason::kSHARE_FROM_STRANGER));
  presentation.person = "liam.custodian";
  EXPECT_TRUE(IsRefusal(sign("liam.custodian"), Reason::kSHARE_WRONG));
  presentation.person = "lena.lead";
  EXPECT_TRUE(IsRefusal(sign("lena.lead"), Reason::kSHARE_FROM_STRANGER));
}

TEST_F(CustodyChangeTest, I4_AConfirmationCountsOnce) {
  Offer();
  ASSERT_TRUE(Confirm("kira.custodian").ok());
  EXPECT_TRUE(IsRefusal(Confirm("kira.custodian").status(), Reason::kSHARE_DUPLICATE));
}

TEST_F(CustodyChangeTest, I5_APresentationToTheOldCeremonyIsNoConfirmation) {
  const CeremonyFrame ceremony = Must(Begin());
  const PresentFrame old = estate_.Presentation("nils.custodian", ceremony);
  for (const std::string& person : kOld) ASSERT_TRUE(estate_.Present(person, ceremony).ok());
  EXPECT_TRUE(IsRefusal(estate_.Present(old).status(), Reason::kSHARE_REPLAYED));
}

TEST_F(CustodyChangeTest, I5_TheRequestNamesTheChangeAndIsSignedByTheKeyguard) {
  const CeremonyFrame ceremony = Must(Begin());
  const auto request = procedures::CheckCeremonyRequest(estate_.policy, estate_.PolicyText(), ceremony.request,
                                                        ceremony.signature, "kira.custodian", estate_.clock.Now());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->direction, pki::Sha256(Render(change_)));
  EXPECT_EQ(request->direction_id, "CUS-1");
  EXPECT_EQ(request->total, 0u);
}

TEST_F(CustodyChangeTest, I5_NothingIsSignedInACustodyChange) {
  Offer();
  EXPECT_FALSE(estate_.Sign("esme", {{estate_.populations.at("esme").devices[0], 1}}).ok());
}

TEST_F(CustodyChangeTest, I4_TheQuorumIsThatOfThePolicy) {
  ExpectRefused(Request({"anna.pma", "carla.pma"}), Reason::kQUORUM_SHORT);
}
TEST_F(CustodyChangeTest, I4_AStrangersApprovalIsNone) {
  ExpectRefused(Request({"anna.pma", "carla.pma", "kira.custodian"}), Reason::kAPPROVAL_NOT_A_MEMBER);
}
TEST_F(CustodyChangeTest, I10_AnExpiredChange) {
  change_.not_after = change_.drafted + std::chrono::minutes(1);
  ExpectRefused(Request(), Reason::kCUSTODY_CHANGE_EXPIRED);
}
TEST_F(CustodyChangeTest, I8_AChangeOfAnotherEnvironment) {
  change_.environment.estate = "estate-9";
  ExpectRefused(Request(), Reason::kENVIRONMENT_MISMATCH);
}
TEST_F(CustodyChangeTest, I10_AChangeUnderAPolicyThatIsNotTheTokens) {
  estate_.policy.approvals_needed = 2;
  Draft("CUS-1", 'a');
  ExpectRefused(Request({"anna.pma", "carla.pma"}), Reason::kPOLICY_DIGEST_MISMATCH);
}
TEST_F(CustodyChangeTest, I5_AThresholdOfOne) {
  change_.threshold = 1;
  ExpectRefused(Request(), Reason::kCUSTODY_CHANGE_INVALID);
}
TEST_F(CustodyChangeTest, AKeyThatThisKeyguardDoesNotHold) {
  change_.key = "symmetric";
  ExpectRefused(Request(), Reason::kKEY_NOT_DIRECTED);
}
TEST_F(CustodyChangeTest, I10_ARevokedMembersApproval) {
  BeginCustodyFrame request = Request();
  request.revocation_list = estate_.RevocationList({"carla.pma"});
  ExpectRefused(request, Reason::kSIGNER_CERTIFICATE_REVOKED);
}
TEST_F(CustodyChangeTest, I10_AnOlderRevocationListThanTheOneInUse) {
  const BeginCustodyFrame older = Request();
  estate_.clock.Advance(std::chrono::hours(1));
  Draft("CUS-1", 'a');
  ASSERT_TRUE(Begin().ok());
  estate_.StartSigner();
  BeginCustodyFrame request = Request();
  request.revocation_list = older.revocation_list;
  ExpectRefused(request, Reason::kREVOCATION_LIST_STALE);
}
TEST_F(CustodyChangeTest, I10_AJournalThatIsOlderThanTheTokensWitness) {
  estate_.token("recovery").witness.journal_records = 1000;
  ExpectRefused(Request(), Reason::kJOURNAL_ROLLED_BACK);
}
TEST_F(CustodyChangeTest, I1_ANonceIsUsedOnce) {
  ASSERT_TRUE(Begin().ok());
  estate_.StartSigner();
  Draft("CUS-2", 'a');
  ExpectRefused(Request(), Reason::kNONCE_REPLAYED);
}
TEST_F(CustodyChangeTest, I1_ADirectionsNonceIsNoneOfAChange) {
  ASSERT_TRUE(estate_.Prepare().ok());
  estate_.StartSigner();
  change_.nonce = estate_.direction.nonce;
  ExpectRefused(Request(), Reason::kNONCE_REPLAYED);
}
TEST_F(CustodyChangeTest, I5_AChangeThatWasCarriedOutIsNotCarriedOutAgain) {
  Offer();
  ASSERT_TRUE(ConfirmAll().ok());
  const BeginCustodyFrame again = Request();
  estate_.StartSigner();
  ExpectRefused(again, Reason::kPOLICY_TOO_OLD);
}

TEST_F(CustodyChangeTest, ACrashBeforeItIsCarriedOutLetsTheSameChangeBeginAgain) {
  Offer();
  estate_.StartSigner();
  Offer();
  EXPECT_TRUE(ConfirmAll().ok());
  TakeTheNew();
  EXPECT_TRUE(OpenAndSign().ok());
}

TEST_F(CustodyChangeTest, I4_WhoApprovedACustodyChangeCannotShowAShareInIt) {
  change_.change = "appoint";
  change_.custodians.push_back("dora.double");
  const CeremonyFrame ceremony = Must(Begin(Request({"anna.pma", "carla.pma", "dora.double"})));
  for (const std::string& person : kOld) ASSERT_TRUE(estate_.Present(person, ceremony).ok());
  EXPECT_TRUE(IsRefusal(Confirm("dora.double").status(), Reason::kROLE_CONFLICT));
}

TEST_F(CustodyChangeTest, AnIncidentWaitsForNobody) {
  Offer();
  const auto ceremony = estate_.Prepare();
  ASSERT_TRUE(ceremony.ok()) << ceremony.status();
  for (const std::string& person : kOld) ASSERT_TRUE(estate_.Present(person, *ceremony).ok());
  EXPECT_TRUE(estate_.token("recovery").open);
  EXPECT_TRUE(IsRefusal(estate_.Ask<CustodyFrame>(FrameType::kGetCustody, GetCustodyFrame{"kira.custodian"}).status(),
                        Reason::kNO_CUSTODY_CHANGE));
}

TEST_F(CustodyChangeTest, I5_CustodyIsNotChangedInAnIncident) {
  ASSERT_TRUE(estate_.Prepare().ok());
  EXPECT_TRUE(IsRefusal(Begin().status(), Reason::kWRONG_DIRECTION));
}

TEST_F(CustodyChangeTest, OneAtATime) {
  const CeremonyFrame first = Must(Begin());
  EXPECT_EQ(Must(Begin()).request, first.request) << "asked again for the same, the same request";
  Draft("CUS-2", 'b');
  EXPECT_TRUE(IsRefusal(Begin().status(), Reason::kWRONG_DIRECTION));
}

TEST_F(CustodyChangeTest, AHaltOfThePmaEndsIt) {
  Offer();
  const procedures::PmaOrder order{"halt",     change_.environment, pki::Sha256(Render(change_)),
                                   "anna.pma", estate_.clock.Now(), {"not today"}};
  const std::string text = Render(order);
  ASSERT_TRUE(
      estate_.Ask<StatusFrame>(FrameType::kOrder, OrderFrame{text, estate_.Approve("anna.pma", text, "smki order")})
          .ok());
  EXPECT_EQ(estate_.Status().state, KeyState::kClosed);
  EXPECT_TRUE(IsRefusal(Begin().status(), Reason::kKEY_HALTED));
}

TEST_F(CustodyChangeTest, I5_AppointmentAndCeasing) {
  // nel is unknown to the policy; mona and nils cease.
  auto& nel = estate_.persons["nel.new"];
  nel.sign.emplace(estate_.IssueFor("nel.new", pki::kDigitalSignature));
  nel.agree.emplace(estate_.IssueFor("nel.new", pki::kKeyAgreement));
  change_.change = "appoint";
  change_.custodians = {"kira.custodian", "liam.custodian", "otto.custodian", "nel.new"};
  change_.threshold = 2;
  change_.persons = {{"nel.new",
                      {"Nel New"},
                      "org-nel",
                      {"key-custodian"},
                      {nel.sign->certificate.der()},
                      {nel.agree->certificate.der()}}};
  Offer();
  const auto last = ConfirmAll();
  ASSERT_TRUE(last.ok()) << last.status();
  TakeTheNew();
  estate_.StartSigner();
  const CeremonyFrame ceremony = Must(estate_.Prepare());
  ASSERT_TRUE(estate_.Present("nel.new", ceremony).ok());
  EXPECT_TRUE(Must(estate_.Present("otto.custodian", ceremony)).open);
}

TEST_F(CustodyChangeTest, ACertificateThatIsNotOfThePersonsAuthorityIsFoundBeforeAnybodyIsAsked) {
  change_.change = "appoint";
  change_.custodians.push_back("nel.new");
  change_.persons = {{"nel.new",
                      {"Nel New"},
                      "org-nel",
                      {"key-custodian"},
                      {estate_.certificates.at("recovery").der()},
                      {estate_.certificates.at("recovery").der()}}};
  ExpectRefused(Request(), Reason::kPOLICY_INCOMPLETE);
}

// --- What a crash in the middle leaves ---

TEST_F(CustodyChangeTest, I5_WhenTheTokenDoesNotTakeTheNewSecretTheOldSharesOpenIt) {
  Offer();
  estate_.token("recovery").change_fails = true;
  EXPECT_FALSE(ConfirmAll().ok());
  EXPECT_TRUE(estate_.signer().ended());
  estate_.token("recovery").change_fails = false;
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
  // And that settled it: the new policy is none.
  TakeTheNew();
  estate_.StartSigner();
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kPOLICY_DIGEST_MISMATCH));
}

TEST_F(CustodyChangeTest, I5_WhenTheSecretIsChangedButNotTheBindingTheNewSharesOpenIt) {
  Offer();
  estate_.token("recovery").binding_fails = true;
  EXPECT_FALSE(ConfirmAll().ok());
  estate_.token("recovery").binding_fails = false;
  EXPECT_EQ(estate_.token("recovery").binding.policy_version, 1u);
  EXPECT_TRUE(IsRefusal(OpenAndSign(), Reason::kSHARE_WRONG)) << "the old shares open it no more";
  TakeTheNew();
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
  EXPECT_EQ(estate_.token("recovery").binding.policy_version, 2u) << "the binding has followed";
  EXPECT_TRUE(PosixFiles().Exists(Folder() + ".record.yaml"));
}

TEST_F(CustodyChangeTest, I10_AnUnfinishedChangeLetsNoThirdPolicyIn) {
  Offer();
  estate_.token("recovery").binding_fails = true;
  EXPECT_FALSE(ConfirmAll().ok());
  estate_.policy.approvals_needed = 2;
  estate_.StartSigner();
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kPOLICY_DIGEST_MISMATCH));
  estate_.policy.version = 2;
  estate_.policy.previous = change_.policy;
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kPOLICY_DIGEST_MISMATCH));
}

TEST_F(CustodyChangeTest, I5_TheNextChangeSettlesOneThatTheTokenHadTakenAlready) {
  Offer();
  estate_.token("recovery").binding_fails = true;
  EXPECT_FALSE(ConfirmAll().ok());
  estate_.token("recovery").binding_fails = false;
  TakeTheNew();
  estate_.StartSigner();
  Draft("CUS-2", 'b');
  Offer();
  EXPECT_EQ(estate_.token("recovery").binding.policy_version, 2u) << "the binding has followed";
  EXPECT_TRUE(PosixFiles().Exists(Folder() + ".record.yaml"));
  ASSERT_TRUE(ConfirmAll().ok());
  TakeTheNew();
  EXPECT_EQ(estate_.policy.version, 3u);
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
}

TEST_F(CustodyChangeTest, AnExpiredOneMakesRoomForTheNext) {
  Offer();
  estate_.clock.Advance(kCeremonyLife + std::chrono::seconds(1));
  Draft("CUS-2", 'b');
  EXPECT_TRUE(Begin().ok());
}

TEST_F(CustodyChangeTest, I5_TwoBindingsLeftByACrashAreUnderstood) {
  Offer();
  estate_.token("recovery").binding_fails = true;
  EXPECT_FALSE(ConfirmAll().ok());
  estate_.token("recovery").binding_fails = false;
  estate_.token("recovery").left_behind = estate_.token("recovery").binding;
  estate_.token("recovery").binding.policy_version = 2;
  estate_.token("recovery").binding.policy = pki::Sha256(procedures::RenderPolicy(new_policy_));
  EXPECT_TRUE(IsRefusal(OpenAndSign(), Reason::kPOLICY_TOO_OLD)) << "the secret was changed before the binding";
  TakeTheNew();
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
  EXPECT_FALSE(estate_.token("recovery").left_behind.has_value());
}

TEST_F(CustodyChangeTest, I10_ASecondBindingThatNoChangeExplainsIsRefused) {
  TokenBinding intruder = estate_.token("recovery").binding;
  intruder.policy_version = 2;
  intruder.policy[0] ^= 1;
  estate_.token("recovery").left_behind = intruder;
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kPOLICY_DIGEST_MISMATCH));
  estate_.token("recovery").left_behind.reset();
  Offer();
  estate_.token("recovery").change_fails = true;
  EXPECT_FALSE(ConfirmAll().ok());
  estate_.token("recovery").left_behind = intruder;
  estate_.StartSigner();
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kPOLICY_DIGEST_MISMATCH));
}

TEST_F(CustodyChangeTest, AnUnfinishedChangeThatTouchedNothingCanBeMadeAgain) {
  Offer();
  estate_.token("recovery").change_fails = true;
  EXPECT_FALSE(ConfirmAll().ok());
  estate_.token("recovery").change_fails = false;
  new_shares_.clear();
  estate_.StartSigner();
  Offer();
  ASSERT_TRUE(ConfirmAll().ok());
  TakeTheNew();
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
}

TEST_F(CustodyChangeTest, TheOtherKeysTokenFollowsToTheNewPolicy) {
  Offer();
  ASSERT_TRUE(ConfirmAll().ok());
  const auto begin_for_contingency = [&] {
    estate_.StartSigner();
    Draft("CUS-2", 'b');
    change_.key = "contingency";
    return Begin();
  };
  EXPECT_TRUE(IsRefusal(begin_for_contingency().status(), Reason::kPOLICY_TOO_OLD)) << "its old version is refused";
  TakeTheNew();
  const CeremonyFrame ceremony = Must(begin_for_contingency());
  for (const std::string& person : kOld) ASSERT_TRUE(estate_.Present(person, ceremony).ok());
  ASSERT_TRUE(ConfirmAll().ok());
  EXPECT_EQ(estate_.token("contingency").binding.policy_version, 3u);
  // And the recovery key follows to version 3, its binding when it is opened.
  new_shares_.clear();
  estate_.policy = new_policy_;
  EXPECT_EQ(estate_.token("recovery").binding.policy_version, 2u);
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
  EXPECT_EQ(estate_.token("recovery").binding.policy_version, 3u);
}

TEST_F(CustodyChangeTest, I10_AFullDiskChangesNothing) {
  Offer();
  const Bytes old_secret = estate_.token("recovery").secret;
  for (const char* person : {"kira.custodian", "liam.custodian", "mona.custodian", "nils.custodian"}) {
    ASSERT_TRUE(Confirm(person).ok());
  }
  const PresentFrame last = Confirmation("otto.custodian", Get("otto.custodian"));
  estate_.disk.full = true;
  EXPECT_FALSE(estate_.Present(last).ok());
  estate_.disk.full = false;
  EXPECT_EQ(estate_.token("recovery").secret, old_secret);
  const auto opened = OpenAndSign();
  EXPECT_TRUE(opened.ok()) << opened;
}

TEST_F(CustodyChangeTest, EveryStageIsOnRecord) {
  Offer();
  ASSERT_TRUE(ConfirmAll().ok());
  std::vector<std::string> stages;
  ASSERT_TRUE(ledger::ReadRecordLog(PosixFiles(), estate_.folder / "journal", ledger::kJournalKind,
                                    [&](const ledger::Record& r) {
                                      if (r.type == static_cast<uint8_t>(ledger::JournalType::kCustody)) {
                                        const auto c = Must(ledger::DecodeJournalCustody(r.payload));
                                        EXPECT_EQ(c.id, "CUS-1");
                                        stages.push_back(c.stage);
                                      }
                                      return OkStatus();
                                    })
                  .ok());
  EXPECT_THAT(stages, ElementsAre("begun", "offered", "changing", "changed"));
}

}  // namespace
}  // namespace smki::hsm
