// Work that is cut into pieces in order, done on all cores, and taken up again in order. Private to this room; the
// other place in it that starts threads is store/worker.h.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"

namespace smki::repository {

// How many to start: `wanted`, or for 0 one for each core, at most 16.
inline unsigned ThreadsFor(unsigned wanted) {
  return wanted > 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
}

template <typename Result>
class InOrder {
 public:
  using Work = std::function<StatusOr<Result>()>;
  using Take = std::function<Status(Result&)>;
  using After = std::function<Status(Result)>;
  // `take` gets the results in the order of submission, one at a time, on any thread; then `after`, if there is one,
  // gets each, in no order, several at once. `threads` counts the caller.
  InOrder(unsigned threads, Take take, After after = nullptr)
      : take_(std::move(take)), after_(std::move(after)), most_(2 * threads + 2) {
    for (unsigned i = 1; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  }
  // Ends the threads; what is not done is not done any more.
  ~InOrder() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    more_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;

  // The caller works too while there is enough to do, so memory is bounded and no core idles. The first error in order
  // ends everything and is returned by every later call.
  Status Submit(Work work) {
    std::unique_lock lock(mutex_);
    if (!fault_.ok()) return fault_;
    tasks_.push_back({submitted_++, std::move(work)});
    more_.notify_one();
    return WorkUntil(lock, [this] { return !fault_.ok() || submitted_ - finished_ < most_; });
  }
  // All that was submitted is done and taken.
  Status Finish() {
    std::unique_lock lock(mutex_);
    return WorkUntil(lock, [this] { return finished_ == submitted_; });
  }

 private:
  struct Task {
    uint64_t number;
    Work work;
  };

  template <typename Done>
  Status WorkUntil(std::unique_lock<std::mutex>& lock, const Done& done) {
    while (!done()) {
      if (tasks_.empty()) {
        progress_.wait(lock);
      } else {
        DoNext(lock);
      }
    }
    return fault_;
  }
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      more_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      DoNext(lock);
    }
  }
  void DoNext(std::unique_lock<std::mutex>& lock) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    StatusOr<Result> result = task.work();
    task.work = nullptr;  // what it holds is not needed any more
    lock.lock();
    done_.emplace(task.number, std::move(result));
    TakeInOrder(lock);
  }
  // With the lock held, which is given up in between. One thread takes at a time; the others leave their results to it.
  void TakeInOrder(std::unique_lock<std::mutex>& lock) {
    while (!taking_ && !done_.empty() && done_.begin()->first == next_) {
      StatusOr<Result> result = std::move(done_.begin()->second);
      done_.erase(done_.begin());
      taking_ = true;
      Outside(lock, [&] { return result.ok() ? take_(*result) : result.status(); });
      taking_ = false;
      ++next_;
      if (after_) Outside(lock, [&] { return after_(*std::move(result)); });
      ++finished_;
      progress_.notify_all();
    }
  }
  // Not once there was an error.
  template <typename Action>
  void Outside(std::unique_lock<std::mutex>& lock, const Action& action) {
    if (!fault_.ok()) return;
    lock.unlock();
    Status status = action();
    lock.lock();
    if (fault_.ok()) fault_ = std::move(status);
  }

  const Take take_;
  const After after_;
  const size_t most_;
  std::mutex mutex_;  // of what follows
  std::condition_variable more_, progress_;
  std::deque<Task> tasks_;
  std::map<uint64_t, StatusOr<Result>> done_;
  uint64_t submitted_ = 0, next_ = 0, finished_ = 0;  // next_: to be taken
  bool taking_ = false, stopping_ = false;
  Status fault_;
  std::vector<std::thread> threads_;
};

}  // namespace smki::repository
