// What a taken orchestrator can ask of the keyguard, one thing at a time: each must be refused with its own reason
// code, leave a record, and leave the key unusable. All through real processes and mutual TLS.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/clock.h"
#include "base/random.h"
#include "procedures/documents.h"
#include "tests/harness/keyguard.h"

namespace smki::test {
namespace {

// A detached signature over `text` as the openssl command makes it.
Bytes OpenSslCms(const Estate& estate, const std::string& text, const std::vector<std::string>& people,
                 const std::string& options) {
  estate.Write("to-sign.txt", text);
  std::string command = "openssl cms -sign -binary -md sha256 -outform DER " + options + " -in " +
                        estate.Path("to-sign.txt") + " -out " + estate.Path("signed.cms");
  for (const std::string& person : people) {
    const std::string folder = estate.Path("persons/" + person);
    command += " -signer " + folder + "/sign.crt.pem -inkey " + folder + "/sign.key.pem";
  }
  if (std::system(command.c_str()) != 0) Fatal("openssl cms", Unavailable("{}", command));
  return estate.ReadBytes("signed.cms");
}

class Refusals : public ::testing::Test {
 protected:
  void SetUp() override {
    estate_ = Estate::Copy();
    keyguard_ = Keyguard::Start(*estate_);
  }

  // Refused for `code`, recorded once, and nothing can be signed afterwards.
  void ExpectRefused(const Bundle& bundle, const std::string& code, const std::string& as = "orchestrator") {
    const uint64_t before = keyguard_->Refusals(code);
    const auto ceremony = keyguard_->Prepare(bundle, as);
    ASSERT_FALSE(ceremony.ok()) << "accepted, but must be refused with " << code;
    EXPECT_EQ(ReasonOf(ceremony.status()), code) << Message(ceremony.status());
    EXPECT_NE(Message(ceremony.status()).find("Next:"), std::string::npos) << "a refusal says what to do next";
    EXPECT_EQ(keyguard_->Refusals(code), before + 1) << "a refusal leaves a record";
    ExpectNothingSigned(bundle);
  }
  void ExpectNothingSigned(const Bundle& bundle) {
    const auto response = keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}});
    if (response.ok()) {
      for (const auto& command : response->commands()) EXPECT_TRUE(command.command().empty());
    }
  }
  std::string RefusalOf(const StatusOr<kg::SignResponse>& response, int index = 0) {
    if (!response.ok()) return ReasonOf(response.status());
    return response->commands(index).refusal();
  }

  std::unique_ptr<Estate> estate_;
  std::unique_ptr<Keyguard> keyguard_;
};

TEST_F(Refusals, I1_TheBaselineBundleIsAcceptedAndSigns) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  const auto response = keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}, {TestDevice(0, 1), 1}});
  ASSERT_TRUE(response.ok()) << Message(response.status());
  ASSERT_EQ(response->commands_size(), 2);
  for (const auto& command : response->commands()) EXPECT_FALSE(command.command().empty()) << command.detail();
}

TEST_F(Refusals, I1_NoDirectionNoSignature) {
  const Bundle bundle = estate_->MakeBundle();
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}})), "NO_DIRECTION");
  EXPECT_EQ(keyguard_->Refusals("NO_DIRECTION"), 1u);
}

TEST_F(Refusals, I1_UnsignedDirection) {
  Bundle bundle = estate_->MakeBundle();
  bundle.approvals.clear();
  ExpectRefused(bundle, "DIRECTION_UNSIGNED");
}

TEST_F(Refusals, I1_OneApprovalShort) {
  Bundle bundle = estate_->MakeBundle();
  bundle.approvals.pop_back();
  ExpectRefused(bundle, "QUORUM_SHORT");
}

TEST_F(Refusals, I1_OneMemberTwice) {
  Bundle bundle = estate_->MakeBundle();
  estate_->Reapprove(bundle, {"anna.pma", "bruno.pma", "anna.pma"});
  ExpectRefused(bundle, "APPROVAL_DUPLICATE_MEMBER");
}

TEST_F(Refusals, I1_MemberAndTheAlternateOfTheSameSeat) {
  Bundle bundle = estate_->MakeBundle();
  estate_->Reapprove(bundle, {"anna.pma", "bruno.pma", "felix.pma"});
  ExpectRefused(bundle, "APPROVAL_DUPLICATE_MEMBER");
}

TEST_F(Refusals, I1_SomebodyWithoutAVote) {
  Bundle bundle = estate_->MakeBundle();
  estate_->Reapprove(bundle, {"anna.pma", "bruno.pma", "kira.custodian"});
  ExpectRefused(bundle, "APPROVAL_NOT_A_MEMBER");
}

TEST_F(Refusals, I1_SomebodyNotInThePolicyAtAll) {
  Bundle bundle = estate_->MakeBundle();
  pki::PrivateKey key = SMKI_MUST(pki::PrivateKey::Generate());
  const UtcTime now = SystemClock().Now();
  pki::PrivateKey issuer = SMKI_MUST(pki::PrivateKey::Generate());
  const Bytes name = pki::AuthorityName({"Strangers", ""});
  const pki::Certificate stranger = SMKI_MUST(
      pki::IssuePersonCertificate({&issuer, name}, "anna.pma", "Nobody", key.public_key(), pki::kDigitalSignature,
                                  SystemRandom().Take(16), now - Millis(1000), now + Millis(1'000'000), false));
  bundle.approvals[2] = SMKI_MUST(
      pki::SignDetached(AsBytes(bundle.text), key, stranger, now, procedures::ApprovalHint(bundle.direction.id)));
  ExpectRefused(bundle, "APPROVAL_NOT_A_MEMBER");
}

TEST_F(Refusals, I1_AMemberWhoseCertificateHasExpired) {
  Bundle bundle = estate_->MakeBundle();
  estate_->Reapprove(bundle, {"anna.pma", "bruno.pma", "hugo.pma"});
  ExpectRefused(bundle, "SIGNER_CERTIFICATE_EXPIRED");
}

TEST_F(Refusals, I1_AMemberWhoseCertificateIsRevoked) {
  Bundle bundle = estate_->MakeBundle();
  pki::PrivateKey authority = SMKI_MUST(pki::PrivateKey::FromPem(estate_->Read("policy/persons-authority.key.pem")));
  const pki::Certificate issuer = estate_->Certificate("policy/persons-authority.crt.pem");
  const UtcTime now = SystemClock().Now();
  const Bytes serial = estate_->person("carla.pma").sign_certificate.serial;
  bundle.revocation_list = SMKI_MUST(pki::IssueRevocationList({&authority, issuer.subject}, 2, now,
                                                              now + Millis(1'000'000), {{serial, now, 1}}))
                               .der;
  ExpectRefused(bundle, "SIGNER_CERTIFICATE_REVOKED");
}

TEST_F(Refusals, I1_TwoMembersOfOneOrganisation) {
  Bundle bundle = estate_->MakeBundle();
  estate_->Reapprove(bundle, {"anna.pma", "bruno.pma", "greta.pma"});
  ExpectRefused(bundle, "APPROVAL_SAME_ORGANISATION");
}

TEST_F(Refusals, I4_TheRequesterApproves) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.requested_by = "anna.pma";
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "APPROVAL_BY_REQUESTER");
}

TEST_F(Refusals, I1_TextChangedAfterSigning) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.limits.total += 1;
  bundle.text = procedures::RenderDirection(bundle.direction);
  ExpectRefused(bundle, "APPROVAL_DIGEST_MISMATCH");
}

TEST_F(Refusals, I1_TextNotCanonicalEvenIfSignedByAll) {
  Bundle bundle = estate_->MakeBundle();
  bundle.text += "\n";
  bundle.approvals.clear();
  for (const char* member : {"anna.pma", "bruno.pma", "carla.pma"}) {
    bundle.approvals.push_back(estate_->Approve(bundle.text, bundle.direction.id, member));
  }
  ExpectRefused(bundle, "DIRECTION_NOT_CANONICAL");
}

TEST_F(Refusals, I1_AnApprovalOfAnotherDirection) {
  Bundle bundle = estate_->MakeBundle(1);
  const Bundle other = estate_->MakeBundle(2);
  bundle.approvals[1] = other.approvals[1];
  ExpectRefused(bundle, "APPROVAL_OTHER_DOCUMENT");
}

TEST_F(Refusals, I1_ARejectionOfferedAsApproval) {
  Bundle bundle = estate_->MakeBundle();
  procedures::Rejection rejection;
  rejection.environment = estate_->policy().environment;
  rejection.direction = bundle.digest();
  rejection.person = "carla.pma";
  rejection.reason = {"no"};
  PersonKeys& carla = estate_->person("carla.pma");
  bundle.approvals[2] =
      SMKI_MUST(pki::SignDetached(AsBytes(procedures::Render(rejection)), carla.sign, carla.sign_certificate,
                                  SystemClock().Now(), procedures::kRejectionHint));
  ExpectRefused(bundle, "APPROVAL_IS_REJECTION");
}

TEST_F(Refusals, I1_AnApprovalAlteredInOneOctet) {
  Bundle bundle = estate_->MakeBundle();
  bundle.approvals[0].back() ^= 1;
  ExpectRefused(bundle, "APPROVAL_BAD_SIGNATURE");
}

TEST_F(Refusals, I1_AnApprovalWithoutSignedAttributes) {
  Bundle bundle = estate_->MakeBundle();
  bundle.approvals[0] = OpenSslCms(*estate_, bundle.text, {"anna.pma"}, "-noattr");
  ExpectRefused(bundle, "APPROVAL_NO_SIGNED_ATTRIBUTES");
}

TEST_F(Refusals, I1_AnApprovalWithTwoSigners) {
  Bundle bundle = estate_->MakeBundle();
  bundle.approvals = {OpenSslCms(*estate_, bundle.text, {"anna.pma", "bruno.pma"}, ""), bundle.approvals[2]};
  ExpectRefused(bundle, "APPROVAL_NOT_ONE_SIGNER");
}

TEST_F(Refusals, I1_AnApprovalMadeWithOpenSslItselfCounts) {
  Bundle bundle = estate_->MakeBundle();
  bundle.approvals[0] = OpenSslCms(*estate_, bundle.text, {"anna.pma"}, "");
  EXPECT_TRUE(keyguard_->Prepare(bundle).ok());
}

TEST_F(Refusals, I1_NonceReplayed) {
  const Bundle first = estate_->MakeBundle(1);
  ASSERT_TRUE(keyguard_->Prepare(first).ok());
  ASSERT_TRUE(keyguard_->Close(first).ok());
  Bundle second = estate_->MakeBundle(2);
  second.direction.nonce = first.direction.nonce;
  estate_->Reapprove(second);
  ExpectRefused(second, "NONCE_REPLAYED");
}

TEST_F(Refusals, I1_CountersOverlapAnEarlierDirection) {
  const Bundle first = estate_->MakeBundle(1);
  ASSERT_TRUE(keyguard_->Prepare(first).ok());
  ASSERT_TRUE(keyguard_->Close(first).ok());
  Bundle second = estate_->MakeBundle(2);
  second.direction.counter_first = first.direction.counter_last;
  second.direction.counter_last = first.direction.counter_last + 0xFFF;
  estate_->Reapprove(second);
  ExpectRefused(second, "COUNTERS_OVERLAP");
}

TEST_F(Refusals, I1_Expired) {
  Bundle bundle = estate_->MakeBundle();
  const UtcTime now{SystemClock().Now().ms / 1000 * 1000};
  bundle.direction.not_before = now - Millis(7'200'000);
  bundle.direction.not_after = now - Millis(3'600'000);
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "DIRECTION_EXPIRED");
}

TEST_F(Refusals, I1_NotYetValid) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.not_before = bundle.direction.not_after - Millis(60'000);
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "DIRECTION_NOT_YET_VALID");
}

TEST_F(Refusals, I1_Withdrawn) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Order("withdraw", bundle, "elena.pma").ok());
  ExpectRefused(bundle, "DIRECTION_WITHDRAWN");
}

TEST_F(Refusals, I1_WithdrawnWhileOpen) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  ASSERT_TRUE(keyguard_->Order("withdraw", bundle, "elena.pma").ok());
  EXPECT_NE(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}})), "");
  ExpectRefused(bundle, "DIRECTION_WITHDRAWN");
}

TEST_F(Refusals, I5_HaltByOneMemberClosesTheKey) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  const auto status = keyguard_->Order("halt", bundle, "dario.pma");
  ASSERT_TRUE(status.ok()) << Message(status.status());
  EXPECT_EQ(status->state(), kg::Status::CLOSED);
  EXPECT_NE(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}})), "");
  ExpectRefused(bundle, "KEY_HALTED");
}

TEST_F(Refusals, AnOrderByNoMemberIsRefused) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  EXPECT_FALSE(keyguard_->Order("halt", bundle, "kira.custodian").ok());
  const auto response = keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}});
  EXPECT_EQ(RefusalOf(response), "");
}

TEST_F(Refusals, I8_AnOrderOfAnotherEnvironmentIsRefused) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  procedures::Environment other = estate_->policy().environment;
  other.estate += "-other";
  const auto status = keyguard_->Order("halt", bundle, "dario.pma", other);
  EXPECT_EQ(ReasonOf(status.status()), "ENVIRONMENT_MISMATCH") << Message(status.status());
  EXPECT_EQ(keyguard_->Refusals("ENVIRONMENT_MISMATCH"), 1u);
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}})), "");
}

TEST_F(Refusals, I1_WrongIncident) {
  Bundle bundle = estate_->MakeBundle();
  bundle.incident = "INC-ANOTHER";
  ExpectRefused(bundle, "WRONG_INCIDENT");
}

TEST_F(Refusals, I9_ProcedureDigestNotAllowed) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.procedure_digest[0] ^= 1;
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "PROCEDURE_NOT_ALLOWED");
}

TEST_F(Refusals, I1_TheContingencysModeUnderTheRecoveryKey) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.mode = "anyByContingency";
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "DIRECTION_MALFORMED");
}

TEST_F(Refusals, I8_DirectionOfProduction) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.environment.kind = "production";
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "ENVIRONMENT_MISMATCH");
}

TEST_F(Refusals, I8_DirectionOfAnotherEstate) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.environment.estate += "x";
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "ENVIRONMENT_MISMATCH");
}

TEST_F(Refusals, I8_PopulationOfAnotherEnvironment) {
  Bundle bundle = estate_->MakeBundle();
  procedures::Population population = SMKI_MUST(procedures::ParsePopulation(bundle.populations["supplier-a-esme"]));
  population.environment.kind = "production";
  const Bytes file = procedures::EncodePopulation(population);
  bundle.populations["supplier-a-esme"] = file;
  bundle.direction.groups[0].population_digest = procedures::PopulationDigest(file);
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "ENVIRONMENT_MISMATCH");
}

TEST_F(Refusals, I8_PolicyOfAnotherEnvironment) {
  Bundle bundle = estate_->MakeBundle();
  procedures::TrustPolicy policy = estate_->policy();
  policy.environment.kind = "production";
  bundle.policy = procedures::RenderPolicy(policy);
  bundle.direction.environment = policy.environment;
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "ENVIRONMENT_MISMATCH");
}

TEST_F(Refusals, I1_PolicyOlderThanTheTokens) {
  Bundle bundle = estate_->MakeBundle();
  procedures::TrustPolicy policy = estate_->policy();
  ASSERT_GT(policy.version, 1u) << "the generated policy must have a predecessor for this test";
  policy.version -= 1;
  if (policy.version == 1) policy.previous = {};
  bundle.policy = procedures::RenderPolicy(policy);
  ExpectRefused(bundle, "POLICY_TOO_OLD");
}

TEST_F(Refusals, I1_PolicyDigestNotTheTokens) {
  Bundle bundle = estate_->MakeBundle();
  procedures::TrustPolicy policy = estate_->policy();
  policy.one_vote_per_organisation = false;
  bundle.policy = procedures::RenderPolicy(policy);
  ExpectRefused(bundle, "POLICY_DIGEST_MISMATCH");
}

TEST_F(Refusals, I1_PopulationNotMatchingItsDigest) {
  Bundle bundle = estate_->MakeBundle();
  std::vector<Eui64> devices;
  for (int i = 0; i < 4; ++i) devices.push_back(TestDevice(7, static_cast<uint64_t>(i)));
  estate_->SetPopulation(bundle, 0, devices, /*redirect=*/false);
  ExpectRefused(bundle, "POPULATION_DIGEST_MISMATCH");
}

TEST_F(Refusals, I1_PopulationMissing) {
  Bundle bundle = estate_->MakeBundle();
  bundle.populations.erase("supplier-a-gpf");
  ExpectRefused(bundle, "POPULATION_DIGEST_MISMATCH");
}

TEST_F(Refusals, I1_PopulationsOverlapSoNoSuppliersCertificateReachesAnothersDevice) {
  Bundle bundle = estate_->MakeBundle();
  std::vector<Eui64> devices = {TestDevice(0, 2), TestDevice(1, 1)};
  std::sort(devices.begin(), devices.end());
  estate_->SetPopulation(bundle, 1, devices);
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "POPULATIONS_OVERLAP");
}

TEST_F(Refusals, I1_ASuppliersCertificateNeverReachesAnotherSuppliersDevice) {
  // Two groups, one for each supplier. The orchestrator may only name group and Device: every crossing is refused.
  Bundle bundle = estate_->MakeBundle();
  const Eui64 supplier_b(0x90B3D51F30030000);
  const pki::Certificate signing = estate_->Organisation(supplier_b, 2, pki::kDigitalSignature);
  const pki::Certificate agreement = estate_->Organisation(supplier_b, 2, pki::kKeyAgreement);
  bundle.certificates.push_back(signing.der());
  bundle.certificates.push_back(agreement.der());
  bundle.direction.groups[1].replacements[0].certificate = signing.sha256();
  bundle.direction.groups[1].replacements[1].certificate = agreement.sha256();
  bundle.direction.groups[1].replacements[2].certificate = agreement.sha256();
  estate_->Reapprove(bundle);
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(1, i), 1}})), "DEVICE_NOT_IN_GROUP");
    EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-gpf", {{TestDevice(0, i), 1}})), "DEVICE_NOT_IN_GROUP");
  }
  // And what is signed for a Device carries the certificate of its own group only.
  const auto response = keyguard_->Sign(bundle, "supplier-a-gpf", {{TestDevice(1, 0), 1}});
  ASSERT_EQ(RefusalOf(response), "");
  const std::string& command = response->commands(0).command();
  EXPECT_NE(command.find(ToString(signing.der())), std::string::npos);
  const pki::Certificate other = estate_->Organisation(Eui64(0x90B3D51F30010000), 2, pki::kDigitalSignature);
  EXPECT_EQ(command.find(ToString(other.der())), std::string::npos);
}

TEST_F(Refusals, I1_DeviceNotInTheGroup) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(5, 5), 1}})), "DEVICE_NOT_IN_GROUP");
  EXPECT_EQ(keyguard_->Refusals("DEVICE_NOT_IN_GROUP"), 1u);
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "no-such-group", {{TestDevice(0, 0), 1}})), "UNKNOWN_GROUP");
}

TEST_F(Refusals, I1_CertificateNotMatchingItsDigest) {
  Bundle bundle = estate_->MakeBundle();
  bundle.certificates.erase(bundle.certificates.begin() + 1);
  ExpectRefused(bundle, "CERTIFICATE_DIGEST_MISMATCH");
}

TEST_F(Refusals, I1_CertificateOfAnotherRoleForTheCell) {
  Bundle bundle = estate_->MakeBundle();
  const pki::Certificate network = estate_->Organisation(Eui64(0x90B3D51F30020000), 3, pki::kDigitalSignature);
  bundle.certificates.push_back(network.der());
  bundle.direction.groups[0].replacements[0].certificate = network.sha256();
  estate_->Reapprove(bundle);
  ExpectRefused(bundle, "CERTIFICATE_NOT_FOR_CELL");
}

TEST_F(Refusals, I1_AKeyCertificateThatIsNotTheTokensKey) {
  Bundle bundle = estate_->MakeBundle();
  // A genuine certificate of the recovery role would be needed; the supplier's is of another role and another key.
  bundle.direction.key_certificate = bundle.direction.groups[0].replacements[0].certificate;
  estate_->Reapprove(bundle);
  const auto ceremony = keyguard_->Prepare(bundle);
  ASSERT_FALSE(ceremony.ok());
  EXPECT_TRUE(ReasonOf(ceremony.status()) == "KEY_MISMATCH" ||
              ReasonOf(ceremony.status()) == "CERTIFICATE_NOT_FOR_CELL")
      << Message(ceremony.status());
  ExpectNothingSigned(bundle);
}

TEST_F(Refusals, I1_ContingencyKeyAskedUnderARecoveryDirection) {
  Bundle bundle = estate_->MakeBundle();
  bundle.key = "contingency";
  ExpectRefused(bundle, "KEY_NOT_DIRECTED");
}

TEST_F(Refusals, I1_AttemptLimitSpent) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  for (uint32_t attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), attempt}})), "");
  }
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 4}})), "ATTEMPT_LIMIT");
  EXPECT_EQ(keyguard_->Refusals("ATTEMPT_LIMIT"), 1u);
}

TEST_F(Refusals, I1_AttemptsInOrderOnly) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 2}})), "ATTEMPT_OUT_OF_ORDER");
}

TEST_F(Refusals, I1_TotalLimitSpent) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.limits.total = 2;
  bundle.direction.limits.outstanding = 2;
  estate_->Reapprove(bundle);
  const Status opened = keyguard_->Open(bundle);
  ASSERT_TRUE(opened.ok()) << Message(opened);
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}})), "");
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 2}})), "");
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 3}})), "TOTAL_LIMIT");
  EXPECT_EQ(keyguard_->Refusals("TOTAL_LIMIT"), 1u);
}

TEST_F(Refusals, I1_OutstandingLimitSpentUntilDevicesProve) {
  Bundle bundle = estate_->MakeBundle();
  bundle.direction.limits.outstanding = 1;
  estate_->Reapprove(bundle);
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}})), "");
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 1), 1}})), "OUTSTANDING_LIMIT");
  // A made-up response proves nothing.
  kg::Proof proof;
  proof.set_device(TestDevice(0, 0).value());
  proof.set_response("not a GBCS response");
  const auto proven = keyguard_->Prove(bundle, proof);
  ASSERT_TRUE(proven.ok()) << Message(proven.status());
  EXPECT_EQ(proven->refused(0).reason(), "PROOF_INVALID");
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 1), 1}})), "OUTSTANDING_LIMIT");
}

TEST_F(Refusals, I5_RequestAfterClose) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  ASSERT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}})), "");
  ASSERT_TRUE(keyguard_->Close(bundle).ok());
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 1), 1}})), "KEY_CLOSED");
}

TEST_F(Refusals, I1_AskedUnderAnotherDirectionThanTheOpenOne) {
  const Bundle bundle = estate_->MakeBundle(1);
  const Bundle other = estate_->MakeBundle(2);
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  EXPECT_EQ(RefusalOf(keyguard_->Sign(other, "supplier-a-esme", {{TestDevice(0, 0), 1}})), "WRONG_DIRECTION");
}

TEST_F(Refusals, I2_AskedAgainTheStoredSignatureIsReturned) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  const auto first = keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}});
  const auto again = keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}});
  ASSERT_EQ(RefusalOf(first), "");
  ASSERT_EQ(RefusalOf(again), "");
  EXPECT_EQ(first->commands(0).command(), again->commands(0).command());
  EXPECT_EQ(SMKI_MUST(keyguard_->GetStatus()).signatures(), 1u);
}

TEST_F(Refusals, OnlyTheOrchestratorMayPrepareAndSign) {
  const Bundle bundle = estate_->MakeBundle();
  ExpectRefused(bundle, "NOT_PERMITTED", "sim");
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}}, "sim")), "NOT_PERMITTED");
}

TEST_F(Refusals, I10_RevocationListMissingOrOfAnotherIssuer) {
  Bundle bundle = estate_->MakeBundle();
  bundle.revocation_list.clear();
  ExpectRefused(bundle, "REVOCATION_LIST_STALE");
  pki::PrivateKey key = SMKI_MUST(pki::PrivateKey::Generate());
  const UtcTime now = SystemClock().Now();
  const auto forged = SMKI_MUST(
      pki::IssueRevocationList({&key, pki::AuthorityName({"Persons", ""})}, 99, now, now + Millis(1'000'000), {}));
  bundle.revocation_list = forged.der;
  ExpectRefused(bundle, "REVOCATION_LIST_STALE");
}

TEST_F(Refusals, I1_BatchLargerThanAllowed) {
  const Bundle bundle = estate_->MakeBundle();
  ASSERT_TRUE(keyguard_->Open(bundle).ok());
  std::vector<std::pair<Eui64, uint32_t>> items;
  for (uint64_t i = 0; i < 1025; ++i) items.emplace_back(TestDevice(0, i), 1);
  EXPECT_EQ(RefusalOf(keyguard_->Sign(bundle, "supplier-a-esme", items)), "BATCH_TOO_LARGE");
}

}  // namespace
}  // namespace smki::test
