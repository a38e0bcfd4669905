// I6: what Devices really said, and what follows from it.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/simulation/check/facts.h"

namespace smki::simulation {

class DeviceCheck {
 public:
  explicit DeviceCheck(Facts& facts) : facts_(facts) {}

  // A command arrives: whatever our key signed must have left the keyguard.
  void Arrived(Eui64 device, ByteSpan message);
  void Said(Eui64 device, ByteSpan message);
  bool ReallySaid(Eui64 device, ByteSpan message) const;

  // The Device itself said that every directed cell holds the directed key, in one response to one command of this
  // Direction. `exactly`: and told of each cell once, of no other, and of the directed organisations.
  bool HoldsDirected(const Digest& direction, Eui64 device, bool exactly = false) const;
  // Devices that said so exactly, under Directions of this incident.
  uint64_t Recovered(const std::string& incident) const;
  // What one response says: does it prove, exactly, that the Device is recovered?
  bool Proves(Eui64 device, ByteSpan message, bool exactly) const;

  using Cells = std::map<Eui64, std::map<std::string, Bytes>>;
  // At the end. `recovered`: Direction and Device that were reported.
  void CompareCells(const Cells& before, const Cells& now, const std::set<std::pair<Digest, Eui64>>& recovered) const;

 private:
  Facts& facts_;
  std::set<std::pair<Eui64, Digest>> said_;
  void JudgeNew(Eui64 device) const;

  mutable std::map<Digest, std::set<Eui64>> proven_, proven_exactly_;
  mutable std::map<Eui64, std::vector<Bytes>> unjudged_;  // their command is not known yet
};

}  // namespace smki::simulation
