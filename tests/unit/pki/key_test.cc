#include "pki/key.h"

#include <thread>

#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

// RFC 6979 A.2.5: the key, and its deterministic signature with SHA-256 of "sample".
constexpr char kScalar[] = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
constexpr char kPoint[] =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
constexpr char kSampleSignature[] =
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
constexpr char kOrderHex[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

Bytes Hex(const std::string& text) {
  return *FromHex(text);
}
RawSignature Raw(const std::string& hex) {
  RawSignature out{};
  const Bytes bytes = Hex(hex);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

TEST(PublicKeyTest, VerifiesTheSignatureOfRfc6979) {
  const PublicKey key = Must(PublicKey::FromPoint(Hex(kPoint)));
  EXPECT_TRUE(key.Verify(AsBytes("sample"), Raw(kSampleSignature)));
  EXPECT_TRUE(key.VerifyDigest(Sha256("sample"), Raw(kSampleSignature)));
  EXPECT_FALSE(key.Verify(AsBytes("Sample"), Raw(kSampleSignature)));
}

TEST(PublicKeyTest, RefusesASignatureAlteredInAnyOctet) {
  const PublicKey key = Must(PublicKey::FromPoint(Hex(kPoint)));
  for (size_t i = 0; i < sizeof(RawSignature); ++i) {
    RawSignature altered = Raw(kSampleSignature);
    altered[i] ^= 1;
    EXPECT_FALSE(key.Verify(AsBytes("sample"), altered)) << "octet " << i;
  }
}

TEST(PublicKeyTest, RefusesZeroAndTooLargeSignatureNumbers) {
  const PublicKey key = Must(PublicKey::FromPoint(Hex(kPoint)));
  EXPECT_FALSE(key.Verify(AsBytes("sample"), RawSignature{}));
  RawSignature too_large;
  too_large.fill(0xFF);
  EXPECT_FALSE(key.Verify(AsBytes("sample"), too_large));
}

TEST(PublicKeyTest, RefusesAnotherKeysSignature) {
  const PrivateKey other = Must(PrivateKey::Generate());
  EXPECT_FALSE(other.public_key().Verify(AsBytes("sample"), Raw(kSampleSignature)));
}

TEST(PublicKeyTest, RefusesAPointThatIsNotOnTheCurve) {
  Bytes point = Hex(kPoint);
  point[64] ^= 1;
  EXPECT_REFUSED(PublicKey::FromPoint(point), "not a point on P-256");
  Bytes beyond_p(65, 0xFF);
  beyond_p[0] = 0x04;
  EXPECT_REFUSED(PublicKey::FromPoint(beyond_p), "not a point on P-256");
}

TEST(PublicKeyTest, RefusesEveryFormButTheUncompressedPoint) {
  Bytes compressed = Hex(kPoint);
  compressed.resize(33);
  compressed[0] = 0x03;
  EXPECT_REFUSED(PublicKey::FromPoint(compressed), "65 octets beginning 04");
  EXPECT_REFUSED(PublicKey::FromPoint(Bytes{0x00}), "65 octets beginning 04");
  EXPECT_REFUSED(PublicKey::FromPoint(Bytes{}), "65 octets beginning 04");
  Bytes hybrid = Hex(kPoint);
  hybrid[0] = 0x07;
  EXPECT_REFUSED(PublicKey::FromPoint(hybrid), "65 octets beginning 04");
}

TEST(PublicKeyTest, SpkiGoesThereAndBack) {
  const PublicKey key = Must(PublicKey::FromPoint(Hex(kPoint)));
  const Bytes spki = key.spki();
  EXPECT_EQ(spki.size(), 91u);
  EXPECT_EQ(Must(PublicKey::FromSpki(spki)), key);
}

TEST(PublicKeyTest, RefusesAnSpkiOfAnotherCurveOrLength) {
  const Bytes good = Must(PublicKey::FromPoint(Hex(kPoint))).spki();
  for (size_t i = 0; i < 27; ++i) {
    Bytes altered = good;
    altered[i] ^= 1;
    EXPECT_REFUSED(PublicKey::FromSpki(altered), "");
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_REFUSED(PublicKey::FromSpki(longer), "91 octets");
  EXPECT_REFUSED(PublicKey::FromSpki(ByteSpan(good).first(90)), "91 octets");
}

TEST(PublicKeyTest, OneLoadedKeyVerifiesInManyThreads) {
  const PublicKey key = Must(PublicKey::FromPoint(Hex(kPoint)));
  std::vector<std::thread> threads;
  std::array<int, 4> good{};
  for (int& count : good) {
    threads.emplace_back([&key, &count] {
      for (int i = 0; i < 50; ++i) count += key.Verify(AsBytes("sample"), Raw(kSampleSignature)) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(good, testing::Each(50));
}

// GBCS.md 6.4: the root ZA, known by its key and its identifier.
TEST(KeyIdentifierTest, IsRfc5280Method2) {
  const PublicKey za =
      Must(PublicKey::FromPoint(Hex("040691e68b45c57e2ec7974ef6d1360a50da01576e0ee0b3b4c67f64127120e63f"
                                    "31771cc9dcbd5ae007d0c6170951d7035bcefc8b1f81805e0fd0f7a555dcca78")));
  EXPECT_EQ(ToHex(za.identifier()), "48cf1b32697c4669");
}

TEST(PrivateKeyTest, FromScalarRecomputesThePublicPoint) {
  const PrivateKey key = Must(PrivateKey::FromScalar(Hex(kScalar)));
  EXPECT_EQ(ToHex(key.public_key().point()), kPoint);
  EXPECT_EQ(ToHex(key.ToScalar().span()), kScalar);
}

TEST(PrivateKeyTest, FromScalarRefusesWhatIsNoPrivateKey) {
  EXPECT_REFUSED(PrivateKey::FromScalar(Bytes(32, 0)), "above zero");
  EXPECT_REFUSED(PrivateKey::FromScalar(Hex(kOrderHex)), "below the order");
  EXPECT_REFUSED(PrivateKey::FromScalar(Bytes(32, 0xFF)), "below the order");
  EXPECT_REFUSED(PrivateKey::FromScalar(Bytes(31, 1)), "32 octets");
  EXPECT_REFUSED(PrivateKey::FromScalar(Bytes(33, 1)), "32 octets");
  Bytes largest = Hex(kOrderHex);
  largest.back() -= 1;
  EXPECT_TRUE(PrivateKey::FromScalar(largest).ok());
}

TEST(PrivateKeyTest, SignsWhatItsPublicKeyVerifies) {
  PrivateKey key = Must(PrivateKey::Generate());
  for (int i = 0; i < 20; ++i) {
    const Bytes message(static_cast<size_t>(i), 7);
    EXPECT_TRUE(key.public_key().Verify(message, Must(key.Sign(message))));
  }
}

TEST(PrivateKeyTest, PemGoesThereAndBackAndIsPkcs8) {
  PrivateKey key = Must(PrivateKey::FromScalar(Hex(kScalar)));
  const Secret pem = key.ToPem();
  EXPECT_THAT(std::string(AsText(pem.span())), testing::StartsWith("-----BEGIN PRIVATE KEY-----"));
  EXPECT_EQ(Must(PrivateKey::FromPem(AsText(pem.span()))).public_key(), key.public_key());
}

TEST(PrivateKeyTest, ReadsTheKeysTheOpensslProgramMakes) {
  const OpensslTool openssl;
  ASSERT_TRUE(openssl.Run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out pkcs8.pem")) << openssl.Output();
  ASSERT_TRUE(openssl.Run("ec -in pkcs8.pem -out sec1.pem")) << openssl.Output();
  const PrivateKey pkcs8 = Must(PrivateKey::FromPem(AsText(openssl.Read("pkcs8.pem"))));
  const PrivateKey sec1 = Must(PrivateKey::FromPem(AsText(openssl.Read("sec1.pem"))));
  EXPECT_EQ(pkcs8.public_key(), sec1.public_key());
}

TEST(PrivateKeyTest, RefusesOtherKeysInPemWithoutAskingForAPassword) {
  const OpensslTool openssl;
  ASSERT_TRUE(openssl.Run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem")) << openssl.Output();
  ASSERT_TRUE(openssl.Run("genpkey -algorithm ED25519 -out ed.pem")) << openssl.Output();
  ASSERT_TRUE(
      openssl.Run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x -out locked.pem"))
      << openssl.Output();
  EXPECT_REFUSED(PrivateKey::FromPem(AsText(openssl.Read("p384.pem"))), "not for P-256");
  EXPECT_REFUSED(PrivateKey::FromPem(AsText(openssl.Read("ed.pem"))), "not for P-256");
  EXPECT_REFUSED(PrivateKey::FromPem(AsText(openssl.Read("locked.pem"))), "not an unencrypted private key");
  EXPECT_REFUSED(PrivateKey::FromPem(""), "not an unencrypted private key");
  EXPECT_REFUSED(PrivateKey::FromPem("nonsense"), "not an unencrypted private key");
  EXPECT_REFUSED(PrivateKey::FromPem(std::string(20000, 'x')), "at most");
}

TEST(SignatureDerTest, GoesThereAndBackWithShortAndHighNumbers) {
  for (const char* r : {"0000000000000000000000000000000000000000000000000000000000000001",
                        "00000000000000000000000000000000000000000000000000000000000000ff",
                        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"}) {
    const RawSignature raw = Raw(std::string(r) + std::string(r));
    EXPECT_EQ(Must(SignatureFromDer(SignatureToDer(raw))), raw) << r;
  }
  EXPECT_EQ(ToHex(SignatureToDer(Raw(std::string(62, '0') + "7f" + std::string(62, '0') + "80"))),
            "300702017f02020080");
}

TEST(SignatureDerTest, RefusesWhatIsNotStrictDerOrOutOfRange) {
  const std::string order = std::string("022100") + kOrderHex;
  const std::pair<std::string, const char*> cases[] = {
      {"", "missing"},
      {"3006020100020101", "positive"},          // r is zero
      {"3006020101020100", "positive"},          // s is zero
      {"3006020181020101", "positive"},          // negative
      {"300702020001020101", "shortest"},        // leading zero
      {"30050200020101", "positive"},            // empty INTEGER
      {"300602010102010100", "too many"},        // trailing octet
      {"3009020101020101020101", "too many"},    // a third number
      {"3003020101", "missing"},                 // s is missing
      {"308106020101020101", "minimal"},         // length not minimal
      {"3106020101020101", "must have tag 30"},  // not a SEQUENCE
      {"3026" + order + "020101", "not below"},  // r = n
      {"3026020101" + order, "not below"},       // s = n
      {"3027022201" + std::string(66, '0') + "020101", "not below"},
  };
  for (const auto& [hex, why] : cases) EXPECT_REFUSED(SignatureFromDer(Hex(hex)), why) << hex;
}

}  // namespace
}  // namespace smki::pki
