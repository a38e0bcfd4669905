#include "sim/network/estate_service.h"

#include <atomic>

#include "base/fail_point.h"
#include "proto/rpc/server.h"
#include "proto/rpc/status.h"
#include "sim/network/estate_calls.h"
#include "smki/estate/v1/estate.grpc.pb.h"

namespace smki::sim {
namespace {

namespace v1 = smki::estate::v1;

constexpr int kMaxWaiting = 256;

// Runs unary calls on the core's thread, one after the other; no more than kMaxWaiting wait.
class Core {
 public:
  Core(EstateCalls& calls, Executor& executor) : calls_(calls), executor_(executor) {}

  template <typename Request, typename Response>
  using Method = Status (EstateCalls::*)(const std::string&, const Request&, Response&);

  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Run(grpc::CallbackServerContext* context, Method<Request, Response> method,
                                const Request* request, Response* response) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (waiting_.fetch_add(1) >= kMaxWaiting) {
      waiting_.fetch_sub(1);
      reactor->Finish(
          rpc::ToGrpc(Error(StatusCode::kResourceExhausted, "{} calls are waiting; try again", kMaxWaiting)));
      return reactor;
    }
    executor_.Post([this, reactor, method, request, response, caller = rpc::CallerOf(*context)] {
      const Status status = (calls_.*method)(caller, *request, *response);
      waiting_.fetch_sub(1);
      reactor->Finish(rpc::ToGrpc(status));
    });
    return reactor;
  }
  EstateCalls& calls() { return calls_; }
  Executor& executor() { return executor_; }

 private:
  EstateCalls& calls_;
  Executor& executor_;
  std::atomic<int> waiting_{0};
};

// One reader of responses. Lives until gRPC is done with it; its own state belongs to the core's thread.
class ResponseStream : public grpc::ServerWriteReactor<v1::ResponseBatch>,
                       public std::enable_shared_from_this<ResponseStream> {
 public:
  ResponseStream(EstateCalls& calls, Executor& executor, uint64_t after)
      : calls_(calls), executor_(executor), after_(after) {}

  void Begin(const std::string& caller) {
    self_ = shared_from_this();
    OnCore([this, caller] {
      const auto reader = calls_.ReadableBy(caller);
      if (!reader.ok()) return End(reader.status());
      reader_ = *reader;
      watch_ = calls_.gateway().Watch([this] { SendMore(); });
      SendMore();
    });
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
      if (watch_ != 0) calls_.gateway().Unwatch(watch_);
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
    auto batch = calls_.ResponsesAfter(after_, reader_);
    if (!batch.ok()) return End(batch.status());
    if (batch->responses_size() == 0) return;
    batch_ = *std::move(batch);
    FailPoint("sim.response.before-send");
    writing_ = true;
    StartWrite(&batch_);
  }

  EstateCalls& calls_;
  Executor& executor_;
  uint64_t after_;
  std::optional<Eui64> reader_;
  Gateway::WatchId watch_ = 0;
  bool writing_ = false;
  bool ended_ = false;
  bool finished_ = false;
  v1::ResponseBatch batch_;
  std::shared_ptr<ResponseStream> self_;
};

class GatewayService : public v1::DeviceGateway::CallbackService {
 public:
  explicit GatewayService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* Deliver(grpc::CallbackServerContext* context, const v1::DeliverRequest* request,
                                    v1::DeliverResponse* response) override {
    return core_.Run(context, &EstateCalls::Deliver, request, response);
  }
  grpc::ServerWriteReactor<v1::ResponseBatch>* Responses(grpc::CallbackServerContext* context,
                                                         const v1::ResponsesRequest* request) override {
    auto stream = std::make_shared<ResponseStream>(core_.calls(), core_.executor(), request->after_sequence());
    stream->Begin(rpc::CallerOf(*context));
    return stream.get();
  }

 private:
  Core& core_;
};

class BrokerService : public v1::AccessControlBroker::CallbackService {
 public:
  explicit BrokerService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* Send(grpc::CallbackServerContext* context, const v1::DeliverRequest* request,
                                 v1::DeliverResponse* response) override {
    return core_.Run(context, &EstateCalls::Send, request, response);
  }

 private:
  Core& core_;
};

class InventoryService : public v1::Inventory::CallbackService {
 public:
  explicit InventoryService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* ListDevices(grpc::CallbackServerContext* context, const v1::ListDevicesRequest* request,
                                        v1::ListDevicesResponse* response) override {
    return core_.Run(context, &EstateCalls::ListDevices, request, response);
  }

 private:
  Core& core_;
};

class AuthorityService : public v1::CertificateAuthority::CallbackService {
 public:
  explicit AuthorityService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* SubmitRequest(grpc::CallbackServerContext* context, const v1::SubmitRequestRequest* request,
                                          v1::SubmitRequestResponse* response) override {
    return core_.Run(context, &EstateCalls::SubmitRequest, request, response);
  }
  grpc::ServerUnaryReactor* Revoke(grpc::CallbackServerContext* context, const v1::RevokeRequest* request,
                                   v1::RevokeResponse* response) override {
    return core_.Run(context, &EstateCalls::Revoke, request, response);
  }
  grpc::ServerUnaryReactor* PublishRevocationList(grpc::CallbackServerContext* context,
                                                  const v1::PublishRevocationListRequest* request,
                                                  v1::PublishRevocationListResponse* response) override {
    return core_.Run(context, &EstateCalls::PublishRevocationList, request, response);
  }
  grpc::ServerUnaryReactor* PublishDelta(grpc::CallbackServerContext* context, const v1::PublishDeltaRequest* request,
                                         v1::PublishDeltaResponse* response) override {
    return core_.Run(context, &EstateCalls::PublishDelta, request, response);
  }
  grpc::ServerUnaryReactor* FindParty(grpc::CallbackServerContext* context, const v1::FindPartyRequest* request,
                                      v1::FindPartyResponse* response) override {
    return core_.Run(context, &EstateCalls::FindParty, request, response);
  }

 private:
  Core& core_;
};

}  // namespace

struct EstateService::Impl {
  Impl(Gateway& gateway_core, FleetStore& fleet, Authority& authority_core, Executor& executor,
       const pki::PrivateKey* broker_key)
      : calls(gateway_core, fleet, authority_core, broker_key),
        core(calls, executor),
        gateway(core),
        broker(core),
        inventory(core),
        authority(core) {}
  EstateCalls calls;
  Core core;
  GatewayService gateway;
  BrokerService broker;
  InventoryService inventory;
  AuthorityService authority;
};

EstateService::EstateService(Gateway& gateway, FleetStore& fleet, Authority& authority, Executor& executor,
                             const pki::PrivateKey* broker)
    : impl_(std::make_unique<Impl>(gateway, fleet, authority, executor, broker)) {}
EstateService::~EstateService() = default;

std::vector<grpc::Service*> EstateService::services() {
  return {&impl_->gateway, &impl_->broker, &impl_->inventory, &impl_->authority};
}

}  // namespace smki::sim
