// Errors across the wire: absl::Status with its reason code to grpc::Status and back. The code travels in the
// error details as "smki.reason=CODE".
#pragma once

#include <grpcpp/support/status.h>

#include "base/status.h"

namespace smki::rpc {

grpc::Status ToGrpc(const Status& status);
// `peer`: whom was asked, as grpc::ClientContext::peer() gives it; for the message if the server had none of its own.
Status FromGrpc(const grpc::Status& status, const std::string& peer = "");

}  // namespace smki::rpc
