// OpenSSL's random numbers from a seed: keys, nonces of signatures, envelopes and serials come out the same every time.
// For the whole process, while it lives; one thread at a time.
#pragma once

#include <cstdint>

namespace smki::simulation {

class SeededOpenssl {
 public:
  explicit SeededOpenssl(uint64_t seed);
  ~SeededOpenssl();
  SeededOpenssl(const SeededOpenssl&) = delete;
};

}  // namespace smki::simulation
