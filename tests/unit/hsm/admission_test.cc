// Every way in which a Direction and what comes with it is refused: one thing bent, one reason (I1, I8, I10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/digest.h"
#include "procedures/reason.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using std::chrono::hours;
using test::Must;
using test::TestEstate;

class AdmissionTest : public ::testing::Test {
 protected:
  void ExpectRefused(Reason reason) { ExpectRefused(estate_.MakeBundle(), reason); }
  void ExpectRefused(const Bundle& bundle, Reason reason) {
    const ::smki::Status status = estate_.Prepare(bundle).status();
    EXPECT_TRUE(IsRefusal(status, reason)) << status;
    // Each leaves a record (I10), and no Direction in the journal.
    EXPECT_EQ(estate_.Refusals(std::string(procedures::TextOf(reason).code)), 1u);
    EXPECT_EQ(estate_.Status().counter_floor, 0u);
  }
  // When a Direction is in the journal already.
  void ExpectRefusedLater(const Bundle& bundle, Reason reason) {
    const ::smki::Status status = estate_.Prepare(bundle).status();
    EXPECT_TRUE(IsRefusal(status, reason)) << status;
  }
  TestEstate estate_;
};

TEST_F(AdmissionTest, I1_AdmitsADirectionThatIsInOrder) {
  const auto ceremony = estate_.Prepare();
  ASSERT_TRUE(ceremony.ok()) << ceremony.status();
  EXPECT_EQ(ceremony->threshold, 3u);
  EXPECT_FALSE(ceremony->open);
  EXPECT_EQ(estate_.Status().counter_floor, estate_.direction.counter_last);
}

TEST_F(AdmissionTest, I1_Unsigned) {
  estate_.approvers.clear();
  ExpectRefused(Reason::kDIRECTION_UNSIGNED);
}
TEST_F(AdmissionTest, I1_OneApprovalShort) {
  estate_.approvers.pop_back();
  ExpectRefused(Reason::kQUORUM_SHORT);
}
TEST_F(AdmissionTest, I4_OneMemberTwice) {
  estate_.approvers = {"anna.pma", "carla.pma", "anna.pma"};
  ExpectRefused(Reason::kAPPROVAL_DUPLICATE_MEMBER);
}
TEST_F(AdmissionTest, I4_NotAMember) {
  estate_.approvers.push_back("lena.lead");
  ExpectRefused(Reason::kAPPROVAL_NOT_A_MEMBER);
}
TEST_F(AdmissionTest, I4_TwoOfOneOrganisation) {
  estate_.approvers = {"anna.pma", "bruno.pma", "greta.pma"};
  ExpectRefused(Reason::kAPPROVAL_SAME_ORGANISATION);
}
// --- The Chair's casting vote ---

class CastAdmissionTest : public AdmissionTest {
 protected:
  CastAdmissionTest() { estate_.approvers = {"anna.pma", "carla.pma"}; }
  Bundle Tied(const std::string& decision, const std::string& by = "clara.chair") {
    Bundle bundle = estate_.MakeBundle();
    estate_.Tie(bundle, {"dario.pma", "elena.pma"}, decision, by);
    return bundle;
  }
};

TEST_F(CastAdmissionTest, I1_OnATieTheChairsVoteIsTheOneThatWasMissing) {
  ExpectRefused(Reason::kQUORUM_SHORT);
  const auto ceremony = estate_.Prepare(Tied("approve"));
  EXPECT_TRUE(ceremony.ok()) << ceremony.status();
}
TEST_F(CastAdmissionTest, I1_WhatTheChairRejectsIsNotAdmitted) {
  ExpectRefused(Tied("reject"), Reason::kDIRECTION_REJECTED);
}
TEST_F(CastAdmissionTest, I1_WhatTheChairRejectsIsNotAdmittedWithOneMoreApprovalEither) {
  Bundle bundle = Tied("reject");
  bundle.header.approvals.push_back(
      estate_.Approve("bruno.pma", estate_.DirectionText(), procedures::ApprovalHint(estate_.direction.id)));
  ExpectRefused(bundle, Reason::kDIRECTION_REJECTED);
}
TEST_F(CastAdmissionTest, I1_AVoteThatIsHeldBackIsMissed) {
  Bundle bundle = Tied("approve");
  bundle.header.rejections.pop_back();
  ExpectRefused(bundle, Reason::kCASTING_VOTE_OTHER_VOTES);
}
TEST_F(CastAdmissionTest, I1_ThereIsNoTie) {
  Bundle bundle = estate_.MakeBundle();
  estate_.Tie(bundle, {"dario.pma"}, "approve");
  ExpectRefused(bundle, Reason::kCASTING_VOTE_WITHOUT_TIE);
}
TEST_F(CastAdmissionTest, I4_AMemberCasts) {
  ExpectRefused(Tied("approve", "bruno.pma"), Reason::kCASTING_VOTE_NOT_BY_CHAIR);
}
TEST_F(CastAdmissionTest, I1_TheChairsCertificateIsRevoked) {
  Bundle bundle = Tied("approve");
  bundle.header.revocation_list = estate_.RevocationList({"clara.chair"});
  ExpectRefused(bundle, Reason::kSIGNER_CERTIFICATE_REVOKED);
}
TEST_F(CastAdmissionTest, I1_TheCastingVoteIsSignedOverOtherWords) {
  Bundle bundle = Tied("approve");
  bundle.header.casting_signature = estate_.Approve("clara.chair", "other words", procedures::kCastingVoteHint);
  ExpectRefused(bundle, Reason::kAPPROVAL_DIGEST_MISMATCH);
}

TEST_F(AdmissionTest, I1_ApprovalCertificateRevoked) {
  Bundle bundle = estate_.MakeBundle();
  bundle.header.revocation_list = estate_.RevocationList({"carla.pma"});
  ExpectRefused(bundle, Reason::kSIGNER_CERTIFICATE_REVOKED);
}
TEST_F(AdmissionTest, I10_RevocationListStale) {
  Bundle bundle = estate_.MakeBundle();
  estate_.clock.Advance(hours(24 * 6));
  ExpectRefused(bundle, Reason::kREVOCATION_LIST_STALE);
}
TEST_F(AdmissionTest, I10_AnOlderRevocationListThanTheOneReliedOn) {
  const Bundle older = estate_.MakeBundle();
  estate_.clock.Advance(hours(1));
  ASSERT_TRUE(estate_.Prepare().ok());
  ExpectRefusedLater(older, Reason::kREVOCATION_LIST_STALE);
  estate_.StartSigner();  // it is remembered beyond the process
  ExpectRefusedLater(older, Reason::kREVOCATION_LIST_STALE);
}
TEST_F(AdmissionTest, I10_AKeptRevocationListThatCannotBeRead) {
  const std::string kept = estate_.folder / "persons.crl";
  ASSERT_TRUE(PosixFiles().WriteDurably(kept, Bytes((1 << 20) + 1, 0)).ok());
  const ::smki::Status status = estate_.Prepare().status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
}
TEST_F(AdmissionTest, I3_ALedgerHeadInventedFarAheadIsRefusedAndNotRemembered) {
  Bundle bundle = estate_.MakeBundle();
  bundle.header.ledger_sequence = uint64_t{1} << 41;
  ExpectRefused(bundle, Reason::kBAD_REQUEST);
  bundle = estate_.MakeBundle();
  EXPECT_TRUE(estate_.Prepare(bundle).ok()) << "the true ledger is not locked out";
  bundle.header.ledger_sequence += 10'000'001;
  ExpectRefusedLater(bundle, Reason::kBAD_REQUEST);
}
TEST_F(AdmissionTest, I1_TextChangedAfterSigning) {
  Bundle bundle = estate_.MakeBundle();
  estate_.direction.rationale.text = "something else";
  bundle.header.direction = ToBytes(AsBytes(estate_.DirectionText()));
  ExpectRefused(bundle, Reason::kAPPROVAL_DIGEST_MISMATCH);
}
TEST_F(AdmissionTest, I1_TextNotCanonical) {
  Bundle bundle = estate_.MakeBundle();
  bundle.header.direction.push_back('\n');
  ExpectRefused(bundle, Reason::kDIRECTION_NOT_CANONICAL);
}
TEST_F(AdmissionTest, I1_ApprovalOfAnotherDirection) {
  Bundle bundle = estate_.MakeBundle();
  procedures::Direction other = estate_.direction;
  other.id = "DIR-2026-0002";
  bundle.header.approvals[0] = estate_.Approve("anna.pma", RenderDirection(other), procedures::ApprovalHint(other.id));
  ExpectRefused(bundle, Reason::kAPPROVAL_OTHER_DOCUMENT);
}
TEST_F(AdmissionTest, I1_Expired) {
  estate_.direction.not_after = test::kStart - std::chrono::seconds(1);
  ExpectRefused(Reason::kDIRECTION_EXPIRED);
}
TEST_F(AdmissionTest, I1_NotYetValid) {
  estate_.direction.not_before = test::kStart + std::chrono::seconds(1);
  ExpectRefused(Reason::kDIRECTION_NOT_YET_VALID);
}
TEST_F(AdmissionTest, I1_WrongIncident) {
  Bundle bundle = estate_.MakeBundle();
  bundle.header.incident = "INC-2";
  ExpectRefused(bundle, Reason::kWRONG_INCIDENT);
}
TEST_F(AdmissionTest, I9_ProcedureNotAllowed) {
  estate_.direction.procedure_digest = pki::Sha256("another runbook");
  ExpectRefused(Reason::kPROCEDURE_NOT_ALLOWED);
}
TEST_F(AdmissionTest, I1_ContingencyKeyAskedUnderARecoveryDirection) {
  Bundle bundle = estate_.MakeBundle();
  bundle.header.key = "contingency";
  ExpectRefused(bundle, Reason::kKEY_NOT_DIRECTED);
}
TEST_F(AdmissionTest, I1_KeyThatThisKeyguardDoesNotHold) {
  Bundle bundle = estate_.MakeBundle();
  bundle.header.key = "another";
  ExpectRefused(bundle, Reason::kKEY_NOT_DIRECTED);
}
TEST_F(AdmissionTest, I1_TokenHoldsAnotherKeyThanTheCertificate) {
  estate_.direction.key_certificate = estate_.certificates.at("contingency").sha256();
  ExpectRefused(Reason::kKEY_MISMATCH);
}
TEST_F(AdmissionTest, I5_TokenOfAnotherKey) {
  estate_.token("recovery").binding.key = "contingency";
  ExpectRefused(Reason::kKEY_MISMATCH);
}
TEST_F(AdmissionTest, I8_TokenOfAnotherEnvironment) {
  estate_.token("recovery").binding.environment.kind = "production";
  ExpectRefused(Reason::kENVIRONMENT_MISMATCH);
}
TEST_F(AdmissionTest, I8_PolicyOfAnotherEnvironment) {
  estate_.policy.environment.estate = "estate-8";
  ExpectRefused(Reason::kENVIRONMENT_MISMATCH);
}
TEST_F(AdmissionTest, I8_DirectionOfAnotherEnvironment) {
  estate_.direction.environment.kind = "production";
  ExpectRefused(Reason::kENVIRONMENT_MISMATCH);
}
TEST_F(AdmissionTest, I8_PopulationOfAnotherEnvironment) {
  estate_.populations.at("esme").environment.kind = "production";
  estate_.DirectPopulations();
  ExpectRefused(Reason::kENVIRONMENT_MISMATCH);
}
TEST_F(AdmissionTest, I10_PolicyOlderThanTheToken) {
  for (const char* key : {"recovery", "contingency"}) estate_.token(key).binding.policy_version = 2;
  ExpectRefused(Reason::kPOLICY_TOO_OLD);
}
TEST_F(AdmissionTest, I10_PolicyIsNotTheOneInTheToken) {
  estate_.policy.approvals_needed = 2;
  ExpectRefused(Reason::kPOLICY_DIGEST_MISMATCH);
}
TEST_F(AdmissionTest, I10_NewerPolicyThatNobodyBound) {
  estate_.policy.version = 2;
  estate_.policy.previous = Digest{1};
  ExpectRefused(Reason::kPOLICY_DIGEST_MISMATCH);
}
TEST_F(AdmissionTest, I10_PolicyThatCannotBeRead) {
  Bundle bundle = estate_.MakeBundle();
  bundle.header.policy.push_back('x');
  ExpectRefused(bundle, Reason::kPOLICY_INCOMPLETE);
}

TEST_F(AdmissionTest, I1_PopulationMissing) {
  Bundle bundle = estate_.MakeBundle();
  bundle.populations.erase("gpf");
  ExpectRefused(bundle, Reason::kPOPULATION_DIGEST_MISMATCH);
}
TEST_F(AdmissionTest, I1_PopulationIsNotTheOneDirected) {
  Bundle bundle = estate_.MakeBundle();
  estate_.populations.at("esme").devices.back() = Eui64(0x00DB123456FFFFFF);
  bundle.populations["esme"] = EncodePopulation(estate_.populations.at("esme"));
  ExpectRefused(bundle, Reason::kPOPULATION_DIGEST_MISMATCH);
}
TEST_F(AdmissionTest, I1_PopulationsOverlap) {
  auto& gpf = estate_.populations.at("gpf").devices;
  gpf.insert(gpf.begin(), estate_.populations.at("esme").devices.back());
  estate_.DirectPopulations();
  ExpectRefused(Reason::kPOPULATIONS_OVERLAP);
}
TEST_F(AdmissionTest, I1_CertificateMissing) {
  Bundle bundle = estate_.MakeBundle();
  bundle.certificates.erase(estate_.certificates.at("supplier-ka").sha256());
  ExpectRefused(bundle, Reason::kCERTIFICATE_DIGEST_MISMATCH);
}
TEST_F(AdmissionTest, I1_TwoSuppliersInOneGroup) {
  estate_.direction.groups[0].replacements[0].certificate = estate_.certificates.at("other-supplier-ds").sha256();
  ExpectRefused(Reason::kCERTIFICATE_NOT_FOR_CELL);
}
TEST_F(AdmissionTest, I1_PathThatLeadsNowhere) {
  estate_.direction.groups[0].path_certificates = {estate_.certificates.at("recovery").sha256()};
  ExpectRefused(Reason::kCERTIFICATE_PATH_INVALID);
}

TEST_F(AdmissionTest, I10_JournalShorterThanTheTokenHasSeen) {
  estate_.token("recovery").witness = {1, 5, Digest{1}};
  ExpectRefused(Reason::kJOURNAL_ROLLED_BACK);
}
TEST_F(AdmissionTest, I10_JournalOtherThanTheTokenHasSeen) {
  ASSERT_TRUE(IsRefusal(estate_.Sign("esme", {}).status(), Reason::kNO_DIRECTION));  // one record
  estate_.token("recovery").witness = {1, 1, Digest{1}};
  ExpectRefused(Reason::kJOURNAL_ROLLED_BACK);
}

class SecondDirectionTest : public AdmissionTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(estate_.Prepare().ok());
    ASSERT_TRUE(estate_.Close().ok());
    first_nonce_ = estate_.direction.nonce;
    estate_.direction.id = "DIR-2026-0002";
    estate_.direction.nonce = std::string(32, 'a');
    estate_.direction.counter_first = 1'001'000;
    estate_.direction.counter_last = 1'001'999;
  }
  ::smki::Status PrepareStatus() { return estate_.Prepare().status(); }
  std::string first_nonce_;
};

TEST_F(SecondDirectionTest, I1_AdmitsAnotherNonceAndOtherCounters) {
  EXPECT_TRUE(PrepareStatus().ok()) << PrepareStatus();
}
TEST_F(SecondDirectionTest, I1_NonceReplayed) {
  estate_.direction.nonce = first_nonce_;
  EXPECT_TRUE(IsRefusal(PrepareStatus(), Reason::kNONCE_REPLAYED)) << PrepareStatus();
}
TEST_F(SecondDirectionTest, I1_CountersOverlap) {
  estate_.direction.counter_first = 1'000'999;
  EXPECT_TRUE(IsRefusal(PrepareStatus(), Reason::kCOUNTERS_OVERLAP)) << PrepareStatus();
}
TEST_F(SecondDirectionTest, I1_RemembersAcrossACrash) {
  estate_.StartSigner();
  estate_.direction.counter_last = 1'001'500;
  estate_.direction.counter_first = 1'000'500;
  EXPECT_TRUE(IsRefusal(PrepareStatus(), Reason::kCOUNTERS_OVERLAP)) << PrepareStatus();
}
TEST_F(SecondDirectionTest, I5_OneDirectionAtATime) {
  ASSERT_TRUE(PrepareStatus().ok());
  estate_.direction.id = "DIR-2026-0003";
  estate_.direction.nonce = std::string(32, 'b');
  estate_.direction.counter_first = 1'002'000;
  estate_.direction.counter_last = 1'002'999;
  EXPECT_TRUE(IsRefusal(PrepareStatus(), Reason::kWRONG_DIRECTION)) << PrepareStatus();
}

TEST_F(AdmissionTest, I10_ClockBehindTheJournal) {
  ASSERT_TRUE(estate_.Prepare().ok());
  const Bundle bundle = estate_.MakeBundle();
  estate_.clock.SetWall(test::kStart - std::chrono::minutes(6));
  const ::smki::Status status = estate_.Prepare(bundle).status();
  EXPECT_TRUE(IsRefusal(status, Reason::kCLOCK_IMPLAUSIBLE)) << status;
}

// What approvals and revocation lists say of the time counts as seen, also when it is ahead of this clock.
TEST_F(AdmissionTest, I10_ClockBehindTheEvidenceOfAnEarlierDirection) {
  estate_.clock.SetWall(test::kStart + hours(1) + std::chrono::minutes(4));
  const Bytes list = estate_.RevocationList();  // of an hour before
  estate_.clock.SetWall(test::kStart);
  Bundle bundle = estate_.MakeBundle();
  bundle.header.revocation_list = list;
  ASSERT_TRUE(estate_.Prepare(bundle).ok());
  estate_.clock.SetWall(test::kStart - std::chrono::minutes(2));  // plausible but for the list
  const ::smki::Status status = estate_.Prepare(bundle).status();
  EXPECT_TRUE(IsRefusal(status, Reason::kCLOCK_IMPLAUSIBLE)) << status;
}

// Policy, token, Direction and populations all moved to another estate; the journal was not.
TEST_F(SecondDirectionTest, I8_TheJournalOfAnotherEnvironment) {
  procedures::Environment other = estate_.policy.environment;
  other.estate += "-other";
  estate_.policy.environment = estate_.direction.environment = other;
  for (auto& [group, population] : estate_.populations) population.environment = other;
  for (const char* key : {"recovery", "contingency"}) estate_.token(key).binding.environment = other;
  estate_.BindTokens();
  estate_.DirectPopulations();
  estate_.StartSigner();
  const ::smki::Status status = PrepareStatus();
  EXPECT_TRUE(IsRefusal(status, Reason::kENVIRONMENT_MISMATCH)) << status;
  EXPECT_NE(Message(status).find("this keyguard's journal is of"), std::string::npos) << status;
}

TEST_F(AdmissionTest, PreparingAgainGivesTheSameRequest) {
  const CeremonyFrame first = Must(estate_.Prepare()), again = Must(estate_.Prepare());
  EXPECT_EQ(first.request, again.request);
  estate_.clock.Advance(kCeremonyLife + std::chrono::seconds(1));
  EXPECT_NE(Must(estate_.Prepare()).request, first.request);
}

TEST_F(AdmissionTest, PartsWithoutAHeaderAreRefused) {
  EXPECT_TRUE(
      IsRefusal(estate_.Ask<CeremonyFrame>(FrameType::kPrepareEnd, EmptyFrame{}).status(), Reason::kBAD_REQUEST));
}

}  // namespace
}  // namespace smki::hsm
