// Where the core takes its randomness from.
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace smki {

class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<uint8_t> out) = 0;

  Bytes Take(size_t count) {
    Bytes out(count);
    Fill(out);
    return out;
  }
  // Uniform in [0, bound), bound > 0.
  uint64_t Below(uint64_t bound);
};

// The kernel's generator. Ends the process if the kernel gives none. Any thread.
Random& SystemRandom();

// Reproducible, for layouts, orders and tests; never for keys, nonces or PINs. Not thread-safe.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(std::span<uint8_t> out) override;

 private:
  uint64_t state_;
};

}  // namespace smki
