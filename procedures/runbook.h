// A runbook: one SEC Appendix L procedure as data (ARCHITECTURE section 5). Reviewed text: no PIN, slot, path, host or
// port.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::procedures {

enum class StepKind { kAttest, kDecide, kAction, kDirection, kCeremony, kWait };
std::string Name(StepKind kind);

struct Basis {
  std::string source;      // "SEC L10.1(a)", "DOMAIN section 3", ...
  std::string confidence;  // read | derived | assumed
};
// What the PMA shall (mandatory) or may take into account (SEC L10.9); asked of whoever decides.
struct Factor {
  std::string id;  // unique in the runbook, also among its steps
  std::string question;
  bool mandatory = true;
};
inline constexpr size_t kMaxFactors = 24;  // of a runbook
struct Step {
  std::string id;
  std::string phase;  // pre-recovery | execution | post-recovery
  std::string title;
  std::string actor;  // role of the policy: incident-lead, incident-operator, pma-member, key-custodian, or "system",
                      // or "party"
  StepKind kind = StepKind::kAttest;
  std::vector<std::string> requires_;
  std::string purpose;
  std::string guidance;
  std::string verify;
  std::vector<std::string> evidence;
  std::string action;  // kAction, kWait, kDirection, kCeremony: registered name, "repository.rebuild"
  std::map<std::string, std::string> with;  // its parameters
  std::vector<std::string> choices;         // kDecide
  std::vector<Factor> factors;              // kDecide (guidance.h)
  std::map<std::string, std::string>
      when;  // step -> outcome (a choice, or "done"): if it ends otherwise this one is skipped
  std::optional<Millis> deadline;
  std::string on_failure;  // retry: may be started again. stop: may not. deviate: may be started again;
                           // that it is skipped is foreseen, by a deviation (deviation.h)
  Basis basis;
  int line = 0;
};
struct Runbook {
  std::string id;
  std::string version;
  std::string title;
  std::string source;
  std::string key;   // recovery | contingency | none
  std::string mode;  // GBCS mode name, or "none"
  std::vector<Step> steps;
  Digest digest{};  // SHA-256 of the file's octets
  const Step* Find(const std::string& id) const;
};

// Strict YAML; errors "FILE:LINE:COLUMN: ...".
StatusOr<Runbook> LoadRunbook(std::string_view text, const std::string& file);

// What a machine can do for a step: registered actions and their parameters.
struct ActionSpec {
  std::string name;
  std::vector<std::string> required;  // keys of `with`
  std::vector<std::string> optional;
};
const std::vector<ActionSpec>& KnownActions();

struct LintFinding {
  bool error = true;  // false: a warning
  int line = 0;
  std::string message;
  std::vector<std::string> story;  // how it comes to that, a sentence each; empty if it needs none
};
// Beyond loading: unknown or cyclic requirements, unreachable steps, unknown actions or parameters, no person who looks
// at the result, same actor for conflicting steps, missing basis, phases out of order, a Direction that is drafted
// before a mandatory factor is answered; and over all ways through it (model_check.h) steps without what they need, and
// keys that stay open. In the order of lines.
std::vector<LintFinding> Lint(const Runbook& runbook);

}  // namespace smki::procedures
