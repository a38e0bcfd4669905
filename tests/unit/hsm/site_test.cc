#include "hsm/keyguard/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/hsm/soft_token.h"

namespace smki::hsm {
namespace {

using ::testing::HasSubstr;

constexpr char kGood[] = R"(listen: 127.0.0.1:1
personsListen: 127.0.0.1:2
tls:
  authority: ../tls/ca.pem
  certificate: /etc/keyguard.crt
  key: k.pem
policy: ../policy/trust-policy.yaml
identity:
  certificate: identity.crt.pem
  key: identity.key.pem
data: data
signer: auto
pkcs11:
  module: /usr/lib/softhsm/libsofthsm2.so
  config: softhsm2.conf
keys:
  - name: recovery
    token: "pkcs11:token=smki-recovery-estate-7"
)";

class SiteTest : public ::testing::Test {
 protected:
  StatusOr<KeyguardSite> Read(std::string text, const std::string& from = "", const std::string& to = "") {
    if (!from.empty()) text.replace(text.find(from), from.size(), to);
    EXPECT_TRUE(PosixFiles().WriteDurably(folder_ / "keyguard.yaml", AsBytes(text)).ok());
    return ReadKeyguardSite(PosixFiles(), folder_ / "keyguard.yaml");
  }
  test::TempFolder folder_;
};

TEST_F(SiteTest, TakesPathsFromItsOwnFolder) {
  const auto site = Read(kGood);
  ASSERT_TRUE(site.ok()) << site.status();
  EXPECT_EQ(site->policy, folder_ / "../policy/trust-policy.yaml");
  EXPECT_EQ(site->tls.certificate, "/etc/keyguard.crt");
  EXPECT_EQ(site->signer, "auto");
  EXPECT_EQ(site->keys.at(0).uri, "pkcs11:token=smki-recovery-estate-7");
}

TEST_F(SiteTest, I5_RefusesAPinInATokenName) {
  EXPECT_THAT(Message(Read(kGood, "estate-7\"", "estate-7?pin-value=1234\"").status()), HasSubstr("keyguard.yaml:18:"));
}
TEST_F(SiteTest, AnAddressIsReadAsEverywhereWithItsLine) {
  EXPECT_THAT(Message(Read(kGood, "listen: 127.0.0.1:1\n", "listen: 127.0.0.1:99999\n").status()),
              HasSubstr("keyguard.yaml:1:"));
  EXPECT_THAT(Message(Read(kGood, "personsListen: 127.0.0.1:2", "personsListen: 10.0.0.1:2").status()),
              HasSubstr("keyguard.yaml:2:"));
}
TEST_F(SiteTest, I8_RefusesAnEnvironment) {
  EXPECT_FALSE(Read(kGood, "data: data", "data: data\nenvironment: drill").ok());
}
TEST_F(SiteTest, RefusesAKeyTwiceOrUnknown) {
  EXPECT_FALSE(Read(std::string(kGood) + "  - name: recovery\n    token: other\n").ok());
  EXPECT_FALSE(Read(kGood, "name: recovery", "name: root").ok());
}

}  // namespace
}  // namespace smki::hsm
