#include "sim/scenario/drill_result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smki::sim {
namespace {

using ::testing::HasSubstr;

DrillResult Passed() {
  DrillResult result;
  result.scenario = "method-3";
  result.seed = 7;
  result.total = result.recovered = 1000;
  result.phases = {{"estate made", Millis(1500)}, {"campaign", Millis(70'000)}};
  result.refusals = {{"SHARE_DUPLICATE", 1}};
  result.signatures = 1003;
  result.ledger_entries = 120;
  result.ledger_verified = true;
  result.evidence = "/srv/drill/evidence";
  result.folder = "/srv/drill";
  result.anchor = "ab12";
  result.checks = {{"every Device is recovered", true, ""}};
  return result;
}

TEST(DrillResult, JsonHasTheDocumentedKeys) {
  const auto json = ToJson(Passed());
  for (const char* key : {"result", "scenario", "seed", "devices", "phases", "refusals", "keyguard", "ledger",
                          "repository", "evidence"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  for (const char* key : {"total", "recovered", "half_replaced", "refused", "silent"})
    EXPECT_TRUE(json["devices"].contains(key)) << key;
  EXPECT_EQ(json["result"], "passed");
  EXPECT_EQ(json["phases"][1]["seconds"], 70.0);
  EXPECT_EQ(json["refusals"][0]["code"], "SHARE_DUPLICATE");
  EXPECT_EQ(json["ledger"]["verified"], true);
}

TEST(DrillResult, OneBrokenCheckFailsTheDrillAndIsNamed) {
  DrillResult result = Passed();
  result.checks.push_back({"no other Device was touched", false, "2 of 100 were"});
  EXPECT_FALSE(result.passed());
  EXPECT_THAT(ToText(result, false), HasSubstr("BROKEN  no other Device was touched: 2 of 100 were"));
}

TEST(DrillResult, NothingCheckedIsNothingProven) {
  DrillResult result = Passed();
  result.checks.clear();
  EXPECT_FALSE(result.passed());
}

TEST(DrillResult, TheLastPageSaysWhatToDoNext) {
  EXPECT_THAT(ToText(Passed(), false), HasSubstr("smkictl ledger verify /srv/drill/evidence --anchor ab12"));
  DrillResult result = Passed();
  result.failure = "campaign: nothing has moved for 120 s";
  EXPECT_THAT(ToText(result, false), HasSubstr("read the end of the transcript"));
}

}  // namespace
}  // namespace smki::sim
