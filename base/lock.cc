#include "base/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace smki {
namespace {

constexpr Millis kPause{10};

}  // namespace

StatusOr<FileLock> FileLock::Take(const std::string& path, Millis wait, const std::string& in_use) {
  FileLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.fd_ < 0) return FailedPrecondition("cannot open {}: {}", path, std::strerror(errno));
  const timespec pause{0, kPause.count() * 1'000'000};
  while (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return FailedPrecondition("cannot lock {}: {}", path, std::strerror(errno));
    if (wait <= Millis(0)) return FailedPrecondition("{}", in_use);
    ::nanosleep(&pause, nullptr);
    wait -= kPause;
  }
  return lock;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace smki
