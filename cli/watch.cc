#include "cli/watch.h"

#include "cli/incident_acts.h"
#include "cli/incident_text.h"
#include "proto/rpc/status.h"

namespace smki::cli {
namespace {

using recovery::v1::IncidentView;
using recovery::v1::Recovery;
using recovery::v1::WatchEvent;

constexpr char kClearLine[] = "\r\x1b[K";
constexpr char kClosedEvent[] = "incident.incident-closed";

class Watcher {
 public:
  Watcher(Command& command, Person& person, const WatchOptions& options)
      : command_(command), person_(person), options_(options) {}

  Status Run() {
    SMKI_ASSIGN_OR_RETURN(const IncidentView page, FetchIncident(person_, options_.incident));
    incident_ = page.incident();
    SMKI_RETURN_IF_ERROR(Judge(page));
    while (!ended_) {
      const Status status = Follow();
      if (ended_) break;
      if (status.code() != StatusCode::kUnavailable && !status.ok()) return status;
      if (!person_.AwaitOrchestrator(Millis(1000) * options_.patience_seconds)) {
        return Unavailable("the orchestrator at {} has been away for {} s", person_.site().orchestrator,
                           options_.patience_seconds);
      }
    }
    ClearProgress();
    return result_;
  }

 private:
  // Shows events until the stream ends.
  Status Follow() {
    SMKI_ASSIGN_OR_RETURN(Recovery::Stub * stub, person_.Orchestrator());
    recovery::v1::WatchRequest request;
    request.set_incident(incident_);
    request.set_after_sequence(seen_);
    grpc::ClientContext context;
    const auto reader = stub->Watch(&context, request);
    WatchEvent event;
    while (!ended_ && reader->Read(&event)) {
      if (event.has_snapshot()) {
        SMKI_RETURN_IF_ERROR(Judge(event.snapshot()));
      }
      if (event.ledger_sequence() > seen_) Show(event);
      if (event.ledger_sequence() > 0) SMKI_RETURN_IF_ERROR(AfterEvent(event));
    }
    if (ended_) context.TryCancel();
    return rpc::FromGrpc(reader->Finish());
  }

  void Show(const WatchEvent& event) {
    seen_ = event.ledger_sequence();
    if (event.kind().empty()) return;
    ClearProgress();
    if (command_.json()) {
      command_.Print(Dump({{"sequence", event.ledger_sequence()},
                           {"time", FormatTimeMillis({event.time_ms()})},
                           {"kind", event.kind()},
                           {"person", event.person()},
                           {"text", event.text()}}) +
                     "\n");
    } else if (!command_.terminal() || event.kind().rfind("campaign.", 0) != 0) {
      command_.Print(EventLine(event, command_.style()));
    }
  }

  // Steps move with incident events, the progress line with campaign events.
  Status AfterEvent(const WatchEvent& event) {
    if (event.kind() == kClosedEvent) ended_ = true;
    const bool draws = event.kind().rfind("campaign.", 0) == 0 && command_.terminal() && !command_.json();
    const bool judges = event.kind().rfind("incident.", 0) == 0 && !options_.until_step.empty();
    if (!draws && !judges) return OkStatus();
    SMKI_ASSIGN_OR_RETURN(const IncidentView page, FetchIncident(person_, incident_));
    if (draws) DrawProgress(page.progress());
    return Judge(page);
  }

  // Has what is waited for come?
  Status Judge(const IncidentView& page) {
    for (const recovery::v1::StepView& step : page.steps()) {
      if (step.id() != options_.until_step) continue;
      found_step_ = true;
      if (step.status() == "done" || step.status() == "skipped") ended_ = true;
      if (step.status() == "failed") {
        ended_ = true;
        result_ = FailedPrecondition("step {} has failed: {} Next: smkictl incident next", step.id(), step.result());
      }
    }
    if (!options_.until_step.empty() && !found_step_) {
      return NotFound("{} has no step \"{}\"; see smkictl incident status", incident_, options_.until_step);
    }
    return OkStatus();
  }

  void DrawProgress(const recovery::v1::CampaignProgress& progress) {
    if (progress.total() == 0) return;
    command_.Print(std::string(kClearLine) + Bar(progress.recovered(), progress.total(), 24) + " " +
                   ProgressLine(progress));
    drawn_ = true;
  }
  void ClearProgress() {
    if (drawn_) command_.Print(std::string(kClearLine));
    drawn_ = false;
  }

  Command& command_;
  Person& person_;
  const WatchOptions& options_;
  std::string incident_;
  uint64_t seen_ = 0;
  bool ended_ = false, found_step_ = false, drawn_ = false;
  Status result_;
};

}  // namespace

std::string EventLine(const WatchEvent& event, const Style& style) {
  std::string kind = event.kind();
  if (kind.rfind("incident.", 0) == 0) kind.erase(0, sizeof "incident." - 1);
  const std::string person = event.person().empty() ? "" : "  " + style.Faint(event.person());
  std::string text = Printable(event.text());
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return fmt::format("{}  {:<20}  {}{}\n", style.Faint(ClockTime({event.time_ms()})), kind, text, person);
}

Status WatchIncident(Command& command, Person& person, const WatchOptions& options) {
  return Watcher(command, person, options).Run();
}

}  // namespace smki::cli
