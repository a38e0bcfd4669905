// The operating system behind Clock and Random.
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/status.h"

namespace smki {
namespace {

class OsClock : public Clock {
 public:
  UtcTime Now() override {
    timespec t{};
    SMKI_CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
    return {t.tv_sec * int64_t{1000} + t.tv_nsec / 1000000};
  }
  std::chrono::nanoseconds SinceBoot() override {
    timespec t{};
    SMKI_CHECK(clock_gettime(CLOCK_BOOTTIME, &t) == 0);
    return std::chrono::nanoseconds(t.tv_sec * int64_t{1000000000} + t.tv_nsec);
  }
};

class OsRandom : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = getrandom(out.data() + done, out.size() - done, 0);
      SMKI_CHECK(n > 0 || errno == EINTR);
      if (n > 0) done += static_cast<size_t>(n);
    }
  }
};

}  // namespace

Clock& SystemClock() {
  static OsClock clock;
  return clock;
}

Random& SystemRandom() {
  static OsRandom random;
  return random;
}

uint64_t Random::Below(uint64_t bound) {
  SMKI_CHECK(bound > 0);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  while (true) {
    uint8_t raw[8];
    Fill(raw);
    uint64_t value = 0;
    for (uint8_t b : raw) value = value << 8 | b;
    if (value < limit) return value % bound;
  }
}

void SeededRandom::Fill(std::span<uint8_t> out) {
  for (size_t i = 0; i < out.size();) {
    // SplitMix64 (Steele, Lea, Flood 2014).
    state_ += 0x9E3779B97F4A7C15ull;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    for (int shift = 56; shift >= 0 && i < out.size(); shift -= 8) out[i++] = static_cast<uint8_t>(z >> shift);
  }
}

}  // namespace smki
