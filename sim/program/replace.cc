#include "sim/program/replace.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "gbcs/credentials.h"
#include "proto/rpc/channel.h"
#include "sim/estate/estate_file.h"
#include "sim/estate/plan.h"
#include "sim/network/gateway.h"
#include "sim/network/inventory.h"
#include "sim/program/supplier.h"
#include "smki/estate/v1/estate.grpc.pb.h"

namespace smki::sim {
namespace {

namespace v1 = smki::estate::v1;

constexpr size_t kMaxPem = 64 * 1024;
constexpr size_t kMaxDevices = 10'000'000;
constexpr uint32_t kDevicesInPage = 10'000;
constexpr size_t kBatch = 256;
constexpr Millis kDeadline{30'000};
constexpr char kBroker[] = "acb";

std::string KeyFile(const std::string& estate, const std::string& party, const char* generation, gbcs::Role role) {
  const gbcs::TrustAnchorCell cell{role, gbcs::KeyUsage::kDigitalSignature, gbcs::CellUsage::kManagement};
  return fmt::format("{}/parties/{}/{}{}.key.pem", estate, party, generation, FileWord(cell));
}

// Who signs, and by which transport identity it is sent.
struct Sender {
  std::string party;
  Eui64 eui;
  pki::PrivateKey key;
  std::unique_ptr<v1::AccessControlBroker::Stub> broker;
  std::unique_ptr<v1::DeviceGateway::Stub> gateway;
  uint64_t seen = 0;  // sequence of the newest answer read
};

class Replacing {
 public:
  Replacing(const std::string& estate, const PartyPlan& plan, const ReplaceOptions& options)
      : estate_(estate), plan_(plan), options_(options) {}

  // `current` signs with the key that the Devices know now.
  StatusOr<ReplaceResult> Run(const PartyPlan& current, bool handed_over) {
    SMKI_ASSIGN_OR_RETURN(file_, ReadEstate(estate_));
    SMKI_RETURN_IF_ERROR(MakePayload(handed_over));
    std::vector<Sender> senders;
    SMKI_RETURN_IF_ERROR(Join(current, "", senders));
    SMKI_RETURN_IF_ERROR(Join(plan_, "new-", senders));
    SMKI_RETURN_IF_ERROR(ListDevices());
    ReplaceResult result;
    result.devices = pending_.size();
    for (uint64_t round = 0; round < options_.rounds && !pending_.empty(); ++round)
      SMKI_RETURN_IF_ERROR(DoRound(senders[round % senders.size()]));
    result.answered = result.devices - pending_.size();
    if (!pending_.empty()) {
      return Unavailable("{} of {} Devices have not answered in {} rounds; the same command again goes on with them",
                         pending_.size(), result.devices, options_.rounds);
    }
    return result;
  }

 private:
  Status Join(const PartyPlan& plan, const char* generation, std::vector<Sender>& out) {
    SMKI_ASSIGN_OR_RETURN(const Bytes pem,
                          PosixFiles().Read(KeyFile(estate_, plan.party.id, generation, plan.role), kMaxPem));
    SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::FromPem(AsText(pem)));
    SMKI_ASSIGN_OR_RETURN(
        const rpc::TlsMaterial tls,
        rpc::ReadTls({estate_ + "/tls/ca.pem", fmt::format("{}/tls/{}.crt.pem", estate_, plan.party.id),
                      fmt::format("{}/tls/{}.key.pem", estate_, plan.party.id)}));
    const std::shared_ptr<grpc::Channel> channel = rpc::MakeChannel(file_.sim, tls);
    out.push_back({plan.party.id, plan.party.eui, std::move(key), v1::AccessControlBroker::NewStub(channel),
                   v1::DeviceGateway::NewStub(channel), 0});
    if (inventory_ == nullptr) inventory_ = v1::Inventory::NewStub(channel);
    return OkStatus();
  }

  Status MakePayload(bool handed_over) {
    const bool supplier = plan_.role == gbcs::Role::kSupplier;
    payload_.mode = supplier ? gbcs::Mode::kSupplierBySupplier : gbcs::Mode::kNetworkOperatorByNetworkOperator;
    payload_.authorising_cell =
        gbcs::TrustAnchorCell{plan_.role, gbcs::KeyUsage::kDigitalSignature, gbcs::CellUsage::kManagement};
    SMKI_ASSIGN_OR_RETURN(const std::vector<NewCertificate> fresh, ReadNewCertificates(estate_, plan_.party.id));
    if (fresh.size() != plan_.cells.size())
      return FailedPrecondition("{} has no new certificates yet: smki-sim supplier new-certificates", plan_.party.id);
    for (const NewCertificate& one : fresh) replacements_[one.cell.ToString()] = {one.certificate.der(), one.cell};
    SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(estate_ + "/authority/issuing-oca.pem", kMaxPem));
    SMKI_ASSIGN_OR_RETURN(const pki::Certificate issuing, pki::Certificate::FromPem(AsText(pem)));
    payload_.path_certificates = {issuing.der()};
    // Another party's counters begin anew (GBCS.md 4.3).
    if (handed_over) {
      payload_.new_floor = 0;
      payload_.new_specialist_floors = std::vector<gbcs::SpecialistSeqNumber>{{0, 0}};
    }
    return OkStatus();
  }

  // Its own, as far as they are not handed over already.
  Status ListDevices() {
    v1::ListDevicesRequest request;
    request.set_limit(kDevicesInPage);
    const bool supplier = plan_.role == gbcs::Role::kSupplier;
    if (supplier) request.set_supplier(plan_.party.eui.value());
    v1::ListDevicesResponse page;
    do {
      SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*inventory_, &v1::Inventory::Stub::ListDevices, request, page, kDeadline));
      for (const v1::Device& device : page.devices()) {
        request.set_after(device.eui());
        if (!supplier && device.network_operator() != plan_.party.eui.value()) continue;
        // The cells that this type of Device has.
        std::vector<std::string> cells;
        for (const std::string& cell : device.cells()) {
          if (replacements_.count(cell) > 0) cells.push_back(cell);
        }
        if (!cells.empty()) pending_[Eui64(device.eui())] = std::move(cells);
      }
      if (pending_.size() > kMaxDevices) return FailedPrecondition("more than {} Devices are listed", kMaxDevices);
    } while (page.more() && page.devices_size() > 0);
    return OkStatus();
  }

  Status DoRound(Sender& sender) {
    std::vector<Eui64> devices;
    for (const auto& [device, cells] : pending_) devices.push_back(device);
    // Above every counter used before, also by an earlier run.
    payload_.seq_number = static_cast<uint64_t>(SystemClock().Now().ms);
    for (size_t at = 0; at < devices.size(); at += kBatch) {
      v1::DeliverRequest request;
      for (size_t i = at; i < std::min(devices.size(), at + kBatch); ++i) {
        SMKI_ASSIGN_OR_RETURN(const Bytes message, Command(sender, devices[i]));
        v1::Command& command = *request.add_commands();
        command.set_device(devices[i].value());
        command.set_message(message.data(), message.size());
      }
      v1::DeliverResponse response;
      SMKI_RETURN_IF_ERROR(WithContext(
          rpc::CallAndWait(*sender.broker, &v1::AccessControlBroker::Stub::Send, request, response, kDeadline),
          "the Access Control Broker at " + file_.sim));
    }
    return ReadAnswers(sender);
  }

  StatusOr<Bytes> Command(Sender& sender, Eui64 device) const {
    gbcs::Message message;
    message.originator = sender.eui;
    message.recipient = device;
    message.originator_counter = payload_.seq_number;
    message.message_code = gbcs::MessageCodeOf(payload_.mode);
    gbcs::CommandPayload payload = payload_;
    for (const std::string& cell : pending_.at(device)) payload.replacements.push_back(replacements_.at(cell));
    message.payload = gbcs::EncodeCommandPayload(payload);
    SMKI_ASSIGN_OR_RETURN(message.signature, sender.key.Sign(gbcs::SignedOctets(message)));
    return gbcs::EncodeMessage(message);
  }

  // Until all have answered or its patience is at an end.
  Status ReadAnswers(Sender& sender) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + options_.patience);
    v1::ResponsesRequest request;
    request.set_after_sequence(sender.seen);
    const auto reader = sender.gateway->Responses(&context, request);
    v1::ResponseBatch batch;
    while (!pending_.empty() && reader->Read(&batch)) {
      for (const v1::Response& response : batch.responses()) {
        sender.seen = response.sequence();
        if (SaysReplaced(AsBytes(response.message()))) pending_.erase(Eui64(response.device()));
      }
    }
    context.TryCancel();
    while (reader->Read(&batch)) {
    }
    const Status ended = rpc::FromGrpc(reader->Finish(), file_.sim);
    const bool waited = ended.code() == StatusCode::kDeadlineExceeded || ended.code() == StatusCode::kCancelled;
    return ended.ok() || waited ? OkStatus() : ended;
  }

  bool SaysReplaced(ByteSpan octets) const {
    const auto message = gbcs::ParseMessage(octets);
    if (!message.ok() || message->cra != gbcs::Cra::kResponse ||
        message->message_code != gbcs::MessageCodeOf(payload_.mode))
      return false;
    const auto answer = gbcs::ParseResponsePayload(message->payload);
    if (!answer.ok() || !answer->outcome) return false;
    return std::all_of(answer->outcome->outcomes.begin(), answer->outcome->outcomes.end(),
                       [](const auto& one) { return one.status == gbcs::StatusCode::kSuccess; });
  }

  const std::string& estate_;
  const PartyPlan& plan_;
  const ReplaceOptions& options_;
  EstateFile file_;
  gbcs::CommandPayload payload_;                           // without the replacements
  std::map<std::string, gbcs::Replacement> replacements_;  // by cell
  std::unique_ptr<v1::Inventory::Stub> inventory_;
  std::map<Eui64, std::vector<std::string>> pending_;  // and the cells to be replaced
};

StatusOr<const PartyPlan*> MustFind(const std::string& party) {
  const PartyPlan* plan = FindPartyPlan(party);
  if (plan == nullptr) return NotFound("the estate has no party '{}'; estate.yaml lists them", party);
  if (plan->role != gbcs::Role::kSupplier && plan->role != gbcs::Role::kNetworkOperator)
    return InvalidArgument("'{}' is neither supplier nor network operator: it has no mode of its own here", party);
  return plan;
}

}  // namespace

StatusOr<ReplaceResult> ReplaceCertificates(const std::string& estate, const std::string& party,
                                            const ReplaceOptions& options) {
  SMKI_ASSIGN_OR_RETURN(const PartyPlan* plan, MustFind(party));
  return Replacing(estate, *plan, options).Run(*plan, /*handed_over=*/false);
}

StatusOr<ReplaceResult> HandOver(const std::string& estate, const std::string& party, const ReplaceOptions& options) {
  SMKI_ASSIGN_OR_RETURN(const PartyPlan* plan, MustFind(party));
  return Replacing(estate, *plan, options).Run(*FindPartyPlan(kBroker), /*handed_over=*/true);
}

}  // namespace smki::sim
