// smki-simulate: runs seeds (./dev simulate).
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "base/usage.h"
#include "tests/simulation/shrink.h"

namespace smki::simulation {
namespace {

struct Options {
  uint64_t seeds = 100, from = 1;
  std::optional<uint64_t> seed;
  bool trace = false, quiet = false;
  std::vector<std::string> without;
  uint64_t shrink = 80;
  std::vector<std::string> only;
  std::string hsm, runbooks = "runbooks";
};

int Play(const Options& options) {
  const std::string scratch = fmt::format("/dev/shm/smki-simulate-{}", ::getpid());
  const auto stage = MakeStage(scratch, options.hsm, std::filesystem::absolute(options.runbooks).string(), 4);
  if (!stage.ok()) {
    fmt::print(stderr, "smki-simulate: {}\n", Message(stage.status()));
    return 1;
  }
  const uint64_t first = options.seed.value_or(options.from);
  const uint64_t count = options.seed ? 1 : options.seeds;
  int failed = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    RunOptions run_options;
    run_options.seed = seed;
    run_options.quiet = options.quiet;
    for (const std::string& name : options.without) {
      if (const auto fault = FaultNamed(name)) run_options.without.insert(*fault);
    }
    if (!options.only.empty()) run_options.only = std::set<std::string>(options.only.begin(), options.only.end());
    if (options.trace) run_options.on_line = [](const std::string& line) { fmt::print("{}\n", line); };
    const auto begun = std::chrono::steady_clock::now();
    const Run run = Simulate(*stage, run_options);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    fmt::print("seed {}: {} {}/{} recovered, {} strikes, {} events, {:.1f} h in {:.2f} s, {}\n", seed,
               run.violations.empty() ? "clean" : "FAILED", run.recovered, run.total, run.strikes.size(), run.events,
               static_cast<double>(run.simulated.count()) / 3.6e6, seconds, ToHex(run.digest).substr(0, 16));
    for (const Violation& violation : run.violations) fmt::print("  {}: {}\n", violation.invariant, violation.what);
    if (!run.violations.empty()) {
      ++failed;
      if (options.shrink > 0 && !options.trace) {
        const Shrunk shrunk = Shrink(*stage, run_options, run, options.shrink);
        fmt::print("  the shortest story ({} runs): {} strikes\n", shrunk.runs, shrunk.run.strikes.size());
        for (const std::string& line : shrunk.run.story) fmt::print("    {}\n", line);
        for (const Strike& strike : shrunk.run.strikes)
          fmt::print("    {}  {}\n", FormatTime(strike.time), strike.Id());
      }
    }
    std::fflush(stdout);
  }
  std::filesystem::current_path("/");
  std::filesystem::remove_all(scratch);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace smki::simulation

int main(int argc, char** argv) {
  smki::simulation::Options options;
  CLI::App app("Deterministic simulation of the recovery system; every run is a pure function of its seed.");
  app.add_option("--seeds", options.seeds, "how many");
  app.add_option("--from", options.from, "the first");
  app.add_option("--seed", options.seed, "this one only");
  app.add_flag("--trace", options.trace, "tell the story");
  app.add_option("--without", options.without, "faults that do not happen");
  app.add_option("--only", options.only, "strikes that may happen, as a failure names them; all others do not");
  app.add_option("--shrink", options.shrink, "runs to find the shortest story of a failure; 0: none");
  app.add_flag("--quiet", options.quiet, "nothing goes wrong");
  app.add_option("--hsm", options.hsm, "libsmki_sim_hsm.so")->required();
  app.add_option("--runbooks", options.runbooks, "folder of runbooks");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return smki::ExitAfter(app, error, argc, argv);
  }
  return smki::simulation::Play(options);
}
