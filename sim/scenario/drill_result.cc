#include "sim/scenario/drill_result.h"

#include <fmt/format.h>

#include <algorithm>

namespace smki::sim {

bool DrillResult::passed() const {
  return failure.empty() && !checks.empty() &&
         std::all_of(checks.begin(), checks.end(), [](const DrillCheck& check) { return check.held; });
}

nlohmann::ordered_json ToJson(const DrillResult& result) {
  using Json = nlohmann::ordered_json;
  Json phases = Json::array(), refusals = Json::array(), checks = Json::array();
  for (const DrillPhase& phase : result.phases) {
    phases.push_back({{"name", phase.name}, {"seconds", static_cast<double>(phase.took.count()) / 1000}});
  }
  for (const auto& [code, count] : result.refusals) refusals.push_back({{"code", code}, {"count", count}});
  for (const DrillCheck& check : result.checks)
    checks.push_back({{"name", check.name}, {"held", check.held}, {"detail", check.detail}});
  return {{"result", result.passed() ? "passed" : "failed"},
          {"scenario", result.scenario},
          {"seed", result.seed},
          {"devices",
           {{"total", result.total},
            {"recovered", result.recovered},
            {"half_replaced", result.half_replaced},
            {"refused", result.refused},
            {"silent", result.silent}}},
          {"phases", phases},
          {"refusals", refusals},
          {"keyguard", {{"signatures", result.signatures}, {"refusals", result.keyguard_refusals}}},
          {"ledger",
           {{"entries", result.ledger_entries}, {"head", result.ledger_head}, {"verified", result.ledger_verified}}},
          {"repository", {{"certificates", result.certificates}, {"digest", result.repository_digest}}},
          {"evidence", result.evidence},
          {"checks", checks},
          {"failure", result.failure}};
}

std::string Took(Millis duration) {
  const int64_t s = duration.count() / 1000;
  if (s < 60) return fmt::format("{}.{} s", s, duration.count() % 1000 / 100);
  return fmt::format("{} min {} s", s / 60, s % 60);
}

std::string ToText(const DrillResult& result, bool colour) {
  const auto paint = [&](const char* code, const std::string& text) {
    return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  };
  Millis total{0};
  for (const DrillPhase& phase : result.phases) total += phase.took;
  std::string out = "\n";
  if (result.passed()) {
    out += paint("32", "PASSED") + fmt::format("  All {} Devices are recovered and say so themselves. {} in all.\n\n",
                                               result.total, Took(total));
  } else {
    out += paint("31", "FAILED") + "  " + (result.failure.empty() ? "Not every check held." : result.failure) + "\n\n";
  }
  const auto fact = [&](const char* label, const std::string& text) {
    out += fmt::format("  {:<12}{}\n", label, text);
  };
  fact("devices", fmt::format("{} of {} recovered, {} half-replaced, {} refused, {} silent", result.recovered,
                              result.total, result.half_replaced, result.refused, result.silent));
  std::string refused;
  for (const auto& [code, count] : result.refusals)
    refused += fmt::format("{}{} {}", refused.empty() ? "" : ", ", code, count);
  fact("refusals", refused.empty() ? "none" : refused);
  fact("keyguard", fmt::format("{} signatures, {} refusals", result.signatures, result.keyguard_refusals));
  fact("repository",
       fmt::format("{} certificates, digest {}", result.certificates, result.repository_digest.substr(0, 16)));
  fact("ledger", fmt::format("{} entries, {}", result.ledger_entries,
                             result.ledger_verified ? "verified offline" : "NOT VERIFIED"));
  for (const DrillCheck& check : result.checks) {
    fact(&check == &result.checks.front() ? "checks" : "",
         fmt::format("{}  {}{}", check.held ? paint("32", "held") : paint("31", "BROKEN"), check.name,
                     check.held || check.detail.empty() ? "" : ": " + check.detail));
  }
  fact("evidence", result.evidence.empty() ? "none was written" : result.evidence);
  fact("transcript", result.folder + "/transcript.txt");
  if (result.passed()) {
    fact("next", "verify the evidence again, on another machine:");
    fact("", "smkictl ledger verify " + result.evidence + " --anchor " + result.anchor);
  } else {
    fact("next", "read the end of the transcript and of the logs in " + result.folder + "/logs");
    fact("", "nothing is left running; keep the folder as it is until it is understood");
  }
  return out;
}

}  // namespace smki::sim
