// Proves a runbook: every way through it is tried, with every choice, failure and deviation, and on each of them no
// step starts without the facts it needs (facts.h), and no key stays open. What breaks a rule is told as a story.
#pragma once

#include <vector>

#include "procedures/runbook.h"

namespace smki::procedures {

// Ways are told apart by how every step ended and which facts hold. Steps that have nothing to do with each other are
// tried in one order only. More than this many is a finding of its own: such a procedure nobody can oversee.
inline constexpr size_t kMostWays = 1'000'000;

// The first way, a shortest one, to each broken rule. `runbook` has passed the other rules of Lint: what it names is
// there, and no step requires itself.
std::vector<LintFinding> ModelCheck(const Runbook& runbook, size_t most = kMostWays);

}  // namespace smki::procedures
