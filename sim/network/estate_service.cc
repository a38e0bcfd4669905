#include "sim/network/estate_service.h"

#include <atomic>

#include "base/fail_point.h"
#include "proto/rpc/server.h"
#include "proto/rpc/status.h"
#include "smki/estate/v1/estate.grpc.pb.h"

namespace smki::sim {
namespace {

namespace v1 = smki::estate::v1;

constexpr char kOrchestrator[] = "orchestrator";
constexpr size_t kResponsesInBatch = 256;
constexpr int kMaxWaiting = 256;

template <typename Context>
Status OnlyOrchestrator(const Context& context) {
  const std::string caller = rpc::CallerOf(context);
  if (caller == kOrchestrator) return OkStatus();
  return PermissionDenied("this call is the orchestrator's; the transport certificate says '{}'", caller);
}

// Runs unary calls on the core's thread, one after the other; no more than kMaxWaiting wait.
class Core {
 public:
  explicit Core(Executor& executor) : executor_(executor) {}

  template <typename Work>
  grpc::ServerUnaryReactor* Run(grpc::CallbackServerContext* context, Work work) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (waiting_.fetch_add(1) >= kMaxWaiting) {
      waiting_.fetch_sub(1);
      reactor->Finish(
          rpc::ToGrpc(Error(StatusCode::kResourceExhausted, "{} calls are waiting; try again", kMaxWaiting)));
      return reactor;
    }
    executor_.Post([this, reactor, work = std::move(work)] {
      const Status status = work();
      waiting_.fetch_sub(1);
      reactor->Finish(rpc::ToGrpc(status));
    });
    return reactor;
  }
  Executor& executor() { return executor_; }

 private:
  Executor& executor_;
  std::atomic<int> waiting_{0};
};

// One reader of responses. Lives until gRPC is done with it; its own state belongs to the core's thread.
class ResponseStream : public grpc::ServerWriteReactor<v1::ResponseBatch>,
                       public std::enable_shared_from_this<ResponseStream> {
 public:
  ResponseStream(Gateway& gateway, Executor& executor, uint64_t after)
      : gateway_(gateway), executor_(executor), after_(after) {}

  void Begin() {
    self_ = shared_from_this();
    OnCore([this] {
      watch_ = gateway_.Watch([this] { SendMore(); });
      SendMore();
    });
  }
  void Refuse(const Status& status) {
    self_ = shared_from_this();
    Finish(rpc::ToGrpc(status));
  }
  void OnWriteDone(bool ok) override {
    OnCore([this, ok] {
      writing_ = false;
      ended_ = ended_ || !ok;
      SendMore();
    });
  }
  void OnCancel() override {
    OnCore([this] {
      ended_ = true;
      SendMore();
    });
  }
  void OnDone() override {
    OnCore([this] {
      if (watch_ != 0) gateway_.Unwatch(watch_);
      self_.reset();
    });
  }

 private:
  template <typename Task>
  void OnCore(Task task) {
    executor_.Post([keep = shared_from_this(), task = std::move(task)] { task(); });
  }
  void End(const Status& status) {
    if (finished_) return;
    finished_ = true;
    Finish(rpc::ToGrpc(status));
  }
  void SendMore() {
    if (writing_ || finished_) return;
    if (ended_) return End(Error(StatusCode::kCancelled, "the reader has gone"));
    const auto responses = gateway_.Responses(after_, kResponsesInBatch);
    if (!responses.ok()) return End(responses.status());
    if (responses->empty()) return;
    batch_.Clear();
    for (const FleetResponse& one : *responses) {
      v1::Response* response = batch_.add_responses();
      response->set_sequence(one.sequence);
      response->set_device(one.device.value());
      response->set_message(one.message.data(), one.message.size());
    }
    after_ = responses->back().sequence;
    FailPoint("sim.response.before-send");
    writing_ = true;
    StartWrite(&batch_);
  }

  Gateway& gateway_;
  Executor& executor_;
  uint64_t after_;
  Gateway::WatchId watch_ = 0;
  bool writing_ = false;
  bool ended_ = false;
  bool finished_ = false;
  v1::ResponseBatch batch_;
  std::shared_ptr<ResponseStream> self_;
};

class GatewayService : public v1::DeviceGateway::CallbackService {
 public:
  GatewayService(Gateway& gateway, Core& core) : gateway_(gateway), core_(core) {}

  grpc::ServerUnaryReactor* Deliver(grpc::CallbackServerContext* context, const v1::DeliverRequest* request,
                                    v1::DeliverResponse* response) override {
    return core_.Run(context, [this, context, request, response]() -> Status {
      SMKI_RETURN_IF_ERROR(OnlyOrchestrator(*context));
      std::vector<OutgoingCommand> commands;
      commands.reserve(static_cast<size_t>(request->commands_size()));
      for (const v1::Command& command : request->commands()) {
        commands.push_back({Eui64(command.device()), AsBytes(command.message())});
      }
      SMKI_ASSIGN_OR_RETURN(const std::vector<Eui64> unknown, gateway_.Deliver(commands));
      for (const Eui64 device : unknown) response->add_unknown(device.value());
      response->set_accepted(static_cast<uint32_t>(commands.size() - unknown.size()));
      return OkStatus();
    });
  }

  grpc::ServerWriteReactor<v1::ResponseBatch>* Responses(grpc::CallbackServerContext* context,
                                                         const v1::ResponsesRequest* request) override {
    auto stream = std::make_shared<ResponseStream>(gateway_, core_.executor(), request->after_sequence());
    const Status allowed = OnlyOrchestrator(*context);
    if (allowed.ok()) {
      stream->Begin();
    } else {
      stream->Refuse(allowed);
    }
    return stream.get();
  }

 private:
  Gateway& gateway_;
  Core& core_;
};

class InventoryService : public v1::Inventory::CallbackService {
 public:
  InventoryService(FleetStore& fleet, Core& core) : fleet_(fleet), core_(core) {}

  grpc::ServerUnaryReactor* ListDevices(grpc::CallbackServerContext* context, const v1::ListDevicesRequest* request,
                                        v1::ListDevicesResponse* response) override {
    return core_.Run(context, [this, request, response]() -> Status {
      if (request->limit() == 0 || request->limit() > kMaxListed) {
        return InvalidArgument("limit {}: from 1 to {} Devices are listed at a time", request->limit(), kMaxListed);
      }
      SMKI_ASSIGN_OR_RETURN(
          std::vector<FleetDevice> devices,
          fleet_.List(Eui64(request->after()), size_t{request->limit()} + 1, Eui64(request->supplier())));
      response->set_more(devices.size() > request->limit());
      if (response->more()) devices.pop_back();
      for (const FleetDevice& device : devices) {
        v1::Device* out = response->add_devices();
        out->set_eui(device.enrolment.eui.value());
        out->set_device_type(device.enrolment.type);
        out->set_supplier(device.enrolment.supplier.value());
        out->set_network_operator(device.enrolment.network_operator.value());
        out->set_status(device.enrolment.status);
        for (const auto& [cell, unused] : device.state.cells) out->add_cells(cell.ToString());
      }
      return OkStatus();
    });
  }

 private:
  FleetStore& fleet_;
  Core& core_;
};

class AuthorityService : public v1::CertificateAuthority::CallbackService {
 public:
  AuthorityService(Authority& authority, Core& core) : authority_(authority), core_(core) {}

  grpc::ServerUnaryReactor* SubmitRequest(grpc::CallbackServerContext* context, const v1::SubmitRequestRequest* request,
                                          v1::SubmitRequestResponse* response) override {
    return core_.Run(context, [this, context, request, response]() -> Status {
      SMKI_ASSIGN_OR_RETURN(
          const pki::Certificate certificate,
          authority_.SubmitRequest(AsBytes(request->request()), request->subscriber(), rpc::CallerOf(*context)));
      response->set_certificate(certificate.der().data(), certificate.der().size());
      return OkStatus();
    });
  }
  grpc::ServerUnaryReactor* Revoke(grpc::CallbackServerContext* context, const v1::RevokeRequest* request,
                                   v1::RevokeResponse*) override {
    return core_.Run(context, [this, context, request]() -> Status {
      SMKI_RETURN_IF_ERROR(OnlyOrchestrator(*context));
      return authority_.Revoke(AsBytes(request->serial()), request->reason());
    });
  }
  grpc::ServerUnaryReactor* PublishRevocationList(grpc::CallbackServerContext* context,
                                                  const v1::PublishRevocationListRequest*,
                                                  v1::PublishRevocationListResponse* response) override {
    return core_.Run(context, [this, context, response]() -> Status {
      SMKI_RETURN_IF_ERROR(OnlyOrchestrator(*context));
      SMKI_ASSIGN_OR_RETURN(const Authority::PublishedList list, authority_.PublishRevocationList());
      response->set_revocation_list(list.der.data(), list.der.size());
      response->set_file(list.file);
      return OkStatus();
    });
  }
  grpc::ServerUnaryReactor* PublishDelta(grpc::CallbackServerContext* context, const v1::PublishDeltaRequest*,
                                         v1::PublishDeltaResponse* response) override {
    return core_.Run(context, [this, response]() -> Status {
      SMKI_ASSIGN_OR_RETURN(const Authority::PublishedDelta delta, authority_.PublishDelta());
      response->set_file(delta.file);
      response->set_certificates(delta.certificates);
      return OkStatus();
    });
  }
  grpc::ServerUnaryReactor* FindParty(grpc::CallbackServerContext* context, const v1::FindPartyRequest* request,
                                      v1::FindPartyResponse* response) override {
    return core_.Run(context, [this, request, response]() -> Status {
      SMKI_ASSIGN_OR_RETURN(const std::optional<Party> party, authority_.FindParty(Eui64(request->organisation())));
      if (!party) return OkStatus();
      response->set_party(party->id);
      response->set_role(party->role);
      return OkStatus();
    });
  }

 private:
  Authority& authority_;
  Core& core_;
};

}  // namespace

struct EstateService::Impl {
  Impl(Gateway& gateway_core, FleetStore& fleet, Authority& authority_core, Executor& executor)
      : core(executor), gateway(gateway_core, core), inventory(fleet, core), authority(authority_core, core) {}
  Core core;
  GatewayService gateway;
  InventoryService inventory;
  AuthorityService authority;
};

EstateService::EstateService(Gateway& gateway, FleetStore& fleet, Authority& authority, Executor& executor)
    : impl_(std::make_unique<Impl>(gateway, fleet, authority, executor)) {}
EstateService::~EstateService() = default;

std::vector<grpc::Service*> EstateService::services() {
  return {&impl_->gateway, &impl_->inventory, &impl_->authority};
}

}  // namespace smki::sim
