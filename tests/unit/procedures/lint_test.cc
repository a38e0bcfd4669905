// One bad runbook for each thing that Lint finds: method-3.yaml with one place spoiled.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "procedures/runbook.h"
#include "sample.h"

namespace smki::procedures {
namespace {

using test::MethodThree;

Step& At(Runbook& r, const std::string& id) {
  return const_cast<Step&>(*r.Find(id));
}

bool Finds(const std::vector<LintFinding>& findings, const std::string& text, bool error = true) {
  for (const LintFinding& f : findings) {
    if (f.error == error && f.message.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(Lint, FindsEachFaultByName) {
  using Spoil = std::function<void(Runbook&)>;
  const struct {
    Spoil spoil;
    const char* finding;
  } kCases[] = {
      {[](Runbook& r) { At(r, "canary").purpose.clear(); }, "'canary': no purpose"},
      {[](Runbook& r) { At(r, "canary").guidance.clear(); }, "'canary': no guidance"},
      {[](Runbook& r) { At(r, "canary").verify.clear(); }, "'canary': no verify"},
      {[](Runbook& r) { At(r, "canary").basis = {}; }, "'canary': no basis"},
      {[](Runbook& r) { At(r, "review").actor = "system"; }, "'review': a step of kind attest needs a person"},
      {[](Runbook& r) { At(r, "direction").actor = "pma-member"; }, "the pma-member must not request the Direction"},
      {[](Runbook& r) { At(r, "direction").actor = "key-custodian"; },
       "the key-custodian must not request the Direction"},
      {[](Runbook& r) { At(r, "ceremony").on_failure = "deviate"; },
       "'ceremony': a step of kind ceremony cannot be skipped"},
      {[](Runbook& r) { At(r, "direction").on_failure = "deviate"; },
       "'direction': a step of kind direction cannot be skipped"},
      {[](Runbook& r) { At(r, "proceed").on_failure = "deviate"; },
       "'proceed': a step of kind decide cannot be skipped"},
      {[](Runbook& r) { At(r, "review").action = "evidence.report"; }, "'review': a step of kind attest has no action"},
      {[](Runbook& r) { At(r, "report").action = "evidence.burn"; }, "'report': unknown action 'evidence.burn'"},
      {[](Runbook& r) { At(r, "canary").with.clear(); }, "action campaign.run needs parameter 'wave'"},
      {[](Runbook& r) { At(r, "canary").with["speed"] = "fast"; }, "action campaign.run has no parameter 'speed'"},
      {[](Runbook& r) { At(r, "canary").with["wave"] = "third"; }, "wave must be canary or main"},
      {[](Runbook& r) { At(r, "certificates-lodged").with["certificates"] = "acb"; },
       "certificates must be subscriber, accessControlBroker or successor, found 'acb'"},
      {[](Runbook& r) { At(r, "direction").with["certificates"] = "successor"; },
       "'direction': starts without the successor's certificates in the Repository"},
      {[](Runbook& r) { At(r, "certificates-lodged").with["certificates"] = "accessControlBroker"; },
       "'direction': starts without the new certificates in the Repository"},
      {[](Runbook& r) { At(r, "rebuild-repository").with["rejects"] = "accepted"; },
       "'rebuild-repository': rejected records are accepted only when a decide step said so"},
      {[](Runbook& r) {
         At(r, "rebuild-repository").with["rejects"] = "accepted";
         At(r, "rebuild-repository").when = {{"report-received", "done"}};
       },
       "'rebuild-repository': rejected records are accepted only when a decide step said so"},
      {[](Runbook& r) { At(r, "rebuild-repository").with["gap"] = "accepted"; },
       "'rebuild-repository': a missing delta is accepted only when a decide step said so"},
      {[](Runbook& r) { At(r, "rebuild-repository").with["rejects"] = "some"; },
       "rejects must be accepted or left out"},
      {[](Runbook& r) { At(r, "report").action = "direction.draft"; },
       "action direction.draft belongs to a step of kind direction"},
      {[](Runbook& r) { At(r, "direction").action = "evidence.report"; },
       "action direction.draft belongs to a step of kind direction"},
      {[](Runbook& r) { At(r, "report").action = "keyguard.prepare"; },
       "action keyguard.prepare belongs to a step of kind ceremony"},
      {[](Runbook& r) {
         At(r, "review").choices = {"a", "b"};
       },
       "only a decide step has choices"},
      {[](Runbook& r) {
         At(r, "review").factors = {{"a", "q", true}};
       },
       "only a decide step has factors"},
      {[](Runbook& r) { At(r, "guidance").factors.clear(); },
       "'direction': drafts a Direction, and no decide step before it asks about a mandatory factor"},
      {[](Runbook& r) {
         for (Factor& factor : At(r, "guidance").factors) factor.mandatory = false;
       },
       "'direction': drafts a Direction, and no decide step before it asks about a mandatory factor"},
      {[](Runbook& r) { std::swap(At(r, "guidance").factors, At(r, "proceed").factors); },
       "'direction': drafts a Direction, and no decide step before it asks about a mandatory factor"},
      {[](Runbook& r) { At(r, "proceed").choices = {"proceed"}; }, "at least two choices"},
      {[](Runbook& r) {
         At(r, "proceed").choices = {"proceed", "proceed"};
       },
       "a choice is given twice"},
      {[](Runbook& r) { At(r, "report").requires_ = {"nothing"}; }, "'report': requires the unknown step 'nothing'"},
      {[](Runbook& r) { At(r, "guidance").requires_.push_back("report"); },
       "'guidance': is of phase pre-recovery but requires 'report'"},
      {[](Runbook& r) { At(r, "canary").requires_.push_back("campaign"); }, "'canary': requires itself"},
      {[](Runbook& r) { At(r, "canary").requires_.push_back("campaign"); }, "'review': can never be reached"},
      {[](Runbook& r) { At(r, "report").requires_ = {"nothing"}; }, "'review': can never be reached"},
      {[](Runbook& r) {
         At(r, "campaign").when = {{"nothing", "done"}};
       },
       "when names the unknown step 'nothing'"},
      {[](Runbook& r) {
         At(r, "campaign").when = {{"proceed", "maybe"}};
       },
       "when names the choice 'maybe'"},
      {[](Runbook& r) {
         At(r, "campaign").when = {{"canary", "proceed"}};
       },
       "the outcome of 'canary' can only be done"},
      {[](Runbook& r) {
         At(r, "ceremony").when = {{"proceed", "proceed"}};
       },
       "'ceremony': when depends on 'proceed' without requiring it"},
      {[](Runbook& r) { std::swap(r.steps.front(), r.steps.back()); },
       "of phase pre-recovery stands after a step of phase post-recovery"},
      {[](Runbook& r) { r.mode = "anyByContingency"; }, "mode anyByContingency does not belong to key recovery"},
      {[](Runbook& r) { r.key = "none"; }, "mode anyExceptAbnormalRootByRecovery does not belong to key none"},
      {[](Runbook& r) {
         r.key = "none";
         r.mode = "none";
       },
       "'canary': the runbook uses no key, but this step does"},
      {[](Runbook& r) { At(r, "ceremony").requires_ = {"guidance"}; },
       "'ceremony': starts without a Direction of the PMA"},
      {[](Runbook& r) { At(r, "canary").requires_ = {"guidance"}; },
       "without a Direction of the PMA and without the key opened by its custodians"},
      {[](Runbook& r) { At(r, "canary").requires_ = {"direction"}; },
       "'canary': starts without the key opened by its custodians"},
      {[](Runbook& r) { At(r, "direction").requires_ = {"guidance"}; },
       "'direction': starts without a Repository that was rebuilt and without the new certificates in the Repository"},
      {[](Runbook& r) { r.steps.pop_back(); }, "no way to end: no post-recovery step in which a person looks"},
      {[](Runbook& r) { At(r, "close-key").action = "evidence.report"; },
       "'ceremony': opens the key, and on this way nothing closes it"},
      {[](Runbook& r) { At(r, "close-key").requires_ = {"guidance"}; },
       "'ceremony': opens the key, and on this way nothing closes it"},
  };
  for (const auto& c : kCases) {
    Runbook r = MethodThree();
    c.spoil(r);
    EXPECT_TRUE(Finds(Lint(r), c.finding)) << c.finding;
  }
}

TEST(Lint, HasNothingToSayAboutTheHousesOwnRunbooks) {
  size_t runbooks = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("runbooks")) {
    if (entry.path().extension() != ".yaml") continue;
    if (entry.path().parent_path().filename() == "ceremonies") continue;  // held by the contingency drill
    ++runbooks;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto runbook = LoadRunbook(text, entry.path().string());
    ASSERT_TRUE(runbook.ok()) << runbook.status();
    EXPECT_EQ(runbook->id + ".yaml", entry.path().filename().string())
        << "an incident is opened by the name of the file";
    for (const LintFinding& finding : Lint(*runbook)) ADD_FAILURE() << entry.path().string() << ": " << finding.message;
  }
  EXPECT_GE(runbooks, 5u);
}

TEST(Lint, MissingEvidenceIsOnlyAWarning) {
  Runbook r = MethodThree();
  At(r, "canary").evidence.clear();
  const auto findings = Lint(r);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(Finds(findings, "'canary': no evidence", false));
}

TEST(Lint, FindingsStandInTheOrderOfLinesAndNameThem) {
  Runbook r = MethodThree();
  At(r, "review").purpose.clear();
  At(r, "canary").purpose.clear();
  const auto findings = Lint(r);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].line, r.Find("canary")->line);
  EXPECT_EQ(findings[1].line, r.Find("review")->line);
}

}  // namespace
}  // namespace smki::procedures
