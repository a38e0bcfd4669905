// Where the core sends work that takes long (rebuilding the Repository), so that its own thread never waits.
#pragma once

#include <functional>
#include <memory>

#include "base/executor.h"

namespace smki::orchestrator {

class Worker {
 public:
  virtual ~Worker() = default;
  // Runs `work` elsewhere, one after the other, then `then` on the core's thread. `work` must not touch the core.
  virtual void Run(std::function<void()> work, std::function<void()> then) = 0;
};

// On the core's own thread: simulations and tests.
class InlineWorker : public Worker {
 public:
  explicit InlineWorker(Executor& executor) : executor_(executor) {}
  void Run(std::function<void()> work, std::function<void()> then) override {
    executor_.Post([work = std::move(work), then = std::move(then)] {
      work();
      then();
    });
  }

 private:
  Executor& executor_;
};

// One thread of its own. Ends after the work at hand.
class ThreadWorker : public Worker {
 public:
  explicit ThreadWorker(Executor& executor);
  ~ThreadWorker() override;
  void Run(std::function<void()> work, std::function<void()> then) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace smki::orchestrator
