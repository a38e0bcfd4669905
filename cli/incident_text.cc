#include "cli/incident_text.h"

#include <algorithm>

#include "cli/deviation_text.h"

namespace smki::cli {
namespace {

using recovery::v1::IncidentView;
using recovery::v1::StepView;

ByteSpan Octets(const std::string& field) {
  return AsBytes(field);
}

std::string Painted(const std::string& status, const Style& style) {
  if (status == "done") return style.Good(status);
  if (status == "failed") return style.Bad(status);
  if (status == "ready" || status == "running") return style.Strong(status);
  if (status == "skipped") return style.Warn(status);
  return style.Faint(status);
}

// Names of those who hold a role, as people know them.
std::string Holders(const std::string& role, const Reader& reader) {
  if (reader.policy == nullptr) return "";
  std::string out;
  for (const procedures::Person& person : reader.policy->persons) {
    if (person.HasRole(role)) out += (out.empty() ? "" : ", ") + person.id;
  }
  return out;
}

// Whose turn it is: votes and shares come from others than the step's own actor.
std::string TurnOf(const StepView& step) {
  const bool running = step.status() == "running";
  if (step.kind() == "direction" && running) return "pma-member";
  if (step.kind() == "ceremony" && running) return "key-custodian";
  if (step.status() == "failed" && step.actor() == "system") return "incident-lead";
  return step.actor() == "party" ? "incident-operator" : step.actor();
}

std::string Who(const StepView& step, const Reader& reader) {
  const std::string role = TurnOf(step);
  if (role == "system") return "the system, by itself";
  const std::string holders = Holders(role, reader);
  return holders.empty() ? role : role + " (" + holders + ")";
}

// The orchestrator says so on a tie. Whether it is one, the Chair's own tool counts.
bool WaitsForTheChair(const StepView& step) {
  return std::any_of(step.waiting_for().begin(), step.waiting_for().end(),
                     [](const std::string& what) { return what.find("casting vote") != std::string::npos; });
}

// What the notification says; the first step compares it with the list of Organisations.
std::string About(const IncidentView& view, size_t label) {
  const recovery::v1::Notification& said = view.notification();
  if (said.party().empty()) return "";
  std::string out = Fact("about", Printable(said.party() + " " + Eui64(said.organisation()).ToString()), label);
  if (!said.successor().empty())
    out +=
        Fact("successor", Printable(said.successor() + " " + Eui64(said.successor_organisation()).ToString()), label);
  if (!said.what().empty()) out += Fact("what", Printable(said.what()), label);
  if (!said.reported_by().empty())
    out += Fact("reported", Printable("by " + said.reported_by() + ", received " + said.received()), label);
  return out;
}

std::string Rejections(const IncidentView& view, size_t label) {
  std::string out;
  for (const recovery::v1::Rejection& no : view.rejections())
    out += Fact("rejected", Printable("by " + no.person() + ": " + no.reason()), label);
  return out;
}

std::string Head(const IncidentView& view, const Style& style) {
  std::string out = style.Strong(view.incident()) + "  " + Printable(view.title()) + "\n";
  Columns facts(2);
  const std::string runbook = ToHex(Octets(view.runbook_digest()));
  facts.Row({"state", view.state() == "open" ? view.state() : style.Warn(view.state())});
  facts.Row({"runbook", fmt::format("{}, pinned {}", view.runbook(), runbook.substr(0, 16))});
  facts.Row({"page", fmt::format("sequence {}", view.sequence())});
  facts.Row({"ledger", fmt::format("{} entries, head {}", Count(view.ledger_entries()),
                                   ToHex(Octets(view.ledger_head())).substr(0, 16))});
  return out + facts.Text() + About(view, 7);
}

// The options with which an act is bound to this page.
std::string OnPage(const IncidentView& view) {
  return fmt::format(" --incident {} --expect {}", view.incident(), view.sequence());
}

}  // namespace

bool Reader::MayAct(const StepView& step) const {
  if (entry == nullptr) return false;
  const std::string role = TurnOf(step);
  if (entry->HasRole(role)) return true;
  // Any of the incident team may start again what the system could not do.
  if (step.status() == "failed" && step.actor() == "system") return entry->HasRole("incident-operator");
  if (role == "pma-member" && IsChair()) return WaitsForTheChair(step);
  return role == "pma-member" && entry->HasRole("pma-alternate");
}

bool IsCurrent(const StepView& step) {
  return step.status() == "ready" || step.status() == "running" || step.status() == "failed";
}

std::string ToPaste(const char* label, const std::string& command) {
  return fmt::format("  {:<9}{}\n", label, command);
}

std::string CommandFor(const IncidentView& view, const StepView& step, const Reader& reader) {
  if (!reader.MayAct(step)) return "";
  const bool running = step.status() == "running";
  const std::string page = OnPage(view);
  if (step.status() == "failed") return "smkictl incident start " + step.id() + page;
  if (step.kind() == "attest") return "smkictl incident done " + step.id() + page + " --text \"what you did and saw\"";
  if (step.kind() == "decide") {
    std::string choices;
    for (const std::string& choice : step.choices()) choices += (choices.empty() ? "" : "|") + choice;
    return "smkictl incident decide " + step.id() + " " + choices + page + " --text \"why\"";
  }
  if (step.kind() == "direction" && running) {
    return "smkictl direction review --incident " + view.incident() +
           (reader.IsChair() ? ", then smkictl direction cast" : ", then smkictl direction sign (or reject)") +
           ", as it says";
  }
  if (step.kind() == "ceremony" && running) return "smkictl ceremony check, then smkictl ceremony present";
  return running ? "" : "smkictl incident start " + step.id() + page;
}

std::string WaitingFor(const StepView& step, const Reader& reader) {
  if (TurnOf(step) == "system") return "the system does this by itself";
  if (!reader.MayAct(step)) return "another person must act: " + Who(step, reader);
  return "under way";
}

std::string StatusText(const IncidentView& view, const Reader& reader, const Style& style) {
  std::string out = Head(view, style);
  std::string phase;
  Columns rows(2);
  const auto flush = [&] {
    if (rows.empty()) return;
    out += "\n" + style.Strong(phase) + "\n" + rows.Text();
    rows = Columns(2);
  };
  for (const StepView& step : view.steps()) {
    if (step.phase() != phase) {
      flush();
      phase = step.phase();
    }
    std::string remark = step.person();
    if (step.status() == "blocked" && step.waiting_for_size() > 0) remark = "after " + step.waiting_for(0);
    if (step.status() == "failed") remark = Printable(step.result());
    if (step.finished_ms() > 0 && step.status() == "done") {
      remark = ClockTime({step.finished_ms()}) + (remark.empty() ? "" : "  " + remark);
    }
    if (IsCurrent(step) && reader.MayAct(step)) remark = style.Strong("yours");
    rows.Row({Painted(step.status(), style), step.id(), Printable(step.title()), remark});
  }
  flush();
  out += DeviationsText(view, reader, style);
  if (view.rejections_size() > 0) out += "\n" + Rejections(view, 9);
  if (view.progress().total() > 0) out += "\n" + Fact("campaign", ProgressLine(view.progress()), 9, 0);
  for (const auto& failure : view.progress().failures())
    out += Fact("", fmt::format("{} {}", Count(failure.count()), Printable(failure.code())), 9, 0);
  out += "\n";
  if (view.state() == "closed") {
    if (!view.closed_text().empty()) out += Fact("why", Printable(view.closed_text()), 9, 0);
    out += Fact("closed", view.evidence().empty() ? "the incident is over" : "evidence in " + view.evidence(), 9, 0);
  } else {
    out += Fact("next", "smkictl incident next", 9, 0);
  }
  return out;
}

std::string NextText(const IncidentView& view, const Reader& reader, const Style& style) {
  std::vector<const StepView*> current;
  for (const StepView& step : view.steps()) {
    if (IsCurrent(step)) current.push_back(&step);
  }
  std::stable_sort(current.begin(), current.end(), [&](const StepView* a, const StepView* b) {
    return !CommandFor(view, *a, reader).empty() > !CommandFor(view, *b, reader).empty();
  });
  std::string out = fmt::format("{}  {}, sequence {}\n", style.Strong(view.incident()), view.state(), view.sequence());
  out += About(view, 9);
  if (view.state() == "closed") {
    return out +
           Fact("closed", view.evidence().empty() ? "nothing is left to do" : "evidence in " + view.evidence(), 9);
  }
  if (view.state() == "paused")
    out += Fact("paused", "nothing moves until:", 9) +
           ToPaste("", "smkictl incident resume" + OnPage(view) + " --text \"why\"");
  for (const StepView* step : current) {
    const std::string command = CommandFor(view, *step, reader);
    out += fmt::format("\n{}  {}{}\n", style.Strong(step->id()), Printable(step->title()),
                       command.empty() ? "" : style.Good("  (yours)"));
    out += Fact("state", step->status() + (step->result().empty() ? "" : ": " + Printable(step->result())), 9);
    if (!step->purpose().empty()) out += Fact("why", Printable(step->purpose()), 9);
    out += Fact("who", Who(*step, reader), 9);
    if (!step->guidance().empty()) out += Fact("how", Printable(step->guidance()), 9);
    if (!step->verify().empty()) out += Fact("verify", Printable(step->verify()), 9);
    if (!step->deadline().empty()) out += Fact("within", step->deadline(), 9);
    if (!step->basis_source().empty())
      out += Fact("basis", Printable(step->basis_source()) + ", " + step->basis_confidence(), 9);
    for (const std::string& missing : step->waiting_for()) out += Fact("waits", Printable(missing), 9);
    if (step->kind() == "direction") out += Rejections(view, 9);
    out += command.empty() ? Fact("wait", WaitingFor(*step, reader), 9) : ToPaste("do", command);
  }
  out += WaitingDeviationsText(view, reader, style);
  if (current.empty()) {
    out += "\n" + Fact("next", "no step is open; when all are done:", 9) +
           ToPaste("", "smkictl incident close" + OnPage(view) + " --text \"why\"");
  }
  return out;
}

std::string ProgressLine(const recovery::v1::CampaignProgress& progress) {
  std::string out = fmt::format("recovered {} of {}", Count(progress.recovered()), Count(progress.total()));
  const auto add = [&](const char* word, uint64_t number) {
    if (number > 0) out += fmt::format(", {} {}", word, Count(number));
  };
  add("half-replaced", progress.half_replaced());
  add("refused", progress.refused());
  add("silent", progress.silent());
  add("in flight", progress.in_flight());
  if (!progress.wave().empty()) out += ", " + progress.wave() + " wave";
  if (progress.per_second() > 0) out += fmt::format(", {:.0f} a second", progress.per_second());
  if (progress.remaining_ms() > 0) out += ", " + Elapsed(Millis(progress.remaining_ms())) + " left";
  return out;
}

Json ProgressJson(const recovery::v1::CampaignProgress& progress) {
  Json failures = Json::array();
  for (const auto& failure : progress.failures())
    failures.push_back({{"code", failure.code()}, {"count", failure.count()}});
  return {{"total", progress.total()},
          {"recovered", progress.recovered()},
          {"half_replaced", progress.half_replaced()},
          {"refused", progress.refused()},
          {"silent", progress.silent()},
          {"in_flight", progress.in_flight()},
          {"waiting", progress.waiting()},
          {"signatures", progress.signatures()},
          {"per_second", progress.per_second()},
          {"remaining_ms", progress.remaining_ms()},
          {"wave", progress.wave()},
          {"failures", failures}};
}

namespace {

Json StepJson(const StepView& step) {
  return {{"id", step.id()},
          {"phase", step.phase()},
          {"title", step.title()},
          {"actor", step.actor()},
          {"kind", step.kind()},
          {"status", step.status()},
          {"waiting_for", std::vector<std::string>(step.waiting_for().begin(), step.waiting_for().end())},
          {"choices", std::vector<std::string>(step.choices().begin(), step.choices().end())},
          {"person", step.person()},
          {"result", step.result()},
          {"text", step.text()},
          {"started", step.started_ms() > 0 ? FormatTimeMillis({step.started_ms()}) : ""},
          {"finished", step.finished_ms() > 0 ? FormatTimeMillis({step.finished_ms()}) : ""}};
}

Json RejectionsJson(const IncidentView& view) {
  Json out = Json::array();
  for (const recovery::v1::Rejection& no : view.rejections())
    out.push_back({{"person", no.person()}, {"reason", no.reason()}});
  return out;
}

}  // namespace

Json StatusJson(const IncidentView& view) {
  Json steps = Json::array();
  for (const StepView& step : view.steps()) steps.push_back(StepJson(step));
  Json outputs = Json::object();
  for (const auto& output : view.outputs()) outputs[output.key()] = output.value();
  return {{"incident", view.incident()},
          {"title", view.title()},
          {"runbook", view.runbook()},
          {"runbook_digest", ToHex(Octets(view.runbook_digest()))},
          {"state", view.state()},
          {"sequence", view.sequence()},
          {"notification",
           {{"party", view.notification().party()},
            {"organisation", Eui64(view.notification().organisation()).ToString()},
            {"what", view.notification().what()},
            {"reported_by", view.notification().reported_by()},
            {"received", view.notification().received()},
            {"successor", view.notification().successor()},
            {"successor_organisation", view.notification().successor().empty()
                                           ? ""
                                           : Eui64(view.notification().successor_organisation()).ToString()}}},
          {"steps", steps},
          {"direction_digest", ToHex(Octets(view.direction_digest()))},
          {"rejections", RejectionsJson(view)},
          {"deviations", DeviationsJson(view)},
          {"closed", {{"result", view.closed_result()}, {"text", view.closed_text()}}},
          {"progress", ProgressJson(view.progress())},
          {"ledger", {{"entries", view.ledger_entries()}, {"head", ToHex(Octets(view.ledger_head()))}}},
          {"evidence", view.evidence()},
          {"outputs", outputs}};
}

Json NextJson(const IncidentView& view, const Reader& reader) {
  Json steps = Json::array();
  for (const StepView& step : view.steps()) {
    if (!IsCurrent(step)) continue;
    Json one = StepJson(step);
    one["purpose"] = step.purpose();
    one["guidance"] = step.guidance();
    one["verify"] = step.verify();
    one["deadline"] = step.deadline();
    one["basis"] = {{"source", step.basis_source()}, {"confidence", step.basis_confidence()}};
    one["command"] = CommandFor(view, step, reader);
    one["yours"] = !CommandFor(view, step, reader).empty();
    steps.push_back(std::move(one));
  }
  return {{"incident", view.incident()},        {"state", view.state()},
          {"sequence", view.sequence()},        {"rejections", RejectionsJson(view)},
          {"deviations", DeviationsJson(view)}, {"steps", steps}};
}

std::string ListText(const recovery::v1::ListIncidentsResponse& list, const Style& style) {
  if (list.incidents().empty()) return "no incident has been opened yet\n";
  Columns rows(0);
  for (const IncidentView& view : list.incidents()) {
    const recovery::v1::Notification& said = view.notification();
    rows.Row({style.Strong(view.incident()), view.state(), view.runbook(),
              Printable(said.party() + " " + Eui64(said.organisation()).ToString()), Printable(said.received())});
  }
  return rows.Text();
}

Json ListJson(const recovery::v1::ListIncidentsResponse& list) {
  Json incidents = Json::array();
  for (const IncidentView& view : list.incidents()) {
    const recovery::v1::Notification& said = view.notification();
    incidents.push_back({{"incident", view.incident()},
                         {"state", view.state()},
                         {"runbook", view.runbook()},
                         {"sequence", view.sequence()},
                         {"party", said.party()},
                         {"organisation", Eui64(said.organisation()).ToString()},
                         {"received", said.received()},
                         {"closed", view.closed_result()},
                         {"evidence", view.evidence()}});
  }
  return {{"incidents", incidents}};
}

}  // namespace smki::cli
