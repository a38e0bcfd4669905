// Errors across the wire: absl::Status with its reason code to grpc::Status and back. The code travels in the
// error details as "smki.reason=CODE".
#pragma once

#include <grpcpp/support/status.h>

#include "base/status.h"

namespace smki::rpc {

grpc::Status ToGrpc(const Status& status);
Status FromGrpc(const grpc::Status& status);

}  // namespace smki::rpc
