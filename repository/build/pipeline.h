// Work that is cut into pieces in order, done on all cores, and taken up again in order. Private to
// this room; the other place in it that starts threads is store/worker.h.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "repository/build/examine.h"

namespace smki::repository {

class Pipeline {
 public:
  using Work = std::function<StatusOr<Examined>()>;
  // `take` gets the results in the order of submission, one at a time; then `after` gets each, on any thread, in no
  // order, several at once.
  Pipeline(unsigned threads, std::function<Status(Examined&)> take, std::function<Status(Examined)> after);
  // Ends the threads; what is not done is not done any more.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // The caller works too while there is enough to do, so memory is bounded and no core idles. The first error in order
  // ends everything and is returned by every later call.
  Status Submit(Work work);
  // All that was submitted is done and taken.
  Status Finish();

 private:
  struct Task {
    uint64_t number;
    Work work;
  };
  void Run();
  void Do(Task task);
  void TakeInOrder(std::unique_lock<std::mutex>& lock);

  const std::function<Status(Examined&)> take_;
  const std::function<Status(Examined)> after_;
  const size_t most_;
  std::mutex mutex_;  // of what follows
  std::condition_variable more_, progress_;
  std::deque<Task> tasks_;
  std::map<uint64_t, StatusOr<Examined>> done_;
  uint64_t submitted_ = 0, next_ = 0, finished_ = 0;
  bool taking_ = false, stopping_ = false;
  Status fault_;
  std::vector<std::thread> threads_;
};

}  // namespace smki::repository
