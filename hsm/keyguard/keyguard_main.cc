// smki-keyguard --site keyguard.yaml: the front of the signer.
#include <pwd.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "base/lock.h"
#include "base/usage.h"
#include "hsm/keyguard/service.h"
#include "hsm/keyguard/site.h"
#include "hsm/signer/identity_key.h"
#include "pki/digest.h"
#include "procedures/canonical.h"
#include "procedures/evidence/signed_document.h"
#include "proto/rpc/server.h"

namespace smki::hsm {
namespace {

constexpr size_t kMaxPem = 64 * 1024;
constexpr Millis kLastKeyguardEnds = std::chrono::seconds(2);
constexpr Millis kShutdownGrace = std::chrono::seconds(2);

StatusOr<std::string> SignerProgram(const KeyguardSite& site) {
  if (site.signer != "auto") return site.signer;
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return Unavailable("cannot tell where this program lies: {}", error.message());
  return (self.parent_path() / "smki-signer").string();
}

Status SetUser(const std::string& site_path, const std::string& name, ConfigureFrame& configuration) {
  if (name.empty()) return OkStatus();
  const passwd* const user = ::getpwnam(name.c_str());
  if (user == nullptr || user->pw_uid == 0)
    return InvalidArgument("{}: signerUser '{}' is no user of this machine, or root", site_path, name);
  if (::geteuid() != 0)
    return InvalidArgument(
        "{}: only root can start the signer as another user; start smki-keyguard as root, or leave "
        "signerUser out",
        site_path);
  configuration.user = user->pw_uid;
  configuration.group = user->pw_gid;
  return OkStatus();
}

StatusOr<pki::Certificate> ReadCertificate(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(path, kMaxPem));
  return pki::Certificate::FromPem(AsText(pem));
}

Status Run(const std::string& site_path) {
  SMKI_ASSIGN_OR_RETURN(const KeyguardSite site, ReadKeyguardSite(PosixFiles(), site_path));
  SMKI_ASSIGN_OR_RETURN(const rpc::TlsMaterial tls, rpc::ReadTls(site.tls));
  SMKI_ASSIGN_OR_RETURN(const Bytes policy_text, PosixFiles().Read(site.policy, procedures::kMaxPolicy));
  auto policy = procedures::ParsePolicy(AsText(policy_text));
  if (!policy.ok()) return WithContext(policy.status(), site.policy);
  SMKI_ASSIGN_OR_RETURN(const procedures::PolicyVerifier verifier, procedures::PolicyVerifier::Make(*policy));
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey identity, ReadIdentityKey(site.identity_key));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate identity_certificate, ReadCertificate(site.identity_certificate));
  if (!(identity_certificate == verifier.KeyguardCertificate())) {
    return InvalidArgument("{} is not the keyguard of the trust policy {}", site.identity_certificate, site.policy);
  }
  if (!(*identity_certificate.public_key == identity.public_key())) {
    return InvalidArgument("{}: {} is not the certificate of the key {}", site_path, site.identity_certificate,
                           site.identity_key);
  }
  SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(site.data));
  SMKI_ASSIGN_OR_RETURN(
      const FileLock alone,
      FileLock::Take(
          site.data + "/keyguard.lock", kLastKeyguardEnds,
          fmt::format("{} is in use by another process. Next: stop the keyguard that serves it first", site.data)));

  SMKI_ASSIGN_OR_RETURN(
      const std::unique_ptr<Countersigner> countersigner,
      Countersigner::Make({PosixFiles(), site.data + "/newest-checkpoint", std::move(identity),
                           identity_certificate.subject_cn, verifier.OrchestratorCertificate(), policy->environment}));
  ConfigureFrame configuration;
  configuration.module = site.module;
  configuration.softhsm_config = site.softhsm_config;
  configuration.journal = site.data + "/journal";
  configuration.identity_certificate = site.identity_certificate;
  configuration.identity_key = site.identity_key;
  configuration.keys = site.keys;
  configuration.policy = policy_text;
  SMKI_RETURN_IF_ERROR(SetUser(site_path, site.signer_user, configuration));
  const std::string journal = configuration.journal;
  SMKI_ASSIGN_OR_RETURN(const std::string program, SignerProgram(site));
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<SignerProcess> signer,
                        SignerProcess::Start(program, std::move(configuration)));

  std::set<std::string> persons;
  for (const procedures::Person& person : policy->persons) persons.insert(person.id);
  const auto keyguard_service = MakeKeyguardService(*signer, *countersigner, journal);
  const auto persons_service = MakePersonsService(*signer, std::move(persons));
  SMKI_ASSIGN_OR_RETURN(const auto server, rpc::Server::Start(site.listen, tls, {keyguard_service.get()}));
  SMKI_ASSIGN_OR_RETURN(const auto persons_server,
                        rpc::Server::Start(site.persons_listen, tls, {persons_service.get()}));
  spdlog::info("environment {}, trust policy version {}, SHA-256 {}", policy->environment.ToString(), policy->version,
               ToHex(pki::Sha256(policy_text)));
  std::printf("smki-keyguard ready on %s and %s\n", server->address().c_str(), persons_server->address().c_str());
  std::fflush(stdout);

  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  int signal = 0;
  ::sigwait(&ends, &signal);
  spdlog::info("ending");
  persons_server->Shutdown(kShutdownGrace);
  server->Shutdown(kShutdownGrace);
  return OkStatus();
}

}  // namespace
}  // namespace smki::hsm

int main(int argc, char** argv) {
  // Before any thread: the main thread alone takes them, by sigwait.
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  CLI::App app("smki-keyguard: guards the SMKI Recovery and Contingency keys");
  std::string site;
  app.add_option("--site", site, "Site file (keyguard.yaml)")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return smki::ExitAfter(app, error, argc, argv);
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("keyguard"));
  const smki::Status status = smki::hsm::Run(site);
  if (status.ok()) return 0;
  spdlog::error("{}", smki::Message(status));
  return 1;
}
