// What a reviewer would have to check in a runbook by hand. Each rule is one function; tests have a bad runbook for
// each.
#include <algorithm>
#include <iterator>
#include <set>

#include "procedures/model_check.h"
#include "procedures/words.h"

namespace smki::procedures {
namespace {

int PhaseRank(const std::string& phase) {
  return phase == "pre-recovery" ? 0 : phase == "execution" ? 1 : 2;
}

class Linter {
 public:
  explicit Linter(const Runbook& runbook) : runbook_(runbook) {}

  std::vector<LintFinding> Run() {
    for (const Step& step : runbook_.steps) {
      CheckTexts(step);
      CheckActor(step);
      CheckAction(step);
      CheckChoices(step);
      CheckRequirements(step);
      CheckWhen(step);
    }
    CheckReachable();
    CheckPhaseOrder();
    CheckKeyUse();
    CheckFactors();
    CheckEnd();
    if (is_graph_) {
      std::vector<LintFinding> found = ModelCheck(runbook_);
      std::move(found.begin(), found.end(), std::back_inserter(findings_));
    }
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const LintFinding& a, const LintFinding& b) { return a.line < b.line; });
    return std::move(findings_);
  }

 private:
  template <typename... Args>
  void Error(const Step& step, fmt::format_string<Args...> format, Args&&... args) {
    findings_.push_back(
        {true, step.line, fmt::format("step '{}': {}", step.id, fmt::format(format, std::forward<Args>(args)...)), {}});
  }
  template <typename... Args>
  void Warning(const Step& step, fmt::format_string<Args...> format, Args&&... args) {
    Error(step, format, std::forward<Args>(args)...);
    findings_.back().error = false;
  }
  template <typename... Args>
  void RunbookError(fmt::format_string<Args...> format, Args&&... args) {
    findings_.push_back({true, 1, fmt::format(format, std::forward<Args>(args)...), {}});
  }

  // All steps that come before `step`, by any number of requirements.
  std::set<std::string> Before(const Step& step) const {
    std::set<std::string> out;
    std::vector<const Step*> open = {&step};
    while (!open.empty()) {
      const Step* at = open.back();
      open.pop_back();
      for (const std::string& id : at->requires_) {
        const Step* required = runbook_.Find(id);
        if (required != nullptr && out.insert(id).second) open.push_back(required);
      }
    }
    return out;
  }

  void CheckTexts(const Step& s) {
    if (s.purpose.empty()) Error(s, "no purpose: say why this step is there");
    if (s.guidance.empty()) Error(s, "no guidance: say what to do");
    if (s.verify.empty()) Error(s, "no verify: say how to see that it is done");
    if (s.basis.source.empty()) Error(s, "no basis: say which source this step rests on, and how surely");
    if (s.evidence.empty()) Warning(s, "no evidence: say what is kept of it");
  }

  void CheckActor(const Step& s) {
    const bool by_system = s.kind == StepKind::kAction || s.kind == StepKind::kWait || s.kind == StepKind::kCeremony;
    if (s.actor == "system" && !by_system) Error(s, "a step of kind {} needs a person, not the system", Name(s.kind));
    // I4: who requests a Direction neither approves it nor opens the key for it.
    if (s.kind == StepKind::kDirection && (s.actor == "pma-member" || s.actor == "key-custodian")) {
      Error(s, "the {} must not request the Direction that it approves or opens the key for", s.actor);
    }
    if (s.on_failure == "deviate" &&
        (s.kind == StepKind::kDirection || s.kind == StepKind::kCeremony || s.kind == StepKind::kDecide)) {
      Error(s, "a step of kind {} cannot be skipped by deviation", Name(s.kind));
    }
  }

  void CheckAction(const Step& s) {
    const bool acts = s.kind != StepKind::kAttest && s.kind != StepKind::kDecide;
    if (!acts) {
      if (!s.action.empty()) Error(s, "a step of kind {} has no action", Name(s.kind));
      return;
    }
    const auto& known = KnownActions();
    const auto spec = std::find_if(known.begin(), known.end(), [&](const ActionSpec& a) { return a.name == s.action; });
    if (spec == known.end()) {
      Error(s, "unknown action '{}'", s.action);
      return;
    }
    const auto in = [](const std::vector<std::string>& list, const std::string& key) {
      return std::find(list.begin(), list.end(), key) != list.end();
    };
    for (const std::string& key : spec->required) {
      if (!s.with.contains(key)) Error(s, "action {} needs parameter '{}'", s.action, key);
    }
    for (const auto& [key, value] : s.with) {
      if (!in(spec->required, key) && !in(spec->optional, key))
        Error(s, "action {} has no parameter '{}'", s.action, key);
      if (key == "wave" && value != "canary" && value != "main")
        Error(s, "wave must be canary or main, found '{}'", value);
      if (key == "rejects") CheckAccepted(s, key, value, "rejected records are");
      if (key == "gap") CheckAccepted(s, key, value, "a missing delta is");
      if (key == "certificates" && value != kSubscriber && value != kAccessControlBroker && value != kSuccessor)
        Error(s, "certificates must be {}, {} or {}, found '{}'", kSubscriber, kAccessControlBroker, kSuccessor, value);
    }
    const std::pair<StepKind, const char*> special[] = {{StepKind::kDirection, "direction.draft"},
                                                        {StepKind::kCeremony, "keyguard.prepare"}};
    for (const auto& [kind, action] : special) {
      if ((s.kind == kind) != (s.action == action))
        Error(s, "action {} belongs to a step of kind {}, and only to it", action, Name(kind));
    }
  }

  // A Repository that lacks records is somebody's decision, never a matter of course.
  void CheckAccepted(const Step& s, const std::string& key, const std::string& value, const char* what) {
    if (value != "accepted") Error(s, "{} must be accepted or left out, found '{}'", key, value);
    const bool decided = std::any_of(s.when.begin(), s.when.end(), [&](const auto& when) {
      const Step* step = runbook_.Find(when.first);
      return step != nullptr && step->kind == StepKind::kDecide;
    });
    if (!decided) Error(s, "{} accepted only when a decide step said so: add when: {{decision: choice}}", what);
  }

  void CheckChoices(const Step& s) {
    if (s.kind != StepKind::kDecide) {
      if (!s.choices.empty()) Error(s, "only a decide step has choices");
      if (!s.factors.empty()) Error(s, "only a decide step has factors");
      return;
    }
    if (s.choices.size() < 2) Error(s, "a decision needs at least two choices");
    if (std::set<std::string>(s.choices.begin(), s.choices.end()).size() != s.choices.size())
      Error(s, "a choice is given twice");
  }

  void CheckRequirements(const Step& s) {
    for (const std::string& id : s.requires_) {
      const Step* required = runbook_.Find(id);
      if (required == nullptr) {
        Error(s, "requires the unknown step '{}'", id);
        is_graph_ = false;
      } else if (PhaseRank(required->phase) > PhaseRank(s.phase)) {
        Error(s, "is of phase {} but requires '{}' of phase {}", s.phase, id, required->phase);
      }
    }
    if (!Before(s).contains(s.id)) return;
    Error(s, "requires itself, by way of {}", fmt::join(s.requires_, ", "));
    is_graph_ = false;
  }

  void CheckWhen(const Step& s) {
    for (const auto& [id, outcome] : s.when) {
      const Step* origin = runbook_.Find(id);
      if (origin == nullptr) {
        Error(s, "when names the unknown step '{}'", id);
        is_graph_ = false;
        continue;
      }
      const bool decides = origin->kind == StepKind::kDecide;
      if (decides && std::find(origin->choices.begin(), origin->choices.end(), outcome) == origin->choices.end()) {
        Error(s, "when names the choice '{}', which '{}' does not have", outcome, id);
      }
      if (!decides && outcome != "done")
        Error(s, "when: the outcome of '{}' can only be done, found '{}'", id, outcome);
      if (!Before(s).contains(id)) Error(s, "when depends on '{}' without requiring it", id);
    }
  }

  // What only steps in a circle, or behind something unknown, could make ready.
  void CheckReachable() {
    std::set<std::string> reached;
    for (bool more = true; more;) {
      more = false;
      for (const Step& s : runbook_.steps) {
        const bool ready = std::all_of(s.requires_.begin(), s.requires_.end(),
                                       [&](const std::string& id) { return reached.contains(id); });
        if (ready && reached.insert(s.id).second) more = true;
      }
    }
    for (const Step& s : runbook_.steps) {
      if (!reached.contains(s.id)) Error(s, "can never be reached");
    }
  }

  void CheckPhaseOrder() {
    for (size_t i = 1; i < runbook_.steps.size(); ++i) {
      if (PhaseRank(runbook_.steps[i].phase) < PhaseRank(runbook_.steps[i - 1].phase)) {
        Error(runbook_.steps[i], "of phase {} stands after a step of phase {}", runbook_.steps[i].phase,
              runbook_.steps[i - 1].phase);
      }
    }
  }

  void CheckKeyUse() {
    if (runbook_.key == "none" ? runbook_.mode != "none" : runbook_.mode != ModeOfKey(runbook_.key)) {
      RunbookError("mode {} does not belong to key {}", runbook_.mode, runbook_.key);
    }
    const auto is_direction = [](const Step& s) { return s.kind == StepKind::kDirection; };
    const auto is_ceremony = [](const Step& s) { return s.kind == StepKind::kCeremony; };
    for (const Step& s : runbook_.steps) {
      const bool uses_key = s.action == "campaign.run";
      if ((uses_key || is_ceremony(s) || is_direction(s)) && runbook_.key == "none")
        Error(s, "the runbook uses no key, but this step does");
    }
  }

  // SEC L10.9: the PMA cannot take into account what nobody had to answer.
  void CheckFactors() {
    const auto answered = [this](const std::string& id) {
      const Step* step = runbook_.Find(id);
      return std::any_of(step->factors.begin(), step->factors.end(), [](const Factor& f) { return f.mandatory; });
    };
    for (const Step& s : runbook_.steps) {
      const std::set<std::string> before = Before(s);
      if (s.kind == StepKind::kDirection && std::none_of(before.begin(), before.end(), answered))
        Error(s, "drafts a Direction, and no decide step before it asks about a mandatory factor");
    }
  }

  void CheckEnd() {
    const auto& steps = runbook_.steps;
    const auto looks_back = [](const Step& s) { return s.phase == "post-recovery" && s.actor != "system"; };
    if (std::none_of(steps.begin(), steps.end(), looks_back))
      RunbookError("no way to end: no post-recovery step in which a person looks at the result");
  }

  const Runbook& runbook_;
  std::vector<LintFinding> findings_;
  bool is_graph_ = true;  // every step named is there, and none requires itself
};

}  // namespace

std::vector<LintFinding> Lint(const Runbook& runbook) {
  return Linter(runbook).Run();
}

}  // namespace smki::procedures
