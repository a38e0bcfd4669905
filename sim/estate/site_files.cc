#include "sim/estate/site_files.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sim/estate/people.h"

namespace smki::sim {
namespace {

std::string Loopback(uint16_t port) {
  return fmt::format("127.0.0.1:{}", port);
}

std::string KeyguardSite(const EstatePlan& plan, const Ports& ports) {
  std::string out = fmt::format(
      "listen: {}\n"
      "personsListen: {}\n"
      "tls:\n"
      "  authority: ../tls/ca.pem\n"
      "  certificate: ../tls/keyguard.crt.pem\n"
      "  key: ../tls/keyguard.key.pem\n"
      "policy: ../policy/trust-policy.yaml\n"
      "identity:\n"
      "  certificate: identity.crt.pem\n"
      "  key: identity.key.pem\n"
      "data: data\n"
      "signer: auto\n"
      "pkcs11:\n"
      "  module: {}\n"
      "  config: softhsm2.conf\n"
      "keys:\n",
      Loopback(ports.keyguard), Loopback(ports.keyguard_persons), kPkcs11Module);
  for (const char* key : {"recovery", "contingency", "symmetric"}) {
    out += fmt::format("  - name: {}\n    token: \"pkcs11:token={}\"\n", key, TokenLabel(key, plan.estate));
  }
  return out;
}

std::string OrchestratorSite(const Ports& ports, const std::string& runbooks) {
  return fmt::format(
      "listen: {}\n"
      "tls:\n"
      "  authority: ../tls/ca.pem\n"
      "  certificate: ../tls/orchestrator.crt.pem\n"
      "  key: ../tls/orchestrator.key.pem\n"
      "policy: ../policy/trust-policy.yaml\n"
      "revocationList: ../policy/persons.crl\n"
      "identity:\n"
      "  certificate: identity.crt.pem\n"
      "  key: identity.key.pem\n"
      "data: data\n"
      "runbooks: {}\n"
      "repository:\n"
      "  extracts: ../repository/extracts\n"
      "  store: data/repository.store\n"
      "keyguard: {}\n"
      "estate: {}\n"
      "evidence: data/evidence\n"
      "ceremonies: ../ceremonies\n"
      "campaign:\n"
      "  batch: 256\n"
      "  canary: 25\n"
      "  responseTimeout: PT1S\n"
      "  resendsPerAttempt: 1\n"
      "direction:\n"
      "  validity: P7D\n"
      "  attemptsPerDevice: 3\n"
      "  ratePerSecond: 10000\n",
      Loopback(ports.orchestrator), runbooks, Loopback(ports.keyguard), Loopback(ports.sim));
}

// Where smki-key-ceremony makes the keys of a new hierarchy.
std::string CeremonySite() {
  return fmt::format(
      "policy: policy/trust-policy.yaml\n"
      "results: ceremonies\n"
      "module: {}\n"
      "authorities:\n"
      "  config: authority/softhsm2.conf\n"
      "  pins: authority/pins\n"
      "keyguard:\n"
      "  config: keyguard/softhsm2.conf\n",
      kPkcs11Module);
}

// The network of a drill loses a little, so that every drill re-sends and attempts again.
std::string SimSite(const EstatePlan& plan, const Hierarchy& hierarchy, const Ports& ports) {
  return fmt::format(
      "listen: {}\n"
      "tls:\n"
      "  authority: tls/ca.pem\n"
      "  certificate: tls/sim.crt.pem\n"
      "  key: tls/sim.key.pem\n"
      "fleet: fleet/fleet.sqlite\n"
      "extracts: repository/extracts\n"
      "authority:\n"
      "  state: authority/state.sqlite\n"
      "  certificate: authority/issuing-oca.pem\n"
      "  token: \"pkcs11:token={}\"\n"
      "  pin: authority/pins/{}.pin\n"
      "pkcs11:\n"
      "  module: {}\n"
      "  config: authority/softhsm2.conf\n"
      "broker: parties/acb/accessControlBroker-keyAgreement.key.pem\n"
      "faults:\n"
      "  seed: {}\n"
      "  firstCommandLost: 10\n"
      "  firstResponseLost: 20\n"
      "  duplicateCommand: 5\n"
      "  duplicateResponse: 5\n",
      Loopback(ports.sim), hierarchy.issuing_oca.token, hierarchy.issuing_oca.token, kPkcs11Module, plan.seed);
}

std::string ClientSite(const PersonPlan& person, const Ports& ports) {
  std::string out = fmt::format(
      "person: {}\n"
      "tls:\n"
      "  authority: ../../tls/ca.pem\n"
      "  certificate: tls.crt.pem\n"
      "  key: tls.key.pem\n"
      "orchestrator: {}\n"
      "keyguard: {}\n"
      "policy: ../../policy/trust-policy.yaml\n"
      "sign:\n"
      "  certificate: sign.crt.pem\n"
      "  key: sign.key.pem\n"
      "agree:\n"
      "  certificate: agree.crt.pem\n"
      "  key: agree.key.pem\n",
      person.id, Loopback(ports.orchestrator), Loopback(ports.keyguard_persons));
  if (!person.keys.empty()) out += "shares:\n";
  for (const std::string& key : person.keys) out += fmt::format("  {0}: share-{0}.cms\n", key);
  return out;
}

}  // namespace

StatusOr<Ports> FindPorts() {
  Ports ports;
  int sockets[4] = {-1, -1, -1, -1};
  uint16_t* const wanted[4] = {&ports.keyguard, &ports.keyguard_persons, &ports.orchestrator, &ports.sim};
  Status status;
  // All are held until all are found, so that none is found twice.
  for (int i = 0; i < 4 && status.ok(); ++i) {
    sockets[i] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (sockets[i] < 0 || ::bind(sockets[i], generic, size) != 0 || ::getsockname(sockets[i], generic, &size) != 0) {
      status = Unavailable("no free port on 127.0.0.1: {}", std::strerror(errno));
    }
    *wanted[i] = ntohs(address.sin_port);
  }
  for (const int fd : sockets) {
    if (fd >= 0) ::close(fd);
  }
  if (!status.ok()) return status;
  return ports;
}

Status WriteSiteFiles(const EstateFolder& folder, const EstatePlan& plan, const Hierarchy& hierarchy,
                      const Ports& ports, const std::string& runbooks) {
  SMKI_RETURN_IF_ERROR(folder.Write("keyguard/keyguard.yaml", KeyguardSite(plan, ports)));
  SMKI_RETURN_IF_ERROR(folder.Write("orchestrator/orchestrator.yaml", OrchestratorSite(ports, runbooks)));
  SMKI_RETURN_IF_ERROR(folder.Write("sim.yaml", SimSite(plan, hierarchy, ports)));
  SMKI_RETURN_IF_ERROR(folder.Write("ceremonies.yaml", CeremonySite()));
  for (const PersonPlan& person : PlannedPersons()) {
    SMKI_RETURN_IF_ERROR(folder.Write("persons/" + person.id + "/client.yaml", ClientSite(person, ports)));
  }
  return OkStatus();
}

}  // namespace smki::sim
