#include "procedures/evidence/signed_document.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "people.h"
#include "pki/digest.h"
#include "procedures/documents.h"
#include "procedures/evidence/votes.h"
#include "sample.h"

namespace smki::procedures {
namespace {

using test::CmsForm;
using test::Now;
using test::People;

People& SharedPeople() {
  static People people;
  return people;
}

class Evidence : public testing::Test {
 protected:
  Evidence() : people_(SharedPeople()), verifier_(people_.Verifier()) {}

  SignatureFinding Approval(ByteSpan cms) const {
    return verifier_.VerifyApproval(direction_, AsBytes(text_), cms, Now());
  }
  Bytes Approve(const std::string& person) { return people_.Sign(person, AsBytes(text_), ApprovalHint(direction_.id)); }

  People& people_;
  PolicyVerifier verifier_;
  Direction direction_ = test::SampleDirection();
  std::string text_ = RenderDirection(direction_);
};

#define EXPECT_FAULT(finding, reason)                              \
  do {                                                             \
    const SignatureFinding found = (finding);                      \
    ASSERT_TRUE(found.fault.has_value());                          \
    EXPECT_EQ(TextOf(*found.fault).code, #reason) << found.detail; \
  } while (false)

TEST_F(Evidence, I1_AnApprovalNamesThePersonAndTheTime) {
  const SignatureFinding finding = Approval(Approve("ann"));
  EXPECT_FALSE(finding.fault.has_value()) << finding.detail;
  EXPECT_EQ(finding.person, "ann");
  EXPECT_EQ(finding.signing_time, Now() - std::chrono::minutes(5));
}

TEST_F(Evidence, I1_ASignatureMadeWithOtherToolsHasNoHintAndCounts) {
  EXPECT_FALSE(Approval(people_.Sign("ann", AsBytes(text_), "")).fault.has_value());
}

TEST_F(Evidence, I1_EachWrongFormHasItsOwnReason) {
  EXPECT_FALSE(Approval(people_.SignOddly("ann", AsBytes(text_), {})).fault.has_value())
      << "the odd signer signs well when asked to";
  EXPECT_FAULT(Approval(people_.SignOddly("ann", AsBytes(text_), CmsForm{false, true, true, 1})),
               APPROVAL_NO_SIGNED_ATTRIBUTES);
  EXPECT_FAULT(Approval(people_.SignOddly("ann", AsBytes(text_), CmsForm{true, false, true, 1})),
               APPROVAL_NO_SIGNING_TIME);
  EXPECT_FAULT(Approval(people_.SignOddly("ann", AsBytes(text_), CmsForm{true, true, false, 1})),
               APPROVAL_OTHER_ALGORITHM);
  EXPECT_FAULT(Approval(people_.SignOddly("ann", AsBytes(text_), CmsForm{true, true, true, 2})),
               APPROVAL_NOT_ONE_SIGNER);
  EXPECT_FAULT(Approval(people_.SignOddly("ann", AsBytes(text_), CmsForm{true, true, true, 0})),
               APPROVAL_NOT_ONE_SIGNER);
  EXPECT_FAULT(Approval(AsBytes("not a signature")), APPROVAL_MALFORMED);
}

TEST_F(Evidence, I1_ASignatureThatDoesNotVerifyIsRefused) {
  Bytes cms = Approve("ann");
  cms.back() ^= 1;
  EXPECT_FAULT(Approval(cms), APPROVAL_BAD_SIGNATURE);
}

TEST_F(Evidence, I1_TextChangedAfterSigningIsRefused) {
  const Bytes cms = Approve("ann");
  const std::string changed = test::Replaced(text_, "total: 3000", "total: 3001");
  EXPECT_FAULT(verifier_.VerifyApproval(direction_, AsBytes(changed), cms, Now()), APPROVAL_DIGEST_MISMATCH);
}

TEST_F(Evidence, I1_AnApprovalOfAnotherDirectionIsToldApart) {
  Direction other = direction_;
  other.id = "DIR-2026-0002";
  const std::string other_text = RenderDirection(other);
  EXPECT_FAULT(Approval(people_.Sign("ann", AsBytes(other_text), ApprovalHint(other.id))), APPROVAL_OTHER_DOCUMENT);
  EXPECT_FAULT(Approval(people_.Sign("ann", AsBytes(text_), ApprovalHint(other.id))), APPROVAL_OTHER_DOCUMENT);
}

TEST_F(Evidence, I1_ARejectionIsNoApprovalWhateverItIsOver) {
  const std::string rejection = Render(Rejection{direction_.environment, Digest{}, "ann", {"no"}});
  EXPECT_FAULT(Approval(people_.Sign("ann", AsBytes(rejection), kRejectionHint)), APPROVAL_IS_REJECTION);
  EXPECT_FAULT(Approval(people_.Sign("ann", AsBytes(text_), kRejectionHint)), APPROVAL_IS_REJECTION);
}

TEST_F(Evidence, I1_OnlyThePolicysOwnSigningCertificatesAreBelieved) {
  const pki::Certificate again = people_.Issue("ann", pki::kDigitalSignature, people_.KeyOf("ann").public_key(),
                                               Now() - std::chrono::hours(1), Now() + std::chrono::hours(1));
  const auto cms = pki::SignDetached(AsBytes(text_), people_.KeyOf("ann"), again, Now(), "");
  ASSERT_TRUE(cms.ok());
  EXPECT_FAULT(Approval(*cms), APPROVAL_NOT_A_MEMBER);
  EXPECT_FAULT(Approval(people_.Sign("keyguard", AsBytes(text_), "")), APPROVAL_NOT_A_MEMBER);
}

TEST_F(Evidence, I1_ARevokedSignerIsRefused) {
  const PolicyVerifier verifier = people_.Verifier({"bob"});
  EXPECT_FAULT(verifier.VerifyApproval(direction_, AsBytes(text_), Approve("bob"), Now()), SIGNER_CERTIFICATE_REVOKED);
  EXPECT_FALSE(verifier.VerifyApproval(direction_, AsBytes(text_), Approve("ann"), Now()).fault.has_value());
}

TEST_F(Evidence, I1_ASignersCertificateMustBeValidNowAndWhenItSigned) {
  People people;
  const auto reissue = [&](UtcTime from, UtcTime to) {
    people.policy.persons[0].signing_certificate.bytes =
        people.Issue("ann", pki::kDigitalSignature, people.KeyOf("ann").public_key(), from, to).der();
    return people.Verifier();
  };
  const PolicyVerifier expired = reissue(Now() - std::chrono::hours(48), Now() - std::chrono::minutes(1));
  EXPECT_FAULT(expired.Verify(AsBytes(text_), people.Sign("ann", AsBytes(text_), ""), Now(), ""),
               SIGNER_CERTIFICATE_EXPIRED);
  const PolicyVerifier fresh = reissue(Now() - std::chrono::minutes(1), Now() + std::chrono::hours(48));
  EXPECT_FAULT(fresh.Verify(AsBytes(text_), people.Sign("ann", AsBytes(text_), ""), Now(), ""),
               SIGNER_CERTIFICATE_EXPIRED);
  EXPECT_FALSE(
      fresh.Verify(AsBytes(text_), people.Sign("ann", AsBytes(text_), "", Now()), Now(), "").fault.has_value());
}

TEST_F(Evidence, I10_WithoutAFreshRevocationListNobodySignedAnything) {
  auto none = PolicyVerifier::Make(people_.policy);
  ASSERT_TRUE(none.ok());
  EXPECT_FAULT(none->VerifyApproval(direction_, AsBytes(text_), Approve("ann"), Now()), REVOCATION_LIST_STALE);
  EXPECT_EQ(none->RevocationListTime(), std::nullopt);
  const UtcTime later = Now() + std::chrono::hours(23) + std::chrono::minutes(1);
  EXPECT_FAULT(verifier_.VerifyApproval(direction_, AsBytes(text_), Approve("ann"), later), REVOCATION_LIST_STALE);
}

TEST_F(Evidence, I10_AnUnusableRevocationListIsNotTakenIntoUse) {
  const auto hours = [](int n) { return std::chrono::hours(n); };
  const UtcTime now = Now();
  auto verifier = PolicyVerifier::Make(people_.policy);
  ASSERT_TRUE(verifier.ok());
  pki::IssuerIdentity renamed = people_.authority;
  renamed.name = pki::AuthorityName({"Somebody", "PA"});
  const auto other_name = pki::IssueRevocationList(renamed, 1, now - hours(1), now + hours(9), {});
  ASSERT_TRUE(other_name.ok());
  EXPECT_TRUE(IsRefusal(verifier->UseRevocationList(other_name->der, now), Reason::kREVOCATION_LIST_STALE));
  People strangers;
  Bytes broken = people_.FreshList();
  broken.back() ^= 1;
  for (const Bytes& list :
       {people_.RevocationList({}, now + std::chrono::minutes(6), now + hours(9)),
        people_.RevocationList({}, now - hours(25), now + hours(9)), people_.RevocationList({}, now - hours(2), now),
        strangers.FreshList(), broken, ToBytes(AsBytes("none"))}) {
    EXPECT_TRUE(IsRefusal(verifier->UseRevocationList(list, now), Reason::kREVOCATION_LIST_STALE));
    EXPECT_EQ(verifier->RevocationListTime(), std::nullopt);
  }
  EXPECT_TRUE(
      verifier->UseRevocationList(people_.RevocationList({}, now + std::chrono::minutes(5), now + hours(9)), now).ok());
  EXPECT_TRUE(IsRefusal(verifier->UseRevocationList(people_.FreshList(), now), Reason::kREVOCATION_LIST_STALE))
      << "older than the one in use";
}

TEST_F(Evidence, OtherDocumentsAreVerifiedUnderTheirOwnHint) {
  const std::string statement = "any document";
  EXPECT_FALSE(verifier_
                   .Verify(AsBytes(statement), people_.Sign("leo", AsBytes(statement), "smki statement"), Now(),
                           "smki statement")
                   .fault.has_value());
  EXPECT_FALSE(
      verifier_.Verify(AsBytes(statement), people_.Sign("leo", AsBytes(statement), ""), Now(), "smki statement")
          .fault.has_value());
  EXPECT_FAULT(verifier_.Verify(AsBytes(statement), people_.Sign("leo", AsBytes(statement), "smki order"), Now(),
                                "smki statement"),
               APPROVAL_OTHER_DOCUMENT);
  EXPECT_FAULT(verifier_.Verify(AsBytes("another"), people_.Sign("leo", AsBytes(statement), ""), Now(), ""),
               APPROVAL_DIGEST_MISMATCH);
}

TEST_F(Evidence, KnowsThePersonsCertificatesAndTheIdentities) {
  ASSERT_NE(verifier_.SigningCertificateOf("kim"), nullptr);
  EXPECT_EQ(verifier_.SigningCertificateOf("kim")->der(), people_.policy.FindPerson("kim")->signing_certificate.bytes);
  EXPECT_EQ(verifier_.AgreementCertificateOf("kim")->key_usage, pki::kKeyAgreement);
  EXPECT_EQ(verifier_.SigningCertificateOf("nobody"), nullptr);
  EXPECT_EQ(verifier_.AgreementCertificateOf("nobody"), nullptr);
  EXPECT_EQ(verifier_.KeyguardCertificate().der(), people_.policy.keyguard_certificate.bytes);
  EXPECT_EQ(verifier_.OrchestratorCertificate().der(), people_.policy.orchestrator_certificate.bytes);
}

TEST_F(Evidence, I10_APolicyWithAWrongCertificateIsIncomplete) {
  using Spoil = std::function<void(TrustPolicy&)>;
  People strangers;
  pki::IssuerIdentity renamed = people_.authority;
  renamed.name = pki::AuthorityName({"Somebody", "PA"});
  const auto other_name =
      pki::IssuePersonCertificate(renamed, "ann", "org-a", people_.KeyOf("ann").public_key(), pki::kDigitalSignature,
                                  Bytes(16, 1), Now(), Now() + std::chrono::hours(1), false);
  ASSERT_TRUE(other_name.ok());
  const struct {
    Spoil spoil;
    const char* says;
  } kCases[] = {
      {[](TrustPolicy& p) { p.persons[0].signing_certificate.bytes.pop_back(); }, "person ann, signing certificate"},
      {[](TrustPolicy& p) { p.persons[0].signing_certificate = p.persons[0].agreement_certificate; },
       "digitalSignature only"},
      {[](TrustPolicy& p) { p.persons[0].agreement_certificate = p.persons[0].signing_certificate; },
       "keyAgreement only"},
      {[](TrustPolicy& p) { p.persons[1].signing_certificate = p.persons[0].signing_certificate; },
       "another person has the same"},
      {[&](TrustPolicy& p) { p.persons[0].signing_certificate = strangers.policy.persons[0].signing_certificate; },
       "not issued by the persons' authority"},
      {[&](TrustPolicy& p) { p.persons[0].signing_certificate.bytes = other_name->der(); },
       "not issued by the persons' authority"},
      {[&](TrustPolicy& p) { p.keyguard_certificate = strangers.policy.keyguard_certificate; }, "keyguard identity"},
      {[](TrustPolicy& p) { p.keyguard_certificate = p.persons[0].agreement_certificate; }, "keyguard identity"},
      {[](TrustPolicy& p) { p.orchestrator_certificate.bytes = {1}; }, "orchestrator identity"},
      {[](TrustPolicy& p) { p.persons_authority = p.keyguard_certificate; }, "persons' authority: must be a CA"},
      {[](TrustPolicy& p) { p.organisation_root = p.keyguard_certificate; }, "organisation root: must be a CA"},
      {[](TrustPolicy& p) { p.device_authorities[0] = p.keyguard_certificate; }, "must be a CA"},
      {[](TrustPolicy& p) { p.device_authorities[0].bytes = {1}; }, "Device authority"},
  };
  for (const auto& c : kCases) {
    TrustPolicy policy = people_.policy;
    c.spoil(policy);
    const Status status = PolicyVerifier::Make(policy).status();
    EXPECT_TRUE(IsRefusal(status, Reason::kPOLICY_INCOMPLETE)) << c.says;
    EXPECT_NE(Message(status).find(c.says), std::string::npos) << Message(status);
  }
}

TEST_F(Evidence, I1_AdmissionIsTheWholeJudgementInOneCall) {
  const std::vector<Bytes> approvals = {Approve("ann"), Approve("bob"), Approve("cal")};
  const auto admit = [&](const std::string& text, const std::vector<Bytes>& signatures, const std::string& incident) {
    return AdmitDirection(people_.policy, verifier_, AsBytes(text), {signatures, {}, std::nullopt}, incident, Now());
  };
  const auto admitted = admit(text_, approvals, direction_.incident);
  ASSERT_TRUE(admitted.ok()) << Message(admitted.status());
  EXPECT_EQ(admitted->direction.id, direction_.id);
  EXPECT_EQ(admitted->digest, pki::Sha256(text_));
  EXPECT_EQ(admitted->voters, (std::set<std::string>{"ann", "bob", "cal"}));
  EXPECT_TRUE(IsRefusal(admit(text_ + " ", approvals, direction_.incident).status(), Reason::kDIRECTION_NOT_CANONICAL));
  EXPECT_TRUE(IsRefusal(admit(text_, approvals, "INC-2").status(), Reason::kWRONG_INCIDENT));
  EXPECT_TRUE(IsRefusal(admit(text_, {}, direction_.incident).status(), Reason::kDIRECTION_UNSIGNED));
  EXPECT_TRUE(
      IsRefusal(admit(text_, {approvals[0], approvals[1]}, direction_.incident).status(), Reason::kQUORUM_SHORT));
  EXPECT_TRUE(IsRefusal(admit(text_, {approvals[0], approvals[1], approvals[0]}, direction_.incident).status(),
                        Reason::kAPPROVAL_DUPLICATE_MEMBER));
  EXPECT_TRUE(IsRefusal(admit(text_, {approvals[0], approvals[1], Approve("ola")}, direction_.incident).status(),
                        Reason::kAPPROVAL_NOT_A_MEMBER));
  const std::vector<Bytes> too_many(people_.policy.seats.size() + 1, ToBytes(AsBytes("not even looked at")));
  EXPECT_TRUE(IsRefusal(admit(text_, too_many, direction_.incident).status(), Reason::kAPPROVAL_DUPLICATE_MEMBER));
  const std::string changed = test::Replaced(text_, "total: 3000", "total: 3001");
  EXPECT_TRUE(IsRefusal(admit(changed, approvals, direction_.incident).status(), Reason::kAPPROVAL_DIGEST_MISMATCH));
}

// --- The Chair's casting vote, with its signatures ---

class CastEvidence : public Evidence {
 protected:
  // ann and bob for it, cal and eve against it, the Chair decides.
  SignedVotes Tie(const std::string& decision) {
    SignedVotes out{{Approve("ann"), Approve("bob")}, {Reject("cal"), Reject("eve")}, std::nullopt};
    CastingVote vote{people_.policy.environment, pki::Sha256(text_), "cho", decision, {}, {}, Now(), {"time presses"}};
    for (const Bytes& cms : out.approvals) vote.approvals.push_back(pki::Sha256(cms));
    for (const SignedText& no : out.rejections) vote.rejections.push_back(pki::Sha256(no.text));
    std::sort(vote.approvals.begin(), vote.approvals.end());
    std::sort(vote.rejections.begin(), vote.rejections.end());
    out.cast = SignCast(vote, "cho", kCastingVoteHint);
    return out;
  }
  SignedText SignCast(const CastingVote& vote, const std::string& person, const std::string& hint) {
    const std::string text = Render(vote);
    return {text, people_.Sign(person, AsBytes(text), hint, Now())};
  }
  Rejection No(const std::string& person) {
    return {people_.policy.environment, pki::Sha256(text_), person, {"too many Devices"}};
  }
  SignedText Reject(const std::string& person) { return Sign(No(person), person); }
  SignedText Sign(const Rejection& rejection, const std::string& person) {
    const std::string text = Render(rejection);
    return {text, people_.Sign(person, AsBytes(text), kRejectionHint)};
  }
  StatusOr<VotedDirection> Admit(const SignedVotes& votes) {
    return AdmitDirection(people_.policy, verifier_, AsBytes(text_), votes, direction_.incident, Now());
  }
  Reason FaultOf(const SignedText& rejection) {
    return VerifyRejection(people_.policy, verifier_, pki::Sha256(text_), rejection, Now())
        .fault.value_or(Reason::kNO_DIRECTION);
  }
};

TEST_F(CastEvidence, I1_ASignedCastingVoteAdmitsAndAllWhoVotedAreNamed) {
  const auto admitted = Admit(Tie("approve"));
  ASSERT_TRUE(admitted.ok()) << Message(admitted.status());
  EXPECT_EQ(admitted->voters, (std::set<std::string>{"ann", "bob", "cal", "eve", "cho"}));
  EXPECT_EQ(admitted->newest_vote, Now());
  EXPECT_TRUE(IsRefusal(Admit(Tie("reject")).status(), Reason::kDIRECTION_REJECTED));
}

TEST_F(CastEvidence, I1_ACastingVoteIsHeldAgainstTheVotesThatAreThere) {
  SignedVotes votes = Tie("approve");
  votes.rejections.pop_back();
  EXPECT_TRUE(IsRefusal(Admit(votes).status(), Reason::kCASTING_VOTE_OTHER_VOTES));
  votes = Tie("approve");
  votes.approvals.push_back(Approve("pam"));
  EXPECT_TRUE(IsRefusal(Admit(votes).status(), Reason::kCASTING_VOTE_OTHER_VOTES));
  votes = Tie("approve");
  votes.rejections.resize(people_.policy.seats.size() + 1);
  EXPECT_TRUE(IsRefusal(Admit(votes).status(), Reason::kAPPROVAL_DUPLICATE_MEMBER)) << "not even looked at";
}

TEST_F(CastEvidence, I4_OnlyTheChairsOwnSignatureCasts) {
  SignedVotes votes = Tie("approve");
  const CastingVote vote = *ParseCastingVote(votes.cast->text);
  votes.cast = SignCast(vote, "pam", kCastingVoteHint);
  EXPECT_TRUE(IsRefusal(Admit(votes).status(), Reason::kCASTING_VOTE_NOT_BY_CHAIR));
  votes.cast = SignCast(vote, "cho", kRejectionHint);
  EXPECT_TRUE(IsRefusal(Admit(votes).status(), Reason::kAPPROVAL_OTHER_DOCUMENT));
  votes = Tie("approve");
  votes.cast->text = test::Replaced(votes.cast->text, "time presses", "time presset");
  EXPECT_TRUE(IsRefusal(Admit(votes).status(), Reason::kAPPROVAL_DIGEST_MISMATCH));
  votes.cast->text += " ";
  EXPECT_TRUE(IsRefusal(Admit(votes).status(), Reason::kAPPROVAL_MALFORMED));
  verifier_ = people_.Verifier({"cho"});
  EXPECT_TRUE(IsRefusal(Admit(Tie("approve")).status(), Reason::kSIGNER_CERTIFICATE_REVOKED));
}

TEST_F(CastEvidence, ARejectionIsTheWordOfWhomItNamesAboutThisDirectionAndSaysWhy) {
  EXPECT_EQ(FaultOf(Reject("cal")), Reason::kNO_DIRECTION) << "no fault";
  EXPECT_EQ(FaultOf(Sign(No("cal"), "eve")), Reason::kNOT_PERMITTED);
  Rejection other = No("cal");
  other.direction = test::Filled(9);
  EXPECT_EQ(FaultOf(Sign(other, "cal")), Reason::kAPPROVAL_OTHER_DOCUMENT);
  other = No("cal");
  other.environment.estate = "estate-8";
  EXPECT_EQ(FaultOf(Sign(other, "cal")), Reason::kENVIRONMENT_MISMATCH);
  other = No("cal");
  other.reason.text = " ";
  EXPECT_EQ(FaultOf(Sign(other, "cal")), Reason::kBAD_REQUEST);
  EXPECT_EQ(FaultOf({"kind: Rejection", {}}), Reason::kAPPROVAL_MALFORMED);
}

}  // namespace
}  // namespace smki::procedures
