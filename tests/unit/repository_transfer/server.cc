#include "server.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <sstream>

#include "base/file.h"
#include "repository/extract/gzip.h"

namespace smki::repository::transfer::test {
namespace {

constexpr Millis kPatience{30'000};
constexpr char kKeygen[] = "/usr/bin/ssh-keygen";

std::string UserName() {
  const passwd* user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_name : "root";
}

// `parent` and everything below it.
std::set<pid_t> FamilyOf(pid_t parent) {
  std::set<pid_t> family{parent};
  for (size_t before = 0; before != family.size();) {
    before = family.size();
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream file(entry.path() / "stat");
      std::string stat((std::istreambuf_iterator<char>(file)), {});
      const size_t name_end = stat.rfind(") ");
      if (name_end == stat.npos) continue;
      std::istringstream rest(stat.substr(name_end + 4));
      pid_t of = 0;
      if (rest >> of && family.count(of) != 0) family.insert(static_cast<pid_t>(std::stol(stat)));
    }
  }
  return family;
}

}  // namespace

Server::Server(std::string more) : more_(std::move(more)) {
  std::filesystem::create_directories(folder());
  if (::geteuid() == 0) std::filesystem::create_directories("/run/sshd");  // sshd wants it
  MakeKey(host_key());
  MakeKey(user_key());
  Start();
}

void Server::Start() {
  const int port = FreePort();
  std::string config = more_ + "\n";
  config += fmt::format("Port {}\nListenAddress 127.0.0.1\nHostKey {}\n", port, host_key());
  config += fmt::format("AuthorizedKeysFile {}.pub\nPermitRootLogin prohibit-password\nStrictModes no\n", user_key());
  config += "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\nLogLevel DEBUG1\n";
  if (more_.find("Subsystem") == more_.npos) config += "Subsystem sftp internal-sftp\n";
  WriteAll(scratch_ / "config", config);
  auto process =
      sim::Process::Start({"/bin/sh", "-c", fmt::format("exec {} -D -e -f {} 2>&1", kSshd, scratch_ / "config")}, {},
                          scratch_ / "log", "Server listening", kPatience);
  ASSERT_TRUE(process.ok()) << process.status();
  process_ = std::move(*process);
  proxy.Target(port);
}

void Server::Kill() {
  if (!process_) return;
  for (const pid_t pid : FamilyOf(process_->pid())) ::kill(pid, SIGKILL);
  process_->Kill();
  process_.reset();
}

std::string Server::Log() const {
  return ReadAll(scratch_ / "log");
}

std::string Server::Url(const std::string& path) const {
  return fmt::format("sftp://{}@127.0.0.1:{}{}{}", UserName(), proxy.port(), folder(), path);
}

std::string Server::Fingerprint() const {
  const auto shown = sim::RunProcess({kKeygen, "-l", "-f", host_key() + ".pub"});
  EXPECT_TRUE(shown.ok()) << shown.status();
  const size_t start = shown->out.find("SHA256:");
  return shown->out.substr(start, shown->out.find(' ', start) - start);
}

Access Server::MakeAccess() const {
  return {*ParseSftpUrl(Url()), *HostPin::FromFingerprint(Fingerprint()), *LoadKey(user_key())};
}

void MakeKey(const std::string& path, const std::string& passphrase, const std::string& type) {
  const auto made = sim::RunProcess({kKeygen, "-q", "-t", type, "-N", passphrase, "-f", path});
  ASSERT_TRUE(made.ok() && made->code == 0) << (made.ok() ? made->err : Message(made.status()));
}

StatusOr<ClientKey> LoadKey(const std::string& path, const AskPassphrase& ask) {
  SMKI_ASSIGN_OR_RETURN(Bytes text, PosixFiles().Read(path, 64 << 10));
  return ClientKey::Parse(path, Secret(std::move(text)), ask);
}

void PutGzip(const std::string& path, size_t size, uint64_t seed) {
  std::mt19937_64 noise(seed);
  Bytes octets(size);
  for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
    const uint64_t eight = noise();
    std::memcpy(&octets[i], &eight, std::min(sizeof eight, size - i));
  }
  ASSERT_TRUE(WriteGzip(path, octets).ok());
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteAll(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

void SetTime(const std::string& path, int64_t seconds) {
  const timespec times[] = {{seconds, 0}, {seconds, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

uint64_t SizeOf(const std::string& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  return none ? 0 : size;
}

bool Exists(const std::string& path) {
  return std::filesystem::exists(std::filesystem::symlink_status(path));
}

void TransferTest::SetUp() {
  if (!Exists(kSshd)) GTEST_SKIP() << kSshd << " is missing: install openssh-server and openssh-sftp-server";
  server_ = std::make_unique<Server>();
}

FetchOptions TransferTest::Options() const {
  FetchOptions out;
  out.access = server_->MakeAccess();
  out.to = to_;
  out.reconnects = 0;
  out.pause = Millis(1);
  out.patience.answer = Millis(30'000);
  return out;
}

FetchedFile TransferTest::Only(const StatusOr<FetchReport>& report) {
  FetchedFile out;
  if (!report.ok()) {
    out.status = report.status();
  } else if (report->files.size() == 1) {
    out = report->files[0];
  } else {
    ADD_FAILURE() << report->files.size() << " files";
  }
  return out;
}

}  // namespace smki::repository::transfer::test
