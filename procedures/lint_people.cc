#include "procedures/lint_people.h"

#include <algorithm>
#include <set>

namespace smki::procedures {
namespace {

constexpr char kCustodian[] = "key-custodian";

class People {
 public:
  People(const Runbook& runbook, const TrustPolicy& policy) : runbook_(runbook), policy_(policy) {}

  std::vector<LintFinding> Run() {
    CheckAllowed();
    for (const Step& step : runbook_.steps) {
      CheckActor(step);
      if (step.kind == StepKind::kDirection) CheckVoters(step);
      if (step.kind == StepKind::kCeremony) CheckCustodians(step);
    }
    return std::move(findings_);
  }

 private:
  template <typename... Args>
  void Error(int line, fmt::format_string<Args...> format, Args&&... args) {
    findings_.push_back({true, line, fmt::format(format, std::forward<Args>(args)...), {}});
  }

  bool Conflict(const std::string& a, const std::string& b) const {
    return std::any_of(policy_.conflicts.begin(), policy_.conflicts.end(),
                       [&](const RoleConflict& c) { return (c.a == a && c.b == b) || (c.a == b && c.b == a); });
  }

  void CheckAllowed() {
    if (runbook_.key == "none") return;
    const auto allows = [&](const AllowedUse& use) {
      return use.digest == runbook_.digest && use.key == runbook_.key &&
             std::find(use.modes.begin(), use.modes.end(), runbook_.mode) != use.modes.end();
    };
    if (std::none_of(policy_.allowed.begin(), policy_.allowed.end(), allows))
      Error(1, "the trust policy does not allow this runbook the {} key in mode {}", runbook_.key, runbook_.mode);
  }

  void CheckActor(const Step& step) {
    if (step.actor == "system") return;
    // The party itself has no role here; the operator records what it did.
    const std::string role = step.actor == "party" ? "incident-operator" : step.actor;
    const bool held = std::any_of(policy_.persons.begin(), policy_.persons.end(),
                                  [&](const Person& person) { return person.HasRole(role); });
    if (!held) Error(step.line, "step '{}': nobody may perform it: no person has the role {}", step.id, role);
  }

  // Seats that can still vote when `requester` has asked, counted as votes are: one a seat, one an organisation.
  size_t VotesWithout(const Person& requester) const {
    std::set<std::string> organisations;
    size_t votes = 0;
    for (const Seat& seat : policy_.seats) {
      std::vector<std::string> voters = seat.alternates;
      voters.insert(voters.begin(), seat.member);
      for (const std::string& voter : voters) {
        const Person* const person = policy_.FindPerson(voter);
        if (voter == requester.id || person == nullptr) continue;
        if (policy_.one_vote_per_organisation && !organisations.insert(person->organisation).second) continue;
        ++votes;
        break;
      }
    }
    return votes;
  }

  void CheckVoters(const Step& step) {
    for (const Person& person : policy_.persons) {
      if (!person.HasRole(step.actor)) continue;
      const size_t votes = VotesWithout(person);
      if (votes >= policy_.approvals_needed) continue;
      Error(step.line, "step '{}': requested by {}, only {} of the {} approvals needed can be given", step.id,
            person.id, votes, policy_.approvals_needed);
    }
  }

  void CheckCustodians(const Step& step) {
    CheckCustodiansOf(step, runbook_.key);
    if (runbook_.key == "contingency") CheckCustodiansOf(step, "symmetric");
  }

  // Whoever must act in a conflicting role, because nobody else holds it, presents no share.
  void CheckCustodiansOf(const Step& step, const std::string& key) {
    const KeyCustody* const custody = policy_.FindKey(key);
    if (custody == nullptr)
      return Error(step.line, "step '{}': nobody may perform it: the trust policy names no custodians of the {} key",
                   step.id, key);
    size_t free = 0;
    for (const CustodianShare& share : custody->custodians) {
      const Person* const person = policy_.FindPerson(share.person);
      free += person != nullptr && person->HasRole(kCustodian) && !IsBound(*person) ? 1 : 0;
    }
    if (free < custody->threshold) {
      Error(step.line, "step '{}': {} of the {} custodians needed are free to open the {} key", step.id, free,
            custody->threshold, key);
    }
  }

  // The only one who can act in a role of the runbook that conflicts with a custodian's.
  bool IsBound(const Person& person) const {
    return std::any_of(runbook_.steps.begin(), runbook_.steps.end(), [&](const Step& step) {
      if (!person.HasRole(step.actor) || !Conflict(step.actor, kCustodian)) return false;
      return std::count_if(policy_.persons.begin(), policy_.persons.end(),
                           [&](const Person& other) { return other.HasRole(step.actor); }) == 1;
    });
  }

  const Runbook& runbook_;
  const TrustPolicy& policy_;
  std::vector<LintFinding> findings_;
};

}  // namespace

std::vector<LintFinding> LintPeople(const Runbook& runbook, const TrustPolicy& policy) {
  return People(runbook, policy).Run();
}

}  // namespace smki::procedures
