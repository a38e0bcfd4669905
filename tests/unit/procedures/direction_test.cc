#include "procedures/direction.h"

#include <gtest/gtest.h>

#include <functional>

#include "procedures/reason.h"
#include "sample.h"

namespace smki::procedures {
namespace {

using test::Filled;
using test::SampleDirection;

TEST(Direction, ReadsBackWhatItWrites) {
  Direction d = SampleDirection();
  for (const bool with_options : {false, true}) {
    if (with_options) {
      d.groups[0].replacements.insert(d.groups[0].replacements.begin(), {"recovery/digitalSignature", Filled(19)});
      d.groups[0].authorising_floor = 5;
      d.groups[1].floors.clear();
      d.groups[1].time_checks = false;
      d.factors.clear();
    }
    const std::string text = RenderDirection(d);
    const auto parsed = ParseDirection(text);
    ASSERT_TRUE(parsed.ok()) << Message(parsed.status());
    EXPECT_EQ(RenderDirection(*parsed), text);
    EXPECT_TRUE(CheckDirection(d).ok());
    EXPECT_EQ(parsed->groups[0].authorising_floor, d.groups[0].authorising_floor);
    EXPECT_EQ(parsed->groups[1].time_checks, d.groups[1].time_checks);
  }
}

TEST(Direction, AnyEditedTextIsNotCanonical) {
  const std::string text = RenderDirection(SampleDirection());
  for (const std::string& edited : {text + "\n", "# note\n" + text, test::Replaced(text, "count: 500", "count: 0500"),
                                    test::Replaced(text, "\n", "\r\n"), text.substr(0, text.size() - 1), std::string(),
                                    test::Replaced(text, "counters:", "Counters:"), std::string(70000, 'x')}) {
    const auto parsed = ParseDirection(edited);
    EXPECT_TRUE(IsRefusal(parsed.status(), Reason::kDIRECTION_NOT_CANONICAL)) << Message(parsed.status());
    EXPECT_NE(Message(parsed.status()).find("line "), std::string::npos);
  }
}

// Found by tests/fuzz/documents_fuzz.cc: an item of a list without its first line ended the process.
TEST(Direction, ALineThatIsMissingDoubledOrDamagedIsRefusedAndNoMore) {
  const std::string text = RenderDirection(SampleDirection());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin) + 1;
    const std::string line = text.substr(begin, end - begin), before = text.substr(0, begin), after = text.substr(end);
    const std::string damaged[] = {before + after, before + line + line + after, before + "?" + line.substr(1) + after,
                                   before + line.substr(0, line.find(':')) + after};
    for (const std::string& other : damaged) {
      const auto parsed = ParseDirection(other);
      if (parsed.ok()) {
        EXPECT_EQ(RenderDirection(*parsed), other) << "an optional line";
      } else {
        EXPECT_NE(ReasonOf(parsed.status()), "") << Message(parsed.status());
      }
    }
    begin = end;
  }
}

TEST(Direction, IsTheDocumentedText) {
  const std::string text = RenderDirection(SampleDirection());
  EXPECT_TRUE(
      text.starts_with("apiVersion: smki.recovery/v1\n"
                       "kind: Direction\n"
                       "id: DIR-2026-0001\n"
                       "environment:\n"
                       "  kind: drill\n"
                       "  estate: estate-7\n"
                       "incident: INC-2026-0001\n"
                       "ledger:\n"
                       "  sequence: 12\n"))
      << text;
  EXPECT_NE(text.find("    floors:\n"
                      "      - role: supplier\n"
                      "        floor: 7\n"
                      "        prepaymentTopUp: 9\n"
                      "    timeChecks: true\n"
                      "  - name: supplier-a-gpf\n"),
            std::string::npos)
      << text;
}

// One rule a row; each spoils a good Direction and names what the refusal must say.
TEST(Direction, RefusesEveryBrokenRuleByName) {
  using Spoil = std::function<void(Direction&)>;
  const struct {
    Spoil spoil;
    const char* says;
  } kCases[] = {
      {[](Direction& d) { d.id = "X-1"; }, "DIR-"},
      {[](Direction& d) { d.environment.kind = "rehearsal"; }, "environment.kind"},
      {[](Direction& d) { d.nonce = "abc"; }, "nonce"},
      {[](Direction& d) { d.nonce = "00112233445566778899AABBCCDDEEFF"; }, "nonce"},
      {[](Direction& d) { d.key = "symmetric"; }, "key.name"},
      {[](Direction& d) { d.key = "contingency"; }, "mode"},
      {[](Direction& d) { d.mode = "supplierBySupplier"; }, "mode"},
      {[](Direction& d) { d.groups.clear(); }, "groups"},
      {[](Direction& d) { std::swap(d.groups[0], d.groups[1]); }, "increasing order of name"},
      {[](Direction& d) { d.groups[1].name = d.groups[0].name; }, "increasing order of name"},
      {[](Direction& d) {
         const DirectedGroup g = d.groups[0];
         d.groups.clear();
         for (int i = 0; i < 65; ++i) {
           d.groups.push_back(g);
           d.groups.back().name = fmt::format("g{:03}", i);
         }
       },
       "groups must be from 1 to 64"},
      {[](Direction& d) { d.groups[0].population_count = 0; }, "population count"},
      {[](Direction& d) { d.groups[0].replacements.clear(); }, "replacements"},
      {[](Direction& d) { d.groups[0].replacements[1].cell = "supplier/digitalSignature"; },
       "increasing order, each once"},
      {[](Direction& d) { std::swap(d.groups[0].replacements[0], d.groups[0].replacements[1]); },
       "increasing order, each once"},
      {[](Direction& d) { d.groups[0].replacements[0].cell = "supplier/keyCertSign"; }, "no trust anchor cell"},
      {[](Direction& d) { d.groups[0].replacements[0].cell = "supplier"; }, "no trust anchor cell"},
      {[](Direction& d) { d.groups[0].replacements[0].cell = "issuingAuthority/digitalSignature"; },
       "no trust anchor cell"},
      {[](Direction& d) { d.groups[0].replacements[0].cell = "root/digitalSignature"; }, "no trust anchor cell"},
      {[](Direction& d) { d.groups[0].path_certificates.clear(); }, "pathCertificates"},
      {[](Direction& d) {
         d.groups[0].path_certificates = {Filled(1), Filled(2), Filled(3), Filled(4)};
       },
       "pathCertificates"},
      {[](Direction& d) {
         d.groups[0].path_certificates = {Filled(1), Filled(1)};
       },
       "twice"},
      {[](Direction& d) { d.groups[0].floors[0].role = "networkOperator"; }, "no cell of this role is replaced"},
      {[](Direction& d) { d.groups[0].floors.push_back(d.groups[0].floors[0]); }, "given twice"},
      {[](Direction& d) { d.groups[0].floors[0].floor = uint64_t{1} << 63; }, "floor of 'supplier'"},
      {[](Direction& d) { d.groups[0].floors[0].prepayment_top_up = uint64_t{1} << 63; }, "prepaymentTopUp"},
      {[](Direction& d) {
         d.groups[0].replacements.insert(d.groups[0].replacements.begin(), {"networkOperator/keyAgreement", Filled(9)});
         d.groups[0].floors.push_back({"networkOperator", 0, 0});
       },
       "only the supplier"},
      {[](Direction& d) {
         d.groups[0].replacements.insert(d.groups[0].replacements.begin(), {"recovery/digitalSignature", Filled(9)});
         d.groups[0].floors.push_back({"recovery", 0, std::nullopt});
       },
       "recovery and root have no floor"},
      {[](Direction& d) { d.groups[0].authorising_floor = 0; }, "authorisingFloor"},
      {[](Direction& d) {
         d.groups[0].replacements.insert(d.groups[0].replacements.begin(), {"recovery/digitalSignature", Filled(9)});
         d.groups[0].authorising_floor = UINT64_MAX;
       },
       "authorisingFloor"},
      {[](Direction& d) { d.counter_first = 0; }, "counters.first"},
      {[](Direction& d) { d.counter_last = d.counter_first - 1; }, "counters.last"},
      {[](Direction& d) { d.counter_last = uint64_t{1} << 63; }, "counters.last"},
      {[](Direction& d) { d.counter_last = 32768; }, "different lengths"},
      {[](Direction& d) { d.limits.attempts_per_device = 0; }, "attemptsPerDevice"},
      {[](Direction& d) { d.limits.attempts_per_device = 11; }, "attemptsPerDevice"},
      {[](Direction& d) { d.limits.total = 0; }, "limits.total"},
      {[](Direction& d) { d.limits.total = 4001; }, "limits.total"},
      {[](Direction& d) { d.limits.outstanding = 0; }, "limits.outstanding"},
      {[](Direction& d) { d.limits.outstanding = d.limits.total + 1; }, "limits.outstanding"},
      {[](Direction& d) { d.limits.rate_per_second = 0; }, "ratePerSecond"},
      {[](Direction& d) { d.limits.rate_per_second = 1'000'001; }, "ratePerSecond"},
      {[](Direction& d) { d.not_after = d.not_before; }, "notAfter"},
      {[](Direction& d) { d.not_after = d.not_before + std::chrono::hours(24 * 30) + Millis(1000); }, "30 days"},
      {[](Direction& d) { d.factors[1].id = d.factors[0].id; }, "answered twice"},
      {[](Direction& d) {
         for (int i = 0; i < 64; ++i) d.factors.push_back({fmt::format("f{}", i), {}});
       },
       "factors must be"},
  };
  for (const auto& c : kCases) {
    Direction d = SampleDirection();
    c.spoil(d);
    const Status checked = CheckDirection(d);
    EXPECT_TRUE(IsRefusal(checked, Reason::kDIRECTION_MALFORMED)) << c.says;
    EXPECT_NE(Message(checked).find(c.says), std::string::npos) << Message(checked);
    EXPECT_EQ(ParseDirection(RenderDirection(d)).status(), checked) << c.says;
  }
}

TEST(Direction, CountersOfOneLengthUpToTheLastAreGood) {
  Direction d = SampleDirection();
  d.counter_first = 0x80;
  d.counter_last = 0x7FFF;
  EXPECT_TRUE(CheckDirection(d).ok());
  d.counter_first = 0x7F;
  EXPECT_FALSE(CheckDirection(d).ok());
}

TEST(Direction, ADraftThatCannotBeWrittenIsMalformed) {
  Direction d = SampleDirection();
  d.requested_by = "leo the lead";
  EXPECT_TRUE(IsRefusal(CheckDirection(d), Reason::kDIRECTION_MALFORMED));
  d = SampleDirection();
  d.rationale.text = "say \"yes\"";
  EXPECT_TRUE(IsRefusal(CheckDirection(d), Reason::kDIRECTION_MALFORMED));
  d = SampleDirection();
  for (size_t i = 0; i < 60; ++i) d.factors.push_back({fmt::format("f{}", i), {std::string(2000, 'x')}});
  EXPECT_TRUE(IsRefusal(CheckDirection(d), Reason::kDIRECTION_MALFORMED));
}

TEST(Direction, UnderContingencyOnlyANewRootHasAnAuthorisingFloor) {
  Direction d = SampleDirection();
  d.key = "contingency";
  d.mode = "anyByContingency";
  d.originator = Eui64(0x70B3D51F300017FF);
  d.groups[0].replacements.insert(d.groups[0].replacements.begin(), {"recovery/digitalSignature", Filled(9)});
  d.groups[0].authorising_floor = 0;
  EXPECT_TRUE(IsRefusal(CheckDirection(d), Reason::kDIRECTION_MALFORMED));
  d.groups[0].replacements.insert(d.groups[0].replacements.begin() + 1, {"root/keyCertSign", Filled(8)});
  EXPECT_TRUE(CheckDirection(d).ok()) << Message(CheckDirection(d));
}

TEST(Direction, NamesAnOriginatorUnderContingencyAndOnlyThere) {
  Direction d = SampleDirection();
  d.originator = Eui64(0x70B3D51F300017FF);
  EXPECT_TRUE(IsRefusal(CheckDirection(d), Reason::kDIRECTION_MALFORMED));
  d.key = "contingency";
  d.mode = "anyByContingency";
  EXPECT_TRUE(CheckDirection(d).ok()) << Message(CheckDirection(d));
  EXPECT_EQ(ParseDirection(RenderDirection(d))->originator, d.originator);
  d.originator.reset();
  EXPECT_TRUE(IsRefusal(CheckDirection(d), Reason::kDIRECTION_MALFORMED));
}

TEST(Direction, FindsGroupsByName) {
  const Direction d = SampleDirection();
  ASSERT_NE(d.FindGroup("supplier-a-gpf"), nullptr);
  EXPECT_EQ(d.FindGroup("supplier-a-gpf")->device_type, "GPF");
  EXPECT_EQ(d.FindGroup("supplier-b"), nullptr);
}

}  // namespace
}  // namespace smki::procedures
