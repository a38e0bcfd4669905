// A TCP connection on which no wait is without end. libssh waits for as long as the other side keeps silent; here a
// thread of its own cuts the connection when a limit is over, and whoever waits on it gets an error at once.
//
// One user thread; the watching thread touches nothing but the descriptor. Private to this room.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/status.h"
#include "base/time.h"

namespace smki::repository::transfer {

class Line {
 public:
  // Tries each address of `host` (a name or an address, IPv6 without brackets) until `timeout` is over. kUnavailable if
  // none answers.
  static StatusOr<std::unique_ptr<Line>> Dial(const std::string& host, uint16_t port, Millis timeout);
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // A second descriptor of the same connection, for libssh: it closes it after an error of the socket, and after a
  // session that ended well it does not. Whoever lent it calls Return after ssh_free, which closes it if it still is
  // open.
  StatusOr<int> Lend() const;
  void Return(int descriptor) const;

  // While it lives, the connection has `limit` left. One at a time.
  class Limit {
   public:
    Limit(Line& line, Millis limit) : line_(line) { line_.Arm(Clock::now() + limit); }
    ~Limit() { line_.Arm(Clock::time_point::max()); }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;

   private:
    Line& line_;
  };

  // A limit was over.
  bool cut() const;
  // The other side has closed it, or it was cut.
  bool closed() const;

 private:
  using Clock = std::chrono::steady_clock;
  explicit Line(int fd);
  void Arm(Clock::time_point deadline);
  void Watch();

  const int fd_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point wakes_ = Clock::time_point::max();
  bool ending_ = false;
  bool cut_ = false;
  std::thread watcher_;
};

}  // namespace smki::repository::transfer
