// Who may hold the shares from now on, by whose word, and what the next policy may differ in (I4, I5, I8).
#include "procedures/evidence/custody_change.h"

#include <gtest/gtest.h>

#include "people.h"
#include "pki/digest.h"
#include "sample.h"

namespace smki::procedures {
namespace {

using test::Filled;
using test::Now;
using test::People;

class CustodyChangeTest : public ::testing::Test {
 protected:
  CustodyChangeTest() {
    change_.id = "CUS-2026-0001";
    change_.environment = people_.policy.environment;
    change_.key = "recovery";
    change_.change = "refresh";
    change_.policy_version = 1;
    change_.policy = pki::Sha256(PolicyText());
    change_.threshold = 2;
    change_.custodians = {"kim", "kay", "kit"};
    change_.requested_by = "leo";
    change_.nonce = std::string(32, 'a');
    change_.drafted = Now() - std::chrono::hours(1);
    change_.not_after = Now() + std::chrono::hours(24);
    change_.rationale = {"yearly refresh"};
  }
  std::string PolicyText() const { return RenderPolicy(people_.policy); }
  // "nel", whom the policy does not know.
  Person Newcomer() {
    const pki::PrivateKey sign = *pki::PrivateKey::Generate(), agree = *pki::PrivateKey::Generate();
    const UtcTime from = Now() - std::chrono::hours(1), to = Now() + std::chrono::hours(1000);
    return {"nel",
            {"Person nel"},
            "org-e",
            {"key-custodian"},
            {people_.Issue("nel", pki::kDigitalSignature, sign.public_key(), from, to).der()},
            {people_.Issue("nel", pki::kKeyAgreement, agree.public_key(), from, to).der()}};
  }
  std::vector<Bytes> Approvals(const std::vector<std::string>& members = {"ann", "bob", "cal"}) {
    std::vector<Bytes> out;
    for (const std::string& member : members) {
      out.push_back(people_.Sign(member, AsBytes(Render(change_)), "smki custody change " + change_.id));
    }
    return out;
  }
  StatusOr<AdmittedCustodyChange> Admit(std::vector<Bytes> approvals) {
    return AdmitCustodyChange(people_.policy, pki::Sha256(PolicyText()), verifier_, Render(change_), approvals, Now());
  }
  StatusOr<AdmittedCustodyChange> Admit() { return Admit(Approvals()); }
  void ExpectRefused(Reason reason) {
    const auto result = Admit();
    EXPECT_TRUE(IsRefusal(result.status(), reason)) << result.status();
  }
  Succession MakeSuccession() {
    Succession out;
    out.change = Render(change_);
    out.approvals = Approvals();
    next_ = *ChangedPolicy(people_.policy, change_, Commitments(), Now());
    out.policy = RenderPolicy(next_);
    record_ = {change_.environment,
               change_.key,
               change_.id,
               pki::Sha256(out.change),
               1,
               change_.policy,
               2,
               pki::Sha256(out.policy),
               change_.custodians,
               9,
               Filled(7),
               Now()};
    Sign(out);
    return out;
  }
  void Sign(Succession& s) {
    s.record = Render(record_);
    s.signature = people_.Sign("keyguard", AsBytes(s.record), kCustodyRecordHint, Now());
  }
  std::vector<Digest> Commitments() const {
    std::vector<Digest> out;
    for (size_t i = 0; i < change_.custodians.size(); ++i) out.push_back(Filled(static_cast<uint8_t>(90 + i)));
    return out;
  }
  StatusOr<TrustPolicy> Verify(const Succession& s) {
    return VerifySuccession(people_.policy, PolicyText(), verifier_, s, Now());
  }

  People people_;
  PolicyVerifier verifier_ = people_.Verifier();
  CustodyChange change_;
  TrustPolicy next_;
  CustodyRecord record_;
};

TEST_F(CustodyChangeTest, IsReadBackAsWritten) {
  change_.persons = {Newcomer()};
  change_.custodians.push_back("nel");
  const auto back = ParseCustodyChange(Render(change_));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(Render(*back), Render(change_));
  EXPECT_FALSE(ParseCustodyChange(Render(change_) + "\n").ok());
}

TEST_F(CustodyChangeTest, I4_TakesTheQuorumOfThePolicyInForce) {
  const auto admitted = Admit();
  ASSERT_TRUE(admitted.ok()) << admitted.status();
  EXPECT_EQ(admitted->approvers, (std::set<std::string>{"ann", "bob", "cal"}));
  EXPECT_TRUE(IsRefusal(Admit(Approvals({"ann", "bob"})).status(), Reason::kQUORUM_SHORT));
  EXPECT_TRUE(IsRefusal(Admit(Approvals({"ann", "bob", "kim"})).status(), Reason::kAPPROVAL_NOT_A_MEMBER));
  EXPECT_TRUE(IsRefusal(Admit(Approvals({"ann", "bob", "bob"})).status(), Reason::kAPPROVAL_DUPLICATE_MEMBER));
  EXPECT_TRUE(IsRefusal(Admit({}).status(), Reason::kDIRECTION_UNSIGNED));
}

TEST_F(CustodyChangeTest, I4_NobodyApprovesWhatTheyRequested) {
  change_.requested_by = "ann";
  ExpectRefused(Reason::kAPPROVAL_BY_REQUESTER);
}

TEST_F(CustodyChangeTest, I1_AnApprovalOfAnotherDocumentIsNone) {
  std::vector<Bytes> approvals = Approvals();
  change_.threshold = 3;
  EXPECT_TRUE(IsRefusal(Admit(approvals).status(), Reason::kAPPROVAL_DIGEST_MISMATCH));
  const Bytes as_direction = people_.Sign("ann", AsBytes(Render(change_)), "smki approval DIR-1");
  EXPECT_TRUE(IsRefusal(Admit({as_direction}).status(), Reason::kAPPROVAL_OTHER_DOCUMENT));
}

TEST_F(CustodyChangeTest, I5_AThresholdOfOneOrBeyondTheNumberIsRefused) {
  change_.threshold = 1;
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
  change_.threshold = 4;
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
}

TEST_F(CustodyChangeTest, MustBeTheKindOfChangeItSays) {
  change_.change = "appoint";
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
  change_.change = "cease";
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
  change_.custodians = {"kim", "kay"};
  EXPECT_TRUE(Admit().ok());
  change_.change = "refresh";
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
  change_.change = "replace";
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
}

TEST_F(CustodyChangeTest, I4_AnAppointmentGivesNobodyAnotherRole) {
  change_.change = "appoint";
  change_.persons = {Newcomer()};
  change_.custodians.push_back("nel");
  EXPECT_TRUE(Admit().ok()) << Admit().status();
  change_.persons[0].roles = {"key-custodian", "incident-lead"};
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
  change_.persons[0].roles = {"pma-member"};
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
  change_.persons = {Newcomer(), Newcomer()};
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
  change_.persons = {Newcomer()};
  change_.custodians.back() = "kim";
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
}

TEST_F(CustodyChangeTest, I4_AnAppointmentCannotRedefineAPerson) {
  change_.change = "appoint";
  change_.persons = {Newcomer()};
  change_.persons[0].id = "ann";
  change_.custodians.push_back("ann");
  EXPECT_TRUE(
      IsRefusal(ChangedPolicy(people_.policy, change_, Commitments(), Now()).status(), Reason::kPOLICY_INCOMPLETE));
}

TEST_F(CustodyChangeTest, I5_ACustodianMustHaveTheRole) {
  change_.change = "appoint";
  change_.custodians.push_back("leo");
  EXPECT_TRUE(
      IsRefusal(ChangedPolicy(people_.policy, change_, Commitments(), Now()).status(), Reason::kPOLICY_INCOMPLETE));
}

TEST_F(CustodyChangeTest, I8_AChangeOfAnotherEnvironmentIsRefused) {
  change_.environment.kind = "production";
  ExpectRefused(Reason::kENVIRONMENT_MISMATCH);
}

TEST_F(CustodyChangeTest, I10_AChangeOfAnotherPolicyIsRefused) {
  change_.policy[0] ^= 1;
  ExpectRefused(Reason::kPOLICY_DIGEST_MISMATCH);
  change_.policy_version = 0;
  ExpectRefused(Reason::kPOLICY_TOO_OLD);
}

TEST_F(CustodyChangeTest, I10_AnExpiredOrEndlessChangeIsRefused) {
  change_.not_after = Now() - std::chrono::minutes(1);
  ExpectRefused(Reason::kCUSTODY_CHANGE_EXPIRED);
  change_.not_after = Now() + std::chrono::hours(24 * 60);
  ExpectRefused(Reason::kCUSTODY_CHANGE_INVALID);
}

TEST_F(CustodyChangeTest, KeyMustBeOneOfThePolicy) {
  change_.key = "contingency";
  ExpectRefused(Reason::kPOLICY_INCOMPLETE);
}

TEST_F(CustodyChangeTest, I5_TheNextPolicyIsTheOldOneWithExactlyTheChange) {
  const Succession good = MakeSuccession();
  const auto next = Verify(good);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->version, 2u);
  EXPECT_EQ(next->previous, change_.policy);
  EXPECT_EQ(next->FindKey("recovery")->custodians[2].commitment, Filled(92));

  // Anything else in it is not the quorum's.
  for (const auto& bend : std::vector<std::function<void(TrustPolicy&)>>{
           [](TrustPolicy& p) { p.approvals_needed = 2; }, [](TrustPolicy& p) { p.keys[0].threshold = 3; },
           [](TrustPolicy& p) {
             p.seats[0].member = "alt";
             p.seats[0].alternates.clear();
             p.persons[6].roles = {"pma-member"};
           },
           [](TrustPolicy& p) { p.version = 3; },
           [](TrustPolicy& p) { std::swap(p.keys[0].custodians[0].index, p.keys[0].custodians[1].index); }}) {
    Succession bent = good;
    TrustPolicy policy = next_;
    bend(policy);
    bent.policy = RenderPolicy(policy);
    record_.to = pki::Sha256(bent.policy);
    record_.to_version = policy.version;
    Sign(bent);
    EXPECT_TRUE(IsRefusal(Verify(bent).status(), Reason::kPOLICY_DIGEST_MISMATCH)) << Verify(bent).status();
  }
}

TEST_F(CustodyChangeTest, I5_OnlyTheKeyguardSaysThatItWasCarriedOut) {
  Succession s = MakeSuccession();
  s.signature = people_.Sign("leo", AsBytes(s.record), kCustodyRecordHint, Now());
  EXPECT_TRUE(IsRefusal(Verify(s).status(), Reason::kNOT_PERMITTED)) << Verify(s).status();
}

TEST_F(CustodyChangeTest, I5_NoNewPolicyBeforeEachHolderHasShownTheirShareBack) {
  Succession s = MakeSuccession();
  record_.confirmed.pop_back();
  Sign(s);
  EXPECT_TRUE(IsRefusal(Verify(s).status(), Reason::kSHARES_TOO_FEW)) << Verify(s).status();
}

TEST_F(CustodyChangeTest, I3_ARecordOfAnotherChangeProvesNothing) {
  Succession s = MakeSuccession();
  record_.change[0] ^= 1;
  Sign(s);
  EXPECT_TRUE(IsRefusal(Verify(s).status(), Reason::kPOLICY_DIGEST_MISMATCH)) << Verify(s).status();
}

TEST_F(CustodyChangeTest, I4_ASuccessionWithoutTheQuorumIsNone) {
  Succession s = MakeSuccession();
  s.approvals.pop_back();
  EXPECT_TRUE(IsRefusal(Verify(s).status(), Reason::kQUORUM_SHORT));
}

TEST_F(CustodyChangeTest, ItHadToBeValidWhenItWasCarriedOutNotWhenSomebodyLooks) {
  Succession s = MakeSuccession();
  record_.time = change_.not_after + std::chrono::minutes(1);
  Sign(s);
  EXPECT_TRUE(IsRefusal(Verify(s).status(), Reason::kCUSTODY_CHANGE_EXPIRED));
}

}  // namespace
}  // namespace smki::procedures
