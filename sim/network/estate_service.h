// estate.v1 over gRPC: a thin shell that carries every call to EstateCalls on the core's thread.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <vector>

#include "base/executor.h"
#include "sim/authority/authority.h"
#include "sim/network/gateway.h"

namespace smki::sim {

class EstateService {
 public:
  // All must outlive the server that offers services(), and `executor` must run until that server has shut down.
  EstateService(Gateway& gateway, FleetStore& fleet, Authority& authority, Executor& executor,
                const pki::PrivateKey* broker = nullptr);
  ~EstateService();
  std::vector<grpc::Service*> services();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace smki::sim
