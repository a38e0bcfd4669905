#include "cli/command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "procedures/reason.h"

namespace smki::cli {
namespace {

// A refusal in its parts. procedures::Refuse writes "CODE: detail. Next: action".
struct Failure {
  std::string code;  // stable reason code, empty for a plain failure
  std::string message;
  std::string next;
};

std::string NextFor(const Status& status) {
  switch (status.code()) {
    case StatusCode::kUnavailable:
      return "check that the server is running and reachable, then repeat the command";
    case StatusCode::kDeadlineExceeded:
      return "the act may have been done: look with `smkictl incident status` before repeating it";
    default:
      return "";
  }
}

Failure Dissect(const Status& status) {
  Failure out{ReasonOf(status), Printable(Message(status)), NextFor(status)};
  if (const std::string prefix = out.code + ": "; !out.code.empty() && out.message.rfind(prefix, 0) == 0) {
    out.message.erase(0, prefix.size());
  }
  static constexpr char kNext[] = " Next: ";
  if (const size_t at = out.message.rfind(kNext); at != std::string::npos) {
    out.next = out.message.substr(at + sizeof kNext - 1);
    out.message.erase(at);
  } else if (const auto reason = procedures::ReasonFromCode(out.code); reason && out.next.empty()) {
    out.next = std::string(procedures::TextOf(*reason).next);
  }
  return out;
}

}  // namespace

Command::Command()
    : terminal_(::isatty(STDOUT_FILENO) == 1),
      can_ask_(terminal_ && ::isatty(STDIN_FILENO) == 1),
      style_(terminal_ && std::getenv("NO_COLOR") == nullptr) {}

StatusOr<Person> Command::LoadPerson() const {
  if (site.empty()) {
    return InvalidArgument("who are you? give --site persons/<you>/client.yaml, or set SMKI_SITE to it");
  }
  return Person::Load(site, PinSource(pin_descriptor));
}

void Command::Run(const std::function<Status()>& command) {
  const Status status = command();
  if (status.ok()) return;
  exit_code_ = 1;
  Complain(status);
}

void Command::Complain(const Status& status) const {
  if (json()) {
    std::fprintf(stderr, "%s\n", Dump(FailureJson(status)).c_str());
  } else {
    std::fputs(FailureText(status, Style(::isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr)).c_str(),
               stderr);
  }
}

void Command::Print(const std::string& text) const {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return;
  const std::string why = std::strerror(errno);
  std::clearerr(stdout);
  if (output_lost_) return;
  output_lost_ = true;
  Complain(
      Error(StatusCode::kResourceExhausted,
            "the output is not whole: standard output: {}. Next: give it a place to go and look again; an act that "
            "was sent is done",
            why));
}

void Command::Print(const Json& object) const {
  Print(Dump(object, terminal_) + "\n");
}

std::string FailureText(const Status& status, const Style& style) {
  const Failure failure = Dissect(status);
  std::string out = failure.code.empty() ? style.Bad("failed") + "\n"
                                         : style.Bad("refused") + "  " + style.Strong(failure.code) + "\n";
  out += Fact("why", failure.message, 6);
  if (!failure.next.empty()) out += Fact("next", failure.next, 6);
  return out;
}

Json FailureJson(const Status& status) {
  const Failure failure = Dissect(status);
  return {{"error", {{"reason", failure.code}, {"message", failure.message}, {"next", failure.next}}}};
}

}  // namespace smki::cli
