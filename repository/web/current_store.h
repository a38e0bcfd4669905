// The store that is served, exchanged when a rebuild has renamed a new one over it. A thread of its own looks at the
// path and opens the new store (which reads its indexes), so that no request waits for it; who holds the old one goes
// on with it. A new store that does not open leaves the old one in service, and the log says so, once.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "repository/store/store.h"

namespace smki::repository::web {

// A line for the operator. Any thread.
using Log = std::function<void(const std::string&)>;

class CurrentStore {
 public:
  // The first store must open. The path is looked at every `interval`.
  static StatusOr<std::unique_ptr<CurrentStore>> Open(const std::string& path, Millis interval, Log log);
  ~CurrentStore();

  // Any thread; never waits for a disk.
  std::shared_ptr<const Store> Get() const;
  // The path is looked at now. Returns at once. Any thread.
  void Look();

 private:
  struct Impl;
  explicit CurrentStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace smki::repository::web
