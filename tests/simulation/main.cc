// smki-simulate: runs seeds (./dev simulate). Exit code 0: all clean; 1: a promise was broken; 2: bad arguments.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/usage.h"
#include "tests/simulation/coverage.h"
#include "tests/simulation/shrink.h"

namespace smki::simulation {
namespace {

using Json = nlohmann::json;

constexpr size_t kEstates = 4;
constexpr size_t kShownLines = 60;  // of a story that nobody asked to see whole

struct Options {
  uint64_t seeds = 100, from = 1, minutes = 0, shrink = 80;
  std::optional<uint64_t> seed;
  bool trace = false, quiet = false, stop = false, coverage = false;
  std::vector<std::string> without, only;
  std::string hsm, runbooks = "runbooks", commit = "unknown", output = "text";
};

// A folder of our own, gone with us.
class Scratch {
 public:
  Scratch() : path_(fmt::format("/dev/shm/smki-simulate-{}", ::getpid())) {}
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::current_path("/", ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Totals {
  uint64_t runs = 0, failed = 0, events = 0, strikes = 0, recovered = 0;
  Millis simulated{0};
  double seconds = 0;  // of simulating alone
};

Json JsonOf(const Run& run, double seconds) {
  Json out = {{"seed", run.seed},           {"clean", run.violations.empty()},
              {"recovered", run.recovered}, {"devices", run.total},
              {"events", run.events},       {"simulated_ms", run.simulated.count()},
              {"seconds", seconds},         {"digest", ToHex(run.digest)},
              {"strikes", Json::array()},   {"violations", Json::array()}};
  for (const Strike& strike : run.strikes) out["strikes"].push_back(strike.Id());
  for (const Violation& violation : run.violations)
    out["violations"].push_back({{"invariant", violation.invariant}, {"what", violation.what}});
  return out;
}

void ShowRun(const Run& run, double seconds) {
  fmt::print("seed {}: {} {}/{} recovered, {} strikes, {} events, {:.1f} h in {:.2f} s, {}\n", run.seed,
             run.violations.empty() ? "clean" : "FAILED", run.recovered, run.total, run.strikes.size(), run.events,
             static_cast<double>(run.simulated.count()) / 3.6e6, seconds, ToHex(run.digest).substr(0, 16));
  for (const Violation& violation : run.violations) fmt::print("  {}: {}\n", violation.invariant, violation.what);
  std::fflush(stdout);
}

// What somebody needs who is to mend it.
void ShowFailure(const Stage& stage, const Options& options, const RunOptions& run_options, const Run& run) {
  fmt::print("  seed {}, commit {}, {}\n  its temper: {}\n", run.seed, options.commit, run.violations[0].invariant,
             run.temper);
  if (options.shrink == 0) return;
  std::fflush(stdout);
  const Shrunk shrunk = Shrink(stage, run_options, run, options.shrink);
  const std::vector<std::string>& story = shrunk.run.story;
  fmt::print("  the shortest story that was found ({} runs), with {} of {} strikes:\n", shrunk.runs,
             shrunk.run.strikes.size(), run.strikes.size());
  const size_t first = story.size() > kShownLines ? story.size() - kShownLines : 0;
  if (first > 0) fmt::print("    ... {} lines before\n", first);
  for (size_t i = first; i < story.size(); ++i) fmt::print("    {}\n", story[i]);
  std::string again = fmt::format("  again: ./dev simulate --seed {} --trace --only", run.seed);
  for (const Strike& strike : shrunk.run.strikes) {
    fmt::print("    struck at {}: {}\n", FormatTime(strike.time), strike.Id());
    again += fmt::format(" '{}'", strike.Id());
  }
  if (!shrunk.run.strikes.empty()) fmt::print("{}\n", again);
  std::fflush(stdout);
}

std::optional<RunOptions> OptionsOf(const Options& options) {
  RunOptions out;
  out.quiet = options.quiet;
  if (!options.only.empty()) out.only = std::set<std::string>(options.only.begin(), options.only.end());
  for (const std::string& name : options.without) {
    const auto fault = FaultNamed(name);
    if (!fault) {
      fmt::print(stderr,
                 "smki-simulate: there is no fault '{}'. Next: the table of ./dev simulate --coverage names all\n",
                 name);
      return std::nullopt;
    }
    out.without.insert(*fault);
  }
  if (options.trace) {
    out.on_line = [](const std::string& line) { fmt::print("{}\n", line); };
  }
  return out;
}

void ShowTotals(const Options& options, const Totals& totals, const Coverage& coverage) {
  const double simulated = static_cast<double>(totals.simulated.count()) / 1000;
  if (options.output == "json") {
    const Json out = {{"runs", totals.runs},        {"failed", totals.failed},          {"events", totals.events},
                      {"strikes", totals.strikes},  {"simulated_seconds", simulated},   {"seconds", totals.seconds},
                      {"coverage", coverage.met()}, {"never_met", coverage.NeverMet()}, {"commit", options.commit}};
    fmt::print("{}\n", out.dump());
    return;
  }
  fmt::print(
      "{} of {} seeds clean from {} on; {} strikes, {} Devices recovered; {:.0f} simulated seconds a second, "
      "{:.0f} events a second\n",
      totals.runs - totals.failed, totals.runs, options.seed.value_or(options.from), totals.strikes, totals.recovered,
      simulated / totals.seconds, static_cast<double>(totals.events) / totals.seconds);
  if (options.coverage) fmt::print("{}", coverage.Table());
}

int Play(const Options& options) {
  const auto run_options = OptionsOf(options);
  if (!run_options) return 2;
  const std::string runbooks = std::filesystem::absolute(options.runbooks).string();
  const std::string hsm = std::filesystem::absolute(options.hsm).string();
  const Scratch scratch;
  const auto stage = MakeStage(scratch.path(), hsm, runbooks, kEstates);
  if (!stage.ok()) {
    fmt::print(stderr, "smki-simulate: {}\n", Message(stage.status()));
    return 2;
  }
  Totals totals;
  Coverage coverage;
  const auto begun = std::chrono::steady_clock::now();
  const auto since = [](auto from) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
  };
  const uint64_t first = options.seed.value_or(options.from);
  const uint64_t count = options.seed ? 1 : options.minutes > 0 ? UINT64_MAX - first : options.seeds;
  for (uint64_t seed = first; seed - first < count; ++seed) {
    if (options.minutes > 0 && since(begun) > static_cast<double>(options.minutes) * 60) break;
    RunOptions one = *run_options;
    one.seed = seed;
    const auto started = std::chrono::steady_clock::now();
    const Run run = Simulate(*stage, one);
    const double seconds = since(started);
    coverage.Add(run);
    ++totals.runs;
    totals.seconds += seconds;
    totals.events += run.events;
    totals.strikes += run.strikes.size();
    totals.recovered += run.recovered;
    totals.simulated += run.simulated;
    if (options.output == "json") {
      fmt::print("{}\n", JsonOf(run, seconds).dump());
      std::fflush(stdout);
    } else if (options.seed || !run.violations.empty() || ::isatty(1) == 1) {
      ShowRun(run, seconds);
    }
    if (run.violations.empty()) continue;
    ++totals.failed;
    if (options.output != "json" && !options.trace) ShowFailure(*stage, options, one, run);
    if (options.stop) break;
  }
  ShowTotals(options, totals, coverage);
  return totals.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace smki::simulation

int main(int argc, char** argv) {
  smki::simulation::Options options;
  CLI::App app("Deterministic simulation of the recovery system; every run is a pure function of its seed.");
  app.add_option("--seeds", options.seeds, "how many seeds (100)");
  app.add_option("--from", options.from, "the first of them (1)");
  app.add_option("--minutes", options.minutes, "as many seeds as that takes, instead of --seeds");
  app.add_option("--seed", options.seed, "this one only");
  app.add_flag("--trace", options.trace, "tell the whole story as it happens");
  app.add_flag("--coverage", options.coverage, "show which faults met which kinds of steps");
  app.add_flag("--first-failure", options.stop, "stop at the first seed that fails");
  app.add_option("--shrink", options.shrink, "runs to find the shortest story of a failure; 0: none (80)");
  app.add_option("--without", options.without, "faults that do not happen");
  app.add_option("--only", options.only, "strikes that may happen, as a failure names them; no others do");
  app.add_flag("--quiet-world", options.quiet, "nothing goes wrong");
  app.add_option("--output", options.output, "text or json (a line for each seed, and one for all)")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--hsm", options.hsm, "libsmki_sim_hsm.so")->required();
  app.add_option("--runbooks", options.runbooks, "folder of runbooks");
  app.add_option("--commit", options.commit, "what was built, for the report");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return smki::ExitAfter(app, error, argc, argv);
  }
  return smki::simulation::Play(options);
}
