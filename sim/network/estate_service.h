// estate.v1 over gRPC: a thin shell that carries every call to the core's thread. Who may call what:
//
//   DeviceGateway                              the orchestrator: nobody else sends commands to Devices
//   Inventory                                  everyone with a transport certificate
//   SubmitRequest, PublishDelta                everyone; a party submits requests for itself only
//   FindParty                                  everyone with a transport certificate
//   Revoke, PublishRevocationList              the orchestrator
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <vector>

#include "base/executor.h"
#include "sim/authority/authority.h"
#include "sim/network/gateway.h"

namespace smki::sim {

inline constexpr uint32_t kMaxListed = 10000;

class EstateService {
 public:
  // All must outlive the server that offers services(), and `executor` must run until that server has shut down.
  EstateService(Gateway& gateway, FleetStore& fleet, Authority& authority, Executor& executor);
  ~EstateService();
  std::vector<grpc::Service*> services();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace smki::sim
