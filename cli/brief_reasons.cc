// What speaks for and against: the factors of SEC L10.9, told apart by the runbook that the Direction names; and what
// other Directions allow already.
#include <map>

#include "cli/brief.h"
#include "pki/digest.h"
#include "procedures/runbook.h"

namespace smki::cli {
namespace {

StatusOr<procedures::Runbook> NamedRunbook(const BriefInputs& inputs, const procedures::Direction& direction) {
  if (inputs.runbook.empty()) return NotFound("no runbook was at hand; give --runbook");
  if (pki::Sha256(inputs.runbook) != direction.procedure_digest)
    return DataLoss("the runbook given is not the one with SHA-256 {}", ToHex(direction.procedure_digest));
  return procedures::LoadRunbook(AsText(inputs.runbook), direction.procedure);
}

// Fail closed: what is not known to be over still allows. Whether it was halted the page tells.
bool StillAllows(const BriefInputs& inputs, const EarlierUse& use) {
  return use.acts.votes == kDirected && use.acts.orders != kWithdrawn &&
         procedures::JudgeDirection(*inputs.policy, use.direction, use.direction.incident, inputs.now).ok();
}

}  // namespace

void AddFactors(const BriefInputs& inputs, Brief& brief) {
  brief.said = brief.direction.factors;
  const auto runbook = NamedRunbook(inputs, brief.direction);
  brief.runbook = runbook.status();
  if (!runbook.ok()) return;
  for (const procedures::Step& step : runbook->steps) {
    for (const procedures::Factor& factor : step.factors) {
      BriefFactor out{factor.id, factor.question, factor.mandatory, ""};
      std::erase_if(brief.said, [&](const procedures::GuidanceFactor& given) {
        if (given.id != factor.id) return false;
        out.answer = given.answer.text;
        return true;
      });
      brief.factors.push_back(std::move(out));
    }
  }
}

void AddEarlier(const BriefInputs& inputs, Brief& brief) {
  brief.earlier_asked = inputs.earlier.has_value();
  brief.earlier_left_out = inputs.earlier_left_out;
  if (!inputs.earlier) return;
  for (const EarlierUse& use : *inputs.earlier) {
    if (!StillAllows(inputs, use)) continue;
    BriefEarlier out{use, 0, {}};
    for (const procedures::DirectedGroup& group : use.direction.groups) out.devices += group.population_count;
    for (const PmaAct& act : use.acts.acts) {
      if (act.fault.empty() && (act.what == "approve" || act.what == "cast approve"))
        out.approved_by.push_back(act.person);
    }
    brief.earlier.push_back(std::move(out));
  }
}

}  // namespace smki::cli
