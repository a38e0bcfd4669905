// Random incidents: whatever anybody asks in whatever order, the rules hold.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/random.h"
#include "incident.h"

namespace smki::procedures {
namespace {

using test::Incident;
using test::kVoteDigest;

class RandomRequests {
 public:
  RandomRequests(const Runbook& runbook, const TrustPolicy& policy, SeededRandom& random)
      : runbook_(runbook), policy_(policy), random_(random) {}

  Request Next(const IncidentState& state) {
    Request out{Body(state), state.events};
    if (random_.Below(20) == 0) out.expected_sequence = random_.Below(state.events + 2);
    if (random_.Below(20) == 0) out.expected_sequence.reset();
    return out;
  }

 private:
  bool Often() { return random_.Below(10) < 8; }
  bool Rarely() { return random_.Below(20) == 0; }
  // Mostly a step that could be next: else few sequences would get far.
  std::string Step(const IncidentState& state) {
    std::vector<std::string> likely;
    for (const auto& [id, step] : state.steps) {
      if (step.status == StepStatus::kReady || step.status == StepStatus::kRunning ||
          step.status == StepStatus::kFailed)
        likely.push_back(id);
    }
    if (!likely.empty() && Often()) return likely[random_.Below(likely.size())];
    const uint64_t any = random_.Below(runbook_.steps.size() + 1);
    return any == runbook_.steps.size() ? "nothing" : runbook_.steps[any].id;
  }
  std::string Anyone() {
    const uint64_t any = random_.Below(policy_.persons.size() + 2);
    return any < policy_.persons.size() ? policy_.persons[any].id : any == policy_.persons.size() ? "" : "nobody";
  }
  std::string Voter() { return Often() ? policy_.seats[random_.Below(policy_.seats.size())].member : Anyone(); }
  std::string Actor(const std::string& step) {
    const struct Step* found = runbook_.Find(step);
    if (found == nullptr || !Often()) return Anyone();
    return found->actor == "system"          ? ""
           : found->actor == "incident-lead" ? (random_.Below(4) == 0 ? "pam" : "leo")
                                             : "ola";
  }
  RequestBody Body(const IncidentState& state) {
    const std::string step = Step(state);
    const struct Step* found = runbook_.Find(step);
    switch (state.open ? random_.Below(24) : 0) {
      case 0:
        return OpenRequest{"INC-1", Often() ? "leo" : Anyone(), {}};
      case 1:
        return PauseRequest{Anyone(), random_.Below(2) == 0, "why"};
      case 2:
        return PauseRequest{"leo", true, "why"};
      case 3:
        return DeviateRequest{step, Often() ? "leo" : Anyone(), Often() ? "why" : ""};
      case 4:
        return CloseRequest{Often() ? "leo" : Anyone(), Rarely() ? "a false alarm" : ""};
      case 5:
      case 6:
      case 7:
        return ApprovalRequest{Often() ? "direction" : step, Voter(), kVoteDigest, Rarely()};
      case 8:
        return CastingRequest{Often() ? "direction" : step, Often() ? "cho" : Anyone(), kVoteDigest,
                              Rarely() ? "reject" : "approve", "why"};
      case 9:
      case 10:
      case 11:
      case 12: {
        std::map<std::string, std::string> outputs;
        if (random_.Below(2) == 0) outputs["key" + std::to_string(random_.Below(3))] = "value";
        return ActionResult{step, !Rarely(), "detail", outputs};
      }
      case 13:
      case 14:
      case 15:
        return DoneRequest{step, Actor(step), "evidence"};
      case 16:
      case 17: {
        const bool known = found != nullptr && !found->choices.empty() && Often();
        if (!known) return DecideRequest{step, Actor(step), "maybe"};
        return DecideRequest{step, Actor(step), random_.Below(4) != 0 ? found->choices.front() : found->choices.back()};
      }
      default:
        return StartRequest{step, Actor(step)};
    }
  }

  const Runbook& runbook_;
  const TrustPolicy& policy_;
  SeededRandom& random_;
};

bool Same(const IncidentState& a, const IncidentState& b) {
  if (a.events != b.events || a.open != b.open || a.paused != b.paused || a.closed != b.closed ||
      a.outputs != b.outputs || a.acted != b.acted || a.approved_by != b.approved_by ||
      a.rejected_by != b.rejected_by || a.rejections != b.rejections || a.cast != b.cast || a.cast_by != b.cast_by ||
      a.closed_text != b.closed_text || a.newest != b.newest || a.steps.size() != b.steps.size()) {
    return false;
  }
  for (const auto& [id, x] : a.steps) {
    const StepState& y = b.steps.at(id);
    if (x.status != y.status || x.attempts != y.attempts || x.started != y.started || x.finished != y.finished ||
        x.person != y.person || x.result != y.result) {
      return false;
    }
  }
  return true;
}

bool IsFinished(StepStatus s) {
  return s == StepStatus::kDone || s == StepStatus::kSkipped;
}

void CheckRules(const Incident& i) {
  for (const Step& step : i.runbook_.steps) {
    if (!i.state_.open) return;
    const StepState& at = i.state_.steps.at(step.id);
    for (const std::string& id : step.requires_) {
      const bool met = IsFinished(i.state_.steps.at(id).status);
      ASSERT_TRUE(met || at.status == StepStatus::kBlocked || at.status == StepStatus::kSkipped)
          << step.id << " went before " << id;
    }
    if (step.kind == StepKind::kDirection && at.status == StepStatus::kDone) {
      ASSERT_GE(i.state_.approvals(), i.policy_.approvals_needed);
      ASSERT_TRUE(i.state_.cast.empty() || i.state_.approved_by.size() == i.state_.rejected_by.size());
    }
  }
  for (const auto& [person, roles] : i.state_.acted) {
    for (const RoleConflict& c : i.policy_.conflicts)
      ASSERT_FALSE(roles.contains(c.a) && roles.contains(c.b)) << person;
    for (const std::string& role : roles)
      ASSERT_TRUE(i.policy_.FindPerson(person)->HasRole(role)) << person << " as " << role;
  }
  ASSERT_FALSE(i.state_.approved_by.contains(i.state_.steps.at("direction").person));
  if (i.state_.closed) {  // I5
    const StepStatus ceremony = i.StatusOf("ceremony"), close_key = i.StatusOf("close-key");
    ASSERT_NE(ceremony, StepStatus::kRunning);
    ASSERT_TRUE(ceremony != StepStatus::kDone || close_key == StepStatus::kDone);
  }
}

uint64_t Seed() {
  const char* given = std::getenv("SMKI_SEED");
  return given == nullptr ? 20261121 : std::strtoull(given, nullptr, 10);
}

TEST(MachineProperty, RandomIncidentsKeepEveryRuleAndReplayToTheSameState) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(fmt::format("SMKI_SEED={}", seed));
  SeededRandom random(seed);
  int closed = 0, campaigns = 0;
  for (int run = 0; run < 150; ++run) {
    Incident i;
    RandomRequests requests(i.runbook_, i.policy_, random);
    for (int n = 0; n < 400 && !i.state_.closed; ++n) {
      const Request request = requests.Next(i.state_);
      const auto once = i.machine_.Decide(i.state_, request, i.now_);
      const auto twice = i.machine_.Decide(i.state_, request, i.now_);
      ASSERT_EQ(once.status(), twice.status());
      if (once.ok()) {
        ASSERT_EQ(*once, *twice);
      } else {
        ASSERT_TRUE(ReasonFromCode(ReasonOf(once.status())).has_value()) << Message(once.status());
      }
      const Status done = i.Do(request);
      ASSERT_EQ(done.ok(), once.ok()) << Message(done);  // what Decide says, Apply takes
      ASSERT_NO_FATAL_FAILURE(CheckRules(i));
    }
    IncidentState replayed;
    for (const Event& event : i.log_) ASSERT_TRUE(i.machine_.Apply(replayed, event).ok());
    ASSERT_TRUE(Same(replayed, i.state_));
    closed += i.state_.closed;
    campaigns += i.state_.open && i.StatusOf("campaign") == StepStatus::kDone;
  }
  EXPECT_GT(closed, 30) << "the sequences get nowhere: they prove nothing";
  EXPECT_GT(campaigns, 30) << "the sequences get nowhere: they prove nothing";
}

}  // namespace
}  // namespace smki::procedures
