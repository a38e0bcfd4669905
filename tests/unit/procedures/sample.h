// A small trust policy and Direction that break no rule, to be spoiled by tests one field at a time.
#pragma once

#include <string>

#include "procedures/direction.h"
#include "procedures/guidance.h"
#include "procedures/policy.h"
#include "procedures/quorum.h"
#include "procedures/runbook.h"

namespace smki::procedures::test {

// 2026-11-21T03:00:00Z, the moment every sample is judged at.
UtcTime Now();
// Five seats of five organisations, three approvals needed. Persons: ann, bob, cal, dee, eve (members), alt (alternate
// of ann), cho (Chair), leo (incident-lead), ola (incident-operator), kim, kay, kit (key-custodian), pam (member and
// incident-lead).
TrustPolicy SamplePolicy();
// Allowed by SamplePolicy, requested by leo, two groups, valid Now() - 1 h to + 7 days.
Direction SampleDirection();
// A finding without fault: `person` signed five minutes before Now().
SignatureFinding Signed(const std::string& person);
// `count` times the octet `fill`.
Digest Filled(uint8_t fill);
// The text of runbooks/appendix-l/method-3.yaml, and it loaded.
std::string MethodThreeText();
Runbook MethodThree();
// An answer to each mandatory factor of the step.
FactorAnswers Answers(const Runbook& runbook, const std::string& step);
// `text` with `from`, which must occur, replaced by `to` once.
std::string Replaced(std::string text, const std::string& from, const std::string& to);

}  // namespace smki::procedures::test
