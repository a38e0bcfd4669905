#include "orchestrator/worker.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace smki::orchestrator {

struct ThreadWorker::Impl {
  explicit Impl(Executor& e) : executor(e), thread([this] { Loop(); }) {}
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    wake.notify_one();
    thread.join();
  }
  void Loop() {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return stop || !queue.empty(); });
      if (stop) return;
      auto [work, then] = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      work();
      executor.Post(std::move(then));
      lock.lock();
    }
  }

  Executor& executor;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> queue;
  bool stop = false;
  std::thread thread;
};

ThreadWorker::ThreadWorker(Executor& executor) : impl_(std::make_unique<Impl>(executor)) {}
ThreadWorker::~ThreadWorker() = default;

void ThreadWorker::Run(std::function<void()> work, std::function<void()> then) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->queue.emplace_back(std::move(work), std::move(then));
  }
  impl_->wake.notify_one();
}

}  // namespace smki::orchestrator
