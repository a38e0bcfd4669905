#include "procedures/runbook.h"

#include <gtest/gtest.h>

#include "pki/digest.h"
#include "procedures/words.h"
#include "sample.h"

namespace smki::procedures {
namespace {

using test::MethodThree;
using test::MethodThreeText;
using test::Replaced;

constexpr char kSmall[] = R"(apiVersion: smki.recovery/v1
kind: Runbook
metadata:
  id: small
  version: "1"
  title: Small
  source: test
spec:
  key: none
  mode: none
  steps:
    - id: look
      phase: post-recovery
      title: Look
      actor: incident-lead
      kind: attest
      purpose: p
      guidance: g
      verify: v
      evidence: [e]
      deadline: PT1H
      basis: {source: s, confidence: derived}
)";

TEST(RunbookLoader, ReadsEveryField) {
  const auto r = LoadRunbook(kSmall, "small.yaml");
  ASSERT_TRUE(r.ok()) << Message(r.status());
  EXPECT_EQ(r->id, "small");
  EXPECT_EQ(r->version, "1");
  EXPECT_EQ(r->digest, pki::Sha256(std::string_view(kSmall)));
  const Step& s = r->steps.at(0);
  EXPECT_EQ(s.line, 12);
  EXPECT_EQ(s.kind, StepKind::kAttest);
  EXPECT_EQ(s.deadline, Millis(std::chrono::hours(1)));
  EXPECT_EQ(s.on_failure, "stop");
  EXPECT_EQ(s.evidence, std::vector<std::string>{"e"});
  EXPECT_EQ(s.basis.confidence, "derived");
  EXPECT_EQ(r->Find("look"), &s);
  EXPECT_EQ(r->Find("nothing"), nullptr);
}

TEST(RunbookLoader, ErrorsSayFileLineColumnAndWhatWasExpected) {
  const struct {
    const char* from;
    const char* to;
    const char* error;
  } kCases[] = {
      {"smki.recovery/v1", "smki.recovery/v2", "small.yaml:1:13: 'apiVersion' must be one of smki.recovery/v1"},
      {"kind: Runbook", "kind: Policy", "small.yaml:2:7: 'kind' must be one of Runbook"},
      {"  id: small\n", "  id: small\n  id: small\n", "small.yaml:5:3"},
      {"  id: small\n", "  id: a small one\n", "small.yaml:4:7: 'id' must be a name"},
      {"  key: none", "  key: master", "small.yaml:9:8: 'key' must be one of recovery, contingency, none"},
      {"id: look", "id: look now", "small.yaml:12:11: 'id' must be a name"},
      {"phase: post-recovery", "phase: later", "small.yaml:13:14: 'phase' must be one of"},
      {"actor: incident-lead", "actor: boss", "small.yaml:15:14: 'actor' must be one of"},
      {"kind: attest", "kind: think", "small.yaml:16:13: 'kind' must be one of"},
      {"kind: attest", "kind: attest\n      pin: 1234", "unknown key 'pin'"},
      {"deadline: PT1H", "deadline: 1 hour", "'deadline' must be an ISO 8601 duration"},
      {"evidence: [e]", "evidence: e", "'evidence' must be a list"},
      {"evidence: [e]", "requires: look", "'requires' must be a list"},
      {"evidence: [e]", "with: [a]", "'with' must be a mapping"},
      {"evidence: [e]", "onFailure: ignore", "'onFailure' must be one of retry, stop, deviate"},
      {"confidence: derived", "confidence: sure", "'confidence' must be one of read, derived, assumed"},
      {"confidence: derived}", "confidence: derived, page: 1}", "unknown key 'page'"},
      {"purpose: p", "purpose: &a p", "anchor"},
      {"evidence: [e]", "factors: []", "'factors' is empty"},
      {"evidence: [e]", "factors: [{id: a, question: q}]", "weight"},
      {"evidence: [e]", "factors: [{id: a, question: q, weight: heavy}]",
       "'weight' must be one of mandatory, optional"},
      {"evidence: [e]", "factors: [{id: a b, question: q, weight: optional}]", "'id' must be a name"},
      {"evidence: [e]", "factors: [{id: look, question: q, weight: optional}]", "'look' has the name of a step"},
  };
  for (const auto& c : kCases) {
    const auto r = LoadRunbook(Replaced(kSmall, c.from, c.to), "small.yaml");
    EXPECT_FALSE(r.ok()) << c.to;
    EXPECT_NE(Message(r.status()).find(c.error), std::string::npos) << Message(r.status());
  }
}

TEST(RunbookLoader, RefusesAStepTwiceNoStepAndTooMany) {
  const std::string text = kSmall;
  const size_t first = text.find("    - id: look");
  const std::string step = text.substr(first);
  EXPECT_NE(Message(LoadRunbook(text + step, "f").status()).find("'look' stands here a second time"),
            std::string::npos);
  EXPECT_FALSE(LoadRunbook(text.substr(0, first - 1) + " []\n", "f").ok());
  std::string many = text;
  for (int i = 0; i < 200; ++i) many += Replaced(step, "id: look", fmt::format("id: look{}", i));
  EXPECT_NE(Message(LoadRunbook(many, "f").status()).find("1 to 200 steps"), std::string::npos);
  EXPECT_NE(Message(LoadRunbook(Replaced(text, "purpose: p", "purpose: " + std::string(4001, 'x')), "f").status())
                .find("longer than 4000"),
            std::string::npos);
}

TEST(RunbookLoader, FactorsHaveOneNameEachAndAreNotTooMany) {
  const auto with = [](int count, const std::string& more) {
    std::string list = more;
    for (int i = 0; i < count; ++i) list += fmt::format("{{id: f{}, question: q, weight: mandatory}}, ", i);
    return LoadRunbook(Replaced(kSmall, "evidence: [e]", "factors: [" + list.substr(0, list.size() - 2) + "]"), "f");
  };
  const auto r = with(kMaxFactors, "");
  ASSERT_TRUE(r.ok()) << r.status();
  EXPECT_EQ(r->steps[0].factors.size(), kMaxFactors);
  EXPECT_TRUE(r->steps[0].factors[0].mandatory);
  EXPECT_NE(Message(with(kMaxFactors + 1, "").status()).find("more than 24 factors"), std::string::npos);
  EXPECT_NE(Message(with(2, "{id: f1, question: q, weight: optional}, ").status()).find("'f1' has the name"),
            std::string::npos);
  const std::string long_question = "{id: x, question: " + std::string(501, 'q') + ", weight: optional}, ";
  EXPECT_NE(Message(with(0, long_question).status()).find("'question' is longer than 500"), std::string::npos);
}

TEST(MethodThree, LoadsAndHasNoFindings) {
  const Runbook r = MethodThree();
  for (const LintFinding& f : Lint(r)) ADD_FAILURE() << "line " << f.line << ": " << f.message;
  EXPECT_EQ(r.id, "method-3");
  EXPECT_EQ(r.mode, ModeOfKey("recovery"));
}

// The orchestrator and the drill rest on these.
TEST(MethodThree, StepsKindsActorsAndActionsAreTheContract) {
  const struct {
    const char* id;
    StepKind kind;
    const char* actor;
    const char* action;
  } kContract[] = {
      {"report-received", StepKind::kAttest, "incident-lead", ""},
      {"confirm-compromise", StepKind::kAttest, "incident-operator", ""},
      {"notify-pma", StepKind::kAttest, "incident-lead", ""},
      {"rebuild-repository", StepKind::kAction, "system", "repository.rebuild"},
      {"new-certificates", StepKind::kAttest, "incident-operator", ""},
      {"apply-delta", StepKind::kAction, "system", "repository.apply-deltas"},
      {"certificates-lodged", StepKind::kWait, "system", "repository.holds-certificates"},
      {"guidance", StepKind::kDecide, "incident-lead", ""},
      {"direction", StepKind::kDirection, "incident-lead", "direction.draft"},
      {"ceremony", StepKind::kCeremony, "system", "keyguard.prepare"},
      {"canary", StepKind::kAction, "system", "campaign.run"},
      {"proceed", StepKind::kDecide, "incident-lead", ""},
      {"campaign", StepKind::kAction, "system", "campaign.run"},
      {"close-key", StepKind::kAction, "system", "keyguard.close"},
      {"revoke-old", StepKind::kAction, "system", "authority.revoke-replaced"},
      {"publish-crl", StepKind::kAction, "system", "authority.publish-crl"},
      {"report", StepKind::kAction, "system", "evidence.report"},
      {"review", StepKind::kAttest, "incident-lead", ""},
  };
  const Runbook r = MethodThree();
  ASSERT_EQ(r.steps.size(), std::size(kContract));
  for (size_t i = 0; i < r.steps.size(); ++i) {
    EXPECT_EQ(r.steps[i].id, kContract[i].id);
    EXPECT_EQ(r.steps[i].kind, kContract[i].kind) << kContract[i].id;
    EXPECT_EQ(r.steps[i].actor, kContract[i].actor) << kContract[i].id;
    EXPECT_EQ(r.steps[i].action, kContract[i].action) << kContract[i].id;
  }
  EXPECT_EQ(r.Find("canary")->with.at("wave"), "canary");
  EXPECT_EQ(r.Find("campaign")->with.at("wave"), "main");
  EXPECT_EQ(r.Find("guidance")->choices, (std::vector<std::string>{"direct", "stop"}));
  EXPECT_EQ(r.Find("proceed")->choices, (std::vector<std::string>{"proceed", "stop"}));
}

}  // namespace
}  // namespace smki::procedures
