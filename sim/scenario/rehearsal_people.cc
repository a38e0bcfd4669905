// What people do themselves in a rehearsal, and an estate that is used once more.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/clock.h"
#include "base/file.h"
#include "sim/scenario/rehearsal.h"

namespace smki::sim {
namespace {

using nlohmann::json;

constexpr size_t kMaxSite = 64 * 1024;
constexpr Millis kGlance{300};

// A word of a command line, as a shell takes it.
std::string Word(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_of(" \"'\\$`<>|&;()*?[]#~!{}") == std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The values of `key: value` at the beginning of a line, whatever else the file says.
std::vector<std::string> ValuesOf(const std::string& text, const std::string& key) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (line.rfind(key + ": ", 0) == 0) out.push_back(line.substr(key.size() + 2));
    at = end + 1;
  }
  return out;
}

StatusOr<std::string> ReadSite(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes text, PosixFiles().Read(path, kMaxSite));
  return ToString(text);
}

// "127.0.0.1:PORT".
bool SomebodyListens(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10)));
  if (colon == std::string::npos || ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1)
    return false;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool listens = ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  ::close(socket);
  return listens;
}

}  // namespace

bool Rehearsal::Leave(const json& step, const std::string& person, const std::string& role,
                      const std::vector<std::vector<std::string>>& acts) {
  waits_for_person_ = true;
  Waiting waiting{step.value("id", ""), step.value("title", ""), person, role, {}};
  std::string told = step.value("finished", "");  // of one that failed: it is told at each failure
  for (const std::vector<std::string>& arguments : acts) {
    std::string command = Word(Program("smkictl")) + " --site " + Word(Path("persons/" + person + "/client.yaml"));
    for (const std::string& argument : arguments) command += " " + Word(argument);
    told += "\n" + command;
    waiting.commands.push_back(std::move(command));
  }
  if (told_[waiting.step].insert(told).second && on_waiting) on_waiting(waiting);
  return false;
}

StatusOr<std::vector<json>> Rehearsal::ListIncidents() {
  SMKI_ASSIGN_OR_RETURN(const json list, Ask(lead, {"incident", "list"}));
  return list["incidents"].get<std::vector<json>>();
}

Status Rehearsal::AwaitOpening() {
  Leave({{"id", "open"}, {"title", "Open the incident"}}, lead, "incident-lead",
        {{"incident", "open", "--runbook", options_.scenario.runbook, "--party", options_.scenario.party,
          "--organisation", options_.scenario.organisation, "--what", "what was reported, by whom and when"}});
  while (!Interrupted()) {
    if (ReadPage().ok()) return OkStatus();
    SMKI_RETURN_IF_ERROR(KeepServersRunning());
    (void)servers_[static_cast<size_t>(ServerName::kOrchestrator)]->Wait(kGlance);
  }
  return Error(StatusCode::kCancelled, "interrupted");
}

Status Rehearsal::Reuse() {
  const auto estate = ReadSite(Path("estate.yaml"));
  if (!estate.ok()) {
    return FailedPrecondition(
        "{} holds no whole estate ({}). Next: name one that a drill has made, or leave --estate "
        "out",
        options_.folder, Message(estate.status()));
  }
  for (const char* site : {"sim.yaml", "keyguard/keyguard.yaml", "orchestrator/orchestrator.yaml"}) {
    SMKI_ASSIGN_OR_RETURN(const std::string text, ReadSite(Path(site)));
    for (const char* key : {"listen", "personsListen"}) {
      for (const std::string& address : ValuesOf(text, key)) {
        if (SomebodyListens(address))
          return FailedPrecondition(
              "something listens at {}, where {} does: a server of this estate still runs, or "
              "another program has its port. Next: end it",
              address, site);
      }
    }
  }
  const auto devices = ValuesOf(*estate, "devices"), seed = ValuesOf(*estate, "seed");
  if (devices.size() != 1 || seed.size() != 1) return DataLoss("{} is damaged", Path("estate.yaml"));
  options_.devices = std::strtoull(devices[0].c_str(), nullptr, 10);
  options_.seed = std::strtoull(seed[0].c_str(), nullptr, 10);
  SMKI_ASSIGN_OR_RETURN(const json policy, Ask(auditor, {"policy", "show"}));
  anchor_ = policy.value("sha256", "");
  return OkStatus();
}

Status Rehearsal::CheckAllClosed() {
  SMKI_ASSIGN_OR_RETURN(const std::vector<json> incidents, ListIncidents());
  for (const json& incident : incidents) {
    const std::string id = incident.value("incident", "");
    if (incident.value("state", "") != "closed")
      return FailedPrecondition("{} of {} is {}. Next: finish and close it, or use another estate", id, options_.folder,
                                incident.value("state", ""));
    closed_before_.insert(id);
  }
  return closed_before_.empty() ? OkStatus() : PutAsideOldKeys();
}

// The keys that the party got in the incident before are now those that are compromised: it makes others.
Status Rehearsal::PutAsideOldKeys() const {
  namespace fs = std::filesystem;
  const fs::path folder = Path("parties/" + options_.scenario.party);
  const fs::path kept = folder / ("before-" + std::to_string(closed_before_.size() + 1));
  std::error_code error;
  std::vector<fs::path> used;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().rfind("new-", 0) == 0) used.push_back(entry.path());
  }
  if (!error && !used.empty()) fs::create_directory(kept, error);
  for (const fs::path& path : used) {
    if (!error) fs::rename(path, kept / path.filename(), error);
  }
  return error ? Unavailable("{}: {}", folder.string(), error.message()) : OkStatus();
}

bool Rehearsal::fail_point_reached() {
  if (!options_.fail) return false;
  if (restarts_ > 0) return true;
  // The signer is a child of the keyguard, which starts it again by itself and says so.
  const auto log = PosixFiles().Read(Path("logs/" + Name(options_.fail->server) + ".log"), size_t{64} << 20);
  return log.ok() && AsText(*log).find("the signer ended unexpectedly") != std::string_view::npos;
}

}  // namespace smki::sim
