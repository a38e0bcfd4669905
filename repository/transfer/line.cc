#include "repository/transfer/line.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace smki::repository::transfer {
namespace {

using Steady = std::chrono::steady_clock;

// Connects `fd`, which does not block, before `deadline`; 0, or the error number.
int ConnectBefore(int fd, const addrinfo& address, Steady::time_point deadline) {
  if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  while (true) {
    const auto left = std::chrono::duration_cast<Millis>(deadline - Steady::now()).count();
    pollfd wait{fd, POLLOUT, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 60'000)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return errno;
    if (ready == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
  }
}

StatusOr<int> Connect(const addrinfo& address, Steady::time_point deadline) {
  const int fd = ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol);
  if (fd < 0) return Unavailable("{}", std::strerror(errno));
  const int error = ConnectBefore(fd, address, deadline);
  if (error != 0) {
    ::close(fd);
    return Unavailable("{}", std::strerror(error));
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  return fd;
}

}  // namespace

StatusOr<std::unique_ptr<Line>> Line::Dial(const std::string& host, uint16_t port, Millis timeout) {
  const auto deadline = Steady::now() + timeout;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) return Unavailable("{} cannot be found: {}", host, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  Status last = Unavailable("it has no address");
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const auto fd = Connect(*address, deadline);
    if (fd.ok()) return std::unique_ptr<Line>(new Line(*fd));
    last = fd.status();
  }
  return WithContext(last, fmt::format("{} port {} does not answer", host, port));
}

Line::Line(int fd) : fd_(fd), watcher_([this] { Watch(); }) {}

Line::~Line() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  watcher_.join();
  ::close(fd_);
}

StatusOr<int> Line::Lend() const {
  const int fd = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return Unavailable("no descriptor is left for a connection: {}", std::strerror(errno));
  return fd;
}

// By its number alone it could be another file by now; the same socket it can only be if nobody has closed it.
void Line::Return(int descriptor) const {
  struct stat ours {
  }, theirs{};
  if (::fstat(fd_, &ours) == 0 && ::fstat(descriptor, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
      ours.st_ino == theirs.st_ino) {
    ::close(descriptor);
  }
}

bool Line::cut() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return cut_;
}

bool Line::closed() const {
  pollfd look{fd_, POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0;
}

// A later deadline wakes nobody: the watcher finds it when it wakes for the earlier one.
void Line::Arm(Clock::time_point deadline) {
  const std::lock_guard<std::mutex> lock(mutex_);
  deadline_ = deadline;
  if (deadline < wakes_) changed_.notify_one();
}

void Line::Watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ending_) {
    if (Clock::now() >= deadline_) {
      cut_ = true;
      ::shutdown(fd_, SHUT_RDWR);
      deadline_ = Clock::time_point::max();
    }
    wakes_ = deadline_;
    if (wakes_ == Clock::time_point::max()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, wakes_);
    }
  }
}

}  // namespace smki::repository::transfer
