#include "cli/site.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.h"
#include "tests/unit/ledger/scratch.h"

namespace smki::cli {
namespace {

constexpr char kSite[] =
    "person: kira.custodian\n"
    "tls:\n  authority: ../../tls/ca.pem\n  certificate: tls.crt.pem\n  key: tls.key.pem\n"
    "orchestrator: 127.0.0.1:4001\n"
    "keyguard: 127.0.0.1:4002\n"
    "policy: ../../policy/trust-policy.yaml\n"
    "sign:\n  certificate: sign.crt.pem\n  key: sign.key.pem\n";

class SiteTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    std::ofstream(scratch_ / "client.yaml") << text;
    return scratch_ / "client.yaml";
  }
  Scratch scratch_;
};

TEST_F(SiteTest, PathsAreTakenFromTheFilesOwnFolder) {
  const auto site = ReadClientSite(Write(std::string(kSite) + "shares:\n  recovery: share-recovery.cms\n"));
  ASSERT_TRUE(site.ok()) << site.status();
  EXPECT_EQ(site->person, "kira.custodian");
  EXPECT_EQ(site->sign.key, scratch_ / "sign.key.pem");
  EXPECT_EQ(site->shares.at("recovery"), scratch_ / "share-recovery.cms");
  EXPECT_TRUE(site->agree.key.empty());
  EXPECT_EQ(site->revocation_list, DirectoryOf(site->policy) + "/persons.crl");
}

TEST_F(SiteTest, AnUnknownKeyIsNamedWithItsPlace) {
  const auto site =
      ReadClientSite(Write(std::string(kSite) + "environment: production\n"));  // I8: never a configuration value
  EXPECT_NE(Message(site.status()).find("client.yaml:12:"), std::string::npos) << site.status();
}

TEST_F(SiteTest, AMissingKeyIsNamed) {
  const auto site = ReadClientSite(Write("person: anna.pma\n"));
  EXPECT_NE(Message(site.status()).find("tls"), std::string::npos) << site.status();
}

TEST_F(SiteTest, APrivateKeyThatOthersCanReadIsRefused) {
  const std::string path = scratch_ / "sign.key.pem";
  std::ofstream(path) << "key";
  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(ReadKeyFile(path).status().code(), StatusCode::kPermissionDenied);
  ::chmod(path.c_str(), 0600);
  EXPECT_TRUE(ReadKeyFile(path).ok());
}

}  // namespace
}  // namespace smki::cli
