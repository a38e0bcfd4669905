#include "sim/scenario/rehearsal.h"

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/file.h"

namespace smki::sim {
namespace {

constexpr Millis kServerStart{60'000};
constexpr Millis kServerStop{10'000};
constexpr Millis kActLimit{120'000};
constexpr Millis kGenerateLimit{3'600'000};

std::string SiteOf(ServerName server) {
  switch (server) {
    case ServerName::kSim:
      return "sim.yaml";
    case ServerName::kKeyguard:
      return "keyguard/keyguard.yaml";
    case ServerName::kOrchestrator:
      return "orchestrator/orchestrator.yaml";
  }
  return "";
}

size_t Index(ServerName server) {
  return static_cast<size_t>(server);
}

// What a failed child said last, for a message.
std::string Said(const ProcessExit& exit) {
  std::string text = exit.err.empty() ? exit.out : exit.err;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.size() > 1000 ? "..." + text.substr(text.size() - 1000) : text;
}

StatusOr<nlohmann::json> ParseJson(const std::string& text, const std::string& what) {
  nlohmann::json out = nlohmann::json::parse(text, nullptr, false);
  if (out.is_discarded()) return Internal("{} printed no JSON: {}", what, text.substr(0, 500));
  return out;
}

}  // namespace

std::string Name(ServerName server) {
  switch (server) {
    case ServerName::kSim:
      return "smki-sim";
    case ServerName::kKeyguard:
      return "smki-keyguard";
    case ServerName::kOrchestrator:
      return "smki-orchestrator";
  }
  return "";
}

bool Page::closed() const {
  return status.is_object() && status.value("state", "") == "closed";
}
uint64_t Page::sequence() const {
  return status.is_object() ? status.value("sequence", uint64_t{0}) : 0;
}
std::string Page::StepStatus(const std::string& id) const {
  if (!status.is_object()) return "";
  for (const nlohmann::json& step : status["steps"]) {
    if (step["id"] == id) return step["status"];
  }
  return "";
}

Rehearsal::Rehearsal(RehearsalOptions options) : options_(std::move(options)) {
  if (options_.programs.empty()) options_.programs = OwnFolder();
  // Site files and evidence are told apart by absolute paths, wherever a child runs.
  std::error_code error;
  options_.folder = std::filesystem::absolute(options_.folder, error).lexically_normal().string();
  while (options_.folder.size() > 1 && options_.folder.back() == '/') options_.folder.pop_back();
}

Rehearsal::~Rehearsal() {
  for (const ServerName server : {ServerName::kOrchestrator, ServerName::kKeyguard, ServerName::kSim}) Stop(server);
}

Status Rehearsal::Generate() {
  const std::vector<std::string> command = {Program("smki-sim"),
                                            "generate",
                                            "--out",
                                            options_.folder,
                                            "--devices",
                                            std::to_string(options_.devices),
                                            "--seed",
                                            std::to_string(options_.seed),
                                            "--runbooks",
                                            options_.runbooks};
  SMKI_ASSIGN_OR_RETURN(const ProcessExit exit, RunProcess(command, {}, kGenerateLimit));
  if (exit.code != 0) return Internal("smki-sim generate failed ({}): {}", exit.code, Said(exit));
  SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(Path("logs")));
  Record(command, exit);
  SMKI_ASSIGN_OR_RETURN(const nlohmann::json policy, Ask(auditor, {"policy", "show"}));
  anchor_ = policy.value("sha256", "");
  return OkStatus();
}

Status Rehearsal::Start(ServerName server, const std::vector<std::string>& environment) {
  std::vector<std::string> command = {Program(Name(server))};
  if (server == ServerName::kSim) command.push_back("serve");
  command.insert(command.end(), {"--site", Path(SiteOf(server))});
  std::vector<std::string> variables = options_.environment;
  variables.insert(variables.end(), environment.begin(), environment.end());
  SMKI_ASSIGN_OR_RETURN(
      servers_[Index(server)],
      Process::Start(command, variables, Path("logs/" + Name(server) + ".log"), "ready", kServerStart));
  return OkStatus();
}

Status Rehearsal::StartServers() {
  for (const ServerName server : {ServerName::kSim, ServerName::kKeyguard, ServerName::kOrchestrator})
    SMKI_RETURN_IF_ERROR(Start(server));
  return OkStatus();
}

void Rehearsal::Kill(ServerName server) {
  if (servers_[Index(server)] != nullptr) servers_[Index(server)]->Kill();
}

int Rehearsal::Stop(ServerName server) {
  auto& process = servers_[Index(server)];
  const int code = process == nullptr ? 0 : process->Stop(kServerStop);
  process.reset();
  return code;
}

pid_t Rehearsal::Pid(ServerName server) const {
  return servers_[Index(server)] == nullptr ? -1 : servers_[Index(server)]->pid();
}

bool Rehearsal::Running(ServerName server) {
  return servers_[Index(server)] != nullptr && servers_[Index(server)]->Running();
}

Status Rehearsal::Restart(ServerName server, const std::vector<std::string>& environment) {
  Stop(server);
  return Start(server, environment);
}

// A server that died is started again as it was meant to be: without a fail point.
Status Rehearsal::KeepServersRunning() {
  for (const ServerName server : {ServerName::kSim, ServerName::kKeyguard, ServerName::kOrchestrator}) {
    if (servers_[Index(server)] == nullptr || Running(server)) continue;
    Status started;
    do {
      if (++restarts_ > options_.max_restarts) {
        return Unavailable("{} dies again and again{}{}; see {}", Name(server), started.ok() ? "" : ": ",
                           Message(started), Path("logs/" + Name(server) + ".log"));
      }
      started = Start(server);
    } while (!started.ok());
  }
  return OkStatus();
}

void Rehearsal::Record(const std::vector<std::string>& command, const StatusOr<ProcessExit>& result) {
  std::ofstream out(Path("transcript.txt"), std::ios::binary | std::ios::app);
  out << "$ " << std::filesystem::path(command[0]).filename().string();
  for (size_t i = 1; i < command.size(); ++i) {
    const bool plain = command[i].find_first_of(" \"'") == std::string::npos && !command[i].empty();
    out << ' ' << (plain ? command[i] : "'" + command[i] + "'");
  }
  out << '\n';
  if (!result.ok()) {
    out << Message(result.status()) << "\n\n";
    return;
  }
  out << result->out << result->err;
  if (result->code != 0) out << "[exit code " << result->code << "]\n";
  out << '\n';
}

StatusOr<ProcessExit> Rehearsal::Act(const std::string& person, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {Program("smkictl"), "--site", Path("persons/" + person + "/client.yaml")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const StatusOr<ProcessExit> result = RunProcess(command, {}, kActLimit);
  // Questions by the rehearsal itself would drown what people did.
  const bool asked = arguments.back() == "json";
  if (!asked) Record(command, result);
  return result;
}

StatusOr<nlohmann::json> Rehearsal::Ask(const std::string& person, const std::vector<std::string>& arguments) {
  std::vector<std::string> with_json = arguments;
  with_json.insert(with_json.end(), {"--output", "json"});
  SMKI_ASSIGN_OR_RETURN(const ProcessExit exit, Act(person, with_json));
  if (exit.code != 0) {
    const nlohmann::json error = nlohmann::json::parse(exit.err, nullptr, false);
    if (error.is_discarded() || !error.contains("error"))
      return Internal("smkictl {} failed ({}): {}", arguments[0], exit.code, Said(exit));
    const nlohmann::json& what = error["error"];
    return WithReason(
        FailedPrecondition("{} as {}: {}", arguments[0] + " " + (arguments.size() > 1 ? arguments[1] : ""), person,
                           what.value("message", "")),
        what.value("reason", ""));
  }
  return ParseJson(exit.out, "smkictl " + arguments[0]);
}

StatusOr<ProcessExit> Rehearsal::Run(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {Program(program)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const StatusOr<ProcessExit> result = RunProcess(command, {}, kActLimit);
  Record(command, result);
  return result;
}

std::string Rehearsal::EvidenceFolder() const {
  const std::string folder = page_.status.is_object() ? page_.status.value("evidence", "") : "";
  if (folder.empty() || folder.front() == '/') return folder;
  return Path("orchestrator/" + folder);
}

StatusOr<nlohmann::json> Rehearsal::VerifyEvidence() {
  const std::vector<std::string> command = {"--output",       "json",     "ledger", "verify",
                                            EvidenceFolder(), "--anchor", anchor_};
  SMKI_ASSIGN_OR_RETURN(const ProcessExit exit, Run("smkictl", command));
  return ParseJson(exit.out, "smkictl ledger verify");
}

StatusOr<nlohmann::json> Rehearsal::VerifyFleet() {
  SMKI_ASSIGN_OR_RETURN(const ProcessExit exit, Run("smki-sim", {"verify-fleet", "--estate", options_.folder, "--party",
                                                                 options_.scenario.party, "--holder",
                                                                 options_.scenario.holder, "--output", "json"}));
  return ParseJson(exit.out, "smki-sim verify-fleet");
}

}  // namespace smki::sim
