#include "orchestrator/evidence/story.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "orchestrator/incident/event_codec.h"

namespace smki::orchestrator {
namespace {

constexpr size_t kPage = 1000;
constexpr const char* kPhases[] = {"pre-recovery", "execution", "post-recovery"};

void TellSteps(const Incident& incident, Story& story) {
  for (const procedures::Step& step : incident.runbook.steps) {
    const procedures::StepState& at = incident.state.steps.at(step.id);
    story.steps.push_back({step.id, step.title, step.phase, Name(at.status), at.person, at.result, at.text, at.started,
                           at.finished, at.attempts});
  }
  for (const char* name : kPhases) {
    UtcTime begin{INT64_MAX}, end;
    for (const StoryStep& step : story.steps) {
      if (step.phase != name || step.started.ms == 0) continue;
      begin = std::min(begin, step.started);
      end = std::max(end, step.finished);
    }
    if (end > begin) story.phases.push_back({name, static_cast<double>((end - begin).count()) / 1000.0});
  }
}

void TellDeviations(const Incident& incident, Story& story) {
  for (const auto& [digest, deviation] : incident.state.deviations) {
    const procedures::Deviation& asked = deviation.asked;
    StoryDeviation& one =
        story.deviations.emplace_back(StoryDeviation{deviation.requested,
                                                     procedures::InWords(asked),
                                                     asked.why,
                                                     deviation.requested_by,
                                                     asked.witness,
                                                     incident.machine.StandingOf(incident.state, deviation),
                                                     {}});
    for (const auto& [person, time] : deviation.approvals) one.approved_by.push_back(person);
  }
  std::stable_sort(story.deviations.begin(), story.deviations.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
}

void TellSummary(const Incident& incident, Story& story) {
  uint64_t newest = 0;
  for (const auto& [wave, mark] : incident.summaries) {
    if (mark.sequence < newest) continue;
    newest = mark.sequence;
    story.devices = mark.summary.total();
    story.recovered = mark.summary.recovered();
    story.half_replaced = mark.summary.half_replaced();
    story.refused = mark.summary.refused();
    story.silent = mark.summary.silent();
    story.signatures = mark.summary.signatures();
  }
}

Status TellEntry(const ledger::Entry& entry, Story& story) {
  if (entry.kind == "refusal") {
    SMKI_ASSIGN_OR_RETURN(const auto refusal, PayloadOf<ledger::v1::RefusalRecord>(entry));
    const uint64_t count = std::max<uint64_t>(refusal.count(), 1);
    story.refusal_counts[refusal.reason()] += count;
    if (story.refusals.size() < kMaxRefusals)
      story.refusals.push_back({entry.time, refusal.reason(), refusal.detail(), entry.person, count});
  } else if (entry.kind == "campaign.intent") {
    ++story.batches;
  } else if (entry.kind == "keyguard") {
    SMKI_ASSIGN_OR_RETURN(const auto record, PayloadOf<ledger::v1::KeyguardRecord>(entry));
    if (record.what() == "opened") story.ceremonies.push_back(record.detail());
  }
  return OkStatus();
}

}  // namespace

StatusOr<Story> TellStory(IncidentBook& book, const Incident& incident, const procedures::TrustPolicy& policy,
                          const Digest& policy_digest) {
  Story story;
  const procedures::IncidentState& state = incident.state;
  const auto from = [](const std::map<std::string, std::string>& map, const char* key) {
    const auto it = map.find(key);
    return it == map.end() ? std::string() : it->second;
  };
  story.incident = state.id;
  story.title = incident.runbook.title;
  story.runbook = incident.runbook.id;
  story.runbook_version = incident.runbook.version;
  story.runbook_digest = ToHex(incident.runbook.digest);
  story.environment = policy.environment.ToString();
  story.policy_digest = ToHex(policy_digest);
  story.party = from(state.facts, "party");
  story.organisation = from(state.facts, "eui");
  story.what = from(state.facts, "what");
  story.reported_by = from(state.facts, "reportedBy");
  story.received = from(state.facts, "received");
  story.successor = from(state.facts, "successor");
  story.successor_organisation = from(state.facts, "successorEui");
  story.state = state.closed ? "closed" : state.paused ? "paused" : "open";
  story.opened_by = state.opened_by;
  story.opened = state.opened;
  story.ended = state.newest;
  story.direction_id = from(state.outputs, "direction.id");
  story.direction_digest = from(state.outputs, "direction.digest");
  story.approved_by.assign(state.approved_by.begin(), state.approved_by.end());
  story.rejected_by.assign(state.rejected_by.begin(), state.rejected_by.end());
  story.rejections = state.rejections;
  story.cast_by = state.cast_by;
  story.cast = state.cast;
  story.closed_result = state.closed_result;
  story.closed_text = state.closed_text;
  story.outputs = state.outputs;
  TellSteps(incident, story);
  TellDeviations(incident, story);
  TellSummary(incident, story);
  for (const Artefact& artefact : incident.artefacts)
    story.files.push_back({artefact.name, artefact.file, ToHex(artefact.sha256), artefact.person});
  const ledger::Head head = book.ledger().head();
  story.ledger_entries = head.entries;
  story.ledger_head = ToHex(head.hash);
  for (uint64_t sequence = 1; sequence < head.entries;) {
    SMKI_ASSIGN_OR_RETURN(const std::vector<ledger::Entry> page, book.ledger().Read(sequence, kPage));
    if (page.empty()) return DataLoss("ledger entry {} cannot be read", sequence);
    for (const ledger::Entry& entry : page) {
      if (entry.incident == state.id) SMKI_RETURN_IF_ERROR(TellEntry(entry, story));
    }
    sequence = page.back().sequence + 1;
  }
  return story;
}

}  // namespace smki::orchestrator
