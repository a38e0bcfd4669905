// The linter that proves: each runbook in broken/ has one fault, says which, and is told as a story. And that trying
// steps in one order only loses nothing.
#include "procedures/model_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "procedures/facts.h"
#include "procedures/graph.h"
#include "procedures/words.h"
#include "random_runbook.h"
#include "sample.h"

namespace smki::procedures {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kFolder[] = "tests/unit/procedures/broken/";

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  SMKI_CHECK(file.good());
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}
Runbook Load(const std::string& path) {
  auto runbook = LoadRunbook(TextOf(path), path);
  EXPECT_TRUE(runbook.ok()) << runbook.status();
  return *std::move(runbook);
}
std::vector<std::string> Messages(const std::vector<LintFinding>& findings) {
  std::vector<std::string> out;
  for (const LintFinding& finding : findings) out.push_back(finding.message);
  return out;
}

TEST(ModelCheck, EveryBrokenRunbookIsFoundByItsRule) {
  size_t broken = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string path = entry.path().string(), text = TextOf(path);
    const size_t at = text.find("# finds: ") + 9;
    const std::string finds = text.substr(at, text.find('\n', at) - at);
    const std::vector<LintFinding> findings = Lint(Load(path));
    if (finds == "nothing") {
      EXPECT_THAT(Messages(findings), IsEmpty()) << path;
      continue;
    }
    ++broken;
    ASSERT_FALSE(findings.empty()) << path;
    EXPECT_THAT(Messages(findings), ::testing::Contains(HasSubstr(finds))) << path;
    for (const LintFinding& finding : findings) EXPECT_TRUE(finding.error) << path;
  }
  EXPECT_GE(broken, 16u);
}

TEST(ModelCheck, AFaultIsToldAsAShortestStory) {
  const auto findings = Lint(Load(std::string(kFolder) + "revoked-after-skipped-campaign.yaml"));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].story,
              ElementsAre("'guidance' is decided: direct", "'rebuild' is done", "'lodged' is done",
                          "'direction' is done", "'ceremony' is done", "'campaign' is skipped by a deviation",
                          "'close' is done", "now 'revoke' can be started"));
}

TEST(ModelCheck, AKeyThatStaysOpenIsToldWithWhatFails) {
  const auto findings = Lint(Load(std::string(kFolder) + "stuck-behind-campaign.yaml"));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].story.back(), "'campaign' fails, however often it is tried");
}

TEST(ModelCheck, MoreWaysThanAskedForAreAFinding) {
  const Runbook r = test::MethodThree();
  EXPECT_THAT(ModelCheck(r), IsEmpty());
  EXPECT_THAT(Messages(ModelCheck(r, 10)), ElementsAre(HasSubstr("more than 10 ways through it")));
}

// Every order of every step, without any of the checker's shortcuts: which steps can start without what they need, and
// whether a key can stay open.
class PlainChecker {
 public:
  explicit PlainChecker(const Runbook& runbook) : runbook_(runbook) {}
  std::set<std::string> Run() {
    Go(std::string(runbook_.steps.size(), '.'), {});
    return found_;
  }

 private:
  size_t IndexOf(const std::string& id) const { return static_cast<size_t>(runbook_.Find(id) - &runbook_.steps[0]); }
  // '.' waiting, 's' skipped, 'f' failed, 'a'... done with that choice
  void Go(std::string ends, Facts facts) {
    if (!seen_.insert(ends + std::to_string(facts.bits())).second) return;
    bool any = false;
    for (size_t s = 0; s < ends.size(); ++s) {
      const Step& step = runbook_.steps[s];
      if (ends[s] != '.') continue;
      bool ready = true;
      for (const std::string& id : step.requires_)
        ready = ready && ends[IndexOf(id)] != '.' && ends[IndexOf(id)] != 'F';
      if (!ready) continue;
      any = true;
      const Effects e = EffectsOf(runbook_, step);
      if (!facts.Has(e.needs) || (!e.needs_one_of.empty() && !facts.Meets(e.needs_one_of)) || facts.Meets(e.forbids)) {
        found_.insert(step.id);
        continue;
      }
      for (size_t c = 0; c < std::max<size_t>(1, step.choices.size()); ++c)
        Go(Ended(ends, s, static_cast<char>('a' + c)), facts.Without(e.ends) | e.makes);
      if (step.on_failure == "deviate") {
        Go(Ended(ends, s, 'S'), facts);
      } else if (step.kind != StepKind::kAttest && step.kind != StepKind::kDecide && !e.ends.Has(Fact::kKeyOpen)) {
        Go(Ended(ends, s, 'F'), facts);
      }
    }
    if (!any && facts.Has(Fact::kKeyOpen)) found_.insert("key left open");
  }
  std::string Ended(std::string ends, size_t s, char end) const {
    ends[s] = end;
    for (bool more = true; more;) {
      more = false;
      for (size_t t = 0; t < ends.size(); ++t) {
        if (ends[t] != '.') continue;
        for (const auto& [id, outcome] : runbook_.steps[t].when) {
          const Step& origin = *runbook_.Find(id);
          const char now = ends[IndexOf(id)];
          const bool other =
              now >= 'a' && !origin.choices.empty() && origin.choices[static_cast<size_t>(now - 'a')] != outcome;
          if (now != 'S' && !other) continue;
          ends[t] = 'S';
          more = true;
          break;
        }
      }
    }
    return ends;
  }
  const Runbook& runbook_;
  std::set<std::string> seen_, found_;
};

TEST(ModelCheck, OneOrderOfIndependentStepsFindsWhatEveryOrderFinds) {
  const uint64_t seed =
      std::getenv("SMKI_SEED") != nullptr ? std::strtoull(std::getenv("SMKI_SEED"), nullptr, 10) : 20261121;
  std::mt19937_64 random(seed);
  size_t faulty = 0;
  for (int round = 0; round < 3000; ++round) {
    const Runbook runbook = test::RandomRunbook(random);
    const std::set<std::string> expected = PlainChecker(runbook).Run();
    std::set<std::string> found;
    for (const LintFinding& finding : ModelCheck(runbook)) {
      if (finding.message.find("nothing closes it") != std::string::npos) found.insert("key left open");
      if (finding.message.find("starts without") != std::string::npos)
        found.insert(finding.message.substr(6, finding.message.find('\'', 6) - 6));
    }
    ASSERT_EQ(found, expected) << "SMKI_SEED=" << seed << " round " << round << "\n" << GraphText(runbook);
    faulty += expected.empty() ? 0 : 1;
  }
  EXPECT_GT(faulty, 100u);
  EXPECT_LT(faulty, 2990u);
}

TEST(Graph, DrawsEveryStepAndWhatItWaitsFor) {
  const Runbook r = test::MethodThree();
  const std::string dot = GraphDot(r), text = GraphText(r);
  for (const Step& step : r.steps) {
    EXPECT_THAT(dot, HasSubstr(fmt::format("\"{}\" [shape=", step.id)));
    EXPECT_THAT(text, HasSubstr(" " + step.id + " "));
  }
  EXPECT_THAT(dot, HasSubstr("\"proceed\" -> \"campaign\" [style=dashed, label=\"proceed\"];"));
  EXPECT_THAT(dot, Not(HasSubstr("\"confirm-compromise\" -> \"direction\""))) << "by way of others";
  EXPECT_THAT(text, HasSubstr("if proceed: proceed"));
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) EXPECT_LE(end - at, 120u);
}

}  // namespace
}  // namespace smki::procedures
