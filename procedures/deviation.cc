#include "procedures/deviation.h"

#include <algorithm>
#include <iterator>

namespace smki::procedures {
namespace {

constexpr const char* kNames[] = {"skip", "repeat", "reorder", "repin"};

bool AreInitials(const std::string& text) {
  return text.size() >= 2 && text.size() <= 4 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

std::string Name(DeviationKind kind) {
  return kNames[static_cast<size_t>(kind)];
}

std::optional<DeviationKind> DeviationKindFrom(std::string_view name) {
  const auto* const found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<DeviationKind>(found - std::begin(kNames));
}

std::string InWords(const Deviation& asked) {
  switch (asked.kind) {
    case DeviationKind::kSkip:
      return "skip " + asked.step;
    case DeviationKind::kRepeat:
      return "repeat " + asked.step;
    case DeviationKind::kReorder:
      return fmt::format("do {} without waiting for {}", asked.step, asked.not_after);
    case DeviationKind::kRepin:
      return "go on under the runbook with SHA-256 " + asked.runbook;
  }
  return "";
}

Status CheckForm(const Deviation& d) {
  const auto wrong = [&](const std::string& what) {
    return Refuse(Reason::kBAD_REQUEST, fmt::format("a deviation of kind {} {}", Name(d.kind), what));
  };
  const bool repins = d.kind == DeviationKind::kRepin, reorders = d.kind == DeviationKind::kReorder;
  if (d.step.empty() != repins) return wrong(repins ? "concerns the whole incident and names no step" : "names a step");
  if (d.not_after.empty() == reorders)
    return wrong(reorders ? "names the required step that is not waited for" : "names one step only");
  if (repins ? !DigestFromHex(d.runbook) : !d.runbook.empty())
    return wrong(repins ? "names the new runbook by its SHA-256, 64 hexadecimal digits" : "names no runbook");
  if (d.why.empty()) return wrong("needs a reason");
  if (!AreInitials(d.witness))
    return wrong(fmt::format("names its witness by initials, two to four capital letters; found '{}'", d.witness));
  return OkStatus();
}

std::string ApproverRole(const TrustPolicy& policy, const Deviation& deviation, const std::string& requester) {
  if (deviation.kind == DeviationKind::kRepin) return "";
  const bool other_lead = std::any_of(policy.persons.begin(), policy.persons.end(),
                                      [&](const Person& p) { return p.id != requester && p.HasRole("incident-lead"); });
  return other_lead ? "incident-lead" : "pma-member";
}

}  // namespace smki::procedures
