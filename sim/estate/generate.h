// A whole estate for a drill, in a new folder (docs/formats/estate.md).
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/status.h"
#include "sim/estate/estate_file.h"

namespace smki::sim {

struct GenerateOptions {
  std::string out;  // a folder that does not exist or is empty
  uint64_t devices = 1000;
  uint64_t bystanders = 0;    // 0: a tenth of the Devices, at least 8
  uint64_t seed = 1;          // fixes layout, names, counts and order; keys are always fresh
  std::string runbooks;       // folder with appendix-l/, whose runbooks the trust policy allows by their digests
  int threads = 2;            // that make Device Certificates
  std::string pkcs11_module;  // that makes the tokens; empty: SoftHSM
  std::function<void(const std::string&)> on_stage;  // may be empty
};

// `random` must serve several threads at once, as SystemRandom() does.
StatusOr<EstateFile> Generate(const GenerateOptions& options, Clock& clock, Random& random);

}  // namespace smki::sim
