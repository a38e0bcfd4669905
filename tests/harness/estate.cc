#include "tests/harness/estate.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "repository/extract/extract.h"

namespace smki::test {
namespace {

namespace fs = std::filesystem;

constexpr uint8_t kSupplierRole = 2;
constexpr uint8_t kRecoveryRole = 1;
const Eui64 kSupplierA(0x90B3D51F30010000);
const Eui64 kRecovery(0x90B3D51F30000001);

std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) Fatal("read", NotFound("{} cannot be read", path));
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Free loopback ports, all different: held together, then let go.
std::vector<int> FreePorts(size_t count) {
  std::vector<int> fds, ports;
  for (size_t i = 0; i < count; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      Fatal("bind", Unavailable("no free port"));
    }
    fds.push_back(fd);
    ports.push_back(ntohs(address.sin_port));
  }
  for (const int fd : fds) ::close(fd);
  return ports;
}

// Every port of the copied site files, replaced alike in all of them.
void RenewPorts(const std::string& dir) {
  static const std::regex kAddress("127\\.0\\.0\\.1:([0-9]+)");
  std::vector<std::string> sites;
  std::set<std::string> old;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".yaml") continue;
    const std::string text = Slurp(entry.path());
    bool found = false;
    for (auto it = std::sregex_iterator(text.begin(), text.end(), kAddress); it != std::sregex_iterator(); ++it) {
      old.insert((*it)[1]);
      found = true;
    }
    if (found) sites.push_back(entry.path());
  }
  std::map<std::string, std::string> renewed;
  const std::vector<int> ports = FreePorts(old.size());
  size_t next = 0;
  for (const std::string& port : old) renewed[port] = std::to_string(ports[next++]);
  for (const std::string& site : sites) {
    const std::string text = Slurp(site);
    std::string out;
    size_t at = 0;
    for (auto it = std::sregex_iterator(text.begin(), text.end(), kAddress); it != std::sregex_iterator(); ++it) {
      out += text.substr(at, static_cast<size_t>(it->position()) - at) + "127.0.0.1:" + renewed[(*it)[1]];
      at = static_cast<size_t>(it->position() + it->length());
    }
    std::ofstream(site, std::ios::binary) << out + text.substr(at);
  }
}

std::unique_ptr<PersonKeys> LoadPerson(const std::string& folder) {
  const auto key = [&](const char* name) { return SMKI_MUST(pki::PrivateKey::FromPem(Slurp(folder + "/" + name))); };
  const auto certificate = [&](const char* name) {
    return SMKI_MUST(pki::Certificate::FromPem(Slurp(folder + "/" + name)));
  };
  return std::unique_ptr<PersonKeys>(new PersonKeys{key("sign.key.pem"), key("agree.key.pem"),
                                                    certificate("sign.crt.pem"), certificate("agree.crt.pem")});
}

}  // namespace

void Fatal(const char* what, const Status& status) {
  std::cerr << what << ": " << Message(status) << " [" << ReasonOf(status) << "]\n";
  std::abort();
}

std::string BuildFolder() {
  const char* folder = std::getenv("SMKI_BUILD");
  if (folder == nullptr) Fatal("SMKI_BUILD", NotFound("run this test through ctest, or set it to the build folder"));
  return folder;
}

Eui64 TestDevice(int group, uint64_t index) {
  return Eui64(0x00DB123456F00000 + (static_cast<uint64_t>(group) << 16) + index);
}

std::unique_ptr<Estate> Estate::Copy() {
  const std::string source = BuildFolder() + "/tests/estate";
  auto out = std::make_unique<Estate>();
  std::string name = (fs::temp_directory_path() / "smki-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) Fatal("mkdtemp", Unavailable("no temporary folder"));
  out->dir_ = name + "/estate";
  fs::copy(source, out->dir_, fs::copy_options::recursive);
  // SoftHSM's configuration names its folder by absolute path.
  for (const char* conf : {"keyguard/softhsm2.conf", "authority/softhsm2.conf"}) {
    std::string text = out->Read(conf);
    const std::string absolute = fs::absolute(source).lexically_normal().string();
    for (size_t at = text.find(absolute); at != std::string::npos; at = text.find(absolute, at + 1)) {
      text.replace(at, absolute.size(), out->dir_);
    }
    out->Write(conf, text);
  }
  RenewPorts(out->dir_);
  out->policy_text_ = out->Read("policy/trust-policy.yaml");
  out->policy_ = SMKI_MUST(procedures::ParsePolicy(out->policy_text_));
  for (const auto& entry : fs::directory_iterator(out->Path("repository/extracts"))) {
    if (!repository::ParseExtractName(entry.path().filename())) continue;
    const Status status = repository::ReadExtract(entry.path(), [&](repository::CertificateRecord record) {
      if (record.kind == repository::CertificateKind::kOrganisation) {
        out->organisations_.push_back(SMKI_MUST(pki::Certificate::Parse(record.der)));
      } else if (record.kind == repository::CertificateKind::kDevice) {
        pki::Certificate certificate = SMKI_MUST(pki::Certificate::Parse(record.der));
        if (certificate.device_eui && certificate.key_usage == pki::kDigitalSignature)
          out->devices_.insert_or_assign(*certificate.device_eui, std::move(certificate));
      }
      return OkStatus();
    });
    if (!status.ok()) Fatal("ReadExtract", status);
  }
  return out;
}

Estate::~Estate() {
  if (!dir_.empty() && !::testing::Test::HasFailure()) {
    std::error_code ignored;
    fs::remove_all(fs::path(dir_).parent_path(), ignored);
  }
}

std::string Estate::Read(const std::string& relative) const {
  return Slurp(Path(relative));
}
Bytes Estate::ReadBytes(const std::string& relative) const {
  return ToBytes(AsBytes(Read(relative)));
}
void Estate::Write(const std::string& relative, const std::string& text) const {
  std::ofstream(Path(relative), std::ios::binary) << text;
}

PersonKeys& Estate::person(const std::string& id) {
  auto& keys = people_[id];
  if (keys == nullptr) keys = LoadPerson(Path("persons/" + id));
  return *keys;
}

pki::Certificate Estate::Certificate(const std::string& relative) const {
  return SMKI_MUST(pki::Certificate::FromPem(Read(relative)));
}

pki::Certificate Estate::Organisation(Eui64 eui, uint8_t role, uint16_t usage) const {
  const std::string ou = fmt::format("{:02X}", role);
  for (const pki::Certificate& certificate : organisations_) {
    if (certificate.subject_eui == eui && certificate.subject_ou == ou && certificate.key_usage == usage)
      return certificate;
  }
  Fatal("Organisation",
        NotFound("{} has no certificate with OU {} and usage {} in the extracts", eui.ToString(), ou, usage));
}

Bytes Estate::Approve(const std::string& text, const std::string& direction_id, const std::string& member) {
  PersonKeys& keys = person(member);
  return SMKI_MUST(pki::SignDetached(AsBytes(text), keys.sign, keys.sign_certificate, SystemClock().Now(),
                                     procedures::ApprovalHint(direction_id)));
}

void Estate::Reapprove(Bundle& bundle, const std::vector<std::string>& members) {
  bundle.text = procedures::RenderDirection(bundle.direction);
  bundle.approvals.clear();
  for (const std::string& member : members)
    bundle.approvals.push_back(Approve(bundle.text, bundle.direction.id, member));
}

void Estate::SetPopulation(Bundle& bundle, size_t group, std::vector<Eui64> devices, bool redirect) {
  procedures::DirectedGroup& directed = bundle.direction.groups.at(group);
  procedures::Population population;
  population.environment = policy_.environment;
  population.group = directed.name;
  population.devices = std::move(devices);
  const Bytes file = procedures::EncodePopulation(population);
  if (redirect) {
    directed.population_count = population.devices.size();
    directed.population_digest = procedures::PopulationDigest(file);
  }
  bundle.populations[directed.name] = file;
}

Bundle Estate::MakeBundle(int serial, uint64_t devices) {
  Bundle out;
  out.incident = fmt::format("INC-TEST-{:04}", serial);
  out.policy = policy_text_;
  out.revocation_list = ReadBytes("policy/persons.crl");

  const pki::Certificate recovery = Organisation(kRecovery, kRecoveryRole, pki::kDigitalSignature);
  const pki::Certificate signing = Organisation(kSupplierA, kSupplierRole, pki::kDigitalSignature);
  const pki::Certificate agreement = Organisation(kSupplierA, kSupplierRole, pki::kKeyAgreement);
  const pki::Certificate issuing = Certificate("authority/issuing-oca.pem");
  for (const pki::Certificate* c : {&recovery, &signing, &agreement, &issuing}) out.certificates.push_back(c->der());

  procedures::Direction& d = out.direction;
  const UtcTime now{SystemClock().Now().ms / 1000 * 1000};
  d.id = fmt::format("DIR-TEST-{:04}", serial);
  d.environment = policy_.environment;
  d.incident = out.incident;
  d.ledger_sequence = 7;
  d.ledger_head = pki::Sha256(std::string_view("a ledger head"));
  d.nonce = ToHex(SystemRandom().Take(16));
  d.requested_by = "lena.lead";
  d.drafted = now - Millis(60'000);
  d.key = "recovery";
  d.key_certificate = recovery.sha256();
  const auto method_3 = std::find_if(policy_.allowed.begin(), policy_.allowed.end(),
                                     [](const procedures::AllowedUse& use) { return use.procedure == "method-3"; });
  SMKI_CHECK(method_3 != policy_.allowed.end());
  d.procedure = method_3->procedure;
  d.procedure_digest = method_3->digest;
  d.mode = "anyExceptAbnormalRootByRecovery";
  d.counter_first = 0x1000000 + static_cast<uint64_t>(serial) * 0x10000;
  d.counter_last = d.counter_first + 0xFFF;
  d.not_before = now - Millis(60'000);
  d.not_after = now + Millis(24 * 3600 * 1000);
  d.limits.attempts_per_device = 3;
  d.limits.total = 4 * devices;
  d.limits.outstanding = 2 * devices;
  d.limits.rate_per_second = 100'000;
  d.factors = {{"scope", {"test"}}};
  d.rationale = {"a test"};
  int number = 0;
  for (const char* type : {"ESME", "GPF"}) {
    procedures::DirectedGroup group;
    group.name = fmt::format("supplier-a-{}", number == 0 ? "esme" : "gpf");
    group.device_type = type;
    group.replacements = {{"supplier/digitalSignature", signing.sha256()},
                          {"supplier/keyAgreement", agreement.sha256()},
                          {"supplier/keyAgreement/prePaymentTopUp", agreement.sha256()}};
    group.path_certificates = {issuing.sha256()};
    group.floors = {{"supplier", 0, 0}};
    d.groups.push_back(group);
    std::vector<Eui64> members;
    for (uint64_t i = 0; i < devices; ++i) members.push_back(TestDevice(number, i));
    SetPopulation(out, static_cast<size_t>(number), members);
    ++number;
  }
  Reapprove(out);
  return out;
}

}  // namespace smki::test
