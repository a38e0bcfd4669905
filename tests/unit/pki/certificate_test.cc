#include "pki/certificate.h"

#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

constexpr char kKeyUsageOid[] = "2.5.29.15";
constexpr char kSkiOid[] = "2.5.29.14";
constexpr char kAkiOid[] = "2.5.29.35";
constexpr char kBasicConstraintsOid[] = "2.5.29.19";
constexpr char kPoliciesOid[] = "2.5.29.32";
constexpr char kSanOid[] = "2.5.29.17";

constexpr char kCn[] = "2.5.4.3";
constexpr char kOu[] = "2.5.4.11";
constexpr char kUniqueIdentifier[] = "2.5.4.45";

Bytes Attribute(const char* oid, uint8_t tag, const Bytes& value) {
  DerWriter parts;
  parts.Oid(oid);
  parts.Value(tag, value);
  return RawCertificate::Wrapped(der::kSequence, parts);
}
Bytes Rdn(const Bytes& attribute) {
  DerWriter inner;
  inner.Raw(attribute);
  return RawCertificate::Wrapped(der::kSet, inner);
}
Bytes Rdn(const char* oid, uint8_t tag, const Bytes& value) {
  return Rdn(Attribute(oid, tag, value));
}
Bytes Text(std::string_view text) {
  return ToBytes(AsBytes(text));
}
Bytes NameOf(std::initializer_list<Bytes> rdns) {
  DerWriter inner;
  for (const Bytes& rdn : rdns) inner.Raw(rdn);
  return RawCertificate::Wrapped(der::kSequence, inner);
}

class CertificateTest : public testing::Test {
 protected:
  // Parses the raw certificate with one more extension.
  StatusOr<Certificate> With(const Bytes& extension) {
    RawCertificate copy = raw_;
    copy.extensions.push_back(extension);
    return Certificate::Parse(copy.Build(key_));
  }
  StatusOr<Certificate> Parsed() { return Certificate::Parse(raw_.Build(key_)); }

  PrivateKey key_ = Must(PrivateKey::Generate());
  RawCertificate raw_;
};

TEST_F(CertificateTest, ReadsEveryField) {
  raw_.subject = NameOf({Rdn(kCn, der::kUtf8String, Text("Zähler & Co")), Rdn(kOu, der::kUtf8String, Text("02")),
                         Rdn(kUniqueIdentifier, der::kBitString, *FromHex("0090b3d51f30010000")),
                         Rdn("2.5.4.10", der::kUtf8String, Text("of no interest"))});
  raw_.extensions = {RawCertificate::Extension(kKeyUsageOid, 0xFF, *FromHex("03020780")),
                     RawCertificate::Extension(kSkiOid, 0, *FromHex("04084899792d196f4b8a")),
                     RawCertificate::Extension(kBasicConstraintsOid, 0xFF, *FromHex("30060101ff020102")),
                     RawCertificate::Extension(kPoliciesOid, 0xFF, *FromHex("3011300f060d2a863a0001848fb90f01020104")),
                     RawCertificate::Extension(kAkiOid, 0, *FromHex("300a80084f5688d7ec933be2"))};
  const Certificate c = Must(Parsed());
  EXPECT_EQ(c.SerialHex(), "05");
  EXPECT_EQ(c.issuer, raw_.issuer);
  EXPECT_EQ(c.subject, raw_.subject);
  EXPECT_EQ(c.issuer_cn, "ISSUER");
  EXPECT_EQ(c.subject_cn, "Zähler & Co");
  EXPECT_EQ(c.subject_ou, "02");
  EXPECT_EQ(c.subject_eui, Eui64(0x90B3D51F30010000));
  EXPECT_EQ(c.device_eui, std::nullopt);
  EXPECT_EQ(FormatTime(c.not_before), "2026-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(c.not_after), "2036-01-01T00:00:00Z");
  EXPECT_EQ(*c.public_key, key_.public_key());
  EXPECT_EQ(c.key_usage, kDigitalSignature);
  EXPECT_TRUE(c.is_ca);
  EXPECT_EQ(c.path_length, 2);
  EXPECT_EQ(ToHex(c.subject_key_identifier), "4899792d196f4b8a");
  EXPECT_EQ(ToHex(c.authority_key_identifier), "4f5688d7ec933be2");
  EXPECT_THAT(c.policies, testing::ElementsAre(kOrganisationPolicy));
  EXPECT_EQ(c.sha256(), Sha256(c.der()));
  EXPECT_TRUE(c.IsSignedBy(key_.public_key()));
  EXPECT_FALSE(c.IsSignedBy(Must(PrivateKey::Generate()).public_key()));
  EXPECT_EQ(c.Describe(), "Zähler & Co (90-B3-D5-1F-30-01-00-00), serial 05");
}

TEST_F(CertificateTest, PemGoesThereAndBack) {
  const Certificate c = Must(Parsed());
  EXPECT_EQ(Must(Certificate::FromPem("a comment\n" + c.ToPem() + "more")), c);
  EXPECT_REFUSED(Certificate::FromPem("no certificate"), "no line -----BEGIN CERTIFICATE-----");
  EXPECT_REFUSED(Certificate::FromPem("-----BEGIN CERTIFICATE-----\nAAAA"), "no line -----END CERTIFICATE-----");
  EXPECT_REFUSED(Certificate::FromPem("-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----"), "not Base64");
  EXPECT_REFUSED(
      Certificate::FromPem("-----BEGIN CERTIFICATE-----\n" + std::string(20000, 'A') + "-----END CERTIFICATE-----"),
      "more than");
}

TEST_F(CertificateTest, NoAlteredOctetIsAcceptedWithAValidSignature) {
  raw_.extensions = {RawCertificate::Extension(kKeyUsageOid, 0xFF, *FromHex("03020780"))};
  const Bytes good = raw_.Build(key_);
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes altered = good;
    altered[i] ^= 0x01;
    const auto c = Certificate::Parse(altered);
    EXPECT_FALSE(c.ok() && c->IsSignedBy(key_.public_key())) << "octet " << i;
  }
}

TEST_F(CertificateTest, AnyShortenedCertificateIsRefused) {
  const Bytes good = raw_.Build(key_);
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(Certificate::Parse(ByteSpan(good).first(size)).ok()) << size;
}

TEST_F(CertificateTest, RefusesTrailingOctets) {
  Bytes after = raw_.Build(key_);
  after.push_back(0);
  EXPECT_REFUSED(Certificate::Parse(after), "too many");
  EXPECT_REFUSED(Certificate::Parse(raw_.Build(key_, *FromHex("0500"))), "too many");
}

TEST_F(CertificateTest, RefusesALengthThatIsNotMinimal) {
  Bytes good = raw_.Build(key_);  // 30 82 hi lo …
  ASSERT_EQ(good[1], 0x82);
  good[1] = 0x83;
  good.insert(good.begin() + 2, 0);
  EXPECT_REFUSED(Certificate::Parse(good), "not minimal");
}

TEST_F(CertificateTest, RefusesMoreThan8KiB) {
  raw_.extensions = {RawCertificate::Extension("2.5.29.99", 0, Bytes(8192, 0))};
  EXPECT_REFUSED(Parsed(), "at most 8192");
}

TEST_F(CertificateTest, RefusesEveryVersionButThree) {
  raw_.version = *FromHex("a003020101");
  EXPECT_REFUSED(Parsed(), "version 3");
  raw_.version = {};
  EXPECT_REFUSED(Parsed(), "version");
}

TEST_F(CertificateTest, RefusesSerialNumbersThatAreNotPositiveShortAndMinimal) {
  for (const char* serial :
       {"0200", "020100", "020180", "02020001", "0215110000000000000000000000000000000000000000"}) {
    raw_.serial = *FromHex(serial);
    EXPECT_REFUSED(Parsed(), "serialNumber must be a positive INTEGER") << serial;
  }
}

TEST_F(CertificateTest, RefusesOtherSignatureAlgorithmsInsideAndOutside) {
  const Bytes sha384 = *FromHex("300a06082a8648ce3d040303");
  const Bytes with_null = *FromHex("300c06082a8648ce3d0403020500");
  for (const Bytes& other : {sha384, with_null}) {
    raw_.algorithm = other;
    EXPECT_REFUSED(Parsed(), "inside the certificate must be ecdsa-with-SHA256");
    raw_.algorithm = RawCertificate::Ecdsa();
    raw_.outer_algorithm = other;
    EXPECT_REFUSED(Parsed(), "the signature algorithm must be ecdsa-with-SHA256");
    raw_.outer_algorithm = RawCertificate::Ecdsa();
  }
}

TEST_F(CertificateTest, RefusesAKeyThatIsNotP256OrNotOnTheCurve) {
  raw_.spki = key_.public_key().spki();
  raw_.spki[25 + 1 + 64] ^= 1;
  EXPECT_REFUSED(Parsed(), "not a point on P-256");
  raw_.spki = *FromHex("302a300506032b6570032100" + std::string(64, '1'));  // Ed25519
  EXPECT_REFUSED(Parsed(), "91 octets for P-256");
}

TEST_F(CertificateTest, RefusesUniqueIdentifierFields) {
  raw_.after_spki = *FromHex("820200ff");
  EXPECT_REFUSED(Parsed(), "too many");
}

TEST_F(CertificateTest, ReadsBothKindsOfTime) {
  raw_.validity = RawCertificate::Validity(der::kUtcTime, "500101000000Z", der::kGeneralizedTime, "99991231235959Z");
  const Certificate c = Must(Parsed());
  EXPECT_EQ(ToCivil(c.not_before).year, 1950);
  EXPECT_EQ(FormatTime(c.not_after), "9999-12-31T23:59:59Z");
  raw_.validity = RawCertificate::Validity(der::kUtcTime, "491231235959Z", der::kGeneralizedTime, "20500101000000Z");
  EXPECT_EQ(FormatTime(Must(Parsed()).not_before), "2049-12-31T23:59:59Z");
}

TEST_F(CertificateTest, RefusesTimesThatDoNotExistOrAreNotDer) {
  for (const char* time :
       {"260230000000Z", "261301000000Z", "260100000000Z", "260101240000Z", "260101006000Z", "260101000060Z",
        "260101000000+", "2601010000Z", "260101000000+0000", "2601010000 0Z", "26010a000000Z"}) {
    raw_.validity = RawCertificate::Validity(der::kUtcTime, time, der::kUtcTime, "360101000000Z");
    EXPECT_REFUSED(Parsed(), "notBefore must be a UTCTime") << time;
    raw_.validity = RawCertificate::Validity(der::kUtcTime, "260101000000Z", der::kUtcTime, time);
    EXPECT_REFUSED(Parsed(), "notAfter must be a UTCTime") << time;
  }
  for (const char* time :
       {"20260101000000.5Z", "20260101000000", "2026010100000Z", "x0260101000000Z", "20x60101000000Z"}) {
    raw_.validity = RawCertificate::Validity(der::kUtcTime, "260101000000Z", der::kGeneralizedTime, time);
    EXPECT_REFUSED(Parsed(), "notAfter must be a UTCTime") << time;
  }
  raw_.validity = RawCertificate::Validity(der::kUtf8String, "260101000000Z", der::kUtcTime, "360101000000Z");
  EXPECT_REFUSED(Parsed(), "notBefore must be a UTCTime");
}

TEST_F(CertificateTest, IsValidFromNotBeforeToNotAfterInclusive) {
  const Certificate c = Must(Parsed());
  EXPECT_FALSE(c.IsValidAt(c.not_before - Millis(1)));
  EXPECT_TRUE(c.IsValidAt(c.not_before));
  EXPECT_TRUE(c.IsValidAt(c.not_after));
  EXPECT_FALSE(c.IsValidAt(c.not_after + Millis(1)));
}

TEST_F(CertificateTest, RefusesNamesThatAreAmbiguousOrUnreadable) {
  const Bytes cn = Rdn(kCn, der::kUtf8String, Text("A"));
  const Bytes ou = Rdn(kOu, der::kUtf8String, Text("02"));
  const Bytes eui = Rdn(kUniqueIdentifier, der::kBitString, *FromHex("0090b3d51f30010000"));
  Bytes null_after_rdn = cn;
  Append(null_after_rdn, *FromHex("0500"));
  const std::pair<Bytes, const char*> cases[] = {
      {NameOf({cn, cn}), "second common name"},
      {NameOf({ou, ou}), "second organisational unit"},
      {NameOf({eui, eui}), "second x500UniqueIdentifier"},
      {NameOf({Rdn(kCn, der::kUtf8String, Text("ring\a"))}), "readable text"},
      {NameOf({Rdn(kCn, der::kUtf8String, Text("two\nlines"))}), "readable text"},
      {NameOf({Rdn(kCn, der::kUtf8String, {0xFF})}), "readable text"},
      {NameOf({Rdn(kCn, der::kUtf8String, Text("right to left \u202E override"))}), "readable text"},
      {NameOf({Rdn(kCn, der::kUtf8String, {})}), "readable text"},
      {NameOf({Rdn(kCn, 0x1E, {0x00, 0x41})}), "readable text"},                                      // BMPString
      {NameOf({Rdn(kUniqueIdentifier, der::kBitString, *FromHex("0090b3d51f300100"))}), "EUI-64"},    // seven octets
      {NameOf({Rdn(kUniqueIdentifier, der::kBitString, *FromHex("0490b3d51f30010000"))}), "EUI-64"},  // unused bits
      {NameOf({Rdn(kUniqueIdentifier, der::kOctetString, *FromHex("0090b3d51f30010000"))}), "EUI-64"},
      {NameOf({*FromHex("3100")}), "missing"},
      {NameOf({null_after_rdn}), "RelativeDistinguishedName must have tag 31"},
      {NameOf({Rdn(*FromHex("0500"))}), "attribute of a name must have tag 30"},
  };
  for (const auto& [name, why] : cases) {
    raw_.subject = name;
    EXPECT_REFUSED(Parsed(), why) << ToHex(name);
  }
  // An attribute of three values.
  DerWriter three;
  three.Oid(kCn);
  three.Text(der::kUtf8String, "A");
  three.Text(der::kUtf8String, "B");
  raw_.subject = NameOf({Rdn(RawCertificate::Wrapped(der::kSequence, three))});
  EXPECT_REFUSED(Parsed(), "octets too many after attribute");
}

TEST_F(CertificateTest, RefusesANameOfTooManyParts) {
  DerWriter rdns;
  for (int i = 0; i < 33; ++i) rdns.Raw(*FromHex("310a3008060355040a0c0141"));
  raw_.subject = RawCertificate::Wrapped(der::kSequence, rdns);
  EXPECT_REFUSED(Parsed(), "more than 32 parts");
}

TEST_F(CertificateTest, RefusesUnknownCriticalExtensionsAndIgnoresOthers) {
  EXPECT_REFUSED(With(RawCertificate::Extension("2.5.29.30", 0xFF, *FromHex("3000"))), "critical extension 2.5.29.30");
  EXPECT_TRUE(With(RawCertificate::Extension("2.5.29.30", 0, *FromHex("3000"))).ok());
  EXPECT_TRUE(With(RawCertificate::Extension("2.5.29.37", 0xFF, *FromHex("300a06082b06010505070301"))).ok());
}

TEST_F(CertificateTest, RefusesExtensionsThatAreNotDer) {
  EXPECT_REFUSED(With(RawCertificate::Extension("2.5.29.30", 0x01, *FromHex("3000"))), "critical must be TRUE (FF)");
  raw_.extensions = {RawCertificate::Extension(kSkiOid, 0, *FromHex("040101")),
                     RawCertificate::Extension(kSkiOid, 0, *FromHex("040102"))};
  EXPECT_REFUSED(Parsed(), "a second time");
  DerWriter with_more;
  with_more.Oid("2.5.29.30");
  with_more.Value(der::kOctetString, *FromHex("3000"));
  with_more.Value(der::kNull, {});
  raw_.extensions = {RawCertificate::Wrapped(der::kSequence, with_more)};
  EXPECT_REFUSED(Parsed(), "octets too many after extension");
  raw_.extensions.clear();
  raw_.after_spki = *FromHex("a3023000");
  EXPECT_REFUSED(Parsed(), "extension (tag 30) is missing");
  raw_.after_spki.clear();
  for (int i = 0; i < 33; ++i) {
    raw_.extensions.push_back(RawCertificate::Extension(("1.2.3." + std::to_string(i)).c_str(), 0, *FromHex("0500")));
  }
  EXPECT_REFUSED(Parsed(), "more than 32 extensions");
}

TEST_F(CertificateTest, RefusesKnownExtensionsWithWrongContents) {
  const struct {
    const char* oid;
    const char* value;
    const char* why;
  } cases[] = {
      {kKeyUsageOid, "030100", "keyUsage is not"},
      {kKeyUsageOid, "03020080", "keyUsage is not"},    // trailing zero bits
      {kKeyUsageOid, "030207c0", "keyUsage is not"},    // unused bits set
      {kKeyUsageOid, "03020880", "keyUsage is not"},    // more than seven unused bits
      {kKeyUsageOid, "0303068040", "keyUsage is not"},  // bit 9
      {kKeyUsageOid,
       "0304078000"
       "80",
       "keyUsage is not"},
      {kKeyUsageOid, "04020780", "must have tag 03"},
      {kKeyUsageOid, "030207800500", "too many"},
      {kSkiOid, "0400", "subjectKeyIdentifier must have"},
      {kSkiOid, "0401010500", "too many"},
      {kAkiOid,
       "3000"
       "0500",
       "too many"},
      {kAkiOid, "30028000", "authorityKeyIdentifier must have"},
      {kAkiOid, "30020500", "too many"},
      {kBasicConstraintsOid, "3003010101", "cA must be TRUE"},
      {kBasicConstraintsOid, "3003010100", "cA must be TRUE"},
      {kBasicConstraintsOid, "3003020100", "too many"},  // path length without cA
      {kBasicConstraintsOid, "30070101ff02020100", "above 255"},
      {kBasicConstraintsOid, "30060101ff0201ff", "negative"},
      {kBasicConstraintsOid, "30090101ff020100020100", "too many"},
      {kBasicConstraintsOid, "30000500", "too many"},
      {kPoliciesOid, "3000", "missing"},
      {kPoliciesOid, "30053003060180", "policyIdentifier is malformed"},
      {kPoliciesOid,
       "30043002"
       "0500",
       "must have tag 06"},
      {kPoliciesOid, "30000500", "too many"},
      {kPoliciesOid,
       "300930070603"
       "2a0304"
       "0500",
       "too many"},
      {kSanOid, "3000", "must have a tag and a length"},
      {kSanOid, "30000500", "too many"},
      {kSanOid, "30030c0141", "not a GeneralName"},
  };
  for (const auto& c : cases) {
    EXPECT_REFUSED(With(RawCertificate::Extension(c.oid, 0, *FromHex(c.value))), c.why) << c.oid << " " << c.value;
  }
}

TEST_F(CertificateTest, RefusesTooManyPoliciesAndTooLongIdentifiers) {
  DerWriter policies;
  for (int i = 0; i < 17; ++i) policies.Raw(*FromHex("300506032a0304"));
  EXPECT_REFUSED(With(RawCertificate::Extension(kPoliciesOid, 0, RawCertificate::Wrapped(der::kSequence, policies))),
                 "more than 16");
  DerWriter identifier;
  identifier.Value(der::kOctetString, Bytes(65, 1));
  EXPECT_REFUSED(With(RawCertificate::Extension(kSkiOid, 0, identifier.bytes())), "1 to 64");
}

TEST_F(CertificateTest, ReadsEveryKeyUsageBit) {
  for (int bit = 0; bit < 9; ++bit) {
    const Bytes value = bit < 8 ? Bytes{0x03, 0x02, static_cast<uint8_t>(7 - bit), static_cast<uint8_t>(0x80 >> bit)}
                                : Bytes{0x03, 0x03, 0x07, 0x00, 0x80};
    EXPECT_EQ(Must(With(RawCertificate::Extension(kKeyUsageOid, 0xFF, value))).key_usage, 1 << bit);
  }
}

TEST_F(CertificateTest, ReadsTheDeviceNameAmongOtherNames) {
  const char* const device =
      "a02706082b06010505070804a01b3019060d2a863a0001848fb90f010202010408"
      "00db1234567890a0";
  const Bytes dns = *FromHex("82096c6f63616c686f7374");
  DerWriter names;
  names.Raw(dns);
  names.Raw(*FromHex(device));
  const Bytes value = RawCertificate::Wrapped(der::kSequence, names);
  EXPECT_EQ(Must(With(RawCertificate::Extension(kSanOid, 0xFF, value))).device_eui, Eui64(0x00DB1234567890A0));

  names.Raw(*FromHex(device));
  EXPECT_REFUSED(With(RawCertificate::Extension(kSanOid, 0xFF, RawCertificate::Wrapped(der::kSequence, names))),
                 "must occur once");
  DerWriter short_serial;
  short_serial.Raw(
      *FromHex("a018"
               "06082b06010505070804"
               "a00c"
               "300a"
               "06032a0304"
               "0403010203"));
  EXPECT_REFUSED(With(RawCertificate::Extension(kSanOid, 0xFF, RawCertificate::Wrapped(der::kSequence, short_serial))),
                 "EUI-64 of 8 octets");
}

TEST_F(CertificateTest, WithoutExtensionsEverythingOptionalIsEmpty) {
  const Certificate c = Must(Parsed());
  EXPECT_EQ(c.key_usage, 0);
  EXPECT_FALSE(c.is_ca);
  EXPECT_EQ(c.path_length, std::nullopt);
  EXPECT_TRUE(c.subject_key_identifier.empty() && c.authority_key_identifier.empty() && c.policies.empty());
}

}  // namespace
}  // namespace smki::pki
