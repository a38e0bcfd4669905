#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

class RevocationTest : public testing::Test {
 protected:
  // A list of which each field can be made wrong.
  struct Raw {
    Bytes version{0x02, 0x01, 0x01};
    Bytes algorithm = RawCertificate::Ecdsa();
    Bytes times = *FromHex(
        "170d"
        "3236303130313030303030305a"
        "170d"
        "3236303230313030303030305a");
    Bytes entries;
    std::vector<Bytes> extensions{RawCertificate::Extension("2.5.29.20", 0, *FromHex("020107"))};
  };
  Bytes Build(const Raw& raw) {
    DerWriter tbs;
    tbs.Raw(raw.version);
    tbs.Raw(raw.algorithm);
    tbs.Raw(Name("CA"));
    tbs.Raw(raw.times);
    tbs.Raw(raw.entries);
    if (!raw.extensions.empty()) {
      DerWriter list;
      for (const Bytes& extension : raw.extensions) list.Raw(extension);
      DerWriter sequence;
      sequence.Wrap(der::kSequence, list);
      tbs.Wrap(der::Context(0, true), sequence);
    }
    DerWriter parts;
    parts.Wrap(der::kSequence, tbs);
    Bytes bits{0};
    Append(bits, SignatureToDer(Must(key_.Sign(parts.bytes()))));
    parts.Raw(RawCertificate::Ecdsa());
    parts.Value(der::kBitString, bits);
    return RawCertificate::Wrapped(der::kSequence, parts);
  }
  static Bytes Entry(const char* serial, const std::vector<Bytes>& extensions) {
    DerWriter parts;
    parts.Raw(*FromHex(serial));
    parts.Text(der::kUtcTime, "260101000000Z");
    if (!extensions.empty()) {
      DerWriter list;
      for (const Bytes& extension : extensions) list.Raw(extension);
      parts.Wrap(der::kSequence, list);
    }
    return RawCertificate::Wrapped(der::kSequence, parts);
  }
  static Bytes Entries(const Bytes& entry) {
    DerWriter list;
    list.Raw(entry);
    return RawCertificate::Wrapped(der::kSequence, list);
  }
  StatusOr<RevocationList> Issue(std::vector<Revoked> revoked) {
    return IssueRevocationList({&key_, Name("CA")}, 7, from_, to_, std::move(revoked));
  }

  PrivateKey key_ = Must(PrivateKey::Generate());
  UtcTime from_ = At("2026-01-01T00:00:00Z");
  UtcTime to_ = At("2026-02-01T00:00:00Z");
};

TEST_F(RevocationTest, GoesThereAndBackInTheOrderOfSerials) {
  const RevocationList list = Must(Issue({{Serial(9), from_, 1}, {Serial(3), from_, 4}, {Serial(5), from_, 0}}));
  EXPECT_EQ(list.number, 7u);
  EXPECT_EQ(list.issuer, Name("CA"));
  EXPECT_EQ(list.this_update, from_);
  EXPECT_EQ(list.next_update, to_);
  ASSERT_EQ(list.revoked.size(), 3u);
  EXPECT_EQ(list.revoked[0].serial, Serial(3));
  EXPECT_EQ(list.revoked[0].reason, 4);
  EXPECT_EQ(list.revoked[1].reason, 0);
  EXPECT_TRUE(list.Contains(Serial(9)));
  EXPECT_FALSE(list.Contains(Serial(8)));
  EXPECT_TRUE(list.IsSignedBy(key_.public_key()));
  EXPECT_FALSE(list.IsSignedBy(Must(PrivateKey::Generate()).public_key()));
  EXPECT_FALSE(RevocationList().IsSignedBy(key_.public_key()));
}

TEST_F(RevocationTest, AnEmptyListIsAList) {
  EXPECT_TRUE(Must(Issue({})).revoked.empty());
}

TEST_F(RevocationTest, OpensslConfirmsIt) {
  Hierarchy pki;
  const RevocationList list = Must(IssueRevocationList(pki.root_identity(), 1, from_, to_, {{Serial(3), from_, 1}}));
  const OpensslTool openssl;
  openssl.Write("crl.der", list.der);
  openssl.Write("root.pem", pki.Root().ToPem());
  EXPECT_TRUE(openssl.Run("crl -inform DER -in crl.der -CAfile root.pem -noout -text")) << openssl.Output();
  EXPECT_THAT(openssl.Output(), testing::AllOf(testing::HasSubstr("verify OK"), testing::HasSubstr("Key Compromise")));
}

TEST_F(RevocationTest, NoAlteredOctetIsAcceptedWithAValidSignature) {
  const RevocationList good = Must(Issue({{Serial(9), from_, 1}}));
  for (size_t i = 0; i < good.der.size(); ++i) {
    Bytes altered = good.der;
    altered[i] ^= 1;
    const auto list = ParseRevocationList(altered);
    EXPECT_FALSE(list.ok() && list->IsSignedBy(key_.public_key())) << "octet " << i;
  }
}

TEST_F(RevocationTest, RefusesToIssueNonsense) {
  EXPECT_REFUSED(Issue({{Serial(9), from_, 1}, {Serial(9), from_, 1}}), "twice in one list");
  for (const int reason : {-1, 7, 8, 11})
    EXPECT_REFUSED(Issue({{Serial(9), from_, reason}}), "does not exist") << reason;
  EXPECT_REFUSED(IssueRevocationList({&key_, Name("CA")}, 7, from_, from_, {}), "not after it begins");
}

TEST_F(RevocationTest, RefusesAListThatIsNotWholeOrNotStrict) {
  ASSERT_TRUE(ParseRevocationList(Build({})).ok());
  Raw raw;
  raw.version = *FromHex("020100");
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "version 2");
  raw = {};
  raw.algorithm = *FromHex("300a06082a8648ce3d040303");
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "inside the revocation list");
  raw = {};
  raw.times.resize(15);  // no nextUpdate: nobody could tell it is stale (I10)
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "nextUpdate");
  raw = {};
  raw.extensions.clear();
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "crlExtensions");
  raw.extensions = {RawCertificate::Extension("2.5.29.35", 0, *FromHex("3000"))};
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "no cRLNumber");
  raw = {};
  raw.extensions.push_back(RawCertificate::Extension("2.5.29.27", 0xFF, *FromHex("020101")));  // deltaCRLIndicator
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "critical extension 2.5.29.27");
  raw = {};
  raw.entries = *FromHex("3000");
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "entry of the revocation list");
  raw.entries =
      Entries(Entry("020105", {RawCertificate::Extension("2.5.29.29", 0xFF, *FromHex("3000"))}));  // certificateIssuer
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "critical entry extension 2.5.29.29");
  raw.entries = Entries(Entry("020105", {RawCertificate::Extension("2.5.29.21", 0, *FromHex("0a0107"))}));
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "reasonCode 7");
  raw.entries = Entries(Entry("020100", {}));
  EXPECT_REFUSED(ParseRevocationList(Build(raw)), "positive INTEGER");
  Bytes longer = Build({});
  longer.push_back(0);
  EXPECT_REFUSED(ParseRevocationList(longer), "too many");
  EXPECT_REFUSED(ParseRevocationList(Bytes(16 * 1024 * 1024 + 1)), "at most");
}

}  // namespace
}  // namespace smki::pki
