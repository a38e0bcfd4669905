// One client's connection: reads a request, answers it, and again, until a limit is broken or either side has enough.
// Requests that were sent ahead wait in the buffer and are answered in order. Private to this folder.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "repository/web/server.h"

namespace smki::repository::web {

class Connection;

// What all connections share.
struct Service {
  explicit Service(ServerOptions o) : options(std::move(o)) {}

  const ServerOptions options;
  std::atomic<bool> stopping{false};
  std::atomic<bool> log_lost{false};

  std::mutex mutex;
  std::condition_variable ended;  // a connection has
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections;

  // The access log, and the operator's if that one takes no more.
  void Note(const Access& access);
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Starts serving, unless there are too many or the server stops. `socket` is on an executor that runs one handler of
  // this connection at a time. False: the socket was not taken.
  static bool Begin(boost::asio::ip::tcp::socket& socket, Service& service);
  virtual ~Connection() = default;

  // Any thread. No request is begun after the one under way.
  virtual void Finish() = 0;
  // Any thread. Whatever is under way is dropped.
  virtual void Drop() = 0;
};

}  // namespace smki::repository::web
