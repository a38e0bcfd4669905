#include "procedures/model_check.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_set>

#include "procedures/facts.h"

namespace smki::procedures {
namespace {

// How a step ended, as one octet of a way: a decide step's choice is kDone + its number.
constexpr char kWaiting = 0, kSkipped = 1, kFailed = 2, kDone = 3;

// The rules, each found at most once for each step.
enum class Rule { kFacts, kKeyLeftOpen, kDeadEnd };

class Checker {
 public:
  Checker(const Runbook& runbook, size_t most) : runbook_(runbook), most_(most), steps_(runbook.steps.size()) {
    for (size_t s = 0; s < steps_.size(); ++s) Prepare(s);
    for (size_t s = 0; s < steps_.size(); ++s) FindDependents(s);
  }

  std::vector<LintFinding> Run() {
    Add({std::string(steps_.size(), kWaiting), {}}, {0, kNobody, 0});
    // In the order of their length, so that the first story of a fault is a shortest one.
    for (size_t at = 0; at < origins_.size(); ++at) {
      if (origins_.size() > most_) {
        findings_.push_back({true,
                             1,
                             fmt::format("more than {} ways through it: nobody can oversee them; order its steps by "
                                         "requires, or make two runbooks of it",
                                         most_),
                             {}});
        return std::move(findings_);
      }
      Extend(at);
    }
    for (size_t s = 0; s < steps_.size(); ++s) {
      if (!steps_[s].started) Find(Rule::kDeadEnd, s, "is started on no way: it can never happen", {});
    }
    return std::move(findings_);
  }

 private:
  static constexpr uint16_t kNobody = UINT16_MAX;

  struct Prepared {
    const Step* step;
    Effects effects;
    std::vector<size_t> requires_;
    std::vector<std::pair<size_t, char>> when;  // step, how it must have ended
    std::vector<char> ends;                     // how it can end
    std::vector<bool> before;                   // of each step: whether it comes after this one
    std::vector<size_t> dependents;             // steps whose order relative to this one matters, and is not fixed
    bool started = false;
  };
  struct Way {
    std::string ends;  // of each step
    Facts facts;
  };
  // How a way came to be: from another one, by the end of a step.
  struct Origin {
    uint32_t way;
    uint16_t step;
    char end;
  };

  size_t IndexOf(const std::string& id) const { return static_cast<size_t>(runbook_.Find(id) - runbook_.steps.data()); }
  char EndOf(const Step& step, const std::string& outcome) const {
    const auto at = std::find(step.choices.begin(), step.choices.end(), outcome);
    return static_cast<char>(kDone + (step.choices.empty() ? 0 : at - step.choices.begin()));
  }

  void Prepare(size_t s) {
    const Step& step = runbook_.steps[s];
    Prepared& at = steps_[s];
    at.step = &step;
    at.effects = EffectsOf(runbook_, step);
    for (const std::string& id : step.requires_) at.requires_.push_back(IndexOf(id));
    for (const auto& [id, outcome] : step.when) at.when.push_back({IndexOf(id), EndOf(*runbook_.Find(id), outcome)});
    PrepareEnds(step, at.ends);
    const bool acts = step.kind != StepKind::kAttest && step.kind != StepKind::kDecide;
    if (step.on_failure == "deviate") {
      at.ends.push_back(kSkipped);
    } else if (acts && !at.effects.ends.Has(Fact::kKeyOpen)) {
      // A key that cannot be closed closes by itself when its activation ends (I5).
      at.ends.push_back(kFailed);
    }
  }

  // Choices that no `when` tells apart are one.
  void PrepareEnds(const Step& step, std::vector<char>& ends) const {
    bool other = false;
    for (size_t i = 0; i < std::max<size_t>(step.choices.size(), 1); ++i) {
      const auto asks = [&](const Step& s) {
        const auto when = s.when.find(step.id);
        return when != s.when.end() && !step.choices.empty() && when->second == step.choices[i];
      };
      const bool matters = std::any_of(runbook_.steps.begin(), runbook_.steps.end(), asks);
      if (matters || !other) ends.push_back(static_cast<char>(kDone + i));
      other = other || !matters;
    }
  }

  // Whether a and b, in one order or the other, may come to something else.
  static bool Depend(const Effects& a, const Effects& b) {
    const auto reads = [](const Effects& e) { return e.needs | e.needs_one_of | e.forbids; };
    const auto touches = [&](const Effects& x, const Effects& y) {
      return (x.makes | x.ends).Meets(reads(y)) || x.makes.Meets(y.ends);
    };
    return touches(a, b) || touches(b, a);
  }
  void FindDependents(size_t s) {
    std::vector<bool>& after = steps_[s].before;
    after.assign(steps_.size(), false);
    for (bool more = true; more;) {
      more = false;
      for (size_t t = 0; t < steps_.size(); ++t) {
        if (after[t]) continue;
        const auto follows = [&](size_t r) { return r == s || after[r]; };
        if (!std::any_of(steps_[t].requires_.begin(), steps_[t].requires_.end(), follows)) continue;
        after[t] = more = true;
      }
    }
    for (size_t t = 0; t < steps_.size(); ++t) {
      if (t != s && !after[t] && Depend(steps_[s].effects, steps_[t].effects)) steps_[s].dependents.push_back(t);
    }
  }

  // Ways lie one behind the other: there may be a million.
  size_t SizeOfOne() const { return steps_.size() + sizeof(uint32_t); }
  std::string_view OctetsOf(size_t at) const { return {ways_.data() + at * SizeOfOne(), SizeOfOne()}; }
  Way WayAt(size_t at) const {
    const std::string_view octets = OctetsOf(at);
    uint32_t facts;
    std::memcpy(&facts, octets.data() + steps_.size(), sizeof facts);
    return {std::string(octets.substr(0, steps_.size())), Facts::FromBits(facts)};
  }
  void Add(const Way& way, Origin origin) {
    const uint32_t facts = way.facts.bits();
    ways_ += way.ends;
    ways_.append(reinterpret_cast<const char*>(&facts), sizeof facts);
    if (known_.insert(origins_.size()).second) {
      origins_.push_back(origin);
    } else {
      ways_.resize(ways_.size() - SizeOfOne());
    }
  }

  bool IsReady(const Way& way, size_t s) const {
    return way.ends[s] == kWaiting &&
           std::all_of(steps_[s].requires_.begin(), steps_[s].requires_.end(),
                       [&](size_t r) { return way.ends[r] != kWaiting && way.ends[r] != kFailed; });
  }

  void Extend(size_t at) {
    const Way way = WayAt(at);
    std::vector<size_t> ready;
    for (size_t s = 0; s < steps_.size(); ++s) {
      if (IsReady(way, s)) ready.push_back(s);
    }
    if (ready.empty()) return End(way, at);
    // One that lacks something waits; what others make may still come.
    std::erase_if(ready, [&](size_t s) { return !MayStart(way, at, s); });
    // One that no other waiting step has to do with can go first: the others find the same facts after it.
    const auto alone = std::find_if(ready.begin(), ready.end(), [&](size_t s) {
      const auto& others = steps_[s].dependents;
      return std::none_of(others.begin(), others.end(), [&](size_t t) { return way.ends[t] == kWaiting; });
    });
    if (alone != ready.end()) return Start(way, at, *alone);
    for (const size_t s : ready) Start(way, at, s);
  }

  // Whether a step that is ready has what it needs; if not, that is a finding.
  bool MayStart(const Way& way, size_t at, size_t s) {
    const std::string unmet = Unmet(steps_[s].effects, way.facts);
    if (unmet.empty()) return true;
    Find(Rule::kFacts, s, "starts " + unmet, StoryTo(at, s));
    return false;
  }

  void Start(const Way& way, size_t at, size_t s) {
    Prepared& step = steps_[s];
    const Effects& effects = step.effects;
    step.started = true;
    for (const char end : step.ends) {
      Way next = way;
      if (end >= kDone) next.facts = next.facts.Without(effects.ends) | effects.makes;
      next.ends[s] = end;
      SkipWhatThatRulesOut(next);
      Add(next, {static_cast<uint32_t>(at), static_cast<uint16_t>(s), end});
    }
  }

  // As the machine does: whose `when` is not met any more, or hangs on one that is skipped.
  void SkipWhatThatRulesOut(Way& way) const {
    const auto ruled_out = [&](const std::pair<size_t, char>& when) {
      const char end = way.ends[when.first];
      return end == kSkipped || (end >= kDone && end != when.second);
    };
    for (bool more = true; more;) {
      more = false;
      for (size_t s = 0; s < steps_.size(); ++s) {
        const auto& when = steps_[s].when;
        if (way.ends[s] != kWaiting || std::none_of(when.begin(), when.end(), ruled_out)) continue;
        way.ends[s] = kSkipped;
        more = true;
      }
    }
  }

  // Nothing can be started any more.
  void End(const Way& way, size_t at) {
    if (way.facts.Has(Fact::kKeyOpen)) {
      const size_t opened = Last(at, [&](size_t s) { return steps_[s].effects.makes.Has(Fact::kKeyOpen); });
      Find(Rule::kKeyLeftOpen, opened, "opens the key, and on this way nothing closes it", StoryOf(at));
    }
    if (way.ends.find(kFailed) != std::string::npos) return;  // the incident can be closed
    const size_t waiting = way.ends.find(kWaiting);
    if (waiting != std::string::npos) Find(Rule::kDeadEnd, waiting, "waits for ever: this way has no end", StoryOf(at));
  }

  template <typename Match>
  size_t Last(size_t at, const Match& match) const {
    for (; origins_[at].step != kNobody; at = origins_[at].way) {
      if (match(origins_[at].step)) return origins_[at].step;
    }
    return 0;
  }

  void Find(Rule rule, size_t s, const std::string& what, std::vector<std::string> story) {
    if (!found_.insert({rule, s}).second) return;
    const Step& step = *steps_[s].step;
    findings_.push_back({true, step.line, fmt::format("step '{}': {}", step.id, what), std::move(story)});
  }

  std::vector<std::string> StoryTo(size_t at, size_t s) const {
    std::vector<std::string> out = StoryOf(at);
    out.push_back(fmt::format("now '{}' can be started", steps_[s].step->id));
    return out;
  }
  // How it came to that, from the beginning.
  std::vector<std::string> StoryOf(size_t at) const {
    std::vector<std::string> out;
    for (; origins_[at].step != kNobody; at = origins_[at].way)
      out.push_back(Sentence(*steps_[origins_[at].step].step, origins_[at].end));
    std::reverse(out.begin(), out.end());
    return out;
  }
  static std::string Sentence(const Step& step, char end) {
    if (end == kSkipped) return fmt::format("'{}' is skipped by a deviation", step.id);
    if (end == kFailed) return fmt::format("'{}' fails, however often it is tried", step.id);
    if (step.kind != StepKind::kDecide) return fmt::format("'{}' is done", step.id);
    return fmt::format("'{}' is decided: {}", step.id, step.choices[static_cast<size_t>(end - kDone)]);
  }

  const Runbook& runbook_;
  const size_t most_;
  std::vector<Prepared> steps_;
  std::string ways_;             // of each the ends of its steps, then its facts
  std::vector<Origin> origins_;  // of each way
  struct HashOfWay {
    const Checker* checker;
    size_t operator()(size_t at) const { return std::hash<std::string_view>()(checker->OctetsOf(at)); }
  };
  struct SameWay {
    const Checker* checker;
    bool operator()(size_t a, size_t b) const { return checker->OctetsOf(a) == checker->OctetsOf(b); }
  };
  std::unordered_set<size_t, HashOfWay, SameWay> known_{0, HashOfWay{this}, SameWay{this}};
  std::set<std::pair<Rule, size_t>> found_;
  std::vector<LintFinding> findings_;
};

}  // namespace

std::vector<LintFinding> ModelCheck(const Runbook& runbook, size_t most) {
  return Checker(runbook, most).Run();
}

}  // namespace smki::procedures
