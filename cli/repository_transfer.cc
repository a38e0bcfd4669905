#include "cli/repository_transfer.h"

#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/clock.h"
#include "base/file.h"
#include "cli/site.h"
#include "repository/transfer/fetch.h"
#include "repository/transfer/send.h"

namespace smki::cli {
namespace {

namespace transfer = repository::transfer;

constexpr size_t kMaxKnownHosts = 1 << 20;
constexpr size_t kMaxPassphrase = 256;
constexpr Millis kRedraw{100};

struct AccessArguments {
  std::string url, key, host_key, known_hosts;
};
struct FetchArguments {
  AccessArguments access;
  std::string to, archive, as_of;
  std::vector<std::string> files;
};
struct SendArguments {
  AccessArguments access;
  std::vector<std::string> words;  // files, then the address
  std::string expire_deltas;
  bool verify = false;
};

// What is typed is not shown while this lives.
class Unseen {
 public:
  Unseen() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ok_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~Unseen() {
    if (ok_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
  bool ok() const { return ok_; }

 private:
  termios before_{};
  bool ok_ = false;
};

StatusOr<Secret> AskForPassphrase(const Command& command, const std::string& file) {
  const Unseen unseen;
  if (!unseen.ok()) return FailedPrecondition("the passphrase of {} can only be asked for at a terminal", file);
  command.Print("passphrase of " + Printable(file) + ": ");
  Bytes typed;
  typed.reserve(kMaxPassphrase);  // or a copy of its beginning would stay behind
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && typed.size() < kMaxPassphrase) {
    typed.push_back(static_cast<uint8_t>(c));
  }
  command.Print("\n");
  return Secret(std::move(typed));
}

StatusOr<transfer::HostPin> ReadPin(const AccessArguments& arguments, const transfer::RemoteFolder& folder) {
  if (!arguments.host_key.empty()) return transfer::HostPin::FromFingerprint(arguments.host_key);
  if (arguments.known_hosts.empty()) {
    return InvalidArgument(
        "the host key of {} is not known. Next: ask its operator for its fingerprint and name it with "
        "--host-key SHA256:..., or a known_hosts file with --known-hosts",
        folder.host);
  }
  SMKI_ASSIGN_OR_RETURN(const Bytes text, PosixFiles().Read(arguments.known_hosts, kMaxKnownHosts));
  return transfer::HostPin::FromKnownHosts(arguments.known_hosts, AsText(text), folder);
}

StatusOr<transfer::Access> ReadAccess(const Command& command, const AccessArguments& arguments) {
  SMKI_ASSIGN_OR_RETURN(const transfer::RemoteFolder folder, transfer::ParseSftpUrl(arguments.url));
  SMKI_ASSIGN_OR_RETURN(const transfer::HostPin pin, ReadPin(arguments, folder));
  SMKI_ASSIGN_OR_RETURN(const Secret text, ReadKeyFile(arguments.key));
  transfer::AskPassphrase ask;
  if (command.can_ask()) ask = [&](const std::string& file) { return AskForPassphrase(command, file); };
  SMKI_ASSIGN_OR_RETURN(const transfer::ClientKey key, transfer::ClientKey::Parse(arguments.key, text, ask));
  return transfer::Access{folder, pin, key};
}

// The line that moves, on a terminal; nothing in a pipe.
class Moving {
 public:
  explicit Moving(const Command& command) : command_(command), draws_(command.terminal() && !command.json()) {}
  ~Moving() {
    if (drawn_) command_.Print("\r\x1b[K");
  }
  Moving(const Moving&) = delete;
  Moving& operator=(const Moving&) = delete;

  template <typename Progress>
  void Draw(const Progress& progress, const char* moving) {
    const auto now = SystemClock().SinceBoot();
    if (!draws_ || (drawn_ && now - last_ < kRedraw && progress.done < progress.total)) return;
    last_ = now;
    drawn_ = true;
    command_.Print(fmt::format("\r\x1b[K{}  {} of {} octets  {} {}", Bar(progress.done, progress.total, 24),
                               Count(progress.done), Count(progress.total), progress.checking ? "checking" : moving,
                               progress.file));
  }

 private:
  const Command& command_;
  const bool draws_;
  bool drawn_ = false;
  std::chrono::nanoseconds last_{0};
};

double Seconds(Millis took) {
  return static_cast<double>(took.count()) / 1000;
}

std::string Word(const transfer::FetchedFile& file) {
  switch (file.result) {
    case transfer::FetchedFile::Result::kFetched:
      return file.resumed_at > 0 ? "resumed" : "fetched";
    case transfer::FetchedFile::Result::kPresent:
      return "present";
    case transfer::FetchedFile::Result::kFailed:
      break;
  }
  return "failed";
}

std::string Word(transfer::SentFile::Result result) {
  switch (result) {
    case transfer::SentFile::Result::kSent:
      return "sent";
    case transfer::SentFile::Result::kPresent:
      return "present";
    case transfer::SentFile::Result::kFailed:
      break;
  }
  return "failed";
}

Json ReportJson(const transfer::FetchReport& report, const std::string& from) {
  Json files = Json::array();
  for (const transfer::FetchedFile& file : report.files) {
    Json one = {{"file", file.name},
                {"folder", file.folder},
                {"octets", file.octets},
                {"resumed_at", file.resumed_at},
                {"reconnects", file.reconnects},
                {"seconds", Seconds(file.took)},
                {"check_seconds", Seconds(file.check)},
                {"result", Word(file)}};
    if (file.sha256) one["sha256"] = ToHex(*file.sha256);
    if (!file.status.ok()) one["fault"] = Message(file.status);
    files.push_back(one);
  }
  return {{"from", from}, {"complete", report.status.ok()}, {"files", files}, {"from_archive", report.from_archive}};
}

std::string ReportText(const transfer::FetchReport& report, const Style& style) {
  Columns table(2);
  for (const transfer::FetchedFile& file : report.files) {
    const std::string word = Word(file);
    std::string more = word == "fetched" || word == "resumed" ? Elapsed(file.took) : "";
    if (file.resumed_at > 0) more += ", from octet " + Count(file.resumed_at);
    if (file.reconnects > 0) more += ", connected again " + Count(file.reconnects, "time");
    table.Row({word == "failed" ? style.Bad(word) : word, file.name, Count(file.octets) + " octets", more});
  }
  std::string out = table.Text();
  if (!report.from_archive.empty()) {
    out += Fact("archive", Count(report.from_archive.size(), "delta") + " of it put beside them", 10);
  }
  return out;
}

Status Fetch(const Command& command, const FetchArguments& arguments) {
  transfer::FetchOptions options;
  SMKI_ASSIGN_OR_RETURN(options.access, ReadAccess(command, arguments.access));
  options.to = arguments.to;
  options.archive = arguments.archive;
  options.as_of = arguments.as_of;
  options.files = arguments.files;
  StatusOr<transfer::FetchReport> report;
  {
    Moving moving(command);
    options.on_progress = [&](const transfer::FetchProgress& progress) { moving.Draw(progress, "fetching"); };
    report = transfer::Fetch(options);
  }
  if (!report.ok()) return report.status();
  if (command.json()) {
    command.Print(ReportJson(*report, options.access.folder.Shown()));
  } else {
    command.Print(ReportText(*report, command.style()));
  }
  return report->status;
}

void ShowSent(const Command& command, const transfer::SendReport& report, const std::string& to) {
  if (command.json()) {
    Json files = Json::array();
    for (const transfer::SentFile& file : report.files) {
      files.push_back({{"file", file.name},
                       {"octets", file.octets},
                       {"seconds", Seconds(file.took)},
                       {"result", Word(file.result)}});
    }
    command.Print(Json{{"to", to}, {"complete", report.status.ok()}, {"files", files}, {"expired", report.expired}});
    return;
  }
  Columns table(2);
  for (const transfer::SentFile& file : report.files) {
    table.Row({Word(file.result), file.name, Count(file.octets) + " octets", Elapsed(file.took)});
  }
  for (const std::string& name : report.expired) table.Row({"removed", name, "there", ""});
  command.Print(table.Text());
}

Status Send(const Command& command, SendArguments arguments) {
  transfer::SendOptions options;
  arguments.access.url = arguments.words.back();
  arguments.words.pop_back();
  SMKI_ASSIGN_OR_RETURN(options.access, ReadAccess(command, arguments.access));
  options.files = arguments.words;
  options.verify = arguments.verify;
  options.expire_deltas = arguments.expire_deltas;
  if (options.files.empty() && options.expire_deltas.empty()) {
    return InvalidArgument("no file is named: smkictl repository send FILE... sftp://user@host/path");
  }
  StatusOr<transfer::SendReport> report;
  {
    Moving moving(command);
    options.on_progress = [&](const transfer::SendProgress& progress) { moving.Draw(progress, "sending"); };
    report = transfer::Send(options);
  }
  if (!report.ok()) return report.status();
  ShowSent(command, *report, options.access.folder.Shown());
  return report->status;
}

void AddAccess(CLI::App& app, AccessArguments& arguments) {
  app.add_option("--key", arguments.key, "private key that the server knows (mode 0600)")->required();
  CLI::Option* pin = app.add_option("--host-key", arguments.host_key, "fingerprint of the server's key, SHA256:...");
  app.add_option("--known-hosts", arguments.known_hosts, "or a known_hosts file that has the server's key")
      ->excludes(pin);
}

}  // namespace

void AddRepositoryTransfer(CLI::App& repository_group, Command& command) {
  CLI::App* fetch = repository_group.add_subcommand("fetch", "what is new in the Repository's SFTP folder");
  auto wanted = std::make_shared<FetchArguments>();
  fetch->add_option("from", wanted->access.url, "sftp://user@host[:port]/path")->required();
  fetch->add_option("--to", wanted->to, "folder for the files")->required();
  fetch->add_option("--archive", wanted->archive, "folder that keeps every delta ever fetched; without it --to does");
  fetch->add_option("--as-of", wanted->as_of, "take the FULL of this day or before, YYYY-MM-DD; without it the newest");
  fetch->add_option("--file", wanted->files, "fetch this file; can be repeated. Without it: all that is new");
  AddAccess(*fetch, wanted->access);
  fetch->callback([&command, wanted] { command.Run([&] { return Fetch(command, *wanted); }); });

  CLI::App* send = repository_group.add_subcommand("send", "publish files to an SFTP folder");
  auto given = std::make_shared<SendArguments>();
  send->add_option("files", given->words, "FILE... sftp://user@host[:port]/path")->required();
  send->add_flag("--verify", given->verify, "read back every file whole, not only its end");
  send->add_option("--expire-deltas", given->expire_deltas,
                   "YYYY-MM-DD: then remove the deltas there that are more than seven days older");
  AddAccess(*send, given->access);
  send->callback([&command, given] { command.Run([&] { return Send(command, *given); }); });
}

}  // namespace smki::cli
