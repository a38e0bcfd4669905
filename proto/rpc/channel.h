// gRPC behind base/transport.h: mutual TLS, typed calls, replies on the core's thread.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <utility>

#include "base/executor.h"
#include "base/transport.h"

namespace smki::rpc {

// PEM files of one transport identity. The key file must not be readable by others.
struct TlsFiles {
  std::string authority;  // certificates of the transport CA
  std::string certificate;
  std::string key;
};
struct TlsMaterial {
  std::string authority, certificate, key;  // PEM texts
};
StatusOr<TlsMaterial> ReadTls(const TlsFiles& files);

inline constexpr int kMaxMessageOctets = 16 << 20;

// Whom people and servers mean to reach: the Common Names of these servers' transport certificates.
inline constexpr char kKeyguardServer[] = "keyguard";
inline constexpr char kOrchestratorServer[] = "orchestrator";

// A channel to "127.0.0.1:port"; the server must present a certificate of the same CA: with `server`, of that Common
// Name, so that nobody else who has a transport certificate can stand in for it; without, for localhost.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const TlsMaterial& tls,
                                           const std::string& server = "");

// The real Transport. Replies run on `executor`, which must outlive it.
std::unique_ptr<Transport> MakeTransport(std::shared_ptr<grpc::Channel> channel, Executor& executor);

// Typed call through any Transport: reply gets StatusOr<Resp> on the core's thread.
template <typename Resp, typename Req, typename Reply>
void Call(Transport& transport, const std::string& method, const Req& request, Millis deadline, Reply reply) {
  transport.Call(method, request.SerializeAsString(), deadline,
                 [reply = std::move(reply), method](StatusOr<std::string> octets) {
                   if (!octets.ok()) {
                     reply(StatusOr<Resp>(octets.status()));
                     return;
                   }
                   Resp response;
                   if (!response.ParseFromString(*octets)) {
                     reply(StatusOr<Resp>(Internal("{}: the answer is no {}", method, response.GetTypeName())));
                     return;
                   }
                   reply(StatusOr<Resp>(std::move(response)));
                 });
}

// For command-line clients: one unary call, waiting. `stub_method` is &Service::Stub::Method.
template <typename Stub, typename Req, typename Resp>
Status CallAndWait(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Resp*),
                   const Req& request, Resp& response, Millis deadline);

}  // namespace smki::rpc

#include <grpcpp/client_context.h>

#include "proto/rpc/status.h"

namespace smki::rpc {
template <typename Stub, typename Req, typename Resp>
Status CallAndWait(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Req&, Resp*),
                   const Req& request, Resp& response, Millis deadline) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  const grpc::Status status = (stub.*method)(&context, request, &response);
  return FromGrpc(status, context.peer());
}
}  // namespace smki::rpc
