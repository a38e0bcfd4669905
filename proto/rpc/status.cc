#include "proto/rpc/status.h"

namespace smki::rpc {
namespace {
constexpr char kPrefix[] = "smki.reason=";
}

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string reason = ReasonOf(status);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), Message(status),
                      reason.empty() ? "" : kPrefix + reason);
}

Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  const Status out(static_cast<StatusCode>(status.error_code()), status.error_message());
  const std::string details = status.error_details();
  if (details.rfind(kPrefix, 0) != 0) return out;
  return WithReason(out, details.substr(sizeof kPrefix - 1));
}

}  // namespace smki::rpc
