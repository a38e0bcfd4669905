// The two contingency runbooks, and what the linter says when their order is spoiled.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "procedures/runbook.h"

namespace smki::procedures {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ContingencyRunbook : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string path = std::string("runbooks/appendix-l/") + GetParam() + ".yaml";
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    auto loaded = LoadRunbook(text.str(), path);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    runbook_ = *std::move(loaded);
  }
  Step& At(const std::string& id) { return const_cast<Step&>(*runbook_.Find(id)); }
  std::string Findings() const {
    std::string out;
    for (const LintFinding& finding : Lint(runbook_)) out += finding.message + "\n";
    return out;
  }
  Runbook runbook_;
};

TEST_P(ContingencyRunbook, IsInOrder) {
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_P(ContingencyRunbook, NothingIsDirectedWithoutTheNewHierarchy) {
  At("accept-hierarchy").action = "evidence.report";
  At("accept-hierarchy").with.clear();
  EXPECT_THAT(Findings(), HasSubstr("without the new hierarchy from its witnessed key ceremonies"));
}

TEST_P(ContingencyRunbook, TheOldPairIsNeverAskedForAfterItsEnd) {
  Step& again = At("close-key");
  again.kind = StepKind::kCeremony;
  again.action = "keyguard.prepare";
  EXPECT_THAT(Findings(), HasSubstr("'close-key': starts after the end of the old contingency pair"));
}

TEST_P(ContingencyRunbook, ThePairIsNotEndedBeforeTheDevicesHaveProvenTheReplacement) {
  At("canary").action = "keyguard.destroy";
  At("canary").with.clear();
  EXPECT_THAT(Findings(), HasSubstr("'canary': starts without the replacement proven by the Devices"));
}

TEST_P(ContingencyRunbook, WithoutItsClosingTheKeysStayOpenWhereTheTeamStops) {
  At("close-key").action = "evidence.report";
  EXPECT_THAT(Findings(), HasSubstr("opens the key, and on this way nothing closes it"));
}

INSTANTIATE_TEST_SUITE_P(InEitherOrder, ContingencyRunbook, ::testing::Values("contingency", "contingency-prepared"));

}  // namespace
}  // namespace smki::procedures
