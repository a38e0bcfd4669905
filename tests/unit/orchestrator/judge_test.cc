#include "orchestrator/campaign/judge.h"

#include <gtest/gtest.h>

#include <functional>

namespace smki::orchestrator {
namespace {

const Eui64 kOrganisation(0x90B3D51F30010000);

GroupIntent Intent() {
  GroupIntent intent;
  intent.cells = {{*gbcs::TrustAnchorCell::Parse("supplier/digitalSignature"), {1}, kOrganisation},
                  {*gbcs::TrustAnchorCell::Parse("supplier/keyAgreement"), {2}, kOrganisation}};
  return intent;
}

gbcs::ExecutionOutcome AsIntended() {
  gbcs::ExecutionOutcome outcome;
  for (const GroupIntent::Cell& cell : Intent().cells) {
    gbcs::ReplacementOutcome one;
    one.cell = cell.cell;
    one.replacing_ski = cell.key;
    one.replacing_eui = cell.organisation;
    outcome.outcomes.push_back(one);
  }
  return outcome;
}

struct Case {
  const char* name;
  std::function<void(gbcs::ExecutionOutcome&)> change;
  ledger::DeviceOutcome outcome;
  const char* reason;
};

TEST(Judge, I6_RecoveredOnlyIfEveryInScopeCellHoldsTheIntendedKey) {
  using ledger::DeviceOutcome;
  const Case cases[] = {
      {"as intended", [](auto&) {}, DeviceOutcome::kRecovered, ""},
      {"one failed",
       [](auto& o) {
         o.outcomes[1].status = gbcs::StatusCode::kBadCertificate;
         o.outcomes[1].replacing_ski = {9};
       },
       DeviceOutcome::kHalfReplaced, "cell-badCertificate"},
      {"success, but the key before", [](auto& o) { o.outcomes[0].replacing_ski = {9}; }, DeviceOutcome::kHalfReplaced,
       "cell-other-key"},
      {"success, but another organisation's", [](auto& o) { o.outcomes[0].replacing_eui = Eui64(7); },
       DeviceOutcome::kHalfReplaced, "cell-other-key"},
      {"one not reported", [](auto& o) { o.outcomes.pop_back(); }, DeviceOutcome::kHalfReplaced, "cell-not-reported"},
      {"one reported twice", [](auto& o) { o.outcomes.push_back(o.outcomes[0]); }, DeviceOutcome::kHalfReplaced,
       "cell-reported-twice"},
      {"one beyond the directed",
       [](auto& o) {
         o.outcomes.push_back(o.outcomes[0]);
         o.outcomes.back().cell.role = gbcs::Role::kNetworkOperator;
       },
       DeviceOutcome::kHalfReplaced, "cell-out-of-scope"},
      {"nothing reported", [](auto& o) { o.outcomes.clear(); }, DeviceOutcome::kRefused, "cell-not-reported"},
  };
  for (const Case& one : cases) {
    gbcs::ExecutionOutcome outcome = AsIntended();
    one.change(outcome);
    const Judgement judgement = Judge(Intent(), outcome);
    EXPECT_EQ(judgement.outcome, one.outcome) << one.name;
    EXPECT_EQ(judgement.reason, one.reason) << one.name;
  }
}

}  // namespace
}  // namespace smki::orchestrator
