#include "repository/web/current_store.h"

#include <sys/stat.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>

namespace smki::repository::web {
namespace {

// Which file a path leads to. A store is never changed after it was written, so this says which content, too.
struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  int64_t seconds = 0, nanoseconds = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};

std::optional<Identity> IdentityOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return Identity{info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

}  // namespace

struct CurrentStore::Impl {
  std::string path;
  Millis interval{1000};
  Log log;

  mutable std::mutex mutex;
  std::condition_variable wake;
  std::shared_ptr<const Store> store;
  bool look = false, end = false;

  std::optional<Identity> seen;  // what was last opened, or tried; the thread's own
  std::thread thread;

  void Run() {
    std::unique_lock lock(mutex);
    while (!end) {
      wake.wait_for(lock, interval, [this] { return look || end; });
      if (end) return;
      look = false;
      lock.unlock();
      LookAtPath();
      lock.lock();
    }
  }

  // The identity is taken before the store is opened: a store renamed in between is seen the next time.
  void LookAtPath() {
    const std::optional<Identity> now = IdentityOf(path);
    if (now == seen) return;
    seen = now;
    auto opened = Store::Open(path);
    if (!opened.ok()) {
      log(fmt::format("the store that was served stays in service: {}", Message(opened.status())));
      return;
    }
    std::shared_ptr<const Store> fresh = std::move(*opened);
    const StoreSummary summary = fresh->summary();
    {
      const std::lock_guard lock(mutex);
      store.swap(fresh);
    }
    log(fmt::format("now serving {}: {} certificates, digest {}", path, summary.certificates, ToHex(summary.digest)));
  }
};

StatusOr<std::unique_ptr<CurrentStore>> CurrentStore::Open(const std::string& path, Millis interval, Log log) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->interval = interval;
  impl->log = std::move(log);
  impl->seen = IdentityOf(path);
  SMKI_ASSIGN_OR_RETURN(impl->store, Store::Open(path));
  impl->thread = std::thread([raw = impl.get()] { raw->Run(); });
  return std::unique_ptr<CurrentStore>(new CurrentStore(std::move(impl)));
}

CurrentStore::CurrentStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

CurrentStore::~CurrentStore() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->end = true;
  }
  impl_->wake.notify_all();
  impl_->thread.join();
}

std::shared_ptr<const Store> CurrentStore::Get() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->store;
}

void CurrentStore::Look() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->look = true;
  }
  impl_->wake.notify_all();
}

}  // namespace smki::repository::web
