#include "pki/cms.h"
#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

class EnvelopeTest : public testing::Test {
 protected:
  StatusOr<Secret> Open(ByteSpan cms) { return OpenEnvelope(cms, key_, certificate_); }
  void ExpectClosed(ByteSpan cms, const std::string& why) {
    const auto opened = Open(cms);
    EXPECT_EQ(opened.status().code(), StatusCode::kPermissionDenied);
    EXPECT_THAT(Message(opened.status()), testing::HasSubstr(why));
  }

  Hierarchy pki_;
  PrivateKey key_ = Must(PrivateKey::Generate());
  Certificate certificate_ = Must(SelfSignedAgreementCertificate(key_, "ceremony", Serial(1), pki_.from, pki_.to));
};

TEST_F(EnvelopeTest, GoesThereAndBack) {
  for (const size_t size : {0u, 1u, 32u, 5000u}) {
    const Bytes plaintext(size, 0x5A);
    const Bytes cms = Must(Envelop(plaintext, certificate_));
    EXPECT_EQ(ToBytes(Must(Open(cms)).span()), plaintext) << size;
  }
}

TEST_F(EnvelopeTest, TwoEnvelopesOfOneSecretDiffer) {
  EXPECT_NE(Must(Envelop(Bytes(32), certificate_)), Must(Envelop(Bytes(32), certificate_)));
}

TEST_F(EnvelopeTest, NoAlteredOctetOpens) {
  const Bytes good = Must(Envelop(AsBytes("share one of five"), certificate_));
  for (size_t i = 0; i < good.size(); ++i) {
    for (const uint8_t flip : {0x01, 0x80}) {
      Bytes altered = good;
      altered[i] ^= flip;
      EXPECT_EQ(Open(altered).status().code(), StatusCode::kPermissionDenied) << "octet " << i;
    }
  }
}

TEST_F(EnvelopeTest, NothingShortenedOrLengthenedOpens) {
  Bytes cms = Must(Envelop(AsBytes("share"), certificate_));
  for (size_t size = 0; size < cms.size(); size += 7) ExpectClosed(ByteSpan(cms).first(size), "DER at octet");
  cms.push_back(0);
  ExpectClosed(cms, "too many");
  ExpectClosed(Bytes(2 * 1024 * 1024), "at most");
}

TEST_F(EnvelopeTest, AnotherKeyCannotOpen) {
  const Bytes cms = Must(Envelop(AsBytes("share"), certificate_));
  PrivateKey other = Must(PrivateKey::Generate());
  // Same name and serial, other key: only the key agreement can tell.
  const Certificate twin = Must(SelfSignedAgreementCertificate(other, "ceremony", Serial(1), pki_.from, pki_.to));
  const auto opened = OpenEnvelope(cms, other, twin);
  EXPECT_EQ(opened.status().code(), StatusCode::kPermissionDenied);
  EXPECT_REFUSED(opened, "altered, or made for another key");
  EXPECT_REFUSED(OpenEnvelope(cms, other, certificate_), "does not belong");
  const Certificate next = Must(SelfSignedAgreementCertificate(key_, "ceremony", Serial(2), pki_.from, pki_.to));
  EXPECT_REFUSED(OpenEnvelope(cms, key_, next), "for another certificate");
}

TEST_F(EnvelopeTest, RefusesARecipientWithoutKeyAgreement) {
  EXPECT_REFUSED(Envelop(AsBytes("share"), pki_.Person("x", key_.public_key(), kDigitalSignature)),
                 "not for keyAgreement");
}

TEST_F(EnvelopeTest, RefusesTooMuch) {
  EXPECT_REFUSED(Envelop(Bytes(1024 * 1024 + 1), certificate_), "at most");
}

// What the openssl program would encrypt and OpenSSL would open, but this system does not.
class OpensslEnvelopeTest : public EnvelopeTest {
 protected:
  OpensslEnvelopeTest() {
    openssl_.Write("doc", std::string("share"));
    openssl_.Write("cert.pem", certificate_.ToPem());
    openssl_.Write("key.pem", key_.ToPem().span());
  }
  Bytes Encrypted(const std::string& cipher, const std::string& options) {
    EXPECT_TRUE(
        openssl_.Run("cms -encrypt -binary -in doc -outform DER -out cms " + cipher + " -recip cert.pem " + options))
        << openssl_.Output();
    return openssl_.Read("cms");
  }
  OpensslTool openssl_;
};

TEST_F(OpensslEnvelopeTest, TheOpensslProgramUnderstandsOurs) {
  openssl_.Write("cms", Must(Envelop(AsBytes("share"), certificate_)));
  EXPECT_TRUE(openssl_.Run("cms -decrypt -binary -inform DER -in cms -recip cert.pem -inkey key.pem -out plain"))
      << openssl_.Output();
  EXPECT_EQ(ToString(openssl_.Read("plain")), "share");
  EXPECT_TRUE(openssl_.Run("asn1parse -inform DER -in cms"));
  EXPECT_THAT(openssl_.Output(),
              testing::AllOf(testing::HasSubstr("dhSinglePass-stdDH-sha256kdf-scheme"),
                             testing::HasSubstr("id-aes256-wrap"), testing::HasSubstr("aes-256-gcm")));
}

TEST_F(OpensslEnvelopeTest, WeUnderstandTheOpensslPrograms) {
  EXPECT_EQ(ToString(Must(Open(Encrypted("-aes-256-gcm", "-keyopt ecdh_kdf_md:sha256"))).span()), "share");
}

TEST_F(OpensslEnvelopeTest, RefusesTheSha1Kdf) {
  ExpectClosed(Encrypted("-aes-256-gcm", ""), "keyEncryptionAlgorithm");
}

TEST_F(OpensslEnvelopeTest, RefusesCbc) {
  ExpectClosed(Encrypted("-aes-256-cbc", "-keyopt ecdh_kdf_md:sha256"), "AuthEnvelopedData");
}

TEST_F(OpensslEnvelopeTest, RefusesAes128) {
  ExpectClosed(Encrypted("-aes-128-gcm", "-keyopt ecdh_kdf_md:sha256"), "");
}

TEST_F(OpensslEnvelopeTest, RefusesASecondRecipient) {
  PrivateKey eavesdropper = Must(PrivateKey::Generate());
  openssl_.Write("second.pem",
                 Must(SelfSignedAgreementCertificate(eavesdropper, "other", Serial(2), pki_.from, pki_.to)).ToPem());
  ExpectClosed(Encrypted("-aes-256-gcm", "-keyopt ecdh_kdf_md:sha256 -recip second.pem -keyopt ecdh_kdf_md:sha256"),
               "the only recipient");
}

TEST_F(OpensslEnvelopeTest, RefusesARecipientNamedByKeyIdentifier) {
  ExpectClosed(Encrypted("-aes-256-gcm", "-keyopt ecdh_kdf_md:sha256 -keyid"), "issuerAndSerialNumber");
}

TEST_F(OpensslEnvelopeTest, RefusesStreamedBer) {
  ExpectClosed(Encrypted("-aes-256-gcm", "-keyopt ecdh_kdf_md:sha256 -stream"), "indefinite length");
}

}  // namespace
}  // namespace smki::pki
