#include "sim/network/estate_calls.h"

#include <vector>

namespace smki::sim {
namespace {

namespace v1 = smki::estate::v1;

constexpr char kOrchestrator[] = "orchestrator";
constexpr size_t kResponsesInBatch = 256;

Status OnlyOrchestrator(const std::string& caller) {
  if (caller == kOrchestrator) return OkStatus();
  return PermissionDenied("this call is the orchestrator's; the transport certificate says '{}'", caller);
}

}  // namespace

Status EstateCalls::Deliver(const std::string& caller, const v1::DeliverRequest& request,
                            v1::DeliverResponse& response) {
  SMKI_RETURN_IF_ERROR(OnlyOrchestrator(caller));
  std::vector<OutgoingCommand> commands;
  commands.reserve(static_cast<size_t>(request.commands_size()));
  for (const v1::Command& command : request.commands()) {
    commands.push_back({Eui64(command.device()), AsBytes(command.message())});
  }
  SMKI_ASSIGN_OR_RETURN(const std::vector<Eui64> unknown, gateway_.Deliver(commands));
  for (const Eui64 device : unknown) response.add_unknown(device.value());
  response.set_accepted(static_cast<uint32_t>(commands.size() - unknown.size()));
  return OkStatus();
}

Status EstateCalls::MayReadResponses(const std::string& caller) const {
  return OnlyOrchestrator(caller);
}

StatusOr<v1::ResponseBatch> EstateCalls::ResponsesAfter(uint64_t& after) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<FleetResponse> responses, gateway_.Responses(after, kResponsesInBatch));
  v1::ResponseBatch batch;
  for (const FleetResponse& one : responses) {
    v1::Response* response = batch.add_responses();
    response->set_sequence(one.sequence);
    response->set_device(one.device.value());
    response->set_message(one.message.data(), one.message.size());
    after = one.sequence;
  }
  return batch;
}

Status EstateCalls::ListDevices(const std::string&, const v1::ListDevicesRequest& request,
                                v1::ListDevicesResponse& response) {
  if (request.limit() == 0 || request.limit() > kMaxListed) {
    return InvalidArgument("limit {}: from 1 to {} Devices are listed at a time", request.limit(), kMaxListed);
  }
  SMKI_ASSIGN_OR_RETURN(std::vector<FleetDevice> devices,
                        fleet_.List(Eui64(request.after()), size_t{request.limit()} + 1, Eui64(request.supplier())));
  response.set_more(devices.size() > request.limit());
  if (response.more()) devices.pop_back();
  for (const FleetDevice& device : devices) {
    v1::Device* out = response.add_devices();
    out->set_eui(device.enrolment.eui.value());
    out->set_device_type(device.enrolment.type);
    out->set_supplier(device.enrolment.supplier.value());
    out->set_network_operator(device.enrolment.network_operator.value());
    out->set_status(device.enrolment.status);
    for (const auto& [cell, unused] : device.state.cells) out->add_cells(cell.ToString());
  }
  return OkStatus();
}

Status EstateCalls::SubmitRequest(const std::string& caller, const v1::SubmitRequestRequest& request,
                                  v1::SubmitRequestResponse& response) {
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate,
                        authority_.SubmitRequest(AsBytes(request.request()), request.subscriber(), caller));
  response.set_certificate(certificate.der().data(), certificate.der().size());
  return OkStatus();
}

Status EstateCalls::Revoke(const std::string& caller, const v1::RevokeRequest& request, v1::RevokeResponse&) {
  SMKI_RETURN_IF_ERROR(OnlyOrchestrator(caller));
  return authority_.Revoke(AsBytes(request.serial()), request.reason());
}

Status EstateCalls::PublishRevocationList(const std::string& caller, const v1::PublishRevocationListRequest&,
                                          v1::PublishRevocationListResponse& response) {
  SMKI_RETURN_IF_ERROR(OnlyOrchestrator(caller));
  SMKI_ASSIGN_OR_RETURN(const Authority::PublishedList list, authority_.PublishRevocationList());
  response.set_revocation_list(list.der.data(), list.der.size());
  response.set_file(list.file);
  return OkStatus();
}

Status EstateCalls::PublishDelta(const std::string&, const v1::PublishDeltaRequest&,
                                 v1::PublishDeltaResponse& response) {
  SMKI_ASSIGN_OR_RETURN(const Authority::PublishedDelta delta, authority_.PublishDelta());
  response.set_file(delta.file);
  response.set_certificates(delta.certificates);
  return OkStatus();
}

Status EstateCalls::FindParty(const std::string&, const v1::FindPartyRequest& request,
                              v1::FindPartyResponse& response) {
  SMKI_ASSIGN_OR_RETURN(const std::optional<Party> party, authority_.FindParty(Eui64(request.organisation())));
  if (!party) return OkStatus();
  response.set_party(party->id);
  response.set_role(party->role);
  return OkStatus();
}

}  // namespace smki::sim
