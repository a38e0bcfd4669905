// smkictl repository fetch and send as processes of their own: killed, in a pipe, and with other people's
// configuration.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "server.h"

namespace smki::repository::transfer::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kSize = 6 << 20;

class SmkictlTest : public TransferTest {
 protected:
  std::string Program() const {
    const char* build = std::getenv("SMKI_BUILD");
    return (build != nullptr ? std::string(build) : "build") + "/bin/smkictl";
  }
  std::vector<std::string> FetchCommand() const {
    return {Program(), "--output", "json",  "repository",        "fetch",      server_->Url(),
            "--to",    to_,        "--key", server_->user_key(), "--host-key", server_->Fingerprint()};
  }
  // Until the file has at least `size` octets.
  void AwaitSize(const std::string& path, uint64_t size) {
    const int watch = ::inotify_init1(IN_CLOEXEC);
    ASSERT_GE(::inotify_add_watch(watch, DirectoryOf(path).c_str(), IN_MODIFY | IN_CREATE), 0);
    while (SizeOf(path) < size) {
      pollfd wait{watch, POLLIN, 0};
      ASSERT_EQ(::poll(&wait, 1, 30'000), 1) << path << " has " << SizeOf(path);
      char events[4096];
      ASSERT_GT(::read(watch, events, sizeof events), 0);
    }
    ::close(watch);
  }
  // Ends a fetch by `signal` in the middle of a file.
  void KillInTheMiddle(int signal) {
    std::promise<void> reached, release;
    server_->proxy.At(Proxy::Way::kDown, 4 << 20, [&] {
      reached.set_value();
      release.get_future().wait();
    });
    std::filesystem::create_directories(to_);
    std::string line;
    for (const std::string& word : FetchCommand()) line += " '" + word + "'";
    const auto fetch = sim::Process::Start({"/bin/sh", "-c", "echo ready; exec" + line}, {}, scratch_ / "log", "ready",
                                           Millis(30'000));
    ASSERT_TRUE(fetch.ok()) << fetch.status();
    reached.get_future().wait();
    AwaitSize(To(kFull) + ".part", 2 << 20);
    ::kill((*fetch)->pid(), signal);
    EXPECT_EQ((*fetch)->Wait(Millis(30'000)), 128 + signal);
    release.set_value();
  }
};

TEST_F(SmkictlTest, EndedBySignalInTheMiddleItLeavesOnlyThePartAndTheNextGoesOn) {
  PutGzip(*server_ / kFull, kSize);
  for (const int signal : {SIGKILL, SIGTERM}) {
    std::filesystem::remove_all(to_);
    KillInTheMiddle(signal);
    EXPECT_THAT(*PosixFiles().List(to_),
                ElementsAre(".fetch.lock", std::string(kFull) + ".part", std::string(kFull) + ".part.json"));
    const uint64_t held = SizeOf(To(kFull) + ".part");
    const auto again = sim::RunProcess(FetchCommand());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->code, 0) << again->err;
    const auto result = nlohmann::json::parse(again->out);
    ASSERT_EQ(result["files"].size(), 1u);
    const auto& file = result["files"][0];
    EXPECT_EQ(file["file"], kFull);
    EXPECT_EQ(file["octets"], SizeOf(*server_ / kFull));
    EXPECT_EQ(file["resumed_at"], held);
    EXPECT_EQ(file["result"], "resumed");
    EXPECT_TRUE(file["seconds"].is_number());
    EXPECT_EQ(result["complete"], true);
    EXPECT_EQ(ReadAll(To(kFull)), ReadAll(*server_ / kFull));
  }
}

TEST_F(SmkictlTest, InAPipeItShowsNoProgressAndTellsOfAFault) {
  PutGzip(*server_ / kFull, kSize);
  WriteAll(*server_ / kDelta, "no gzip");
  auto command = FetchCommand();
  command.erase(command.begin() + 1, command.begin() + 3);  // as text
  const auto done = sim::RunProcess(command);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->code, 1);
  EXPECT_THAT(done->out,
              AllOf(HasSubstr("fetched"), HasSubstr(kFull), HasSubstr("failed"), ::testing::Not(HasSubstr("\r"))));
  EXPECT_THAT(done->err, AllOf(HasSubstr(kDelta), HasSubstr("damaged")));
}

TEST_F(SmkictlTest, SendsWhatItThenFetches) {
  PutGzip(scratch_ / kFull, kSize);
  const std::vector<std::string> access = {"--key", server_->user_key(), "--host-key", server_->Fingerprint()};
  std::vector<std::string> send = {Program(), "--output",       "json",        "repository",
                                   "send",    scratch_ / kFull, server_->Url()};
  send.insert(send.end(), access.begin(), access.end());
  const auto sent = sim::RunProcess(send);
  ASSERT_TRUE(sent.ok() && sent->code == 0) << sent->err;
  EXPECT_EQ(nlohmann::json::parse(sent->out)["files"][0]["result"], "sent");
  const auto fetched = sim::RunProcess(FetchCommand());
  ASSERT_TRUE(fetched.ok() && fetched->code == 0) << fetched->err;
  EXPECT_EQ(ReadAll(To(kFull)), ReadAll(scratch_ / kFull));
}

TEST_F(SmkictlTest, WithoutAPinItDoesNotEvenConnect) {
  const auto done =
      sim::RunProcess({Program(), "repository", "fetch", server_->Url(), "--to", to_, "--key", server_->user_key()});
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->code, 1);
  EXPECT_THAT(done->err, HasSubstr("--host-key"));
  EXPECT_EQ(server_->proxy.connections(), 0);
}

TEST_F(SmkictlTest, AConfigurationOfOpenSshChangesNothing) {
  PutGzip(*server_ / kFull, 1000);
  WriteAll(scratch_ / "ssh_config",
           "Host *\n  Ciphers aes128-cbc\n  PubkeyAuthentication no\n  Port 1\n  User nobody\n");
  std::string line = "mount --bind " + (scratch_ / "ssh_config") + " /etc/ssh/ssh_config && echo mounted >&2 && exec";
  for (const std::string& word : FetchCommand()) line += " '" + word + "'";
  const auto done = sim::RunProcess({"/usr/bin/unshare", "-m", "/bin/sh", "-c", line});
  ASSERT_TRUE(done.ok()) << done.status();
  if (done->err.find("mounted") == std::string::npos) GTEST_SKIP() << "nothing can be mounted here: " << done->err;
  EXPECT_EQ(done->code, 0) << done->err;
}

}  // namespace
}  // namespace smki::repository::transfer::test
