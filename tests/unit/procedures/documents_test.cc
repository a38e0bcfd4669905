#include "procedures/documents.h"

#include <gtest/gtest.h>

#include "sample.h"

namespace smki::procedures {
namespace {

using test::Filled;
using test::Now;
using test::Replaced;

const Environment kDrill{"drill", "estate-7"};

Rejection SampleRejection() {
  return {kDrill, Filled(1), "ann", {"too many Devices at once"}};
}
CastingVote SampleCast() {
  return {kDrill, Filled(1), "cho", "approve", {Filled(2), Filled(3)}, {Filled(4), Filled(5)}, Now(), {"time presses"}};
}
PmaOrder SampleOrder() {
  return {"halt", kDrill, Filled(1), "ann", Now(), {"stop"}};
}
Statement SampleStatement() {
  return {kDrill, "INC-1", "proceed", "decide", "proceed", 17, "leo", Now(), {""}};
}
Statement SampleDeviation() {
  Statement out = SampleStatement();
  out.verb = "deviate";
  out.choice = "none";
  out.text = {"the gateway is gone"};
  out.deviation = "skip";
  out.witness = Quoted{"WB"};
  return out;
}
SharePresentation SamplePresentation() {
  return {kDrill, "CER-0011223344556677", Filled(2), "recovery", "kim", Filled(3), Now()};
}
CeremonyRequest SampleRequest() {
  CeremonyRequest r;
  r.environment = kDrill;
  r.id = "CER-0011223344556677";
  r.incident = "INC-1";
  r.direction = Filled(1);
  r.direction_id = "DIR-1";
  r.key = "recovery";
  r.policy = Filled(2);
  r.policy_version = 3;
  r.threshold = 2;
  r.devices = 1000;
  r.total = 3000;
  r.keyguard_time = Now();
  r.expires = Now() + std::chrono::minutes(30);
  r.journal_records = 5;
  r.journal_head = Filled(4);
  r.ledger_head = Filled(5);
  r.ceremony_certificate = {Bytes(300, 7)};
  return r;
}

template <typename D, typename F>
void ExpectReadsBack(const D& document, F parse) {
  const std::string text = Render(document);
  const auto parsed = parse(text);
  ASSERT_TRUE(parsed.ok()) << Message(parsed.status());
  EXPECT_EQ(Render(*parsed), text);
}

TEST(Documents, EachReadsBackWhatItWrites) {
  ExpectReadsBack(SampleRejection(), ParseRejection);
  ExpectReadsBack(SampleCast(), ParseCastingVote);
  ExpectReadsBack(SampleOrder(), ParsePmaOrder);
  ExpectReadsBack(SampleStatement(), ParseStatement);
  ExpectReadsBack(SampleDeviation(), ParseStatement);
  ExpectReadsBack(SampleRequest(), ParseCeremonyRequest);
  ExpectReadsBack(SamplePresentation(), ParseSharePresentation);
}

TEST(Documents, NoKindIsEverReadAsAnother) {
  const std::string texts[] = {Render(SampleRejection()),
                               Render(SampleCast()),
                               Render(SampleOrder()),
                               Render(SampleStatement()),
                               Render(SampleRequest()),
                               Render(SamplePresentation()),
                               RenderDirection(test::SampleDirection())};
  int read = 0;
  for (const std::string& text : texts) {
    read += ParseRejection(text).ok() + ParseCastingVote(text).ok() + ParsePmaOrder(text).ok() +
            ParseStatement(text).ok() + ParseCeremonyRequest(text).ok() + ParseSharePresentation(text).ok() +
            ParseDirection(text).ok();
  }
  EXPECT_EQ(read, 7);
}

TEST(Documents, ErrorsNameTheKindAndTheLine) {
  EXPECT_NE(Message(ParseRejection(Replaced(Render(SampleRejection()), "person: ann", "person: Ann Member")).status())
                .find("Rejection line 7: expected 'person'"),
            std::string::npos);
}

TEST(Documents, RefuseWordsThatTheirRulesDoNotKnow) {
  const std::string rejection = Render(SampleRejection()), order = Render(SampleOrder()),
                    statement = Render(SampleStatement()), request = Render(SampleRequest()),
                    presentation = Render(SamplePresentation());
  EXPECT_FALSE(ParseRejection(Replaced(rejection, "kind: drill", "kind: live")).ok());
  EXPECT_FALSE(ParsePmaOrder(Replaced(order, "order: halt", "order: wait")).ok());
  EXPECT_TRUE(ParsePmaOrder(Replaced(order, "order: halt", "order: withdraw")).ok());
  EXPECT_FALSE(ParseStatement(Replaced(statement, "verb: decide", "verb: start")).ok());
  EXPECT_FALSE(ParseStatement(Replaced(statement, "verb: decide", "verb: done")).ok());
  EXPECT_FALSE(ParseStatement(Replaced(statement, "choice: proceed", "choice: none")).ok());
  EXPECT_FALSE(ParseCeremonyRequest(Replaced(request, "key: recovery", "key: another")).ok());
  EXPECT_FALSE(ParseCeremonyRequest(Replaced(request, "threshold: 2", "threshold: 1")).ok());
  EXPECT_FALSE(ParseCeremonyRequest(Replaced(request, "CER-0011223344556677", "CER-001122334455667")).ok());
  EXPECT_FALSE(ParseCeremonyRequest(Replaced(request, "CER-00112233445566", "CER-AA112233445566")).ok());
  EXPECT_FALSE(
      ParseCeremonyRequest(Replaced(request, "expires: 2026-11-21T03:30:00Z", "expires: 2026-11-21T03:00:00Z")).ok());
  EXPECT_FALSE(ParseSharePresentation(Replaced(presentation, "key: recovery", "key: other")).ok());
}

TEST(Documents, ACastingVoteListsBothSidesInOneOrderAndSaysWhy) {
  using Spoil = void (*)(CastingVote&);
  const struct {
    Spoil spoil;
    const char* says;
  } kCases[] = {
      {[](CastingVote& v) { v.decision = "abstain"; }, "'decision' must be one of approve, reject"},
      {[](CastingVote& v) { v.approvals.clear(); }, "'approvals' must list 1 to 64 votes, found 0"},
      {[](CastingVote& v) { v.rejections.clear(); }, "'rejections' must list 1 to 64 votes, found 0"},
      {[](CastingVote& v) { v.rejections.resize(65); }, "found 65"},
      {[](CastingVote& v) { std::swap(v.approvals[0], v.approvals[1]); }, "'approvals' must stand in increasing order"},
      {[](CastingVote& v) { v.rejections[1] = v.rejections[0]; }, "'rejections' must stand in increasing order"},
      {[](CastingVote& v) { v.reason.text = "  "; }, "'reason' is blank"},
      {[](CastingVote& v) { v.environment.kind = "live"; }, "environment.kind"},
  };
  for (const auto& c : kCases) {
    CastingVote vote = SampleCast();
    c.spoil(vote);
    const auto parsed = ParseCastingVote(Render(vote));
    ASSERT_FALSE(parsed.ok()) << c.says;
    EXPECT_NE(Message(parsed.status()).find(c.says), std::string::npos) << Message(parsed.status());
  }
}

TEST(Documents, AStatementAsksForADeviationWhollyOrNotAtAll) {
  const auto reads = [](auto change) {
    Statement out = SampleDeviation();
    change(out);
    return ParseStatement(Render(out)).ok();
  };
  EXPECT_FALSE(reads([](Statement& s) { s.deviation.reset(); }));
  EXPECT_FALSE(reads([](Statement& s) { s.deviation = "forget"; }));
  EXPECT_FALSE(reads([](Statement& s) { s.witness.reset(); }));
  EXPECT_FALSE(reads([](Statement& s) { s.text.text.clear(); }));
  EXPECT_FALSE(reads([](Statement& s) { s.deviation = "reorder"; }));
  EXPECT_FALSE(reads([](Statement& s) { s.not_after = "canary"; }));
  EXPECT_FALSE(reads([](Statement& s) { s.runbook = Filled(9); }));
  EXPECT_FALSE(reads([](Statement& s) { s.verb = "done"; }));
  EXPECT_TRUE(reads([](Statement& s) { s.deviation = "reorder", s.not_after = "canary"; }));
  EXPECT_TRUE(reads([](Statement& s) { s.deviation = "repin", s.step = "none", s.runbook = Filled(9); }));
}

TEST(Documents, AStatementAnswersFactorsOnlyOfADecisionEachOnceAndInOneOrder) {
  const auto reads = [](std::vector<GuidanceFactor> factors, const std::string& verb = "decide") {
    Statement out = SampleStatement();
    out.verb = verb;
    if (verb != "decide") out.choice = "none";
    out.factors = std::move(factors);
    return ParseStatement(Render(out)).ok();
  };
  EXPECT_TRUE(reads({{"a", {"yes"}}, {"b", {"no"}}}));
  EXPECT_FALSE(reads({{"b", {"no"}}, {"a", {"yes"}}}));
  EXPECT_FALSE(reads({{"a", {"yes"}}, {"a", {"no"}}}));
  EXPECT_FALSE(reads({{"a", {"yes"}}}, "done"));
  EXPECT_TRUE(reads({}, "done"));
  Statement decided = SampleStatement();
  decided.factors = {{"a", {"yes"}}};
  ExpectReadsBack(decided, ParseStatement);
  EXPECT_FALSE(
      ParseStatement(Replaced(Render(SampleStatement()), "expectedSequence", "factors: []\nexpectedSequence")).ok());
}

TEST(Documents, AnApprovalNamesTheStatementItApproves) {
  Statement approval = SampleStatement();
  approval.verb = "approve";
  EXPECT_FALSE(ParseStatement(Render(approval)).ok());
  approval.choice = "none";
  EXPECT_FALSE(ParseStatement(Render(approval)).ok());
  approval.choice = std::string(64, 'a');
  EXPECT_TRUE(ParseStatement(Render(approval)).ok());
}

TEST(Documents, TextThatCannotBeWrittenCannotBeParsedAgain) {
  Rejection rejection = SampleRejection();
  rejection.reason.text = "no\"\nmore: \"";
  EXPECT_FALSE(ParseRejection(Render(rejection)).ok());
}

TEST(Documents, ApprovalAndRejectionHintsDiffer) {
  EXPECT_EQ(ApprovalHint("DIR-1"), "smki approval DIR-1");
  EXPECT_FALSE(ApprovalHint("DIR-1").starts_with(kRejectionHint));
}

}  // namespace
}  // namespace smki::procedures
