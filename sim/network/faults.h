// What the network between the gateway and the Devices does wrong, as seeded data: the same seed, Device and
// transmission always meet the same fate, before and after a crash.
#pragma once

#include <cstdint>

#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"
#include "base/yaml.h"

namespace smki::sim {

// Chances are per mille.
struct Faults {
  uint64_t seed = 0;
  // Of each transmission.
  uint32_t lose_command = 0;
  uint32_t lose_response = 0;
  uint32_t duplicate_command = 0;  // the Device gets it twice
  uint32_t duplicate_response = 0;
  uint32_t delay = 0;  // the response comes after delay_time
  Millis delay_time{0};
  // Of Devices, fixed for each: the plan for its first transmission, and Devices that are never reached.
  uint32_t first_command_lost = 0;
  uint32_t first_response_lost = 0;
  uint32_t silent = 0;

  // The mapping `faults` of a site file; every key is optional.
  static StatusOr<Faults> Read(const YamlNode& node);
};

struct Fate {
  bool command_lost = false;
  bool response_lost = false;
  bool command_duplicated = false;
  bool response_duplicated = false;
  Millis delay{0};
};

// `transmission` counts the commands sent towards this Device, from 0.
Fate FateOf(const Faults& faults, Eui64 device, uint64_t transmission);

}  // namespace smki::sim
