// What estate.v1 answers, without the way it came: gRPC's (estate_service.h) or a simulated network's. Who may call
// what:
//
//   DeviceGateway                              the orchestrator: nobody else sends commands to Devices
//   Inventory                                  everyone with a transport certificate
//   SubmitRequest, PublishDelta                everyone; a party submits requests for itself only
//   FindParty                                  everyone with a transport certificate
//   Revoke, PublishRevocationList              the orchestrator
//
// `caller` is the Common Name of the transport certificate. Everything on the executor's thread.
#pragma once

#include <string>

#include "sim/authority/authority.h"
#include "sim/network/gateway.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::sim {

inline constexpr uint32_t kMaxListed = 10000;

class EstateCalls {
 public:
  // All must outlive it.
  EstateCalls(Gateway& gateway, FleetStore& fleet, Authority& authority)
      : gateway_(gateway), fleet_(fleet), authority_(authority) {}

  Status Deliver(const std::string& caller, const estate::v1::DeliverRequest& request,
                 estate::v1::DeliverResponse& response);
  Status MayReadResponses(const std::string& caller) const;
  // What comes after `after`; `after` moves to the last of it.
  StatusOr<estate::v1::ResponseBatch> ResponsesAfter(uint64_t& after);

  Status ListDevices(const std::string& caller, const estate::v1::ListDevicesRequest& request,
                     estate::v1::ListDevicesResponse& response);

  Status SubmitRequest(const std::string& caller, const estate::v1::SubmitRequestRequest& request,
                       estate::v1::SubmitRequestResponse& response);
  Status Revoke(const std::string& caller, const estate::v1::RevokeRequest& request,
                estate::v1::RevokeResponse& response);
  Status PublishRevocationList(const std::string& caller, const estate::v1::PublishRevocationListRequest& request,
                               estate::v1::PublishRevocationListResponse& response);
  Status PublishDelta(const std::string& caller, const estate::v1::PublishDeltaRequest& request,
                      estate::v1::PublishDeltaResponse& response);
  Status FindParty(const std::string& caller, const estate::v1::FindPartyRequest& request,
                   estate::v1::FindPartyResponse& response);

  Gateway& gateway() { return gateway_; }

 private:
  Gateway& gateway_;
  FleetStore& fleet_;
  Authority& authority_;
};

}  // namespace smki::sim
