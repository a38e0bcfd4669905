#include "repository/build/pipeline.h"

namespace smki::repository {

Pipeline::Pipeline(unsigned threads, std::function<Status(Examined&)> take, std::function<Status(Examined)> after)
    : take_(std::move(take)), after_(std::move(after)), most_(2 * threads + 2) {
  for (unsigned i = 1; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Pipeline::~Pipeline() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  more_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Pipeline::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    Do(std::move(task));
    lock.lock();
  }
}

void Pipeline::Do(Task task) {
  StatusOr<Examined> result = task.work();
  task.work = nullptr;  // its chunk is not needed any more
  std::unique_lock lock(mutex_);
  done_.emplace(task.number, std::move(result));
  TakeInOrder(lock);
}

// With the lock held, which is given up in between. One thread takes at a time; the others leave their results to it.
void Pipeline::TakeInOrder(std::unique_lock<std::mutex>& lock) {
  while (!taking_ && !done_.empty() && done_.begin()->first == next_) {
    StatusOr<Examined> result = std::move(done_.begin()->second);
    done_.erase(done_.begin());
    taking_ = true;
    const bool go_on = fault_.ok();
    lock.unlock();
    Status status = !go_on ? OkStatus() : result.ok() ? take_(*result) : result.status();
    lock.lock();
    taking_ = false;
    ++next_;
    if (fault_.ok()) fault_ = status;
    if (fault_.ok()) {
      lock.unlock();
      status = after_(*std::move(result));
      lock.lock();
      if (fault_.ok()) fault_ = status;
    }
    ++finished_;
    progress_.notify_all();
  }
}

Status Pipeline::Submit(Work work) {
  std::unique_lock lock(mutex_);
  if (!fault_.ok()) return fault_;
  tasks_.push_back({submitted_++, std::move(work)});
  more_.notify_one();
  while (fault_.ok() && submitted_ - finished_ >= most_) {
    if (tasks_.empty()) {
      progress_.wait(lock);
      continue;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    Do(std::move(task));
    lock.lock();
  }
  return fault_;
}

Status Pipeline::Finish() {
  std::unique_lock lock(mutex_);
  while (finished_ < submitted_) {
    if (tasks_.empty()) {
      progress_.wait(lock);
      continue;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    Do(std::move(task));
    lock.lock();
  }
  return fault_;
}

}  // namespace smki::repository
