// Deviations: two persons, a reason, a witness; an order is lifted, never a fact.
#include "procedures/deviation.h"

#include <gtest/gtest.h>

#include "incident.h"

namespace smki::procedures {
namespace {

using test::Incident;
using test::kVoteDigest;
using test::Reorder;
using test::Repeat;
using test::Repin;
using test::Skip;

bool Says(const Status& status, const std::string& text) {
  return Message(status).find(text) != std::string::npos;
}

#define EXPECT_REFUSED(status, reason)                                      \
  do {                                                                      \
    const Status refused = (status);                                        \
    EXPECT_TRUE(IsRefusal(refused, Reason::k##reason)) << Message(refused); \
  } while (false)

#define ASSERT_DONE(status)                  \
  do {                                       \
    const Status done = (status);            \
    ASSERT_TRUE(done.ok()) << Message(done); \
  } while (false)

void Fail(Incident& i, const std::string& step) {
  i.Must(i.Do(StartRequest{step, i.runbook_.Find(step)->actor == "system" ? "" : "leo"}));
  i.Must(i.Do(ActionResult{step, false, "gateway gone", {}}));
}

Runbook With(Runbook runbook, uint8_t digest) {
  runbook.digest.fill(digest);
  return runbook;
}

// --- asking ---

TEST(Deviation, NothingChangesBeforeTheSecondPersonApproves) {
  Incident i;
  i.Reach("canary");
  Fail(i, "canary");
  ASSERT_DONE(i.Ask(Skip("canary")));
  EXPECT_EQ(i.StatusOf("canary"), StepStatus::kFailed);
  EXPECT_EQ(i.machine_.StandingOf(i.state_, i.state_.deviations.at(i.Digest())), "waiting");
  ASSERT_DONE(i.Approve("pam"));
  EXPECT_EQ(i.StatusOf("canary"), StepStatus::kSkipped);
  EXPECT_EQ(i.StatusOf("proceed"), StepStatus::kReady);
  EXPECT_EQ(i.state_.steps.at("canary").result, "it cannot be done");
  EXPECT_EQ(i.machine_.StandingOf(i.state_, i.state_.deviations.at(i.Digest())), "done");
  EXPECT_REFUSED(i.Approve("pam"), STEP_ALREADY_DONE);
}

TEST(Deviation, ItSaysWhatItsKindNeedsAndNothingElse) {
  Incident i;
  i.Reach("canary");
  const auto with = [](Deviation d, auto change) {
    change(d);
    return d;
  };
  const Deviation skip = Skip("canary"), reorder = Reorder("campaign", "proceed"), repin = Repin(std::string(64, 'e'));
  const Deviation kBad[] = {
      with(skip, [](Deviation& d) { d.why.clear(); }),
      with(skip, [](Deviation& d) { d.witness.clear(); }),
      with(skip, [](Deviation& d) { d.witness = "Will"; }),
      with(skip, [](Deviation& d) { d.witness = "ABCDE"; }),
      with(skip, [](Deviation& d) { d.witness = "A"; }),
      with(skip, [](Deviation& d) { d.step.clear(); }),
      with(skip, [](Deviation& d) { d.not_after = "ceremony"; }),
      with(skip, [](Deviation& d) { d.runbook = std::string(64, 'e'); }),
      with(reorder, [](Deviation& d) { d.not_after.clear(); }),
      with(repin, [](Deviation& d) { d.step = "canary"; }),
      with(repin, [](Deviation& d) { d.runbook = "e"; }),
  };
  for (const Deviation& bad : kBad) {
    EXPECT_REFUSED(i.Ask(bad), BAD_REQUEST);
    EXPECT_FALSE(CheckForm(bad).ok());
  }
  EXPECT_REFUSED(i.Do(DeviateRequest{"leo", skip, "no digest"}), BAD_REQUEST);
  EXPECT_REFUSED(i.Ask(Skip("nothing")), UNKNOWN_STEP);
  EXPECT_REFUSED(i.Approve("pam"), NO_DEVIATION);
}

TEST(Deviation, ItIsAskedForByTheIncidentTeamAndOnceForEachSignature) {
  Incident i;
  i.Reach("guidance");
  EXPECT_REFUSED(i.Ask(Skip("guidance"), "ann"), WRONG_ACTOR);
  EXPECT_REFUSED(i.Ask(Skip("guidance"), "nobody"), NOT_PERMITTED);
  EXPECT_REFUSED(i.Do(Request{DeviateRequest{"leo", Skip("guidance"), kVoteDigest}, std::nullopt}), BAD_REQUEST);
  ASSERT_DONE(i.Do(DeviateRequest{"ola", Skip("guidance"), kVoteDigest}));
  EXPECT_REFUSED(i.Do(DeviateRequest{"ola", Skip("guidance"), kVoteDigest}), BAD_REQUEST);
}

TEST(Deviation, AnIncidentTakesSoManyRequestsAndNoMore) {
  Incident i;
  i.Reach("guidance");
  for (size_t n = 0; n < kMaxDeviations; ++n) ASSERT_DONE(i.Ask(Skip("guidance")));
  EXPECT_REFUSED(i.Ask(Skip("guidance")), DEVIATION_NOT_ALLOWED);
}

// --- approving (I4) ---

TEST(Deviation, I4_NobodyApprovesWhatTheyAskedFor) {
  Incident i;
  i.Reach("guidance");
  ASSERT_DONE(i.Ask(Skip("guidance")));
  EXPECT_REFUSED(i.Approve("leo"), APPROVAL_BY_REQUESTER);
  EXPECT_EQ(i.StatusOf("guidance"), StepStatus::kReady);
}

TEST(Deviation, I4_AnotherLeadApproves) {
  Incident i;
  i.Reach("guidance");
  ASSERT_DONE(i.Ask(Skip("guidance"), "ola"));
  for (const char* other : {"oli", "ann", "kim"}) EXPECT_REFUSED(i.Approve(other), WRONG_ACTOR);
  EXPECT_REFUSED(i.Approve("nobody"), NOT_PERMITTED);
  ASSERT_DONE(i.Approve("leo"));
}

TEST(Deviation, I4_WhereNoOtherLeadIsAPmaMemberApproves) {
  Incident i;
  std::erase(
      std::find_if(i.policy_.persons.begin(), i.policy_.persons.end(), [](const Person& p) { return p.id == "pam"; })
          ->roles,
      "incident-lead");
  i.Reach("guidance");
  ASSERT_DONE(i.Ask(Skip("guidance")));
  for (const char* other : {"ola", "oli", "alt"}) EXPECT_REFUSED(i.Approve(other), WRONG_ACTOR);
  ASSERT_DONE(i.Approve("pam"));
  Incident j;
  j.policy_ = i.policy_;
  j.Reach("guidance");
  ASSERT_DONE(j.Ask(Skip("guidance"), "ola"));
  EXPECT_REFUSED(j.Approve("ann"), WRONG_ACTOR);  // there is a lead who did not ask
  ASSERT_DONE(j.Approve("leo"));
}

TEST(Deviation, I4_WhoVotedForThePmaApprovesNothingAsLead) {
  Incident i;
  i.Reach("direction");
  i.Must(i.Do(StartRequest{"direction", "leo"}));
  i.Must(i.Do(ApprovalRequest{"direction", "pam", kVoteDigest}));
  i.Must(i.Do(ActionResult{"direction", false, "refused", {}}));
  ASSERT_DONE(i.Ask(Skip("direction")));
  EXPECT_REFUSED(i.Approve("pam"), ROLE_CONFLICT);
}

TEST(Deviation, ItExpiresWhenItsStepMovesOn) {
  Incident i;
  i.Reach("canary");
  Fail(i, "canary");
  ASSERT_DONE(i.Ask(Skip("canary")));
  Fail(i, "canary");  // tried once more
  EXPECT_EQ(i.machine_.StandingOf(i.state_, i.state_.deviations.at(i.Digest())), "expired");
  EXPECT_REFUSED(i.Approve("pam"), DEVIATION_EXPIRED);
  EXPECT_EQ(i.StatusOf("canary"), StepStatus::kFailed);
}

TEST(Deviation, ItMayBeThoughtOverWhileTheIncidentIsPaused) {
  Incident i;
  i.Reach("rebuild-repository");
  i.Must(i.Do(PauseRequest{"leo", false, "why"}));
  ASSERT_DONE(i.Ask(Skip("rebuild-repository")));
  ASSERT_DONE(i.Approve("pam"));
  EXPECT_TRUE(i.machine_.Startable(i.state_).empty());
}

// --- skip ---

TEST(Deviation, OnlyWhatIsReadyOrFailedIsSkipped) {
  Incident i;
  i.Reach("canary");
  EXPECT_REFUSED(i.Ask(Skip("ceremony")), STEP_ALREADY_DONE);
  EXPECT_REFUSED(i.Ask(Skip("campaign")), STEP_NOT_READY);
  i.Must(i.Do(StartRequest{"canary", ""}));
  EXPECT_REFUSED(i.Ask(Skip("canary")), BAD_REQUEST);
}

TEST(Deviation, SkippingADecisionSkipsWhatHangsOnIt) {
  Incident i;
  i.Reach("guidance");
  ASSERT_DONE(i.Deviate(Skip("guidance")));
  for (const char* id : {"direction", "ceremony", "canary", "campaign", "close-key", "revoke-old"})
    EXPECT_EQ(i.StatusOf(id), StepStatus::kSkipped) << id;
}

TEST(Deviation, I5_WhatClosesAnOpenKeyIsNeverLeftOut) {
  Incident i;
  i.Reach("close-key");
  EXPECT_REFUSED(i.Ask(Skip("close-key")), DEVIATION_NOT_ALLOWED);
  // Nor by a decision that is made again, nor by way of a ceremony that is repeated and then skipped.
  ASSERT_DONE(i.Deviate(Repeat("ceremony")));
  i.Must(i.Do(PauseRequest{"leo", false, "why"}));
  ASSERT_DONE(i.Deviate(Skip("ceremony")));
  EXPECT_NE(i.StatusOf("close-key"), StepStatus::kSkipped);
  i.Must(i.Do(PauseRequest{"leo", true, "why"}));
  EXPECT_REFUSED(i.Do(CloseRequest{"leo"}), STEP_NOT_READY);
  i.Run("close-key");
  EXPECT_FALSE(i.state_.key_to_close);
}

// --- facts ---

TEST(Deviation, NoDeviationStandsInForAFact) {
  Incident i;
  i.Reach("rebuild-repository");
  i.Must(i.Do(PauseRequest{"leo", false, "why"}));
  ASSERT_DONE(i.Deviate(Skip("rebuild-repository")));
  i.Must(i.Do(PauseRequest{"leo", true, "why"}));
  i.Must(i.Do(DoneRequest{"new-certificates", "ola", "seen"}));
  ASSERT_EQ(i.StatusOf("apply-delta"), StepStatus::kReady);
  EXPECT_TRUE(i.machine_.Startable(i.state_).empty());
  EXPECT_EQ(i.machine_.WaitingFor(i.state_, *i.runbook_.Find("apply-delta")),
            std::vector<std::string>{"it cannot start without a Repository that was rebuilt"});
  const Status status = i.Do(StartRequest{"apply-delta", "leo"});
  EXPECT_REFUSED(status, FACT_MISSING);
  EXPECT_TRUE(Says(status,
                   "'apply-delta' cannot start without a Repository that was rebuilt; that is made by "
                   "'rebuild-repository' (skipped)"))
      << Message(status);
}

TEST(Deviation, AFailedStepIsNotTriedAgainWithoutItsFacts) {
  Incident i;
  i.Reach("canary");
  Fail(i, "canary");
  ASSERT_DONE(i.Deviate(Repeat("certificates-lodged")));
  EXPECT_REFUSED(i.Do(StartRequest{"canary", "leo"}), FACT_MISSING);
  i.Run("certificates-lodged");
  ASSERT_DONE(i.Do(StartRequest{"canary", "leo"}));
}

TEST(Deviation, ADirectionThatIsRepeatedEndsTheKeyThatWasOpenForTheOldOne) {
  Incident i;
  i.Reach("canary");
  ASSERT_DONE(i.Deviate(Repeat("direction")));
  EXPECT_FALSE(i.state_.holds.Has(Fact::kDirection));
  EXPECT_FALSE(i.state_.holds.Has(Fact::kKeyOpen));
  EXPECT_TRUE(i.state_.key_to_close);
  i.Reach("ceremony");  // which is done
  EXPECT_EQ(i.StatusOf("canary"), StepStatus::kReady);
  EXPECT_REFUSED(i.Do(StartRequest{"canary", ""}), FACT_MISSING);
}

TEST(MachineApply, AStepThatStartedWithoutItsFactsCannotFollow) {
  Incident i;
  i.Reach("canary");
  const Event start = (i.Must(i.Do(StartRequest{"canary", ""})), i.log_.back());
  IncidentState state;
  for (size_t n = 0; n + 1 < i.log_.size(); ++n) ASSERT_DONE(i.machine_.Apply(state, i.log_[n]));
  state.holds = state.holds.Without(Fact::kKeyOpen);
  const Status status = i.machine_.Apply(state, start);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_TRUE(Says(status, "it starts without the key opened by its custodians")) << Message(status);
}

// --- repeat ---

TEST(Deviation, WhatIsDoneIsDoneAgainAndWhatDependsOnItStands) {
  Incident i;
  i.Reach("guidance");
  EXPECT_REFUSED(i.Ask(Repeat("guidance")), DEVIATION_NOT_ALLOWED);
  ASSERT_DONE(i.Deviate(Repeat("rebuild-repository")));
  EXPECT_EQ(i.log_.back().kind, "step-repeated");
  EXPECT_EQ(i.log_.back().fields.at("notUndone"), "apply-delta, certificates-lodged");
  EXPECT_EQ(i.StatusOf("rebuild-repository"), StepStatus::kReady);
  EXPECT_EQ(i.StatusOf("apply-delta"), StepStatus::kDone);
  EXPECT_FALSE(i.state_.holds.Has(Fact::kRepository));
  i.Run("rebuild-repository");
  EXPECT_EQ(i.state_.steps.at("rebuild-repository").attempts, 2u);
  EXPECT_TRUE(i.state_.holds.Has(Fact::kRepository));
}

TEST(Deviation, WhatWouldBeNextWaitsForTheStepThatIsRepeated) {
  Incident i;
  i.Reach("direction");
  ASSERT_EQ(i.StatusOf("direction"), StepStatus::kReady);
  ASSERT_DONE(i.Deviate(Repeat("guidance")));
  EXPECT_EQ(i.StatusOf("direction"), StepStatus::kBlocked);
  i.Must(i.Choose("guidance", "direct"));
  EXPECT_EQ(i.StatusOf("direction"), StepStatus::kReady);
}

TEST(Deviation, NothingIsRepeatedUnderWhatRunsUponIt) {
  Incident i;
  i.Reach("canary");
  i.Must(i.Do(StartRequest{"canary", ""}));
  EXPECT_REFUSED(i.Ask(Repeat("ceremony")), DEVIATION_NOT_ALLOWED);   // required
  EXPECT_REFUSED(i.Ask(Repeat("direction")), DEVIATION_NOT_ALLOWED);  // its fact is needed
  i.Must(i.Do(ActionResult{"canary", true, "", {}}));
  ASSERT_DONE(i.Ask(Repeat("ceremony")));
}

TEST(Deviation, AFailedStepWaitsForTheOneThatIsRepeatedToo) {
  Incident i;
  i.Reach("campaign");
  Fail(i, "campaign");
  ASSERT_DONE(i.Deviate(Repeat("proceed")));
  EXPECT_REFUSED(i.Do(StartRequest{"campaign", "leo"}), STEP_NOT_READY);
  i.Must(i.Do(DecideRequest{"proceed", "leo", "stop"}));
  EXPECT_EQ(i.StatusOf("campaign"), StepStatus::kSkipped);
}

// --- reorder ---

TEST(Deviation, AReorderedStepDoesNotWaitForThatOne) {
  Incident i;
  i.Reach("new-certificates");
  ASSERT_EQ(i.StatusOf("apply-delta"), StepStatus::kBlocked);
  ASSERT_DONE(i.Deviate(Reorder("apply-delta", "new-certificates")));
  EXPECT_EQ(i.log_.back().kind, "step-reordered");
  EXPECT_EQ(i.StatusOf("apply-delta"), StepStatus::kReady);
  i.Run("apply-delta");
  EXPECT_EQ(i.StatusOf("new-certificates"), StepStatus::kReady);
}

TEST(Deviation, WhatHangsOnAnOutcomeIsNotReordered) {
  Incident i;
  i.Reach("canary");
  EXPECT_REFUSED(i.Ask(Reorder("campaign", "proceed")), DEVIATION_NOT_ALLOWED);  // when
  EXPECT_REFUSED(i.Ask(Reorder("report", "ceremony")), DEVIATION_NOT_ALLOWED);   // not required
  EXPECT_REFUSED(i.Ask(Reorder("canary", "ceremony")), DEVIATION_NOT_ALLOWED);   // not waiting
  ASSERT_DONE(i.Ask(Reorder("proceed", "canary")));
  i.Run("canary");
  EXPECT_REFUSED(i.Approve("pam"), DEVIATION_EXPIRED);
}

// --- repin (I9) ---

TEST(Deviation, I9_RepinningTakesThePmasQuorumAndKeepsWhatWasDone) {
  Incident i;
  i.Reach("direction");
  Runbook next = With(i.runbook_, 0xEE);
  next.steps.erase(std::find_if(next.steps.begin(), next.steps.end(), [](const Step& s) { return s.id == "canary"; }));
  const_cast<Step*>(next.Find("proceed"))->requires_ = {"ceremony"};
  const_cast<Step*>(next.Find("new-certificates"))->kind = StepKind::kWait;
  ASSERT_DONE(i.Ask(Repin(ToHex(next.digest))));
  EXPECT_REFUSED(i.Approve("ola"), APPROVAL_NOT_A_MEMBER);
  EXPECT_REFUSED(i.Approve("leo"), APPROVAL_BY_REQUESTER);
  ASSERT_DONE(i.Approve("ann"));
  EXPECT_REFUSED(i.Approve("dee"), APPROVAL_SAME_ORGANISATION);
  EXPECT_REFUSED(i.Approve("alt"), APPROVAL_DUPLICATE_MEMBER);
  ASSERT_DONE(i.Approve("bob"));
  EXPECT_EQ(i.state_.runbook_digest, i.runbook_.digest);

  const auto events = i.machine_.Decide(i.state_, {ApproveRequest{"cal", i.Digest()}, i.state_.events}, i.now_);
  ASSERT_TRUE(events.ok()) << Message(events.status());
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ(events->back().kind, "runbook-repinned");
  ASSERT_DONE(i.machine_.Apply(i.state_, events->front()));
  EXPECT_EQ(i.machine_.Apply(i.state_, events->back()).code(), StatusCode::kDataLoss) << "another runbook";
  const Machine machine(next, i.policy_);
  ASSERT_DONE(machine.Apply(i.state_, events->back()));
  EXPECT_EQ(i.state_.runbook_digest, next.digest);
  EXPECT_EQ(i.StatusOf("guidance"), StepStatus::kDone);
  EXPECT_EQ(i.StatusOf("new-certificates"), StepStatus::kReady) << "of another kind: it is new";
  EXPECT_FALSE(i.state_.steps.contains("canary"));
  EXPECT_TRUE(i.state_.holds.Has(Fact::kCertificates));
  EXPECT_EQ(i.machine_.Apply(i.state_, Event{"incident-paused", i.now_, "", "leo", {}}).code(), StatusCode::kDataLoss)
      << "the old runbook judges nothing any more";
}

TEST(Deviation, I9_ARepinWithoutItsQuorumCannotFollow) {
  Incident i;
  i.Reach("direction");
  const Runbook next = With(i.runbook_, 0xEE);
  ASSERT_DONE(i.Ask(Repin(ToHex(next.digest))));
  ASSERT_DONE(i.Approve("ann"));
  ASSERT_DONE(i.Approve("bob"));
  Event event{"runbook-repinned", i.now_, "", "", {{"deviation", i.Digest()}, {"digest", ToHex(next.digest)}}};
  event.fields["runbook"] = next.id;
  EXPECT_EQ(Machine(next, i.policy_).Apply(i.state_, event).code(), StatusCode::kDataLoss);
}

TEST(Deviation, I9_AnotherProcedureIsNotRepinned) {
  Incident i;
  i.Reach("direction");
  Runbook next = With(i.runbook_, 0xEE);
  next.id = "method-1";
  ASSERT_DONE(i.Ask(Repin(ToHex(next.digest))));
  for (const char* member : {"ann", "bob"}) ASSERT_DONE(i.Approve(member));
  const auto events = i.machine_.Decide(i.state_, {ApproveRequest{"cal", i.Digest()}, i.state_.events}, i.now_);
  ASSERT_TRUE(events.ok());
  const Machine machine(next, i.policy_);
  ASSERT_DONE(i.machine_.Apply(i.state_, events->front()));
  EXPECT_EQ(machine.Apply(i.state_, events->back()).code(), StatusCode::kDataLoss);
}

TEST(Deviation, I9_NothingIsRepinnedWhileAStepRunsOrTheKeyIsOpen) {
  Incident i;
  i.Reach("ceremony");
  EXPECT_REFUSED(i.Ask(Repin(ToHex(i.runbook_.digest))), DEVIATION_NOT_ALLOWED);
  i.Must(i.Do(StartRequest{"ceremony", ""}));
  EXPECT_REFUSED(i.Ask(Repin(std::string(64, 'e'))), DEVIATION_NOT_ALLOWED);
  i.Must(i.Do(ActionResult{"ceremony", true, "", {}}));
  EXPECT_REFUSED(i.Ask(Repin(std::string(64, 'e'))), DEVIATION_NOT_ALLOWED);
  i.Reach("revoke-old");
  ASSERT_DONE(i.Ask(Repin(std::string(64, 'e'))));
}

TEST(Deviation, I9_WhatTheOutcomesSoFarRuleOutIsLeftOutOfTheNewRunbookToo) {
  Incident i;
  i.Reach("guidance");
  i.Must(i.Do(DecideRequest{"guidance", "leo", "stop"}));
  Runbook next = With(i.runbook_, 0xEE);
  Step added = *next.Find("direction");
  added.id = "another-direction";
  next.steps.push_back(added);
  ASSERT_DONE(i.Ask(Repin(ToHex(next.digest))));
  for (const char* member : {"ann", "bob"}) ASSERT_DONE(i.Approve(member));
  const auto events = i.machine_.Decide(i.state_, {ApproveRequest{"cal", i.Digest()}, i.state_.events}, i.now_);
  ASSERT_TRUE(events.ok());
  ASSERT_DONE(i.machine_.Apply(i.state_, events->front()));
  ASSERT_DONE(Machine(next, i.policy_).Apply(i.state_, events->back()));
  EXPECT_EQ(i.StatusOf("another-direction"), StepStatus::kSkipped);
}

// --- a ledger that somebody touched ---

TEST(MachineApply, RefusesDeviationsThatCannotFollow) {
  Incident i;
  i.Reach("canary");
  Fail(i, "canary");
  ASSERT_DONE(i.Ask(Skip("canary")));
  const Event ask = i.log_.back();
  const auto event = [&](const char* kind, const char* step, const char* person,
                         std::map<std::string, std::string> fields) {
    return Event{kind, i.now_, step, person, std::move(fields)};
  };
  const std::string d = i.Digest();
  Event without_witness = ask;
  without_witness.fields["witness"] = "";
  without_witness.fields["digest"] = kVoteDigest;
  Event unknown_step = ask;
  unknown_step.step = "nothing";
  unknown_step.fields["digest"] = kVoteDigest;
  const Event kBad[] = {
      ask,  // a second time
      without_witness,
      unknown_step,
      event("deviation-requested", "canary", "leo", {{"deviation", "forget"}}),
      event("deviation-approved", "canary", "pam", {{"digest", kVoteDigest}, {"role", "incident-lead"}}),
      event("deviation-approved", "canary", "leo", {{"digest", d}, {"role", "incident-lead"}}),
      event("deviation-approved", "canary", "", {{"digest", d}, {"role", "incident-lead"}}),
      event("deviation-approved", "campaign", "pam", {{"digest", d}, {"role", "incident-lead"}}),
      event("deviation-approved", "canary", "ola", {{"digest", d}, {"role", "incident-operator"}}),
      event("step-skipped", "canary", "", {{"deviation", d}}),  // not approved yet
      event("step-skipped", "canary", "leo", {}),               // as it was before deviations
  };
  for (const Event& bad : kBad) EXPECT_EQ(i.machine_.Apply(i.state_, bad).code(), StatusCode::kDataLoss) << bad.kind;
  ASSERT_DONE(i.machine_.Apply(
      i.state_, event("deviation-approved", "canary", "pam", {{"digest", d}, {"role", "incident-lead"}})));
  const Event kStillBad[] = {
      event("deviation-approved", "canary", "pam", {{"digest", d}, {"role", "incident-lead"}}),
      event("step-repeated", "ceremony", "", {{"deviation", d}}),
      event("step-skipped", "proceed", "", {{"deviation", d}}),
      event("step-reordered", "proceed", "", {{"deviation", d}, {"notAfter", "canary"}}),
  };
  for (const Event& bad : kStillBad)
    EXPECT_EQ(i.machine_.Apply(i.state_, bad).code(), StatusCode::kDataLoss) << bad.kind;
  ASSERT_DONE(i.machine_.Apply(i.state_, event("step-skipped", "canary", "", {{"deviation", d}})));
}

TEST(MachineApply, I5_NothingIsClosedOverAnOpenKey) {
  Incident i;
  i.Reach("close-key");
  Event close{"incident-closed", i.now_, "", "leo", {{"result", "stopped"}}};
  EXPECT_EQ(i.machine_.Apply(i.state_, close).code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace smki::procedures
