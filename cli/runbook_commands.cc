// smkictl runbook ...: a procedure, read and checked before anybody depends on it.
#include <CLI/CLI.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "procedures/graph.h"
#include "procedures/lint_people.h"

namespace smki::cli {
namespace {

using procedures::LintFinding;
using procedures::Runbook;
using procedures::Step;

constexpr size_t kMaxRunbook = 1 << 20;

StatusOr<Runbook> Load(const std::string& file) {
  SMKI_ASSIGN_OR_RETURN(const Bytes text, ReadInput(file, kMaxRunbook));
  return procedures::LoadRunbook(AsText(text), file);
}

Json StepJson(const Step& step) {
  return {{"id", step.id},           {"phase", step.phase},
          {"title", step.title},     {"actor", step.actor},
          {"kind", Name(step.kind)}, {"requires", step.requires_},
          {"purpose", step.purpose}, {"guidance", step.guidance},
          {"verify", step.verify},   {"action", step.action},
          {"choices", step.choices}, {"basis", {{"source", step.basis.source}, {"confidence", step.basis.confidence}}}};
}

std::string RunbookText(const Runbook& runbook, const Style& style) {
  std::string out = style.Strong(runbook.id) + "  " + Printable(runbook.title) + "\n";
  out += Fact("version", runbook.version, 10);
  out += Fact("source", Printable(runbook.source), 10);
  out += Fact("key", runbook.key + ", mode " + runbook.mode, 10);
  out += Fact("SHA-256", ToHex(runbook.digest), 10);
  std::string phase;
  for (const Step& step : runbook.steps) {
    if (step.phase != phase) out += "\n" + style.Strong(step.phase) + "\n";
    phase = step.phase;
    out += fmt::format("\n  {}  {}\n", style.Strong(step.id), Printable(step.title));
    std::string after;
    for (const std::string& id : step.requires_) after += (after.empty() ? "" : ", ") + id;
    out += Fact("who", step.actor + ", " + Name(step.kind) + (step.action.empty() ? "" : ": " + step.action), 10, 4);
    if (!after.empty()) out += Fact("after", after, 10, 4);
    if (!step.purpose.empty()) out += Fact("why", Printable(step.purpose), 10, 4);
    if (!step.guidance.empty()) out += Fact("how", Printable(step.guidance), 10, 4);
    for (const procedures::Factor& factor : step.factors)
      out += Fact("factor",
                  Printable(fmt::format("{} ({}): {}", factor.id, factor.mandatory ? "mandatory" : "optional",
                                        factor.question)),
                  10, 4);
    if (!step.verify.empty()) out += Fact("verify", Printable(step.verify), 10, 4);
    out += Fact("basis", Printable(step.basis.source) + ", " + step.basis.confidence, 10, 4);
  }
  return out;
}

Status Lint(Command& command, const std::string& file, const std::string& policy_file) {
  SMKI_ASSIGN_OR_RETURN(const Runbook runbook, Load(file));
  std::vector<LintFinding> findings = procedures::Lint(runbook);
  if (!policy_file.empty()) {
    SMKI_ASSIGN_OR_RETURN(const Bytes text, PosixFiles().Read(policy_file, procedures::kMaxPolicy));
    const auto policy = procedures::ParsePolicy(AsText(text));
    if (!policy.ok()) return WithContext(policy.status(), policy_file);
    for (LintFinding& finding : procedures::LintPeople(runbook, *policy)) findings.push_back(std::move(finding));
  }
  size_t errors = 0;
  for (const LintFinding& finding : findings) errors += finding.error ? 1 : 0;
  if (errors > 0) command.FoundFault();
  if (command.json()) {
    Json list = Json::array();
    for (const LintFinding& finding : findings) {
      list.push_back(
          {{"error", finding.error}, {"line", finding.line}, {"message", finding.message}, {"story", finding.story}});
    }
    command.Print(
        Json{{"runbook", runbook.id}, {"sha256", ToHex(runbook.digest)}, {"errors", errors}, {"findings", list}});
    return OkStatus();
  }
  const Style& style = command.style();
  std::string out;
  for (const LintFinding& finding : findings) {
    out += fmt::format("{}:{}: {}: {}\n", file, finding.line,
                       finding.error ? style.Bad("error") : style.Warn("warning"), finding.message);
    for (size_t i = 0; i < finding.story.size(); ++i) out += fmt::format("  {:2}. {}\n", i + 1, finding.story[i]);
  }
  out += fmt::format("{}  {}, {} steps, SHA-256 {}\n", errors == 0 ? style.Good("in order") : style.Bad("not in order"),
                     runbook.id, runbook.steps.size(), ToHex(runbook.digest));
  command.Print(out);
  return OkStatus();
}

}  // namespace

void AddRunbookCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("runbook", "the procedures, as files");
  group->require_subcommand(1);
  auto file = std::make_shared<std::string>();

  CLI::App* lint =
      group->add_subcommand("lint", "prove a runbook: every way through it is tried, what breaks a rule is told");
  lint->add_option("file", *file, "runbook (YAML)")->required();
  auto policy = std::make_shared<std::string>();
  lint->add_option("--policy", *policy, "trust policy: prove too that there are people for every step");
  lint->callback([&command, file, policy] { command.Run([&] { return Lint(command, *file, *policy); }); });

  CLI::App* graph = group->add_subcommand("graph", "a runbook drawn: its steps and what each waits for");
  auto format = std::make_shared<std::string>("text");
  graph->add_option("file", *file, "runbook (YAML)")->required();
  graph->add_option("--format", *format, "dot is for Graphviz: smkictl runbook graph --format dot FILE | dot -Tsvg")
      ->check(CLI::IsMember({"text", "dot"}))
      ->capture_default_str();
  graph->callback([&command, file, format] {
    command.Run([&]() -> Status {
      SMKI_ASSIGN_OR_RETURN(const Runbook runbook, Load(*file));
      const std::string drawn = *format == "dot" ? GraphDot(runbook) : GraphText(runbook);
      if (command.json()) {
        command.Print(Json{{"runbook", runbook.id}, {"format", *format}, {"graph", drawn}});
      } else {
        command.Print(drawn);
      }
      return OkStatus();
    });
  });

  CLI::App* show = group->add_subcommand("show", "a runbook as a page");
  show->add_option("file", *file, "runbook (YAML)")->required();
  show->callback([&command, file] {
    command.Run([&]() -> Status {
      SMKI_ASSIGN_OR_RETURN(const Runbook runbook, Load(*file));
      if (command.json()) {
        Json steps = Json::array();
        for (const Step& step : runbook.steps) steps.push_back(StepJson(step));
        command.Print(Json{{"id", runbook.id},
                           {"version", runbook.version},
                           {"title", runbook.title},
                           {"sha256", ToHex(runbook.digest)},
                           {"steps", steps}});
      } else {
        command.Print(RunbookText(runbook, command.style()));
      }
      return OkStatus();
    });
  });
}

}  // namespace smki::cli
