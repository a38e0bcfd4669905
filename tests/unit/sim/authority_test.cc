#include "sim/authority/authority.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "pki/digest.h"
#include "repository/extract/extract.h"
#include "sim/authority/profile.h"
#include "tests/unit/sim/small_fleet.h"

namespace smki::sim {
namespace {

using repository::CertificateKind;
using repository::CertificateStatus;

constexpr Eui64 kSupplierA(0x90B3D51F30010000);
constexpr Eui64 kSupplierB(0x90B3D51F30030000);

class IssuingOca : public testing::Test {
 protected:
  IssuingOca() : state(Must(AuthorityState::Create(folder / "state.sqlite"))) {
    EXPECT_TRUE(state->AddParty({"supplier-a", kSupplierA, 2}).ok());
    EXPECT_TRUE(state->AddParty({"supplier-b", kSupplierB, 2}).ok());
    EXPECT_TRUE(state->Set(kLastDelta, "2026-11-20").ok());
    Start();
  }
  void Start() {
    authority = std::make_unique<Authority>(*state, pki.issuing_issuer, folder.path(), clock, SystemRandom());
  }
  void Restart() {
    authority.reset();
    state.reset();
    state = Must(AuthorityState::Open(folder / "state.sqlite"));
    Start();
  }
  Bytes Request(Eui64 eui = kSupplierA, uint8_t role = 2, pki::KeyUsageBits usage = pki::kDigitalSignature) {
    return Must(pki::MakeCertificateRequest(key, {"", role, eui}, usage));
  }
  StatusOr<pki::Certificate> Submit(const Bytes& request) {
    return authority->SubmitRequest(request, "supplier-a", "supplier-a");
  }
  std::vector<repository::CertificateRecord> Read(const std::string& file) {
    std::vector<repository::CertificateRecord> out;
    EXPECT_TRUE(repository::ReadExtract(folder / file, [&](repository::CertificateRecord record) {
                  out.push_back(std::move(record));
                  return OkStatus();
                }).ok());
    return out;
  }

  TemporaryFolder folder;
  SmallPki pki;
  ManualClock clock{kTestNow};
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  std::unique_ptr<AuthorityState> state;
  std::unique_ptr<Authority> authority;
};

TEST_F(IssuingOca, IssuesACertificateOfTheSmkiProfileForTheRequestedKey) {
  const pki::Certificate issued = Must(Submit(Request()));
  EXPECT_TRUE(issued.IsSignedBy(pki.issuing_key.public_key()));
  EXPECT_EQ(*issued.public_key, key.public_key());
  EXPECT_EQ(issued.subject_eui, kSupplierA);
  EXPECT_EQ(issued.subject_ou, "02");
  EXPECT_EQ(issued.key_usage, pki::kDigitalSignature);
  EXPECT_EQ(FormatTime(issued.not_before), "2026-11-21T00:00:00Z");
  EXPECT_EQ(FormatTime(issued.not_after), "2036-11-20T23:59:59Z");
  const std::vector<pki::Certificate> path = {pki.issuing};
  EXPECT_TRUE(pki::ValidatePath(issued, path, pki::AnchorOf(pki.root), kTestNow).ok());
}

TEST_F(IssuingOca, AnswersTheSameRequestWithTheSameCertificateAlsoAfterARestart) {
  const Bytes request = Request();
  const pki::Certificate first = Must(Submit(request));
  Restart();
  EXPECT_EQ(Must(Submit(request)), first);
  EXPECT_FALSE(Must(Submit(Request(kSupplierA, 2, pki::kKeyAgreement))) == first);
}

TEST_F(IssuingOca, RefusesARequestWithoutProofOfPossession) {
  Bytes request = Request();
  request.back() ^= 1;
  EXPECT_EQ(Submit(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(IssuingOca, RefusesAnUnknownSubscriber) {
  EXPECT_THAT(Message(Submit(Request(Eui64(0x1122334455667788))).status()),
              testing::HasSubstr("no Eligible Subscriber"));
}

TEST_F(IssuingOca, RefusesARoleThatIsNotTheSubscribers) {
  EXPECT_THAT(Message(Submit(Request(kSupplierA, 3)).status()), testing::HasSubstr("has role 02"));
}

TEST_F(IssuingOca, RefusesAPartyThatAsksForAnother) {
  const auto refused = authority->SubmitRequest(Request(kSupplierA), "supplier-b", "supplier-b");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(authority->SubmitRequest(Request(kSupplierA), "supplier-a", "orchestrator").ok());
}

TEST_F(IssuingOca, RefusesAnyOtherKeyUsageThanOneOfTheTwo) {
  EXPECT_THAT(Message(Submit(Request(kSupplierA, 2,
                                     static_cast<pki::KeyUsageBits>(pki::kDigitalSignature | pki::kKeyAgreement)))
                          .status()),
              testing::HasSubstr("exactly one"));
  EXPECT_FALSE(Submit(Request(kSupplierA, 2, pki::kKeyCertSign)).ok());
}

TEST_F(IssuingOca, PublishesWhatWasIssuedInTheDeltaOfTheNextDateAndNothingTwice) {
  const pki::Certificate issued = Must(Submit(Request()));
  const auto delta = Must(authority->PublishDelta());
  EXPECT_EQ(delta.file, "SMKIKR_DELT_2026-11-21.xml.gz");
  EXPECT_EQ(delta.certificates, 1u);
  const auto records = Read(delta.file);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].der, issued.der());
  EXPECT_EQ(records[0].status, CertificateStatus::kInUse);
  EXPECT_EQ(Must(authority->PublishDelta()).file, "");
  ASSERT_TRUE(Submit(Request(kSupplierA, 2, pki::kKeyAgreement)).ok());
  EXPECT_EQ(Must(authority->PublishDelta()).file, "SMKIKR_DELT_2026-11-22.xml.gz");
}

TEST_F(IssuingOca, PublishesARevocationInTheListAndInTheNextDelta) {
  const pki::Certificate issued = Must(Submit(Request()));
  ASSERT_TRUE(authority->PublishDelta().ok());
  ASSERT_TRUE(authority->Revoke(issued.serial, 1).ok());
  ASSERT_TRUE(authority->Revoke(issued.serial, 4).ok());
  const auto list = Must(pki::ParseRevocationList(Must(authority->PublishRevocationList()).der));
  EXPECT_TRUE(list.IsSignedBy(pki.issuing_key.public_key()));
  ASSERT_EQ(list.revoked.size(), 1u);
  EXPECT_EQ(list.revoked[0].serial, issued.serial);
  EXPECT_EQ(list.revoked[0].reason, 1);
  EXPECT_EQ(list.number, 1u);
  EXPECT_TRUE(PosixFiles().Exists(folder / kOrganisationCrlFile));
  Restart();
  EXPECT_EQ(Must(pki::ParseRevocationList(Must(authority->PublishRevocationList()).der)).number, 2u);
  const auto records = Read(Must(authority->PublishDelta()).file);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, CertificateStatus::kRevoked);
}

TEST_F(IssuingOca, RefusesToRevokeWhatItDidNotIssueAndForNoReason) {
  EXPECT_EQ(authority->Revoke(Bytes{1, 2, 3}, 1).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(
      state->AddCertificate(pki.issuing, CertificateKind::kOrganisationAuthority, "2026-11-13", Digest{}, "DCC").ok());
  EXPECT_EQ(authority->Revoke(pki.issuing.serial, 1).code(), absl::StatusCode::kNotFound);
  const pki::Certificate issued = Must(Submit(Request()));
  EXPECT_EQ(authority->Revoke(issued.serial, 8).code(), absl::StatusCode::kInvalidArgument);
}

// The child is this program again (gateway_test.cc).
TEST(IssuingOcaChild, DISABLED_PublishesADelta) {
  const std::string folder = std::getenv("SMKI_TEST_FOLDER");
  const auto state = Must(AuthorityState::Open(folder + "/state.sqlite"));
  ManualClock clock{kTestNow};
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  Authority authority(*state, {&key, {}}, folder, clock, SystemRandom());
  EXPECT_TRUE(authority.PublishDelta().ok());
}

TEST_F(IssuingOca, KilledBeforeADeltaHasItsNameWritesTheSameDeltaAgainAndPutsLaterCertificatesIntoTheNext) {
  const pki::Certificate issued = Must(Submit(Request()));
  authority.reset();
  state.reset();
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("SMKI_FAIL_POINT", "sim.delta.before-rename", 1);
    ::setenv("SMKI_TEST_FOLDER", folder.path().c_str(), 1);
    ::execl("/proc/self/exe", "unit_sim", "--gtest_filter=IssuingOcaChild.*", "--gtest_also_run_disabled_tests",
            nullptr);
    ::_exit(127);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_FALSE(PosixFiles().Exists(folder / "SMKIKR_DELT_2026-11-21.xml.gz"));

  state = Must(AuthorityState::Open(folder / "state.sqlite"));
  Start();
  const pki::Certificate later = Must(Submit(Request(kSupplierA, 2, pki::kKeyAgreement)));
  const auto delta = Must(authority->PublishDelta());
  EXPECT_EQ(delta.file, "SMKIKR_DELT_2026-11-21.xml.gz");
  ASSERT_EQ(Read(delta.file).size(), 1u);
  EXPECT_EQ(Read(delta.file)[0].der, issued.der());
  const auto next = Must(authority->PublishDelta());
  EXPECT_EQ(next.file, "SMKIKR_DELT_2026-11-22.xml.gz");
  ASSERT_EQ(Read(next.file).size(), 1u);
  EXPECT_EQ(Read(next.file)[0].der, later.der());
}

TEST(Profile, OrganisationCertificatesLastTenYearsLessASecondAlsoFromALeapDay) {
  const Validity validity = OrganisationValidity(*ParseTime("2024-02-29T17:00:00Z"));
  EXPECT_EQ(FormatTime(validity.not_before), "2024-02-29T00:00:00Z");
  EXPECT_EQ(FormatTime(validity.not_after), "2034-02-27T23:59:59Z");
}

}  // namespace
}  // namespace smki::sim
