// smki.recovery.v1.Recovery over gRPC: a thin shell. Every call is posted to the core's thread and answered from there.
#pragma once

#include <memory>

#include "base/executor.h"
#include "orchestrator/orchestrator.h"
#include "smki/recovery/v1/recovery.grpc.pb.h"

namespace smki::orchestrator {

class RecoveryService : public recovery::v1::Recovery::CallbackService {
 public:
  // Both must outlive the server that this service is registered with.
  RecoveryService(Orchestrator& core, Executor& executor) : core_(core), executor_(executor) {}

  grpc::ServerUnaryReactor* OpenIncident(grpc::CallbackServerContext* context,
                                         const recovery::v1::OpenIncidentRequest* request,
                                         recovery::v1::IncidentView* response) override;
  grpc::ServerUnaryReactor* GetIncident(grpc::CallbackServerContext* context,
                                        const recovery::v1::GetIncidentRequest* request,
                                        recovery::v1::IncidentView* response) override;
  grpc::ServerUnaryReactor* ListIncidents(grpc::CallbackServerContext* context,
                                          const recovery::v1::ListIncidentsRequest* request,
                                          recovery::v1::ListIncidentsResponse* response) override;
  grpc::ServerUnaryReactor* Act(grpc::CallbackServerContext* context, const recovery::v1::ActRequest* request,
                                recovery::v1::IncidentView* response) override;
  grpc::ServerUnaryReactor* GetDirection(grpc::CallbackServerContext* context,
                                         const recovery::v1::GetDirectionRequest* request,
                                         recovery::v1::DirectionView* response) override;
  grpc::ServerUnaryReactor* SubmitVote(grpc::CallbackServerContext* context,
                                       const recovery::v1::SubmitVoteRequest* request,
                                       recovery::v1::IncidentView* response) override;
  grpc::ServerUnaryReactor* GetProgress(grpc::CallbackServerContext* context,
                                        const recovery::v1::GetProgressRequest* request,
                                        recovery::v1::CampaignProgress* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const recovery::v1::GetServerInfoRequest* request,
                                          recovery::v1::ServerInfo* response) override;
  grpc::ServerWriteReactor<recovery::v1::WatchEvent>* Watch(grpc::CallbackServerContext* context,
                                                            const recovery::v1::WatchRequest* request) override;

 private:
  // `f` runs on the core's thread with the caller's name and gives a StatusOr<Response>.
  template <typename Response, typename F>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Response* response, F f);

  Orchestrator& core_;
  Executor& executor_;
};

}  // namespace smki::orchestrator
