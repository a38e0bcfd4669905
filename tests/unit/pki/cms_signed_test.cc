#include <functional>

#include "pki/cms.h"
#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

constexpr char kDocument[] = "apiVersion: smki/v1\nkind: Direction\n";
constexpr char kSha256Algorithm[] = "300b0609608648016503040201";

DerWriter Raw(const Bytes& bytes) {
  DerWriter out;
  out.Raw(bytes);
  return out;
}
Bytes Wrapped(uint8_t tag, const Bytes& inner) {
  return RawCertificate::Wrapped(tag, Raw(inner));
}
Bytes Joined(const std::vector<Bytes>& parts) {
  Bytes out;
  for (const Bytes& part : parts) Append(out, part);
  return out;
}
Bytes Oid(const char* dotted) {
  DerWriter out;
  out.Oid(dotted);
  return out.Take();
}
Bytes Attribute(const char* oid, const Bytes& values) {
  return Wrapped(der::kSequence, Joined({Oid(oid), Wrapped(der::kSet, values)}));
}

class SignedTest : public testing::Test {
 protected:
  // A SignerInfo and SignedData of which each field can be made wrong; signed over whatever attributes it has.
  struct Form {
    Bytes content_info_type = Oid("1.2.840.113549.1.7.2");
    Bytes version = *FromHex("020101");
    Bytes digests = Wrapped(der::kSet, *FromHex(kSha256Algorithm));
    Bytes content = Wrapped(der::kSequence, Oid("1.2.840.113549.1.7.1"));
    Bytes between;
    Bytes after_signers;
    Bytes after_signed_data;
    Bytes after_info;
    Bytes signer_version = *FromHex("020101");
    Bytes sid;
    Bytes digest = *FromHex(kSha256Algorithm);
    std::vector<Bytes> attributes;
    Bytes signature_algorithm = RawCertificate::Ecdsa();
    Bytes unsigned_attributes;
    std::optional<Bytes> signature;
    int signers = 1;
    Bytes signer_set;        // if set, in place of the signers
    Bytes empty_attributes;  // written if there are no attributes
  };
  static Bytes ContentTypeAttribute(const char* type = "1.2.840.113549.1.7.1") {
    return Attribute("1.2.840.113549.1.9.3", Oid(type));
  }
  static Bytes TimeAttribute(const char* time = "260101120000Z") {
    DerWriter value;
    value.Text(der::kUtcTime, time);
    return Attribute("1.2.840.113549.1.9.5", value.bytes());
  }
  static Bytes DigestAttribute(const Bytes& digest) {
    DerWriter value;
    value.Value(der::kOctetString, digest);
    return Attribute("1.2.840.113549.1.9.4", value.bytes());
  }
  static Bytes HintAttribute(const std::string& hint) {
    DerWriter value;
    value.Text(der::kUtf8String, hint);
    return Attribute("1.2.840.113549.1.9.16.2.4",
                     Wrapped(der::kSequence, Joined({value.bytes(), Oid("1.2.840.113549.1.7.1")})));
  }
  static Bytes DocumentDigest() { return ToBytes(Sha256(kDocument)); }
  Form Good() {
    Form form;
    form.sid = Wrapped(der::kSequence, Joined({certificate_.issuer, Wrapped(der::kInteger, certificate_.serial)}));
    form.attributes = {ContentTypeAttribute(), TimeAttribute(), DigestAttribute(DocumentDigest())};
    return form;
  }
  Bytes Build(const Form& form) {
    const Bytes attributes = Joined(form.attributes);
    const Bytes signature =
        form.signature ? *form.signature : SignatureToDer(Must(key_.Sign(Wrapped(der::kSet, attributes))));
    const Bytes signer =
        Wrapped(der::kSequence,
                Joined({form.signer_version, form.sid, form.digest,
                        attributes.empty() ? form.empty_attributes : Wrapped(0xA0, attributes),
                        form.signature_algorithm, Wrapped(der::kOctetString, signature), form.unsigned_attributes}));
    Bytes signers;
    for (int i = 0; i < form.signers; ++i) Append(signers, signer);
    const Bytes signer_set = form.signer_set.empty() ? Wrapped(der::kSet, signers) : form.signer_set;
    const Bytes data =
        Wrapped(der::kSequence,
                Joined({form.version, form.digests, form.content, form.between, signer_set, form.after_signers}));
    const Bytes info = Wrapped(
        der::kSequence,
        Joined({form.content_info_type, Wrapped(0xA0, Joined({data, form.after_signed_data})), form.after_info}));
    return info;
  }
  CmsVerdict Verify(const Form& form) { return VerifyDetached(AsBytes(kDocument), Build(form), certificate_); }
  Bytes Sign(const std::string& hint = "smki approval DIR-2026-0001") {
    return Must(SignDetached(AsBytes(kDocument), key_, certificate_, signing_time_, hint));
  }
  void ExpectFault(const Form& form, CmsFault fault, const std::string& why) {
    const CmsVerdict verdict = Verify(form);
    EXPECT_EQ(verdict.fault, fault) << verdict.detail;
    EXPECT_THAT(verdict.detail, testing::HasSubstr(why));
  }

  Hierarchy pki_;
  PrivateKey key_ = Must(PrivateKey::Generate());
  Certificate certificate_ = pki_.Person("pma.member.1", key_.public_key(), kDigitalSignature);
  UtcTime signing_time_ = At("2026-03-04T05:06:07Z");
};

TEST_F(SignedTest, GoesThereAndBack) {
  const Bytes cms = Sign();
  const CmsVerdict verdict = VerifyDetached(AsBytes(kDocument), cms, certificate_);
  EXPECT_TRUE(verdict.ok()) << verdict.detail;
  EXPECT_EQ(verdict.signature.signer_certificate, certificate_.sha256());
  EXPECT_EQ(verdict.signature.signing_time, signing_time_);
  EXPECT_EQ(verdict.signature.hint, "smki approval DIR-2026-0001");
  const CmsSignerId id = Must(ReadSignerId(cms));
  EXPECT_EQ(id.issuer, certificate_.issuer);
  EXPECT_EQ(id.serial, certificate_.serial);
}

TEST_F(SignedTest, TheHintMayBeEmpty) {
  const CmsVerdict verdict = VerifyDetached(AsBytes(kDocument), Sign(""), certificate_);
  EXPECT_TRUE(verdict.ok()) << verdict.detail;
  EXPECT_EQ(verdict.signature.hint, "");
}

TEST_F(SignedTest, OpensslConfirmsIt) {
  const OpensslTool openssl;
  openssl.Write("doc", std::string(kDocument));
  openssl.Write("cert.pem", certificate_.ToPem());
  openssl.Write("root.pem", pki_.Root().ToPem());
  openssl.Write("issuing.pem", pki_.Issuing(0).ToPem());
  openssl.Write("sig", Sign());
  EXPECT_TRUE(
      openssl.Run("cms -verify -binary -inform DER -in sig -content doc -certfile cert.pem -noverify -nointern"))
      << openssl.Output();
  EXPECT_TRUE(openssl.Run("cms -cmsout -print -inform DER -in sig")) << openssl.Output();
  EXPECT_THAT(openssl.Output(), testing::HasSubstr("smki approval DIR-2026-0001"));
  openssl.Write("doc", std::string(kDocument) + " ");
  EXPECT_FALSE(
      openssl.Run("cms -verify -binary -inform DER -in sig -content doc -certfile cert.pem -noverify -nointern"));
}

// A member may sign with the openssl program alone; what it makes beyond our rules is refused.
class OpensslSignedTest : public SignedTest {
 protected:
  OpensslSignedTest() {
    openssl_.Write("doc", std::string(kDocument));
    openssl_.Write("cert.pem", certificate_.ToPem());
    openssl_.Write("key.pem", key_.ToPem().span());
  }
  CmsVerdict Signed(const std::string& options) {
    EXPECT_TRUE(
        openssl_.Run("cms -sign -binary -in doc -signer cert.pem -inkey key.pem -outform DER -out sig " + options))
        << openssl_.Output();
    return VerifyDetached(AsBytes(kDocument), openssl_.Read("sig"), certificate_);
  }
  OpensslTool openssl_;
};

TEST_F(OpensslSignedTest, WhatOpensslSignsIsAccepted) {
  EXPECT_TRUE(Signed("").ok()) << "embedded certificates are ignored";
  EXPECT_TRUE(Signed("-nocerts -nosmimecap").ok());
}

TEST_F(OpensslSignedTest, RefusesASignatureWithoutSignedAttributes) {
  EXPECT_EQ(Signed("-noattr").fault, CmsFault::kNoSignedAttributes);
}

TEST_F(OpensslSignedTest, RefusesAttachedContent) {
  const CmsVerdict verdict = Signed("-nodetach");
  EXPECT_EQ(verdict.fault, CmsFault::kMalformed);
  EXPECT_THAT(verdict.detail, testing::HasSubstr("must be detached"));
}

TEST_F(OpensslSignedTest, RefusesTwoSigners) {
  const PrivateKey second = Must(PrivateKey::Generate());
  openssl_.Write("cert2.pem", pki_.Person("pma.member.2", second.public_key(), kDigitalSignature, 5).ToPem());
  openssl_.Write("key2.pem", second.ToPem().span());
  EXPECT_EQ(Signed("-signer cert2.pem -inkey key2.pem").fault, CmsFault::kNotOneSigner);
}

TEST_F(OpensslSignedTest, RefusesOtherDigests) {
  EXPECT_EQ(Signed("-md sha384").fault, CmsFault::kOtherDigest);
  EXPECT_EQ(Signed("-md sha1").fault, CmsFault::kOtherDigest);
}

TEST_F(OpensslSignedTest, RefusesASignerNamedByKeyIdentifier) {
  const CmsVerdict verdict = Signed("-keyid");
  EXPECT_EQ(verdict.fault, CmsFault::kMalformed);
}

TEST_F(OpensslSignedTest, RefusesBerFromStreaming) {
  const CmsVerdict verdict = Signed("-stream -nodetach");
  EXPECT_EQ(verdict.fault, CmsFault::kMalformed);
}

TEST_F(SignedTest, RefusesToSignWhatWouldNotVerify) {
  const Certificate agreement = pki_.Person("x", key_.public_key(), kKeyAgreement, 6);
  const std::pair<StatusOr<Bytes>, const char*> cases[] = {
      {SignDetached({}, pki_.end_key, certificate_, signing_time_, ""), "does not belong to the certificate"},
      {SignDetached({}, key_, agreement, signing_time_, ""), "not for digitalSignature"},
      {SignDetached({}, key_, certificate_, signing_time_, std::string(201, 'x')), "at most 200"},
      {SignDetached({}, key_, certificate_, signing_time_, "a\nb"), "readable line"},
  };
  for (const auto& [result, why] : cases) {
    EXPECT_REFUSED(result, why);
    EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument) << "refused before anything was signed";
  }
}

TEST_F(SignedTest, AnotherDocumentIsADigestMismatchThatTellsItsHint) {
  const CmsVerdict verdict = VerifyDetached(AsBytes("another document"), Sign(), certificate_);
  EXPECT_EQ(verdict.fault, CmsFault::kDigestMismatch);
  EXPECT_EQ(verdict.signature.hint, "smki approval DIR-2026-0001");
  EXPECT_EQ(verdict.signature.signing_time, signing_time_);
  EXPECT_THAT(verdict.detail, testing::HasSubstr("smki approval DIR-2026-0001"));
}

TEST_F(SignedTest, NoAlteredOctetIsAccepted) {
  const Bytes good = Sign();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const uint8_t flip : {0x01, 0x80}) {
      Bytes altered = good;
      altered[i] ^= flip;
      EXPECT_FALSE(VerifyDetached(AsBytes(kDocument), altered, certificate_).ok()) << "octet " << i;
    }
  }
}

TEST_F(SignedTest, AnyShortenedOrLengthenedSignatureIsRefused) {
  Bytes cms = Sign();
  for (size_t size = 0; size < cms.size(); ++size) {
    EXPECT_EQ(VerifyDetached(AsBytes(kDocument), ByteSpan(cms).first(size), certificate_).fault, CmsFault::kMalformed)
        << size;
  }
  cms.push_back(0);
  EXPECT_EQ(VerifyDetached(AsBytes(kDocument), cms, certificate_).fault, CmsFault::kMalformed);
}

TEST_F(SignedTest, RefusesAnotherCertificate) {
  // Same key and issuer, other serial: the sid decides, not the key.
  const Certificate renewed = pki_.Person("pma.member.1", key_.public_key(), kDigitalSignature, 7);
  EXPECT_EQ(VerifyDetached(AsBytes(kDocument), Sign(), renewed).fault, CmsFault::kWrongCertificate);
  // Same serial, other issuer.
  const Certificate elsewhere =
      Must(IssuePersonCertificate({&pki_.issuing_key, Name("ELSEWHERE")}, "pma.member.1", "Org", key_.public_key(),
                                  kDigitalSignature, certificate_.serial, pki_.from, pki_.to, false));
  EXPECT_EQ(VerifyDetached(AsBytes(kDocument), Sign(), elsewhere).fault, CmsFault::kWrongCertificate);
}

TEST_F(SignedTest, RefusesACertificateThatIsNotForDigitalSignature) {
  // Same issuer and serial as the signing certificate, keyAgreement only.
  const Certificate agreement = pki_.Person("pma.member.1", key_.public_key(), kKeyAgreement);
  const CmsVerdict verdict = VerifyDetached(AsBytes(kDocument), Sign(), agreement);
  EXPECT_EQ(verdict.fault, CmsFault::kWrongCertificate);
  EXPECT_THAT(verdict.detail, testing::HasSubstr("not for digitalSignature"));
}

TEST_F(SignedTest, RefusesASignatureByAnotherKeyUnderTheRightName) {
  PrivateKey forger = Must(PrivateKey::Generate());
  const Certificate fake = pki_.Person("pma.member.1", forger.public_key(), kDigitalSignature);
  const Bytes forged = Must(SignDetached(AsBytes(kDocument), forger, fake, signing_time_, ""));
  EXPECT_EQ(VerifyDetached(AsBytes(kDocument), forged, certificate_).fault, CmsFault::kBadSignature);
}

TEST_F(SignedTest, ABadSignatureIsToldBeforeADigestMismatch) {
  Form form = Good();
  form.attributes[2] = DigestAttribute(Bytes(32, 7));
  EXPECT_EQ(Verify(form).fault, CmsFault::kDigestMismatch);
  form.signature = SignatureToDer(Must(key_.Sign(AsBytes("something else"))));
  EXPECT_EQ(Verify(form).fault, CmsFault::kBadSignature);
  form.signature = Bytes{0x30, 0x00};
  EXPECT_EQ(Verify(form).fault, CmsFault::kBadSignature);
}

// CVE-like attack: the DER of the signed attributes, offered as the document of a signature without attributes.
TEST_F(SignedTest, SignedAttributesRepackedAsContentAreRefused) {
  Form form = Good();
  const Bytes attributes = Wrapped(der::kSet, Joined(form.attributes));
  form.signature = SignatureToDer(Must(key_.Sign(attributes)));
  form.attributes.clear();
  EXPECT_EQ(VerifyDetached(attributes, Build(form), certificate_).fault, CmsFault::kNoSignedAttributes);
}

TEST_F(SignedTest, TheHandmadeFormIsGood) {
  EXPECT_TRUE(Verify(Good()).ok()) << Verify(Good()).detail;
}

TEST_F(SignedTest, RefusesNoSignerAndManySigners) {
  Form form = Good();
  form.signers = 0;
  ExpectFault(form, CmsFault::kNotOneSigner, "nobody signed");
  form.signers = 2;
  ExpectFault(form, CmsFault::kNotOneSigner, "more than one signer");
}

TEST_F(SignedTest, RefusesAListOfSignersThatHoldsSomethingElse) {
  Form form = Good();
  form.signer_set = *FromHex("310130");
  ExpectFault(form, CmsFault::kMalformed, "DER at octet");
  form.signer_set = *FromHex("31020500");
  ExpectFault(form, CmsFault::kMalformed, "no SignerInfo");
}

TEST_F(SignedTest, AnEmptyListOfSignedAttributesIsNone) {
  Form form = Good();
  form.attributes.clear();
  form.empty_attributes = *FromHex("a000");
  ExpectFault(form, CmsFault::kNoSignedAttributes, "no signed attributes");
}

TEST_F(SignedTest, RefusesASignatureWithoutSigningTime) {
  Form form = Good();
  form.attributes.erase(form.attributes.begin() + 1);
  ExpectFault(form, CmsFault::kNoSigningTime, "no signingTime");
}

TEST_F(SignedTest, RefusesOtherDigestsAndSignaturesWhereverTheyAreNamed) {
  const Bytes sha512 = *FromHex("300b0609608648016503040203");
  Form form = Good();
  form.digest = sha512;
  ExpectFault(form, CmsFault::kOtherDigest, "not SHA-256");
  form = Good();
  form.digests = Wrapped(der::kSet, sha512);
  ExpectFault(form, CmsFault::kOtherDigest, "not SHA-256");
  form.digests = Wrapped(der::kSet, {});
  ExpectFault(form, CmsFault::kOtherDigest, "not SHA-256");
  form.digests = Wrapped(der::kSet, Joined({*FromHex(kSha256Algorithm), sha512}));
  ExpectFault(form, CmsFault::kOtherDigest, "not SHA-256");
  form = Good();
  form.signature_algorithm = *FromHex("300d06092a864886f70d0101010500");  // rsaEncryption
  ExpectFault(form, CmsFault::kOtherDigest, "not ECDSA with SHA-256");
}

TEST_F(SignedTest, Sha256MayHaveNullParameters) {
  Form form = Good();
  form.digest = *FromHex("300d06096086480165030402010500");
  form.digests = Wrapped(der::kSet, form.digest);
  EXPECT_TRUE(Verify(form).ok());
}

TEST_F(SignedTest, RefusesMalformedStructures) {
  const Bytes data_type = Oid("1.2.840.113549.1.7.1");
  const Bytes null = *FromHex("0500");
  const struct {
    const char* why;
    std::function<void(Form&)> change;
  } cases[] = {
      {"no SignedData", [&](Form& f) { f.content_info_type = Oid("1.2.840.113549.1.7.3"); }},
      {"SignedData has version 3", [&](Form& f) { f.version = *FromHex("020103"); }},
      {"the content type is", [&](Form& f) { f.content = Wrapped(der::kSequence, Oid("1.2.840.113549.1.9.16.1.4")); }},
      {"must be detached",
       [&](Form& f) {
         f.content = Wrapped(der::kSequence, Joined({data_type, *FromHex("a0040402abcd")}));
       }},
      {"signerInfos must have tag", [&](Form& f) { f.between = *FromHex("a200"); }},
      {"after SignedData", [&](Form& f) { f.after_signers = null; }},
      {"after SignedData", [&](Form& f) { f.after_signed_data = null; }},
      {"after ContentInfo", [&](Form& f) { f.after_info = null; }},
      {"SignerInfo has version 3", [&](Form& f) { f.signer_version = *FromHex("020103"); }},
      {"unsigned attributes", [&](Form& f) { f.unsigned_attributes = Wrapped(0xA1, TimeAttribute()); }},
      {"no contentType", [&](Form& f) { f.attributes.erase(f.attributes.begin()); }},
      {"no messageDigest", [&](Form& f) { f.attributes.pop_back(); }},
      {"signed contentType is not data",
       [&](Form& f) { f.attributes[0] = ContentTypeAttribute("1.2.840.113549.1.7.2"); }},
      {"32 octets", [&](Form& f) { f.attributes[2] = DigestAttribute(Bytes(31, 1)); }},
      {"not in the order of DER", [&](Form& f) { std::swap(f.attributes[0], f.attributes[1]); }},
      {"not in the order of DER", [&](Form& f) { f.attributes.insert(f.attributes.begin(), f.attributes[0]); }},
      {"a second time",
       [&](Form& f) { f.attributes.insert(f.attributes.begin() + 2, TimeAttribute("270101120000Z")); }},
      {"signingTime must be", [&](Form& f) { f.attributes[1] = TimeAttribute("261301120000Z"); }},
      {"only value",
       [&](Form& f) {
         f.attributes[0] = Attribute("1.2.840.113549.1.9.3", Joined({data_type, data_type}));
       }},
      {"readable line", [&](Form& f) { f.attributes.push_back(HintAttribute(std::string(201, 'x'))); }},
      {"readable line",
       [&](Form& f) {
         f.attributes.push_back(HintAttribute("an escape \x1b[2J sequence, made longer than the others"));
       }},
      {"after contentHints",
       [&](Form& f) {
         f.attributes[2] =
             Attribute("1.2.840.113549.1.9.16.2.4", Wrapped(der::kSequence, Joined({data_type, data_type})));
       }},
      {"contentType of contentHints",
       [&](Form& f) {
         f.attributes.insert(f.attributes.begin(), Attribute("1.2.840.113549.1.9.16.2.4", Wrapped(der::kSequence, {})));
       }},
      {"after signed attribute",
       [&](Form& f) {
         f.attributes.push_back(Wrapped(der::kSequence, Joined({Oid("1.2.3"), Wrapped(der::kSet, Bytes(60)), null})));
       }},
      {"after issuerAndSerialNumber",
       [&](Form& f) {
         f.sid =
             Wrapped(der::kSequence, Joined({certificate_.issuer, Wrapped(der::kInteger, certificate_.serial), null}));
       }},
  };
  for (const auto& c : cases) {
    Form form = Good();
    c.change(form);
    const CmsVerdict verdict = Verify(form);
    EXPECT_EQ(verdict.fault, CmsFault::kMalformed) << c.why << ": " << verdict.detail;
    EXPECT_THAT(verdict.detail, testing::HasSubstr(c.why));
  }
}

TEST_F(SignedTest, RefusesTooManyAttributesAndTooManyOctets) {
  Form form = Good();
  form.attributes.clear();
  for (int i = 0; i < 33; ++i)
    form.attributes.push_back(Attribute(("1.2.3." + std::to_string(i)).c_str(), *FromHex("0500")));
  ExpectFault(form, CmsFault::kMalformed, "more than 32 signed attributes");
  form = Good();
  form.between = Wrapped(0xA0, Bytes(65536, 0));
  ExpectFault(form, CmsFault::kMalformed, "at most 65536");
}

TEST_F(SignedTest, EmbeddedCertificatesAndListsAreNeverRead) {
  Form form = Good();
  form.between = Joined({Wrapped(0xA0, *FromHex("ffff")), Wrapped(0xA1, *FromHex("ffff"))});
  EXPECT_TRUE(Verify(form).ok());
}

TEST_F(SignedTest, TheFormCanBeCheckedBeforeTheSignerIsKnown) {
  CmsSignerId id;
  EXPECT_TRUE(CheckDetachedForm(Sign(), &id).ok());
  EXPECT_EQ(id.serial, certificate_.serial);
  Form form = Good();
  form.signers = 2;
  EXPECT_EQ(CheckDetachedForm(Build(form), nullptr).fault, CmsFault::kNotOneSigner);
  EXPECT_REFUSED(ReadSignerId(Build(form)), "more than one signer");
  EXPECT_REFUSED(ReadSignerId(AsBytes("nonsense")), "DER");
}

}  // namespace
}  // namespace smki::pki
