// Where the core's single thread gets its work from. The core never blocks and never starts a thread; what
// it wants done later or elsewhere it posts here.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/clock.h"

namespace smki {

class Executor {
 public:
  using Task = std::function<void()>;
  using TimerId = uint64_t;

  virtual ~Executor() = default;
  // Runs `task` on the core's thread, in the order of posting. Any thread.
  virtual void Post(Task task) = 0;
  // Runs `task` on the core's thread after `delay`. Core's thread only.
  virtual TimerId PostAfter(Millis delay, Task task) = 0;
  // The task will not run, unless it already has. Core's thread only.
  virtual void Cancel(TimerId id) = 0;
};

// The real one, over Boost.Asio. Run() makes the calling thread the core's thread until Stop().
class AsioExecutor : public Executor {
 public:
  AsioExecutor();
  ~AsioExecutor() override;
  void Post(Task task) override;
  TimerId PostAfter(Millis delay, Task task) override;
  void Cancel(TimerId id) override;
  void Run();
  // Any thread; also from a signal-handling thread.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Virtual time: tasks run only inside RunUntilIdle and Advance, on the caller's thread, in a fixed order.
class ManualExecutor : public Executor {
 public:
  explicit ManualExecutor(ManualClock& clock) : clock_(clock) {}
  void Post(Task task) override;
  TimerId PostAfter(Millis delay, Task task) override;
  void Cancel(TimerId id) override;
  // Runs what is due now, and what that posts, until nothing is due.
  void RunUntilIdle();
  // Moves the clock from timer to timer up to `by` from now, running each.
  void Advance(Millis by);
  bool idle() const { return tasks_.empty(); }

 private:
  ManualClock& clock_;
  uint64_t next_id_ = 1;
  std::map<std::pair<int64_t, TimerId>, Task> tasks_;  // (due in nanoseconds since boot, id)
};

}  // namespace smki
