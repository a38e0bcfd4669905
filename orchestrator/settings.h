// What the site may tune: sizes, times and limits, none of which can widen what the PMA directs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/eui64.h"
#include "base/time.h"

namespace smki::orchestrator {

struct CampaignSettings {
  uint64_t batch = 256;              // Devices asked for in one Sign call, 1..1024
  uint64_t canary = 25;              // Devices of the first wave
  uint64_t canary_percent = 80;      // of them must be recovered before the main wave
  Millis response_timeout{1000};     // until a command is taken for lost
  uint64_t resends_per_attempt = 1;  // of the same bytes, before the next attempt
  uint64_t window = 2048;            // Devices in flight at most
  uint64_t batches_in_flight = 3;    // Sign calls at a time
};
struct DirectionSettings {
  Millis validity = std::chrono::hours(24 * 7);  // PT1H..P30D
  uint64_t attempts_per_device = 3;
  std::optional<uint64_t> outstanding;  // default: from the population
  uint64_t rate_per_second = 10000;
  // Whose Organisation Certificate the directed key has: the Business Originator ID. GBCS.md 6.1 for the test PKI; the
  // production one is not public.
  Eui64 key_organisation{0x90B3D51F30000001};
  // No certificate names the originator of contingency commands.
  Eui64 contingency_originator{0x70B3D51F300017FF};
  // By GBCS role: the DCC's own organisations, which every Device has cells for.
  std::map<std::string, Eui64> dcc_organisations = {{"recovery", Eui64(0x90B3D51F30000001)},
                                                    {"accessControlBroker", Eui64(0x90B3D51F30000002)},
                                                    {"transitionalCoS", Eui64(0x90B3D51F30000004)},
                                                    {"wanProvider", Eui64(0x90B3D51F30000007)},
                                                    {"loadController", Eui64(0x90B3D51F30010008)}};
};
}  // namespace smki::orchestrator
