// The certificates this room makes have the profiles of GBCS.md section 6.
#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

class ProfileTest : public testing::Test {
 protected:
  Hierarchy pki_;
};

// The dotted identifiers of the extensions of `c`, in order; critical ones with '!'.
std::vector<std::string> ExtensionsOf(const Certificate& c) {
  DerReader tbs_reader(c.tbs());
  DerReader in(*tbs_reader.Next());
  std::vector<std::string> out;
  while (!in.at_end()) {
    const DerValue field = *in.Next();
    if (field.tag != der::Context(3, true)) continue;
    DerReader wrapper(field);
    DerReader list(*wrapper.Next());
    while (!list.at_end()) {
      DerReader item(*list.Next());
      const std::string oid = OidText(item.Next()->content);
      out.push_back(oid + (item.PeekTag() == der::kBoolean ? "!" : ""));
    }
  }
  return out;
}

TEST_F(ProfileTest, OrganisationCertificate) {
  const Certificate c = pki_.Organisation(kKeyAgreement);
  EXPECT_EQ(c.subject_cn, "Supplier One");
  EXPECT_EQ(c.subject_ou, "02");
  EXPECT_EQ(c.subject_eui, Eui64(0x90B3D51F30010000));
  EXPECT_EQ(c.key_usage, kKeyAgreement);
  EXPECT_EQ(c.issuer, AuthorityName({"ISSUING", "07"}));
  EXPECT_FALSE(c.is_ca);
  EXPECT_EQ(ToHex(c.subject_key_identifier), ToHex(pki_.end_key.public_key().identifier()));
  EXPECT_EQ(ToHex(c.authority_key_identifier), ToHex(pki_.issuing_key.public_key().identifier()));
  EXPECT_THAT(ExtensionsOf(c), testing::ElementsAre("2.5.29.15!", "2.5.29.14", "2.5.29.32!", "2.5.29.35"));
}

TEST_F(ProfileTest, ARoleIsTwoUpperCaseDigitsAndTheNameIsOptional) {
  const Certificate c =
      Must(IssueOrganisationCertificate(pki_.issuing_identity(), {"", 0x7F, Eui64(5)}, pki_.end_key.public_key(),
                                        kDigitalSignature, Serial(3), pki_.from, pki_.to));
  EXPECT_EQ(c.subject_ou, "7F");
  EXPECT_EQ(c.subject_cn, "");
  EXPECT_EQ(c.Describe(), "role 7F (00-00-00-00-00-00-00-05), serial " + ToHex(Serial(3)));
}

TEST_F(ProfileTest, DeviceCertificate) {
  const Certificate c =
      Must(IssueDeviceCertificate(pki_.issuing_identity(), Eui64(0x00DB1234567890A0), pki_.end_key.public_key(),
                                  kDigitalSignature, Serial(3), pki_.from));
  EXPECT_EQ(ToHex(c.subject), "3000");
  EXPECT_EQ(c.device_eui, Eui64(0x00DB1234567890A0));
  EXPECT_EQ(FormatTime(c.not_after), "9999-12-31T23:59:59Z");
  EXPECT_THAT(c.policies, testing::ElementsAre(kDevicePolicy));
  EXPECT_THAT(ExtensionsOf(c),
              testing::ElementsAre("2.5.29.15!", "2.5.29.14", "2.5.29.17!", "2.5.29.32!", "2.5.29.35"));
  EXPECT_EQ(c.Describe(), "00-DB-12-34-56-78-90-A0, serial " + ToHex(Serial(3)));
}

TEST_F(ProfileTest, AuthorityCertificates) {
  const Certificate root = pki_.Root();
  EXPECT_EQ(root.issuer, root.subject);
  EXPECT_TRUE(root.IsSignedBy(*root.public_key));
  EXPECT_EQ(root.key_usage, kKeyCertSign | kCrlSign);
  EXPECT_TRUE(root.is_ca);
  EXPECT_EQ(root.path_length, std::nullopt);
  EXPECT_THAT(ExtensionsOf(root), testing::ElementsAre("2.5.29.15!", "2.5.29.19!", "2.5.29.32!", "2.5.29.14"));
  const Certificate issuing = pki_.Issuing();
  EXPECT_EQ(issuing.path_length, 0);
  EXPECT_EQ(issuing.subject_ou, "07");
  EXPECT_THAT(ExtensionsOf(issuing),
              testing::ElementsAre("2.5.29.15!", "2.5.29.19!", "2.5.29.32!", "2.5.29.14", "2.5.29.35"));
}

TEST_F(ProfileTest, AnAuthorityOfItsIssuersNameWithAnotherKeyIsRefused) {
  EXPECT_REFUSED(IssueAuthorityCertificate(pki_.root_identity(), pki_.root_subject, pki_.issuing_key.public_key(), -1,
                                           kOrganisationPolicy, Serial(1), pki_.from, pki_.to),
                 "same name and the same key");
}

TEST_F(ProfileTest, PersonCertificateForTls) {
  const Certificate c =
      Must(IssuePersonCertificate(pki_.issuing_identity(), "keyguard", "DCC", pki_.end_key.public_key(),
                                  kDigitalSignature, Serial(3), pki_.from, pki_.to, true));
  EXPECT_EQ(c.subject_cn, "keyguard");
  EXPECT_THAT(c.policies, testing::ElementsAre(kPersonPolicy));
  const OpensslTool openssl;
  openssl.Write("root.pem", pki_.Root(kPersonPolicy).ToPem());
  openssl.Write("issuing.pem", pki_.Issuing(0, kPersonPolicy).ToPem());
  openssl.Write("end.pem", c.ToPem());
  for (const char* purpose : {"sslserver", "sslclient"}) {
    EXPECT_TRUE(openssl.Run(
        std::string("verify -x509_strict -policy_check -attime 1800000000 -CAfile root.pem -untrusted issuing.pem "
                    "-verify_hostname localhost -verify_ip 127.0.0.1 -purpose ") +
        purpose + " end.pem"))
        << openssl.Output();
  }
}

TEST_F(ProfileTest, CeremonyCertificateIsSelfSignedAndOnlyForKeyAgreement) {
  const Certificate c = Must(SelfSignedAgreementCertificate(pki_.end_key, "ceremony 1", Serial(3), pki_.from, pki_.to));
  EXPECT_EQ(c.key_usage, kKeyAgreement);
  EXPECT_EQ(c.subject, c.issuer);
  EXPECT_EQ(c.subject_cn, "ceremony 1");
  EXPECT_TRUE(c.IsSignedBy(pki_.end_key.public_key()));
  EXPECT_FALSE(c.is_ca);
}

TEST_F(ProfileTest, OpensslAcceptsTheWholeHierarchy) {
  const OpensslTool openssl;
  openssl.Write("root.pem", pki_.Root().ToPem());
  openssl.Write("issuing.pem", pki_.Issuing().ToPem());
  openssl.Write("end.pem", pki_.Organisation().ToPem());
  EXPECT_TRUE(openssl.Run("verify -attime 1800000000 -policy_check -CAfile root.pem -untrusted issuing.pem end.pem"))
      << openssl.Output();
}

TEST_F(ProfileTest, SerialNumbersBecomePositiveAndKeepSixteenOctets) {
  for (const uint8_t first : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
    Bytes serial = Serial(3);
    serial[0] = first;
    const Certificate c =
        Must(IssueOrganisationCertificate(pki_.issuing_identity(), {"", 2, Eui64(1)}, pki_.end_key.public_key(),
                                          kDigitalSignature, serial, pki_.from, pki_.to));
    EXPECT_EQ(c.serial.size(), 16u);
    EXPECT_GT(c.serial[0], 0);
    EXPECT_LT(c.serial[0], 0x80);
  }
  EXPECT_REFUSED(IssueOrganisationCertificate(pki_.issuing_identity(), {"", 2, Eui64(1)}, pki_.end_key.public_key(),
                                              kDigitalSignature, Bytes(15, 1), pki_.from, pki_.to),
                 "16 random octets");
}

TEST_F(ProfileTest, RefusesToIssueWhatItWouldNotAccept) {
  EXPECT_REFUSED(
      IssueOrganisationCertificate(pki_.issuing_identity(), {"two\nlines", 2, Eui64(1)}, pki_.end_key.public_key(),
                                   kDigitalSignature, Serial(1), pki_.from, pki_.to),
      "would not be acceptable");
  EXPECT_REFUSED(IssueOrganisationCertificate(pki_.issuing_identity(), {"", 2, Eui64(1)}, pki_.end_key.public_key(),
                                              kDigitalSignature, Serial(1), pki_.to, pki_.from),
                 "before it begins");
}

// A token that returns signatures of another key than it shows.
class WrongToken : public Signer {
 public:
  const PublicKey& public_key() const override { return shown_.public_key(); }
  StatusOr<RawSignature> SignDigest(const Digest& digest) override { return used_.SignDigest(digest); }

 private:
  PrivateKey shown_ = Must(PrivateKey::Generate());
  PrivateKey used_ = Must(PrivateKey::Generate());
};

TEST_F(ProfileTest, ASignatureThatDoesNotVerifyNeverLeaves) {
  WrongToken token;
  EXPECT_REFUSED(IssueOrganisationCertificate({&token, Name("CA")}, {"", 2, Eui64(1)}, pki_.end_key.public_key(),
                                              kDigitalSignature, Serial(1), pki_.from, pki_.to),
                 "does not verify");
}

TEST_F(ProfileTest, TimesAreUtcTimeThrough2049) {
  const auto with_end = [&](const char* end) {
    return Must(IssueOrganisationCertificate(pki_.issuing_identity(), {"", 2, Eui64(1)}, pki_.end_key.public_key(),
                                             kDigitalSignature, Serial(1), pki_.from, At(end)));
  };
  EXPECT_THAT(ToHex(with_end("2049-12-31T23:59:59Z").der()),
              testing::HasSubstr("170d" + ToHex(AsBytes("491231235959Z"))));
  EXPECT_THAT(ToHex(with_end("2050-01-01T00:00:00Z").der()),
              testing::HasSubstr("180f" + ToHex(AsBytes("20500101000000Z"))));
}

}  // namespace
}  // namespace smki::pki
