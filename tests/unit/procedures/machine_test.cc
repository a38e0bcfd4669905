#include "procedures/machine.h"

#include <gtest/gtest.h>

#include "incident.h"

namespace smki::procedures {
namespace {

using test::Incident;
using test::kVoteDigest;
using test::Now;

bool Says(const Status& status, const std::string& text) {
  return Message(status).find(text) != std::string::npos;
}

#define EXPECT_REFUSED(status, reason)                                      \
  do {                                                                      \
    const Status refused = (status);                                        \
    EXPECT_TRUE(IsRefusal(refused, Reason::k##reason)) << Message(refused); \
  } while (false)

TEST(Machine, RunsAWholeIncidentFromReportToClose) {
  Incident i;
  i.Reach("");
  EXPECT_TRUE(i.Do(CloseRequest{"leo"}).ok());
  EXPECT_TRUE(i.state_.closed);
  for (const auto& [id, step] : i.state_.steps) EXPECT_EQ(step.status, StepStatus::kDone) << id;
  EXPECT_EQ(i.state_.outputs.at("direction.digest"), kVoteDigest);
  EXPECT_EQ(i.state_.steps.at("proceed").result, "proceed");
  EXPECT_EQ(i.state_.facts.at("party"), "supplier-a");
  EXPECT_EQ(i.state_.events, i.log_.size());
  EXPECT_EQ(i.log_.back().fields.at("result"), "completed");
}

TEST(Machine, SameEventsGiveTheSameState) {
  Incident i;
  i.Reach("campaign");
  IncidentState replayed;
  for (const Event& event : i.log_) ASSERT_TRUE(i.machine_.Apply(replayed, event).ok());
  EXPECT_EQ(replayed.events, i.state_.events);
  EXPECT_EQ(replayed.outputs, i.state_.outputs);
  EXPECT_EQ(replayed.acted, i.state_.acted);
  for (const auto& [id, step] : i.state_.steps) EXPECT_EQ(replayed.steps.at(id).status, step.status);
}

TEST(Machine, AnIllegalRequestNamesTheMissingStepAndWhoCanProvideIt) {
  Incident i;
  ASSERT_TRUE(i.Open().ok());
  const Status status = i.Choose("guidance", "direct");
  EXPECT_REFUSED(status, STEP_NOT_READY);
  EXPECT_TRUE(Says(status, "'notify-pma' (blocked; incident-lead (pam, leo))")) << Message(status);
  EXPECT_TRUE(Says(status, "'confirm-compromise' (blocked; incident-operator (ola, oli))")) << Message(status);
  EXPECT_TRUE(Says(i.Do(StartRequest{"campaign", ""}), "'proceed' (blocked; incident-lead"));
  EXPECT_TRUE(Says(i.Do(StartRequest{"close-key", ""}), "'campaign' (blocked; the system)"));
}

TEST(Machine, NoDirectionIsDraftedBeforeTheRepositoryHoldsTheCertificates) {
  Incident i;
  i.Reach("certificates-lodged");
  ASSERT_TRUE(i.Choose("guidance", "direct").ok());
  EXPECT_REFUSED(i.Do(StartRequest{"direction", "leo"}), CERTIFICATES_NOT_IN_REPOSITORY);
  i.Run("certificates-lodged");
  EXPECT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
}

TEST(Machine, NobodyActsOnAStalePage) {
  Incident i;
  ASSERT_TRUE(i.Open().ok());
  EXPECT_REFUSED(i.Do(Request{DoneRequest{"report-received", "leo", ""}, i.state_.events - 1}), STALE_PAGE);
  EXPECT_REFUSED(i.Do(Request{DoneRequest{"report-received", "leo", ""}, i.state_.events + 1}), STALE_PAGE);
  EXPECT_REFUSED(i.Do(Request{DoneRequest{"report-received", "leo", ""}, std::nullopt}), BAD_REQUEST);
  EXPECT_REFUSED(i.Do(Request{PauseRequest{"leo", false, ""}, std::nullopt}), BAD_REQUEST);
  EXPECT_REFUSED(i.Do(Request{CloseRequest{"leo"}, std::nullopt}), BAD_REQUEST);
  EXPECT_TRUE(i.Do(Request{DoneRequest{"report-received", "leo", ""}, i.state_.events}).ok());
  EXPECT_TRUE(i.Do(Request{StartRequest{"rebuild-repository", ""}, std::nullopt}).ok()) << "the system reads no page";
}

TEST(Machine, I4_AStepIsForThePersonsOfItsRole) {
  Incident i;
  ASSERT_TRUE(i.Open().ok());
  const Status wrong = i.Do(DoneRequest{"report-received", "ola", ""});
  EXPECT_REFUSED(wrong, WRONG_ACTOR);
  EXPECT_TRUE(Says(wrong, "incident-lead (pam, leo), which ola is not")) << Message(wrong);
  EXPECT_REFUSED(i.Do(DoneRequest{"report-received", "nobody", ""}), NOT_PERMITTED);
  EXPECT_REFUSED(i.Do(DoneRequest{"report-received", "", ""}), NOT_PERMITTED);
  EXPECT_REFUSED(i.Open("ann"), BAD_REQUEST);
  i.Reach("direction");
  EXPECT_REFUSED(i.Do(StartRequest{"direction", "ola"}), WRONG_ACTOR);
  EXPECT_REFUSED(i.Do(StartRequest{"direction", ""}), NOT_PERMITTED);
}

TEST(Machine, I4_NobodyActsInTwoConflictingRoles) {
  Incident i;
  ASSERT_TRUE(i.Open("pam").ok());  // as incident-lead, though she has a seat too
  i.Reach("direction");
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  const Status status = i.Do(ApprovalRequest{"direction", "pam", kVoteDigest});
  EXPECT_REFUSED(status, ROLE_CONFLICT);
  EXPECT_TRUE(Says(status, "pam already acted as incident-lead in INC-1 and may not act as pma-member"));

  Incident j;
  j.Reach("direction");
  ASSERT_TRUE(j.Do(StartRequest{"direction", "leo"}).ok());
  ASSERT_TRUE(j.Do(ApprovalRequest{"direction", "pam", kVoteDigest}).ok());
  EXPECT_REFUSED(j.Do(PauseRequest{"pam", false, ""}), ROLE_CONFLICT);
}

TEST(Machine, I4_TheRequesterOfTheDirectionCannotApproveIt) {
  Incident i;
  i.policy_.conflicts.clear();
  i.Reach("direction");
  ASSERT_TRUE(i.Do(StartRequest{"direction", "pam"}).ok());
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "pam", kVoteDigest}), APPROVAL_BY_REQUESTER);
}

TEST(Machine, I4_ASeatAndAnOrganisationVoteOnce) {
  Incident i;
  i.Reach("direction");
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest}).ok());
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest}), APPROVAL_DUPLICATE_MEMBER);
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest, true}), APPROVAL_DUPLICATE_MEMBER);
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "alt", kVoteDigest}), APPROVAL_DUPLICATE_MEMBER);
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "dee", kVoteDigest}), APPROVAL_SAME_ORGANISATION);
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "ola", kVoteDigest}), APPROVAL_NOT_A_MEMBER);
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "bob", kVoteDigest, true}).ok());
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "bob", kVoteDigest}), APPROVAL_DUPLICATE_MEMBER);
  EXPECT_EQ(i.state_.approved_by, std::set<std::string>{"ann"});
  EXPECT_EQ(i.state_.rejected_by, std::set<std::string>{"bob"});
}

TEST(Machine, VotesAreOnOneTextAndOnlyWhileTheDirectionIsOpen) {
  Incident i;
  i.Reach("certificates-lodged");
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest}), CERTIFICATES_NOT_IN_REPOSITORY);
  i.Reach("direction");
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest}), NO_DIRECTION);
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "ann", "not a digest"}), BAD_REQUEST);
  EXPECT_REFUSED(i.Do(ApprovalRequest{"campaign", "ann", kVoteDigest}), BAD_REQUEST);
  ASSERT_TRUE(i.Do(Request{ApprovalRequest{"direction", "ann", kVoteDigest}, std::nullopt}).ok())
      << "a vote carries no page";
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "bob", std::string(64, 'b')}), APPROVAL_OTHER_DOCUMENT);
}

TEST(Machine, ADirectionIsDoneOnlyWithItsQuorum) {
  Incident i;
  i.Reach("direction");
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest}).ok());
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "bob", kVoteDigest}).ok());
  EXPECT_REFUSED(i.Do(ActionResult{"direction", true, "", {}}), QUORUM_SHORT);
  EXPECT_EQ(i.machine_.WaitingFor(i.state_, *i.runbook_.Find("direction")),
            std::vector<std::string>{"approvals 2 of 3"});
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "cal", kVoteDigest}).ok());
  EXPECT_REFUSED(i.Do(ActionResult{"direction", true, "", {{"direction.digest", std::string(64, 'b')}}}),
                 WRONG_DIRECTION);
  EXPECT_TRUE(i.Do(ActionResult{"direction", true, "", {{"direction.digest", kVoteDigest}}}).ok());
  EXPECT_REFUSED(i.Do(ApprovalRequest{"direction", "eve", kVoteDigest}), STEP_ALREADY_DONE);
}

TEST(Machine, ADirectionDraftedAgainHasNoVotesYet) {
  Incident i;
  i.Reach("direction");
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest}).ok());
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "bob", kVoteDigest, true}).ok());
  ASSERT_TRUE(i.Do(ActionResult{"direction", false, "rejected", {}}).ok());
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  EXPECT_TRUE(i.state_.approved_by.empty());
  EXPECT_TRUE(i.state_.rejected_by.empty());
  EXPECT_TRUE(i.Do(ApprovalRequest{"direction", "bob", std::string(64, 'b')}).ok());
}

TEST(Machine, StepsAreActedOnAsTheirKindSays) {
  Incident i;
  i.Reach("direction");
  EXPECT_REFUSED(i.Do(StartRequest{"nothing", "leo"}), UNKNOWN_STEP);
  EXPECT_REFUSED(i.Do(StartRequest{"report-received", "leo"}), BAD_REQUEST);
  EXPECT_REFUSED(i.Do(DoneRequest{"direction", "leo", ""}), BAD_REQUEST);
  EXPECT_REFUSED(i.Do(DecideRequest{"direction", "leo", "direct"}), BAD_REQUEST);
  EXPECT_REFUSED(i.Do(DoneRequest{"report-received", "leo", ""}), STEP_ALREADY_DONE);
  EXPECT_REFUSED(i.Choose("guidance", "direct"), STEP_ALREADY_DONE);
  EXPECT_REFUSED(i.Do(StartRequest{"apply-delta", ""}), STEP_ALREADY_DONE);
  EXPECT_REFUSED(i.Do(ActionResult{"ceremony", true, "", {}}), STEP_NOT_READY);
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  EXPECT_REFUSED(i.Do(StartRequest{"direction", "leo"}), BAD_REQUEST);
  Incident j;
  j.Reach("guidance");
  EXPECT_REFUSED(j.Do(DecideRequest{"guidance", "leo", "maybe"}), BAD_REQUEST);
}

TEST(Machine, AFailedStepIsTriedAgainOnlyWhereTheRunbookSaysSo) {
  Incident i;
  const_cast<Step*>(i.runbook_.Find("apply-delta"))->on_failure = "stop";
  i.Reach("rebuild-repository");
  ASSERT_TRUE(i.Do(StartRequest{"rebuild-repository", ""}).ok());
  ASSERT_TRUE(i.Do(ActionResult{"rebuild-repository", false, "delta of 2026-11-19 is missing", {}}).ok());
  EXPECT_EQ(i.StatusOf("rebuild-repository"), StepStatus::kFailed);
  EXPECT_EQ(i.state_.steps.at("rebuild-repository").result, "delta of 2026-11-19 is missing");
  for (const Step* step : i.machine_.Startable(i.state_))
    EXPECT_NE(step->id, "rebuild-repository") << "a failed step waits for somebody";
  ASSERT_TRUE(i.Do(StartRequest{"rebuild-repository", "ola"}).ok()) << "the team may start a system step";
  EXPECT_EQ(i.log_.back().fields.at("attempt"), "2");
  ASSERT_TRUE(i.Do(ActionResult{"rebuild-repository", true, "", {}}).ok());
  ASSERT_TRUE(i.Do(DoneRequest{"new-certificates", "ola", ""}).ok());
  ASSERT_TRUE(i.Do(StartRequest{"apply-delta", ""}).ok());
  ASSERT_TRUE(i.Do(ActionResult{"apply-delta", false, "", {}}).ok());
  EXPECT_REFUSED(i.Do(StartRequest{"apply-delta", ""}), BAD_REQUEST);
  EXPECT_REFUSED(i.Do(StartRequest{"apply-delta", "ann"}), BAD_REQUEST);
}

TEST(Machine, OnlyTheIncidentTeamStartsSystemStepsByHand) {
  Incident i;
  i.Reach("rebuild-repository");
  EXPECT_REFUSED(i.Do(StartRequest{"rebuild-repository", "ann"}), WRONG_ACTOR);
  EXPECT_TRUE(i.Do(StartRequest{"rebuild-repository", "ola"}).ok());
}

TEST(Machine, AStepMayBeRetriedInsteadOfDeviatedFrom) {
  Incident i;
  i.Reach("canary");
  ASSERT_TRUE(i.Do(StartRequest{"canary", ""}).ok());
  ASSERT_TRUE(i.Do(ActionResult{"canary", false, "gateway gone", {}}).ok());
  EXPECT_TRUE(i.Do(StartRequest{"canary", "leo"}).ok());
}

TEST(Machine, StoppingBeforeTheDirectionSkipsEveryUseOfTheKey) {
  Incident i;
  i.Reach("guidance");
  ASSERT_TRUE(i.Do(DecideRequest{"guidance", "leo", "stop"}).ok());
  for (const char* id :
       {"direction", "ceremony", "canary", "proceed", "campaign", "close-key", "revoke-old", "publish-crl"}) {
    EXPECT_EQ(i.StatusOf(id), StepStatus::kSkipped) << id;
  }
  EXPECT_EQ(i.StatusOf("report"), StepStatus::kReady);
  i.Run("report");
  ASSERT_TRUE(i.Do(DoneRequest{"review", "leo", ""}).ok());
  EXPECT_TRUE(i.Do(CloseRequest{"leo"}).ok());
}

TEST(Machine, StoppingAfterTheCanaryClosesTheKeyAndRevokesNothing) {
  Incident i;
  i.Reach("proceed");
  ASSERT_TRUE(i.Do(DecideRequest{"proceed", "leo", "stop"}).ok());
  EXPECT_EQ(i.StatusOf("campaign"), StepStatus::kSkipped);
  EXPECT_EQ(i.StatusOf("revoke-old"), StepStatus::kSkipped);
  EXPECT_EQ(i.StatusOf("close-key"), StepStatus::kReady);
}

TEST(Machine, ASkippedCampaignRevokesNothing) {
  Incident i;
  i.Reach("campaign");
  ASSERT_TRUE(i.Deviate(test::Skip("campaign")).ok());
  EXPECT_EQ(i.StatusOf("revoke-old"), StepStatus::kSkipped);
  EXPECT_EQ(i.StatusOf("publish-crl"), StepStatus::kSkipped);
  EXPECT_EQ(i.StatusOf("close-key"), StepStatus::kReady);
}

TEST(Machine, WhilePausedNothingNewBegins) {
  Incident i;
  i.Reach("rebuild-repository");
  ASSERT_TRUE(i.Do(StartRequest{"rebuild-repository", ""}).ok());
  ASSERT_TRUE(i.Do(PauseRequest{"ola", false, "shift change"}).ok());
  EXPECT_TRUE(i.machine_.Startable(i.state_).empty());
  EXPECT_REFUSED(i.Do(DoneRequest{"new-certificates", "ola", ""}), INCIDENT_PAUSED);
  EXPECT_REFUSED(i.Do(CloseRequest{"leo"}), INCIDENT_PAUSED);
  EXPECT_REFUSED(i.Do(PauseRequest{"leo", false, ""}), BAD_REQUEST);
  EXPECT_TRUE(i.Do(ActionResult{"rebuild-repository", true, "", {}}).ok()) << "what runs may end";
  EXPECT_REFUSED(i.Do(PauseRequest{"ann", true, ""}), WRONG_ACTOR);
  ASSERT_TRUE(i.Do(PauseRequest{"leo", true, ""}).ok());
  EXPECT_REFUSED(i.Do(PauseRequest{"leo", true, ""}), BAD_REQUEST);
  EXPECT_TRUE(i.Do(DoneRequest{"new-certificates", "ola", ""}).ok());
}

TEST(Machine, MembersMayVoteWhileTheIncidentIsPaused) {
  Incident i;
  i.Reach("direction");
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  ASSERT_TRUE(i.Do(PauseRequest{"ola", false, ""}).ok());
  EXPECT_TRUE(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest}).ok());
}

TEST(Machine, AnIncidentClosesWhenEveryStepIsFinished) {
  Incident i;
  i.Reach("review");
  const Status status = i.Do(CloseRequest{"leo"});
  EXPECT_REFUSED(status, STEP_NOT_READY);
  EXPECT_TRUE(Says(status, "'review' (ready)"));
  ASSERT_TRUE(i.Do(DoneRequest{"review", "leo", ""}).ok());
  EXPECT_REFUSED(i.Do(CloseRequest{"ola"}), WRONG_ACTOR);
  ASSERT_TRUE(i.Do(CloseRequest{"leo"}).ok());
  EXPECT_REFUSED(i.Do(PauseRequest{"leo", false, ""}), INCIDENT_CLOSED);
  EXPECT_REFUSED(i.Open(), INCIDENT_CLOSED);
  EXPECT_TRUE(i.machine_.Next(i.state_).empty());
  EXPECT_TRUE(i.machine_.Startable(i.state_).empty());
}

TEST(Machine, AMistakenIncidentEndsWithAReasonWhileNobodyWasNearAKey) {
  Incident i;
  i.Reach("guidance");
  ASSERT_TRUE(i.Do(DecideRequest{"guidance", "leo", "stop", "it was a drill of theirs"}).ok());
  EXPECT_EQ(i.state_.steps.at("guidance").text, "it was a drill of theirs");
  EXPECT_REFUSED(i.Do(CloseRequest{"leo"}), STEP_NOT_READY);
  EXPECT_REFUSED(i.Do(CloseRequest{"ola", "a false alarm"}), WRONG_ACTOR);
  ASSERT_TRUE(i.Do(StartRequest{"report", ""}).ok());
  EXPECT_REFUSED(i.Do(CloseRequest{"leo", "a false alarm"}), STEP_NOT_READY);
  ASSERT_TRUE(i.Do(ActionResult{"report", true, "", {}}).ok());
  ASSERT_TRUE(i.Do(CloseRequest{"leo", "a false alarm"}).ok());
  EXPECT_EQ(i.state_.closed_result, "stopped");
  EXPECT_EQ(i.state_.closed_text, "a false alarm");
}

TEST(Machine, I5_AReasonEndsNothingOnceACeremonyHasBegun) {
  for (const bool opened : {false, true}) {
    Incident i;
    i.Reach("ceremony");
    ASSERT_TRUE(i.Do(StartRequest{"ceremony", ""}).ok());
    if (opened) {
      ASSERT_TRUE(i.Do(ActionResult{"ceremony", true, "", {}}).ok());
    }
    EXPECT_REFUSED(i.Do(CloseRequest{"leo", "a false alarm"}), STEP_NOT_READY);
  }
}

TEST(Machine, ARejectionKeepsItsReason) {
  Incident i;
  i.Reach("direction");
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest, true, "wrong serials"}).ok());
  EXPECT_EQ(i.state_.rejections.at("ann"), "wrong serials");
  ASSERT_TRUE(i.Do(ActionResult{"direction", false, "refused", {}}).ok());
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  EXPECT_TRUE(i.state_.rejections.empty());
}

TEST(MachineApply, EventsWrittenBeforeTextsWereKeptStillApply) {
  Incident i;
  i.Reach("proceed");
  Event event{"step-decided", i.now_, "proceed", "leo", {{"choice", "proceed"}, {"role", "incident-lead"}}};
  ASSERT_TRUE(i.machine_.Apply(i.state_, event).ok());
  EXPECT_EQ(i.state_.steps.at("proceed").text, "");
}

TEST(Machine, I5_AFailedIncidentMayEndButNeverOverAnOpenKey) {
  Incident early;
  early.Reach("ceremony");
  ASSERT_TRUE(early.Do(StartRequest{"ceremony", ""}).ok());
  EXPECT_REFUSED(early.Do(CloseRequest{"leo"}), STEP_NOT_READY);
  ASSERT_TRUE(early.Do(ActionResult{"ceremony", false, "too few custodians", {}}).ok());
  EXPECT_TRUE(early.Do(CloseRequest{"leo"}).ok());
  EXPECT_EQ(early.log_.back().fields.at("result"), "stopped");

  Incident late;
  late.Reach("canary");
  ASSERT_TRUE(late.Do(StartRequest{"canary", ""}).ok());
  ASSERT_TRUE(late.Do(ActionResult{"canary", false, "", {}}).ok());
  EXPECT_REFUSED(late.Do(CloseRequest{"leo"}), STEP_NOT_READY);

  Incident closed_key;
  closed_key.Reach("revoke-old");
  ASSERT_TRUE(closed_key.Do(StartRequest{"revoke-old", ""}).ok());
  ASSERT_TRUE(closed_key.Do(ActionResult{"revoke-old", false, "authority gone", {}}).ok());
  EXPECT_TRUE(closed_key.Do(CloseRequest{"leo"}).ok());
}

TEST(Machine, AFailedIncidentDoesNotEndWhileSomethingRuns) {
  Incident i;
  const_cast<Step*>(i.runbook_.Find("report"))->requires_ = {"close-key"};
  i.Reach("revoke-old");
  ASSERT_TRUE(i.Do(StartRequest{"revoke-old", ""}).ok());
  ASSERT_TRUE(i.Do(StartRequest{"report", ""}).ok());
  ASSERT_TRUE(i.Do(ActionResult{"revoke-old", false, "authority gone", {}}).ok());
  EXPECT_REFUSED(i.Do(CloseRequest{"leo"}), STEP_NOT_READY);
  ASSERT_TRUE(i.Do(ActionResult{"report", true, "", {}}).ok());
  EXPECT_TRUE(i.Do(CloseRequest{"leo"}).ok());
}

TEST(Machine, OpeningIsForTheIncidentTeamAndHappensOnce) {
  Incident i;
  EXPECT_REFUSED(i.Do(DoneRequest{"report-received", "leo", ""}), BAD_REQUEST);
  EXPECT_REFUSED(i.Open("ann"), WRONG_ACTOR);
  EXPECT_REFUSED(i.Open("nobody"), NOT_PERMITTED);
  EXPECT_REFUSED(i.Do(OpenRequest{"", "leo", {}}), BAD_REQUEST);
  ASSERT_TRUE(i.Open("ola").ok());
  EXPECT_REFUSED(i.Open("leo"), BAD_REQUEST);
}

TEST(Machine, I9_AnIncidentRunsTheRunbookItWasOpenedWith) {
  Incident i;
  ASSERT_TRUE(i.Open().ok());
  Runbook other = i.runbook_;
  other.digest[0] ^= 1;
  IncidentState state;
  const Status status = Machine(other, i.policy_).Apply(state, i.log_[0]);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_FALSE(state.open);
  EXPECT_EQ(i.state_.runbook_digest, i.runbook_.digest);
}

TEST(Machine, I10_AClockBehindTheIncidentIsRefusedAndASmallStepBackKeepsTimeInOrder) {
  Incident i;
  ASSERT_TRUE(i.Open().ok());
  const Request request{StartRequest{"rebuild-repository", ""}, std::nullopt};
  ASSERT_TRUE(i.Do(DoneRequest{"report-received", "leo", ""}).ok());
  EXPECT_REFUSED(i.machine_.Decide(i.state_, request, i.state_.newest - std::chrono::minutes(6)).status(),
                 CLOCK_IMPLAUSIBLE);
  const auto events = i.machine_.Decide(i.state_, request, i.state_.newest - std::chrono::minutes(1));
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(events->front().time, i.state_.newest);
}

TEST(Machine, NextListsWhatIsReadyRunningOrFailedInRunbookOrder) {
  Incident i;
  EXPECT_TRUE(i.machine_.Next(i.state_).empty());
  i.Reach("notify-pma");
  ASSERT_TRUE(i.Do(StartRequest{"rebuild-repository", ""}).ok());
  std::vector<std::string> ids;
  for (const auto& next : i.machine_.Next(i.state_)) ids.push_back(next.step->id + ":" + Name(next.status));
  EXPECT_EQ(ids,
            (std::vector<std::string>{"notify-pma:ready", "rebuild-repository:running", "new-certificates:ready"}));
  EXPECT_EQ(i.machine_.WaitingFor(i.state_, *i.runbook_.Find("apply-delta")),
            (std::vector<std::string>{"new-certificates", "rebuild-repository"}));
  EXPECT_TRUE(i.machine_.WaitingFor(i.state_, *i.runbook_.Find("report-received")).empty());
}

TEST(Machine, StartableIsWhatTheSystemMayStartNow) {
  Incident i;
  ASSERT_TRUE(i.Open().ok());
  EXPECT_TRUE(i.machine_.Startable(i.state_).empty());
  ASSERT_TRUE(i.Do(DoneRequest{"report-received", "leo", ""}).ok());
  ASSERT_EQ(i.machine_.Startable(i.state_).size(), 1u);
  EXPECT_EQ(i.machine_.Startable(i.state_)[0]->id, "rebuild-repository");
  ASSERT_TRUE(i.Do(StartRequest{"rebuild-repository", ""}).ok());
  EXPECT_TRUE(i.machine_.Startable(i.state_).empty());
}

// A ledger that somebody touched: each event is one that could not have come next.
TEST(MachineApply, RefusesEventsThatCannotFollowAndChangesNothing) {
  Incident i;
  i.Reach("direction");
  const UtcTime later = i.now_;
  const auto event = [&](const char* kind, const char* step, std::map<std::string, std::string> fields = {}) {
    return Event{kind, later, step, "", std::move(fields)};
  };
  const Event kBad[] = {
      event("incident-opened", ""),
      event("incident-resumed", ""),
      event("incident-vanished", ""),
      event("step-started", "nothing"),
      event("step-started", "report-received"),
      event("step-started", "guidance"),
      event("step-started", "ceremony"),
      event("step-started", "apply-delta"),
      event("step-completed", "direction"),
      event("step-completed", "ceremony"),
      event("step-completed", "proceed"),
      event("step-failed", "direction"),
      event("step-decided", "proceed"),
      event("step-decided", "direction"),
      event("step-skipped", "report-received"),
      event("step-skipped", "direction"),
      event("step-polished", "direction"),
      event("output-recorded", "direction"),
      event("approval-recorded", "direction"),
      event("approval-recorded", "canary"),
      {"incident-paused", i.state_.newest - Millis(1), "", "leo", {}},
  };
  for (const Event& bad : kBad) {
    IncidentState state = i.state_;
    EXPECT_EQ(i.machine_.Apply(state, bad).code(), StatusCode::kDataLoss) << bad.kind << " " << bad.step;
    EXPECT_EQ(state.events, i.state_.events);
    EXPECT_EQ(state.outputs, i.state_.outputs);
  }
  IncidentState nothing;
  EXPECT_EQ(i.machine_.Apply(nothing, i.log_[1]).code(), StatusCode::kDataLoss) << "nothing was opened";
}

TEST(MachineApply, RefusesVotesThatCannotFollow) {
  Incident i;
  i.Reach("direction");
  ASSERT_TRUE(i.Do(StartRequest{"direction", "leo"}).ok());
  ASSERT_TRUE(i.Do(ApprovalRequest{"direction", "ann", kVoteDigest}).ok());
  const Event again = i.log_.back();
  EXPECT_EQ(i.machine_.Apply(i.state_, again).code(), StatusCode::kDataLoss);
  Event other = again;
  other.person = "bob";
  other.fields["digest"] = std::string(64, 'b');
  EXPECT_EQ(i.machine_.Apply(i.state_, other).code(), StatusCode::kDataLoss);
  other.fields["digest"] = kVoteDigest;
  EXPECT_TRUE(i.machine_.Apply(i.state_, other).ok());
}

TEST(MachineApply, NothingFollowsAClose) {
  Incident i;
  i.Reach("");
  ASSERT_TRUE(i.Do(CloseRequest{"leo"}).ok());
  EXPECT_EQ(i.machine_.Apply(i.state_, Event{"incident-paused", i.now_, "", "leo", {}}).code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace smki::procedures
