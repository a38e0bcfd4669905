// What people see of an incident.
#include "orchestrator/incident/event_codec.h"
#include "orchestrator/orchestrator.h"

namespace smki::orchestrator {
namespace {

using recovery::v1::IncidentView;
using recovery::v1::StepView;

std::string From(const std::map<std::string, std::string>& map, const char* key) {
  const auto it = map.find(key);
  return it == map.end() ? std::string() : it->second;
}

void DescribeFactors(const procedures::Runbook& runbook, const procedures::Step& step, const procedures::StepState& at,
                     StepView& view) {
  for (const procedures::Factor& factor : step.factors) {
    recovery::v1::FactorView& one = *view.add_factors();
    one.set_id(factor.id);
    one.set_question(factor.question);
    one.set_mandatory(factor.mandatory);
    one.set_answer(From(at.factors, factor.id.c_str()));
  }
  for (const std::string& choice : step.choices) {
    if (!procedures::LeadsOn(runbook, step, choice)) view.add_stops(choice);
  }
}

void Describe(const procedures::Step& step, const procedures::StepState& at, StepView& view) {
  view.set_id(step.id);
  view.set_phase(step.phase);
  view.set_title(step.title);
  view.set_actor(step.actor);
  view.set_kind(Name(step.kind));
  view.set_status(Name(at.status));
  view.set_purpose(step.purpose);
  view.set_guidance(step.guidance);
  view.set_verify(step.verify);
  for (const std::string& evidence : step.evidence) view.add_evidence(evidence);
  for (const std::string& choice : step.choices) view.add_choices(choice);
  view.set_person(at.person);
  view.set_result(at.result);
  view.set_text(at.text);
  view.set_started_ms(at.started.ms);
  view.set_finished_ms(at.finished.ms);
  view.set_basis_source(step.basis.source);
  view.set_basis_confidence(step.basis.confidence);
  if (step.deadline) view.set_deadline(FormatDuration(*step.deadline));
}

void Describe(const Incident& incident, const procedures::TrustPolicy& policy, const std::string& digest,
              const procedures::DeviationState& deviation, recovery::v1::DeviationView& view) {
  const procedures::Deviation& asked = deviation.asked;
  view.set_digest(digest);
  view.set_kind(Name(asked.kind));
  view.set_step(asked.step);
  view.set_not_after(asked.not_after);
  view.set_runbook(asked.runbook);
  view.set_why(asked.why);
  view.set_witness(asked.witness);
  view.set_requested_by(deviation.requested_by);
  view.set_requested_ms(deviation.requested.ms);
  view.set_standing(incident.machine.StandingOf(incident.state, deviation));
  for (const auto& [person, time] : deviation.approvals) view.add_approved_by(person);
  view.set_approver(procedures::ApproverRole(policy, asked, deviation.requested_by));
  view.set_request(From(incident.deviations, digest.c_str()));
}

// One line for people about an entry.
std::string LineOf(const ledger::Entry& entry) {
  if (entry.kind.rfind(kEventPrefix, 0) == 0) {
    const auto event = EventOf(entry);
    if (!event.ok()) return "";
    std::string out = event->step;
    if (event->kind == "deviation-requested") out = From(event->fields, "deviation") + (out.empty() ? "" : " " + out);
    for (const char* key : {"choice", "result", "text", "why", "reason"}) {
      if (const std::string value = From(event->fields, key); !value.empty()) out += (out.empty() ? "" : ": ") + value;
    }
    return out;
  }
  if (entry.kind == "artefact") {
    const auto payload = PayloadOf<ledger::v1::Artefact>(entry);
    return payload.ok() ? fmt::format("{} ({} octets)", payload->file(), payload->size()) : "";
  }
  if (entry.kind == "refusal") {
    const auto payload = PayloadOf<ledger::v1::RefusalRecord>(entry);
    return payload.ok() ? fmt::format("{}: {}", payload->reason(), payload->detail()) : "";
  }
  if (entry.kind == "action.intent" || entry.kind == "action.outcome") {
    const auto payload = PayloadOf<ledger::v1::ActionRecord>(entry);
    return payload.ok() ? fmt::format("{} {}: {}", payload->action(),
                                      payload->outcome().empty() ? "begins" : payload->outcome(), payload->detail())
                        : "";
  }
  if (entry.kind == "campaign.intent") {
    const auto payload = PayloadOf<ledger::v1::CampaignIntent>(entry);
    return payload.ok()
               ? fmt::format("batch {}: {} Devices of {}", payload->batch(), payload->items(), payload->group())
               : "";
  }
  if (entry.kind == "campaign.batch") {
    const auto payload = PayloadOf<ledger::v1::CampaignBatch>(entry);
    return payload.ok()
               ? fmt::format("batch {}: {} signed, {} not", payload->batch(), payload->signed_(), payload->refused())
               : "";
  }
  if (entry.kind == "campaign.summary") {
    const auto payload = PayloadOf<ledger::v1::CampaignSummary>(entry);
    return payload.ok() ? fmt::format("{} wave: {} of {} recovered, {} half-replaced, {} refused, {} silent",
                                      payload->wave(), payload->recovered(), payload->total(), payload->half_replaced(),
                                      payload->refused(), payload->silent())
                        : "";
  }
  if (entry.kind == "keyguard") {
    const auto payload = PayloadOf<ledger::v1::KeyguardRecord>(entry);
    return payload.ok() ? fmt::format("{} {}", payload->what(), payload->detail()) : "";
  }
  return "";
}

}  // namespace

IncidentView Orchestrator::ViewOf(const Incident& incident) const {
  const procedures::IncidentState& state = incident.state;
  IncidentView view;
  view.set_incident(state.id);
  view.set_title(incident.runbook.title);
  view.set_runbook(incident.runbook.id);
  view.set_runbook_digest(ToString(incident.runbook.digest));
  view.set_state(state.closed ? "closed" : state.paused ? "paused" : "open");
  view.set_sequence(state.events);
  recovery::v1::Notification& notification = *view.mutable_notification();
  notification.set_party(From(state.facts, "party"));
  notification.set_organisation(Eui64::Parse(From(state.facts, "eui")).value_or(Eui64()).value());
  notification.set_what(From(state.facts, "what"));
  notification.set_reported_by(From(state.facts, "reportedBy"));
  notification.set_received(From(state.facts, "received"));
  for (const procedures::Step& step : incident.runbook.steps) {
    StepView& one = *view.add_steps();
    Describe(step, state.steps.at(step.id), one);
    DescribeFactors(incident.runbook, step, state.steps.at(step.id), one);
    for (const std::string& required : incident.machine.WaitingFor(state, step)) one.add_waiting_for(required);
    const Action* action = runner_->Find(incident, step.id);
    if (action == nullptr) continue;
    for (const std::string& what : action->WaitingFor()) {
      if (!what.empty()) one.add_waiting_for(what);
    }
  }
  if (const Artefact* direction = incident.Find(kDirectionArtefact))
    view.set_direction_digest(ToString(direction->sha256));
  *view.mutable_progress() = ProgressOf(incident);
  const ledger::Head head = book_->ledger().head();
  view.set_ledger_entries(head.entries);
  view.set_ledger_head(ToString(head.hash));
  if (state.closed && Exporter::IsComplete(*core_, incident)) view.set_evidence(incident.folder);
  for (const auto& [person, reason] : state.rejections) {
    recovery::v1::Rejection& rejection = *view.add_rejections();
    rejection.set_person(person);
    rejection.set_reason(reason);
  }
  std::vector<std::pair<UtcTime, std::string>> asked;
  for (const auto& [digest, deviation] : state.deviations) asked.emplace_back(deviation.requested, digest);
  std::sort(asked.begin(), asked.end());
  for (const auto& [time, digest] : asked)
    Describe(incident, core_->policy(), digest, state.deviations.at(digest), *view.add_deviations());
  view.set_closed_result(state.closed_result);
  view.set_closed_text(state.closed_text);
  for (const auto& [key, value] : state.outputs) {
    recovery::v1::KeyValue& output = *view.add_outputs();
    output.set_key(key);
    output.set_value(value);
  }
  return view;
}

recovery::v1::CampaignProgress Orchestrator::ProgressOf(const Incident& incident) const {
  recovery::v1::CampaignProgress out;
  const Campaigns::Running* running = campaigns_.Find(incident.state.id);
  if (running != nullptr) {
    const CampaignProgress progress = running->campaign->Progress();
    out.set_total(progress.counts.total);
    out.set_recovered(progress.counts.recovered);
    out.set_half_replaced(progress.counts.half_replaced);
    out.set_refused(progress.counts.refused);
    out.set_silent(progress.counts.silent);
    out.set_in_flight(progress.in_flight);
    out.set_waiting(progress.counts.total - progress.counts.ended -
                    std::min(progress.in_flight, progress.counts.total - progress.counts.ended));
    out.set_signatures(progress.counts.signatures);
    out.set_per_second(progress.per_second);
    out.set_remaining_ms(progress.remaining.count());
    out.set_wave(progress.wave);
    for (const auto& [reason, count] : progress.failures) {
      recovery::v1::ReasonCount& failure = *out.add_failures();
      failure.set_code(reason);
      failure.set_count(count);
    }
    return out;
  }
  // After a restart, or when it is over: what the newest summary says.
  uint64_t newest = 0;
  for (const auto& [wave, mark] : incident.summaries) {
    if (mark.sequence < newest) continue;
    newest = mark.sequence;
    out.set_total(mark.summary.total());
    out.set_recovered(mark.summary.recovered());
    out.set_half_replaced(mark.summary.half_replaced());
    out.set_refused(mark.summary.refused());
    out.set_silent(mark.summary.silent());
    out.set_waiting(out.total() - out.recovered() - out.half_replaced() - out.refused() - out.silent());
    out.set_signatures(mark.summary.signatures());
    out.set_wave(wave);
  }
  return out;
}

StatusOr<Orchestrator::WatchPage> Orchestrator::ReadEvents(const std::string& caller, const std::string& incident,
                                                           uint64_t after, size_t limit) {
  SMKI_ASSIGN_OR_RETURN(const Incident* found, Readable(caller, incident, "Watch"));
  SMKI_ASSIGN_OR_RETURN(const std::vector<ledger::Entry> entries, book_->ledger().Read(after + 1, limit));
  WatchPage page;
  page.looked_up_to = entries.empty() ? after : entries.back().sequence;
  page.more = entries.size() == limit;
  for (const ledger::Entry& entry : entries) {
    if (entry.incident != found->state.id) continue;
    recovery::v1::WatchEvent& event = page.events.emplace_back();
    event.set_ledger_sequence(entry.sequence);
    event.set_time_ms(entry.time.ms);
    event.set_kind(entry.kind);
    event.set_person(entry.person);
    event.set_text(LineOf(entry));
  }
  return page;
}

}  // namespace smki::orchestrator
