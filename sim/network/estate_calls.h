// What estate.v1 answers, without the way it came: gRPC's (estate_service.h) or a simulated network's. Who may call
// what:
//
//   DeviceGateway.Deliver                      the orchestrator
//   DeviceGateway.Responses                    the orchestrator; a party gets those that are addressed to it
//   AccessControlBroker                        a party, for Devices of its own; the broker itself for all
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
  // All must outlive it. `broker`: the Access Control Broker's keyAgreement key; null: it is not served.
  EstateCalls(Gateway& gateway, FleetStore& fleet, Authority& authority, const pki::PrivateKey* broker = nullptr)
      : gateway_(gateway), fleet_(fleet), authority_(authority), broker_(broker) {}

  Status Deliver(const std::string& caller, const estate::v1::DeliverRequest& request,
                 estate::v1::DeliverResponse& response);
  Status Send(const std::string& caller, const estate::v1::DeliverRequest& request,
              estate::v1::DeliverResponse& response);
  // To whom the responses are addressed that `caller` may read; nothing: all of them.
  StatusOr<std::optional<Eui64>> ReadableBy(const std::string& caller);
  // What comes after `after`, of what is addressed to `reader`; `after` moves to the last that was looked at.
  StatusOr<estate::v1::ResponseBatch> ResponsesAfter(uint64_t& after, std::optional<Eui64> reader = std::nullopt);

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
  // The command with the broker's MAC; an error if `party` may not send it.
  StatusOr<Bytes> WithMac(const Party& party, Eui64 device, ByteSpan message);

  Gateway& gateway_;
  FleetStore& fleet_;
  Authority& authority_;
  const pki::PrivateKey* broker_;
};

}  // namespace smki::sim
