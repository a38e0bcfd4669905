#include "tests/simulation/hsm/sim_hsm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "hsm/custody/provision.h"
#include "hsm/custody/shares.h"
#include "hsm/pkcs11/functions.h"
#include "hsm/pkcs11/result.h"
#include "hsm/signer/key_token.h"
#include "pki/digest.h"
#include "tests/simulation/hsm/keys.h"
#include "tests/unit/hsm/soft_token.h"

namespace smki::simulation {
namespace {

using hsm::pkcs11::Access;
using hsm::pkcs11::Module;
using hsm::pkcs11::Object;
using hsm::pkcs11::Session;
using hsm::pkcs11::Slot;
using hsm::pkcs11::TokenSigner;
using hsm::pkcs11::TokenUri;
using hsm::test::SecretOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const Digest kDigest = pki::Sha256("a command");

template <typename Array>
Array ArrayOf(std::string_view hex) {
  Array out{};
  const Bytes octets = *FromHex(hex);
  std::copy_n(octets.begin(), out.size(), out.begin());
  return out;
}

// RFC 6979 A.2.5, SHA-256.
TEST(SignRfc6979, GivesTheSignaturesOfTheRfc) {
  const auto scalar = ArrayOf<Scalar>("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
  EXPECT_EQ(ToHex(PublicPointOfScalar(scalar)),
            "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
  EXPECT_EQ(ToHex(SignRfc6979(scalar, pki::Sha256("sample"))),
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_EQ(ToHex(SignRfc6979(scalar, pki::Sha256("test"))),
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083");
}

// Digests at and beyond the order, and the scalars at its edges: an independent verifier agrees.
TEST(SignRfc6979, VerifiesForDigestsAndKeysAtTheEdges) {
  const auto order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  const auto last = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";
  const auto one = "0000000000000000000000000000000000000000000000000000000000000001";
  const auto most = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
  for (const char* key : {one, last}) {
    const auto scalar = ArrayOf<Scalar>(key);
    const auto point = *pki::PublicKey::FromPoint(PublicPointOfScalar(scalar));
    for (const char* digest : {one, last, order, most}) {
      EXPECT_TRUE(point.VerifyDigest(ArrayOf<Digest>(digest), SignRfc6979(scalar, ArrayOf<Digest>(digest)))) << digest;
    }
  }
}

TEST(DeriveScalar, IsAnotherForEachSeedTokenKeyAndTurn) {
  const std::set<Scalar> scalars = {
      DeriveScalar(AsBytes("s"), "t", "k", 1), DeriveScalar(AsBytes("S"), "t", "k", 1),
      DeriveScalar(AsBytes("s"), "T", "k", 1), DeriveScalar(AsBytes("s"), "t", "K", 1),
      DeriveScalar(AsBytes("s"), "t", "k", 2), DeriveScalar(AsBytes("s"), "tk", "", 1),
      DeriveScalar({}, "t", "k", 1),
  };
  EXPECT_EQ(scalars.size(), 7u);
}

class SimulatedHsm : public ::testing::Test {
 protected:
  void SetUp() override {
    auto module = Module::Load(SMKI_SIM_HSM, "");
    ASSERT_TRUE(module.ok()) << module.status();
    module_ = *std::move(module);
    hsm_ = LoadSimHsm(SMKI_SIM_HSM);
    ASSERT_NE(hsm_, nullptr);
    hsm_->Reset(AsBytes("a seed"));
  }
  // What a test has set refers to its own variables.
  void TearDown() override {
    if (hsm_ != nullptr) hsm_->Reset({});
  }

  const CK_FUNCTION_LIST& functions() { return *module_->functions().list; }
  Slot FindSlot(const std::string& label = "smki-test") { return *module_->FindToken(*TokenUri::Parse(label)); }
  std::unique_ptr<Session> Open(Access access, const std::string& label = "smki-test") {
    return *FindSlot(label).OpenSession(access);
  }

  // A token with the user PIN "user-secret" and, if it is named, a key; the session is not logged in.
  std::unique_ptr<Session> MakeToken(const std::string& key = "", const std::string& label = "smki-test") {
    EXPECT_TRUE(module_->InitToken(label, SecretOf("so-secret")).ok());
    auto session = Open(Access::kReadWrite, label);
    EXPECT_TRUE(session->LoginSecurityOfficer(SecretOf("so-secret")).ok());
    EXPECT_TRUE(session->InitPin(SecretOf("user-secret")).ok());
    EXPECT_TRUE(session->Logout().ok());
    if (!key.empty()) {
      EXPECT_TRUE(session->Login(SecretOf("user-secret")).ok());
      EXPECT_TRUE(session->GenerateKeyPair(key).ok());
      EXPECT_TRUE(session->Logout().ok());
    }
    return session;
  }

  void NoteLogins() {
    hsm_->SetOnLogin([&](const std::string& token, bool in) { logins_.push_back(token + (in ? " in" : " out")); });
  }

  std::vector<std::string> logins_;  // noted until the last session has ended: it outlives a test's own
  std::shared_ptr<Module> module_;
  SimHsm* hsm_ = nullptr;
};

// --- As tests/unit/hsm/pkcs11_test.cc asks of SoftHSM ---

TEST_F(SimulatedHsm, SignsWithTokenKeyAndSessionCopies) {
  const auto session = MakeToken();
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  const auto key = session->GenerateKeyPair("recovery");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_TRUE(key->VerifyDigest(kDigest, *session->Sign(*session->FindPrivateKey("recovery"), kDigest)));
  const auto other = Open(Access::kReadOnly);
  const Object copy = *other->CopyToSession(*other->FindPrivateKey("recovery"));
  EXPECT_TRUE(key->VerifyDigest(kDigest, *other->Sign(copy, kDigest)));
}

TEST_F(SimulatedHsm, I5_NoKeyWithoutThePin) {
  const auto session = MakeToken("recovery");
  EXPECT_EQ(session->FindPrivateKey("recovery").status().code(), StatusCode::kNotFound);
  for (int i = 0; i < 20; ++i) {
    const Status wrong = session->Login(SecretOf("user-secre"));
    EXPECT_EQ(wrong.code(), StatusCode::kPermissionDenied);
    EXPECT_THAT(Message(wrong), HasSubstr("CKR_PIN_INCORRECT"));
  }
  EXPECT_TRUE(session->ReadPublicKey("recovery").ok());
  EXPECT_TRUE(session->Login(SecretOf("user-secret")).ok()) << "wrong PINs do not lock it";
  EXPECT_TRUE(session->FindPrivateKey("recovery").ok());
}

TEST_F(SimulatedHsm, KeyPairIsNotMadeTwice) {
  const auto session = MakeToken("recovery");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  EXPECT_EQ(session->GenerateKeyPair("recovery").status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(SimulatedHsm, ASecretKeyIsMadeOnceReadAndDestroyed) {
  const auto session = MakeToken("contingency");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  ASSERT_TRUE(session->GenerateSecretKey("symmetric").ok());
  EXPECT_EQ(session->GenerateSecretKey("symmetric").code(), StatusCode::kFailedPrecondition);
  const auto key = session->ReadSecretKey("symmetric");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->size(), 32u);
  ASSERT_TRUE(session->DestroyKeys("symmetric").ok());
  EXPECT_EQ(session->ReadSecretKey("symmetric").status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(session->DestroyKeys("contingency").ok());
  EXPECT_EQ(session->FindPrivateKey("contingency").status().code(), StatusCode::kNotFound);
}

TEST_F(SimulatedHsm, TokenSignerSigns) {
  MakeToken("authority");
  const auto signer = TokenSigner::Open(FindSlot(), SecretOf("user-secret"), "authority");
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_TRUE((*signer)->public_key().VerifyDigest(kDigest, *(*signer)->SignDigest(kDigest)));
  EXPECT_EQ(ToHex((*signer)->public_key().point()), ToHex(hsm_->PublicPointOf("smki-test", "authority")));
  EXPECT_THAT(hsm_->PublicPointOf("smki-test", "other"), IsEmpty());
  EXPECT_THAT(hsm_->PublicPointOf("other", "authority"), IsEmpty());
}

TEST_F(SimulatedHsm, DataObjectsAreReplacedAndReadWithoutLogin) {
  const auto session = MakeToken();
  EXPECT_THAT(*session->ReadData("note"), IsEmpty());
  ASSERT_TRUE(session->WriteData("note", AsBytes("first")).ok());
  ASSERT_TRUE(session->WriteData("note", AsBytes("second, longer")).ok());
  EXPECT_THAT(*Open(Access::kReadOnly)->ReadData("note"), ElementsAre(ToBytes(AsBytes("second, longer"))));
  ASSERT_TRUE(session->WriteData("note", {}).ok());
  EXPECT_THAT(*session->ReadData("note"), ElementsAre(Bytes()));
  EXPECT_FALSE(session->WriteData("note", Bytes(Session::kMaxData + 1)).ok());
}

TEST_F(SimulatedHsm, ReadOnlySessionsMakeNothingInTheToken) {
  const auto session = MakeToken("recovery");
  const auto reader = Open(Access::kReadOnly);
  EXPECT_THAT(Message(reader->WriteData("note", AsBytes("x"))), HasSubstr("CKR_SESSION_READ_ONLY"));
  ASSERT_TRUE(reader->Login(SecretOf("user-secret")).ok());
  EXPECT_THAT(Message(reader->WriteData("note", AsBytes("x"))), HasSubstr("CKR_SESSION_READ_ONLY"));
  EXPECT_THAT(Message(reader->GenerateKeyPair("other").status()), HasSubstr("CKR_SESSION_READ_ONLY"));
  EXPECT_THAT(Message(reader->SetPin(SecretOf("user-secret"), SecretOf("next"))), HasSubstr("CKR_SESSION_READ_ONLY"));
}

TEST_F(SimulatedHsm, TokensAreFoundByLabelOnly) {
  MakeToken();
  MakeToken("", "another");
  EXPECT_TRUE(module_->FindToken(*TokenUri::Parse("another")).ok());
  EXPECT_EQ(module_->FindToken(*TokenUri::Parse("other")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(module_->FindToken(*TokenUri::Parse("pkcs11:token=smki-test;serial=no")).status().code(),
            StatusCode::kNotFound);
  EXPECT_FALSE(module_->InitToken("smki-test", SecretOf("so-secret")).ok());
}

TEST_F(SimulatedHsm, AModuleIsInitialisedOnceAndTokensOutliveIt) {
  EXPECT_EQ(functions().C_Initialize(nullptr), CKR_CRYPTOKI_ALREADY_INITIALIZED);
  auto session = MakeToken("recovery");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  const CK_FUNCTION_LIST& f = functions();
  session.reset();
  module_.reset();
  CK_ULONG count = 0;
  EXPECT_EQ(f.C_GetSlotList(CK_TRUE, nullptr, &count), CKR_CRYPTOKI_NOT_INITIALIZED);
  EXPECT_EQ(f.C_CloseSession(1), CKR_CRYPTOKI_NOT_INITIALIZED);
  module_ = *Module::Load(SMKI_SIM_HSM, "");
  EXPECT_EQ(Open(Access::kReadOnly)->FindPrivateKey("recovery").status().code(), StatusCode::kNotFound);
}

// --- Provisioned and used as production does ---

class ProvisionedHsm : public SimulatedHsm {
 protected:
  StatusOr<pki::PublicKey> Provision() {
    SeededRandom random(9);
    return hsm::ProvisionToken(*module_, "smki-recovery", custodians(), binding_, random);
  }
  Secret custodians() const { return Secret(Bytes(32, 7)); }
  std::unique_ptr<hsm::KeyToken> Find(int threads = 0) {
    return *hsm::FindKeyToken(*module_, "recovery", "pkcs11:token=smki-recovery", threads);
  }
  const hsm::TokenBinding binding_{{"drill", "estate-7"}, "recovery", 1, kDigest};
};

TEST_F(ProvisionedHsm, OpensForItsCustodiansAndSigns) {
  const auto key = Provision();
  ASSERT_TRUE(key.ok()) << key.status();
  const auto token = Find();
  EXPECT_EQ(*token->ReadPublicKey(), *key);
  EXPECT_EQ(Render(*token->ReadBinding()), Render(binding_));
  EXPECT_EQ(Render(*token->ReadWitness()), Render(hsm::TokenWitness{}));
  EXPECT_EQ(token->Open(Secret(Bytes(32, 8))).status().code(), StatusCode::kPermissionDenied);
  auto signer = token->Open(custodians());
  ASSERT_TRUE(signer.ok()) << signer.status();
  auto batch = std::make_unique<hsm::SigningBatch>();
  batch->commands = {{0xDF, 1}, {0xDF, 2}};
  (*signer)->Submit(std::move(batch));
  const auto done = (*signer)->Take(false);
  ASSERT_TRUE(done->status.ok()) << done->status;
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(key->Verify(ByteSpan(done->commands[i]).subspan(1), done->signatures[i]));
  }
  ASSERT_TRUE(token->WriteWitness({1, 2, kDigest}).ok());
  EXPECT_EQ(token->ReadWitness()->journal_records, 2u);
}

TEST_F(ProvisionedHsm, SessionsThatDiedBetweenOrDuringActivationsDoNotMatterToTheNext) {
  const auto key = Provision();
  ASSERT_TRUE(key.ok()) << key.status();
  const auto token = Find();
  const auto pull = [&] {
    hsm_->SetPresent("smki-recovery", false);
    EXPECT_FALSE(token->ReadWitness().ok());
    hsm_->SetPresent("smki-recovery", true);
  };
  const auto kill = [&] { hsm_->KillSessions("smki-recovery"); };
  for (const std::function<void()>& strike : {std::function<void()>(kill), std::function<void()>(pull)}) {
    strike();
    const auto binding = token->ReadBinding();
    ASSERT_TRUE(binding.ok()) << binding.status();
    EXPECT_EQ(Render(*binding), Render(binding_));
    EXPECT_TRUE(token->ReadWitness().ok());
    EXPECT_EQ(*token->ReadPublicKey(), *key);
    strike();
    auto signer = token->Open(custodians());
    ASSERT_TRUE(signer.ok()) << signer.status();
    ASSERT_TRUE(token->WriteWitness({1, 2, kDigest}).ok());
    strike();
    EXPECT_FALSE(token->WriteWitness({1, 3, kDigest}).ok()) << "the login is gone with its session";
    signer->reset();
    token->Close();
    signer = token->Open(custodians());
    ASSERT_TRUE(signer.ok()) << signer.status();
    auto batch = std::make_unique<hsm::SigningBatch>();
    batch->commands = {{0xDF, 1}};
    (*signer)->Submit(std::move(batch));
    EXPECT_TRUE((*signer)->Take(false)->status.ok());
    signer->reset();
    token->Close();
    strike();
    ASSERT_TRUE(token->ChangeSecret(custodians(), custodians()).ok());
  }
}

TEST_F(ProvisionedHsm, AClosedKeySignsNoMore) {
  ASSERT_TRUE(Provision().ok());
  const auto token = Find();
  const auto signer = *token->Open(custodians());
  token->Close();
  auto batch = std::make_unique<hsm::SigningBatch>();
  batch->commands = {{0xDF, 1}};
  signer->Submit(std::move(batch));
  EXPECT_FALSE(signer->Take(false)->status.ok()) << "a private session copy goes at logout";
}

TEST_F(ProvisionedHsm, OnlyTheNewSecretOpensItAfterAChange) {
  const auto key = Provision();
  const auto token = Find();
  const Secret next(Bytes(32, 8));
  EXPECT_EQ(token->ChangeSecret(next, custodians()).code(), StatusCode::kPermissionDenied);
  ASSERT_TRUE(token->ChangeSecret(custodians(), next).ok());
  EXPECT_EQ(token->Open(custodians()).status().code(), StatusCode::kPermissionDenied);
  EXPECT_TRUE(token->Open(next).ok());
  EXPECT_EQ(*token->ReadPublicKey(), *key);
}

// --- The hands that hold it ---

TEST_F(ProvisionedHsm, ASeedGivesTheSameKeysSignaturesAndOctetsAgain) {
  std::vector<std::string> runs;
  for (const char* seed : {"a seed", "a seed", "another"}) {
    hsm_->Reset(AsBytes(seed));
    ASSERT_TRUE(Provision().ok());
    const auto session = Open(Access::kReadOnly, "smki-recovery");
    ASSERT_TRUE(session->Login(hsm::PinOf(custodians())).ok());
    const auto signature = session->Sign(*session->FindPrivateKey("recovery"), kDigest);
    runs.push_back(ToHex(hsm_->PublicPointOf("smki-recovery", "recovery")) + ToHex(*signature) + ToHex(hsm_->Save()));
  }
  EXPECT_EQ(runs[0], runs[1]);
  EXPECT_NE(runs[0], runs[2]);
}

TEST_F(SimulatedHsm, WhatIsSavedIsRestoredAndSessionsEnd) {
  const auto session = MakeToken("recovery");
  ASSERT_TRUE(session->WriteData("note", AsBytes("before")).ok());
  const auto key = *session->ReadPublicKey("recovery");
  const Bytes saved = hsm_->Save();
  ASSERT_TRUE(session->WriteData("note", AsBytes("after")).ok());
  ASSERT_TRUE(session->SetPin(SecretOf("user-secret"), SecretOf("next-secret")).ok());
  ASSERT_TRUE(session->Login(SecretOf("next-secret")).ok());
  ASSERT_TRUE(session->GenerateKeyPair("other").ok());
  EXPECT_NE(hsm_->Save(), saved);

  hsm_->Restore(saved);
  EXPECT_EQ(hsm_->Save(), saved);
  EXPECT_THAT(Message(session->ReadPublicKey("recovery").status()), HasSubstr("CKR_SESSION_HANDLE_INVALID"));
  const auto again = Open(Access::kReadWrite);
  EXPECT_EQ(*again->ReadPublicKey("recovery"), key);
  EXPECT_THAT(*again->ReadData("note"), ElementsAre(ToBytes(AsBytes("before"))));
  EXPECT_EQ(again->FindPrivateKey("recovery").status().code(), StatusCode::kNotFound) << "the login is gone";
  EXPECT_EQ(again->Login(SecretOf("next-secret")).code(), StatusCode::kPermissionDenied);
  ASSERT_TRUE(again->Login(SecretOf("user-secret")).ok());
  EXPECT_TRUE(key.VerifyDigest(kDigest, *again->Sign(*again->FindPrivateKey("recovery"), kDigest)));
  EXPECT_EQ(again->ReadPublicKey("other").status().code(), StatusCode::kNotFound);
}

TEST_F(SimulatedHsm, TheSameContentIsTheSameOctetsHoweverItCameAbout) {
  const auto session = MakeToken("recovery");
  ASSERT_TRUE(session->WriteData("a", AsBytes("1")).ok());
  ASSERT_TRUE(session->WriteData("b", AsBytes("2")).ok());
  const Bytes saved = hsm_->Save();
  ASSERT_TRUE(session->WriteData("a", AsBytes("3")).ok());
  EXPECT_NE(hsm_->Save(), saved);
  ASSERT_TRUE(session->WriteData("a", AsBytes("1")).ok());
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  ASSERT_TRUE(session->CopyToSession(*session->FindPrivateKey("recovery")).ok());
  EXPECT_EQ(hsm_->Save(), saved) << "neither a login nor a session copy is durable";
}

TEST_F(SimulatedHsm, KeysOfOneNameAreDifferentEachTime) {
  const auto make = [&] {
    MakeToken("recovery", "smki-test");
    return hsm_->PublicPointOf("smki-test", "recovery");
  };
  const Bytes first = make();
  const CK_FUNCTION_LIST& f = functions();
  // The token is made anew in its slot: by its security officer only.
  CK_UTF8CHAR label[32];
  std::fill(std::begin(label), std::end(label), ' ');
  Bytes pin = ToBytes(AsBytes("so-secret"));
  EXPECT_EQ(f.C_InitToken(0, pin.data(), pin.size() - 1, label), CKR_PIN_INCORRECT);
  EXPECT_EQ(hsm_->PublicPointOf("smki-test", "recovery"), first);
  EXPECT_EQ(f.C_InitToken(0, pin.data(), pin.size(), label), CKR_OK);
  EXPECT_THAT(hsm_->PublicPointOf("smki-test", "recovery"), IsEmpty());
  EXPECT_NE(make(), first);
}

TEST_F(SimulatedHsm, ASessionCopyIsGoneWithItsSession) {
  MakeToken("recovery");
  const auto keeper = Open(Access::kReadOnly);
  ASSERT_TRUE(keeper->Login(SecretOf("user-secret")).ok());
  auto session = Open(Access::kReadOnly);
  const Object copy = *session->CopyToSession(*session->FindPrivateKey("recovery"));
  EXPECT_TRUE(keeper->Sign(copy, kDigest).ok()) << "seen by the token's other sessions";
  session.reset();
  EXPECT_THAT(Message(keeper->Sign(copy, kDigest).status()), HasSubstr("CKR_OBJECT_HANDLE_INVALID"));
  EXPECT_TRUE(keeper->Sign(*keeper->FindPrivateKey("recovery"), kDigest).ok());
}

TEST_F(SimulatedHsm, AKeyHandleDiesWithTheLogin) {
  const auto session = MakeToken("recovery");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  const Object key = *session->FindPrivateKey("recovery");
  const Object copy = *session->CopyToSession(key);
  ASSERT_TRUE(session->Logout().ok());
  EXPECT_FALSE(session->Sign(key, kDigest).ok());
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  EXPECT_FALSE(session->Sign(key, kDigest).ok()) << "a dead handle does not live again";
  EXPECT_FALSE(session->Sign(copy, kDigest).ok());
  EXPECT_NE(session->FindPrivateKey("recovery")->handle, key.handle);
}

TEST_F(SimulatedHsm, ALoginCountsForTheWholeTokenUntilItsLastSessionEnds) {
  auto maker = MakeToken("recovery");
  MakeToken("recovery", "another");
  NoteLogins();
  auto first = Open(Access::kReadOnly);
  auto second = Open(Access::kReadOnly);
  const auto elsewhere = Open(Access::kReadOnly, "another");
  ASSERT_TRUE(first->Login(SecretOf("user-secret")).ok());
  EXPECT_TRUE(second->Login(SecretOf("user-secret")).ok()) << "already logged in is no error to Session";
  EXPECT_TRUE(second->FindPrivateKey("recovery").ok());
  EXPECT_FALSE(elsewhere->FindPrivateKey("recovery").ok());
  first.reset();
  maker.reset();
  EXPECT_TRUE(second->FindPrivateKey("recovery").ok());
  EXPECT_THAT(logins_, ElementsAre("smki-test in"));
  second.reset();
  EXPECT_THAT(logins_, ElementsAre("smki-test in", "smki-test out"));
  EXPECT_FALSE(Open(Access::kReadOnly)->FindPrivateKey("recovery").ok());
}

TEST_F(SimulatedHsm, ATokenWhoseCableIsPulledLosesSessionsAndLogin) {
  MakeToken("recovery");
  MakeToken("recovery", "another");
  const auto session = Open(Access::kReadWrite), elsewhere = Open(Access::kReadOnly, "another");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  ASSERT_TRUE(elsewhere->Login(SecretOf("user-secret")).ok());
  const Object key = *session->FindPrivateKey("recovery");
  NoteLogins();
  hsm_->KillSessions("smki-test");
  EXPECT_THAT(logins_, ElementsAre("smki-test out"));
  EXPECT_THAT(Message(session->Sign(key, kDigest).status()), HasSubstr("CKR_SESSION_HANDLE_INVALID"));
  EXPECT_THAT(Message(session->Login(SecretOf("user-secret"))), HasSubstr("CKR_SESSION_HANDLE_INVALID"));
  const auto again = Open(Access::kReadOnly);
  EXPECT_FALSE(again->FindPrivateKey("recovery").ok());
  ASSERT_TRUE(again->Login(SecretOf("user-secret")).ok());
  EXPECT_TRUE(again->Sign(*again->FindPrivateKey("recovery"), kDigest).ok());
  EXPECT_FALSE(session->Sign(key, kDigest).ok()) << "new sessions have new handles";
  EXPECT_TRUE(elsewhere->FindPrivateKey("recovery").ok()) << "another token's are as they were";
}

TEST_F(SimulatedHsm, AnAbsentTokenIsNotThereUntilItIsBack) {
  const auto session = MakeToken("recovery");
  MakeToken("recovery", "another");
  const Slot slot = FindSlot();
  hsm_->SetPresent("smki-test", false);
  EXPECT_EQ(module_->FindToken(*TokenUri::Parse("smki-test")).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(module_->FindToken(*TokenUri::Parse("another")).ok());
  EXPECT_THAT(Message(slot.OpenSession(Access::kReadOnly).status()), HasSubstr("CKR_TOKEN_NOT_PRESENT"));
  EXPECT_THAT(Message(session->ReadPublicKey("recovery").status()), HasSubstr("CKR_SESSION_HANDLE_INVALID"));
  CK_TOKEN_INFO info{};
  CK_SLOT_ID slots[3];
  CK_ULONG count = 3;
  EXPECT_EQ(functions().C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_PRESENT);
  EXPECT_EQ(functions().C_GetSlotList(CK_FALSE, slots, &count), CKR_OK);
  EXPECT_THAT(std::vector(slots, slots + count), ElementsAre(0, 1, 2));
  EXPECT_EQ(functions().C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
  EXPECT_THAT(std::vector(slots, slots + count), ElementsAre(1, 2));
  hsm_->Restore(hsm_->Save());
  EXPECT_FALSE(module_->FindToken(*TokenUri::Parse("smki-test")).ok()) << "a power cut plugs nothing in";
  EXPECT_FALSE(hsm_->PublicPointOf("smki-test", "recovery").empty());
  hsm_->SetPresent("smki-test", true);
  EXPECT_TRUE(Open(Access::kReadOnly)->ReadPublicKey("recovery").ok());
  EXPECT_FALSE(session->ReadPublicKey("recovery").ok()) << "its old sessions stay dead";
}

TEST_F(SimulatedHsm, EachSignatureIsToldOf) {
  const auto session = MakeToken("recovery");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  const Object copy = *session->CopyToSession(*session->FindPrivateKey("recovery"));
  std::vector<std::string> told;
  hsm_->SetOnSign([&](const std::string& token, const std::string& key, ByteSpan digest) {
    told.push_back(token + " " + key + " " + ToHex(digest));
  });
  ASSERT_TRUE(session->Sign(copy, kDigest).ok());
  EXPECT_THAT(told, ElementsAre("smki-test recovery " + ToHex(kDigest)));
}

// Each function that reaches a token is asked about, by its name; refused, it has had no effect.
TEST_F(ProvisionedHsm, WhatIsRefusedBeforehandHasNoEffect) {
  std::vector<std::string> asked;
  hsm_->SetBefore([&](const char* function, const std::string& token) {
    asked.push_back(std::string(function) + " " + token);
    return CKR_OK;
  });
  ASSERT_TRUE(Provision().ok());
  EXPECT_THAT(std::set(asked.begin(), asked.end()),
              UnorderedElementsAre("C_GetSlotList ", "C_GetTokenInfo ", "C_InitToken ", "C_OpenSession ",
                                   "C_Login smki-recovery", "C_InitPIN smki-recovery", "C_Logout smki-recovery",
                                   "C_FindObjectsInit smki-recovery", "C_FindObjects smki-recovery",
                                   "C_FindObjectsFinal smki-recovery", "C_GenerateKeyPair smki-recovery",
                                   "C_GetAttributeValue smki-recovery", "C_CreateObject smki-recovery"));
  const size_t calls = asked.size();
  const std::string whole = ToHex(hsm_->Save());

  // Provisioning that fails at its nth call leaves what the calls before it made, and not more.
  std::set<std::string> states;
  for (size_t failing = 0; failing < calls; ++failing) {
    hsm_->Reset(AsBytes("a seed"));
    size_t n = 0;
    std::string before;
    hsm_->SetBefore([&](const char*, const std::string&) -> unsigned long {
      if (n++ < failing) return CKR_OK;
      if (before.empty()) before = ToHex(hsm_->Save());
      return CKR_DEVICE_ERROR;
    });
    Provision().IgnoreError();
    EXPECT_EQ(ToHex(hsm_->Save()), before) << failing;
    states.insert(before);
  }
  // Empty, a token, with a PIN, a key, a binding. The witness is made at the end, before a Logout.
  states.insert(whole);
  EXPECT_EQ(states.size(), 6u);
}

TEST_F(SimulatedHsm, ARefusedSignatureIsNotMadeAndTheNextOneIs) {
  const auto session = MakeToken("recovery");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  const Object key = *session->FindPrivateKey("recovery");
  int told = 0;
  hsm_->SetOnSign([&](auto&&...) { ++told; });
  hsm_->SetBefore([&](const char* function, const std::string&) -> unsigned long {
    return std::string_view(function) == "C_Sign" ? CKR_DEVICE_ERROR : CKR_OK;
  });
  EXPECT_THAT(Message(session->Sign(key, kDigest).status()), HasSubstr("CKR_DEVICE_ERROR"));
  EXPECT_EQ(told, 0);
  hsm_->SetBefore(nullptr);
  EXPECT_TRUE(session->Sign(key, kDigest).ok());
}

TEST_F(SimulatedHsm, ACableMayBePulledWhileAFunctionBegins) {
  const auto session = MakeToken("recovery");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  const Object key = *session->FindPrivateKey("recovery");
  hsm_->SetBefore([&](const char* function, const std::string& token) -> unsigned long {
    if (std::string_view(function) == "C_Sign") {
      hsm_->KillSessions(token);
      hsm_->SetBefore(nullptr);
    }
    return CKR_OK;
  });
  EXPECT_THAT(Message(session->Sign(key, kDigest).status()), HasSubstr("CKR_SESSION_HANDLE_INVALID"));
  EXPECT_TRUE(Open(Access::kReadOnly)->ReadPublicKey("recovery").ok());
}

TEST_F(SimulatedHsm, EveryFunctionOfTheListCanBeCalled) {
  const CK_FUNCTION_LIST& f = functions();
  const auto* pointers = reinterpret_cast<void* const*>(&f.C_Initialize);
  const size_t count = (sizeof f - offsetof(CK_FUNCTION_LIST, C_Initialize)) / sizeof(void*);
  EXPECT_EQ(count, 68u);
  for (size_t i = 0; i < count; ++i) EXPECT_NE(pointers[i], nullptr) << i;
  EXPECT_EQ(f.C_GenerateRandom(1, nullptr, 0), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(f.C_WaitForSlotEvent(0, nullptr, nullptr), CKR_FUNCTION_NOT_SUPPORTED);
}

// Not a proof of speed, but a signature through the whole of it must not take milliseconds.
TEST_F(SimulatedHsm, SignsQuickly) {
  const auto session = MakeToken("recovery");
  ASSERT_TRUE(session->Login(SecretOf("user-secret")).ok());
  const Object copy = *session->CopyToSession(*session->FindPrivateKey("recovery"));
  constexpr int kCount = 1000;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kCount; ++i) ASSERT_TRUE(session->Sign(copy, kDigest).ok());
  const double each =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / kCount;
  RecordProperty("microseconds", std::to_string(each));
  EXPECT_LT(each, 2000);
}

// --- The same answers as SoftHSM ---

// Puts the same questions to any module, one function after the other, and notes each answer.
class Interview {
 public:
  explicit Interview(const CK_FUNCTION_LIST& functions) : f_(functions) {}
  std::vector<std::string> Hold();

 private:
  void Note(const std::string& what, CK_RV result) { notes_.push_back(what + ": " + hsm::pkcs11::ResultName(result)); }
  void Note(const std::string& what, CK_RV result, CK_ULONG value) {
    Note(what + " (" + std::to_string(static_cast<long>(value)) + ")", result);
  }

  CK_SLOT_ID SlotOf(const std::string& label) {
    CK_SLOT_ID slots[16];
    CK_ULONG count = 0;
    f_.C_GetSlotList(CK_TRUE, nullptr, &count);  // SoftHSM makes another empty slot only now
    count = 16;
    f_.C_GetSlotList(CK_TRUE, slots, &count);
    for (CK_ULONG i = 0; i < count; ++i) {
      CK_TOKEN_INFO info{};
      f_.C_GetTokenInfo(slots[i], &info);
      const bool initialised = (info.flags & CKF_TOKEN_INITIALIZED) != 0;
      if (label.empty() ? !initialised : AsText(info.label).starts_with(label)) return slots[i];
    }
    return 999;
  }
  void NoteFlags(const std::string& label) {
    CK_TOKEN_INFO info{};
    const CK_RV result = f_.C_GetTokenInfo(SlotOf(label), &info);
    Note("flags of '" + label + "'", result,
         info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED));
  }
  CK_RV Init(CK_SLOT_ID slot, std::string label, std::string pin) {
    label.resize(32, ' ');
    return f_.C_InitToken(slot, Octets(pin), pin.size(), Octets(label));
  }
  CK_SESSION_HANDLE OpenSession(const std::string& what, CK_SLOT_ID slot, CK_FLAGS flags) {
    CK_SESSION_HANDLE session = 0;
    Note(what, f_.C_OpenSession(slot, flags, nullptr, nullptr, &session));
    return session;
  }
  void LogIn(const std::string& what, CK_SESSION_HANDLE session, CK_USER_TYPE user, std::string pin) {
    Note(what, f_.C_Login(session, user, Octets(pin), pin.size()));
  }
  void SetPin(const std::string& what, CK_SESSION_HANDLE session, std::string old, std::string next) {
    Note(what, f_.C_SetPIN(session, Octets(old), old.size(), Octets(next), next.size()));
  }
  CK_OBJECT_HANDLE Create(const std::string& what, CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE> wanted) {
    CK_OBJECT_HANDLE object = 0;
    Note(what, f_.C_CreateObject(session, wanted.data(), wanted.size(), &object));
    return object;
  }
  CK_OBJECT_HANDLE Copy(const std::string& what, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        std::vector<CK_ATTRIBUTE> wanted) {
    CK_OBJECT_HANDLE copy = 0;
    Note(what, f_.C_CopyObject(session, object, wanted.data(), wanted.size(), &copy));
    return copy;
  }
  void Count(const std::string& what, CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE> wanted) {
    CK_OBJECT_HANDLE found[16];
    CK_ULONG count = 0;
    CK_RV result = f_.C_FindObjectsInit(session, wanted.data(), wanted.size());
    if (result == CKR_OK) result = f_.C_FindObjects(session, found, 16, &count);
    f_.C_FindObjectsFinal(session);
    Note(what, result, count);
  }
  void Value(const std::string& what, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
             CK_ULONG room) {
    uint8_t octets[256] = {};
    CK_ATTRIBUTE wanted{type, room > 0 ? octets : nullptr, room};
    const CK_RV result = f_.C_GetAttributeValue(session, object, &wanted, 1);
    Note(what, result, wanted.ulValueLen);
    if (result == CKR_OK && room > 0 && type != CKA_EC_POINT) {
      notes_.back() += " " + ToHex(ByteSpan(octets).first(wanted.ulValueLen));
    }
  }
  CK_RV Generate(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, std::vector<CK_ATTRIBUTE> for_public,
                 std::vector<CK_ATTRIBUTE> for_private) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    return f_.C_GenerateKeyPair(session, &mechanism, for_public.data(), for_public.size(), for_private.data(),
                                for_private.size(), &public_key_, &private_key_);
  }
  CK_RV SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    return f_.C_SignInit(session, &mechanism, key);
  }
  CK_RV Sign(CK_SESSION_HANDLE session, CK_ULONG room) {
    Digest digest = kDigest;
    uint8_t signature[64];
    size_ = room;
    return f_.C_Sign(session, digest.data(), digest.size(), room > 0 ? signature : nullptr, &size_);
  }

  void AskTokens();
  void AskSessions();
  void AskPins();
  void AskObjects();
  void AskKeys();
  void AskSignatures();
  void AskEnds();

  static CK_UTF8CHAR* Octets(std::string& text) { return reinterpret_cast<CK_UTF8CHAR*>(text.data()); }

  CK_ATTRIBUTE yes(CK_ATTRIBUTE_TYPE type) { return {type, &yes_, 1}; }
  CK_ATTRIBUTE no(CK_ATTRIBUTE_TYPE type) { return {type, &no_, 1}; }
  CK_ATTRIBUTE label(std::string& text) { return {CKA_LABEL, text.data(), text.size()}; }

  const CK_FUNCTION_LIST& f_;
  std::vector<std::string> notes_;
  CK_BBOOL yes_ = CK_TRUE, no_ = CK_FALSE;
  CK_OBJECT_CLASS data_ = CKO_DATA, private_class_ = CKO_PRIVATE_KEY, public_class_ = CKO_PUBLIC_KEY;
  uint8_t p256_[10] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
  uint8_t id_[1] = {1};
  std::string name_ = "name", key_name_ = "key", text_ = "text";
  CK_ATTRIBUTE is_data_{CKA_CLASS, &data_, sizeof data_};
  CK_ATTRIBUTE is_private_{CKA_CLASS, &private_class_, sizeof private_class_};
  CK_ATTRIBUTE is_public_{CKA_CLASS, &public_class_, sizeof public_class_};
  CK_ATTRIBUTE curve_{CKA_EC_PARAMS, p256_, sizeof p256_};
  CK_ATTRIBUTE key_id_{CKA_ID, id_, sizeof id_};
  CK_ATTRIBUTE value_{CKA_VALUE, text_.data(), text_.size()};
  CK_SLOT_ID slot_ = 0;
  CK_SESSION_HANDLE rw_ = 0, ro_ = 0;
  CK_OBJECT_HANDLE public_key_ = 0, private_key_ = 0;
  CK_ULONG size_ = 0;
};

void Interview::AskTokens() {
  CK_ULONG count = 0;
  Note("slots", f_.C_GetSlotList(CK_TRUE, nullptr, &count), count);
  NoteFlags("");
  OpenSession("session of an empty slot", SlotOf(""), CKF_SERIAL_SESSION);
  OpenSession("session of no slot", 12345, CKF_SERIAL_SESSION);
  Note("init no slot", Init(12345, "token", "officer"));
  Note("init with a short PIN", Init(SlotOf(""), "token", "abc"));
  Note("init", Init(SlotOf(""), "token", "officer"));
  Note("init another", Init(SlotOf(""), "another", "officer"));
  CK_SLOT_ID slots[16];
  count = 1;
  Note("slots, too little room", f_.C_GetSlotList(CK_TRUE, slots, &count), count);
  NoteFlags("token");
  Note("init again, wrong PIN", Init(SlotOf("token"), "token", "Officer"));
  Note("init again", Init(SlotOf("token"), "token", "officer"));
  slot_ = SlotOf("token");
}

void Interview::AskSessions() {
  OpenSession("parallel session", slot_, CKF_RW_SESSION);
  rw_ = OpenSession("session", slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION);
  Note("init while it is open", Init(slot_, "token", "officer"));
  LogIn("user without a PIN", rw_, CKU_USER, "user");
  LogIn("user type 7", rw_, 7, "user");
  LogIn("context", rw_, CKU_CONTEXT_SPECIFIC, "user");
  LogIn("wrong officer", rw_, CKU_SO, "Officer");
  Note("init PIN by nobody", f_.C_InitPIN(rw_, Octets(text_), text_.size()));
  ro_ = OpenSession("reader", slot_, CKF_SERIAL_SESSION);
  LogIn("officer beside a reader", rw_, CKU_SO, "officer");
  Note("close the reader", f_.C_CloseSession(ro_));
  Note("close it again", f_.C_CloseSession(ro_));
  LogIn("officer", rw_, CKU_SO, "officer");
  LogIn("officer again", rw_, CKU_SO, "officer");
  LogIn("user beside the officer", rw_, CKU_USER, "user");
  OpenSession("reader beside the officer", slot_, CKF_SERIAL_SESSION);
}

void Interview::AskPins() {
  std::string user = "user", bad = "abc";
  Note("init PIN", f_.C_InitPIN(rw_, Octets(user), user.size()));
  Note("init PIN, short", f_.C_InitPIN(rw_, Octets(bad), bad.size()));
  SetPin("officer's PIN, wrong", rw_, "Officer", "officer-2");
  SetPin("officer's PIN", rw_, "officer", "officer-2");
  Note("logout", f_.C_Logout(rw_));
  Note("logout of nobody", f_.C_Logout(rw_));
  LogIn("officer, old PIN", rw_, CKU_SO, "officer");
  SetPin("PIN by nobody", rw_, "user", "user-2");
  SetPin("PIN, wrong", rw_, "user", "user-3");
  SetPin("PIN, short", rw_, "user-2", "abc");
  ro_ = OpenSession("reader", slot_, CKF_SERIAL_SESSION);
  SetPin("PIN by a reader", ro_, "user-2", "user-3");
  LogIn("user, old PIN", ro_, CKU_USER, "user");
  LogIn("user, short PIN", ro_, CKU_USER, "abc");
  LogIn("user, no PIN", ro_, CKU_USER, "");
  LogIn("user", ro_, CKU_USER, "user-2");
  LogIn("user again", rw_, CKU_USER, "user-2");
  LogIn("officer beside the user", rw_, CKU_SO, "officer-2");
  Note("init PIN by the user", f_.C_InitPIN(rw_, Octets(user), user.size()));
  SetPin("PIN by the user", rw_, "user-2", "user-3");
  NoteFlags("token");
}

void Interview::AskObjects() {
  Create("no class", rw_, {value_});
  Create("attribute of another class", rw_, {is_data_, key_id_});
  Create("token object by a reader", ro_, {is_data_, yes(CKA_TOKEN), no(CKA_PRIVATE), label(name_), value_});
  const auto mine = Create("session object by a reader", ro_, {is_data_, no(CKA_PRIVATE), label(name_), value_});
  Value("is private unless it says otherwise", rw_, Create("object", rw_, {is_data_, label(key_name_)}), CKA_PRIVATE,
        8);
  const auto held = Create("token object", rw_, {is_data_, yes(CKA_TOKEN), no(CKA_PRIVATE), label(name_), value_});
  Value("length", ro_, held, CKA_VALUE, 0);
  Value("value", ro_, held, CKA_VALUE, 20);
  Value("value, too little room", ro_, held, CKA_VALUE, 3);
  Value("no such attribute", ro_, held, CKA_EC_POINT, 0);
  Value("no such object", ro_, 12345, CKA_VALUE, 0);
  Count("both", ro_, {is_data_, label(name_)});
  Count("in the token", ro_, {is_data_, yes(CKA_TOKEN), label(name_)});
  Count("in a session", rw_, {is_data_, no(CKA_TOKEN), label(name_)});
  Count("by value", rw_, {value_});
  // Not all of them: SoftHSM keeps half an object of the refused template above.
  Note("reader destroys a token object", f_.C_DestroyObject(ro_, held));
  Note("search", f_.C_FindObjectsInit(ro_, nullptr, 0));
  Note("search in a search", f_.C_FindObjectsInit(ro_, nullptr, 0));
  Note("end of search", f_.C_FindObjectsFinal(ro_));
  Note("end of no search", f_.C_FindObjectsFinal(ro_));
  CK_OBJECT_HANDLE found[1];
  CK_ULONG count = 0;
  Note("find without a search", f_.C_FindObjects(ro_, found, 1, &count));
  Note("destroy", f_.C_DestroyObject(rw_, held));
  Note("destroy again", f_.C_DestroyObject(rw_, held));
  Note("destroy another's session object", f_.C_DestroyObject(rw_, mine));
}

void Interview::AskKeys() {
  const std::vector<CK_ATTRIBUTE> for_public = {yes(CKA_TOKEN),   no(CKA_PRIVATE), yes(CKA_VERIFY),
                                                label(key_name_), key_id_,         curve_};
  const std::vector<CK_ATTRIBUTE> for_private = {
      yes(CKA_TOKEN),  yes(CKA_PRIVATE), yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE), yes(CKA_SIGN),
      no(CKA_DECRYPT), no(CKA_DERIVE),   no(CKA_UNWRAP),     label(key_name_),    key_id_};
  Note("another mechanism", Generate(rw_, 0x99999, for_public, for_private));
  Note("no curve", Generate(rw_, CKM_EC_KEY_PAIR_GEN, {yes(CKA_TOKEN)}, for_private));
  Note("by a reader", Generate(ro_, CKM_EC_KEY_PAIR_GEN, for_public, for_private));
  Note("generate", Generate(rw_, CKM_EC_KEY_PAIR_GEN, for_public, for_private));
  Value("point, length", ro_, public_key_, CKA_EC_POINT, 0);
  Value("point", ro_, public_key_, CKA_EC_POINT, 67);
  Value("curve", ro_, private_key_, CKA_EC_PARAMS, 20);
  Value("scalar", ro_, private_key_, CKA_VALUE, 100);
  for (const CK_ATTRIBUTE_TYPE type :
       {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL,
        CKA_SIGN, CKA_DERIVE, CKA_UNWRAP, CKA_DECRYPT, CKA_ID, CKA_LABEL, CKA_CLASS, CKA_KEY_TYPE,
        CKA_KEY_GEN_MECHANISM, CKA_COPYABLE, CKA_MODIFIABLE}) {
    Value("private key's " + std::to_string(type), ro_, private_key_, type, 40);
  }
  Count("private keys", ro_, {is_private_, yes(CKA_TOKEN), label(key_name_)});
  Count("public keys", ro_, {is_public_, yes(CKA_TOKEN), label(key_name_)});
  Copy("copy to public", ro_, private_key_, {no(CKA_TOKEN), no(CKA_PRIVATE)});
  Copy("copy to not sensitive", ro_, private_key_, {no(CKA_TOKEN), no(CKA_SENSITIVE)});
  Copy("copy to extractable", ro_, private_key_, {no(CKA_TOKEN), yes(CKA_EXTRACTABLE)});
  Copy("copy into the token by a reader", ro_, private_key_, {label(name_)});
  Copy("copy of nothing", ro_, 12345, {no(CKA_TOKEN)});
}

void Interview::AskSignatures() {
  const CK_OBJECT_HANDLE copy = Copy("copy", ro_, private_key_, {no(CKA_TOKEN)});
  Value("the copy's scalar", ro_, copy, CKA_VALUE, 100);
  Note("sign without a key", Sign(ro_, 64));
  Note("sign by what is not there", SignInit(ro_, 0x99999, copy));
  Note("sign with nothing", SignInit(ro_, CKM_ECDSA, 12345));
  Note("sign with a public key", SignInit(ro_, CKM_ECDSA, public_key_));
  Note("begin", SignInit(ro_, CKM_ECDSA, copy));
  Note("begin again", SignInit(ro_, CKM_ECDSA, copy));
  Note("search meanwhile", f_.C_FindObjectsInit(ro_, nullptr, 0));
  Note("length", Sign(ro_, 0), size_);
  Note("too little room", Sign(ro_, 63), size_);
  Note("sign", Sign(ro_, 64), size_);
  Note("sign again", Sign(ro_, 64));
  Note("begin with the token's", SignInit(rw_, CKM_ECDSA, private_key_));
  Note("sign with the token's", Sign(rw_, 64), size_);
  Note("logout", f_.C_Logout(rw_));
  Note("the copy is gone", SignInit(ro_, CKM_ECDSA, copy));
  Note("so is the handle", SignInit(ro_, CKM_ECDSA, private_key_));
  Value("not so the public key's", ro_, public_key_, CKA_EC_POINT, 67);
  Count("private objects for nobody", ro_, {yes(CKA_PRIVATE)});
  Note("generate for nobody", Generate(rw_, CKM_EC_KEY_PAIR_GEN, {curve_}, {}));
  Create("private object for nobody", rw_, {is_data_});
  Create("token object by a reader and nobody", ro_, {is_data_, yes(CKA_TOKEN), no(CKA_PRIVATE)});
  Create("private token object by a reader and nobody", ro_, {is_data_, yes(CKA_TOKEN), yes(CKA_PRIVATE)});
  Create("public token object for nobody", rw_, {is_data_, yes(CKA_TOKEN), no(CKA_PRIVATE)});
  LogIn("login", rw_, CKU_USER, "user-3");
  Note("the copy stays gone", SignInit(ro_, CKM_ECDSA, copy));
  Note("so does the handle", SignInit(ro_, CKM_ECDSA, private_key_));
}

void Interview::AskEnds() {
  const auto mine = Create("session object", rw_, {is_data_, no(CKA_PRIVATE), label(name_)});
  Value("another session sees it", ro_, mine, CKA_LABEL, 20);
  Note("close", f_.C_CloseSession(rw_));
  Value("it is gone", ro_, mine, CKA_LABEL, 20);
  Count("still logged in", ro_, {is_private_});
  Note("close the last", f_.C_CloseSession(ro_));
  ro_ = OpenSession("open", slot_, CKF_SERIAL_SESSION);
  Value("an old handle", ro_, public_key_, CKA_EC_POINT, 67);
  Count("logged out", ro_, {is_private_});
  Count("all that is left", ro_, {});
  Note("finalise", f_.C_Finalize(nullptr));
  Note("finalise again", f_.C_Finalize(nullptr));
  Note("logout", f_.C_Logout(ro_));
  Note("initialise", f_.C_Initialize(nullptr));
  Note("initialise again", f_.C_Initialize(nullptr));
  Note("logout", f_.C_Logout(ro_));
  Note("init for good", Init(SlotOf("token"), "token", "officer-2"));
  ro_ = OpenSession("open", SlotOf("token"), CKF_SERIAL_SESSION);
  Count("nothing", ro_, {});
}

std::vector<std::string> Interview::Hold() {
  AskTokens();
  AskSessions();
  AskPins();
  AskObjects();
  AskKeys();
  AskSignatures();
  AskEnds();
  return notes_;
}

TEST_F(SimulatedHsm, AnswersAsSoftHsmDoes) {
  const std::vector<std::string> ours = Interview(functions()).Hold();
  module_.reset();
  hsm::test::SoftHsm soft_hsm;
  const std::vector<std::string> theirs = Interview(*soft_hsm.module().functions().list).Hold();
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i], theirs[i]);
}

}  // namespace
}  // namespace smki::simulation
