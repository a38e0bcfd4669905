#include "sim/scenario/drill.h"

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <map>

#include "base/clock.h"
#include "sim/scenario/drill_result.h"
#include "sim/scenario/rehearsal.h"

namespace smki::sim {
namespace {

using nlohmann::json;

struct DrillOptions {
  RehearsalOptions rehearsal;
  std::string scenario = "method-3";
  std::string output = "text";
  bool keep_running = false;
  std::string estate;  // reused; empty: a new one is made
  std::string fail;    // POINT[:N]
};

// Progress for whoever watches: one calm line a phase on a terminal, nothing in a pipe.
class Screen {
 public:
  explicit Screen(bool text) : draws_(text && ::isatty(STDOUT_FILENO) == 1) {}
  void Begin(const std::string& phase) {
    phase_ = phase;
    Draw("...");
  }
  void Progress(const Page& page) {
    if (!draws_ || phase_.empty() || !page.status.is_object()) return;
    const json& progress = page.status["progress"];
    const uint64_t total = progress.value("total", uint64_t{0}), recovered = progress.value("recovered", uint64_t{0});
    if (total == 0 || recovered == total) return;
    const size_t filled = recovered * 24 / total;
    Draw(fmt::format("[{}{}] {} of {}, {:.0f} a second", std::string(filled, '#'), std::string(24 - filled, '.'),
                     recovered, total, progress.value("per_second", 0.0)));
  }
  void End(Millis took) {
    if (draws_) std::printf("\r\x1b[K  %-34s %s\n", phase_.c_str(), Took(took).c_str());
    phase_.clear();
  }
  void Line(const std::string& text) const {
    if (draws_) std::printf("%s\n", text.c_str());
  }

 private:
  void Draw(const std::string& text) const {
    if (!draws_) return;
    std::printf("\r\x1b[K  %-34s %s", phase_.c_str(), text.c_str());
    std::fflush(stdout);
  }
  bool draws_;
  std::string phase_;
};

class Drill {
 public:
  explicit Drill(const DrillOptions& options)
      : rehearsal_(options.rehearsal), screen_(options.output == "text"), reuses_(!options.estate.empty()) {
    result_.scenario = options.rehearsal.scenario.name;
    result_.seed = options.rehearsal.seed;
    result_.folder = rehearsal_.options().folder;
    // Whatever the output is: a person must read it, and standard output may be one JSON object.
    rehearsal_.on_waiting = [](const Waiting& waiting) {
      std::fprintf(stderr, "\nwaiting for %s (%s): %s, %s\n", waiting.person.c_str(), waiting.role.c_str(),
                   waiting.step.c_str(), waiting.title.c_str());
      for (const std::string& command : waiting.commands) std::fprintf(stderr, "  %s\n", command.c_str());
    };
    rehearsal_.on_page = [this](const Page& page) {
      screen_.Progress(page);
      TakeProgress(page);
      // Known only while the campaign runs.
      const json& failures = page.status["progress"]["failures"];
      if (!failures.empty()) failures_ = failures;
    };
  }

  const DrillResult& Run(bool keep_running) {
    screen_.Line(fmt::format("Drill of {}: {} Devices, seed {}, in {}\n", result_.scenario,
                             rehearsal_.options().devices, result_.seed, result_.folder));
    const Status status = Rehearse();
    if (!status.ok()) result_.failure = Interrupted() ? "It was interrupted." : Message(status);
    if (keep_running && status.ok()) {
      screen_.Line("\nThe servers go on running, for example:\n  smkictl --site " +
                   rehearsal_.Path("persons/lena.lead/client.yaml") + " incident status\nControl-C ends them.");
      while (!Interrupted()) ::poll(nullptr, 0, 1000);
      ForgetInterrupt();
    }
    for (const ServerName server : {ServerName::kOrchestrator, ServerName::kKeyguard, ServerName::kSim}) {
      const int code = rehearsal_.Stop(server);
      if (status.ok()) Check(Name(server) + " ended in order", code == 0, fmt::format("exit code {}", code));
    }
    if (status.ok()) {
      const Status verified = Phase("verification", [this] { return VerifyAll(); });
      if (!verified.ok()) result_.failure = Message(verified);
    }
    return result_;
  }

 private:
  Status Rehearse() {
    result_.total = rehearsal_.options().devices;
    SMKI_RETURN_IF_ERROR(Phase(reuses_ ? "estate found in order" : "estate made",
                               [this] { return reuses_ ? rehearsal_.Reuse() : rehearsal_.Generate(); }));
    result_.total = rehearsal_.options().devices;
    result_.seed = rehearsal_.options().seed;
    result_.anchor = rehearsal_.anchor();
    SMKI_RETURN_IF_ERROR(Phase("servers started", [this]() -> Status {
      SMKI_RETURN_IF_ERROR(rehearsal_.StartServers());
      return reuses_ ? rehearsal_.CheckAllClosed() : OkStatus();
    }));
    for (const ScenarioPhase& phase : scenario().phases) {
      SMKI_RETURN_IF_ERROR(Phase(phase.title, [&]() -> Status {
        const Status opened = &phase == &scenario().phases.front() ? rehearsal_.Open() : OkStatus();
        // What a fail point cut short is done again.
        if (!opened.ok() && !rehearsal_.options().fail) return opened;
        return rehearsal_.Drive(phase.step);
      }));
    }
    return Collect();
  }

  template <typename F>
  Status Phase(const std::string& name, F f) {
    screen_.Begin(name);
    const auto start = SystemClock().SinceBoot();
    const Status status = f();
    result_.phases.push_back({name, std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start)});
    screen_.End(result_.phases.back().took);
    return status.ok() ? status : WithContext(status, name);
  }

  void Check(const std::string& name, bool held, const std::string& detail) {
    result_.checks.push_back({name, held, held ? "" : detail});
  }

  // As of the last page, also of a drill that did not get to its end.
  void TakeProgress(const Page& page) {
    if (!page.status.contains("progress")) return;
    const json& progress = page.status["progress"];
    if (const auto total = progress.value("total", uint64_t{0}); total > 0) result_.total = total;
    result_.recovered = progress.value("recovered", uint64_t{0});
    result_.half_replaced = progress.value("half_replaced", uint64_t{0});
    result_.refused = progress.value("refused", uint64_t{0});
    result_.silent = progress.value("silent", uint64_t{0});
    result_.signatures = progress.value("signatures", uint64_t{0});
  }

  // What the servers say while they still run.
  Status Collect() {
    result_.evidence = rehearsal_.EvidenceFolder();
    std::map<std::string, uint64_t> refusals;
    for (const json& failure : failures_) refusals[failure.value("code", "")] += failure.value("count", uint64_t{0});
    SMKI_ASSIGN_OR_RETURN(const json keyguard, rehearsal_.Ask(rehearsal_.lead, {"keyguard", "status"}));
    result_.signatures = keyguard.value("signatures", uint64_t{0});
    result_.keyguard_refusals = keyguard.value("refusals", uint64_t{0});
    for (const json& refusal : keyguard["refusal_counts"])
      refusals[refusal.value("code", "")] += refusal.value("count", uint64_t{0});
    result_.refusals.assign(refusals.begin(), refusals.end());
    SMKI_ASSIGN_OR_RETURN(const json shown,
                          rehearsal_.Ask(rehearsal_.auditor, {"repository", "show", scenario().organisation, "--store",
                                                              rehearsal_.Path("orchestrator/data/repository.store")}));
    result_.certificates = shown["repository"]["certificates"].value("total", uint64_t{0});
    result_.repository_digest = shown["repository"].value("digest", "");
    if (scenario().proven) TakeProof();
    Check("every Device is recovered, says the orchestrator",
          (scenario().hierarchy || result_.total == rehearsal_.options().devices) && result_.total > 0 &&
              result_.recovered == result_.total,
          fmt::format("{} of {}, {} were made", result_.recovered, result_.total, rehearsal_.options().devices));
    if (const auto& fail = rehearsal_.options().fail)
      Check(fail->Variable() + " was reached", rehearsal_.fail_point_reached(),
            "no server came there so often; the drill was one without a failure");
    Check("the key is closed", keyguard.value("state", "") == "closed", keyguard.value("state", ""));
    if (!scenario().directed)
      Check("no key of the DCC signed anything", result_.signatures == 0,
            fmt::format("{} signatures", result_.signatures));
    return OkStatus();
  }

  // What Devices have proven that no directed key reached, or reached last.
  void TakeProof() {
    const json& outputs = rehearsal_.page().status["outputs"];
    const std::string devices = outputs.value("proven.devices", "0"),
                      recovered = outputs.value("proven.recovered", "0");
    if (!scenario().directed) {
      result_.total = std::stoull(devices);
      result_.recovered = std::stoull(recovered);
    }
    Check("every Device has proven whose it is now",
          recovered == devices && devices == fmt::format("{}", result_.total),
          fmt::format("{} of {}", recovered, devices));
  }

  // What can be seen with no server at all.
  Status VerifyAll() {
    SMKI_ASSIGN_OR_RETURN(const json ledger, rehearsal_.VerifyEvidence());
    result_.ledger_entries = ledger.value("entries", uint64_t{0});
    result_.ledger_head = ledger.value("head", "");
    result_.ledger_verified = ledger.value("verdict", "") == "verified";
    const json& findings = ledger["findings"];
    Check("the evidence verifies offline", result_.ledger_verified,
          findings.empty() ? ledger.value("verdict", "")
                           : findings.front().value("where", "") + ": " + findings.front().value("what", ""));
    if (scenario().hierarchy) return VerifyHierarchy();
    SMKI_ASSIGN_OR_RETURN(const json fleet, rehearsal_.VerifyFleet());
    const std::string keys =
        scenario().holder == scenario().party ? "the new keys" : "the keys of " + scenario().holder;
    Check(fmt::format("every Device holds {}, says the Device", keys),
          fleet.value("recovered", uint64_t{0}) == result_.total,
          fmt::format("{} of {}", fleet.value("recovered", uint64_t{0}), result_.total));
    const json listed = {{scenario().listed_under, result_.total}}, statuses = {{scenario().status, result_.total}};
    Check(fmt::format("the inventory lists every Device under {}, {}", scenario().listed_under, scenario().status),
          fleet["listed"] == listed && fleet["statuses"] == statuses,
          fleet["listed"].dump() + fleet["statuses"].dump());
    const uint64_t others = fleet.value("bystanders", uint64_t{0});
    const uint64_t touched = fleet.value("touched_bystanders", others);
    Check("no other Device was touched", others > 0 && touched == 0, fmt::format("{} of {} were", touched, others));
    return OkStatus();
  }

  Status VerifyHierarchy() {
    SMKI_ASSIGN_OR_RETURN(const ProcessExit exit,
                          rehearsal_.Run("smki-sim", {"verify-hierarchy", "--estate", rehearsal_.options().folder}));
    const json fleet = json::parse(exit.out, nullptr, false);
    if (exit.code != 0 || fleet.is_discarded()) return Internal("smki-sim verify-hierarchy: {}", exit.err);
    const uint64_t devices = fleet.value("devices", uint64_t{0}), under = fleet.value("under_root", uint64_t{0});
    Check("every Device holds the new root and certificates under it only, says the Device",
          devices == result_.total && under == devices,
          fmt::format("{} of {}, {} were directed", under, devices, result_.total));
    return OkStatus();
  }

  const Scenario& scenario() const { return rehearsal_.options().scenario; }

  Rehearsal rehearsal_;
  Screen screen_;
  const bool reuses_;
  DrillResult result_;
  json failures_ = json::array();
};

}  // namespace

void AddDrillCommand(CLI::App& app) {
  CLI::App* drill = app.add_subcommand("drill", "rehearse a whole recovery on this machine, with real processes");
  auto options = std::make_shared<DrillOptions>();
  CLI::Option* out = drill->add_option("--out", options->rehearsal.folder,
                                       "folder for the estate, logs, transcript and evidence; must not exist");
  CLI::Option* estate = drill
                            ->add_option("--estate", options->estate,
                                         "instead: the folder of an earlier drill, whose estate gets one more incident")
                            ->excludes(out);
  drill->add_option("--scenario", options->scenario, "what is rehearsed: " + ScenarioNames())
      ->check([](const std::string& name) {
        return FindScenario(name) != nullptr ? "" : "there is no scenario '" + name + "', only " + ScenarioNames();
      })
      ->capture_default_str();
  drill
      ->add_option("--interactive", options->rehearsal.interactive,
                   "roles that people play themselves, at their own smkictl: what each is waited for is told here")
      ->check(CLI::IsMember(std::vector<std::string>(kPlayableRoles.begin(), kPlayableRoles.end())));
  drill->add_option("--fail", options->fail,
                    "POINT[:N]: the server that has this fail point ends itself there, the Nth time "
                    "(docs/formats/fail-points.md)");
  drill->add_option("--devices", options->rehearsal.devices, "Devices of the supplier that it is about")
      ->check(CLI::Range(1, 10'000'000))
      ->excludes(estate)
      ->capture_default_str();
  drill->add_option("--seed", options->rehearsal.seed, "fixes layout, names, counts and order")->capture_default_str();
  drill->add_option("--runbooks", options->rehearsal.runbooks, "folder of runbooks")->required();
  drill->add_option("--output", options->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  drill->add_flag("--keep-running", options->keep_running,
                  "leave the servers running after the recovery, until Control-C");
  drill->callback([options] {
    if (options->rehearsal.folder.empty() == options->estate.empty())
      throw CLI::RequiredError("one of --out and --estate");
    if (!options->estate.empty()) options->rehearsal.folder = options->estate;
    if (!options->fail.empty()) {
      auto fail = ParseFailPoint(options->fail);
      if (!fail.ok()) {
        std::fprintf(stderr, "--fail: %s\n", Message(fail.status()).c_str());  // a list is longer than a usage message
        throw CLI::RuntimeError(2);
      }
      options->rehearsal.fail = *std::move(fail);
    }
    CatchInterrupts();
    options->rehearsal.scenario = *FindScenario(options->scenario);
    Drill run(*options);
    const DrillResult& result = run.Run(options->keep_running);
    const std::string json = ToJson(result).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::ofstream(result.folder + "/result.json") << json << '\n';
    if (options->output == "json") {
      std::printf("%s\n", json.c_str());
    } else {
      std::fputs(ToText(result, ::isatty(STDOUT_FILENO) == 1).c_str(), stdout);
    }
    std::fflush(stdout);
    if (!result.passed()) throw CLI::RuntimeError(1);
  });
}

}  // namespace smki::sim
