#include "procedures/facts.h"

#include <map>

#include "procedures/runbook.h"

namespace smki::procedures {
namespace {

constexpr const char* kTexts[] = {
#define SMKI_FACT_TEXT(name, text) text,
    SMKI_FACTS(SMKI_FACT_TEXT)
#undef SMKI_FACT_TEXT
};

// The certificates that a step looks for, or places.
Fact CertificatesOf(const Step& step) {
  const std::string holder = HolderOf(step);
  return holder == kAccessControlBroker ? Fact::kBrokerCertificates
         : holder == kSuccessor         ? Fact::kSuccessorCertificates
                                        : Fact::kCertificates;
}

// A campaign places what the Direction names.
Fact DirectedCertificates(const Runbook& runbook) {
  for (const Step& step : runbook.steps) {
    if (step.kind == StepKind::kDirection) return CertificatesOf(step);
  }
  return Fact::kCertificates;
}

Effects CampaignEffects(const Runbook& runbook, const Step& step) {
  const auto wave = step.with.find("wave");
  Effects out;
  out.needs = {DirectedCertificates(runbook), Fact::kDirection, Fact::kKeyOpen};
  out.makes = wave != step.with.end() && wave->second == "canary" ? Fact::kCanaryProven : Fact::kReplaced;
  return out;
}

// SEC L10: a contingency key is used once, and what it installs must be there before; then it is destroyed.
Effects ForContingency(const std::string& action, Effects effects) {
  if (action == "direction.draft") effects.needs = effects.needs | Fact::kHierarchy;
  if (action == "repository.holds-certificates") effects.needs = effects.needs | Fact::kHierarchy;
  if (action == "keyguard.prepare" || action == "campaign.run") effects.forbids = Fact::kPairDestroyed;
  return effects;
}

}  // namespace

std::vector<Fact> Facts::List() const {
  std::vector<Fact> out;
  for (size_t i = 0; i < std::size(kTexts); ++i) {
    if (Has(static_cast<Fact>(i))) out.push_back(static_cast<Fact>(i));
  }
  return out;
}

const char* Text(Fact fact) {
  return kTexts[static_cast<size_t>(fact)];
}

std::string Text(Facts facts, const char* between) {
  std::string out;
  for (const Fact fact : facts.List()) out += (out.empty() ? "" : between) + std::string(Text(fact));
  return out;
}

Effects EffectsOf(const Runbook& runbook, const Step& step) {
  static const std::map<std::string, Effects> kOfActions = {
      {"repository.rebuild", {.makes = Fact::kRepository}},
      {"repository.apply-deltas", {.needs = Fact::kRepository}},
      {"keyguard.prepare", {.needs = Fact::kDirection, .makes = Fact::kKeyOpen}},
      {"keyguard.close", {.ends = Fact::kKeyOpen}},
      {"hierarchy.accept", {.makes = Fact::kHierarchy}},
      {"keyguard.destroy",
       {.needs = {Fact::kKeyOpen, Fact::kReplaced}, .makes = Fact::kPairDestroyed, .ends = Fact::kKeyOpen}},
      // Who replaced them is not asked: what the Devices say counts.
      {"fleet.proven", {.needs = {Fact::kRepository, Fact::kCertificates}, .makes = Fact::kReplaced}},
      {"authority.revoke-replaced",
       {.needs_one_of = {Fact::kReplaced, Fact::kRevocationDirected}, .makes = Fact::kRevoked}},
      {"authority.publish-crl", {.needs = Fact::kRevoked, .makes = Fact::kListPublished}},
  };
  Effects out;
  if (step.action == "repository.holds-certificates") {
    out = {.needs = Fact::kRepository, .makes = CertificatesOf(step)};
  } else if (step.action == "direction.draft") {
    // It names certificates by digest, and its Devices' authorities: what is in no Repository nobody could check.
    out = {.needs = {Fact::kRepository, CertificatesOf(step)}, .makes = Fact::kDirection};
  } else if (step.action == "campaign.run") {
    out = CampaignEffects(runbook, step);
  } else if (const auto found = kOfActions.find(step.action); found != kOfActions.end()) {
    out = found->second;
  }
  return runbook.key == "contingency" ? ForContingency(step.action, out) : out;
}

std::string Unmet(const Effects& effects, Facts held) {
  if (const Facts missing = effects.needs.Without(held); !missing.empty())
    return "without " + Text(missing, " and without ");
  if (!effects.needs_one_of.empty() && !held.Meets(effects.needs_one_of))
    return "without " + Text(effects.needs_one_of, ", or ");
  const Facts forbidden = effects.forbids.Without(effects.forbids.Without(held));
  return forbidden.empty() ? "" : "after " + Text(forbidden, " and ");
}

}  // namespace smki::procedures
