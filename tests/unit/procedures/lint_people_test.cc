#include "procedures/lint_people.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample.h"

namespace smki::procedures {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LintPeopleTest : public ::testing::Test {
 protected:
  LintPeopleTest() { policy_.allowed = {{runbook_.id, runbook_.digest, runbook_.key, {runbook_.mode}}}; }
  std::string Findings() {
    std::string out;
    for (const LintFinding& finding : LintPeople(runbook_, policy_)) {
      EXPECT_TRUE(finding.error);
      out += finding.message + "\n";
    }
    return out;
  }
  Person& At(const std::string& id) {
    for (Person& person : policy_.persons) {
      if (person.id == id) return person;
    }
    std::abort();
  }
  Runbook runbook_ = test::MethodThree();
  TrustPolicy policy_ = test::SamplePolicy();
};

TEST_F(LintPeopleTest, APolicyWithPeopleForEveryStepHasNoFinding) {
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(LintPeopleTest, ARunbookThatThePolicyDoesNotAllowIsSaid) {
  policy_.allowed[0].modes = {"anyByContingency"};
  EXPECT_THAT(Findings(), HasSubstr("does not allow this runbook the recovery key"));
}

TEST_F(LintPeopleTest, AStepThatNobodyMayPerformIsSaid) {
  for (Person& person : policy_.persons) std::erase(person.roles, "incident-operator");
  EXPECT_THAT(Findings(),
              HasSubstr("'confirm-compromise': nobody may perform it: no person has the role incident-operator"));
}

TEST_F(LintPeopleTest, ADirectionThatTooFewCouldApproveIsSaid) {
  policy_.approvals_needed = policy_.seats.size() + 1;
  EXPECT_THAT(Findings(), HasSubstr("'direction': requested by leo, only"));
}

TEST_F(LintPeopleTest, AKeyWithoutAQuorumOfCustodiansIsSaid) {
  for (KeyCustody& key : policy_.keys) key.threshold = key.custodians.size() + 1;
  EXPECT_THAT(Findings(), HasSubstr("custodians needed are free to open the recovery key"));
  policy_.keys.clear();
  EXPECT_THAT(Findings(), HasSubstr("names no custodians of the recovery key"));
}

TEST_F(LintPeopleTest, WhoAloneCanLeadPresentsNoShareWhereThatConflicts) {
  const KeyCustody& custody = *policy_.FindKey("recovery");
  const std::string custodian = custody.custodians[0].person;
  for (KeyCustody& key : policy_.keys) key.threshold = key.custodians.size();
  EXPECT_THAT(Findings(), IsEmpty());
  for (Person& person : policy_.persons) std::erase(person.roles, "incident-lead");
  At(custodian).roles.push_back("incident-lead");
  policy_.conflicts.push_back({"incident-lead", "key-custodian"});
  EXPECT_THAT(Findings(), HasSubstr("custodians needed are free to open the recovery key"));
}

}  // namespace
}  // namespace smki::procedures
