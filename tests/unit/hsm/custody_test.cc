#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gbcs/credentials.h"
#include "hsm/custody/provision.h"
#include "hsm/custody/shares.h"
#include "hsm/signer/key_token.h"
#include "pki/digest.h"
#include "procedures/reason.h"
#include "tests/unit/hsm/soft_token.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;

const procedures::Environment kDrill{"drill", "estate-7"};
const std::vector<std::string> kPersons = {"kira.custodian", "liam.custodian", "mona.custodian", "nils.custodian",
                                           "otto.custodian"};

Custody MakeTestCustody() {
  SeededRandom random(7);
  return *MakeCustody(kDrill, "recovery", kPersons, 3, random);
}

procedures::KeyCustody PolicyOf(const Custody& custody) {
  procedures::KeyCustody out;
  out.key = "recovery";
  out.threshold = 3;
  for (const auto& record : custody.shares)
    out.custodians.push_back({record.person, record.index, procedures::CommitmentOf(record)});
  return out;
}

TEST(Custody, I5_AnyThresholdOfSharesOpensAndFewerDoNot) {
  const Custody custody = MakeTestCustody();
  const auto combine = [&](std::vector<int> which) {
    std::vector<const Secret*> shares;
    for (int i : which) shares.push_back(&custody.shares[static_cast<size_t>(i)].share);
    return CombineShares(shares);
  };
  for (const auto& three : {std::vector<int>{0, 1, 2}, {4, 2, 0}, {1, 3, 4}}) {
    const auto secret = combine(three);
    ASSERT_TRUE(secret.ok()) << secret.status();
    EXPECT_EQ(ToHex(secret->span()), ToHex(custody.secret.span()));
  }
  EXPECT_FALSE(combine({0, 1}).ok());
  EXPECT_FALSE(combine({}).ok());
  EXPECT_FALSE(combine({0, 0, 1}).ok());
}

TEST(Custody, I5_ThresholdOfOneIsRefused) {
  SeededRandom random(1);
  const Secret secret(random.Take(kPinSecret));
  EXPECT_FALSE(SplitSecret(secret, 1, 5, random).ok());
  EXPECT_FALSE(SplitSecret(secret, 6, 5, random).ok());
}

TEST(Custody, PinIsTheSecretInHexadecimal) {
  EXPECT_EQ(ToString(PinOf(Secret(Bytes{0x01, 0xAB})).span()), "01ab");
}

TEST(ShareRecord, IsReadBackAsWritten) {
  const Custody custody = MakeTestCustody();
  const Secret octets = procedures::EncodeShareRecord(custody.shares[2]);
  const auto record = procedures::DecodeShareRecord(octets.span());
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->person, "mona.custodian");
  EXPECT_EQ(record->index, 3);
  EXPECT_EQ(record->key, "recovery");
  EXPECT_EQ(record->environment, kDrill);
  EXPECT_EQ(procedures::CommitmentOf(*record), procedures::CommitmentOf(custody.shares[2]));
}

TEST(ShareRecord, RefusesOctetsThatAreNoRecord) {
  const Custody custody = MakeTestCustody();
  const Secret good = procedures::EncodeShareRecord(custody.shares[0]);
  for (size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_TRUE(IsRefusal(procedures::DecodeShareRecord(good.span().first(cut)).status(), Reason::kSHARE_MALFORMED));
  }
  Bytes longer = ToBytes(good.span());
  longer.push_back(0);
  EXPECT_FALSE(procedures::DecodeShareRecord(longer).ok());
  Bytes other_magic = ToBytes(good.span());
  other_magic[0] ^= 1;
  EXPECT_FALSE(procedures::DecodeShareRecord(other_magic).ok());
  EXPECT_FALSE(procedures::DecodeShareRecord(Bytes(procedures::kMaxShareRecord + 1)).ok());
}

class ShareCheck : public ::testing::Test {
 protected:
  Custody custody_ = MakeTestCustody();
  procedures::KeyCustody policy_ = PolicyOf(custody_);
  procedures::ShareRecord& record_ = custody_.shares[0];
  Status Check() { return procedures::CheckShare(record_, kDrill, policy_, "kira.custodian"); }
};

TEST_F(ShareCheck, AcceptsTheCommittedShare) {
  EXPECT_TRUE(Check().ok()) << Check();
}
TEST_F(ShareCheck, I4_RefusesAShareOfAnotherPerson) {
  EXPECT_TRUE(IsRefusal(procedures::CheckShare(record_, kDrill, policy_, "liam.custodian"), Reason::kSHARE_WRONG));
}
TEST_F(ShareCheck, I5_RefusesAStranger) {
  EXPECT_TRUE(IsRefusal(procedures::CheckShare(record_, kDrill, policy_, "anna.pma"), Reason::kSHARE_FROM_STRANGER));
}
TEST_F(ShareCheck, I8_RefusesAShareOfAnotherEnvironment) {
  EXPECT_TRUE(IsRefusal(procedures::CheckShare(record_, {"production", "estate-7"}, policy_, "kira.custodian"),
                        Reason::kSHARE_WRONG));
}
TEST_F(ShareCheck, I5_RefusesAShareThatDoesNotMatchItsCommitment) {
  Bytes other = ToBytes(record_.share.span());
  other.back() ^= 1;
  record_.share = Secret(std::move(other));
  EXPECT_TRUE(IsRefusal(Check(), Reason::kSHARE_WRONG));
}
TEST_F(ShareCheck, I5_CommitmentIsSaltedSoThatItSaysNothingAboutTheShare) {
  const Digest before = procedures::CommitmentOf(record_);
  record_.salt = Secret(Bytes(procedures::kShareSalt, 1));
  EXPECT_NE(procedures::CommitmentOf(record_), before);
}

TEST(TokenBinding, IsCanonicalText) {
  const TokenBinding binding{kDrill, "recovery", 3, pki::Sha256("policy")};
  const auto back = ParseTokenBinding(Render(binding));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->environment, kDrill);
  EXPECT_EQ(back->key, "recovery");
  EXPECT_EQ(back->policy_version, 3u);
  EXPECT_EQ(back->policy, binding.policy);
  EXPECT_FALSE(ParseTokenBinding(Render(binding) + "\n").ok());
  EXPECT_FALSE(ParseTokenWitness(Render(binding)).ok());
}

TEST(ProvisionToken, MakesATokenThatOnlyTheSecretOpens) {
  test::SoftHsm hsm;
  SeededRandom random(9);
  const Custody custody = MakeTestCustody();
  const TokenBinding binding{kDrill, "recovery", 1, pki::Sha256("policy")};
  const auto key = ProvisionToken(hsm.module(), "smki-recovery-estate-7", custody.secret, binding, random);
  ASSERT_TRUE(key.ok()) << key.status();

  const auto slot = hsm.module().FindToken(*pkcs11::TokenUri::Parse("smki-recovery-estate-7"));
  ASSERT_TRUE(slot.ok());
  EXPECT_FALSE(pkcs11::TokenSigner::Open(*slot, PinOf(Secret(Bytes(32))), "recovery").ok());
  const auto signer = pkcs11::TokenSigner::Open(*slot, PinOf(custody.secret), "recovery");
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_EQ((*signer)->public_key(), *key);
  EXPECT_EQ(ToString((*slot->OpenSession(pkcs11::Access::kReadOnly))->ReadData(kBindingLabel)->at(0)), Render(binding));
}

// Notes what was drawn.
class NotedRandom : public SeededRandom {
 public:
  using SeededRandom::SeededRandom;
  void Fill(std::span<uint8_t> out) override {
    SeededRandom::Fill(out);
    drawn.push_back(ToBytes(out));
  }
  std::vector<Bytes> drawn;
};

// With the SO PIN alone SoftHSM sets the user PIN anew: it must be as good a secret, another one, and forgotten.
TEST(ProvisionToken, TheSecurityOfficersPinIsARandomSecretOfItsOwn) {
  test::SoftHsm hsm;
  NotedRandom random(9);
  const Custody custody = MakeTestCustody();
  const TokenBinding binding{kDrill, "recovery", 1, pki::Sha256("policy")};
  ASSERT_TRUE(ProvisionToken(hsm.module(), "smki-recovery-estate-7", custody.secret, binding, random).ok());
  ASSERT_EQ(random.drawn.size(), 1u);
  EXPECT_EQ(random.drawn[0].size(), kPinSecret) << "32 octets, never a memorable PIN";
  EXPECT_NE(ToHex(random.drawn[0]), ToHex(custody.secret.span()));

  const auto slot = hsm.module().FindToken(*pkcs11::TokenUri::Parse("smki-recovery-estate-7"));
  const auto session = *slot->OpenSession(pkcs11::Access::kReadWrite);
  EXPECT_FALSE(session->LoginSecurityOfficer(PinOf(custody.secret)).ok()) << "the custodians are not the SO";
  EXPECT_FALSE(session->Login(PinOf(Secret(random.drawn[0]))).ok()) << "the SO is no custodian";
  const auto as_officer = session->LoginSecurityOfficer(PinOf(Secret(random.drawn[0])));
  EXPECT_TRUE(as_officer.ok()) << "it is the SO PIN, and nobody has it: " << as_officer;
}

TEST(Custody, I5_EachKeyHasASecretOfItsOwn) {
  SeededRandom random(7);
  const Custody first = *MakeCustody(kDrill, "recovery", kPersons, 3, random);
  const Custody second = *MakeCustody(kDrill, "contingency", kPersons, 3, random);
  EXPECT_EQ(first.secret.size(), kPinSecret);
  EXPECT_NE(ToHex(first.secret.span()), ToHex(second.secret.span()));
  EXPECT_FALSE(CombineShares({&first.shares[0].share, &first.shares[1].share, &second.shares[2].share}).ok())
      << "shares of two keys do not mix";
}

// The new secret takes the old one's place in a real token: key and data objects stay.
TEST(ChangeOfSecret, OnlyTheNewSecretOpensTheTokenAndTheKeyIsTheSame) {
  test::SoftHsm hsm;
  SeededRandom random(9);
  const Custody custody = MakeTestCustody();
  const TokenBinding binding{kDrill, "recovery", 1, pki::Sha256("policy")};
  const auto key = ProvisionToken(hsm.module(), "smki-recovery-estate-7", custody.secret, binding, random);
  ASSERT_TRUE(key.ok());
  const Secret next(random.Take(kPinSecret));
  const auto token = *FindKeyToken(hsm.module(), "recovery", "pkcs11:token=smki-recovery-estate-7", 1);
  EXPECT_EQ(token->ChangeSecret(next, custody.secret).code(), StatusCode::kPermissionDenied);
  ASSERT_TRUE(token->ChangeSecret(custody.secret, next).ok()) << "a wrong old secret has changed nothing";
  EXPECT_EQ(token->Open(custody.secret).status().code(), StatusCode::kPermissionDenied);
  auto signers = token->Open(next);
  ASSERT_TRUE(signers.ok()) << signers.status();
  EXPECT_EQ(*token->ReadPublicKey(), *key);
  const TokenBinding after{kDrill, "recovery", 2, pki::Sha256("next policy")};
  ASSERT_TRUE(token->WriteBinding(after).ok());
  signers->reset();
  token->Close();
  EXPECT_EQ(Render(*token->ReadBinding()), Render(after));
}

// Without threads a batch is signed when Submit returns, by a copy of the token's key.
TEST(KeyToken, WithoutThreadsItSignsAtOnce) {
  test::SoftHsm hsm;
  SeededRandom random(9);
  const Custody custody = MakeTestCustody();
  const TokenBinding binding{kDrill, "recovery", 1, pki::Sha256("policy")};
  const auto key = ProvisionToken(hsm.module(), "smki-recovery-estate-7", custody.secret, binding, random);
  ASSERT_TRUE(key.ok());
  const auto token = *FindKeyToken(hsm.module(), "recovery", "pkcs11:token=smki-recovery-estate-7", 0);
  const auto signer = *token->Open(custody.secret);
  EXPECT_EQ(signer->ready_fd(), -1);
  auto batch = std::make_unique<SigningBatch>();
  batch->commands = {{0xDF, 1}, {0xDF, 2}};
  signer->Submit(std::move(batch));
  const auto done = signer->Take(false);
  ASSERT_NE(done, nullptr);
  ASSERT_TRUE(done->status.ok()) << done->status;
  ASSERT_EQ(done->signatures.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(key->Verify(gbcs::CommandTemplate::ToBeSigned(done->commands[i]), done->signatures[i]));
  }
}

}  // namespace
}  // namespace smki::hsm
