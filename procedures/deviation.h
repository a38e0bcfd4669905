// Leaving the runbook's way: one person asks for it by signature, another approves that request by theirs, and only
// then it is done (I4). A deviation removes an ordering edge, never a fact that a step needs (facts.h): what starts,
// starts with everything it needs, whatever was deviated from.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "procedures/policy.h"

namespace smki::procedures {

enum class DeviationKind {
  kSkip,     // a step that is ready or failed is left out, and what its skipping rules out
  kRepeat,   // a step that is done is to be done again; what depends on it is not undone
  kReorder,  // a step does not wait for one that it requires; not for one whose outcome it hangs on (`when`)
  kRepin,    // the incident goes on under another runbook of the same id (I9)
};
std::string Name(DeviationKind kind);
std::optional<DeviationKind> DeviationKindFrom(std::string_view name);

// Requests in one incident. Who needs more needs another runbook.
inline constexpr size_t kMaxDeviations = 200;

// What is asked for.
struct Deviation {
  DeviationKind kind = DeviationKind::kSkip;
  std::string step;       // empty of a repin: it concerns the whole incident
  std::string not_after;  // reorder: the required step that `step` shall not wait for
  std::string runbook;    // repin: SHA-256 of the new runbook, in hexadecimal
  std::string why;
  std::string witness;  // initials of a third person who saw it asked for: two to four capital letters
  friend bool operator==(const Deviation&, const Deviation&) = default;
};
// "skip canary", "do proceed without waiting for canary", "go on under the runbook with SHA-256 5c0e...".
std::string InWords(const Deviation& deviation);
// BAD_REQUEST if it does not have exactly what its kind needs.
Status CheckForm(const Deviation& deviation);

// The role in which others approve what `requester` asks for, where one of them is enough: incident-lead; but
// pma-member where no lead is left who did not ask. Not the auditor, who judges later and must have no part in it.
// Empty of a repin: that takes the PMA's quorum.
std::string ApproverRole(const TrustPolicy& policy, const Deviation& deviation, const std::string& requester);

}  // namespace smki::procedures
