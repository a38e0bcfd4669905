// The real certificates of the public test PKI, read from $SMKI_VECTORS (default ../shared/vectors).
#include <map>
#include <sstream>

#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

constexpr char kDigests[] = "tests/unit/pki/vectors.sha256";
constexpr char kRecoveryCommand[] = "CS02bAnyExceptAbnormalRootByRecovery_NA_SUCCESS_COMMAND_GBCS.HEX";
// GBCS.md 6.4: the root ZA is known by its public key only.
constexpr char kRootPoint[] =
    "040691e68b45c57e2ec7974ef6d1360a50da01576e0ee0b3b4c67f64127120e63f31771cc9dcbd5ae007d0c6170951d7035bcefc8b1f81805e"
    "0fd0f7a555dcca78";

std::string Folder() {
  const char* folder = std::getenv("SMKI_VECTORS");
  return folder != nullptr ? folder : "../shared/vectors";
}

class VectorsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!PosixFiles().Exists(Folder())) GTEST_SKIP() << "no reference vectors in " << Folder() << "; set SMKI_VECTORS";
    const Bytes list = Must(PosixFiles().Read(kDigests, 1 << 16));
    std::istringstream lines{ToString(list)};
    std::string digest;
    std::string name;
    while (lines >> digest >> name) {
      const std::string path = Folder() + "/" + name;
      if (!PosixFiles().Exists(path)) GTEST_SKIP() << "no reference vector " << path;
      const Bytes content = Must(PosixFiles().Read(path, 1 << 20));
      ASSERT_EQ(ToHex(Sha256(content)), digest) << name << " is not the file these tests were written for";
      files_[name] = content;
    }
    ASSERT_EQ(files_.size(), 17u);
  }

  std::vector<Certificate> Certificates() {
    std::vector<Certificate> out;
    for (const auto& [name, content] : files_) {
      if (name.starts_with("certificates/")) out.push_back(Must(Certificate::FromPem(AsText(content))));
    }
    return out;
  }
  Certificate Named(const std::string& name) {
    return Must(Certificate::FromPem(AsText(files_.at("certificates/" + name + ".pem"))));
  }
  // GBCS.md 3.1: certificationPathCertificates of the recovery command holds one certificate, at octet 3497.
  Certificate IssuingZ1() {
    const std::string text = ToString(files_.at(kRecoveryCommand));
    const Bytes command = *FromHex(std::string_view(text).substr(0, text.find_last_not_of(" \r\n") + 1));
    DerReader reader(ByteSpan(command).subspan(3497));
    return Must(Certificate::Parse(Must(reader.Next()).content));
  }
  static TrustAnchor RootZa() {
    const PublicKey key = Must(PublicKey::FromPoint(*FromHex(kRootPoint)));
    return {key, AuthorityName({"ZA", "00"}), key.identifier()};
  }

  std::map<std::string, Bytes> files_;
};

TEST_F(VectorsTest, EveryCertificateParsesAndHasTheProfile) {
  const std::vector<Certificate> all = Certificates();
  EXPECT_EQ(all.size(), 12u);
  for (const Certificate& c : all) {
    EXPECT_EQ(ToHex(c.subject_key_identifier), ToHex(c.public_key->identifier())) << c.Describe();
    EXPECT_NE(c.subject_eui.has_value(), c.device_eui.has_value()) << c.Describe();
    EXPECT_TRUE(c.key_usage == kDigitalSignature || c.key_usage == kKeyAgreement) << c.Describe();
    EXPECT_EQ(c.policies, std::vector<std::string>{c.device_eui ? kDevicePolicy : kOrganisationPolicy}) << c.Describe();
  }
}

TEST_F(VectorsTest, FieldsAreThoseOfTheFileNames) {
  const Certificate supplier = Named("90b3d51f30010000-ds");
  EXPECT_EQ(supplier.subject_cn, "GITTESTSUPPLIER");
  EXPECT_EQ(supplier.subject_ou, "02");
  EXPECT_EQ(supplier.subject_eui, Eui64(0x90B3D51F30010000));
  EXPECT_EQ(FormatTime(supplier.not_after), "2025-10-29T23:59:59Z");
  const Certificate device = Named("00db1234567890a0-ds");
  EXPECT_EQ(device.device_eui, Eui64(0x00DB1234567890A0));
  EXPECT_EQ(FormatTime(device.not_after), "9999-12-31T23:59:59Z");
}

TEST_F(VectorsTest, OrganisationCertificatesChainToTheRootWithTimeChecksDisapplied) {
  const std::vector<Certificate> path{IssuingZ1()};
  int checked = 0;
  for (const Certificate& c : Certificates()) {
    const PathResult result = ValidatePath(c, path, RootZa(), std::nullopt);
    if (c.subject_eui) {
      EXPECT_TRUE(result.ok()) << result.detail;
      EXPECT_EQ(ValidatePath(c, path, RootZa(), At("2026-11-21T00:00:00Z")).fault, PathFault::kExpired) << c.Describe();
      ++checked;
    } else {
      EXPECT_EQ(result.fault, PathFault::kNoTrustAnchor) << "Device certificates have another root";
    }
  }
  EXPECT_GE(checked, 6);
}

TEST_F(VectorsTest, TheIssuingAuthorityIsThatOfTheProfile) {
  const Certificate z1 = IssuingZ1();
  EXPECT_EQ(z1.der().size(), 420u);
  EXPECT_EQ(z1.SerialHex(), "71872bdbc82789bc1401ce01ba06ada3");
  EXPECT_EQ(z1.key_usage, kKeyCertSign | kCrlSign);
  EXPECT_TRUE(z1.is_ca);
  EXPECT_EQ(z1.path_length, 0);
  EXPECT_TRUE(z1.IsSignedBy(RootZa().key));
}

// Shows the key of a real authority and returns the signature of its real certificate.
class Replay : public Signer {
 public:
  Replay(PublicKey key, const RawSignature& signature) : key_(std::move(key)), signature_(signature) {}
  const PublicKey& public_key() const override { return key_; }
  StatusOr<RawSignature> SignDigest(const Digest&) override { return signature_; }

 private:
  PublicKey key_;
  RawSignature signature_;
};

// Because what we build is verified under the recorded signature, each certificate below is equal to the real
// one in every octet, order and encoding of extensions included.
TEST_F(VectorsTest, OurOrganisationProfileIsTheRealOneOctetForOctet) {
  const Certificate z1 = IssuingZ1();
  for (const Certificate& real : Certificates()) {
    if (!real.subject_eui) continue;
    Replay signer(*z1.public_key, real.signature);
    const OrganisationSubject subject{real.subject_cn, static_cast<uint8_t>(FromHex(real.subject_ou)->at(0)),
                                      *real.subject_eui};
    const Certificate ours = Must(IssueOrganisationCertificate({&signer, z1.subject}, subject, *real.public_key,
                                                               static_cast<KeyUsageBits>(real.key_usage), real.serial,
                                                               real.not_before, real.not_after));
    EXPECT_EQ(ToHex(ours.der()), ToHex(real.der()));
  }
}

TEST_F(VectorsTest, OurIssuingAuthorityProfileIsTheRealOneOctetForOctet) {
  const Certificate real = IssuingZ1();
  Replay signer(RootZa().key, real.signature);
  const Certificate ours =
      Must(IssueAuthorityCertificate({&signer, RootZa().name}, {"Z1", "07"}, *real.public_key, 0, kOrganisationPolicy,
                                     real.serial, real.not_before, real.not_after));
  EXPECT_EQ(ToHex(ours.der()), ToHex(real.der()));
}

// The Device authority E357's key is not known, so the certificate is compared without key identifier and signature.
TEST_F(VectorsTest, OurDeviceProfileIsTheRealOneUpToItsIssuersKey) {
  PrivateKey issuer = Must(PrivateKey::Generate());
  for (const Certificate& real : Certificates()) {
    if (!real.device_eui) continue;
    const Certificate ours =
        Must(IssueDeviceCertificate({&issuer, real.issuer}, *real.device_eui, *real.public_key,
                                    static_cast<KeyUsageBits>(real.key_usage), real.serial, real.not_before));
    constexpr size_t kIdentifier = 8;  // the last octets of the signed part
    ASSERT_EQ(ours.tbs().size(), real.tbs().size());
    EXPECT_EQ(ToHex(ours.tbs().first(ours.tbs().size() - kIdentifier)),
              ToHex(real.tbs().first(real.tbs().size() - kIdentifier)));
  }
}

}  // namespace
}  // namespace smki::pki
