#include "proto/rpc/status.h"

namespace smki::rpc {
namespace {
constexpr char kPrefix[] = "smki.reason=";

// "ipv4:127.0.0.1:7001" as site files write it.
std::string AddressOf(const std::string& peer) {
  if (peer.empty()) return "the server at this address";
  const size_t scheme = peer.find(':');
  return peer.rfind("ipv", 0) == 0 ? peer.substr(scheme + 1) : peer;
}

}  // namespace

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string reason = ReasonOf(status);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), Message(status),
                      reason.empty() ? "" : kPrefix + reason);
}

Status FromGrpc(const grpc::Status& status, const std::string& peer) {
  if (status.ok()) return OkStatus();
  const std::string details = status.error_details();
  std::string message = status.error_message();
  if (details.empty() && status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    message = fmt::format(
        "{} answers, but does not serve this call{}: it is another server, or another version. Next: compare the "
        "address in the site file with what the servers say when they are ready",
        AddressOf(peer), message.empty() ? "" : " (" + message + ")");
  } else if (message.empty()) {
    message = fmt::format("{} gave no reason (gRPC status {})", AddressOf(peer), static_cast<int>(status.error_code()));
  }
  const Status out(static_cast<StatusCode>(status.error_code()), message);
  if (details.rfind(kPrefix, 0) != 0) return out;
  return WithReason(out, details.substr(sizeof kPrefix - 1));
}

}  // namespace smki::rpc
