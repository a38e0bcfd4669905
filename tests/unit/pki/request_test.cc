#include <algorithm>

#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

class RequestTest : public testing::Test {
 protected:
  PrivateKey key_ = Must(PrivateKey::Generate());
  OrganisationSubject subject_{"Supplier One", 0x02, Eui64(0x90B3D51F30010000)};

  // A request of which each field can be made wrong, signed with key_.
  struct Raw {
    Bytes version{0x02, 0x01, 0x00};
    Bytes subject;
    Bytes attributes;
    Bytes after;
  };
  Bytes Subject(const std::string& unit, const std::optional<std::string>& eui) {
    DerWriter rdns;
    const auto add = [&](const char* oid, uint8_t tag, ByteSpan value) {
      DerWriter parts;
      parts.Oid(oid);
      parts.Value(tag, value);
      DerWriter attribute;
      attribute.Wrap(der::kSequence, parts);
      rdns.Wrap(der::kSet, attribute);
    };
    if (!unit.empty()) add("2.5.4.11", der::kUtf8String, AsBytes(unit));
    if (eui) add("2.5.4.45", der::kBitString, *FromHex(*eui));
    return RawCertificate::Wrapped(der::kSequence, rdns);
  }
  Bytes Attributes(const std::vector<Bytes>& attributes) {
    DerWriter out;
    for (const Bytes& attribute : attributes) out.Raw(attribute);
    return RawCertificate::Wrapped(der::Context(0, true), out);
  }
  Bytes KeyUsageAttribute(const char* bits = "03020780") {
    DerWriter extensions;
    extensions.Raw(RawCertificate::Extension("2.5.29.15", 0xFF, *FromHex(bits)));
    DerWriter list;
    list.Wrap(der::kSequence, extensions);
    DerWriter parts;
    parts.Oid("1.2.840.113549.1.9.14");
    parts.Wrap(der::kSet, list);
    return RawCertificate::Wrapped(der::kSequence, parts);
  }
  Bytes Build(const Raw& raw) {
    DerWriter info;
    info.Raw(raw.version);
    info.Raw(raw.subject);
    info.Raw(key_.public_key().spki());
    info.Raw(raw.attributes);
    DerWriter parts;
    parts.Wrap(der::kSequence, info);
    Bytes bits{0};
    Append(bits, SignatureToDer(Must(key_.Sign(parts.bytes()))));
    parts.Raw(RawCertificate::Ecdsa());
    parts.Value(der::kBitString, bits);
    parts.Raw(raw.after);
    return RawCertificate::Wrapped(der::kSequence, parts);
  }
  Raw Good() {
    Raw raw;
    raw.subject = Subject("02", "0090b3d51f30010000");
    raw.attributes = Attributes({KeyUsageAttribute()});
    return raw;
  }
};

TEST_F(RequestTest, GoesThereAndBack) {
  const Bytes der = Must(MakeCertificateRequest(key_, subject_, kKeyAgreement));
  const CertificateRequest request = Must(ParseCertificateRequest(der));
  EXPECT_EQ(request.common_name, "Supplier One");
  EXPECT_EQ(request.role, 2);
  EXPECT_EQ(request.eui, subject_.eui);
  EXPECT_EQ(request.key_usage, kKeyAgreement);
  EXPECT_EQ(*request.key, key_.public_key());
  EXPECT_EQ(request.der, der);
}

TEST_F(RequestTest, OpensslConfirmsIt) {
  const OpensslTool openssl;
  openssl.Write("csr.der", Must(MakeCertificateRequest(key_, subject_, kDigitalSignature)));
  EXPECT_TRUE(openssl.Run("req -inform DER -in csr.der -verify -noout -text")) << openssl.Output();
  EXPECT_THAT(openssl.Output(), testing::HasSubstr("Digital Signature"));
}

TEST_F(RequestTest, NoAlteredOctetIsAccepted) {
  const Bytes good = Must(MakeCertificateRequest(key_, subject_, kDigitalSignature));
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes altered = good;
    altered[i] ^= 1;
    EXPECT_FALSE(ParseCertificateRequest(altered).ok()) << "octet " << i;
  }
}

TEST_F(RequestTest, RefusesARequestSignedByAnotherKey) {
  PrivateKey other = Must(PrivateKey::Generate());
  // The other key's point, in a request that key_ signs.
  Bytes der = Build(Good());
  const Bytes own = key_.public_key().spki();
  const Bytes foreign = other.public_key().spki();
  std::copy(foreign.begin(), foreign.end(), std::search(der.begin(), der.end(), own.begin(), own.end()));
  EXPECT_REFUSED(ParseCertificateRequest(der), "not signed with the key it asks a certificate for");
}

TEST_F(RequestTest, RefusesWhatIsMissingOrWrong) {
  ASSERT_TRUE(ParseCertificateRequest(Build(Good())).ok());
  Raw raw = Good();
  raw.version = *FromHex("020101");
  EXPECT_REFUSED(ParseCertificateRequest(Build(raw)), "only 0");
  for (const char* unit : {"", "2", "002", "0g", "7f", "G0"}) {
    raw = Good();
    raw.subject = Subject(unit, "0090b3d51f30010000");
    EXPECT_REFUSED(ParseCertificateRequest(Build(raw)), "two upper-case hexadecimal digits") << unit;
  }
  raw = Good();
  raw.subject = Subject("02", std::nullopt);
  EXPECT_REFUSED(ParseCertificateRequest(Build(raw)), "no x500UniqueIdentifier");
  raw = Good();
  raw.attributes = {};
  EXPECT_REFUSED(ParseCertificateRequest(Build(raw)), "attributes");
  raw.attributes = Attributes({KeyUsageAttribute(), KeyUsageAttribute("03020308")});
  EXPECT_REFUSED(ParseCertificateRequest(Build(raw)), "requested twice");
  raw.attributes = Attributes({KeyUsageAttribute("03020000")});
  EXPECT_REFUSED(ParseCertificateRequest(Build(raw)), "keyUsage is not");
  raw = Good();
  Append(raw.attributes, *FromHex("0500"));
  EXPECT_REFUSED(ParseCertificateRequest(Build(raw)), "too many");
  raw = Good();
  raw.after = *FromHex("0500");
  EXPECT_REFUSED(ParseCertificateRequest(Build(raw)), "too many");
  Bytes longer = Build(Good());
  longer.push_back(0);
  EXPECT_REFUSED(ParseCertificateRequest(longer), "too many");
  EXPECT_REFUSED(ParseCertificateRequest(Bytes(8193, 0x30)), "at most 8192");
}

TEST_F(RequestTest, WithoutARequestedKeyUsageItIsZero) {
  Raw raw = Good();
  raw.attributes = Attributes({});
  EXPECT_EQ(Must(ParseCertificateRequest(Build(raw))).key_usage, 0);
}

}  // namespace
}  // namespace smki::pki
