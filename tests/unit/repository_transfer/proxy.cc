#include "proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace smki::repository::transfer::test {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

int Bound(int& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = Loopback(0);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
  port = ntohs(at.sin_port);
  return fd;
}

bool SendAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

int FreePort() {
  int port = 0;
  ::close(Bound(port));
  return port;
}

Proxy::Proxy() : stop_(::eventfd(0, EFD_CLOEXEC)) {
  listener_ = Bound(port_);
  EXPECT_EQ(::listen(listener_, 8), 0);
  thread_ = std::thread([this] { Run(); });
}

Proxy::~Proxy() {
  EXPECT_EQ(::eventfd_write(stop_, 1), 0);
  thread_.join();
  ::close(listener_);
  ::close(stop_);
}

void Proxy::At(Way way, uint64_t octets, std::function<void()> then, After after) {
  const std::lock_guard<std::mutex> lock(mutex_);
  plan_ = Plan{way, octets, std::move(then), after};
}

void Proxy::Run() {
  while (true) {
    pollfd wait[] = {{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    ::poll(wait, 2, -1);
    if (wait[0].revents != 0) return;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    ++connections_;
    Serve(client);
    ::close(client);
  }
}

void Proxy::Serve(int client) {
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in at = Loopback(target_);
  bool open = ::connect(server, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  while (open) {
    pollfd wait[] = {{stop_, POLLIN, 0}, {client, POLLIN, 0}, {server, POLLIN, 0}};
    ::poll(wait, 3, -1);
    if (wait[0].revents != 0) break;
    if (wait[1].revents != 0) open = Pass(client, server, Way::kUp);
    if (open && wait[2].revents != 0) open = Pass(server, client, Way::kDown);
  }
  ::close(server);
  // In order, so that all that was passed on arrives: closing with something unread would take it back.
  ::shutdown(client, SHUT_WR);
  char rest[4096];
  while (true) {
    pollfd wait[] = {{stop_, POLLIN, 0}, {client, POLLIN, 0}};
    ::poll(wait, 2, -1);
    if (wait[0].revents != 0 || ::recv(client, rest, sizeof rest, 0) <= 0) return;
  }
}

bool Proxy::Pass(int from, int to, Way way) {
  std::vector<char> buffer(64 << 10);
  size_t most = buffer.size();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (plan_ && plan_->way == way) most = std::min<uint64_t>(most, plan_->left);
  }
  ssize_t n = 0;
  if (most > 0) {
    n = ::recv(from, buffer.data(), most, 0);
    if (n <= 0 || !SendAll(to, buffer.data(), static_cast<size_t>(n))) return false;
    (way == Way::kDown ? down_ : up_) += static_cast<uint64_t>(n);
  }
  Plan due{};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!plan_ || plan_->way != way) return true;
    plan_->left -= static_cast<uint64_t>(n);
    if (plan_->left > 0) return true;
    due = *std::exchange(plan_, std::nullopt);
  }
  due.then();
  return due.after == After::kGoOn;
}

}  // namespace smki::repository::transfer::test
