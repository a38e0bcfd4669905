// SEC L10.9: nobody asks the PMA for a Direction before every mandatory factor has an answer.
#include "procedures/guidance.h"

#include <gtest/gtest.h>

#include "incident.h"

namespace smki::procedures {
namespace {

using test::Answers;
using test::Incident;
using test::MethodThree;

Status Check(const std::string& choice, const FactorAnswers& answers) {
  const Runbook runbook = MethodThree();
  return CheckAnswers(runbook, *runbook.Find("guidance"), choice, answers);
}
FactorAnswers Good() {
  return Answers(MethodThree(), "guidance");
}

TEST(Guidance, AChoiceThatLeadsOnNeedsEveryMandatoryAnswer) {
  EXPECT_TRUE(Check("direct", Good()).ok());
  ASSERT_EQ(Good().size(), 4u);
  for (const auto& [id, answer] : Good()) {
    FactorAnswers answers = Good();
    answers.erase(id);
    const Status status = Check("direct", answers);
    EXPECT_TRUE(IsRefusal(status, Reason::kFACTOR_UNANSWERED)) << status;
    EXPECT_NE(Message(status).find("'" + id + "' ("), std::string::npos) << status;
    for (const auto& [other, given] : answers) EXPECT_EQ(Message(status).find("'" + other + "'"), std::string::npos);
  }
}

TEST(Guidance, AChoiceThatStopsNeedsNoAnswer) {
  EXPECT_TRUE(Check("stop", {}).ok());
  const Runbook runbook = MethodThree();
  EXPECT_FALSE(LeadsOn(runbook, *runbook.Find("guidance"), "stop"));
  EXPECT_TRUE(LeadsOn(runbook, *runbook.Find("guidance"), "direct"));
}

TEST(Guidance, AChoiceStopsAlsoByWayOfASkippedStep) {
  Runbook runbook = MethodThree();
  for (Step& step : runbook.steps) {
    if (step.id == "notify-pma") step.when = {{"guidance", "direct"}};
    if (step.id == "direction") step.when = {{"notify-pma", "done"}};
  }
  EXPECT_FALSE(LeadsOn(runbook, *runbook.Find("guidance"), "stop"));
}

TEST(Guidance, WhereOneDirectionMayStillBeDraftedAChoiceLeadsOn) {
  Runbook runbook = MethodThree();
  Step second = *runbook.Find("direction");
  second.id = "second-direction";
  second.when.clear();
  runbook.steps.push_back(second);
  EXPECT_TRUE(LeadsOn(runbook, *runbook.Find("guidance"), "stop"));
}

TEST(Guidance, ARunbookThatDraftsNoDirectionHasNoChoiceThatStops) {
  Runbook runbook = MethodThree();
  std::erase_if(runbook.steps, [](const Step& step) { return step.kind == StepKind::kDirection; });
  EXPECT_TRUE(LeadsOn(runbook, *runbook.Find("guidance"), "stop"));
}

TEST(Guidance, AnswersAreToWhatIsAskedAndSaySomethingAndFit) {
  FactorAnswers strange = Good(), blank = Good(), longest = Good(), too_long = Good();
  strange["weather"] = "fine";
  blank["nature-and-extent"] = "  ";
  longest["nature-and-extent"] = std::string(kMaxFactorAnswer, 'x');
  too_long["nature-and-extent"] = std::string(kMaxFactorAnswer + 1, 'x');
  EXPECT_TRUE(IsRefusal(Check("direct", strange), Reason::kBAD_REQUEST));
  EXPECT_TRUE(IsRefusal(Check("stop", strange), Reason::kBAD_REQUEST));
  EXPECT_TRUE(IsRefusal(Check("direct", blank), Reason::kBAD_REQUEST));
  EXPECT_TRUE(Check("direct", longest).ok());
  EXPECT_TRUE(IsRefusal(Check("direct", too_long), Reason::kBAD_REQUEST));
}

TEST(Guidance, TheMachineRefusesAndTheEventHoldsTheAnswers) {
  Incident i;
  i.Reach("guidance");
  EXPECT_TRUE(IsRefusal(i.Do(DecideRequest{"guidance", "leo", "direct"}), Reason::kFACTOR_UNANSWERED));
  EXPECT_EQ(i.StatusOf("guidance"), StepStatus::kReady);
  FactorAnswers answers = Good();
  answers["time-needed"] = "two days";
  ASSERT_TRUE(i.Do(DecideRequest{"guidance", "leo", "direct", "", answers}).ok());
  EXPECT_EQ(i.log_.back().fields.at("factor.time-needed"), "two days");
  EXPECT_EQ(i.state_.steps.at("guidance").factors, answers);
}

TEST(Guidance, AnEventWithoutTheAnswersCannotFollow) {
  Incident i;
  i.Reach("guidance");
  Event event{"step-decided", i.now_, "guidance", "leo", {{"choice", "direct"}, {"role", "incident-lead"}}};
  EXPECT_EQ(i.machine_.Apply(i.state_, event).code(), StatusCode::kDataLoss);
  for (const auto& [id, answer] : Good()) event.fields["factor." + id] = answer;
  EXPECT_TRUE(i.machine_.Apply(i.state_, event).ok());
}

TEST(Guidance, I9_ADecisionIsKeptUnderANewRunbookOnlyIfItAnswersWhatThatAsks) {
  for (const bool asks_more : {false, true}) {
    Incident i;
    i.Reach("direction");
    Runbook next = i.runbook_;
    next.digest.fill(0xEE);
    for (Step& step : next.steps) {
      if (step.id == "guidance" && asks_more) step.factors.push_back({"who-pays", "Who pays?", true});
    }
    i.policy_.allowed.push_back({next.id, next.digest, "recovery", {next.mode}});
    i.Must(i.Ask(test::Repin(ToHex(next.digest))));
    for (const char* member : {"ann", "bob"}) i.Must(i.Approve(member));
    const auto events = i.machine_.Decide(i.state_, {ApproveRequest{"cal", i.Digest()}, i.state_.events}, i.now_);
    ASSERT_TRUE(events.ok()) << events.status();
    i.Must(i.machine_.Apply(i.state_, events->front()));
    i.Must(Machine(next, i.policy_).Apply(i.state_, events->back()));
    EXPECT_EQ(i.StatusOf("guidance"), asks_more ? StepStatus::kReady : StepStatus::kDone);
  }
}

}  // namespace
}  // namespace smki::procedures
