#include "cli/incident_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/incident_acts.h"
#include "pki/digest.h"
#include "sample.h"

namespace smki::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class IncidentText : public ::testing::Test {
 protected:
  IncidentText() {
    view_.set_incident("INC-1");
    view_.set_title("Compromised Organisation key");
    view_.set_runbook("method-3");
    view_.set_state("open");
    view_.set_sequence(17);
    Add("report-received", "attest", "incident-lead", "done");
    Add("confirm", "attest", "incident-operator", "ready");
    Add("direction", "direction", "incident-lead", "blocked").add_waiting_for("confirm");
  }
  recovery::v1::StepView& Add(const std::string& id, const std::string& kind, const std::string& actor,
                              const std::string& status) {
    auto& step = *view_.add_steps();
    step.set_id(id);
    step.set_phase("pre-recovery");
    step.set_title("Title of " + id);
    step.set_kind(kind);
    step.set_actor(actor);
    step.set_status(status);
    step.set_purpose("Purpose of " + id);
    step.set_verify("Verify " + id);
    return step;
  }
  recovery::v1::StepView& Step(int i) { return *view_.mutable_steps(i); }
  std::string Next(const std::string& person) { return NextText(view_, ReaderFor(person), Style()); }
  Reader ReaderFor(const std::string& person) { return {&policy_, policy_.FindPerson(person)}; }

  procedures::TrustPolicy policy_ = procedures::test::SamplePolicy();
  recovery::v1::IncidentView view_;
};

TEST_F(IncidentText, NextShowsOnlyWhatCanBeDoneNow) {
  const std::string text = Next("ola");
  EXPECT_THAT(text, HasSubstr("confirm  Title of confirm  (yours)"));
  EXPECT_THAT(text, HasSubstr("Purpose of confirm"));
  EXPECT_THAT(text, HasSubstr("Verify confirm"));
  EXPECT_THAT(text, HasSubstr("smkictl incident done confirm"));
  EXPECT_THAT(text, Not(HasSubstr("direction")));
  EXPECT_THAT(text, Not(HasSubstr("report-received")));
}

TEST_F(IncidentText, NextNamesWhoMustActWhenItIsNotYou) {
  const std::string text = Next("leo");
  EXPECT_THAT(text, Not(HasSubstr("(yours)")));
  EXPECT_THAT(text, HasSubstr("another person must act: incident-operator (ola, oli)"));
}

TEST_F(IncidentText, YourStepsComeFirst) {
  Add("guidance", "decide", "incident-lead", "ready").add_choices("direct");
  const std::string text = Next("leo");
  EXPECT_LT(text.find("guidance"), text.find("confirm"));
  EXPECT_THAT(text, HasSubstr("smkictl incident decide guidance direct"));
}

TEST_F(IncidentText, I4_TheCommandIsBoundToThePageItStandsOn) {
  const std::string page = " --incident INC-1 --expect 17";
  EXPECT_EQ(CommandFor(view_, Step(1), ReaderFor("ola")),
            "smkictl incident done confirm" + page + " --text \"what you did and saw\"");
  auto& decide = Add("guidance", "decide", "incident-lead", "ready");
  decide.add_choices("direct");
  decide.add_choices("stop");
  EXPECT_EQ(CommandFor(view_, decide, ReaderFor("leo")),
            "smkictl incident decide guidance direct|stop" + page + " --text \"why\"");
  auto& factor = *decide.add_factors();
  factor.set_id("harm");
  factor.set_question("What if not?");
  EXPECT_THAT(NextText(view_, ReaderFor("leo"), Style()), HasSubstr("harm (optional): What if not?"));
  EXPECT_THAT(CommandFor(view_, decide, ReaderFor("leo")), Not(HasSubstr("--factor")));
  factor.set_mandatory(true);
  EXPECT_THAT(NextText(view_, ReaderFor("leo"), Style()), HasSubstr("harm (mandatory): What if not?"));
  EXPECT_THAT(CommandFor(view_, decide, ReaderFor("leo")), HasSubstr(" --factor harm=\"...\" --text"));
  EXPECT_EQ(CommandFor(view_, Add("rebuild", "action", "system", "failed"), ReaderFor("leo")),
            "smkictl incident start rebuild" + page);
  EXPECT_EQ(CommandFor(view_, Add("again", "direction", "incident-lead", "ready"), ReaderFor("leo")),
            "smkictl incident start again" + page);
  const Json next = NextJson(view_, ReaderFor("ola"));
  EXPECT_THAT(next["steps"][0]["command"].get<std::string>(), HasSubstr(page));
  view_.set_state("paused");
  EXPECT_THAT(Next("leo"), HasSubstr("smkictl incident resume" + page));
}

TEST_F(IncidentText, ARunningDirectionIsTheMembersTurn) {
  Step(2).set_status("running");
  EXPECT_THAT(Next("ann"), HasSubstr("smkictl direction review"));
  EXPECT_THAT(Next("alt"), HasSubstr("smkictl direction review"));
  EXPECT_THAT(Next("leo"), Not(HasSubstr("smkictl direction review")));
}

TEST_F(IncidentText, ATieIsTheChairsTurnAndNothingElseIs) {
  Step(2).set_status("running");
  EXPECT_THAT(Next("cho"), Not(HasSubstr("smkictl direction")));
  Step(2).add_waiting_for("or, 2 to 2, the casting vote of the Chair, cho");
  EXPECT_THAT(Next("cho"), HasSubstr("then smkictl direction cast"));
  EXPECT_THAT(Next("ann"), HasSubstr("then smkictl direction sign (or reject)"));
}

TEST_F(IncidentText, ARunningCeremonyIsTheCustodiansTurn) {
  Add("ceremony", "ceremony", "system", "running");
  EXPECT_THAT(Next("kim"), HasSubstr("smkictl ceremony check"));
  EXPECT_THAT(Next("leo"), HasSubstr("another person must act: key-custodian (kim, kay, kit)"));
}

TEST_F(IncidentText, AFailedSystemStepIsTheTeamsToStartAgain) {
  auto& step = Add("rebuild", "action", "system", "failed");
  step.set_result("delta 2026-11-17 is missing");
  EXPECT_THAT(Next("leo"), HasSubstr("failed: delta 2026-11-17 is missing"));
  EXPECT_THAT(Next("leo"), HasSubstr("smkictl incident start rebuild"));
  EXPECT_THAT(Next("ola"), HasSubstr("smkictl incident start rebuild"));
  EXPECT_THAT(Next("ann"), Not(HasSubstr("incident start")));
}

TEST_F(IncidentText, WhenNothingIsOpenItSaysHowToClose) {
  Step(1).set_status("done");
  EXPECT_THAT(Next("leo"), HasSubstr("smkictl incident close --incident INC-1 --expect 17"));
  view_.set_state("closed");
  view_.set_evidence("/srv/evidence/INC-1");
  EXPECT_THAT(Next("leo"), HasSubstr("evidence in /srv/evidence/INC-1"));
}

TEST_F(IncidentText, StatusMarksWhatIsYoursAndWhatIsWaitedFor) {
  const std::string text = StatusText(view_, ReaderFor("ola"), Style());
  EXPECT_THAT(text, HasSubstr("sequence 17"));
  EXPECT_THAT(text, ::testing::ContainsRegex("ready +confirm .*yours"));
  EXPECT_THAT(text, ::testing::ContainsRegex("blocked +direction .*after confirm"));
}

TEST_F(IncidentText, JsonCarriesTheExpectedStateAndTheCommand) {
  const Json next = NextJson(view_, ReaderFor("ola"));
  EXPECT_EQ(next["sequence"], 17);
  ASSERT_EQ(next["steps"].size(), 1u);
  EXPECT_EQ(next["steps"][0]["id"], "confirm");
  EXPECT_EQ(next["steps"][0]["yours"], true);
  const Json status = StatusJson(view_);
  EXPECT_EQ(status["steps"].size(), 3u);
  EXPECT_EQ(status["progress"]["total"], 0);
}

// --- deviations ---

recovery::v1::DeviationView& AddDeviation(recovery::v1::IncidentView& view) {
  procedures::Statement statement;
  statement.environment = {"drill", "estate-7"};
  statement.incident = view.incident();
  statement.step = "confirm";
  statement.verb = "deviate";
  statement.choice = "none";
  statement.person = "ola";
  statement.text = {"the gateway is gone"};
  statement.deviation = "skip";
  statement.witness = procedures::Quoted{"WB"};
  auto& one = *view.add_deviations();
  one.set_request(procedures::Render(statement));
  one.set_digest(ToHex(pki::Sha256(AsBytes(one.request()))));
  one.set_kind("skip");
  one.set_step("confirm");
  one.set_why("the gateway is gone");
  one.set_witness("WB");
  one.set_requested_by("ola");
  one.set_standing("waiting");
  one.set_approver("incident-lead");
  return one;
}

TEST_F(IncidentText, ADeviationIsShownWithTheCommandToWhoMayApproveIt) {
  const auto& one = AddDeviation(view_);
  const std::string command =
      "smkictl incident deviate --approve " + one.digest().substr(0, 16) + " --incident INC-1 --expect 17";
  for (const std::string& text : {Next("leo"), StatusText(view_, ReaderFor("leo"), Style())}) {
    EXPECT_THAT(text, HasSubstr("waiting  skip confirm"));
    EXPECT_THAT(text, HasSubstr("the gateway is gone"));
    EXPECT_THAT(text, HasSubstr("by ola"));
    EXPECT_THAT(text, HasSubstr("seen by WB"));
    EXPECT_THAT(text, HasSubstr(command));
  }
  for (const char* other : {"ola", "ann", "kim"}) EXPECT_THAT(Next(other), Not(HasSubstr("--approve"))) << other;
  EXPECT_THAT(Next("ola"), HasSubstr("another person must approve it: incident-lead"));
}

TEST_F(IncidentText, ARepinIsForTheMembersWhoHaveNotApprovedIt) {
  auto& one = AddDeviation(view_);
  one.set_kind("repin");
  one.clear_approver();
  one.add_approved_by("bob");
  EXPECT_THAT(Next("ann"), HasSubstr("--approve"));
  for (const char* other : {"leo", "bob"}) EXPECT_THAT(Next(other), Not(HasSubstr("--approve"))) << other;
}

TEST_F(IncidentText, NextDoesNotShowWhatIsDoneOrExpired) {
  AddDeviation(view_).set_standing("expired");
  EXPECT_THAT(Next("leo"), Not(HasSubstr("skip confirm")));
  EXPECT_THAT(StatusText(view_, ReaderFor("leo"), Style()), HasSubstr("expired  skip confirm"));
}

TEST_F(IncidentText, I4_WhoApprovesSignsForWhatTheRequestSaysNotForWhatThePageSays) {
  auto& one = AddDeviation(view_);
  one.set_step("direction");
  one.set_why("no reason");
  const auto approval = ApprovalOf(view_, one.digest().substr(0, 8));
  ASSERT_TRUE(approval.ok()) << Message(approval.status());
  EXPECT_EQ(approval->act.verb, "approve");
  EXPECT_EQ(approval->act.choice, one.digest());
  EXPECT_EQ(approval->act.step, "confirm");
  EXPECT_EQ(approval->act.expected, 17u);
  EXPECT_EQ(approval->request.text.text, "the gateway is gone");
  EXPECT_EQ(ApprovalOf(view_, one.digest().substr(0, 7)).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ApprovalOf(view_, "").status().code(), StatusCode::kNotFound);
  *view_.add_deviations() = one;
  EXPECT_EQ(ApprovalOf(view_, one.digest()).status().code(), StatusCode::kInvalidArgument);
  view_.mutable_deviations()->RemoveLast();
  view_.set_incident("INC-2");
  EXPECT_EQ(ApprovalOf(view_, one.digest()).status().code(), StatusCode::kDataLoss) << "of another incident";
  view_.set_incident("INC-1");
  one.mutable_request()->back() ^= 1;
  EXPECT_EQ(ApprovalOf(view_, one.digest()).status().code(), StatusCode::kDataLoss) << "another request";
}

TEST_F(IncidentText, ProgressIsOneLine) {
  recovery::v1::CampaignProgress progress;
  progress.set_total(1000);
  progress.set_recovered(640);
  progress.set_half_replaced(2);
  progress.set_wave("main");
  progress.set_per_second(120.4);
  EXPECT_EQ(ProgressLine(progress), "recovered 640 of 1,000, half-replaced 2, main wave, 120 a second");
}

}  // namespace
}  // namespace smki::cli
