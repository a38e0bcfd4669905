// Who does what when an incident waits for it.
#include <algorithm>

#include "base/clock.h"
#include "sim/scenario/rehearsal.h"

namespace smki::sim {
namespace {

using nlohmann::json;

constexpr Millis kShortestPause{20};
constexpr Millis kLongestPause{400};
constexpr int kStartsAfterFailure = 3;
constexpr char kEverything[] = "key,procedure,devices,cells,validity,limits";  // that a member consents to

// The reason code with which smkictl was refused; empty if it failed otherwise.
std::string RefusalOf(const ProcessExit& exit) {
  constexpr std::string_view kRefused = "refused  ";
  if (exit.err.rfind(kRefused, 0) != 0) return "";
  return exit.err.substr(kRefused.size(), exit.err.find('\n') - kRefused.size());
}

// The party itself has no role here; the operator records what it did.
std::string RoleOf(const std::string& actor) {
  const bool known = actor == "incident-lead" || actor == "pma-member" || actor == "key-custodian";
  return known ? actor : "incident-operator";
}

// Somebody else was faster, or a server is away: the next page tells.
bool MayTryAgain(const std::string& refusal) {
  static const std::set<std::string> passing = {"",
                                                "STALE_PAGE",
                                                "STEP_ALREADY_DONE",
                                                "APPROVAL_DUPLICATE_MEMBER",
                                                "SHARE_DUPLICATE",
                                                "SHARE_REPLAYED",
                                                "NO_CEREMONY",
                                                "CEREMONY_EXPIRED",
                                                "KEY_CLOSED",
                                                "NO_DIRECTION"};
  return passing.count(refusal) != 0;
}

}  // namespace

Status Rehearsal::Open() {
  if (IsLeft("incident-lead")) return AwaitOpening();
  const Scenario& scenario = options_.scenario;
  std::vector<std::string> command = {
      "incident",       "open",
      "--runbook",      scenario.runbook,
      "--party",        scenario.party,
      "--organisation", scenario.organisation,
      "--what",         scenario.what,
      "--request-id",   fmt::format("rehearsal-{}-{}", options_.seed, closed_before_.size())};
  if (!scenario.successor.empty()) {
    command.insert(command.end(),
                   {"--successor", scenario.successor, "--successor-organisation", scenario.successor_organisation});
  }
  SMKI_ASSIGN_OR_RETURN(const ProcessExit exit, Act(lead, command));
  if (exit.code != 0)
    return WithReason(FailedPrecondition("the incident could not be opened: {}", exit.err), RefusalOf(exit));
  return ReadPage();
}

Status Rehearsal::ReadPage() {
  SMKI_ASSIGN_OR_RETURN(json status, Ask(lead, {"incident", "status"}));
  if (closed_before_.contains(status.value("incident", "")))
    return NotFound("no incident of this rehearsal is open yet");
  page_.status = std::move(status);
  if (on_page) on_page(page_);
  return OkStatus();
}

Status Rehearsal::Drive(const std::string& step, Millis patience) {
  Millis pause = kShortestPause;
  std::string seen;
  failures_.clear();
  auto moved = SystemClock().SinceBoot();
  Status trouble;
  while (true) {
    if (Interrupted()) return Error(StatusCode::kCancelled, "interrupted");
    SMKI_RETURN_IF_ERROR(KeepServersRunning());
    bool acted = false;
    waits_for_person_ = false;
    trouble = ReadPage();
    // Opening it was cut short: the lead opens it again; the same request is the same incident.
    if (!trouble.ok() && page_.status.is_null()) trouble = Open();
    if (trouble.ok()) {
      const std::string status = page_.StepStatus(step);
      if (status == "done" || status == "skipped") return OkStatus();
      // The folder is completed after the incident is closed.
      if (page_.closed() && (!step.empty() || !EvidenceFolder().empty())) return OkStatus();
      bool current = false;
      for (const json& one : page_.status["steps"]) {
        const std::string at = one["status"];
        if (at == "done") told_.erase(one.value("id", ""));  // if it is to be repeated it is told again
        current = current || at == "ready" || at == "running" || at == "failed";
        const auto served = Serve(one);
        if (!served.ok()) return served.status();
        acted = acted || *served;
        if (*served) break;  // the page is stale now
      }
      if (!current && !page_.closed()) {
        SMKI_ASSIGN_OR_RETURN(acted, Close());
      }
    }
    const std::string now_seen = trouble.ok() ? page_.status["ledger"].dump() + page_.status["progress"].dump() : "";
    if (waits_for_person_) moved = SystemClock().SinceBoot();  // people have all the time they need
    if (acted || now_seen != seen) {
      seen = now_seen;
      moved = SystemClock().SinceBoot();
      pause = kShortestPause;
      if (acted) continue;
    }
    if (SystemClock().SinceBoot() - moved > patience) {
      return Error(StatusCode::kDeadlineExceeded, "nothing has moved for {} s{}{}; see {}", patience.count() / 1000,
                   step.empty() ? "" : " on the way to step ", step + (trouble.ok() ? "" : ": " + Message(trouble)),
                   Path("logs"));
    }
    // A pause that ends at once when the orchestrator dies.
    if (auto& process = servers_[static_cast<size_t>(ServerName::kOrchestrator)]; process != nullptr)
      (void)process->Wait(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

std::string Rehearsal::PersonFor(const std::string& role) const {
  if (role == "incident-lead") return lead;
  if (role == "pma-member") return members.front();
  if (role == "key-custodian") return custodians.front();
  return team_member;  // incident-operator; a party has no role here
}

StatusOr<bool> Rehearsal::Try(const std::string& person, const std::vector<std::string>& arguments) {
  SMKI_ASSIGN_OR_RETURN(const ProcessExit exit, Act(person, arguments));
  refusal_ = exit.code == 0 ? "" : RefusalOf(exit);
  if (exit.code == 0) acknowledged_.push_back({person, arguments});
  if (exit.code == 0) return true;
  if (MayTryAgain(refusal_)) return false;
  return WithReason(
      FailedPrecondition("{} could not act ({}): {}", person, arguments[0] + " " + arguments[1], exit.err), refusal_);
}

StatusOr<bool> Rehearsal::Serve(const json& step) {
  const std::string id = step["id"], status = step["status"], kind = step["kind"], actor = step["actor"];
  if (status == "ready") {
    if (kind == "attest") return Attest(step);
    if (kind == "decide") return Decide(step);
    if (actor != "system") return StartStep(step, RoleOf(actor));
  }
  if (status == "running") {
    if (kind == "direction") return Vote(step);
    // A campaign goes on after a crash of the keyguard when the key is opened once more.
    if (kind == "ceremony" || step["phase"] == "execution") return PresentShares(step);
  }
  if (status == "failed") {
    if (++failures_[id] > kStartsAfterFailure) {
      return FailedPrecondition("step {} failed {} times: {}", id, kStartsAfterFailure, step.value("result", ""));
    }
    return StartStep(step, "incident-lead");
  }
  return false;
}

StatusOr<bool> Rehearsal::Attest(const json& one) {
  const std::string step = one["id"], role = RoleOf(one.value("actor", ""));
  SMKI_ASSIGN_OR_RETURN(const bool acted, LetPartiesAct(step));
  if (!acted) return false;
  if (IsLeft(role))
    return Leave(one, PersonFor(role), role, {{"incident", "done", step, "--text", "what you did and saw"}});
  return Try(PersonFor(role), {"incident", "done", step, "--text", "rehearsed: " + step});
}

StatusOr<bool> Rehearsal::LetPartiesAct(const std::string& step) {
  if (acted_.count(step) != 0) return true;
  SMKI_ASSIGN_OR_RETURN(const bool prepared, LetStaffAct(step));
  if (!prepared) return false;
  for (const PartyAct& act : options_.scenario.acts) {
    if (act.step != step) continue;
    std::vector<std::string> command = act.command;
    command.insert(command.end(), {"--estate", options_.folder, "--party", act.party});
    SMKI_ASSIGN_OR_RETURN(const ProcessExit exit, Run("smki-sim", command));
    // The authority may be down for a moment; what a party has done already it finds done.
    if (exit.code != 0) return false;
  }
  acted_.insert(step);
  return true;
}

StatusOr<bool> Rehearsal::LetStaffAct(const std::string& step) {
  const std::vector<StaffAct>& staff = options_.scenario.staff;
  for (; staff_done_ < staff.size() && staff[staff_done_].step == step; ++staff_done_) {
    const StaffAct& act = staff[staff_done_];
    std::vector<std::string> arguments;
    for (std::string argument : act.arguments) {
      for (const auto& [word, folder] :
           {std::pair("{estate}", options_.folder), std::pair("{runbooks}", options_.runbooks)}) {
        if (const size_t at = argument.find(word); at != std::string::npos)
          argument.replace(at, std::string_view(word).size(), folder);
      }
      arguments.push_back(std::move(argument));
    }
    if (act.while_down) Stop(ServerName::kSim);
    SMKI_ASSIGN_OR_RETURN(const ProcessExit exit, Run(act.program, arguments));
    if (act.while_down) SMKI_RETURN_IF_ERROR(Start(ServerName::kSim));
    if (exit.code != 0) return FailedPrecondition("{} {}: {}", act.program, act.arguments[0], exit.err);
  }
  return true;
}

StatusOr<bool> Rehearsal::Decide(const json& step) {
  const std::string id = step["id"];
  const auto chosen = choices.find(id);
  const std::string choice = chosen != choices.end() ? chosen->second : step["choices"].front().get<std::string>();
  const std::string role = RoleOf(step.value("actor", ""));
  // At a terminal the factors are asked one by one.
  if (IsLeft(role)) return Leave(step, PersonFor(role), role, {{"incident", "decide", id, choice, "--text", "why"}});
  std::vector<std::string> arguments = {"incident", "decide", id, choice, "--text", "rehearsed: " + choice};
  const json stops = step.value("stops", json::array());
  if (std::find(stops.begin(), stops.end(), choice) == stops.end()) {
    for (const json& factor : step.value("factors", json::array()))
      arguments.insert(arguments.end(),
                       {"--factor", factor.value("id", "") + "=rehearsed: " + factor.value("question", "")});
  }
  return Try(PersonFor(role), arguments);
}

StatusOr<bool> Rehearsal::StartStep(const json& step, const std::string& role) {
  const std::vector<std::string> start = {"incident", "start", step.value("id", "")};
  return IsLeft(role) ? StatusOr<bool>(Leave(step, PersonFor(role), role, {start})) : Try(PersonFor(role), start);
}

StatusOr<bool> Rehearsal::Close() {
  const std::vector<std::string> close = {"incident", "close", "--text", "every step is done and the report was read"};
  if (!IsLeft("incident-lead")) return Try(lead, close);
  return Leave({{"id", "close"}, {"title", "Close the incident"}}, lead, "incident-lead", {close});
}

StatusOr<bool> Rehearsal::Vote(const json& step) {
  const std::string digest = page_.status.value("direction_digest", "");
  if (digest.empty()) return false;  // not drafted yet
  if (IsLeft("pma-member")) {
    for (const std::string& member : members)
      Leave(step, member, "pma-member",
            {{"direction", "review"}, {"direction", "sign", "--digest", digest.substr(0, 16)}});
    return false;
  }
  for (const std::string& member : members) {
    if (voted_.count(digest + " " + member) != 0) continue;
    SMKI_ASSIGN_OR_RETURN(const ProcessExit review, Act(member, {"direction", "review"}));
    if (review.code != 0) return false;
    SMKI_ASSIGN_OR_RETURN(const bool counted,
                          Try(member, {"direction", "sign", "--digest", digest.substr(0, 16), "--yes", kEverything}));
    // A vote that was lost with a server is given again; one that had arrived is not.
    if (counted || refusal_ == "APPROVAL_DUPLICATE_MEMBER") voted_.insert(digest + " " + member);
    return counted;
  }
  return false;
}

StatusOr<bool> Rehearsal::PresentShares(const json& step) {
  const auto status = Ask(custodians.front(), {"keyguard", "status"});
  if (!status.ok() || status->value("state", "") != "ceremony") return false;
  const std::string ceremony = status->value("ceremony", "");
  const std::vector<std::string>& asked = status->value("key", "") == "symmetric" ? symmetric_custodians : custodians;
  if (IsLeft("key-custodian")) {
    for (const std::string& custodian : asked)
      Leave(step, custodian, "key-custodian", {{"ceremony", "check"}, {"ceremony", "present", "--ceremony", ceremony}});
    return false;
  }
  std::set<std::string> presented;
  for (const json& person : (*status)["presented"]) presented.insert(person.get<std::string>());
  for (const std::string& custodian : asked) {
    if (presented.count(custodian) != 0) continue;
    SMKI_ASSIGN_OR_RETURN(const ProcessExit check, Act(custodian, {"ceremony", "check"}));
    if (check.code != 0) return false;
    return Try(custodian, {"ceremony", "present", "--ceremony", ceremony});
  }
  return false;
}

}  // namespace smki::sim
