#include "base/executor.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unordered_map>

namespace smki {

struct AsioExecutor::Impl {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
  std::unordered_map<TimerId, std::unique_ptr<boost::asio::steady_timer>> timers;
  TimerId next_id = 1;
};

AsioExecutor::AsioExecutor() : impl_(std::make_unique<Impl>()) {}
AsioExecutor::~AsioExecutor() = default;

void AsioExecutor::Post(Task task) {
  boost::asio::post(impl_->context, std::move(task));
}

Executor::TimerId AsioExecutor::PostAfter(Millis delay, Task task) {
  const TimerId id = impl_->next_id++;
  auto& timer = impl_->timers[id];
  timer = std::make_unique<boost::asio::steady_timer>(impl_->context, delay);
  timer->async_wait([this, id, task = std::move(task)](const boost::system::error_code& error) {
    if (error || impl_->timers.erase(id) == 0) return;
    task();
  });
  return id;
}

void AsioExecutor::Cancel(TimerId id) {
  impl_->timers.erase(id);
}
void AsioExecutor::Run() {
  impl_->context.run();
}
void AsioExecutor::Stop() {
  impl_->context.stop();
}

void ManualExecutor::Post(Task task) {
  tasks_.emplace(std::pair(clock_.SinceBoot().count(), next_id_++), std::move(task));
}

Executor::TimerId ManualExecutor::PostAfter(Millis delay, Task task) {
  const TimerId id = next_id_++;
  tasks_.emplace(std::pair((clock_.SinceBoot() + delay).count(), id), std::move(task));
  return id;
}

void ManualExecutor::Cancel(TimerId id) {
  for (auto it = tasks_.begin(); it != tasks_.end(); ++it) {
    if (it->first.second == id) {
      tasks_.erase(it);
      return;
    }
  }
}

void ManualExecutor::RunUntilIdle() {
  while (!tasks_.empty() && tasks_.begin()->first.first <= clock_.SinceBoot().count()) {
    Task task = std::move(tasks_.begin()->second);
    tasks_.erase(tasks_.begin());
    task();
  }
}

void ManualExecutor::Advance(Millis by) {
  const auto end = clock_.SinceBoot() + by;
  RunUntilIdle();
  while (!tasks_.empty() && tasks_.begin()->first.first <= end.count()) {
    clock_.Advance(std::chrono::nanoseconds(tasks_.begin()->first.first) - clock_.SinceBoot());
    RunUntilIdle();
  }
  clock_.Advance(end - clock_.SinceBoot());
}

}  // namespace smki
