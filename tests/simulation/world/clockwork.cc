#include "tests/simulation/world/clockwork.h"

#include "base/status.h"

namespace smki::simulation {

Process* Process::running_ = nullptr;

Clockwork::EventId Clockwork::At(Nanos when, Task task) {
  const EventId id(std::max(when, now_), next_++);
  events_.emplace(id, std::move(task));
  return id;
}

bool Clockwork::RunNext() {
  if (events_.empty()) return false;
  auto node = events_.extract(events_.begin());
  now_ = std::max(now_, node.key().first);
  ++run_;
  node.mapped()();
  return true;
}

UtcTime Process::Now() {
  const UtcTime true_time = clockwork_.Now();
  const Nanos late = std::max(busy_until_ - clockwork_.elapsed(), Nanos(0));
  return {true_time.ms + std::chrono::duration_cast<Millis>(late).count() + wall_error_.count()};
}

void Process::Post(Task task) {
  Deliver(Nanos(0), std::move(task));
}

void Process::Deliver(Nanos delay, Task task) {
  if (!alive_ || ghost_) return;
  // Behind what was posted before: events of one time keep their order.
  const auto id = std::make_shared<Clockwork::EventId>();
  *id = clockwork_.After(
      delay, [this, id, life = life_, task = std::move(task)]() mutable { Enter(*id, life, std::move(task)); });
}

Executor::TimerId Process::PostAfter(Millis delay, Task task) {
  const TimerId timer = next_timer_++;
  if (!alive_ || ghost_) return timer;
  const Nanos from = std::max(clockwork_.elapsed(), busy_until_);
  const auto id = std::make_shared<Clockwork::EventId>();
  *id = clockwork_.At(from + delay, [this, id, timer, life = life_, task = std::move(task)]() mutable {
    Enter(*id, life, [this, timer, task = std::move(task)] {
      if (timers_.erase(timer) > 0) task();
    });
  });
  timers_.emplace(timer, *id);
  return timer;
}

void Process::Cancel(TimerId id) {
  const auto found = timers_.find(id);
  if (found == timers_.end()) return;
  clockwork_.Cancel(found->second);
  timers_.erase(found);
}

void Process::Enter(Clockwork::EventId id, uint64_t life, Task task) {
  if (!alive_ || life != life_) return;
  if (busy_until_ > clockwork_.elapsed()) {  // it waits for its disk: in its old order behind the others that wait
    clockwork_.Again(id, busy_until_,
                     [this, id, life, task = std::move(task)]() mutable { Enter(id, life, std::move(task)); });
    return;
  }
  Process* const outer = std::exchange(running_, this);
  SMKI_CHECK(outer == nullptr);
  task();
  task = nullptr;  // what it holds ends in its own name
  running_ = nullptr;
  if (ghost_) Bury();
}

void Process::Begin() {
  SMKI_CHECK(!alive_);
  ++life_;
  alive_ = true;
  ghost_ = false;
  timers_.clear();
  busy_until_ = clockwork_.elapsed();
  died_of_.clear();
}

void Process::Die(const std::string& how, std::function<void()> bury) {
  if (!alive_ || ghost_) return;
  ghost_ = true;
  died_of_ = how;
  bury_ = std::move(bury);
  if (running_ != this) Bury();
}

void Process::Bury() {
  const auto bury = std::move(bury_);
  bury_ = nullptr;
  if (bury) bury();
  alive_ = false;
  ghost_ = false;
  timers_.clear();
}

}  // namespace smki::simulation
