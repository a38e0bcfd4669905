// The Repository web service on a socket: HTTP/1.1, plain. TLS and who may ask are the site's proxy's, whose addresses
// do not change when this machine does (Appendix M 2.2); so the service listens on loopback unless told otherwise.
//
// A client may be slow, silent, greedy or hostile: every connection has its limits, and one that breaks them is
// dropped.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "repository/store/store.h"
#include "repository/web/access_log.h"
#include "repository/web/current_store.h"

namespace smki::repository::web {

struct ServerLimits {
  size_t header = 8 * 1024;     // octets of request line and headers; beyond: 431
  size_t connections = 1024;    // beyond: 503 and close
  Millis request_time{10'000};  // from a request's first octet to its last; beyond: dropped
  Millis idle_time{30'000};     // without a request; beyond: closed
  Millis answer_time{10'000};   // to take the whole answer; beyond: dropped
  Millis linger_time{1'000};    // for the client to close after the last answer
  Millis stop_time{5'000};      // for what is under way when the server is stopped
};

struct ServerOptions {
  std::string listen = "127.0.0.1:8083";  // numeric; an IPv6 host in brackets; port 0 picks a free one
  unsigned threads = 8;                   // 1 to 64; more than cores, since they wait for the disk
  ServerLimits limits;
  std::function<std::shared_ptr<const Store>()> store;  // asked once a request. Any thread
  AccessLog* access_log = nullptr;                      // outlives the server; null: none
  Log log;                                              // for the operator
};

class Server {
 public:
  // Listens when this returns.
  static StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  // Stops.
  virtual ~Server() = default;
  // "127.0.0.1:8083".
  virtual std::string address() const = 0;
  // Takes no more connections and closes the idle ones; what is under way is finished, or dropped after stop_time (a
  // read of the store that has begun is waited for). Returns when the last connection has ended. Once; any thread but
  // the server's own.
  virtual void Stop() = 0;
};

}  // namespace smki::repository::web
