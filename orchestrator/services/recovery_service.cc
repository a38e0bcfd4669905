#include "orchestrator/services/recovery_service.h"

#include <deque>

#include "proto/rpc/server.h"
#include "proto/rpc/status.h"

namespace smki::orchestrator {
namespace {

using recovery::v1::WatchEvent;

constexpr size_t kPage = 256;  // entries looked at for one refill: bounds what a slow watcher holds

// One watcher. Everything but the gRPC callbacks happens on the core's thread; it ends when gRPC says so.
class Watcher : public grpc::ServerWriteReactor<WatchEvent> {
 public:
  Watcher(Orchestrator& core, Executor& executor, std::string caller, const recovery::v1::WatchRequest& request)
      : core_(core),
        executor_(executor),
        caller_(std::move(caller)),
        incident_(request.incident()),
        after_(request.after_sequence()) {
    executor_.Post([this] { Begin(); });
  }

  void OnWriteDone(bool ok) override {
    executor_.Post([this, ok] {
      writing_ = false;
      if (!ok) return End(grpc::Status::CANCELLED);
      Pump();
    });
  }
  void OnCancel() override {
    executor_.Post([this] { End(grpc::Status::CANCELLED); });
  }
  void OnDone() override {
    executor_.Post([this] {
      core_.Forget(notice_);
      delete this;
    });
  }

 private:
  void Begin() {
    auto view = core_.GetIncident(caller_, incident_);
    if (!view.ok()) return End(rpc::ToGrpc(view.status()));
    incident_ = view->incident();
    notice_ = core_.OnNewEntries([this] {
      if (noticed_) return;
      noticed_ = true;
      executor_.Post(lifeline_.Guard([this] {
        noticed_ = false;
        Pump();
      }));
    });
    WatchEvent& snapshot = queue_.emplace_back();
    *snapshot.mutable_snapshot() = std::move(*view);
    Pump();
  }
  void Pump() {
    if (ended_ || writing_) return;
    while (queue_.empty()) {
      auto page = core_.ReadEvents(caller_, incident_, after_, kPage);
      if (!page.ok()) return End(rpc::ToGrpc(page.status()));
      after_ = page->looked_up_to;
      for (WatchEvent& event : page->events) queue_.push_back(std::move(event));
      if (!page->more) break;
    }
    if (queue_.empty()) return;
    current_ = std::move(queue_.front());
    queue_.pop_front();
    writing_ = true;
    StartWrite(&current_);
  }
  void End(const grpc::Status& status) {
    if (ended_) return;
    ended_ = true;
    Finish(status);
  }

  Orchestrator& core_;
  Executor& executor_;
  const std::string caller_;
  std::string incident_;
  uint64_t after_;
  Orchestrator::NoticeId notice_ = 0;
  std::deque<WatchEvent> queue_;
  WatchEvent current_;
  bool writing_ = false, ended_ = false, noticed_ = false;
  Lifeline lifeline_;
};

}  // namespace

template <typename Response, typename F>
grpc::ServerUnaryReactor* RecoveryService::Answer(grpc::CallbackServerContext* context, Response* response, F f) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  executor_.Post([response, reactor, caller = rpc::CallerOf(*context), f] {
    StatusOr<Response> result = f(caller);
    if (result.ok()) *response = std::move(*result);
    reactor->Finish(rpc::ToGrpc(result.status()));
  });
  return reactor;
}

grpc::ServerUnaryReactor* RecoveryService::OpenIncident(grpc::CallbackServerContext* context,
                                                        const recovery::v1::OpenIncidentRequest* request,
                                                        recovery::v1::IncidentView* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  executor_.Post([this, request, response, reactor, caller = rpc::CallerOf(*context)] {
    core_.OpenIncident(caller, *request, [response, reactor](StatusOr<recovery::v1::IncidentView> result) {
      if (result.ok()) *response = std::move(*result);
      reactor->Finish(rpc::ToGrpc(result.status()));
    });
  });
  return reactor;
}

grpc::ServerUnaryReactor* RecoveryService::GetIncident(grpc::CallbackServerContext* context,
                                                       const recovery::v1::GetIncidentRequest* request,
                                                       recovery::v1::IncidentView* response) {
  return Answer(context, response,
                [this, request](const std::string& caller) { return core_.GetIncident(caller, request->incident()); });
}

grpc::ServerUnaryReactor* RecoveryService::ListIncidents(grpc::CallbackServerContext* context,
                                                         const recovery::v1::ListIncidentsRequest*,
                                                         recovery::v1::ListIncidentsResponse* response) {
  return Answer(context, response, [this](const std::string& caller) { return core_.ListIncidents(caller); });
}

grpc::ServerUnaryReactor* RecoveryService::Act(grpc::CallbackServerContext* context,
                                               const recovery::v1::ActRequest* request,
                                               recovery::v1::IncidentView* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  executor_.Post([this, request, response, reactor, caller = rpc::CallerOf(*context)] {
    core_.Act(caller, *request, [response, reactor](StatusOr<recovery::v1::IncidentView> result) {
      if (result.ok()) *response = std::move(*result);
      reactor->Finish(rpc::ToGrpc(result.status()));
    });
  });
  return reactor;
}

grpc::ServerUnaryReactor* RecoveryService::GetDirection(grpc::CallbackServerContext* context,
                                                        const recovery::v1::GetDirectionRequest* request,
                                                        recovery::v1::DirectionView* response) {
  return Answer(context, response, [this, request](const std::string& caller) {
    return core_.GetDirection(caller, request->incident(), request->votes_only());
  });
}

grpc::ServerUnaryReactor* RecoveryService::SubmitVote(grpc::CallbackServerContext* context,
                                                      const recovery::v1::SubmitVoteRequest* request,
                                                      recovery::v1::IncidentView* response) {
  return Answer(context, response,
                [this, request](const std::string& caller) { return core_.SubmitVote(caller, *request); });
}

grpc::ServerUnaryReactor* RecoveryService::GetProgress(grpc::CallbackServerContext* context,
                                                       const recovery::v1::GetProgressRequest* request,
                                                       recovery::v1::CampaignProgress* response) {
  return Answer(context, response,
                [this, request](const std::string& caller) { return core_.GetProgress(caller, request->incident()); });
}

grpc::ServerUnaryReactor* RecoveryService::GetServerInfo(grpc::CallbackServerContext* context,
                                                         const recovery::v1::GetServerInfoRequest*,
                                                         recovery::v1::ServerInfo* response) {
  return Answer(context, response, [this](const std::string& caller) { return core_.GetServerInfo(caller); });
}

grpc::ServerWriteReactor<WatchEvent>* RecoveryService::Watch(grpc::CallbackServerContext* context,
                                                             const recovery::v1::WatchRequest* request) {
  return new Watcher(core_, executor_, rpc::CallerOf(*context), *request);
}

}  // namespace smki::orchestrator
