#include "procedures/guidance.h"

#include <algorithm>
#include <set>

#include "procedures/reason.h"

namespace smki::procedures {
namespace {

// Every step that ends skipped once `step` is decided so: by its own `when`, or by that of a step that is.
std::set<std::string> RuledOut(const Runbook& runbook, const Step& step, const std::string& choice) {
  std::set<std::string> out;
  const auto rules_out = [&](const auto& when) {
    return out.contains(when.first) || (when.first == step.id && when.second != choice);
  };
  for (bool more = true; more;) {
    more = false;
    for (const Step& other : runbook.steps) {
      if (std::any_of(other.when.begin(), other.when.end(), rules_out)) more |= out.insert(other.id).second;
    }
  }
  return out;
}

Status CheckAnswer(const Step& step, const std::string& id, const std::string& answer) {
  const auto asked = std::any_of(step.factors.begin(), step.factors.end(), [&](const Factor& f) { return f.id == id; });
  if (!asked) return Refuse(Reason::kBAD_REQUEST, fmt::format("'{}' asks about no factor '{}'", step.id, id));
  if (answer.find_first_not_of(' ') == std::string::npos)
    return Refuse(Reason::kBAD_REQUEST, fmt::format("the answer to factor '{}' is blank", id));
  if (answer.size() <= kMaxFactorAnswer) return OkStatus();
  return Refuse(Reason::kBAD_REQUEST, fmt::format("the answer to factor '{}' has {} octets; at most {} are taken", id,
                                                  answer.size(), kMaxFactorAnswer));
}

}  // namespace

bool LeadsOn(const Runbook& runbook, const Step& step, const std::string& choice) {
  const std::set<std::string> out = RuledOut(runbook, step, choice);
  bool drafts = false, stays = false;
  for (const Step& other : runbook.steps) {
    if (other.kind != StepKind::kDirection) continue;
    drafts = true;
    stays |= !out.contains(other.id);
  }
  return stays || !drafts;
}

Status CheckAnswers(const Runbook& runbook, const Step& step, const std::string& choice, const FactorAnswers& answers) {
  for (const auto& [id, answer] : answers) SMKI_RETURN_IF_ERROR(CheckAnswer(step, id, answer));
  if (!LeadsOn(runbook, step, choice)) return OkStatus();
  std::string open;
  for (const Factor& factor : step.factors) {
    if (factor.mandatory && !answers.contains(factor.id))
      open += fmt::format("{}'{}' ({})", open.empty() ? "" : "; ", factor.id, factor.question);
  }
  if (open.empty()) return OkStatus();
  return Refuse(Reason::kFACTOR_UNANSWERED,
                fmt::format("'{}' cannot be decided '{}' before the PMA can read: {}", step.id, choice, open));
}

}  // namespace smki::procedures
