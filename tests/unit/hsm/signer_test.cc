// A whole activation through the signer's frames, and what it must survive.
#include "hsm/signer/signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "procedures/reason.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using test::Must;
using test::TestEstate;
using ::testing::ElementsAre;

#define EXPECT_REFUSED(expression, reason)                      \
  do {                                                          \
    const ::smki::Status refused = (expression).status();       \
    EXPECT_TRUE(IsRefusal(refused, Reason::reason)) << refused; \
  } while (false)

class SignerTest : public ::testing::Test {
 protected:
  Eui64 Esme(size_t i) { return estate_.populations.at("esme").devices[i]; }
  Eui64 Gpf(size_t i) { return estate_.populations.at("gpf").devices[i]; }
  bool Verifies(const SignedItem& item) {
    const gbcs::Message message = Must(gbcs::ParseMessage(item.command));
    return estate_.token("recovery").key.public_key().Verify(gbcs::SignedOctets(message), *message.signature);
  }
  TestEstate estate_;
};

TEST_F(SignerTest, I1_SignsExactlyTheDirectedCommand) {
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame result = Must(estate_.Sign("esme", {{Esme(3), 1}, {Esme(5), 1}}));
  ASSERT_EQ(result.items.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const SignedItem& item = result.items[i];
    EXPECT_EQ(item.refusal, "");
    EXPECT_EQ(item.counter, 1'000'000 + i);
    EXPECT_TRUE(Verifies(item));
    const gbcs::Message message = Must(gbcs::ParseMessage(item.command));
    EXPECT_EQ(message.originator, test::kRecovery);
    EXPECT_EQ(message.recipient, item.device);
    EXPECT_EQ(message.originator_counter, item.counter);
    EXPECT_EQ(message.message_code, gbcs::kAnyExceptAbnormalRootByRecoveryCode);
    EXPECT_FALSE(message.mac);
    const gbcs::CommandPayload payload = Must(gbcs::ParseCommandPayload(message.payload));
    EXPECT_EQ(payload.mode, gbcs::Mode::kAnyExceptAbnormalRootByRecovery);
    EXPECT_EQ(payload.seq_number, item.counter);
    EXPECT_EQ(payload.authorising_cell->ToString(), "recovery/digitalSignature");
    ASSERT_EQ(payload.replacements.size(), 2u);
    EXPECT_EQ(payload.replacements[0].cell.ToString(), "supplier/digitalSignature");
    EXPECT_EQ(payload.replacements[0].certificate, estate_.certificates.at("supplier-ds").der());
    EXPECT_EQ(payload.replacements[1].certificate, estate_.certificates.at("supplier-ka").der());
    EXPECT_THAT(payload.path_certificates, ElementsAre(estate_.certificates.at("issuing-oca").der()));
    EXPECT_FALSE(payload.execution_date_time);
    EXPECT_FALSE(payload.disapply_time_checks);
    EXPECT_FALSE(payload.new_floor);
    ASSERT_TRUE(payload.other_changes);
    EXPECT_EQ(payload.other_changes->at(0).role, gbcs::Role::kSupplier);
  }
}

TEST_F(SignerTest, I1_NoSignatureBeforeADirectionOrACeremony) {
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(0), 1}}), kNO_DIRECTION);
  ASSERT_TRUE(estate_.Prepare().ok());
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(0), 1}}), kSHARES_TOO_FEW);
  EXPECT_EQ(estate_.Refusals("NO_DIRECTION"), 1u);
  EXPECT_EQ(estate_.Refusals("SHARES_TOO_FEW"), 1u);
}

TEST_F(SignerTest, I5_NoSignatureAfterClose) {
  ASSERT_TRUE(estate_.Open().ok());
  ASSERT_TRUE(estate_.Close().ok());
  EXPECT_TRUE(estate_.signer().ended());
  EXPECT_FALSE(estate_.token("recovery").open);
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(0), 1}}), kKEY_CLOSED);
  EXPECT_REFUSED(estate_.Prove({}), kKEY_CLOSED);
  EXPECT_EQ(estate_.Status().closed_because, "closed as asked: done");
}

TEST_F(SignerTest, I5_ClosingTwiceIsNoErrorButClosingAnotherDirectionIs) {
  ASSERT_TRUE(estate_.Open().ok());
  EXPECT_REFUSED(estate_.Ask<StatusFrame>(FrameType::kClose, CloseFrame{Digest{1}, ""}), kWRONG_DIRECTION);
  ASSERT_TRUE(estate_.Close().ok());
  EXPECT_TRUE(estate_.Close().ok());
  EXPECT_REFUSED(estate_.Ask<StatusFrame>(FrameType::kClose, CloseFrame{Digest{1}, ""}), kNO_DIRECTION);
}

TEST_F(SignerTest, I1_NoSignatureUnderAnotherDirection) {
  ASSERT_TRUE(estate_.Open().ok());
  SignFrame request = estate_.SignRequest("esme", {{Esme(0), 1}});
  request.direction[0] ^= 1;
  EXPECT_REFUSED(estate_.Ask<SignedFrame>(FrameType::kSign, request), kWRONG_DIRECTION);
}

TEST_F(SignerTest, I1_RefusedItemsStandBesideSignedOnesAndLeaveRecords) {
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame result = Must(estate_.Sign("esme", {{Gpf(0), 1}, {Esme(0), 1}, {Esme(1), 2}, {Esme(2), 4}}));
  EXPECT_EQ(result.items[0].refusal, "DEVICE_NOT_IN_GROUP");
  EXPECT_TRUE(result.items[0].command.empty());
  EXPECT_TRUE(Verifies(result.items[1]));
  EXPECT_EQ(result.items[2].refusal, "ATTEMPT_OUT_OF_ORDER");
  EXPECT_EQ(result.items[3].refusal, "ATTEMPT_LIMIT");
  EXPECT_EQ(estate_.Status().refusals, 3u);
  EXPECT_EQ(estate_.Status().signatures, 1u);
  EXPECT_REFUSED(estate_.Sign("chf", {{Esme(0), 1}}), kUNKNOWN_GROUP);
  EXPECT_REFUSED(estate_.Sign("esme", std::vector<SignItem>(kMaxBatch + 1, SignItem{Esme(0), 1})), kBATCH_TOO_LARGE);
}

TEST_F(SignerTest, I2_AskedAgainGivesTheStoredSignature) {
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame first = Must(estate_.Sign("esme", {{Esme(0), 1}, {Esme(1), 1}}));
  const SignedFrame again = Must(estate_.Sign("esme", {{Esme(1), 1}, {Esme(1), 2}, {Esme(0), 1}}));
  EXPECT_EQ(again.items[0].command, first.items[1].command);
  EXPECT_EQ(again.items[2].command, first.items[0].command);
  EXPECT_EQ(again.items[1].counter, first.items[1].counter + 1);
  EXPECT_EQ(estate_.Status().signatures, 3u);
}

TEST_F(SignerTest, I2_OneAttemptTwiceInABatchIsOneSignature) {
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame result = Must(estate_.Sign("esme", {{Esme(0), 1}, {Esme(0), 1}}));
  EXPECT_TRUE(Verifies(result.items[0]));
  EXPECT_EQ(result.items[1].command, result.items[0].command);
  EXPECT_EQ(estate_.Status().signatures, 1u);
}

TEST_F(SignerTest, I2_AskedAgainAfterACrashGivesTheStoredSignature) {
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame first = Must(estate_.Sign("gpf", {{Gpf(0), 1}, {Gpf(1), 1}}));
  estate_.StartSigner();
  EXPECT_REFUSED(estate_.Sign("gpf", {{Gpf(0), 1}}), kKEY_CLOSED);
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame again = Must(estate_.Sign("gpf", {{Gpf(0), 1}, {Gpf(1), 1}, {Gpf(2), 1}}));
  EXPECT_EQ(again.items[0].command, first.items[0].command);
  EXPECT_EQ(again.items[1].command, first.items[1].command);
  EXPECT_EQ(again.items[2].counter, first.items[1].counter + 1);
}

TEST_F(SignerTest, I2_BurnedButUnsignedIsSignedAgainOverTheSameBytes) {
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame before = Must(estate_.Sign("esme", {{Esme(0), 1}}));
  // What a crash between burn and signature leaves: a burn of two Devices, and nothing after it.
  {
    auto journal = Must(Journal::Open(PosixFiles(), estate_.folder / "journal"));
    ASSERT_TRUE(journal
                    ->Append(ledger::JournalBurn{estate_.clock.Now(),
                                                 estate_.DirectionDigest(),
                                                 "esme",
                                                 0,
                                                 {},
                                                 {{Esme(5), 1, 1'000'001}, {Esme(6), 1, 1'000'002}}})
                    .ok());
  }
  estate_.StartSigner();
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame result = Must(estate_.Sign("esme", {{Esme(7), 1}, {Esme(6), 1}}));
  EXPECT_EQ(result.items[1].counter, 1'000'002u);
  EXPECT_EQ(result.items[0].counter, 1'000'003u);
  EXPECT_TRUE(Verifies(result.items[0]));
  EXPECT_TRUE(Verifies(result.items[1]));
  const Bytes unsigned_part(result.items[1].command.begin(), result.items[1].command.end() - 64);
  const SignedFrame again = Must(estate_.Sign("esme", {{Esme(6), 1}, {Esme(5), 1}}));
  EXPECT_EQ(again.items[0].command, result.items[1].command);
  EXPECT_EQ(again.items[1].counter, 1'000'001u);
  EXPECT_EQ(estate_.Status().signatures, 4u);
}

TEST_F(SignerTest, I2_SeveralBatchesUnderWayAreAnsweredInOrder) {
  ASSERT_TRUE(estate_.Open().ok());
  for (size_t i = 0; i < 5; ++i) {
    estate_.signer().Submit(
        TestEstate::FrameOf(MakeFrame(FrameType::kSign, estate_.SignRequest("esme", {{Esme(i), 1}}))));
  }
  // The same attempt again, while its signature is under way.
  estate_.signer().Submit(
      TestEstate::FrameOf(MakeFrame(FrameType::kSign, estate_.SignRequest("esme", {{Esme(4), 1}}))));
  const std::vector<Bytes> answers = estate_.signer().TakeAnswers(true);
  ASSERT_EQ(answers.size(), 6u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(Must(TestEstate::DecodeAnswer<SignedFrame>(answers[i])).items.at(0).counter, 1'000'000 + i);
  }
  EXPECT_EQ(answers[5], answers[4]);
  EXPECT_EQ(estate_.Status().signatures, 5u);
}

TEST_F(SignerTest, I1_ATokenThatSignsWithAnotherKeyEndsTheActivation) {
  estate_.token("recovery").impostor = Must(pki::PrivateKey::Generate());
  ASSERT_TRUE(estate_.Open().ok());
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(0), 1}}), kKEY_MISMATCH);
  EXPECT_TRUE(estate_.signer().ended());
  EXPECT_FALSE(estate_.token("recovery").open);
}

TEST_F(SignerTest, I5_ACrashClosesTheKeyAndIsRecorded) {
  ASSERT_TRUE(estate_.Open().ok());
  estate_.StartSigner();
  const StatusFrame status = estate_.Status();
  EXPECT_EQ(status.state, KeyState::kClosed);
  EXPECT_THAT(status.closed_because, ::testing::StartsWith("KEY_CLOSED: the signer ended"));
}

TEST_F(SignerTest, I10_TheTokenRemembersTheJournal) {
  ASSERT_TRUE(estate_.Open().ok());
  EXPECT_EQ(estate_.token("recovery").witness.epoch, 1u);
  EXPECT_EQ(estate_.token("recovery").witness.journal_head, estate_.Status().journal_head);
  ASSERT_TRUE(estate_.Sign("esme", {{Esme(0), 1}}).ok());
  ASSERT_TRUE(estate_.Close().ok());
  EXPECT_EQ(estate_.token("recovery").witness.journal_records, estate_.Status().journal_records);
  // A younger journal in its place is found out before anybody is asked for a share.
  ASSERT_TRUE(PosixFiles().Remove(estate_.folder / "journal").ok());
  estate_.StartSigner();
  EXPECT_REFUSED(estate_.Prepare(), kJOURNAL_ROLLED_BACK);
}

// --- Time ---

TEST_F(SignerTest, I5_TheActivationEndsAfterEightHours) {
  ASSERT_TRUE(estate_.Open().ok());
  EXPECT_EQ(estate_.Status().open_until, test::kStart + std::chrono::hours(8));
  estate_.clock.Advance(std::chrono::hours(8) - std::chrono::seconds(1));
  ASSERT_TRUE(estate_.Sign("esme", {{Esme(0), 1}}).ok());
  estate_.clock.Advance(std::chrono::seconds(1));
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(1), 1}}), kKEY_EXPIRED);
  EXPECT_FALSE(estate_.token("recovery").open);
  // Also later, until it is opened again.
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(1), 1}}), kKEY_EXPIRED);
}

TEST_F(SignerTest, I5_TheActivationEndsWithTheDirectionEvenIfNobodyAsks) {
  estate_.direction.not_after = test::kStart + std::chrono::hours(2);
  ASSERT_TRUE(estate_.Open().ok());
  EXPECT_EQ(estate_.Status().open_until, estate_.direction.not_after);
  estate_.clock.Advance(std::chrono::hours(2));
  estate_.signer().Tick();
  EXPECT_TRUE(estate_.token("recovery").open);
  estate_.clock.Advance(Millis(1));
  estate_.signer().Tick();
  EXPECT_FALSE(estate_.token("recovery").open);
  EXPECT_TRUE(estate_.signer().ended());
}

TEST_F(SignerTest, I10_AClockThatJumpsForwardClosesTheKey) {
  ASSERT_TRUE(estate_.Open().ok());
  estate_.clock.SetWall(test::kStart + std::chrono::minutes(4));
  ASSERT_TRUE(estate_.Sign("esme", {{Esme(0), 1}}).ok());
  estate_.clock.SetWall(test::kStart + std::chrono::minutes(6));
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(1), 1}}), kCLOCK_IMPLAUSIBLE);
  EXPECT_FALSE(estate_.token("recovery").open);
}

TEST_F(SignerTest, I10_AClockThatGoesBackClosesTheKey) {
  ASSERT_TRUE(estate_.Open().ok());
  estate_.clock.SetWall(test::kStart - std::chrono::minutes(6));
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(1), 1}}), kCLOCK_IMPLAUSIBLE);
  EXPECT_FALSE(estate_.token("recovery").open);
}

// --- Proofs ---

class ProofTest : public SignerTest {
 protected:
  void SetUp() override {
    estate_.direction.limits.outstanding = 2;
    ASSERT_TRUE(estate_.Open().ok());
    command_ = Must(estate_.Sign("esme", {{Esme(0), 1}})).items.at(0);
  }
  void ExpectInvalid(ProofItem proof) {
    const ProvedFrame result = Must(estate_.Prove({std::move(proof)}));
    ASSERT_EQ(result.refused.size(), 1u);
    EXPECT_EQ(result.refused[0].reason, "PROOF_INVALID") << result.refused[0].detail;
    EXPECT_EQ(result.proven, 0u);
    EXPECT_EQ(result.outstanding, 1u);
    EXPECT_EQ(estate_.Refusals("PROOF_INVALID"), 1u);
  }
  SignedItem command_;
};

TEST_F(ProofTest, I6_OpensTheOutstandingLimitFurther) {
  ASSERT_EQ(Must(estate_.Sign("esme", {{Esme(1), 1}, {Esme(2), 1}})).items[1].refusal, "OUTSTANDING_LIMIT");
  const ProvedFrame result = Must(estate_.Prove({estate_.Proof(command_)}));
  EXPECT_TRUE(result.refused.empty());
  EXPECT_EQ(result.proven, 1u);
  EXPECT_EQ(result.outstanding, 1u);
  EXPECT_EQ(Must(estate_.Sign("esme", {{Esme(2), 1}})).items[0].refusal, "");
  // Proofs survive a crash.
  estate_.StartSigner();
  ASSERT_TRUE(estate_.Open().ok());
  EXPECT_EQ(estate_.Status().proven, 1u);
  EXPECT_EQ(estate_.Status().outstanding, 2u);
}
TEST_F(ProofTest, I6_RefusesHalfReplaced) {
  ExpectInvalid(estate_.Proof(command_, [](auto& o) { o.outcomes[1].status = gbcs::StatusCode::kNoTrustAnchor; }));
}
TEST_F(ProofTest, I6_RefusesAnotherKeyInACell) {
  ExpectInvalid(estate_.Proof(command_, [](auto& o) { o.outcomes[0].replacing_ski[0] ^= 1; }));
}
TEST_F(ProofTest, I6_RefusesACellThatIsNotReported) {
  ExpectInvalid(estate_.Proof(command_, [](auto& o) { o.outcomes.pop_back(); }));
}
TEST_F(ProofTest, I6_RefusesTheOutcomeOfAnotherCommand) {
  ExpectInvalid(estate_.Proof(command_, [](auto& o) { ++o.seq_number; }));
}
TEST_F(ProofTest, I6_RefusesAnAlteredResponse) {
  ProofItem proof = estate_.Proof(command_);
  proof.response[60] ^= 1;
  ExpectInvalid(proof);
}
TEST_F(ProofTest, I6_RefusesTheResponseOfAnotherDevice) {
  ProofItem proof = estate_.Proof(command_);
  proof.device = Esme(1);
  ExpectInvalid(proof);
}
TEST_F(ProofTest, I6_RefusesACounterThatWasNotGiven) {
  gbcs::Message forged = Must(gbcs::ParseMessage(command_.command));
  forged.originator_counter += 1;
  SignedItem other = command_;
  other.command = gbcs::EncodeMessage(forged);
  ExpectInvalid(estate_.Proof(other));
}
TEST_F(ProofTest, I6_RefusesACertificateThatNoDeviceAuthorityIssued) {
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  const Bytes serial(16, 0x41);
  // Issued by the authority of persons, which is none of Devices.
  pki::Certificate certificate = Must(
      pki::IssueDeviceCertificate({&estate_.persons_authority.key, estate_.persons_authority.certificate.subject},
                                  command_.device, key.public_key(), pki::kDigitalSignature, serial, test::kStart));
  estate_.devices.emplace(command_.device, test::Identity{std::move(key), std::move(certificate)});
  ExpectInvalid(estate_.Proof(command_));
}
TEST_F(ProofTest, I6_RefusesACertificateOfAnotherDevice) {
  ProofItem proof = estate_.Proof(command_);
  proof.certificate = estate_.certificates.at("supplier-ds").der();
  ExpectInvalid(proof);
}
TEST_F(ProofTest, I6_RefusesWhatIsNoResponse) {
  ProofItem proof = estate_.Proof(command_);
  proof.response = command_.command;
  ExpectInvalid(proof);
}

// --- Orders of the PMA ---

TEST_F(SignerTest, I4_OneMemberHaltsAndTheQuorumResumes) {
  ASSERT_TRUE(estate_.Open().ok());
  const StatusFrame halted = Must(estate_.Order("halt", "elena.pma"));
  EXPECT_EQ(halted.state, KeyState::kClosed);
  EXPECT_THAT(halted.closed_because, ::testing::StartsWith("KEY_HALTED: halt by elena.pma"));
  EXPECT_FALSE(estate_.token("recovery").open);
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(0), 1}}), kKEY_HALTED);
  EXPECT_REFUSED(estate_.Prepare(), kKEY_HALTED);
  estate_.StartSigner();
  EXPECT_REFUSED(estate_.Prepare(), kKEY_HALTED);
  for (const char* person : {"anna.pma", "bruno.pma"}) ASSERT_TRUE(estate_.Order("resume", person).ok());
  EXPECT_REFUSED(estate_.Prepare(), kKEY_HALTED);
  ASSERT_TRUE(estate_.Order("resume", "carla.pma").ok());
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(0), 1}}), kKEY_CLOSED);  // it may be opened again, but is not
  EXPECT_TRUE(estate_.Open().ok());
}

TEST_F(SignerTest, TheStatusTellsTheNewest64OrdersAboutTheDirectionAskedFor) {
  const auto orders = [&](const std::optional<Digest>& of) {
    return Must(estate_.Ask<StatusFrame>(FrameType::kStatus, StatusRequestFrame{0, of})).orders;
  };
  ASSERT_TRUE(estate_.Order("halt", "felix.pma").ok());
  EXPECT_TRUE(orders(std::nullopt).empty());
  EXPECT_TRUE(orders(Digest{9}).empty());
  ASSERT_EQ(orders(estate_.DirectionDigest()).size(), 1u);
  const GivenOrderFrame halt = orders(estate_.DirectionDigest())[0];
  EXPECT_EQ(halt.seat, "seat-anna") << "whose alternate he is";
  EXPECT_EQ(procedures::ParsePmaOrder(halt.document)->person, "felix.pma");
  EXPECT_EQ(halt.time, estate_.clock.Now());
  EXPECT_FALSE(halt.signature.empty());
  for (int i = 0; i < 64; ++i) {
    estate_.clock.Advance(std::chrono::seconds(1));  // another text each time
    ASSERT_TRUE(estate_.Order("halt", "anna.pma").ok());
  }
  const auto newest = orders(estate_.DirectionDigest());
  ASSERT_EQ(newest.size(), kMaxShownOrders);
  EXPECT_EQ(procedures::ParsePmaOrder(newest[0].document)->person, "anna.pma");
}

TEST_F(SignerTest, I4_WithdrawalIsForGoodAlsoBeforeTheDirectionIsKnown) {
  ASSERT_TRUE(estate_.Order("withdraw", "anna.pma").ok());
  EXPECT_REFUSED(estate_.Prepare(), kDIRECTION_WITHDRAWN);
  estate_.direction.rationale.text = "another text, so another Direction";
  EXPECT_TRUE(estate_.Prepare().ok());
  ASSERT_TRUE(estate_.Order("withdraw", "anna.pma").ok());
  EXPECT_REFUSED(estate_.Sign("esme", {{Esme(0), 1}}), kDIRECTION_WITHDRAWN);
}

TEST_F(SignerTest, I4_OnlyMembersGiveOrders) {
  ASSERT_TRUE(estate_.Open().ok());
  EXPECT_REFUSED(estate_.Order("halt", "lena.lead"), kNOT_PERMITTED);
  EXPECT_REFUSED(estate_.Order("halt", "kira.custodian"), kNOT_PERMITTED);
  EXPECT_REFUSED(estate_.Order("halt", "clara.chair"), kNOT_PERMITTED);  // the Chair has no seat
  EXPECT_EQ(estate_.Status().state, KeyState::kOpen);
}

TEST_F(SignerTest, I4_AnOrderSignedByAnotherPersonIsRefused) {
  ASSERT_TRUE(estate_.Open().ok());
  const procedures::PmaOrder order{"halt",     estate_.policy.environment, estate_.DirectionDigest(),
                                   "anna.pma", estate_.clock.Now(),        {"a test"}};
  const std::string text = Render(order);
  test::Identity& bruno = *estate_.persons.at("bruno.pma").sign;
  const Bytes cms = Must(pki::SignDetached(AsBytes(text), bruno.key, bruno.certificate, estate_.clock.Now(), ""));
  EXPECT_REFUSED(estate_.Ask<StatusFrame>(FrameType::kOrder, OrderFrame{text, cms}), kNOT_PERMITTED);
  EXPECT_EQ(estate_.Status().state, KeyState::kOpen);
}

TEST_F(SignerTest, I8_AnOrderOfAnotherEnvironmentIsRefused) {
  estate_.policy.environment.kind = "production";
  EXPECT_REFUSED(estate_.Order("halt", "anna.pma"), kENVIRONMENT_MISMATCH);
}

TEST_F(SignerTest, I4_AHaltWorksWithoutARevocationListButResumingDoesNot) {
  // No Direction was ever prepared here, so there is no list.
  ASSERT_TRUE(estate_.Order("halt", "anna.pma").ok());
  EXPECT_REFUSED(estate_.Prepare(), kKEY_HALTED);
  EXPECT_REFUSED(estate_.Order("resume", "bruno.pma"), kREVOCATION_LIST_STALE);
}

TEST_F(SignerTest, I10_AHaltThatCannotBeRecordedClosesTheKeyAllTheSame) {
  for (const char* order : {"halt", "withdraw"}) {
    estate_.StartSigner();
    ASSERT_TRUE(estate_.Open().ok());
    estate_.disk.full = true;
    EXPECT_REFUSED(estate_.Order(order, "elena.pma"), kAUDIT_NOT_DURABLE);
    EXPECT_FALSE(estate_.token("recovery").open);
    EXPECT_TRUE(estate_.signer().ended());
    estate_.disk.full = false;
  }
}

TEST_F(SignerTest, I2_ACloseThatCannotBeRecordedClosesTheKeyAndIsNotSaidToBeDone) {
  ASSERT_TRUE(estate_.Open().ok());
  estate_.disk.full = true;
  EXPECT_REFUSED(estate_.Close(), kAUDIT_NOT_DURABLE);
  EXPECT_FALSE(estate_.token("recovery").open);
  EXPECT_TRUE(estate_.signer().ended());
  EXPECT_REFUSED(estate_.Close(), kAUDIT_NOT_DURABLE);
  // The next signer has room: for it that was a crash.
  estate_.disk.full = false;
  estate_.StartSigner();
  EXPECT_THAT(estate_.Status().closed_because, ::testing::StartsWith("KEY_CLOSED: the signer ended"));
  EXPECT_TRUE(estate_.Close().ok());
}

// The disk fills up while signatures are under way: it is their failure that ends the activation.
TEST_F(SignerTest, I2_ACloseAfterSignaturesThatCouldNotBeRecordedIsNotSaidToBeDone) {
  ASSERT_TRUE(estate_.Open().ok());
  estate_.signer().Submit(
      TestEstate::FrameOf(MakeFrame(FrameType::kSign, estate_.SignRequest("esme", {{Esme(0), 1}}))));
  estate_.disk.full = true;
  estate_.signer().Submit(
      TestEstate::FrameOf(MakeFrame(FrameType::kClose, CloseFrame{estate_.DirectionDigest(), "done"})));
  const std::vector<Bytes> answers = estate_.signer().TakeAnswers(true);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_REFUSED(TestEstate::DecodeAnswer<SignedFrame>(answers[0]), kAUDIT_NOT_DURABLE);
  EXPECT_REFUSED(TestEstate::DecodeAnswer<StatusFrame>(answers[1]), kAUDIT_NOT_DURABLE);
  EXPECT_FALSE(estate_.token("recovery").open);
  EXPECT_TRUE(estate_.signer().ended());
}

TEST_F(SignerTest, I10_ResumingIsJudgedByThePolicyTheTokenObeys) {
  ASSERT_TRUE(estate_.Open().ok());
  ASSERT_TRUE(estate_.Order("halt", "elena.pma").ok());
  estate_.StartSigner();
  estate_.token("recovery").binding.policy[0] ^= 1;
  EXPECT_REFUSED(estate_.Order("resume", "anna.pma"), kPOLICY_DIGEST_MISMATCH);
  EXPECT_TRUE(estate_.Order("halt", "anna.pma").ok());  // stopping needs no more than a seat
}

TEST_F(SignerTest, I10_AWitnessThatCannotBeWrittenClosesTheTokenAndEndsTheProcess) {
  estate_.token("recovery").witness_fails = true;
  EXPECT_EQ(estate_.Open().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(estate_.token("recovery").open);
  EXPECT_TRUE(estate_.signer().ended());
}

TEST_F(SignerTest, I4_AnOldHaltCannotBeReplayedAfterResuming) {
  ASSERT_TRUE(estate_.Open().ok());
  const procedures::PmaOrder order{"halt",     estate_.policy.environment, estate_.DirectionDigest(),
                                   "anna.pma", estate_.clock.Now(),        {"a test"}};
  const std::string text = Render(order);
  test::Identity& anna = *estate_.persons.at("anna.pma").sign;
  const OrderFrame halt{text,
                        Must(pki::SignDetached(AsBytes(text), anna.key, anna.certificate, estate_.clock.Now(), ""))};
  ASSERT_TRUE(estate_.Ask<StatusFrame>(FrameType::kOrder, halt).ok());
  for (const char* person : {"bruno.pma", "carla.pma", "dario.pma"}) ASSERT_TRUE(estate_.Order("resume", person).ok());
  ASSERT_TRUE(estate_.Open().ok());
  ASSERT_TRUE(estate_.Ask<StatusFrame>(FrameType::kOrder, halt).ok());
  EXPECT_EQ(estate_.Status().state, KeyState::kOpen);
}

TEST_F(SignerTest, RefusalsOfTheKeyguardItselfAreRecorded) {
  ASSERT_TRUE(estate_.Ask<EmptyFrame>(FrameType::kRefusal, RefusalFrame{"NOT_PERMITTED", "a caller"}).ok());
  ASSERT_TRUE(estate_.Ask<EmptyFrame>(FrameType::kRefusal, RefusalFrame{"NO_SUCH_CODE", "a caller"}).ok());
  EXPECT_EQ(estate_.Refusals("NOT_PERMITTED"), 1u);
  EXPECT_EQ(estate_.Status().refusals, 1u);
}

}  // namespace
}  // namespace smki::hsm
