#include "tests/unit/pki/support.h"

namespace smki::pki {
namespace {

class PathTest : public testing::Test {
 protected:
  PathResult Validate(const Certificate& end, const std::vector<Certificate>& intermediates,
                      std::optional<UtcTime> time = std::nullopt) {
    return ValidatePath(end, intermediates, AnchorOf(pki_.Root()), time);
  }
  // A certificate for pki_.end_key, issued by `signer` under `issuer_name`, from raw fields.
  Certificate Raw(PrivateKey& signer, const Bytes& issuer_name, const std::vector<Bytes>& extensions) {
    RawCertificate raw;
    raw.issuer = issuer_name;
    raw.spki = pki_.end_key.public_key().spki();
    raw.extensions = extensions;
    return Must(Certificate::Parse(raw.Build(signer)));
  }
  static Bytes Ski(const KeyIdentifier& id) {
    DerWriter value;
    value.Value(der::kOctetString, id);
    return RawCertificate::Extension("2.5.29.14", 0, value.bytes());
  }
  static Bytes Aki(const KeyIdentifier& id) {
    DerWriter inner;
    inner.Value(der::Context(0, false), id);
    return RawCertificate::Extension("2.5.29.35", 0, RawCertificate::Wrapped(der::kSequence, inner));
  }
  static Bytes KeyUsage() { return RawCertificate::Extension("2.5.29.15", 0xFF, *FromHex("03020780")); }
  static Bytes Policy(const char* dotted = kOrganisationPolicy) {
    DerWriter oid;
    oid.Oid(dotted);
    DerWriter information;
    information.Wrap(der::kSequence, oid);
    return RawCertificate::Extension("2.5.29.32", 0xFF, RawCertificate::Wrapped(der::kSequence, information));
  }
  Bytes IssuingName() const { return AuthorityName(pki_.issuing_subject); }
  KeyIdentifier EndId() const { return pki_.end_key.public_key().identifier(); }
  KeyIdentifier IssuingId() const { return pki_.issuing_key.public_key().identifier(); }

  Hierarchy pki_;
};

TEST_F(PathTest, AcceptsAnOrganisationCertificateThroughItsIssuingAuthority) {
  EXPECT_TRUE(Validate(pki_.Organisation(), {pki_.Issuing()}, At("2030-01-01T00:00:00Z")).ok());
}

TEST_F(PathTest, AcceptsACertificateIssuedByTheAnchorItself) {
  EXPECT_TRUE(Validate(pki_.Issuing(), {}).ok());
}

TEST_F(PathTest, AcceptsTheSelfSignedAnchorCertificateItself) {
  EXPECT_TRUE(Validate(pki_.Root(), {}).ok());
}

TEST_F(PathTest, ARootKnownByItsKeyOnlyAcceptsAnyIssuerName) {
  TrustAnchor anchor = AnchorOf(pki_.Root());
  anchor.name.clear();
  const std::vector<Certificate> path{pki_.Issuing()};
  EXPECT_TRUE(ValidatePath(pki_.Organisation(), path, anchor, std::nullopt).ok());
  anchor.name = Name("ANOTHER ROOT");
  EXPECT_EQ(ValidatePath(pki_.Organisation(), path, anchor, std::nullopt).fault, PathFault::kNoTrustAnchor);
}

TEST_F(PathTest, WithoutTheIssuingAuthorityThereIsNoPath) {
  EXPECT_EQ(Validate(pki_.Organisation(), {}).fault, PathFault::kNoTrustAnchor);
}

TEST_F(PathTest, AnotherHierarchyIsNoPath) {
  Hierarchy other;
  EXPECT_EQ(Validate(other.Organisation(), {other.Issuing()}).fault, PathFault::kNoTrustAnchor);
  EXPECT_EQ(Validate(other.Root(), {}).fault, PathFault::kNoTrustAnchor);
}

TEST_F(PathTest, AnIssuerOfTheRightNameWithAnotherKeyIsNoPath) {
  const Certificate end = Raw(pki_.issuing_key, IssuingName(), {KeyUsage(), Ski(EndId()), Policy(), Aki(EndId())});
  EXPECT_EQ(Validate(end, {pki_.Issuing()}).fault, PathFault::kNoTrustAnchor);
}

TEST_F(PathTest, AnIssuerOfTheRightKeyWithAnotherNameIsNoPath) {
  const Certificate end =
      Raw(pki_.issuing_key, Name("SOMEBODY"), {KeyUsage(), Ski(EndId()), Policy(), Aki(IssuingId())});
  EXPECT_EQ(Validate(end, {pki_.Issuing()}).fault, PathFault::kNoTrustAnchor);
}

TEST_F(PathTest, ACertificateWithoutAuthorityKeyIdentifierIsNoPath) {
  const Certificate end = Raw(pki_.issuing_key, IssuingName(), {KeyUsage(), Ski(EndId()), Policy()});
  EXPECT_EQ(Validate(end, {pki_.Issuing()}).fault, PathFault::kNoTrustAnchor);
  const Certificate under_root =
      Raw(pki_.root_key, AuthorityName(pki_.root_subject), {KeyUsage(), Ski(EndId()), Policy()});
  EXPECT_EQ(Validate(under_root, {}).fault, PathFault::kNoTrustAnchor);
}

TEST_F(PathTest, ASignatureByAnotherKeyIsABadCertificate) {
  PrivateKey forger = Must(PrivateKey::Generate());
  const std::vector<Bytes> extensions{KeyUsage(), Ski(EndId()), Policy(), Aki(IssuingId())};
  const PathResult through = Validate(Raw(forger, IssuingName(), extensions), {pki_.Issuing()});
  EXPECT_EQ(through.fault, PathFault::kBadCertificate) << through.detail;
  EXPECT_THAT(through.detail, testing::HasSubstr("that key did not sign it"));

  const Certificate under_root =
      Raw(forger, AuthorityName(pki_.root_subject),
          {KeyUsage(), Ski(EndId()), Policy(), Aki(pki_.root_key.public_key().identifier())});
  const PathResult direct = Validate(under_root, {});
  EXPECT_EQ(direct.fault, PathFault::kBadCertificate) << direct.detail;
  EXPECT_THAT(direct.detail, testing::HasSubstr("the anchor's key did not sign it"));
}

TEST_F(PathTest, AnEndCertificateCannotIssue) {
  // The supplier signs a certificate with its own Organisation key.
  const PrivateKey victim = Must(PrivateKey::Generate());
  const Certificate supplier = pki_.Organisation();
  const IssuerIdentity rogue{&pki_.end_key, supplier.subject};
  const Certificate forged = Must(IssueOrganisationCertificate(rogue, {"", 1, Eui64(1)}, victim.public_key(),
                                                               kDigitalSignature, Serial(9), pki_.from, pki_.to));
  const PathResult result = Validate(forged, {supplier, pki_.Issuing()});
  EXPECT_EQ(result.fault, PathFault::kBadCertificate);
  EXPECT_THAT(result.detail, testing::HasSubstr("is no certification authority"));
}

TEST_F(PathTest, AnAuthorityWithoutKeyCertSignOrWithoutCaCannotIssue) {
  const Bytes ca = RawCertificate::Extension("2.5.29.19", 0xFF, *FromHex("30030101ff"));
  const Bytes cert_sign = RawCertificate::Extension("2.5.29.15", 0xFF, *FromHex("03020204"));
  const KeyIdentifier root_id = pki_.root_key.public_key().identifier();
  const auto issuing = [&](const std::vector<Bytes>& extensions) {
    RawCertificate raw;
    raw.issuer = AuthorityName(pki_.root_subject);
    raw.subject = IssuingName();
    raw.spki = pki_.issuing_key.public_key().spki();
    raw.extensions = extensions;
    for (const Bytes& more : {Ski(IssuingId()), Policy(), Aki(root_id)}) raw.extensions.push_back(more);
    return Must(Certificate::Parse(raw.Build(pki_.root_key)));
  };
  EXPECT_TRUE(Validate(pki_.Organisation(), {issuing({cert_sign, ca})}).ok());
  EXPECT_EQ(Validate(pki_.Organisation(), {issuing({cert_sign})}).fault, PathFault::kBadCertificate);
  EXPECT_EQ(Validate(pki_.Organisation(), {issuing({KeyUsage(), ca})}).fault, PathFault::kBadCertificate);
}

TEST_F(PathTest, APathLongerThanItsAuthoritiesAllowIsBad) {
  PrivateKey middle_key = Must(PrivateKey::Generate());
  const AuthoritySubject middle_subject{"MIDDLE", "07"};
  const auto middle = [&](int path_length) {
    return Must(IssueAuthorityCertificate(pki_.root_identity(), middle_subject, middle_key.public_key(), path_length,
                                          kOrganisationPolicy, Serial(7), pki_.from, pki_.to));
  };
  const Certificate issuing = Must(IssueAuthorityCertificate({&middle_key, AuthorityName(middle_subject)},
                                                             pki_.issuing_subject, pki_.issuing_key.public_key(), 0,
                                                             kOrganisationPolicy, Serial(8), pki_.from, pki_.to));
  EXPECT_TRUE(Validate(pki_.Organisation(), {middle(1), issuing}).ok());
  EXPECT_TRUE(Validate(pki_.Organisation(), {issuing, middle(1)}).ok()) << "any order";
  EXPECT_TRUE(Validate(pki_.Organisation(), {middle(-1), issuing}).ok()) << "no limit";
  const PathResult result = Validate(pki_.Organisation(), {middle(0), issuing});
  EXPECT_EQ(result.fault, PathFault::kBadCertificate);
  EXPECT_THAT(result.detail, testing::HasSubstr("allows 0 authorities below it, the path has 1"));
}

TEST_F(PathTest, MoreThanThreePathCertificatesAreMalformed) {
  const Certificate issuing = pki_.Issuing();
  EXPECT_EQ(Validate(pki_.Organisation(), {issuing, issuing, issuing, issuing}).fault, PathFault::kMalformed);
  EXPECT_TRUE(Validate(pki_.Organisation(), {issuing, issuing, issuing}).ok());
}

TEST_F(PathTest, UnusedPathCertificatesDoNoHarm) {
  Hierarchy other;
  EXPECT_TRUE(Validate(pki_.Organisation(), {other.Issuing(), pki_.Issuing()}).ok());
}

TEST_F(PathTest, OfTwoCertificatesOfOneAuthorityTheGoodOneIsFound) {
  const Certificate expired = Must(IssueAuthorityCertificate(
      pki_.root_identity(), pki_.issuing_subject, pki_.issuing_key.public_key(), 0, kOrganisationPolicy, Serial(8),
      At("2020-01-01T00:00:00Z"), At("2021-01-01T00:00:00Z")));
  EXPECT_TRUE(Validate(pki_.Organisation(), {expired, pki_.Issuing()}, At("2030-01-01T00:00:00Z")).ok());
  EXPECT_EQ(Validate(pki_.Organisation(), {expired}, At("2030-01-01T00:00:00Z")).fault, PathFault::kExpired);
}

TEST_F(PathTest, PoliciesMustMeet) {
  const PathResult result = Validate(pki_.Organisation(), {pki_.Issuing(0, kDevicePolicy)});
  EXPECT_EQ(result.fault, PathFault::kBadCertificate);
  EXPECT_THAT(result.detail, testing::HasSubstr("policy"));
  const Certificate none = Raw(pki_.issuing_key, IssuingName(), {KeyUsage(), Ski(EndId()), Aki(IssuingId())});
  EXPECT_EQ(Validate(none, {pki_.Issuing()}).fault, PathFault::kBadCertificate);
}

TEST_F(PathTest, TheSubjectKeyIdentifierMustBeThatOfTheKey) {
  const Certificate wrong =
      Raw(pki_.issuing_key, IssuingName(), {KeyUsage(), Ski(IssuingId()), Policy(), Aki(IssuingId())});
  EXPECT_EQ(Validate(wrong, {pki_.Issuing()}).fault, PathFault::kBadCertificate);
  const Certificate none = Raw(pki_.issuing_key, IssuingName(), {KeyUsage(), Policy(), Aki(IssuingId())});
  EXPECT_EQ(Validate(none, {pki_.Issuing()}).fault, PathFault::kBadCertificate);
}

TEST_F(PathTest, KeyUsageMustBeThere) {
  const Certificate none = Raw(pki_.issuing_key, IssuingName(), {Ski(EndId()), Policy(), Aki(IssuingId())});
  const PathResult result = Validate(none, {pki_.Issuing()});
  EXPECT_EQ(result.fault, PathFault::kBadCertificate);
  EXPECT_THAT(result.detail, testing::HasSubstr("has no keyUsage"));
}

TEST_F(PathTest, TimeIsCheckedOnlyIfGiven) {
  const std::vector<Certificate> path{pki_.Issuing()};
  EXPECT_TRUE(Validate(pki_.Organisation(), path).ok());
  EXPECT_EQ(Validate(pki_.Organisation(), path, At("2025-12-31T23:59:59Z")).fault, PathFault::kExpired);
  EXPECT_EQ(Validate(pki_.Organisation(), path, At("2036-01-01T00:00:01Z")).fault, PathFault::kExpired);
}

TEST_F(PathTest, ABadCertificateIsNotReportedAsExpired) {
  const Certificate none = Raw(pki_.issuing_key, IssuingName(), {Ski(EndId()), Policy(), Aki(IssuingId())});
  EXPECT_EQ(Validate(none, {pki_.Issuing()}, At("2050-01-01T00:00:00Z")).fault, PathFault::kBadCertificate);
}

TEST_F(PathTest, CertificatesThatIssueEachOtherEnd) {
  PrivateKey a = Must(PrivateKey::Generate());
  PrivateKey b = Must(PrivateKey::Generate());
  const auto cross = [&](PrivateKey& issuer, const char* issuer_name, PrivateKey& subject, const char* subject_name) {
    return Must(IssueAuthorityCertificate({&issuer, Name(issuer_name)}, {subject_name, ""}, subject.public_key(), -1,
                                          kOrganisationPolicy, Serial(5), pki_.from, pki_.to));
  };
  const Certificate a_by_b = cross(b, "B", a, "A");
  const Certificate b_by_a = cross(a, "A", b, "B");
  EXPECT_EQ(Validate(a_by_b, {b_by_a, a_by_b}).fault, PathFault::kNoTrustAnchor);
}

}  // namespace
}  // namespace smki::pki
