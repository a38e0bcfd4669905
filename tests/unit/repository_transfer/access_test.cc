#include "repository/transfer/access.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "base/file.h"
#include "server.h"

namespace smki::repository::transfer::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOtherPin[] = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

TEST(ParseSftpUrl, ReadsUserHostPortAndPath) {
  const auto plain = ParseSftpUrl("sftp://dcc.user@smki.example/out/extracts/");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->user, "dcc.user");
  EXPECT_EQ(plain->host, "smki.example");
  EXPECT_EQ(plain->port, 22);
  EXPECT_EQ(plain->path, "/out/extracts");
  EXPECT_EQ(plain->Of("x.gz"), "/out/extracts/x.gz");
  const auto other = ParseSftpUrl("sftp://u@[::1]:2222/~/extracts");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->host, "::1");
  EXPECT_EQ(other->port, 2222);
  EXPECT_EQ(other->Of("x.gz"), "extracts/x.gz");
  EXPECT_EQ(ParseSftpUrl("sftp://u@h")->Of("x.gz"), "./x.gz");
  EXPECT_EQ(ParseSftpUrl("sftp://u@h/")->Of("x.gz"), "/x.gz");
  for (const char* url : {"sftp://u@[::1]:2222/~/extracts", "sftp://u@h/a", "sftp://u@h/~"}) {
    EXPECT_EQ(ParseSftpUrl(url)->Shown(), url);
  }
}

TEST(ParseSftpUrl, RefusesEverythingElse) {
  for (const char* url :
       {"", "u@h/x", "ssh://u@h/x", "sftp://h/x", "sftp://@h/x", "sftp://u@/x", "sftp://u@h:0/x", "sftp://u@h:65536/x",
        "sftp://u@h:2x/x", "sftp://u@h:/x", "sftp://-u@h/x", "sftp://u@-h/x", "sftp://u@[::1/x", "sftp://u@[::1]2/x",
        "sftp://u@h/x\n", "sftp://u@h/x?y", "sftp://u@h/%2e"}) {
    EXPECT_EQ(ParseSftpUrl(url).status().code(), StatusCode::kInvalidArgument) << url;
  }
}

TEST(ParseSftpUrl, APasswordIsRefusedAndNotRepeated) {
  const Status status = ParseSftpUrl("sftp://u:hunter2@h/x").status();
  EXPECT_THAT(Message(status), AllOf(HasSubstr("a password does not belong there"), Not(HasSubstr("hunter2"))));
}

TEST(HostPin, TakesOnlyAWholeFingerprint) {
  EXPECT_TRUE(HostPin::FromFingerprint(kOtherPin).ok());
  for (const char* text :
       {"", "SHA256:", "SHA256:AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "MD5:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_FALSE(HostPin::FromFingerprint(text).ok()) << text;
  }
}

class AccessTest : public TransferTest {
 protected:
  void SetUp() override {
    TransferTest::SetUp();
    if (server_) PutGzip(*server_ / kFull, 1000);
  }
  Status FetchWith(const Access& access) {
    FetchOptions options = Options();
    options.access = access;
    const auto report = Fetch(options);
    return report.ok() ? report->status : report.status();
  }
  // "[127.0.0.1]:PORT", or another name for it.
  std::string HostLine(const std::string& host = "") const {
    const std::string key = ReadAll(server_->host_key() + ".pub");
    return (host.empty() ? fmt::format("[127.0.0.1]:{}", server_->proxy.port()) : host) + " " + key;
  }
  StatusOr<HostPin> Pin(const std::string& text) const {
    return HostPin::FromKnownHosts("known", text, *ParseSftpUrl(server_->Url()));
  }
};

TEST_F(AccessTest, AnotherHostKeyIsRefusedBeforeAnyAuthentication) {
  Access access = server_->MakeAccess();
  access.pin = *HostPin::FromFingerprint(kOtherPin);
  const Status status = FetchWith(access);
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr(server_->Fingerprint()), HasSubstr(kOtherPin), HasSubstr("DCC Service Desk")));
  EXPECT_THAT(server_->Log(), Not(HasSubstr("userauth-request")));
  ASSERT_TRUE(FetchWith(server_->MakeAccess()).ok());
  EXPECT_THAT(server_->Log(), HasSubstr("userauth-request"));  // so it would have been seen
}

TEST_F(AccessTest, AnotherUserKeyIsRefusedAndNamed) {
  MakeKey(scratch_ / "stranger");
  Access access = server_->MakeAccess();
  access.key = *LoadKey(scratch_ / "stranger");
  const Status status = FetchWith(access);
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(Message(status), AllOf(HasSubstr(scratch_ / "stranger"), HasSubstr(access.key.shown())));
}

TEST_F(AccessTest, KnownHostsAreUnderstoodPlainAndHashed) {
  MakeKey(scratch_ / "other");
  const std::string other = "example.com " + ReadAll(scratch_ / "other.pub");
  const auto plain = Pin("# a comment\n\n" + other + HostLine());
  ASSERT_TRUE(plain.ok()) << plain.status();
  WriteAll(scratch_ / "known", HostLine());
  ASSERT_EQ(sim::RunProcess({"/usr/bin/ssh-keygen", "-q", "-H", "-f", scratch_ / "known"})->code, 0);
  const std::string hashed = ReadAll(scratch_ / "known");
  ASSERT_THAT(hashed, Not(HasSubstr("127.0.0.1")));
  const auto from_hashed = Pin(hashed);
  ASSERT_TRUE(from_hashed.ok()) << from_hashed.status();
  for (const HostPin& pin : {*plain, *from_hashed}) {
    Access access = server_->MakeAccess();
    access.pin = pin;
    EXPECT_TRUE(FetchWith(access).ok());
  }
}

TEST_F(AccessTest, KnownHostsOfAnotherHostOrPortOrWithMarkersAreNoPin) {
  EXPECT_EQ(Pin(HostLine("example.com")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Pin(HostLine("127.0.0.1")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Pin("").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Pin(HostLine() + "  @revoked " + HostLine()).status().code(), StatusCode::kInvalidArgument);
  MakeKey(scratch_ / "other");
  const std::string other = fmt::format("[127.0.0.1]:{} {}", server_->proxy.port(), ReadAll(scratch_ / "other.pub"));
  Access access = server_->MakeAccess();
  access.pin = *Pin(other);
  EXPECT_THAT(Message(FetchWith(access)), HasSubstr("which is not the key in known"));
}

TEST_F(AccessTest, AnEncryptedKeyIsOpenedWithItsPassphraseOnly) {
  for (const char* type : {"ed25519", "rsa"}) {
    const std::string file = scratch_ / type;
    MakeKey(file, "right word", type);
    std::string word = "right word";
    const AskPassphrase ask = [&](const std::string& asked) -> StatusOr<Secret> {
      EXPECT_EQ(asked, file);
      return Secret(ToBytes(AsBytes(word)));
    };
    EXPECT_TRUE(LoadKey(file, ask).ok());
    word = "wrong";
    EXPECT_EQ(LoadKey(file, ask).status().code(), StatusCode::kPermissionDenied);
    EXPECT_EQ(LoadKey(file).status().code(), StatusCode::kFailedPrecondition);
  }
  WriteAll(scratch_ / "none", "no key");
  EXPECT_EQ(LoadKey(scratch_ / "none").status().code(), StatusCode::kInvalidArgument);
}

TEST_F(AccessTest, AServerWithWeakAlgorithmsOnlyIsRefused) {
  for (const char* weak :
       {"Ciphers aes128-cbc", "KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes128-ctr\nMACs hmac-sha1"}) {
    server_ = std::make_unique<Server>(weak);
    const Status status = FetchWith(server_->MakeAccess());
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << weak << ": " << status;
    EXPECT_THAT(Message(status), HasSubstr("no algorithm in common"));
  }
}

}  // namespace
}  // namespace smki::repository::transfer::test
