#include "terminal.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/command.h"
#include "incident.h"

namespace smki::cli::test {
namespace {

void Write(const std::string& path, const std::string& text, bool secret = false) {
  const Status written = PosixFiles().WriteDurably(path, AsBytes(text), secret);
  if (!written.ok()) CheckFailed(Message(written).c_str(), __FILE__, __LINE__);
}

}  // namespace

Answer Smkictl(const std::vector<std::string>& arguments) {
  std::vector<const char*> words = {"smkictl"};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Answer answer;
  answer.code = RunCommandLine(static_cast<int>(words.size()), words.data());
  answer.out = ::testing::internal::GetCapturedStdout();
  answer.err = ::testing::internal::GetCapturedStderr();
  return answer;
}

Answer AtTerminal(const std::vector<std::string>& arguments, const std::string& typed) {
  std::vector<const char*> words = {"smkictl"};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  SMKI_CHECK(child >= 0);
  if (child == 0) ::_exit(RunCommandLine(static_cast<int>(words.size()), words.data()));
  SMKI_CHECK(::write(terminal, typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
  Answer answer;
  char octets[4096];
  for (ssize_t got; (got = ::read(terminal, octets, sizeof octets)) > 0;)
    answer.out.append(octets, static_cast<size_t>(got));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  answer.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return answer;
}

PersonFolder::PersonFolder(const std::string& estate) {
  people.policy.environment.estate = estate;
}

std::string PersonFolder::SiteOf(const std::string& person) {
  Write(scratch_ / "trust-policy.yaml", procedures::RenderPolicy(people.policy));
  const auto certificate = pki::Certificate::Parse(people.policy.FindPerson(person)->signing_certificate.bytes);
  SMKI_CHECK(certificate.ok());
  Write(scratch_ / (person + ".crt.pem"), certificate->ToPem());
  Write(scratch_ / (person + ".key.pem"), ToString(people.KeyOf(person).ToPem().span()), true);
  Write(scratch_ / (person + ".yaml"),
        fmt::format("person: {0}\n"
                    "tls:\n  authority: tls-ca.pem\n  certificate: {0}.crt.pem\n  key: {0}.key.pem\n"
                    "orchestrator: 127.0.0.1:1\nkeyguard: 127.0.0.1:1\npolicy: trust-policy.yaml\n"
                    "sign:\n  certificate: {0}.crt.pem\n  key: {0}.key.pem\n",
                    person));
  Write(scratch_ / "tls-ca.pem", certificate->ToPem());
  return scratch_ / (person + ".yaml");
}

std::string PersonFolder::DirectionFile() {
  procedures::test::Estate estate(people);
  estate.direction.environment = people.policy.environment;
  Write(scratch_ / "direction.yaml", procedures::RenderDirection(estate.direction));
  return scratch_ / "direction.yaml";
}

}  // namespace smki::cli::test
