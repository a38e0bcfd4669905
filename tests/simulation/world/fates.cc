#include "tests/simulation/world/fates.h"

#include <fmt/format.h>

#include "base/status.h"

namespace smki::simulation {
namespace {

struct FaultKind {
  std::string_view name;
  // Per million opportunities when it is frequent; how often it may strike in one run.
  uint32_t frequent, most;
};

// Opportunities differ by orders of magnitude: a disk is written thousands of times, a person acts thirty times.
constexpr std::array<FaultKind, kFaults> kKinds = {{
    {"kill", 8'000, 8},
    {"power-cut", 8'000, 8},
    {"sync-fails", 4'000, 3},
    {"disk-full", 4'000, 4},
    {"slow-disk", 20'000, 30},
    {"flipped-bit", 20'000, 4},
    {"request-lost", 50'000, 60},
    {"reply-lost", 50'000, 60},
    {"request-twice", 50'000, 60},
    {"delayed", 100'000, 200},
    {"stream-broken", 50'000, 12},
    {"partition", 10'000, 4},
    {"session-dies", 10'000, 4},
    {"token-vanishes", 5'000, 3},
    {"token-fails", 10'000, 6},
    {"clock-jumps", 60'000, 3},
    {"command-lost", 300'000, 1'000},
    {"response-lost", 300'000, 1'000},
    {"command-twice", 200'000, 1'000},
    {"response-twice", 200'000, 1'000},
    {"response-late", 200'000, 1'000},
    {"device-silent", 150'000, 1'000},
    {"person-late", 100'000, 6},
    {"person-absent", 100'000, 3},
    {"person-wrong", 200'000, 12},
    {"person-twice", 200'000, 12},
    {"person-malicious", 200'000, 12},
    {"intruder", 500'000, 40},
    {"halt", 150'000, 2},
}};

constexpr uint64_t kMillion = 1'000'000;

// SplitMix64's finaliser (Steele, Lea, Flood 2014).
uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// FNV-1a: only to tell places apart.
uint64_t HashOf(std::string_view text) {
  uint64_t out = 0xcbf29ce484222325ull;
  for (const char c : text) out = (out ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
  return out;
}

uint64_t Roll(uint64_t seed, std::string_view what, std::string_view place, uint64_t turn) {
  return Mix(Mix(Mix(seed + 0x9E3779B97F4A7C15ull) ^ HashOf(what)) ^ HashOf(place) ^ Mix(turn + 1));
}

}  // namespace

std::string_view Name(Fault fault) {
  return kKinds[static_cast<size_t>(fault)].name;
}

std::optional<Fault> FaultNamed(std::string_view name) {
  for (size_t i = 0; i < kFaults; ++i) {
    if (kKinds[i].name == name) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

std::string Strike::Id() const {
  return fmt::format("{}@{}#{}", Name(fault), place, turn);
}

Fates::Fates(uint64_t seed, bool quiet) : seed_(seed) {
  for (size_t i = 0; i < kFaults; ++i) {
    const uint64_t roll = Roll(seed, "temper", kKinds[i].name, 0);
    left_[i] = kKinds[i].most;
    // Off in half of the seeds; else from a hundredth of frequent up to frequent, evenly on a logarithmic scale.
    if (quiet || roll % 2 == 0) continue;
    const uint64_t down = (roll >> 8) % 7;  // halvings
    rates_[i] = std::max<uint32_t>(1, kKinds[i].frequent >> down);
  }
}

std::string Fates::Temper() const {
  std::string out;
  for (size_t i = 0; i < kFaults; ++i) {
    if (rates_[i] > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", kKinds[i].name, rates_[i]);
  }
  return out.empty() ? "nothing goes wrong" : out;
}

uint64_t Fates::Turn(std::string_view what, std::string_view place) {
  key_.assign(what);
  key_ += '@';
  key_ += place;
  const auto found = turns_.find(key_);
  if (found == turns_.end()) {
    turns_.emplace(key_, 1);
    return 0;
  }
  return found->second++;
}

bool Fates::Strikes(Fault fault, std::string_view place) {
  const auto i = static_cast<size_t>(fault);
  if (stopped_ || rates_[i] == 0) return false;
  const uint64_t turn = Turn(Name(fault), place);
  if (Roll(seed_, Name(fault), place, turn) % kMillion >= rates_[i]) return false;
  Strike strike{fault, std::string(place), turn, now_, during_};
  if (only_) {
    if (!only_->contains(strike.Id())) return false;
  } else if (left_[i]-- == 0) {
    left_[i] = 0;
    return false;
  }
  strikes_.push_back(std::move(strike));
  return true;
}

uint32_t Fates::Lent(Fault fault, std::string_view place) {
  const uint32_t rate = rates_[static_cast<size_t>(fault)];
  if (rate == 0 || stopped_) return 0;
  const Strike strike{fault, std::string(place), 0, now_, "action"};
  if (only_ && !only_->contains(strike.Id())) return 0;
  strikes_.push_back(strike);
  return rate;
}

uint64_t Fates::Draw(std::string_view place, uint64_t bound) {
  SMKI_CHECK(bound > 0);
  return Roll(seed_, "draw", place, Turn("draw", place)) % bound;
}

uint64_t Fates::SeedFor(std::string_view place) const {
  return Roll(seed_, "seed", place, 0);
}

}  // namespace smki::simulation
