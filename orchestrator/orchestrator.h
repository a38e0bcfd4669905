// The orchestrator's core: everything people can ask of it, behind its seams. It knows the procedure, and holds no SMKI
// private key. The gRPC services (services/) only bring requests here and answers back.
//
// Core's thread only; nothing blocks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/access/access.h"
#include "orchestrator/actions/campaigns.h"
#include "orchestrator/actions/runner.h"
#include "orchestrator/core.h"
#include "orchestrator/evidence/exporter.h"
#include "smki/recovery/v1/recovery.pb.h"

namespace smki::orchestrator {

class Orchestrator {
 public:
  using ViewReply = std::function<void(StatusOr<recovery::v1::IncidentView>)>;

  // Loads policy and identity, opens and replays the ledger. Everything of `outside` must outlive it.
  static StatusOr<std::unique_ptr<Orchestrator>> Create(const Site& site, const Outside& outside);
  ~Orchestrator();
  // Goes on with what a crash or a stop interrupted.
  void Resume();

  // `caller` is the Common Name of the transport certificate. Every refusal is recorded in the ledger.
  // Opening asks the certificate authority whose EUI-64 it is; if that is away, the draft of the Direction asks again.
  void OpenIncident(const std::string& caller, const recovery::v1::OpenIncidentRequest& request, ViewReply reply);
  StatusOr<recovery::v1::IncidentView> GetIncident(const std::string& caller, const std::string& incident);
  StatusOr<recovery::v1::ListIncidentsResponse> ListIncidents(const std::string& caller);
  // Closing is answered when the evidence folder is complete, or after twenty seconds.
  void Act(const std::string& caller, const recovery::v1::ActRequest& request, ViewReply reply);
  StatusOr<recovery::v1::DirectionView> GetDirection(const std::string& caller, const std::string& incident,
                                                     bool votes_only = false);
  StatusOr<recovery::v1::IncidentView> SubmitVote(const std::string& caller,
                                                  const recovery::v1::SubmitVoteRequest& request);
  StatusOr<recovery::v1::CampaignProgress> GetProgress(const std::string& caller, const std::string& incident);
  StatusOr<recovery::v1::ServerInfo> GetServerInfo(const std::string& caller);

  // For watching: the incident's entries after `after`, at most `limit`, and how far was looked. Call again on the next
  // notice.
  struct WatchPage {
    std::vector<recovery::v1::WatchEvent> events;
    uint64_t looked_up_to = 0;  // sequence
    bool more = false;
  };
  StatusOr<WatchPage> ReadEvents(const std::string& caller, const std::string& incident, uint64_t after, size_t limit);
  using NoticeId = uint64_t;
  NoticeId OnNewEntries(std::function<void()> notice);
  void Forget(NoticeId id) { notices_.erase(id); }

  const IncidentBook& book() const { return *book_; }

 private:
  explicit Orchestrator(const Site& site) : site_(site), repository_(site.store) {}

  StatusOr<recovery::v1::IncidentView> DoOpen(const procedures::Person& person,
                                              const recovery::v1::OpenIncidentRequest& request);
  // The incident that this request id has opened; null if there is none. BAD_REQUEST if it was another request.
  StatusOr<const Incident*> OpenedBefore(const procedures::Person& person,
                                         const recovery::v1::OpenIncidentRequest& request);
  struct RunbookText {
    Bytes text;
    procedures::Runbook runbook;
  };
  StatusOr<std::string> FindRunbook(const std::string& id);
  // The runbook of this id in the site's folder, if it has no fault and the trust policy allows it.
  StatusOr<RunbookText> LoadRunbook(const std::string& id);
  // I9: the text of a new runbook lies in the evidence folder, and is named in the ledger (`after`) with the request to
  // pin it; whoever approves, approves what lies there.
  Status PrepareRepin(const Incident& incident, const procedures::Request& change,
                      std::vector<ledger::NewEntry>& after);
  StatusOr<Incident*> DoAct(const procedures::Person& person, const recovery::v1::ActRequest& request);
  Status DoVote(const procedures::Person& person, const recovery::v1::SubmitVoteRequest& request);
  StatusOr<Incident*> Must(const std::string& incident);
  StatusOr<Incident*> Readable(const std::string& caller, const std::string& incident, const char* method);
  void Export(Incident& incident);
  recovery::v1::IncidentView ViewOf(const Incident& incident) const;
  recovery::v1::CampaignProgress ProgressOf(const Incident& incident) const;
  template <typename T>
  StatusOr<T> Noted(const std::string& incident, const std::string& caller, const char* method, StatusOr<T> result);

  const Site site_;
  std::unique_ptr<Trust> trust_;
  std::unique_ptr<IncidentBook> book_;
  std::unique_ptr<Refusals> refusals_;
  Repository repository_;
  Campaigns campaigns_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Runner> runner_;
  std::map<std::string, std::unique_ptr<Exporter>> exporters_;
  std::map<std::string, std::vector<std::function<void()>>> waiting_for_export_;
  std::map<NoticeId, std::function<void()>> notices_;
  NoticeId next_notice_ = 1;
  Lifeline lifeline_;
};

}  // namespace smki::orchestrator
