#include "cli/repository_serve.h"

#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/clock.h"
#include "cli/command.h"
#include "repository/web/access_log.h"
#include "repository/web/current_store.h"
#include "repository/web/server.h"

namespace smki::cli {
namespace {

namespace web = repository::web;

constexpr Millis kLookEvery{1000};
constexpr rlim_t kOtherFiles = 64;  // beside connections: store, log, the process's own

struct ServeArguments {
  std::string store, access_log;
  web::ServerOptions server;
};

// Every thread that comes later inherits this: only the one that waits for them gets them.
sigset_t BlockSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// A connection that gets no descriptor would wait unanswered, where 503 is said to a connection too many.
Status AllowFiles(size_t connections) {
  const rlim_t needed = connections + kOtherFiles;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return OkStatus();
  limit.rlim_cur = std::min(needed, limit.rlim_max);
  if (limit.rlim_cur >= needed && ::setrlimit(RLIMIT_NOFILE, &limit) == 0) return OkStatus();
  return FailedPrecondition("{} open files are allowed, {} are needed; raise the limit (ulimit -n)", limit.rlim_max,
                            needed);
}

void ToOperator(const std::string& line) {
  std::fprintf(stderr, "%s %s\n", FormatTimeMillis(SystemClock().Now()).c_str(), Printable(line).c_str());
}

void ShowReady(const Command& command, const std::string& address, const repository::StoreSummary& summary) {
  if (command.json()) {
    command.Print(Dump({{"listening", address},
                        {"certificates", summary.certificates},
                        {"full", summary.full_date},
                        {"last_delta", summary.last_delta_date},
                        {"digest", ToHex(summary.digest)}}) +
                  "\n");
    return;
  }
  command.Print(fmt::format("repository ready on {}, {}\n", address, Count(summary.certificates, "certificate")));
}

Status Serve(const Command& command, const ServeArguments& arguments) {
  const sigset_t signals = BlockSignals();
  SMKI_RETURN_IF_ERROR(AllowFiles(arguments.server.limits.connections));
  std::unique_ptr<web::AccessLog> access_log;
  if (!arguments.access_log.empty()) {
    SMKI_ASSIGN_OR_RETURN(access_log, web::AccessLog::Open(arguments.access_log));
  }
  SMKI_ASSIGN_OR_RETURN(const auto store, web::CurrentStore::Open(arguments.store, kLookEvery, ToOperator));
  web::ServerOptions options = arguments.server;
  options.store = [&store] { return store->Get(); };
  options.access_log = access_log.get();
  options.log = ToOperator;
  SMKI_ASSIGN_OR_RETURN(const auto server, web::Server::Start(std::move(options)));
  ShowReady(command, server->address(), store->Get()->summary());

  for (int signal = 0; sigwait(&signals, &signal) == 0 && signal == SIGHUP;) {
    store->Look();
    if (access_log == nullptr) continue;
    if (const Status reopened = access_log->Reopen(); !reopened.ok()) ToOperator(Message(reopened));
  }
  server->Stop();
  return OkStatus();
}

}  // namespace

void AddRepositoryServe(CLI::App& repository_group, Command& command) {
  CLI::App* serve = repository_group.add_subcommand("serve", "the Repository web service over a rebuilt store");
  auto arguments = std::make_shared<ServeArguments>();
  serve->add_option("--store", arguments->store, "rebuilt store; a new one renamed over it is served within a second")
      ->required();
  serve
      ->add_option("--listen", arguments->server.listen,
                   "ADDRESS:PORT; plain HTTP, so beyond loopback only behind the site's TLS proxy; port 0: a free one")
      ->capture_default_str();
  serve->add_option("--threads", arguments->server.threads, "1 to 64")->capture_default_str();
  serve->add_option("--access-log", arguments->access_log,
                    "file for one JSON line a request; SIGHUP opens it again, and looks at the store");
  serve->callback([&command, arguments] { command.Run([&] { return Serve(command, *arguments); }); });
}

}  // namespace smki::cli
