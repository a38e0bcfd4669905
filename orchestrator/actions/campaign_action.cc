// campaign.run: one wave.
#include "orchestrator/actions/action.h"
#include "orchestrator/actions/campaigns.h"
#include "orchestrator/incident/event_codec.h"
#include "procedures/population.h"

namespace smki::orchestrator {
namespace {

class CampaignAction : public Action {
 public:
  using Action::Action;

  void Start() override {
    wave_ = step().with.at("wave");
    auto running = core().campaigns.For(core(), incident());
    if (!running.ok()) return Fail(running.status());
    running_ = *running;
    if (SummarisedThisAttempt()) return Finish();  // only the outcome was missing
    running_->campaign->SetPaused(incident().state.paused);
    running_->campaign->RunWave(wave_, Guard([this](const Status& status) {
                                  running_->opener->Stop();  // an answer that comes late opens no key
                                  if (!status.ok()) return Fail(status);
                                  Finish();
                                }));
  }
  void SetPaused(bool paused) override {
    if (running_ != nullptr) running_->campaign->SetPaused(paused);
  }
  std::vector<std::string> WaitingFor() const override {
    if (running_ == nullptr) return {};
    if (!running_->opener->waiting_for().empty()) return {running_->opener->waiting_for()};
    const CampaignProgress progress = running_->campaign->Progress();
    if (!progress.held_by.empty()) return {progress.held_by};
    return {fmt::format("{} of {} Devices begun have ended", progress.counts.ended, progress.counts.begun)};
  }

 private:
  bool SummarisedThisAttempt() const {
    const auto mark = incident().actions.find(step().id);
    const auto summary = incident().summaries.find(wave_);
    return mark != incident().actions.end() && summary != incident().summaries.end() &&
           summary->second.sequence > mark->second.intent;
  }

  void Finish() {
    const CampaignCounts& counts = running_->campaign->state().counts();
    const std::string told =
        fmt::format("{} of {} Devices recovered, {} half-replaced, {} refused, {} silent", counts.recovered,
                    counts.total, counts.half_replaced, counts.refused, counts.silent);
    if (wave_ == "canary") {
      const auto [recovered, of] = running_->campaign->CanaryResult();
      if (recovered * 100 < of * core().site.campaign.canary_percent) {
        return Fail(FailedPrecondition(
            "only {} of {} canary Devices were recovered ({} % are needed). Find out why from the failures, then start "
            "the step again: it takes other Devices",
            recovered, of, core().site.campaign.canary_percent));
      }
    }
    Succeed(told, {{"campaign.recovered", fmt::format("{}", counts.recovered)},
                   {"campaign.half-replaced", fmt::format("{}", counts.half_replaced)},
                   {"campaign.refused", fmt::format("{}", counts.refused)},
                   {"campaign.silent", fmt::format("{}", counts.silent)},
                   {"campaign.signatures", fmt::format("{}", counts.signatures)}});
  }

  std::string wave_;
  Campaigns::Running* running_ = nullptr;
};

}  // namespace

std::string CampaignLogOf(const Incident& incident) {
  return incident.folder + "/" + kCampaignLogFile;
}

Status Campaigns::Conclude(Core& core, Incident& incident) {
  if (!core.outside.files.Exists(CampaignLogOf(incident))) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(Running * running, For(core, incident));
  if (running->campaign->log_records() == incident.summarised_records) return OkStatus();
  return running->campaign->Conclude();
}

const Campaigns::Running* Campaigns::Find(const std::string& incident) const {
  const auto it = running_.find(incident);
  return it == running_.end() ? nullptr : &it->second;
}

StatusOr<Campaigns::Running*> Campaigns::For(Core& core, Incident& incident) {
  const auto known = running_.find(incident.state.id);
  if (known != running_.end()) {
    const Campaign& campaign = *known->second.campaign;
    if (campaign.running() || !campaign.spoiled()) return &known->second;
    running_.erase(known);
  }
  SMKI_ASSIGN_OR_RETURN(DirectedUse use, LoadDirectedUse(core.book, incident));
  Campaign::Plan plan;
  plan.incident = incident.state.id;
  plan.digest = use.digest;
  plan.settings = core.site.campaign;
  plan.batches_before = incident.last_batch;
  plan.summarised_records = incident.summarised_records;
  for (const procedures::DirectedGroup& group : use.direction.groups) {
    SMKI_ASSIGN_OR_RETURN(procedures::Population population, procedures::ParsePopulation(use.populations[group.name]));
    plan.populations.push_back(std::move(population));
    SMKI_ASSIGN_OR_RETURN(GroupIntent intent, IntentOf(use.direction, group, use.certificates));
    plan.intents.push_back(std::move(intent));
  }
  const bool discloses = use.direction.key == "contingency";
  plan.direction = std::move(use.direction);
  SMKI_ASSIGN_OR_RETURN(std::shared_ptr<const repository::Store> store, core.repository.Current());

  Running running;
  running.opener = std::make_unique<KeyOpener>(core, incident);
  KeyOpener* opener = running.opener.get();
  const std::string id = incident.state.id;
  Campaign::Seams seams{core.outside.executor,
                        core.outside.clock,
                        core.outside.files,
                        core.outside.keyguard,
                        core.outside.estate,
                        std::move(store),
                        [&book = core.book, id](const std::string& kind, Bytes payload) -> StatusOr<ledger::Entry> {
                          std::vector<ledger::NewEntry> entries;
                          entries.push_back({id, "", kind, std::move(payload)});
                          SMKI_ASSIGN_OR_RETURN(std::vector<ledger::Entry> written, book.Append(std::move(entries)));
                          return std::move(written.front());
                        },
                        [opener](std::function<void(Status)> done) { opener->Open(std::move(done)); }};
  if (discloses) {
    seams.disclosed = [&core, &incident](ByteSpan key) -> Status {
      if (incident.Find(kSymmetricKeyArtefact) != nullptr) return OkStatus();
      return core.book.AddArtefact(incident, kSymmetricKeyArtefact, kSymmetricKeyFile, key, "");
    };
  }
  const std::string path = CampaignLogOf(incident);
  SMKI_RETURN_IF_ERROR(core.outside.files.CreateDirectories(DirectoryOf(path)));
  SMKI_ASSIGN_OR_RETURN(running.campaign, Campaign::Open(std::move(seams), std::move(plan), path));
  return &running_.emplace(id, std::move(running)).first->second;
}

std::unique_ptr<Action> MakeCampaignAction(Action::Context context) {
  if (context.step.action != "campaign.run") return nullptr;
  return std::make_unique<CampaignAction>(std::move(context));
}

}  // namespace smki::orchestrator
