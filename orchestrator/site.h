// The orchestrator's site file: where things are, never what they are allowed to do (docs/formats/site-files.md).
// Environment and estate are not in it: they come from the trust policy alone (I8).
#pragma once

#include <optional>
#include <string>

#include "base/eui64.h"
#include "base/file.h"
#include "base/time.h"
#include "proto/rpc/channel.h"

namespace smki::orchestrator {

struct CampaignSettings {
  uint64_t batch = 256;               // Devices asked for in one Sign call, 1..1024
  uint64_t canary = 25;               // Devices of the first wave
  uint64_t canary_percent = 80;       // of them must be recovered before the main wave
  Millis response_timeout{1000};      // until a command is taken for lost
  uint64_t resends_per_attempt = 1;   // of the same bytes, before the next attempt
  uint64_t window = 2048;             // Devices in flight at most
  uint64_t batches_in_flight = 3;     // Sign calls at a time
};
struct DirectionSettings {
  Millis validity{0};                 // P1D..P30D
  uint64_t attempts_per_device = 3;
  std::optional<uint64_t> outstanding;   // default: from the population
  uint64_t rate_per_second = 10000;
  Eui64 key_organisation;             // whose certificate the directed key has (Business Originator ID)
};
struct Site {
  std::string listen;
  rpc::TlsFiles tls;
  std::string policy, revocation_list;
  std::string identity_certificate, identity_key;
  std::string data, evidence, runbooks;
  std::string extracts, store;
  std::string keyguard, estate;
  CampaignSettings campaign;
  DirectionSettings direction;
};

// Relative paths are taken from the file's own folder. Errors "FILE:LINE:COLUMN: expected ...".
StatusOr<Site> ReadSite(FileSystem& files, const std::string& path);

}  // namespace smki::orchestrator
