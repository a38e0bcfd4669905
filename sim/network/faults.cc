#include "sim/network/faults.h"

#include "base/random.h"

namespace smki::sim {
namespace {

// Odd constants of SplitMix64: neighbouring Devices and transmissions get unrelated draws.
constexpr uint64_t kDeviceMix = 0xBF58476D1CE4E5B9;
constexpr uint64_t kTransmissionMix = 0x94D049BB133111EB;

bool Happens(Random& random, uint32_t per_mille) {
  return random.Below(1000) < per_mille;
}

}  // namespace

StatusOr<Faults> Faults::Read(const YamlNode& node) {
  SMKI_RETURN_IF_ERROR(
      node.CheckKeys({}, {"seed", "loseCommand", "loseResponse", "duplicateCommand", "duplicateResponse", "delay",
                          "delayTime", "firstCommandLost", "firstResponseLost", "silent"}));
  Faults out;
  if (node.Find("seed") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(out.seed, node.Number("seed", 0, UINT64_MAX));
  }
  const std::pair<const char*, uint32_t*> chances[] = {{"loseCommand", &out.lose_command},
                                                       {"loseResponse", &out.lose_response},
                                                       {"duplicateCommand", &out.duplicate_command},
                                                       {"duplicateResponse", &out.duplicate_response},
                                                       {"delay", &out.delay},
                                                       {"firstCommandLost", &out.first_command_lost},
                                                       {"firstResponseLost", &out.first_response_lost},
                                                       {"silent", &out.silent}};
  for (const auto& [key, chance] : chances) {
    if (node.Find(key) == nullptr) continue;
    SMKI_ASSIGN_OR_RETURN(const uint64_t per_mille, node.Number(key, 0, 1000));
    *chance = static_cast<uint32_t>(per_mille);
  }
  if (node.Find("delayTime") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(out.delay_time, node.Duration("delayTime"));
  }
  return out;
}

Fate FateOf(const Faults& faults, Eui64 device, uint64_t transmission) {
  Fate fate;
  // Drawn in a fixed order, so that turning one fault on or off leaves the others where they were.
  SeededRandom of_device(faults.seed ^ device.value() * kDeviceMix);
  const bool first_command_lost = Happens(of_device, faults.first_command_lost);
  const bool first_response_lost = Happens(of_device, faults.first_response_lost);
  const bool silent = Happens(of_device, faults.silent);
  SeededRandom of_this(faults.seed ^ device.value() * kDeviceMix ^ (transmission + 1) * kTransmissionMix);
  fate.command_lost = Happens(of_this, faults.lose_command);
  fate.response_lost = Happens(of_this, faults.lose_response);
  fate.command_duplicated = Happens(of_this, faults.duplicate_command);
  fate.response_duplicated = Happens(of_this, faults.duplicate_response);
  if (Happens(of_this, faults.delay)) fate.delay = faults.delay_time;
  if (silent || (transmission == 0 && first_command_lost)) fate.command_lost = true;
  if (transmission == 0 && first_response_lost) fate.response_lost = true;
  return fate;
}

}  // namespace smki::sim
