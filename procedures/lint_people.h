// Whether there are people who can carry a runbook out under a trust policy: no step that nobody may perform.
#pragma once

#include <vector>

#include "procedures/policy.h"
#include "procedures/runbook.h"

namespace smki::procedures {

// Errors: a step whose role nobody holds; a procedure whose digest, key and mode the policy does not allow; a Direction
// that too few can approve if one of those who may request it does; a key without a quorum of custodians who are free
// to present a share. Conflicts of roles are taken as the incident takes them (I4).
std::vector<LintFinding> LintPeople(const Runbook& runbook, const TrustPolicy& policy);

}  // namespace smki::procedures
