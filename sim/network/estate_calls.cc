#include "sim/network/estate_calls.h"

#include <vector>

#include "gbcs/credentials.h"
#include "gbcs/message.h"
#include "sim/fleet/message_mac.h"

namespace smki::sim {
namespace {

namespace v1 = smki::estate::v1;

constexpr char kOrchestrator[] = "orchestrator";
constexpr size_t kResponsesInBatch = 256;

bool IsAddressedTo(Eui64 reader, ByteSpan octets) {
  const auto message = gbcs::ParseMessage(octets);
  return message.ok() && message->recipient == reader;
}

Status OnlyOrchestrator(const std::string& caller) {
  if (caller == kOrchestrator) return OkStatus();
  return PermissionDenied("this call is the orchestrator's; the transport certificate says '{}'", caller);
}

// The party of this transport identity; PERMISSION_DENIED if it is none.
StatusOr<Party> MustBeParty(Authority& authority, const std::string& caller) {
  SMKI_ASSIGN_OR_RETURN(const std::optional<Party> party, authority.FindParty(caller));
  if (!party) return PermissionDenied("the transport certificate says '{}', which is no party", caller);
  return *party;
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

Status EstateCalls::Send(const std::string& caller, const v1::DeliverRequest& request, v1::DeliverResponse& response) {
  if (broker_ == nullptr) return Error(StatusCode::kUnimplemented, "no Access Control Broker is served here");
  SMKI_ASSIGN_OR_RETURN(const Party party, MustBeParty(authority_, caller));
  std::vector<Bytes> messages;
  messages.reserve(static_cast<size_t>(request.commands_size()));  // commands point into it
  std::vector<OutgoingCommand> commands;
  for (const v1::Command& command : request.commands()) {
    if (!fleet_.Serves(Eui64(command.device()))) {
      response.add_unknown(command.device());
      continue;
    }
    SMKI_ASSIGN_OR_RETURN(Bytes message, WithMac(party, Eui64(command.device()), AsBytes(command.message())));
    messages.push_back(std::move(message));
    commands.push_back({Eui64(command.device()), messages.back()});
  }
  SMKI_RETURN_IF_ERROR(gateway_.Deliver(commands).status());
  response.set_accepted(static_cast<uint32_t>(commands.size()));
  return OkStatus();
}

StatusOr<Bytes> EstateCalls::WithMac(const Party& party, Eui64 device, ByteSpan octets) {
  SMKI_ASSIGN_OR_RETURN(gbcs::Message message, gbcs::ParseMessage(octets));
  if (message.cra != gbcs::Cra::kCommand || !message.signature || message.mac || message.recipient != device)
    return InvalidArgument("for Device {}: a signed command without MAC is wanted, addressed to it", device.ToString());
  if (message.originator != party.eui)
    return PermissionDenied("{} sends what {} signed", party.id, message.originator.ToString());
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<FleetStore::Loaded> known, fleet_.Load(device));
  const Enrolment& enrolment = known->device.enrolment;
  const bool own = enrolment.supplier == party.eui || enrolment.network_operator == party.eui ||
                   party.role == static_cast<uint8_t>(gbcs::Role::kAccessControlBroker);
  if (!own) return PermissionDenied("Device {} is not one of {}", device.ToString(), party.id);
  // The public half of what the Device's keyAgreement certificate in the Repository names.
  SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey agreement, pki::PrivateKey::FromScalar(known->agreement.span()));
  message.mac = MacOf(message, *broker_, agreement.public_key());
  return gbcs::EncodeMessage(message);
}

StatusOr<std::optional<Eui64>> EstateCalls::ReadableBy(const std::string& caller) {
  if (caller == kOrchestrator) return std::optional<Eui64>();
  SMKI_ASSIGN_OR_RETURN(const Party party, MustBeParty(authority_, caller));
  return std::optional<Eui64>(party.eui);
}

StatusOr<v1::ResponseBatch> EstateCalls::ResponsesAfter(uint64_t& after, std::optional<Eui64> reader) {
  v1::ResponseBatch batch;
  while (batch.responses_size() == 0) {
    SMKI_ASSIGN_OR_RETURN(const std::vector<FleetResponse> responses, gateway_.Responses(after, kResponsesInBatch));
    if (responses.empty()) break;
    for (const FleetResponse& one : responses) {
      after = one.sequence;
      if (reader && !IsAddressedTo(*reader, one.message)) continue;
      v1::Response* response = batch.add_responses();
      response->set_sequence(one.sequence);
      response->set_device(one.device.value());
      response->set_message(one.message.data(), one.message.size());
    }
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
