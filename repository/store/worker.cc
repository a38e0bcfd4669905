#include "repository/store/worker.h"

namespace smki::repository {

Worker::Worker(size_t most) : most_(most), thread_([this] { Run(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  more_.notify_all();
  thread_.join();
}

void Worker::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const bool go_on = fault_.ok();
    Work& work = waiting_.front();  // a deque does not move it when more is put behind
    lock.unlock();
    Status status = go_on ? work() : OkStatus();
    work = nullptr;  // what it holds ends here, not under the lock
    lock.lock();
    if (fault_.ok()) fault_ = std::move(status);
    waiting_.pop_front();
    done_.notify_all();
  }
}

Status Worker::Do(Work work) {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return waiting_.size() < most_; });
  if (!fault_.ok()) return fault_;
  waiting_.push_back(std::move(work));
  more_.notify_one();
  return OkStatus();
}

Status Worker::Wait() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return waiting_.empty(); });
  return fault_;
}

}  // namespace smki::repository
