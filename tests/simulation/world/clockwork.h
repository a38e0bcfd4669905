// Time and turns. One queue of events for the whole world; whoever acts is a Process, which ends and begins again, has
// a wall clock of its own that may be wrong, and a disk that may make it wait.
//
// A process that dies in the midst of an event goes on to the event's end as a ghost: nothing that it does has an
// effect any more (its disk, its messages and its token know). Then it is buried, and whoever keeps it starts the next.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"

namespace smki::simulation {

using Nanos = std::chrono::nanoseconds;

class Clockwork {
 public:
  using Task = std::function<void()>;
  using EventId = std::pair<Nanos, uint64_t>;

  explicit Clockwork(UtcTime start) : start_(start) {}
  Nanos elapsed() const { return now_; }
  // True UTC.
  UtcTime Now() const { return {start_.ms + std::chrono::duration_cast<Millis>(now_).count()}; }
  EventId At(Nanos when, Task task);
  EventId After(Nanos delay, Task task) { return At(now_ + delay, std::move(task)); }
  void Cancel(EventId id) { events_.erase(id); }
  // Runs the next event; false if there is none.
  bool RunNext();
  uint64_t events_run() const { return run_; }

 private:
  friend class Process;
  void Again(EventId id, Nanos when, Task task) { events_.emplace(EventId(when, id.second), std::move(task)); }

  UtcTime start_;
  Nanos now_{0};
  uint64_t next_ = 1;
  uint64_t run_ = 0;
  std::map<EventId, Task> events_;
};

// A process as its own code sees the world: Executor and Clock.
class Process : public Executor, public Clock {
 public:
  Process(Clockwork& clockwork, std::string name) : clockwork_(clockwork), name_(std::move(name)) {}
  const std::string& name() const { return name_; }

  // --- Executor ---
  void Post(Task task) override;
  TimerId PostAfter(Millis delay, Task task) override;
  void Cancel(TimerId id) override;

  // --- Clock: what this process believes ---
  UtcTime Now() override;
  Nanos SinceBoot() override { return kBooted + std::max(clockwork_.elapsed(), busy_until_); }
  void SetWallError(Millis error) { wall_error_ = error; }
  Millis wall_error() const { return wall_error_; }

  // --- Life and death ---
  bool alive() const { return alive_; }
  bool ghost() const { return ghost_; }
  // From here on a new life: what the last one posted is forgotten.
  void Begin();
  // Dies now, in the midst of whatever runs; `bury` runs when the event has ended, or at once if none of this process's
  // is running.
  void Die(const std::string& how, std::function<void()> bury);
  const std::string& died_of() const { return died_of_; }
  // It waits for its disk: its next event runs that much later.
  void Wait(Nanos how_long) { busy_until_ = std::max(busy_until_, clockwork_.elapsed()) + how_long; }
  uint64_t life() const { return life_; }
  // Runs `task` in this process's name, if it is still in this life. For what comes from outside.
  void Deliver(Nanos delay, Task task);

  // Whose event is running; null between events.
  static Process* Running() { return running_; }

 private:
  static constexpr Nanos kBooted = std::chrono::hours(100);
  void Schedule(Clockwork::EventId id, Task task);
  void Enter(Clockwork::EventId id, uint64_t life, Task task);
  void Bury();

  Clockwork& clockwork_;
  const std::string name_;
  bool alive_ = false, ghost_ = false;
  uint64_t life_ = 0;
  uint64_t next_timer_ = 1;
  std::map<TimerId, Clockwork::EventId> timers_;
  Nanos busy_until_{0};
  Millis wall_error_{0};
  std::string died_of_;
  std::function<void()> bury_;
  static Process* running_;
};

}  // namespace smki::simulation
