#include "tests/simulation/coverage.h"

#include <array>

namespace smki::simulation {
namespace {

// Of procedures::StepKind, and what is not a step: before an incident is open, between steps, and after it is closed.
constexpr std::array<const char*, 8> kKinds = {"attest",   "decide", "action", "direction",
                                               "ceremony", "wait",   "none",   "closed"};

std::vector<std::string> Split(const std::string& kinds) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= kinds.size();) {
    const size_t end = std::min(kinds.find('+', at), kinds.size());
    if (end > at) out.push_back(kinds.substr(at, end - at));
    at = end + 1;
  }
  if (out.empty()) out.emplace_back("none");
  return out;
}

// Faults between gateway and Devices are the gateway's own data and strike only while commands are delivered; people do
// nothing more when an incident is closed, and there is nothing to halt or to steal before a key is directed.
bool CannotMeet(Fault fault, const std::string& kind) {
  switch (fault) {
    case Fault::kCommandLost:
    case Fault::kResponseLost:
    case Fault::kCommandTwice:
    case Fault::kResponseTwice:
    case Fault::kResponseLate:
    case Fault::kDeviceSilent:
      return kind != "action";
    case Fault::kHalt:
      return kind != "action" && kind != "ceremony";
    case Fault::kIntruder:
      return kind == "none" || kind == "direction";
    case Fault::kStreamBroken:  // of responses, and of the journal when the evidence is made
      return kind != "action" && kind != "ceremony" && kind != "closed";
    case Fault::kPersonAbsent:  // members and custodians only: without the team there is no incident
      return kind != "action" && kind != "ceremony" && kind != "direction";
    case Fault::kPersonLate:
    case Fault::kPersonWrong:
    case Fault::kPersonTwice:
    case Fault::kPersonMalicious:
      return kind == "closed" || kind == "wait";
    case Fault::kSessionDies:
    case Fault::kTokenVanishes:
    case Fault::kTokenFails:
      // Nobody uses a token then, unless a process starts.
      return kind == "attest" || kind == "decide" || kind == "wait" || kind == "closed";
    default:
      return false;
  }
}

}  // namespace

void Coverage::Add(const Run& run) {
  for (const Strike& strike : run.strikes) {
    for (const std::string& kind : Split(strike.during)) ++met_[std::string(Name(strike.fault))][kind];
  }
}

std::vector<std::string> Coverage::NeverMet() const {
  std::vector<std::string> out;
  for (size_t i = 0; i < kFaults; ++i) {
    const auto fault = static_cast<Fault>(i);
    const auto row = met_.find(std::string(Name(fault)));
    for (const char* kind : kKinds) {
      if (CannotMeet(fault, kind)) continue;
      if (row == met_.end() || !row->second.contains(kind)) out.push_back(fmt::format("{} x {}", Name(fault), kind));
    }
  }
  return out;
}

std::string Coverage::Table() const {
  std::string out = fmt::format("{:<17}", "");
  for (const char* kind : kKinds) out += fmt::format("{:>10}", kind);
  out += "\n";
  for (size_t i = 0; i < kFaults; ++i) {
    const auto fault = static_cast<Fault>(i);
    const auto row = met_.find(std::string(Name(fault)));
    out += fmt::format("{:<17}", Name(fault));
    for (const char* kind : kKinds) {
      const bool met = row != met_.end() && row->second.contains(kind);
      out += fmt::format("{:>10}", CannotMeet(fault, kind) ? "-" : met ? fmt::format("{}", row->second.at(kind)) : "0");
    }
    out += "\n";
  }
  const std::vector<std::string> never = NeverMet();
  if (never.empty()) return out + "every combination was met\n";
  out += "never met:";
  for (const std::string& one : never) out += " " + one + ";";
  out.back() = '\n';
  return out;
}

}  // namespace smki::simulation
