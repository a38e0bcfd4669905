// smki-orchestrator --site orchestrator.yaml
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "base/usage.h"
#include "orchestrator/orchestrator.h"
#include "orchestrator/services/recovery_service.h"
#include "proto/rpc/server.h"

namespace smki::orchestrator {
namespace {

constexpr Millis kGrace{500};

Status Serve(const std::string& site_path) {
  // Every thread that comes later inherits this: only the one below waits for the signal.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  SMKI_ASSIGN_OR_RETURN(const Site site, ReadSite(PosixFiles(), site_path));
  SMKI_RETURN_IF_ERROR(CheckSite(PosixFiles(), site));
  SMKI_ASSIGN_OR_RETURN(const rpc::TlsMaterial tls, rpc::ReadTls(site.tls));
  // Never destroyed: gRPC may bring an answer back until the process has ended.
  static AsioExecutor& executor = *new AsioExecutor;
  ThreadWorker worker(executor);
  const auto keyguard = rpc::MakeTransport(rpc::MakeChannel(site.keyguard, tls, rpc::kKeyguardServer), executor);
  const auto estate = rpc::MakeTransport(rpc::MakeChannel(site.estate, tls), executor);
  SMKI_ASSIGN_OR_RETURN(
      const std::unique_ptr<Orchestrator> core,
      Orchestrator::Create(site, {executor, SystemClock(), SystemRandom(), PosixFiles(), worker, *keyguard, *estate}));
  RecoveryService service(*core, executor);
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<rpc::Server> server, rpc::Server::Start(site.listen, tls, {&service}));
  executor.Post([&core] { core->Resume(); });

  std::printf("smki-orchestrator ready on %s\n", server->address().c_str());
  std::fflush(stdout);
  std::thread ender([&] {
    int signal = 0;
    sigwait(&ends, &signal);
    spdlog::info("ending");
    server->Shutdown(kGrace);  // answers what is under way, with the executor still running
    executor.Stop();
  });
  executor.Run();
  ender.join();
  return OkStatus();
}

}  // namespace
}  // namespace smki::orchestrator

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("orchestrator"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  CLI::App app("Runs SMKI recovery procedures; holds no SMKI private key.");
  std::string site;
  app.add_option("--site", site, "orchestrator.yaml")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return smki::ExitAfter(app, error, argc, argv);
  }
  const smki::Status status = smki::orchestrator::Serve(site);
  if (status.ok()) return 0;
  std::fprintf(stderr, "smki-orchestrator: %s\n", smki::Message(status).c_str());
  return 1;
}
