// The one place where this room uses more than one thread. Private to it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "base/status.h"

namespace smki::repository {

// Calls work(i) for each i below `count`, on a few threads; returns the error of the smallest i that has one.
inline Status ForEachInParallel(size_t count, const std::function<Status(size_t)>& work) {
  constexpr size_t kLeastEach = 32;  // a thread costs about as much as one signature check
  const size_t cores = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 16);
  const size_t threads = std::clamp<size_t>(count / kLeastEach, 1, cores);
  std::vector<Status> faults(threads);
  const auto part = [&](size_t t) {
    for (size_t i = count * t / threads; i < count * (t + 1) / threads && faults[t].ok(); ++i) faults[t] = work(i);
  };
  std::vector<std::thread> others;
  for (size_t t = 1; t < threads; ++t) others.emplace_back(part, t);
  part(0);
  for (std::thread& other : others) other.join();
  const auto fault = std::find_if(faults.begin(), faults.end(), [](const Status& status) { return !status.ok(); });
  return fault == faults.end() ? OkStatus() : *fault;
}

}  // namespace smki::repository
