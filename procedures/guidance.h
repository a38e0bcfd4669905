// The factors of the SMKI Recovery Key Guidance (SEC L10.9) that a runbook asks about before it asks for a Direction:
// those that the PMA shall take into account, and those that it may. Pure.
#pragma once

#include <map>
#include <string>

#include "procedures/runbook.h"

namespace smki::procedures {

// Answers of one decision, by the factor's id.
using FactorAnswers = std::map<std::string, std::string>;

// Of an event: "factor.nature-and-extent" holds the answer (docs/formats/incident-events.md).
inline constexpr std::string_view kFactorField = "factor.";

// Octets. With kMaxFactors all of them fit into one Direction.
inline constexpr size_t kMaxFactorAnswer = 1000;

// False if `choice` of the decide step `step` rules out every step that drafts a Direction: nothing is asked of the PMA
// then, and nothing need be answered. A runbook that drafts none has no choice that stops.
bool LeadsOn(const Runbook& runbook, const Step& step, const std::string& choice);

// BAD_REQUEST for an answer that is blank, too long, or to what is not asked; FACTOR_UNANSWERED, with every question,
// if the choice leads on and a mandatory factor has no answer.
Status CheckAnswers(const Runbook& runbook, const Step& step, const std::string& choice, const FactorAnswers& answers);

}  // namespace smki::procedures
