// A thread that does what it is given, one thing after the other, while its owner goes on: writing to a disk, making
// pages of what was sorted. Private to this room. One owner; what is done shares nothing with it but what is handed
// over.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/status.h"

namespace smki::repository {

class Worker {
 public:
  using Work = std::function<Status()>;
  // At most `most` pieces of work are waiting or being done.
  explicit Worker(size_t most);
  // What is not begun is not done any more.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Waits until there is room. The first error is returned by every later call, and no work is begun after it.
  Status Do(Work work);
  // All is done.
  Status Wait();

 private:
  void Run();

  const size_t most_;
  std::mutex mutex_;  // of what follows
  std::condition_variable more_, done_;
  std::deque<Work> waiting_;  // the first is being done
  bool stopping_ = false;
  Status fault_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace smki::repository
