#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "hsm/pkcs11/module.h"
#include "pki/digest.h"
#include "tests/unit/hsm/soft_token.h"

namespace smki::hsm::pkcs11 {
namespace {

using test::SecretOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TokenUri, ReadsRfc7512AndPlainLabels) {
  const auto uri = TokenUri::Parse("pkcs11:token=smki%2Drecovery;object=recovery;serial=00ff");
  ASSERT_TRUE(uri.ok()) << uri.status();
  EXPECT_EQ(uri->token, "smki-recovery");
  EXPECT_EQ(uri->object, "recovery");
  EXPECT_EQ(uri->serial, "00ff");
  EXPECT_EQ(TokenUri::Parse("smki-recovery")->token, "smki-recovery");
}

TEST(TokenUri, RefusesWhatIsNoNameOfAToken) {
  for (const char* text :
       {"", "pkcs11:", "pkcs11:object=a", "pkcs11:slot-id=1", "pkcs11:token=a;slot-id=1", "pkcs11:token=a?pin-value=1",
        "pkcs11:token=a?pin-source=f", "pkcs11:token=a;token=b", "pkcs11:token=%4", "pkcs11:token=%zz",
        "pkcs11:token=%00", "pkcs11:token", "pkcs11:token=", "pkcs11:token=123456789012345678901234567890123"}) {
    EXPECT_FALSE(TokenUri::Parse(text).ok()) << text;
  }
}

class SoftToken : public ::testing::Test {
 protected:
  void SetUp() override {
    auto slot = hsm_.module().InitToken("smki-test", SecretOf("so-secret"));
    ASSERT_TRUE(slot.ok()) << slot.status();
    session_ = *slot->OpenSession(Access::kReadWrite);
    ASSERT_TRUE(session_->LoginSecurityOfficer(SecretOf("so-secret")).ok());
    ASSERT_TRUE(session_->InitPin(SecretOf("user-secret")).ok());
    ASSERT_TRUE(session_->Logout().ok());
  }
  Slot FindSlot() { return *hsm_.module().FindToken(*TokenUri::Parse("smki-test")); }

  test::SoftHsm hsm_;
  std::unique_ptr<Session> session_;
};

TEST_F(SoftToken, ASecretKeyIsReadAfterLoginOnlyAndMadeOnce) {
  EXPECT_FALSE(session_->GenerateSecretKey("symmetric").ok()) << "before login";
  ASSERT_TRUE(session_->Login(SecretOf("user-secret")).ok());
  ASSERT_TRUE(session_->GenerateSecretKey("symmetric").ok());
  const auto first = session_->ReadSecretKey("symmetric");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->size(), 32u);
  EXPECT_NE(ToBytes(first->span()), Bytes(32));
  EXPECT_EQ(session_->GenerateSecretKey("symmetric").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(ToBytes(session_->ReadSecretKey("symmetric")->span()), ToBytes(first->span()));
  ASSERT_TRUE(session_->Logout().ok());
  EXPECT_EQ(session_->ReadSecretKey("symmetric").status().code(), StatusCode::kNotFound);
}

TEST_F(SoftToken, ADestroyedKeyIsGoneAndItsPublicKeySaysWhatItWas) {
  ASSERT_TRUE(session_->Login(SecretOf("user-secret")).ok());
  const auto key = session_->GenerateKeyPair("contingency");
  ASSERT_TRUE(key.ok()) << key.status();
  ASSERT_TRUE(session_->GenerateSecretKey("symmetric").ok());
  ASSERT_TRUE(session_->DestroyKeys("contingency").ok());
  EXPECT_EQ(session_->FindPrivateKey("contingency").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*session_->ReadPublicKey("contingency"), *key);
  EXPECT_TRUE(session_->ReadSecretKey("symmetric").ok()) << "another key";
  EXPECT_EQ(session_->DestroyKeys("contingency").code(), StatusCode::kNotFound);
}

TEST_F(SoftToken, SignsWithTokenKeyAndSessionCopies) {
  ASSERT_TRUE(session_->Login(SecretOf("user-secret")).ok());
  const auto key = session_->GenerateKeyPair("recovery");
  ASSERT_TRUE(key.ok()) << key.status();
  const Digest digest = pki::Sha256("a command");
  const Object token_key = *session_->FindPrivateKey("recovery");
  EXPECT_TRUE(key->VerifyDigest(digest, *session_->Sign(token_key, digest)));

  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      const auto session = *FindSlot().OpenSession(Access::kReadOnly);
      const Object copy = *session->CopyToSession(*session->FindPrivateKey("recovery"));
      for (int n = 0; n < 20; ++n) good += key->VerifyDigest(digest, *session->Sign(copy, digest)) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
}

TEST_F(SoftToken, I5_NoKeyWithoutThePin) {
  ASSERT_TRUE(session_->Login(SecretOf("user-secret")).ok());
  ASSERT_TRUE(session_->GenerateKeyPair("recovery").ok());
  ASSERT_TRUE(session_->Logout().ok());
  EXPECT_EQ(session_->FindPrivateKey("recovery").status().code(), StatusCode::kNotFound);
  const Status wrong = session_->Login(SecretOf("user-secre"));
  EXPECT_EQ(wrong.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(Message(wrong), HasSubstr("CKR_PIN_INCORRECT"));
  EXPECT_TRUE(session_->ReadPublicKey("recovery").ok());
}

TEST_F(SoftToken, KeyPairIsNotMadeTwice) {
  ASSERT_TRUE(session_->Login(SecretOf("user-secret")).ok());
  ASSERT_TRUE(session_->GenerateKeyPair("recovery").ok());
  EXPECT_EQ(session_->GenerateKeyPair("recovery").status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(SoftToken, TokenSignerSigns) {
  ASSERT_TRUE(session_->Login(SecretOf("user-secret")).ok());
  ASSERT_TRUE(session_->GenerateKeyPair("authority").ok());
  ASSERT_TRUE(session_->Logout().ok());
  const auto signer = TokenSigner::Open(FindSlot(), SecretOf("user-secret"), "authority");
  ASSERT_TRUE(signer.ok()) << signer.status();
  const Digest digest = pki::Sha256("a certificate");
  EXPECT_TRUE((*signer)->public_key().VerifyDigest(digest, *(*signer)->SignDigest(digest)));
}

TEST_F(SoftToken, DataObjectsAreReplacedAndReadWithoutLogin) {
  EXPECT_TRUE(session_->ReadData("note")->empty());
  ASSERT_TRUE(session_->WriteData("note", AsBytes("first")).ok());
  ASSERT_TRUE(session_->WriteData("note", AsBytes("second, longer")).ok());
  EXPECT_THAT(*session_->ReadData("note"), ElementsAre(ToBytes(AsBytes("second, longer"))));
  EXPECT_FALSE(session_->WriteData("note", Bytes(Session::kMaxData + 1)).ok());
}

TEST_F(SoftToken, TokensAreFoundByLabelOnly) {
  EXPECT_EQ(hsm_.module().FindToken(*TokenUri::Parse("other")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(hsm_.module().FindToken(*TokenUri::Parse("pkcs11:token=smki-test;serial=no")).status().code(),
            StatusCode::kNotFound);
  EXPECT_FALSE(hsm_.module().InitToken("smki-test", SecretOf("so-secret")).ok());
  EXPECT_FALSE(hsm_.module().InitToken("", SecretOf("so-secret")).ok());
}

TEST_F(SoftToken, OneModuleInAProcess) {
  EXPECT_EQ(Module::Load(test::kSoftHsm, "").status().code(), StatusCode::kFailedPrecondition);
}

TEST(Module, SaysWhichLibraryCannotBeLoaded) {
  const Status status = Module::Load("/nowhere/module.so", "").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(Message(status), HasSubstr("/nowhere/module.so"));
}

}  // namespace
}  // namespace smki::hsm::pkcs11
