#include "procedures/evidence/materials.h"

#include <gtest/gtest.h>

#include "people.h"
#include "procedures/reason.h"
#include "sample.h"

namespace smki::procedures {
namespace {

using test::Estate;
using test::Now;
using test::People;

const Eui64 kSupplierA(0x90B3D51F30010000), kSupplierB(0x90B3D51F30020000);

class MaterialsTest : public testing::Test {
 protected:
  Status Check() { return CheckMaterials(people_.policy, estate_.direction, estate_.materials(), Now()); }

  People people_;
  Estate estate_{people_};
};

// The same, but for the x500UniqueIdentifier of its subject, which becomes a dnQualifier.
pki::Certificate WithoutEui(const pki::Certificate& certificate) {
  return test::Patched(certificate, "060355042D", "060355042E");
}

testing::AssertionResult Refused(const Status& status, Reason reason) {
  if (IsRefusal(status, reason)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << Message(status);
}
#define EXPECT_REFUSED(status, reason) EXPECT_TRUE(Refused(status, Reason::k##reason))

TEST_F(MaterialsTest, ExactlyWhatIsDirectedIsAccepted) {
  const Status status = Check();
  EXPECT_TRUE(status.ok()) << Message(status);
}

TEST_F(MaterialsTest, I1_APopulationThatIsMissingAlteredOrOfAnotherGroupIsRefused) {
  auto kept = estate_.populations;
  estate_.populations.erase("supplier-a-esme");
  EXPECT_REFUSED(Check(), POPULATION_DIGEST_MISMATCH);
  estate_.populations = kept;
  estate_.populations["supplier-a-esme"] =
      EncodePopulation({estate_.direction.environment, "supplier-a-esme", {Eui64(1), Eui64(3)}});
  EXPECT_REFUSED(Check(), POPULATION_DIGEST_MISMATCH);
  estate_.populations = kept;
  estate_.populations["supplier-a-esme"].pop_back();
  EXPECT_REFUSED(Check(), POPULATION_MALFORMED);
  estate_.populations = kept;
  estate_.direction.groups[0].population_count = 3;
  EXPECT_REFUSED(Check(), POPULATION_DIGEST_MISMATCH);
  estate_.SetPopulation(0, {estate_.direction.environment, "supplier-a-other", {Eui64(1)}});
  EXPECT_REFUSED(Check(), POPULATION_DIGEST_MISMATCH);
}

TEST_F(MaterialsTest, I8_APopulationOfAnotherEnvironmentIsRefused) {
  estate_.SetPopulation(0, {{"production", "estate-7"}, "supplier-a-esme", {Eui64(1)}});
  EXPECT_REFUSED(Check(), ENVIRONMENT_MISMATCH);
  estate_.SetPopulation(0, {{"drill", "estate-8"}, "supplier-a-esme", {Eui64(1)}});
  EXPECT_REFUSED(Check(), ENVIRONMENT_MISMATCH);
}

TEST_F(MaterialsTest, I1_OneDeviceInTwoGroupsIsRefused) {
  estate_.SetPopulation(1, {estate_.direction.environment, "supplier-a-gpf", {Eui64(2), Eui64(12)}});
  EXPECT_REFUSED(Check(), POPULATIONS_OVERLAP);
}

TEST_F(MaterialsTest, I1_ACertificateThatIsMissingOrNotOfItsDigestIsRefused) {
  const Digest digests[] = {estate_.direction.key_certificate, estate_.direction.groups[0].path_certificates[0],
                            estate_.direction.groups[0].replacements[0].certificate};
  const auto kept = estate_.certificates;
  const Bytes other = estate_.Organisation(2, kSupplierA, pki::kDigitalSignature).der();
  for (const Digest& digest : digests) {
    estate_.certificates = kept;
    estate_.certificates.erase(digest);
    EXPECT_REFUSED(Check(), CERTIFICATE_DIGEST_MISMATCH);
    estate_.certificates[digest] = other;
    EXPECT_REFUSED(Check(), CERTIFICATE_DIGEST_MISMATCH);
  }
}

TEST_F(MaterialsTest, I10_ARetiredKeyIsNeitherUsedNorPlaced) {
  for (const Digest& digest : {estate_.direction.key_certificate, estate_.direction.groups[0].path_certificates[0],
                               estate_.direction.groups[0].replacements[0].certificate}) {
    const auto certificate = pki::Certificate::Parse(estate_.certificates.at(digest));
    TrustPolicy policy = people_.policy;
    policy.retired = {std::string(16, '0'), ToHex(certificate->public_key->identifier())};
    EXPECT_REFUSED(CheckMaterials(policy, estate_.direction, estate_.materials(), Now()), KEY_RETIRED);
  }
}

TEST_F(MaterialsTest, I1_ACertificateMustFitRoleAndUsageOfItsCell) {
  const auto with = [&](const std::string& cell, uint8_t role, Eui64 eui, pki::KeyUsageBits usage) {
    Estate estate(people_);
    estate.Direct(cell, estate.Organisation(role, eui, usage));
    return CheckMaterials(people_.policy, estate.direction, estate.materials(), Now());
  };
  EXPECT_REFUSED(with("supplier/digitalSignature", 3, kSupplierA, pki::kDigitalSignature), CERTIFICATE_NOT_FOR_CELL);
  EXPECT_REFUSED(with("supplier/digitalSignature", 2, kSupplierA, pki::kKeyAgreement), CERTIFICATE_NOT_FOR_CELL);
  EXPECT_REFUSED(with("supplier/keyAgreement", 2, kSupplierA, pki::kDigitalSignature), CERTIFICATE_NOT_FOR_CELL);
  EXPECT_REFUSED(with("networkOperator/keyAgreement", 2, kSupplierA, pki::kKeyAgreement), CERTIFICATE_NOT_FOR_CELL);
  EXPECT_TRUE(with("networkOperator/keyAgreement", 3, kSupplierB, pki::kKeyAgreement).ok());
  EXPECT_TRUE(with("loadController/keyAgreement", 2, kSupplierA, pki::kKeyAgreement).ok()) << "GBCS.md 4.4";
  EXPECT_TRUE(with("networkOperator/keyAgreement", 4, kSupplierB, pki::kKeyAgreement).ok())
      << "method 2 places the ACB's";
  EXPECT_REFUSED(with("recovery/digitalSignature", 4, kSupplierB, pki::kDigitalSignature), CERTIFICATE_NOT_FOR_CELL);
}

TEST_F(MaterialsTest, I1_ACertificateOfNoOrganisationIsRefused) {
  estate_.Direct("supplier/digitalSignature", WithoutEui(estate_.Organisation(2, kSupplierA, pki::kDigitalSignature)));
  EXPECT_REFUSED(Check(), CERTIFICATE_NOT_FOR_CELL);
  estate_.Direct("supplier/digitalSignature", estate_.issuing_certificate());
  EXPECT_REFUSED(Check(), CERTIFICATE_NOT_FOR_CELL);
}

TEST_F(MaterialsTest, I1_OneRoleInAGroupIsOneOrganisation) {
  estate_.Direct("supplier/keyAgreement", estate_.Organisation(2, kSupplierB, pki::kKeyAgreement));
  EXPECT_REFUSED(Check(), CERTIFICATE_NOT_FOR_CELL);
}

TEST_F(MaterialsTest, I1_TheKeyCertificateMustBeOneThatDevicesCouldHold) {
  const auto with = [&](const pki::Certificate& certificate) {
    estate_.direction.key_certificate = estate_.Add(certificate);
    return Check();
  };
  EXPECT_REFUSED(with(estate_.Organisation(2, kSupplierA, pki::kDigitalSignature)), CERTIFICATE_NOT_FOR_CELL);
  EXPECT_REFUSED(with(estate_.Organisation(1, kSupplierA, pki::kKeyAgreement)), CERTIFICATE_NOT_FOR_CELL);
  EXPECT_REFUSED(with(WithoutEui(estate_.Organisation(1, kSupplierA, pki::kDigitalSignature))),
                 CERTIFICATE_NOT_FOR_CELL);
  EXPECT_TRUE(with(estate_.Organisation(1, kSupplierA, pki::kDigitalSignature)).ok());
}

TEST_F(MaterialsTest, I1_TheKeyCertificateMustChainToTheDevicesRoot) {
  People people;
  Estate stranger(people);
  estate_.direction.key_certificate = estate_.Add(stranger.Organisation(1, kSupplierA, pki::kDigitalSignature));
  EXPECT_REFUSED(Check(), CERTIFICATE_PATH_INVALID);
  for (const auto& [digest, der] : stranger.certificates) estate_.certificates[digest] = der;
  EXPECT_REFUSED(Check(), CERTIFICATE_PATH_INVALID) << "its own issuers were handed over too";
}

TEST_F(MaterialsTest, TheKeysIssuerNeedNotBeDirected) {
  pki::PrivateKey key = *pki::PrivateKey::Generate();
  const pki::AuthoritySubject subject{"Issuing of the year before", "07"};
  pki::IssuerIdentity elder{&key, pki::AuthorityName(subject)};
  const UtcTime from = Now() - std::chrono::hours(24), to = Now() + std::chrono::hours(24);
  const auto authority = pki::IssueAuthorityCertificate(estate_.root, subject, key.public_key(), 0,
                                                        pki::kOrganisationPolicy, Bytes(16, 0x21), from, to);
  const auto certificate = pki::IssueOrganisationCertificate(elder, {"", 1, kSupplierA}, key.public_key(),
                                                             pki::kDigitalSignature, Bytes(16, 0x22), from, to);
  ASSERT_TRUE(authority.ok() && certificate.ok());
  estate_.direction.key_certificate = estate_.Add(*certificate);
  EXPECT_REFUSED(Check(), CERTIFICATE_PATH_INVALID);
  estate_.Add(*authority);
  EXPECT_TRUE(Check().ok()) << Message(Check());
}

TEST_F(MaterialsTest, I1_ACertificateMustChainToTheDevicesRoot) {
  People people;
  Estate stranger(people);
  estate_.Direct("supplier/digitalSignature", stranger.Organisation(2, kSupplierA, pki::kDigitalSignature));
  EXPECT_REFUSED(Check(), CERTIFICATE_PATH_INVALID);
}

TEST_F(MaterialsTest, ValidityIsLookedAtOnlyWhereTimeChecksAreOn) {
  const UtcTime later = Now() + std::chrono::hours(24 * 400);
  EXPECT_REFUSED(CheckMaterials(people_.policy, estate_.direction, estate_.materials(), later),
                 CERTIFICATE_PATH_INVALID);
  for (DirectedGroup& group : estate_.direction.groups) group.time_checks = false;
  EXPECT_TRUE(CheckMaterials(people_.policy, estate_.direction, estate_.materials(), later).ok());
}

TEST_F(MaterialsTest, CertificatesBesideANewRootChainToTheNewRoot) {
  People people;
  Estate next(people);
  const auto new_root = pki::Certificate::Parse(people.policy.organisation_root.bytes);
  ASSERT_TRUE(new_root.ok());
  next.direction.key_certificate = estate_.direction.key_certificate;
  for (const auto& [digest, der] : estate_.certificates) next.certificates[digest] = der;
  for (DirectedGroup& group : next.direction.groups)
    group.replacements.insert(group.replacements.begin(), {"root/keyCertSign", next.Add(*new_root)});
  EXPECT_TRUE(CheckMaterials(people_.policy, next.direction, next.materials(), Now()).ok())
      << "the policy has the old root";
  next.direction.groups[0].replacements[0].certificate =
      next.Add(next.Organisation(2, kSupplierA, pki::kDigitalSignature));
  EXPECT_REFUSED(CheckMaterials(people_.policy, next.direction, next.materials(), Now()), CERTIFICATE_NOT_FOR_CELL);
  const pki::Certificate signs_no_certificate = test::Patched(*new_root, "03020106", "03020102");  // cRLSign only
  next.direction.groups[0].replacements[0].certificate = next.Add(signs_no_certificate);
  EXPECT_REFUSED(CheckMaterials(people_.policy, next.direction, next.materials(), Now()), CERTIFICATE_NOT_FOR_CELL);
}

}  // namespace
}  // namespace smki::procedures
