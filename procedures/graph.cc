#include "procedures/graph.h"

#include <algorithm>
#include <map>
#include <set>

namespace smki::procedures {
namespace {

const char* ShapeOf(StepKind kind) {
  switch (kind) {
    case StepKind::kAttest:
      return "note";
    case StepKind::kDecide:
      return "diamond";
    case StepKind::kAction:
      return "box";
    case StepKind::kDirection:
      return "octagon";
    case StepKind::kCeremony:
      return "doubleoctagon";
    case StepKind::kWait:
      return "ellipse";
  }
  return "box";
}

// A quoted string of DOT: nothing in it ends it, or means anything but itself.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + "\"";
}

std::string Node(const Step& step) {
  // Both are plain names, and \\n is a new line of DOT.
  return fmt::format("    {} [shape={}, label=\"{}\\n{}\"];\n", Quoted(step.id), ShapeOf(step.kind), step.id,
                     step.actor);
}

// What is required anyway, by way of another requirement, is not drawn: the picture would be all lines.
bool IsDrawn(const Runbook& runbook, const Step& step, const std::string& id) {
  std::set<std::string> by_others;
  std::vector<std::string> open;
  for (const std::string& other : step.requires_) {
    if (other != id) open.push_back(other);
  }
  while (!open.empty()) {
    const Step* at = runbook.Find(open.back());
    open.pop_back();
    if (at == nullptr) continue;
    for (const std::string& before : at->requires_) {
      if (by_others.insert(before).second) open.push_back(before);
    }
  }
  return !by_others.contains(id);
}

// How far from the beginning: one more than the furthest of what it requires. Those in a circle stay where they are.
std::map<std::string, size_t> Depths(const Runbook& runbook) {
  std::map<std::string, size_t> out;
  for (size_t round = 0; round <= runbook.steps.size(); ++round) {
    for (const Step& step : runbook.steps) {
      size_t depth = 0;
      for (const std::string& id : step.requires_) depth = std::max(depth, out[id] + 1);
      out[step.id] = std::min(depth, runbook.steps.size());
    }
  }
  return out;
}

}  // namespace

std::string GraphDot(const Runbook& runbook) {
  std::string out = fmt::format("digraph {} {{\n  label={};\n  rankdir=TB;\n  node [fontname=\"sans-serif\"];\n",
                                Quoted(runbook.id), Quoted(runbook.title + ", version " + runbook.version));
  std::string phase;
  for (const Step& step : runbook.steps) {
    if (step.phase != phase) {
      if (!phase.empty()) out += "  }\n";
      out += fmt::format("  subgraph {} {{\n    label={};\n", Quoted("cluster " + step.phase), Quoted(step.phase));
      phase = step.phase;
    }
    out += Node(step);
  }
  if (!phase.empty()) out += "  }\n";
  for (const Step& step : runbook.steps) {
    for (const std::string& id : step.requires_) {
      if (!step.when.contains(id) && IsDrawn(runbook, step, id))
        out += fmt::format("  {} -> {};\n", Quoted(id), Quoted(step.id));
    }
    for (const auto& [id, outcome] : step.when) {
      out += fmt::format("  {} -> {} [style=dashed, label={}];\n", Quoted(id), Quoted(step.id), Quoted(outcome));
    }
  }
  return out + "}\n";
}

std::string GraphText(const Runbook& runbook, size_t width) {
  const auto depths = Depths(runbook);
  size_t longest = 0;
  for (const Step& step : runbook.steps) longest = std::max(longest, step.id.size() + 2 * depths.at(step.id));
  std::string out, phase;
  for (const Step& step : runbook.steps) {
    if (step.phase != phase) out += (phase.empty() ? "" : "\n") + step.phase + "\n";
    phase = step.phase;
    std::string line = "  " + std::string(2 * depths.at(step.id), ' ') + step.id;
    line.resize(std::max(line.size(), longest + 4), ' ');
    line += step.actor + ", " + Name(step.kind);
    std::string after;
    for (const std::string& id : step.requires_) {
      if (!step.when.contains(id) && IsDrawn(runbook, step, id)) after += (after.empty() ? "after " : ", ") + id;
    }
    for (const auto& [id, outcome] : step.when) {
      after +=
          (after.empty() ? "" : "; ") + (outcome == "done" ? "if " + id + " is done" : "if " + id + ": " + outcome);
    }
    if (!step.choices.empty()) line += fmt::format(" ({})", fmt::join(step.choices, " | "));
    if (!after.empty()) line += "  <- " + after;
    if (line.size() > width) line = line.substr(0, width - 3) + "...";
    out += line + "\n";
  }
  return out;
}

}  // namespace smki::procedures
