#include "orchestrator/site.h"

#include <gtest/gtest.h>

#include "fleet.h"

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

TEST_F(SiteFile, I8_EnvironmentIsNotConfigurable) {
  EXPECT_NE(Error("data: data\n", "data: data\nenvironment: drill\n").find("environment"), std::string::npos);
}

}  // namespace
}  // namespace smki::orchestrator
