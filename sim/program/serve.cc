#include "sim/program/serve.h"

#include <signal.h>

#include <cstdio>
#include <thread>

#include "base/file.h"
#include "proto/rpc/server.h"
#include "sim/authority/token_key.h"
#include "sim/network/estate_service.h"
#include "sim/site.h"

namespace smki::sim {
namespace {

constexpr size_t kMaxPem = 64 * 1024;
constexpr Millis kShutdownGrace{500};

// From here on the signals that end a server wait until they are asked for.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// The key of an authority, which its certificate must be of.
StatusOr<std::unique_ptr<hsm::pkcs11::TokenSigner>> OpenKeyOf(hsm::pkcs11::Module& module,
                                                              const pki::Certificate& certificate,
                                                              const std::string& token, const std::string& pin) {
  SMKI_ASSIGN_OR_RETURN(auto key, OpenAuthorityKey(module, token, pin));
  if (*certificate.public_key == key->public_key()) return key;
  return FailedPrecondition("{} is not the certificate of the key in token {}", certificate.Describe(), token);
}

StatusOr<pki::Certificate> ReadCertificate(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(path, kMaxPem));
  auto certificate = pki::Certificate::FromPem(AsText(pem));
  if (!certificate.ok()) return WithContext(certificate.status(), path);
  return certificate;
}

}  // namespace

Status Serve(const std::string& site_file) {
  const sigset_t signals = BlockSignals();
  SMKI_ASSIGN_OR_RETURN(const SimSite site, ReadSimSite(site_file));
  SMKI_ASSIGN_OR_RETURN(const rpc::TlsMaterial tls, rpc::ReadTls(site.tls));
  SMKI_ASSIGN_OR_RETURN(const std::shared_ptr<hsm::pkcs11::Module> module,
                        hsm::pkcs11::Module::Load(site.pkcs11_module, site.pkcs11_config));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate issuing, ReadCertificate(site.authority.certificate));
  SMKI_ASSIGN_OR_RETURN(const auto issuing_key, OpenKeyOf(*module, issuing, site.authority.token, site.authority.pin));
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<AuthorityState> state, AuthorityState::Open(site.authority.state));
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<FleetStore> fleet, FleetStore::Open(site.fleet));

  AsioExecutor executor;
  Authority authority(*state, {issuing_key.get(), issuing.subject}, site.extracts, SystemClock(), SystemRandom());
  std::unique_ptr<hsm::pkcs11::TokenSigner> next_key;
  if (site.authority.next) {
    SMKI_ASSIGN_OR_RETURN(const pki::Certificate next, ReadCertificate(site.authority.next->certificate));
    SMKI_ASSIGN_OR_RETURN(next_key, OpenKeyOf(*module, next, site.authority.next->token, site.authority.next->pin));
    authority.IssueFrom({next_key.get(), next.subject});
  }
  Gateway gateway(*fleet, executor, SystemClock(), site.faults);
  std::optional<pki::PrivateKey> broker;
  if (!site.broker.empty()) {
    SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(site.broker, kMaxPem));
    auto key = pki::PrivateKey::FromPem(AsText(pem));
    if (!key.ok()) return WithContext(key.status(), site.broker);
    broker = *std::move(key);
  }
  EstateService service(gateway, *fleet, authority, executor, broker ? &*broker : nullptr);
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<rpc::Server> server,
                        rpc::Server::Start(site.listen, tls, service.services()));
  fmt::print("smki-sim ready on {}\n", server->address());
  std::fflush(stdout);

  // Calls under way need the executor to end, so it stops last.
  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    server->Shutdown(kShutdownGrace);
    executor.Stop();
  });
  executor.Run();
  waiter.join();
  return OkStatus();
}

}  // namespace smki::sim
