#include "procedures/policy.h"

#include <gtest/gtest.h>

#include <functional>

#include "sample.h"

namespace smki::procedures {
namespace {

using test::Filled;
using test::Now;
using test::SampleDirection;
using test::SamplePolicy;

TEST(Policy, ReadsBackWhatItWrites) {
  const std::string text = RenderPolicy(SamplePolicy());
  const auto parsed = ParsePolicy(text);
  ASSERT_TRUE(parsed.ok()) << Message(parsed.status());
  EXPECT_EQ(RenderPolicy(*parsed), text);
  EXPECT_FALSE(ParsePolicy(text + "\n").ok());
}

TEST(Policy, RetiredKeysStandThereOnlyIfThereAreSome) {
  TrustPolicy policy = SamplePolicy();
  const std::string without = RenderPolicy(policy);
  EXPECT_EQ(without.find("retired"), std::string::npos);
  policy.retired = {"0123456789abcdef", "fedcba9876543210"};
  const std::string text = RenderPolicy(policy);
  const auto parsed = ParsePolicy(text);
  ASSERT_TRUE(parsed.ok()) << Message(parsed.status());
  EXPECT_EQ(parsed->retired, policy.retired);
  std::string empty = without;
  empty.insert(empty.find("allowed:"), "retired: []\n");
  EXPECT_FALSE(ParsePolicy(empty).ok()) << "one content, one text";
}

TEST(Policy, WithoutAChairNoLineSpeaksOfOne) {
  TrustPolicy policy = SamplePolicy();
  policy.chair.reset();
  const std::string text = RenderPolicy(policy);
  EXPECT_EQ(text.find("chair:"), std::string::npos) << "policies older than the Chair keep their digest";
  ASSERT_TRUE(ParsePolicy(text).ok());
  EXPECT_EQ(ParsePolicy(text)->chair, std::nullopt);
}

TEST(Policy, RefusesEveryBrokenRuleByName) {
  using Spoil = std::function<void(TrustPolicy&)>;
  const struct {
    Spoil spoil;
    const char* says;
  } kCases[] = {
      {[](TrustPolicy& p) { p.version = 0; }, "version"},
      {[](TrustPolicy& p) { p.version = 2; }, "previous"},
      {[](TrustPolicy& p) { p.previous = Filled(1); }, "previous"},
      {[](TrustPolicy& p) { p.environment.kind = "live"; }, "environment.kind"},
      {[](TrustPolicy& p) { p.persons.push_back(p.persons[0]); }, "person ann is defined twice"},
      {[](TrustPolicy& p) { p.persons[0].roles.clear(); }, "has no role"},
      {[](TrustPolicy& p) { p.persons[0].roles.push_back("king"); }, "unknown role king"},
      {[](TrustPolicy& p) { p.persons[0].roles.push_back("pma-member"); }, "twice"},
      {[](TrustPolicy& p) { p.seats.resize(1); }, "number of seats"},
      {[](TrustPolicy& p) { p.approvals_needed = 1; }, "approvals.needed"},
      {[](TrustPolicy& p) { p.approvals_needed = 7; }, "approvals.needed"},
      {[](TrustPolicy& p) { p.withdrawals_needed = 0; }, "withdrawalsNeeded"},
      {[](TrustPolicy& p) { p.withdrawals_needed = 7; }, "withdrawalsNeeded"},
      {[](TrustPolicy& p) { p.seats[1].name = p.seats[0].name; }, "defined twice"},
      {[](TrustPolicy& p) { p.seats[1].member = "nobody"; }, "no person nobody"},
      {[](TrustPolicy& p) { p.seats[1].member = "leo"; }, "does not have the role pma-member"},
      {[](TrustPolicy& p) { p.seats[1].member = "ann"; }, "already has a seat"},
      {[](TrustPolicy& p) { p.seats[0].alternates = {"nobody"}; }, "no person nobody"},
      {[](TrustPolicy& p) { p.seats[0].alternates = {"bob"}; }, "does not have the role pma-alternate"},
      {[](TrustPolicy& p) { p.seats[1].alternates = {"alt"}; }, "already has a seat"},
      {[](TrustPolicy& p) { p.persons[6].organisation = "org-a"; }, "member's own organisation"},
      {[](TrustPolicy& p) { p.chair = "nobody"; }, "chair: no person nobody"},
      {[](TrustPolicy& p) { p.chair = "leo"; }, "chair: leo does not have the role pma-chair"},
      {[](TrustPolicy& p) {
         p.chair = "eve";
         p.persons[4].roles.push_back("pma-chair");
       },
       "chair: eve already has a seat"},
      {[](TrustPolicy& p) {
         p.chair = "alt";
         p.persons[6].roles.push_back("pma-chair");
       },
       "chair: alt already has a seat"},
      {[](TrustPolicy& p) { p.keys[0].key = "master"; }, "keys are recovery"},
      {[](TrustPolicy& p) { p.keys.push_back(p.keys[0]); }, "defined twice"},
      {[](TrustPolicy& p) {
         p.keys.push_back(p.keys[0]);
         p.keys[1].key = "contingency";
       },
       "holds another key already"},
      {[](TrustPolicy& p) { p.keys[0].custodians.resize(1); }, "custodians"},
      {[](TrustPolicy& p) { p.keys[0].threshold = 1; }, "threshold"},
      {[](TrustPolicy& p) { p.keys[0].threshold = 4; }, "threshold"},
      {[](TrustPolicy& p) { p.keys[0].custodians[0].person = "leo"; }, "does not have the role key-custodian"},
      {[](TrustPolicy& p) { p.keys[0].custodians[0].person = "kay"; }, "holds two shares"},
      {[](TrustPolicy& p) { p.keys[0].custodians[0].index = 2; }, "index 2 is given twice"},
      {[](TrustPolicy& p) { p.keys[0].custodians[0].index = 0; }, "share index of kim"},
      {[](TrustPolicy& p) { p.keys[0].custodians[0].index = 256; }, "share index of kim"},
      {[](TrustPolicy& p) { p.allowed[0].modes.clear(); }, "no mode"},
      {[](TrustPolicy& p) { p.allowed[0].modes.push_back("anyByContingency"); }, "has no mode anyByContingency"},
      {[](TrustPolicy& p) { p.retired = {"0123456789ABCDEF"}; }, "no key identifier of 8 octets"},
      {[](TrustPolicy& p) { p.retired = {"0123456789abcd"}; }, "no key identifier of 8 octets"},
      {[](TrustPolicy& p) {
         p.retired = {"0123456789abcdef", "0123456789abcdef"};
       },
       "stands twice"},
      {[](TrustPolicy& p) { p.conflicts[0].a = "king"; }, "two different roles"},
      {[](TrustPolicy& p) { p.conflicts[0].a = p.conflicts[0].b; }, "two different roles"},
      {[](TrustPolicy& p) { p.revocation_list_max_age = Millis(0); }, "revocationListMaxAge"},
      {[](TrustPolicy& p) { p.device_authorities.clear(); }, "deviceAuthorities"},
      {[](TrustPolicy& p) { p.keyguard_certificate.bytes.clear(); }, "expected 'keyguard' to be Base64"},
  };
  for (const auto& c : kCases) {
    TrustPolicy p = SamplePolicy();
    c.spoil(p);
    const auto parsed = ParsePolicy(RenderPolicy(p));
    EXPECT_FALSE(parsed.ok()) << c.says;
    EXPECT_NE(Message(parsed.status()).find(c.says), std::string::npos) << Message(parsed.status());
  }
}

TEST(Policy, FindsPersonsSeatsAndKeys) {
  const TrustPolicy p = SamplePolicy();
  EXPECT_EQ(p.SeatOf("ann")->name, "large-supplier-1");
  EXPECT_EQ(p.SeatOf("alt")->name, "large-supplier-1");
  EXPECT_EQ(p.SeatOf("leo"), nullptr);
  EXPECT_EQ(p.FindPerson("nobody"), nullptr);
  EXPECT_TRUE(p.FindPerson("pam")->HasRole("incident-lead"));
  EXPECT_EQ(p.FindKey("recovery")->threshold, 2u);
  EXPECT_EQ(p.FindKey("contingency"), nullptr);
}

TEST(Admission, I1_AnAllowedDirectionInItsValidityIsAdmitted) {
  const Direction d = SampleDirection();
  EXPECT_TRUE(JudgeDirection(SamplePolicy(), d, d.incident, Now()).ok());
  EXPECT_TRUE(JudgeDirection(SamplePolicy(), d, d.incident, d.not_before).ok());
  EXPECT_TRUE(JudgeDirection(SamplePolicy(), d, d.incident, d.not_after).ok());
}

TEST(Admission, I1_EachRuleRefusesWithItsOwnReason) {
  using Spoil = std::function<void(TrustPolicy&, Direction&)>;
  const struct {
    Spoil spoil;
    Reason reason;
  } kCases[] = {
      {[](TrustPolicy&, Direction& d) { d.environment.kind = "production"; }, Reason::kENVIRONMENT_MISMATCH},
      {[](TrustPolicy&, Direction& d) { d.environment.estate = "estate-8"; }, Reason::kENVIRONMENT_MISMATCH},
      {[](TrustPolicy&, Direction& d) { d.incident = "INC-2"; }, Reason::kWRONG_INCIDENT},
      {[](TrustPolicy&, Direction& d) { d.procedure_digest = Filled(6); }, Reason::kPROCEDURE_NOT_ALLOWED},
      {[](TrustPolicy&, Direction& d) { d.procedure = "method-2"; }, Reason::kPROCEDURE_NOT_ALLOWED},
      {[](TrustPolicy&, Direction& d) { d.key = "contingency"; }, Reason::kPROCEDURE_NOT_ALLOWED},
      {[](TrustPolicy&, Direction& d) { d.mode = "anyByContingency"; }, Reason::kPROCEDURE_NOT_ALLOWED},
      {[](TrustPolicy& p, Direction&) { p.allowed.clear(); }, Reason::kPROCEDURE_NOT_ALLOWED},
      {[](TrustPolicy& p, Direction&) { p.keys.clear(); }, Reason::kPOLICY_INCOMPLETE},
      {[](TrustPolicy&, Direction& d) { d.not_before = Now() + Millis(1000); }, Reason::kDIRECTION_NOT_YET_VALID},
      {[](TrustPolicy&, Direction& d) { d.not_after = Now() - Millis(1000); }, Reason::kDIRECTION_EXPIRED},
  };
  for (const auto& c : kCases) {
    TrustPolicy p = SamplePolicy();
    Direction d = SampleDirection();
    c.spoil(p, d);
    const Status status = JudgeDirection(p, d, "INC-2026-0001", Now());
    EXPECT_TRUE(IsRefusal(status, c.reason)) << Message(status);
  }
}

}  // namespace
}  // namespace smki::procedures
