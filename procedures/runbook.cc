#include "procedures/runbook.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "base/yaml.h"
#include "pki/digest.h"
#include "procedures/canonical.h"

namespace smki::procedures {
namespace {

constexpr size_t kMaxSteps = 200;
constexpr size_t kMaxText = 4000;
constexpr size_t kMaxQuestion = 500;

constexpr std::pair<StepKind, std::string_view> kKinds[] = {
    {StepKind::kAttest, "attest"},       {StepKind::kDecide, "decide"},     {StepKind::kAction, "action"},
    {StepKind::kDirection, "direction"}, {StepKind::kCeremony, "ceremony"}, {StepKind::kWait, "wait"},
};

using Words = std::initializer_list<std::string_view>;

StatusOr<std::string> OneOf(const YamlNode& node, std::string_view key, Words known) {
  SMKI_ASSIGN_OR_RETURN(std::string text, node.Text(key));
  if (std::find(known.begin(), known.end(), text) == known.end()) {
    return node.Find(key)->Wrong(fmt::format("'{}' must be one of {}; found '{}'", key, fmt::join(known, ", "), text));
  }
  return text;
}

StatusOr<std::string> Identifier(const YamlNode& node, std::string_view key) {
  SMKI_ASSIGN_OR_RETURN(std::string text, node.Text(key));
  if (!IsIdentifier(text))
    return node.Find(key)->Wrong(
        fmt::format("'{}' must be a name of letters, digits and ._:/+=-; found '{}'", key, text));
  return text;
}

Status OptionalText(const YamlNode& node, std::string_view key, std::string& out) {
  if (node.Find(key) == nullptr) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(out, node.Text(key));
  if (out.size() > kMaxText) return node.Find(key)->Wrong(fmt::format("'{}' is longer than {} octets", key, kMaxText));
  return OkStatus();
}

Status OptionalList(const YamlNode& node, std::string_view key, std::vector<std::string>& out) {
  if (node.Find(key) == nullptr) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(out, node.TextList(key));
  return OkStatus();
}

Status OptionalMap(const YamlNode& node, std::string_view key, std::map<std::string, std::string>& out) {
  if (node.Find(key) == nullptr) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(const YamlNode* map, node.Mapping(key));
  for (const auto& [name, value] : map->entries()) {
    SMKI_ASSIGN_OR_RETURN(out[name], value.AsText());
  }
  return OkStatus();
}

StatusOr<StepKind> ReadKind(const YamlNode& node) {
  SMKI_ASSIGN_OR_RETURN(const std::string text,
                        OneOf(node, "kind", {"attest", "decide", "action", "direction", "ceremony", "wait"}));
  return std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& k) { return k.second == text; })->first;
}

Status ReadBasis(const YamlNode& node, Basis& out) {
  if (node.Find("basis") == nullptr) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(const YamlNode* basis, node.Mapping("basis"));
  SMKI_RETURN_IF_ERROR(basis->CheckKeys({"source", "confidence"}));
  SMKI_ASSIGN_OR_RETURN(out.source, basis->Text("source"));
  SMKI_ASSIGN_OR_RETURN(out.confidence, OneOf(*basis, "confidence", {"read", "derived", "assumed"}));
  return OkStatus();
}

Status ReadFactors(const YamlNode& node, std::vector<Factor>& out) {
  if (node.Find("factors") == nullptr) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(const YamlNode* factors, node.Sequence("factors"));
  if (factors->items().empty()) return factors->Wrong("'factors' is empty: leave it out");
  for (const YamlNode& one : factors->items()) {
    SMKI_RETURN_IF_ERROR(one.CheckKeys({"id", "question", "weight"}));
    Factor factor;
    SMKI_ASSIGN_OR_RETURN(factor.id, Identifier(one, "id"));
    SMKI_ASSIGN_OR_RETURN(factor.question, one.Text("question"));
    if (factor.question.size() > kMaxQuestion)
      return one.Wrong(fmt::format("'question' is longer than {} octets", kMaxQuestion));
    SMKI_ASSIGN_OR_RETURN(const std::string weight, OneOf(one, "weight", {"mandatory", "optional"}));
    factor.mandatory = weight == "mandatory";
    out.push_back(std::move(factor));
  }
  return OkStatus();
}

// A Direction's factors are named by steps and factors alike: each name means one thing.
Status CheckFactorNames(const Runbook& runbook, const YamlNode& steps) {
  std::set<std::string> names;
  size_t factors = 0;
  for (const Step& step : runbook.steps) names.insert(step.id);
  for (size_t i = 0; i < runbook.steps.size(); ++i) {
    for (const Factor& factor : runbook.steps[i].factors) {
      if (!names.insert(factor.id).second)
        return steps.items()[i].Wrong(
            fmt::format("factor '{}' has the name of a step or of another factor", factor.id));
      if (++factors > kMaxFactors)
        return steps.items()[i].Wrong(fmt::format("more than {} factors in one runbook", kMaxFactors));
    }
  }
  return OkStatus();
}

StatusOr<Step> ReadStep(const YamlNode& node) {
  SMKI_RETURN_IF_ERROR(node.CheckKeys({"id", "phase", "title", "actor", "kind"},
                                      {"requires", "when", "purpose", "guidance", "verify", "evidence", "action",
                                       "with", "choices", "factors", "deadline", "onFailure", "basis"}));
  Step step;
  step.line = node.line();
  SMKI_ASSIGN_OR_RETURN(step.id, Identifier(node, "id"));
  SMKI_ASSIGN_OR_RETURN(step.phase, OneOf(node, "phase", {"pre-recovery", "execution", "post-recovery"}));
  SMKI_ASSIGN_OR_RETURN(step.title, node.Text("title"));
  SMKI_ASSIGN_OR_RETURN(
      step.actor,
      OneOf(node, "actor", {"incident-lead", "incident-operator", "pma-member", "key-custodian", "system", "party"}));
  SMKI_ASSIGN_OR_RETURN(step.kind, ReadKind(node));
  SMKI_RETURN_IF_ERROR(OptionalList(node, "requires", step.requires_));
  SMKI_RETURN_IF_ERROR(OptionalMap(node, "when", step.when));
  SMKI_RETURN_IF_ERROR(OptionalText(node, "purpose", step.purpose));
  SMKI_RETURN_IF_ERROR(OptionalText(node, "guidance", step.guidance));
  SMKI_RETURN_IF_ERROR(OptionalText(node, "verify", step.verify));
  SMKI_RETURN_IF_ERROR(OptionalList(node, "evidence", step.evidence));
  SMKI_RETURN_IF_ERROR(OptionalText(node, "action", step.action));
  SMKI_RETURN_IF_ERROR(OptionalMap(node, "with", step.with));
  SMKI_RETURN_IF_ERROR(OptionalList(node, "choices", step.choices));
  SMKI_RETURN_IF_ERROR(ReadFactors(node, step.factors));
  if (node.Find("deadline") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(step.deadline, node.Duration("deadline"));
  }
  step.on_failure = "stop";
  if (node.Find("onFailure") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(step.on_failure, OneOf(node, "onFailure", {"retry", "stop", "deviate"}));
  }
  SMKI_RETURN_IF_ERROR(ReadBasis(node, step.basis));
  return step;
}

Status ReadHeader(const YamlNode& root, Runbook& out) {
  SMKI_RETURN_IF_ERROR(root.CheckKeys({"apiVersion", "kind", "metadata", "spec"}));
  SMKI_RETURN_IF_ERROR(OneOf(root, "apiVersion", {"smki.recovery/v1"}).status());
  SMKI_RETURN_IF_ERROR(OneOf(root, "kind", {"Runbook"}).status());
  SMKI_ASSIGN_OR_RETURN(const YamlNode* metadata, root.Mapping("metadata"));
  SMKI_RETURN_IF_ERROR(metadata->CheckKeys({"id", "version", "title", "source"}));
  SMKI_ASSIGN_OR_RETURN(out.id, Identifier(*metadata, "id"));
  SMKI_ASSIGN_OR_RETURN(out.version, metadata->Text("version"));
  SMKI_ASSIGN_OR_RETURN(out.title, metadata->Text("title"));
  SMKI_ASSIGN_OR_RETURN(out.source, metadata->Text("source"));
  return OkStatus();
}

}  // namespace

std::string Name(StepKind kind) {
  return std::string(
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& k) { return k.first == kind; })->second);
}

const Step* Runbook::Find(const std::string& step) const {
  const auto it = std::find_if(steps.begin(), steps.end(), [&](const Step& s) { return s.id == step; });
  return it == steps.end() ? nullptr : &*it;
}

StatusOr<Runbook> LoadRunbook(std::string_view text, const std::string& file) {
  SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, file));
  Runbook out;
  SMKI_RETURN_IF_ERROR(ReadHeader(root, out));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* spec, root.Mapping("spec"));
  SMKI_RETURN_IF_ERROR(spec->CheckKeys({"key", "mode", "steps"}));
  SMKI_ASSIGN_OR_RETURN(out.key, OneOf(*spec, "key", {"recovery", "contingency", "none"}));
  SMKI_ASSIGN_OR_RETURN(out.mode, spec->Text("mode"));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* steps, spec->Sequence("steps"));
  if (steps->items().empty() || steps->items().size() > kMaxSteps) {
    return steps->Wrong(fmt::format("'steps' must be a list of 1 to {} steps", kMaxSteps));
  }
  std::set<std::string> ids;
  for (const YamlNode& node : steps->items()) {
    SMKI_ASSIGN_OR_RETURN(Step step, ReadStep(node));
    if (!ids.insert(step.id).second) return node.Wrong(fmt::format("step '{}' stands here a second time", step.id));
    out.steps.push_back(std::move(step));
  }
  SMKI_RETURN_IF_ERROR(CheckFactorNames(out, *steps));
  out.digest = pki::Sha256(text);
  return out;
}

const std::vector<ActionSpec>& KnownActions() {
  static const std::vector<ActionSpec> actions = {
      {"repository.rebuild", {}, {"rejects"}},
      {"repository.apply-deltas", {}, {}},
      {"repository.holds-certificates", {}, {}},
      {"direction.draft", {}, {}},
      {"keyguard.prepare", {}, {}},
      {"campaign.run", {"wave"}, {}},
      {"keyguard.close", {}, {}},
      {"authority.revoke-replaced", {}, {}},
      {"authority.publish-crl", {}, {}},
      {"evidence.report", {}, {}},
  };
  return actions;
}

}  // namespace smki::procedures
