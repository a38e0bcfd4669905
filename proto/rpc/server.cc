#include "proto/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>

namespace smki::rpc {

StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& address, const TlsMaterial& tls,
                                                const std::vector<grpc::Service*>& services) {
  const size_t colon = address.rfind(':');
  const std::string host = colon == std::string::npos ? address : address.substr(0, colon);
  if (colon == std::string::npos || (host != "127.0.0.1" && host != "[::1]")) {
    return InvalidArgument("listen address '{}': only loopback is served; write 127.0.0.1:PORT", address);
  }
  static const bool once = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)once;
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls.authority;
  options.pem_key_cert_pairs.push_back({tls.key, tls.certificate});
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::SslServerCredentials(options), &port);
  builder.SetMaxReceiveMessageSize(kMaxMessageOctets);
  builder.SetMaxSendMessageSize(kMaxMessageOctets);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  for (grpc::Service* service : services) builder.RegisterService(service);
  auto out = std::make_unique<Server>();
  out->server_ = builder.BuildAndStart();
  if (out->server_ == nullptr || port == 0) {
    return Unavailable("cannot listen on {}: the port is in use, or the transport certificate is not acceptable",
                       address);
  }
  out->address_ = fmt::format("{}:{}", host, port);
  return out;
}

Server::~Server() {
  if (server_ != nullptr) Shutdown(Millis(200));
}

void Server::Shutdown(Millis grace) {
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
}

std::string CallerOfAuth(const grpc::AuthContext& auth) {
  if (!auth.IsPeerAuthenticated()) return {};
  const auto names = auth.FindPropertyValues("x509_common_name");
  if (names.size() != 1) return {};
  return std::string(names[0].data(), names[0].size());
}

}  // namespace smki::rpc
