// A gRPC server with mutual TLS, health and reflection, and who is calling it.
#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "proto/rpc/channel.h"

namespace smki::rpc {

class Server {
 public:
  // Listens on `address` (loopback only; anything else is refused). Port 0 picks a free one. Services must
  // outlive the server.
  static StatusOr<std::unique_ptr<Server>> Start(const std::string& address, const TlsMaterial& tls,
                                                 const std::vector<grpc::Service*>& services);
  ~Server();
  // "127.0.0.1:port".
  const std::string& address() const { return address_; }
  // Stops accepting, cancels what is left after `grace`.
  void Shutdown(Millis grace);

 private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

// Common Name of the caller's transport certificate ("orchestrator", "anna.pma"); empty if there is none.
template <typename Context>
std::string CallerOf(const Context& context);
std::string CallerOfAuth(const grpc::AuthContext& auth);
template <typename Context>
std::string CallerOf(const Context& context) {
  return CallerOfAuth(*context.auth_context());
}

}  // namespace smki::rpc
