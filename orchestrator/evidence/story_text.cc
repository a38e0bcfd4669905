// The report in words and as JSON.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "orchestrator/evidence/story.h"

namespace smki::orchestrator {
namespace {

constexpr size_t kMaxCell = 160;

// A cell of a Markdown table: one line, nothing that ends the cell.
std::string Cell(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '|') c = ' ';
  }
  if (text.size() > kMaxCell) text = text.substr(0, kMaxCell) + " ...";
  return text.empty() ? "-" : text;
}

std::string Clock(UtcTime time) {
  return time.ms == 0 ? "-" : FormatTime({time.ms - time.ms % 1000});
}

std::string Span(double seconds) {
  if (seconds < 120) return fmt::format("{:.1f} s", seconds);
  return fmt::format("{} min {} s", static_cast<int64_t>(seconds) / 60, static_cast<int64_t>(seconds) % 60);
}

// Of Devices that others commanded: method-1, a handover.
std::string Proven(const Story& s) {
  const auto devices = s.outputs.find("proven.devices"), proven = s.outputs.find("proven.recovered");
  if (devices == s.outputs.end() || proven == s.outputs.end()) return "";
  return fmt::format(
      "{} of {} Devices, commanded by others, have proven with their own signed word that they hold the "
      "new keys.",
      proven->second, devices->second);
}

std::string Sentence(const Story& s) {
  const std::string proven = Proven(s);
  if (s.devices == 0) return proven.empty() ? "No Device was touched." : proven + " No key of the DCC was used.";
  std::string out = fmt::format("{} of {} Devices are recovered, each on its own signed word.", s.recovered, s.devices);
  if (s.half_replaced > 0) out += fmt::format(" {} hold some of the new keys but not all.", s.half_replaced);
  if (s.refused > 0) out += fmt::format(" {} hold none of them.", s.refused);
  if (s.silent > 0) out += fmt::format(" {} have not answered.", s.silent);
  return proven.empty() ? out : out + " " + proven;
}

}  // namespace

std::string StoryMarkdown(const Story& s) {
  std::string out = fmt::format("# {}: {}\n\n", s.incident, s.title);
  out += fmt::format("{} The incident is {}{}.\n\n", Sentence(s), s.state,
                     s.closed_result.empty() ? "" : " (" + s.closed_result + ")");
  if (!s.closed_text.empty()) out += fmt::format("Closed with the words: {}\n\n", s.closed_text);
  out += fmt::format("* Environment: {}\n* About: {} ({}): {}\n* Reported by {}, received {}\n", s.environment, s.party,
                     s.organisation, s.what, s.reported_by, s.received);
  if (!s.successor.empty())
    out += fmt::format("* The Devices pass to {} ({})\n", s.successor, s.successor_organisation);
  out += fmt::format("* Opened {} by {}; last event {}\n", Clock(s.opened), s.opened_by, Clock(s.ended));
  out += fmt::format("* Runbook {} {}, SHA-256 {}\n* Trust policy, SHA-256 {}\n", s.runbook, s.runbook_version,
                     s.runbook_digest, s.policy_digest);
  out += fmt::format("* Ledger: {} entries, head {}\n", s.ledger_entries, s.ledger_head);

  out += "\n## How long it took\n\n| phase | time |\n|---|---|\n";
  for (const StoryPhase& phase : s.phases) out += fmt::format("| {} | {} |\n", phase.name, Span(phase.seconds));

  out += "\n## Step by step\n\n| step | what | who | from | to | state | result |\n|---|---|---|---|---|---|---|\n";
  for (const StoryStep& step : s.steps) {
    out += fmt::format("| {} | {} | {} | {} | {} | {}{} | {} |\n", step.id, Cell(step.title),
                       step.person.empty() ? "the system" : step.person, Clock(step.started), Clock(step.finished),
                       step.status, step.attempts > 1 ? fmt::format(" (attempt {})", step.attempts) : "",
                       Cell(step.result));
  }

  out += "\n## What was decided\n\n";
  const size_t undecided = out.size();
  for (const StoryStep& step : s.steps) {
    if (!step.text.empty()) out += fmt::format("* {}, {}: {}. {}\n", step.id, step.person, step.result, step.text);
    for (const auto& [id, answer] : step.factors) out += fmt::format("  * {}: {}\n", id, answer);
  }
  if (out.size() == undecided) out += "Nothing.\n";

  out += "\n## Deviations from the runbook\n\n";
  if (s.deviations.empty()) out += "None was asked for.\n";
  for (const StoryDeviation& one : s.deviations) {
    out += fmt::format("* {} {}: {}, because: {}. Asked for by {}, seen by {}", Clock(one.time), one.standing, one.what,
                       one.why, one.requested_by, one.witness);
    out += one.approved_by.empty() ? "; nobody approved it.\n"
                                   : fmt::format("; approved by {}.\n", fmt::join(one.approved_by, ", "));
  }

  out += "\n## The Direction\n\n";
  for (const auto& [person, reason] : s.rejections) out += fmt::format("Rejected by {}: {}\n", person, reason);
  if (!s.cast.empty()) out += fmt::format("The Chair, {}, cast the deciding vote: {}.\n", s.cast_by, s.cast);
  if (!s.rejections.empty()) out += "\n";
  if (s.direction_id.empty()) {
    out += "None was given.\n";
  } else {
    out += fmt::format("{}, SHA-256 {}, approved by {}.\n", s.direction_id, s.direction_digest,
                       fmt::join(s.approved_by, ", "));
    out += fmt::format("The key was opened {}: {}.\n",
                       s.ceremonies.size() == 1 ? "once" : fmt::format("{} times", s.ceremonies.size()),
                       fmt::join(s.ceremonies, ", "));
  }

  out += fmt::format(
      "\n## Devices\n\n| outcome | Devices |\n|---|---|\n| recovered | {} |\n| half-replaced | {} |\n| refused | {} "
      "|\n| silent | {} |\n| all | {} |\n\n",
      s.recovered, s.half_replaced, s.refused, s.silent, s.devices);
  out += fmt::format("{} signatures were used, asked for in {} batches.\n", s.signatures, s.batches);
  if (const std::string proven = Proven(s); !proven.empty()) out += "\n" + proven + "\n";

  out += "\n## What was refused\n\n";
  if (s.refusal_counts.empty()) {
    out += "Nothing.\n";
  } else {
    out += "| reason | times |\n|---|---|\n";
    for (const auto& [code, count] : s.refusal_counts) out += fmt::format("| {} | {} |\n", code, count);
    out += "\n| when | who | reason | what |\n|---|---|---|---|\n";
    for (const StoryRefusal& refusal : s.refusals) {
      out += fmt::format("| {} | {} | {} | {} |\n", Clock(refusal.time), Cell(refusal.person), refusal.code,
                         Cell(refusal.detail));
    }
  }

  out += "\n## Results\n\n| name | value |\n|---|---|\n";
  for (const auto& [key, value] : s.outputs) out += fmt::format("| {} | {} |\n", key, Cell(value));
  out += "\n## Files\n\n| file | SHA-256 | from |\n|---|---|---|\n";
  for (const StoryFile& file : s.files)
    out += fmt::format("| {} | {} | {} |\n", file.file, file.sha256, file.person.empty() ? "the system" : file.person);
  out +=
      "\nThis report is a reading of the ledger. To check the evidence itself: `smkictl ledger verify FOLDER --anchor "
      "POLICY_DIGEST`.\n";
  return out;
}

std::string StoryJson(const Story& s) {
  using nlohmann::json;
  json out;
  out["incident"] = s.incident;
  out["title"] = s.title;
  out["state"] = s.state;
  out["environment"] = s.environment;
  out["policy"] = s.policy_digest;
  out["runbook"] = {{"id", s.runbook}, {"version", s.runbook_version}, {"digest", s.runbook_digest}};
  out["notification"] = {{"party", s.party},
                         {"organisation", s.organisation},
                         {"what", s.what},
                         {"reported_by", s.reported_by},
                         {"received", s.received},
                         {"successor", s.successor},
                         {"successor_organisation", s.successor_organisation}};
  out["opened"] = FormatTimeMillis(s.opened);
  out["opened_by"] = s.opened_by;
  out["closed"] = {{"result", s.closed_result}, {"text", s.closed_text}};
  out["last_event"] = FormatTimeMillis(s.ended);
  out["devices"] = {{"total", s.devices},
                    {"recovered", s.recovered},
                    {"half_replaced", s.half_replaced},
                    {"refused", s.refused},
                    {"silent", s.silent}};
  out["direction"] = {{"id", s.direction_id},
                      {"digest", s.direction_digest},
                      {"approved_by", s.approved_by},
                      {"rejected_by", s.rejected_by},
                      {"rejections", s.rejections},
                      {"casting_vote", s.cast.empty() ? json() : json{{"person", s.cast_by}, {"decision", s.cast}}}};
  out["keyguard"] = {{"signatures", s.signatures}, {"batches", s.batches}, {"ceremonies", s.ceremonies}};
  out["phases"] = json::array();
  for (const StoryPhase& phase : s.phases) out["phases"].push_back({{"name", phase.name}, {"seconds", phase.seconds}});
  out["steps"] = json::array();
  for (const StoryStep& step : s.steps) {
    out["steps"].push_back({{"id", step.id},
                            {"phase", step.phase},
                            {"title", step.title},
                            {"status", step.status},
                            {"person", step.person},
                            {"result", step.result},
                            {"text", step.text},
                            {"factors", step.factors},
                            {"attempts", step.attempts},
                            {"started", step.started.ms == 0 ? "" : FormatTimeMillis(step.started)},
                            {"finished", step.finished.ms == 0 ? "" : FormatTimeMillis(step.finished)}});
  }
  out["deviations"] = json::array();
  for (const StoryDeviation& one : s.deviations) {
    out["deviations"].push_back({{"time", FormatTimeMillis(one.time)},
                                 {"what", one.what},
                                 {"why", one.why},
                                 {"requested_by", one.requested_by},
                                 {"witness", one.witness},
                                 {"approved_by", one.approved_by},
                                 {"standing", one.standing}});
  }
  out["refusals"] = json::array();
  for (const auto& [code, count] : s.refusal_counts) out["refusals"].push_back({{"code", code}, {"count", count}});
  out["outputs"] = s.outputs;
  out["files"] = json::array();
  for (const StoryFile& file : s.files)
    out["files"].push_back({{"name", file.name}, {"file", file.file}, {"sha256", file.sha256}});
  out["ledger"] = {{"entries", s.ledger_entries}, {"head", s.ledger_head}};
  return out.dump(2, ' ', true, json::error_handler_t::replace) + "\n";
}

}  // namespace smki::orchestrator
