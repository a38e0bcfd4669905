// Mode 9: two keys, two custodian sets, one disclosure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "procedures/reason.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm::test {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using ::testing::HasSubstr;

class Contingency : public ::testing::Test {
 protected:
  Contingency() { estate_.DirectContingency(); }

  std::string KeyAsked(const CeremonyFrame& ceremony) {
    return Must(procedures::ParseCeremonyRequest(ceremony.request)).key;
  }
  StatusOr<CeremonyFrame> OpenSymmetricKey() {
    SMKI_ASSIGN_OR_RETURN(CeremonyFrame ceremony, estate_.Prepare());
    for (const char* person : {"pia.custodian", "rosa.custodian"}) {
      SMKI_ASSIGN_OR_RETURN(ceremony, estate_.Present(person, ceremony));
    }
    return ceremony;
  }
  ::smki::Status Open() {
    SMKI_ASSIGN_OR_RETURN(CeremonyFrame ceremony, OpenSymmetricKey());
    for (const char* person : {"kira.custodian", "liam.custodian", "mona.custodian"}) {
      SMKI_ASSIGN_OR_RETURN(ceremony, estate_.Present(person, ceremony));
    }
    return ceremony.open ? OkStatus() : Internal("five shares did not open the key");
  }
  std::vector<SignedItem> Sign(const std::string& group, uint32_t attempt) {
    std::vector<SignItem> items;
    for (const Eui64 device : estate_.populations.at(group).devices) items.push_back({device, attempt});
    return Must(estate_.Sign(group, std::move(items))).items;
  }
  // No Device needs the pair: some are proven, the others have had their one attempt.
  void ReachTheEnd() {
    estate_.direction.limits.attempts_per_device = 1;
    ASSERT_TRUE(Open().ok());
    Sign("esme", 1);
    std::vector<ProofItem> proofs;
    for (const SignedItem& item : Sign("esme", 1)) proofs.push_back(estate_.Proof(item));
    ASSERT_TRUE(estate_.Prove(std::move(proofs)).ok());
    Sign("gpf", 1);
  }
  StatusOr<StatusFrame> Destroy() {
    return estate_.Ask<StatusFrame>(FrameType::kDestroy, DestroyFrame{estate_.DirectionDigest()});
  }
  bool Contains(ByteSpan where, ByteSpan what) {
    return std::search(where.begin(), where.end(), what.begin(), what.end()) != where.end();
  }

  TestEstate estate_;
};

TEST_F(Contingency, I5_EachKeyTakesItsOwnCustodiansOneAfterTheOther) {
  const CeremonyFrame first = Must(estate_.Prepare());
  EXPECT_EQ(KeyAsked(first), "symmetric");
  EXPECT_EQ(first.threshold, 2u);
  const CeremonyFrame second = Must(OpenSymmetricKey());
  EXPECT_EQ(KeyAsked(second), "contingency");
  EXPECT_EQ(second.threshold, 3u);
  EXPECT_TRUE(second.presented.empty());
  EXPECT_FALSE(second.open);
  EXPECT_EQ(estate_.Status().state, KeyState::kCeremony);
  EXPECT_EQ(estate_.Status().key, "contingency");
  const auto refused = estate_.Sign("esme", {{estate_.populations.at("esme").devices[0], 1}});
  EXPECT_TRUE(IsRefusal(refused.status(), Reason::kSHARES_TOO_FEW)) << refused.status();
  CeremonyFrame third = second;
  for (const char* person : {"kira.custodian", "liam.custodian", "mona.custodian"})
    third = Must(estate_.Present(person, third));
  EXPECT_TRUE(third.open);
}

TEST_F(Contingency, I1_ACommandDisclosesTheSymmetricKeyAndNothingElseDoes) {
  ASSERT_TRUE(Open().ok());
  const std::vector<SignedItem> commands = Sign("esme", 1);
  const gbcs::Message message = Must(gbcs::ParseMessage(commands[3].command));
  const gbcs::CommandPayload payload = Must(gbcs::ParseCommandPayload(message.payload));
  EXPECT_EQ(message.message_code, gbcs::MessageCodeOf(gbcs::Mode::kAnyByContingency));
  EXPECT_EQ(message.originator, Eui64(0x70B3D51F300017FF));
  EXPECT_EQ(payload.plaintext_symmetric_key, estate_.symmetric_key);
  EXPECT_EQ(payload.authorising_cell->ToString(), "root/keyCertSign");
  EXPECT_EQ(payload.replacements.size(), 3u);
  EXPECT_EQ(payload.seq_number, message.originator_counter);
  EXPECT_TRUE(estate_.token("contingency").key.public_key().Verify(gbcs::SignedOctets(message), *message.signature));
  const Bytes journal = Must(estate_.disk.Read(estate_.folder / "journal", 1 << 20));
  EXPECT_FALSE(Contains(journal, estate_.symmetric_key));
  // A Device answers to the originator, and that is its proof.
  EXPECT_EQ(Must(estate_.Prove({estate_.Proof(commands[3])})).proven, 1u);
}

TEST_F(Contingency, I1_ASymmetricKeyThatDoesNotOpenTheDirectedRootOpensNothing) {
  estate_.token("symmetric").symmetric = Bytes(pki::kSymmetricKey, 7);
  const auto refused = OpenSymmetricKey();
  EXPECT_TRUE(IsRefusal(refused.status(), Reason::kKEY_MISMATCH)) << refused.status();
  EXPECT_FALSE(estate_.token("symmetric").open);
  EXPECT_TRUE(estate_.signer().ended()) << "memory that a token's key was in is not used again";
}

TEST_F(Contingency, I1_ATokenThatIsNotTheRootsContingencyKeyOpensNothing) {
  estate_.token("contingency").key = Must(pki::PrivateKey::Generate());
  const auto refused = OpenSymmetricKey();
  EXPECT_TRUE(IsRefusal(refused.status(), Reason::kKEY_MISMATCH)) << refused.status();
}

TEST_F(Contingency, I1_OnlyTheRootOfThePolicyVouchesForTheContingencyKey) {
  estate_.direction.key_certificate = estate_.certificates.at("new-root").sha256();
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kCERTIFICATE_NOT_FOR_CELL));
}

TEST_F(Contingency, I1_TheNewRootAnswersToItselfCarriesAKeyAndIsNew) {
  for (const char* root : {"old-root", "new-issuing"}) {
    for (procedures::DirectedGroup& group : estate_.direction.groups)
      group.replacements[0].certificate = estate_.certificates.at(root).sha256();
    EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kCERTIFICATE_NOT_FOR_CELL)) << root;
  }
}

TEST_F(Contingency, I8_ASymmetricTokenOfAnotherEnvironmentIsNotAskedFor) {
  estate_.token("symmetric").binding.environment.kind = "production";
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kENVIRONMENT_MISMATCH));
}

TEST_F(Contingency, I10_ASymmetricTokenThatHasSeenALongerJournalIsNotAskedFor) {
  estate_.token("symmetric").witness.journal_records = 1000;
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kJOURNAL_ROLLED_BACK));
}

TEST_F(Contingency, I5_ACrashBetweenTheTwoTakesBothAgain) {
  ASSERT_TRUE(OpenSymmetricKey().ok());
  estate_.token("symmetric").open = false;
  estate_.StartSigner();
  EXPECT_EQ(estate_.Status().state, KeyState::kClosed);
  EXPECT_EQ(KeyAsked(Must(estate_.Prepare())), "symmetric");
}

TEST_F(Contingency, I5_AHaltBetweenTheTwoClosesTheSymmetricKey) {
  ASSERT_TRUE(OpenSymmetricKey().ok());
  ASSERT_TRUE(estate_.Order("halt", "anna.pma").ok());
  EXPECT_FALSE(estate_.token("symmetric").open);
  EXPECT_TRUE(estate_.signer().ended());
}

TEST_F(Contingency, I1_ThePairIsDestroyedOnlyWhenNoDeviceNeedsItAnyMore) {
  ASSERT_TRUE(Open().ok());
  const std::vector<SignedItem> esme = Sign("esme", 1);
  std::vector<ProofItem> proofs;
  for (const SignedItem& item : esme) proofs.push_back(estate_.Proof(item));
  ASSERT_TRUE(estate_.Prove(std::move(proofs)).ok());
  EXPECT_TRUE(IsRefusal(Destroy().status(), Reason::kKEY_STILL_NEEDED));
  EXPECT_FALSE(estate_.token("contingency").destroyed);
  // Of the others nobody answers: what is left is the last of their attempts.
  estate_.clock.Advance(std::chrono::seconds(2));
  Sign("gpf", 1);
  EXPECT_TRUE(IsRefusal(Destroy().status(), Reason::kKEY_STILL_NEEDED));
}

TEST_F(Contingency, I5_WhatIsDestroyedIsClosedAndNeverOpenedAgain) {
  ReachTheEnd();
  const auto status = Destroy();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->state, KeyState::kClosed);
  EXPECT_THAT(status->closed_because, HasSubstr("were destroyed"));
  EXPECT_TRUE(estate_.token("contingency").destroyed);
  EXPECT_TRUE(estate_.token("symmetric").destroyed);
  EXPECT_FALSE(estate_.token("contingency").open);
  EXPECT_FALSE(estate_.token("symmetric").open);
  EXPECT_TRUE(estate_.signer().ended());
  estate_.StartSigner();
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kKEY_RETIRED));
}

TEST_F(Contingency, I5_ASignerThatEndedWhileItDestroyedSaysSoAndOpensThePairNoMore) {
  ReachTheEnd();
  estate_.token("contingency").destroy_fails = true;
  EXPECT_FALSE(Destroy().ok());
  estate_.StartSigner();
  const auto again = Destroy();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->state, KeyState::kClosed);
  EXPECT_THAT(again->closed_because, HasSubstr("destroy both tokens in the secure room"));
  EXPECT_TRUE(IsRefusal(estate_.Prepare().status(), Reason::kKEY_RETIRED));
}

TEST(Recovery, I1_TheRecoveryKeyIsNotUsedUpByItsUse) {
  TestEstate estate;
  ASSERT_TRUE(estate.Open().ok());
  const auto refused = estate.Ask<StatusFrame>(FrameType::kDestroy, DestroyFrame{estate.DirectionDigest()});
  EXPECT_TRUE(IsRefusal(refused.status(), Reason::kBAD_REQUEST)) << refused.status();
  EXPECT_FALSE(estate.token("recovery").destroyed);
}

}  // namespace
}  // namespace smki::hsm::test
