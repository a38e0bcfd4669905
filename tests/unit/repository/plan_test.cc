#include "repository/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smki::repository {
namespace {

using ::testing::HasSubstr;

std::string Full(const std::string& day) {
  return "SMKIKR_FULL_2026-11-" + day + ".xml.gz";
}
std::string Delta(const std::string& day) {
  return "SMKIKR_DELT_2026-11-" + day + ".xml.gz";
}

// The plan as "FULL day: delta days".
std::string Planned(const std::vector<std::string>& files, const std::string& target = "") {
  const auto plan = PlanRebuild(files, {.as_of = target});
  if (!plan.ok()) return Message(plan.status());
  std::string out = plan->full.date.substr(8) + ":";
  for (const ExtractName& delta : plan->deltas) out += " " + delta.date.substr(8);
  return out;
}

TEST(Plan, I7_TakesTheNewestFullAndEveryDeltaAfterIt) {
  EXPECT_EQ(Planned({Full("08"), Full("15"), Delta("16"), Delta("17")}), "15: 16 17");
  EXPECT_EQ(Planned({Full("15")}), "15:");
  EXPECT_EQ(Planned({Full("15"), "SMKI_ORGANISATION_CRL.crl.gz", ".SMKIKR_DELT_2026-11-16.xml.gz.new"}), "15:");
}

TEST(Plan, I7_StopsAtTheTarget) {
  const std::vector<std::string> files = {Full("08"), Delta("09"), Delta("10"), Full("15"), Delta("16"), Delta("17")};
  EXPECT_EQ(Planned(files, "2026-11-16"), "15: 16");
  EXPECT_EQ(Planned(files, "2026-11-15"), "15:");
  EXPECT_EQ(Planned(files, "2026-11-10"), "08: 09 10");
}

TEST(Plan, I7_CrossesMonthsAndLeapDays) {
  EXPECT_TRUE(
      PlanRebuild({"SMKIKR_FULL_2028-02-28.xml.gz", "SMKIKR_DELT_2028-02-29.xml.gz", "SMKIKR_DELT_2028-03-01.xml.gz"},
                  {})
          .ok());
}

TEST(Plan, I7_AGapIsRefusedAndNamesTheMissingFile) {
  EXPECT_THAT(Planned({Full("15"), Delta("17")}), HasSubstr(Delta("16") + " is missing"));
  EXPECT_THAT(Planned({Full("15"), Delta("16"), Delta("18")}), HasSubstr(Delta("17") + " is missing"));
  EXPECT_THAT(Planned({Full("15"), Delta("16")}, "2026-11-17"), HasSubstr(Delta("17") + " is missing"));
  EXPECT_EQ(PlanRebuild({Full("15"), Delta("17")}, {}).status().code(), StatusCode::kFailedPrecondition);
}

TEST(Plan, AGapThatSomebodySignedIsNamedDayByDay) {
  const auto plan = PlanRebuild({Full("15"), Delta("17"), Delta("19")}, {.allow_gap = true});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->missing, (std::vector<std::string>{Delta("16"), Delta("18")}));
  EXPECT_EQ(plan->deltas.size(), 2u);
  EXPECT_EQ(plan->as_of, "2026-11-19");
  EXPECT_TRUE(PlanRebuild({Full("15"), Delta("16")}, {.allow_gap = true})->missing.empty());
}

TEST(Plan, AGapOfMoreThanAMonthIsNone) {
  const auto plan = PlanRebuild({Full("15")}, {.as_of = "2026-12-17", .allow_gap = true});
  EXPECT_EQ(ReasonOf(plan.status()), "DELTA_MISSING");
  EXPECT_TRUE(PlanRebuild({Full("15")}, {.as_of = "2026-12-16", .allow_gap = true}).ok());
}

TEST(Plan, I7_TheOverlapBeforeTheFullIsAppliedIfItIsThereAndOlderDeltasAreNotNeeded) {
  EXPECT_EQ(Planned({Full("15"), Delta("14"), Delta("15"), Delta("16")}), "15: 14 15 16");
  EXPECT_EQ(Planned({Full("15"), Delta("15"), Delta("16")}), "15: 15 16");
  EXPECT_EQ(Planned({Full("15"), Delta("16")}), "15: 16");
  const auto plan = PlanRebuild({Full("15"), Delta("11"), Delta("13"), Delta("14"), Delta("15")}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->not_needed, (std::vector<std::string>{Delta("11"), Delta("13")}));
  EXPECT_EQ(plan->deltas.size(), 2u);
  EXPECT_EQ(PlanRebuild({Full("15"), Delta("13"), Delta("14"), Delta("15")}, {.overlap_days = 2})->deltas.size(), 3u);
  EXPECT_EQ(PlanRebuild({Full("15"), Delta("14"), Delta("15")}, {.overlap_days = 0})->deltas.size(), 1u);
}

TEST(Plan, I7_FromTheFirstDeltaOfTheOverlapNoDayIsMissing) {
  EXPECT_THAT(Planned({Full("15"), Delta("14"), Delta("16")}), HasSubstr(Delta("15") + " is missing"));
}

TEST(Plan, I7_AFileOfTheFutureIsRefusedUnlessItIsNotAskedFor) {
  const std::vector<std::string> files = {Full("08"), Delta("09"), Full("15")};
  EXPECT_EQ(ReasonOf(PlanRebuild(files, {.today = "2026-11-14"}).status()), "FULL_FROM_FUTURE");
  EXPECT_TRUE(PlanRebuild(files, {.today = "2026-11-15"}).ok());
  EXPECT_TRUE(PlanRebuild(files, {.as_of = "2026-11-09", .today = "2026-11-14"}).ok());
  EXPECT_EQ(ReasonOf(PlanRebuild({Full("08"), Delta("09")}, {.today = "2026-11-08"}).status()), "DELTA_FROM_FUTURE");
}

TEST(Plan, I7_ADayGivenTwiceIsRefused) {
  const auto plan = PlanRebuild({Full("15"), "a/" + Delta("16"), "b/" + Delta("16")}, {});
  EXPECT_EQ(ReasonOf(plan.status()), "DELTA_TWICE");
  EXPECT_THAT(Message(plan.status()), HasSubstr("as a/" + Delta("16") + " and as b/" + Delta("16")));
}

TEST(Plan, RefusesWithoutAFull) {
  EXPECT_THAT(Planned({}), HasSubstr("there is no SMKIKR_FULL"));
  EXPECT_THAT(Planned({Delta("16")}), HasSubstr("there is no SMKIKR_FULL"));
  EXPECT_THAT(Planned({Full("15")}, "2026-11-14"), HasSubstr("dated 2026-11-14 or before"));
}

// A record's place has room for so many files and no more.
TEST(Plan, RefusesMoreFilesThanThereCanBe) {
  EXPECT_THAT(Planned(std::vector<std::string>(20'001, Full("15"))), HasSubstr("20001 files"));
}

TEST(Plan, RefusesAFileThatOnlyLooksLikeAnExtract) {
  EXPECT_THAT(Planned({Full("15"), Delta("16") + ".part"}), HasSubstr(".part: looks like an extract"));
  EXPECT_THAT(Planned({Full("15"), "SMKIKR_DELT_2026-11-31.xml.gz"}), HasSubstr("looks like an extract"));
}

TEST(Plan, RefusesATargetThatIsNoDate) {
  EXPECT_THAT(Planned({Full("15")}, "yesterday"), HasSubstr("is no date"));
}

TEST(Plan, DeltasOfAStoreGoOnWhereItStands) {
  const std::vector<std::string> files = {Delta("15"), Delta("16"), Delta("17")};
  const auto all = PlanDeltas(files, "2026-11-15", {});
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].file, Delta("16"));
  EXPECT_TRUE(PlanDeltas(files, "2026-11-17", {})->empty());
  EXPECT_TRUE(PlanDeltas({}, "2026-11-17", {})->empty());
  EXPECT_EQ(PlanDeltas(files, "2026-11-15", {.as_of = "2026-11-16"})->size(), 1u);
  EXPECT_THAT(Message(PlanDeltas(files, "2026-11-13", {}).status()), HasSubstr(Delta("14") + " is missing"));
}

TEST(ExtractName, IsReadOnlyInItsOneForm) {
  const auto name = ParseExtractName("SMKIKR_FULL_2026-11-15.xml.gz");
  ASSERT_TRUE(name.has_value());
  EXPECT_TRUE(name->full);
  EXPECT_EQ(name->date, "2026-11-15");
  EXPECT_EQ(ExtractFileName(false, "2026-11-15"), "SMKIKR_DELT_2026-11-15.xml.gz");
  for (const char* file :
       {"", "SMKIKR_FULL_2026-11-15.xml", "SMKIKR_FULL_2026-13-15.xml.gz", "SMKIKR_FULL_2026-02-30.xml.gz",
        "SMKIKR_DELTA_2026-11-15.xml.gz", "smkikr_FULL_2026-11-15.xml.gz", "SMKIKR_FULL_2026-11-15.xml.gz ",
        "x/SMKIKR_FULL_2026-11-15.xml.gz"}) {
    EXPECT_FALSE(ParseExtractName(file).has_value()) << file;
  }
}

}  // namespace
}  // namespace smki::repository
