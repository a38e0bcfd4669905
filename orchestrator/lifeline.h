// For callbacks that may come back after who waits for them is gone: they then do nothing.
#pragma once

#include <memory>
#include <utility>

namespace smki::orchestrator {

class Lifeline {
 public:
  Lifeline() = default;
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;

  // What was guarded so far does nothing any more.
  void Renew() { alive_ = std::make_shared<const int>(0); }
  // `f`, as long as this lives. Core's thread only.
  template <typename F>
  auto Guard(F f) const {
    return [weak = std::weak_ptr<const int>(alive_), f = std::move(f)](auto&&... args) {
      if (!weak.expired()) f(std::forward<decltype(args)>(args)...);
    };
  }

 private:
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);
};

}  // namespace smki::orchestrator
