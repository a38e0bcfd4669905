#include "orchestrator/site.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "fleet.h"
#include "tests/unit/procedures/people.h"
#include "tests/unit/procedures/sample.h"

namespace smki::orchestrator {
namespace {

constexpr char kGood[] =
    "listen: 127.0.0.1:0\n"
    "tls: {authority: ca.pem, certificate: c.pem, key: k.pem}\n"
    "policy: ../policy.yaml\n"
    "revocationList: ../persons.crl\n"
    "identity: {certificate: i.pem, key: ik.pem}\n"
    "data: data\n"
    "runbooks: /usr/share/runbooks\n"
    "repository: {extracts: extracts, store: data/repository.store}\n"
    "keyguard: 127.0.0.1:7001\n"
    "estate: 127.0.0.1:7002\n"
    "evidence: data/evidence\n"
    "campaign: {batch: 128, responseTimeout: PT2S}\n"
    "direction: {validity: P3D, outstanding: 50}\n";

class SiteFile : public ::testing::Test {
 protected:
  StatusOr<Site> Read(const std::string& text) {
    EXPECT_TRUE(PosixFiles().WriteDurably(path_, AsBytes(text)).ok());
    return ReadSite(PosixFiles(), path_);
  }
  // The error for `from` replaced by `to`.
  std::string Error(const std::string& from, const std::string& to) {
    std::string text = kGood;
    text.replace(text.find(from), from.size(), to);
    const auto site = Read(text);
    EXPECT_FALSE(site.ok());
    return site.ok() ? "" : Message(site.status());
  }
  test::Scratch scratch_;
  const std::string path_ = scratch_.path() + "/orchestrator.yaml";
};

TEST_F(SiteFile, PathsAreTakenFromItsOwnFolder) {
  const Site site = test::Must(Read(kGood));
  EXPECT_EQ(site.data, scratch_.path() + "/data");
  EXPECT_EQ(site.runbooks, "/usr/share/runbooks");
  EXPECT_EQ(site.campaign.batch, 128u);
  EXPECT_EQ(site.campaign.canary, 25u);
  EXPECT_EQ(site.direction.outstanding, 50u);
  EXPECT_EQ(site.direction.validity, std::chrono::hours(72));
}

TEST_F(SiteFile, ErrorsNameFileLineAndColumn) {
  EXPECT_EQ(Error("batch: 128", "batch: 0").find(path_ + ":12:"), 0u);
  EXPECT_EQ(Error("keyguard: 127.0.0.1:7001", "keyguard: somewhere").find(path_ + ":9:"), 0u);
  EXPECT_EQ(Error("evidence: data/evidence\n", "evidence: data/evidence\ncolour: red\n").find(path_ + ":12:"), 0u);
  EXPECT_EQ(Error("validity: P3D", "validity: P300D").find(path_ + ":13:"), 0u);
}

TEST_F(SiteFile, AnAddressHasAPortThatThereIs) {
  for (const char* address : {"127.0.0.1:99999", "127.0.0.1:0", "127.0.0.1:", "127.0.0.1:07001", ":7001", "a b:7001"}) {
    const std::string error = Error("keyguard: 127.0.0.1:7001", std::string("keyguard: \"") + address + "\"");
    EXPECT_EQ(error.find(path_ + ":9:"), 0u) << error;
    EXPECT_NE(error.find("65535"), std::string::npos) << error;
  }
  EXPECT_EQ(Error("listen: 127.0.0.1:0", "listen: 127.0.0.1:99999").find(path_ + ":1:"), 0u);
  EXPECT_EQ(Error("listen: 127.0.0.1:0", "listen: 0.0.0.0:7000").find(path_ + ":1:"), 0u);
}

TEST_F(SiteFile, PathsAreAbsoluteHoweverTheFileIsNamed) {
  const std::filesystem::path before = std::filesystem::current_path();
  ASSERT_TRUE(PosixFiles().WriteDurably(path_, AsBytes(kGood)).ok());
  std::filesystem::current_path(scratch_.path());
  const auto site = ReadSite(PosixFiles(), "orchestrator.yaml");
  std::filesystem::current_path(before);
  ASSERT_TRUE(site.ok()) << site.status();
  for (const std::string& path : {site->store, site->evidence, site->data, site->policy, site->tls.key})
    EXPECT_EQ(path[0], '/') << path;
  EXPECT_EQ(site->store, std::filesystem::canonical(scratch_.path()).string() + "/data/repository.store");
}

// A site whose every file is in order; one at a time is then spoilt.
class SiteCheck : public SiteFile {
 protected:
  void SetUp() override {
    FileSystem& files = PosixFiles();
    const std::string folder = scratch_.path();
    ASSERT_TRUE(files.CreateDirectories(folder + "/extracts").ok());
    ASSERT_TRUE(files.CreateDirectories(folder + "/books/appendix-l").ok());
    ASSERT_TRUE(files.WriteDurably(folder + "/books/appendix-l/method-3.yaml", AsBytes("x")).ok());
    const pki::PrivateKey& key = people_.KeyOf("orchestrator");
    const pki::Certificate certificate =
        people_.Issue("orchestrator", pki::kDigitalSignature, key.public_key(), procedures::test::Now(),
                      procedures::test::Now() + std::chrono::hours(24));
    ASSERT_TRUE(files.WriteDurably(folder + "/i.pem", AsBytes(certificate.ToPem())).ok());
    ASSERT_TRUE(files.WriteDurably(folder + "/ik.pem", key.ToPem().span(), true).ok());
    ASSERT_TRUE(files.WriteDurably(folder + "/persons.crl", people_.FreshList()).ok());
    text_ = kGood;
    Change("/usr/share/runbooks", "books");
    Change("../persons.crl", "persons.crl");
  }
  void Change(const std::string& from, const std::string& to) { text_.replace(text_.find(from), from.size(), to); }
  std::string Fault() {
    const auto site = Read(text_);
    EXPECT_TRUE(site.ok()) << site.status();
    const Status checked = CheckSite(PosixFiles(), *site);
    return checked.ok() ? "" : Message(checked);
  }
  procedures::test::People people_;
  std::string text_;
};

TEST_F(SiteCheck, AGoodSiteIsInOrder) {
  EXPECT_EQ(Fault(), "");
}

TEST_F(SiteCheck, EachWrongFileIsFoundAtStartWithItsLine) {
  const std::string good = text_;
  const std::tuple<const char*, const char*, int> wrong[] = {
      {"runbooks: books", "runbooks: nowhere", 7},
      {"runbooks: books", "runbooks: extracts", 7},
      {"extracts: extracts", "extracts: nowhere", 8},
      {"extracts: extracts", "extracts: i.pem", 8},
      {"revocationList: persons.crl", "revocationList: i.pem", 4},
      {"revocationList: persons.crl", "revocationList: x", 4},
      {"certificate: i.pem", "certificate: ik.pem", 5}};
  for (const auto& [from, to, line] : wrong) {
    text_ = good;
    Change(from, to);
    const std::string fault = Fault();
    EXPECT_EQ(fault.find(fmt::format("{}:{}:", path_, line)), 0u) << to << ": " << fault;
  }
}

TEST_F(SiteCheck, AnIdentityCertificateOfAnotherKeyIsFound) {
  const pki::PrivateKey other = test::Must(pki::PrivateKey::Generate());
  ASSERT_TRUE(PosixFiles().WriteDurably(scratch_.path() + "/ik.pem", other.ToPem().span(), true).ok());
  EXPECT_NE(Fault().find("is not the certificate of the key"), std::string::npos);
}

TEST_F(SiteFile, I8_EnvironmentIsNotConfigurable) {
  EXPECT_NE(Error("data: data\n", "data: data\nenvironment: drill\n").find("environment"), std::string::npos);
}

}  // namespace
}  // namespace smki::orchestrator
