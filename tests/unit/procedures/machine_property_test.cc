// Random incidents: whatever anybody asks in whatever order, the rules hold.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/random.h"
#include "incident.h"
#include "random_runbook.h"

namespace smki::procedures {
namespace {

using test::Answers;
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
    switch (state.open ? random_.Below(25) : 0) {
      case 0:
        return OpenRequest{"INC-1", Often() ? "leo" : Anyone(), {}};
      case 1:
        return PauseRequest{Anyone(), random_.Below(2) == 0, "why"};
      case 2:
        return PauseRequest{"leo", true, "why"};
      case 3:
        return DeviateRequest{Often() ? "leo" : Anyone(),
                              {DeviationKind::kSkip, step, "", "", Often() ? "why" : "", "WB"},
                              fmt::format("{:064x}", state.deviations.size())};
      case 24:
        return ApproveRequest{Often() ? "pam" : Anyone(),
                              fmt::format("{:064x}", std::max<size_t>(state.deviations.size(), 1) - 1)};
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
        DecideRequest decide{step, Actor(step), random_.Below(4) != 0 ? found->choices.front() : found->choices.back()};
        if (!Rarely()) decide.factors = Answers(runbook_, step);
        return decide;
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
      a.closed_text != b.closed_text || a.holds != b.holds || a.key_to_close != b.key_to_close ||
      a.reordered != b.reordered || a.deviations.size() != b.deviations.size() || a.newest != b.newest ||
      a.steps.size() != b.steps.size()) {
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
  for (int run = 0; run < 250; ++run) {
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

// --- deviations, under any runbook ---

// What holds, from the events alone; and that no step started without what it needs.
class FactsWitness {
 public:
  void See(const Runbook& runbook, const Event& event) {
    const Step* step = runbook.Find(event.step);
    if (step == nullptr) return;
    const Effects effects = EffectsOf(runbook, *step);
    if (event.kind == "step-started") {
      ++started;
      ASSERT_TRUE(held_.Has(effects.needs)) << event.step << " started without " << Text(effects.needs, ", ");
      ASSERT_TRUE(effects.needs_one_of.empty() || held_.Meets(effects.needs_one_of)) << event.step;
    } else if (event.kind == "step-completed") {
      held_ = held_.Without(effects.ends) | effects.makes;
      if (effects.makes.Has(Fact::kKeyOpen)) open_ = true;
      if (effects.ends.Has(Fact::kKeyOpen)) open_ = false;
    } else if (event.kind == "step-repeated") {
      held_ = held_.Without(effects.makes);
      if (effects.makes.Has(Fact::kDirection)) held_ = held_.Without(Fact::kKeyOpen);
    }
  }
  bool open() const { return open_; }
  size_t started = 0;

 private:
  Facts held_;
  bool open_ = false;
};

class RandomDeviator {
 public:
  explicit RandomDeviator(SeededRandom& random) : random_(random) {}

  Request Next(const Incident& i) {
    const Step& step = i.runbook_.steps[random_.Below(i.runbook_.steps.size())];
    const uint64_t what = random_.Below(10);
    if (what == 0) return {Ask(i, step), i.state_.events};
    if (what == 1 && !i.state_.deviations.empty())
      return {ApproveRequest{random_.Below(4) == 0 ? "leo" : "pam", Newest(i)}, i.state_.events};
    if (what == 2 && random_.Below(10) == 0) return {CloseRequest{"leo"}, i.state_.events};
    return {Go(i, step), i.state_.events};
  }

 private:
  static std::string Newest(const Incident& i) { return fmt::format("{:064x}", i.state_.deviations.size()); }
  RequestBody Ask(const Incident& i, const Step& step) {
    Deviation asked{static_cast<DeviationKind>(random_.Below(3)), step.id, "", "", "why", "WB"};
    if (asked.kind == DeviationKind::kReorder)
      asked.not_after = step.requires_.empty() ? "s0" : step.requires_[random_.Below(step.requires_.size())];
    return DeviateRequest{"leo", asked, fmt::format("{:064x}", i.state_.deviations.size() + 1)};
  }
  RequestBody Go(const Incident& i, const Step& step) {
    const StepStatus status = i.StatusOf(step.id);
    if (status == StepStatus::kRunning) {
      static constexpr const char* kMembers[] = {"ann", "bob", "cal"};
      if (step.kind == StepKind::kDirection && i.state_.approved_by.size() < 3 && random_.Below(8) != 0)
        return ApprovalRequest{step.id, kMembers[i.state_.approved_by.size()], kVoteDigest};
      return ActionResult{step.id, random_.Below(6) != 0, "", {}};
    }
    if (step.kind == StepKind::kAttest) return DoneRequest{step.id, "leo", "seen"};
    if (step.kind == StepKind::kDecide)
      return DecideRequest{step.id, "leo", step.choices[random_.Below(2)], "", Answers(i.runbook_, step.id)};
    return StartRequest{step.id, step.kind == StepKind::kDirection || status == StepStatus::kFailed ? "leo" : ""};
  }
  SeededRandom& random_;
};

// A deviation is done only after another person than its requester has approved it.
void CheckDeviations(const Incident& i, size_t from) {
  for (size_t n = from; n < i.log_.size(); ++n) {
    const Event& event = i.log_[n];
    if (!event.fields.contains("deviation") || event.kind == "deviation-requested") continue;
    const DeviationState& deviation = i.state_.deviations.at(event.fields.at("deviation"));
    ASSERT_EQ(deviation.approvals.size(), 1u);
    ASSERT_NE(deviation.approvals.begin()->first, deviation.requested_by);
  }
}

TEST(MachineProperty, WhateverIsDeviatedFromNoStepStartsWithoutItsFactsAndNoKeyStaysOpen) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(fmt::format("SMKI_SEED={}", seed));
  std::mt19937_64 wiring(seed);
  SeededRandom random(seed);
  size_t started = 0, lacked = 0, closed = 0;
  std::map<std::string, size_t> kinds;
  for (int run = 0; run < 400; ++run) {
    Incident i(test::RandomRunbook(wiring));
    i.Must(i.Open());
    RandomDeviator deviator(random);
    FactsWitness witness;
    for (int n = 0; n < 300 && !i.state_.closed; ++n) {
      const size_t before = i.log_.size();
      const Status done = i.Do(deviator.Next(i));
      ASSERT_NE(done.code(), StatusCode::kDataLoss) << Message(done);  // what Decide says, Apply takes
      lacked += IsRefusal(done, Reason::kFACT_MISSING);
      for (size_t e = before; e < i.log_.size(); ++e) {
        ++kinds[i.log_[e].kind];
        ASSERT_NO_FATAL_FAILURE(witness.See(i.runbook_, i.log_[e]));
      }
      ASSERT_NO_FATAL_FAILURE(CheckDeviations(i, before));
      ASSERT_FALSE(i.state_.closed && witness.open()) << "closed over an open key";  // I5
    }
    IncidentState replayed;
    for (const Event& event : i.log_) i.Must(i.machine_.Apply(replayed, event));
    ASSERT_TRUE(Same(replayed, i.state_));
    started += witness.started;
    closed += i.state_.closed;
  }
  EXPECT_GT(started, 400u) << "the sequences get nowhere: they prove nothing";
  EXPECT_GT(lacked, 400u);
  EXPECT_GT(closed, 20u);
  for (const char* kind : {"step-skipped", "step-repeated", "step-reordered"}) EXPECT_GT(kinds[kind], 100u) << kind;
}

}  // namespace
}  // namespace smki::procedures
