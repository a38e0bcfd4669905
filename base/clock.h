// Where the core takes its time from. Every reading is monotonic only as far as the source is: who needs
// "never backwards" (signer, ledger) keeps its own newest time and refuses (I10).
#pragma once

#include "base/time.h"

namespace smki {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual UtcTime Now() = 0;
  // Time since an arbitrary start that goes on during suspend and cannot be set (CLOCK_BOOTTIME).
  virtual std::chrono::nanoseconds SinceBoot() = 0;
};

// The machine's clock. Any thread.
Clock& SystemClock();

// Time that moves only when told to.
class ManualClock : public Clock {
 public:
  explicit ManualClock(UtcTime start) : now_(start) {}
  UtcTime Now() override { return now_; }
  std::chrono::nanoseconds SinceBoot() override { return boot_; }
  void Advance(std::chrono::nanoseconds by) {
    boot_ += by;
    now_.ms = now_.ms + std::chrono::duration_cast<Millis>(by).count();
  }
  // Sets the wall clock only, as an attacker or a broken time server would.
  void SetWall(UtcTime now) { now_ = now; }

 private:
  UtcTime now_;
  std::chrono::nanoseconds boot_{0};
};

}  // namespace smki
