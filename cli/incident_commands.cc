// smkictl incident ...
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "base/usage.h"
#include "cli/command.h"
#include "cli/direction_acts.h"
#include "cli/incident_acts.h"
#include "cli/incident_text.h"
#include "cli/watch.h"

namespace smki::cli {
namespace {

using recovery::v1::IncidentView;

Reader ReaderOf(const Person& person) {
  return {&person.policy(), person.entry()};
}

// After an act: what it did, in a line or two, and where to look next.
void ShowActed(const Command& command, const Act& act, const IncidentView& view) {
  if (command.json()) {
    command.Print(StatusJson(view));
    return;
  }
  const std::string what = act.step == kNoStep ? act.verb : act.verb + " " + act.step;
  std::string out = command.style().Good("recorded") + "  " + what + "  (" + view.incident() + " is " + view.state() +
                    ", sequence " + std::to_string(view.sequence()) + ")\n";
  for (const recovery::v1::StepView& step : view.steps()) {
    if (IsCurrent(step)) out += Fact(step.id(), step.status() + ": " + Printable(step.title()), 24);
  }
  if (act.verb == "deviate")
    out += Fact("", "nothing changes before another person approves it: smkictl incident status", 6, 0);
  out += Fact("next", "smkictl incident next", 6, 0);
  command.Print(out);
}

struct ActOptions {
  Act act;
  int64_t expected = -1;
  std::vector<std::string> factors;  // "ID=TEXT"
};

// "ID=TEXT" each.
Status ReadFactors(const std::vector<std::string>& given, Act& act) {
  for (const std::string& one : given) {
    const size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0)
      return InvalidArgument("--factor \"{}\" must be the factor's id, '=' and the answer", one);
    if (!act.factors.emplace(one.substr(0, equals), one.substr(equals + 1)).second)
      return InvalidArgument("factor '{}' is answered twice", one.substr(0, equals));
  }
  return OkStatus();
}

// Asks the person at the terminal what the decision has to answer and they have not said; an empty line leaves a factor
// unanswered.
Status AskFactors(const Command& command, Person& person, Act& act) {
  SMKI_ASSIGN_OR_RETURN(const IncidentView page, FetchIncident(person, act.incident));
  act.incident = page.incident();
  // Nobody answers questions for an act that is refused anyway.
  if (act.expected && *act.expected != page.sequence()) return OkStatus();
  for (const recovery::v1::StepView& step : page.steps()) {
    if (step.id() != act.step || std::count(step.stops().begin(), step.stops().end(), act.choice) > 0) continue;
    for (const recovery::v1::FactorView& factor : step.factors()) {
      if (act.factors.contains(factor.id())) continue;
      command.Print(Fact(factor.mandatory() ? "mandatory" : "optional", Printable(factor.id()), 9) +
                    Fact("", Printable(factor.question()), 9) + "  > ");
      std::string answer;
      std::getline(std::cin, answer);
      if (answer.find_first_not_of(' ') != std::string::npos) act.factors[factor.id()] = answer;
    }
  }
  return OkStatus();
}

// What was typed is not lost with a refusal.
std::string AnswersToPaste(const Act& act) {
  std::string out;
  for (const auto& [id, answer] : act.factors) {
    std::string word;
    for (const char c : procedures::CleanText(answer).text)
      word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += ToPaste("", fmt::format("--factor '{}={}'", id, word));
  }
  return out.empty() ? "" : Fact("answers", "to give with the command when you repeat it:", 9) + out;
}

CLI::App* AddAct(CLI::App& group, Command& command, const char* verb, const char* help, bool takes_step,
                 bool needs_text) {
  CLI::App* sub = group.add_subcommand(verb, help);
  auto options = std::make_shared<ActOptions>();
  options->act.verb = verb;
  if (takes_step) sub->add_option("step", options->act.step, "step id, as `incident next` shows it")->required();
  if (options->act.verb == "decide")
    sub->add_option("choice", options->act.choice, "one of the step's choices")->required();
  if (options->act.verb == "decide")
    sub->add_option(
           "--factor", options->factors,
           "ID=TEXT: the answer to a factor of the step, for the PMA to read; it is signed. Repeat it for each")
        ->allow_extra_args(false);
  CLI::Option* text = sub->add_option("--text", options->act.text, "what was done and seen, or why; it is signed");
  if (needs_text) text->required();
  sub->add_option("--incident", options->act.incident, "incident id; without it the newest");
  sub->add_option("--expect", options->expected, "sequence of the page you read; without it the page is read now")
      ->check(WholeNumber());
  sub->callback([&command, options] {
    command.Run([&]() -> Status {
      if (options->expected >= 0) options->act.expected = static_cast<uint64_t>(options->expected);
      SMKI_RETURN_IF_ERROR(ReadFactors(options->factors, options->act));
      SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
      if (options->act.verb == "decide" && command.can_ask())
        SMKI_RETURN_IF_ERROR(AskFactors(command, person, options->act));
      const auto view = Perform(person, options->act);
      if (!view.ok() && command.can_ask()) command.Print(AnswersToPaste(options->act));
      if (!view.ok()) return view.status();
      ShowActed(command, options->act, *view);
      return OkStatus();
    });
  });
  return sub;
}

struct DeviateOptions {
  Act act;
  int64_t expected = -1;
  std::string approve;
};

// The act that the options ask for, and what is approved, in words.
StatusOr<Act> DeviationAct(const Command& command, Person& person, const DeviateOptions& options) {
  Act act = options.act;
  if (options.expected >= 0) act.expected = static_cast<uint64_t>(options.expected);
  if (options.approve.empty()) {
    act.verb = "deviate";
    SMKI_ASSIGN_OR_RETURN(const IncidentView view, FetchIncident(person, act.incident));
    const procedures::Statement asked = StatementFor(person, act, view.sequence(), UtcTime{});
    SMKI_RETURN_IF_ERROR(procedures::CheckForm(procedures::AskedBy(asked)));
    return act;
  }
  SMKI_ASSIGN_OR_RETURN(const IncidentView view, FetchIncident(person, act.incident));
  SMKI_ASSIGN_OR_RETURN(DeviationApproval approval, ApprovalOf(view, options.approve));
  approval.act.text = act.text;
  if (act.expected) approval.act.expected = act.expected;
  if (!command.json()) {
    const procedures::Deviation asked = procedures::AskedBy(approval.request);
    command.Print(Fact("approving", Printable(procedures::InWords(asked)), 9) + Fact("why", Printable(asked.why), 9) +
                  Fact("asked", Printable(approval.request.person + ", seen by " + asked.witness), 9));
  }
  return approval.act;
}

void AddDeviate(CLI::App& group, Command& command) {
  CLI::App* sub = group.add_subcommand(
      "deviate", "leave the runbook's way: ask for it, or, as another person, approve what was asked for");
  auto options = std::make_shared<DeviateOptions>();
  Act& act = options->act;
  CLI::Option* kind = sub->add_option("--kind", act.deviation,
                                      "skip a step; repeat one that is done; reorder: do it without waiting for "
                                      "another; repin: go on under another runbook")
                          ->check(CLI::IsMember({"skip", "repeat", "reorder", "repin"}));
  CLI::Option* step = sub->add_option("--step", act.step, "step id; not of a repin");
  CLI::Option* after = sub->add_option("--not-after", act.not_after, "reorder: the step that it does not wait for");
  CLI::Option* runbook = sub->add_option("--runbook", act.runbook,
                                         "repin: SHA-256 of the new runbook, which lies in the orchestrator's folder");
  CLI::Option* witness = sub->add_option("--witness", act.witness, "initials of who saw you ask, such as WB");
  CLI::Option* approve = sub->add_option("--approve", options->approve,
                                         "approve what another asked for: the request, as `incident status` shows it");
  sub->add_option("--reason,--text", act.text, "why; it is signed");
  sub->add_option("--incident", act.incident, "incident id; without it the newest");
  sub->add_option("--expect", options->expected, "sequence of the page you read; without it the page is read now")
      ->check(WholeNumber());
  for (CLI::Option* other : {kind, step, after, runbook, witness}) approve->excludes(other);
  sub->callback([&command, options] {
    command.Run([&]() -> Status {
      if (options->approve.empty() && options->act.deviation.empty())
        return InvalidArgument("say --kind to ask for a deviation, or --approve to approve one");
      SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
      SMKI_ASSIGN_OR_RETURN(const Act act, DeviationAct(command, person, *options));
      SMKI_ASSIGN_OR_RETURN(const IncidentView view, Perform(person, act));
      ShowActed(command, act, view);
      return OkStatus();
    });
  });
}

void AddOpen(CLI::App& group, Command& command) {
  CLI::App* sub = group.add_subcommand("open", "open an incident from a notification");
  struct Options {
    Opening opening;
    std::string organisation;
  };
  auto options = std::make_shared<Options>();
  sub->add_option("--runbook", options->opening.runbook, "procedure, e.g. method-3")->required();
  sub->add_option("--party", options->opening.party, "who is compromised, e.g. supplier-a")->required();
  sub->add_option("--organisation", options->organisation, "EUI-64 of that organisation")->required();
  sub->add_option("--what", options->opening.what, "what happened, in words; it is signed")->required();
  sub->add_option("--request-id", options->opening.request_id,
                  "repeat a lost request with the same id: it opens one incident only");
  sub->callback([&command, options] {
    command.Run([&]() -> Status {
      const auto eui = Eui64::Parse(options->organisation);
      if (!eui)
        return InvalidArgument("--organisation \"{}\" is no EUI-64 such as 90-B3-D5-1F-30-01-00-00",
                               options->organisation);
      options->opening.organisation = *eui;
      SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
      SMKI_ASSIGN_OR_RETURN(const IncidentView view, OpenIncident(person, options->opening));
      if (command.json()) {
        command.Print(StatusJson(view));
      } else {
        command.Print(command.style().Good(view.already_open() ? "already open" : "opened") + "  " + view.incident() +
                      "\n\n" + NextText(view, ReaderOf(person), command.style()));
      }
      return OkStatus();
    });
  });
}

// The page must come whatever cannot be judged: then it says why.
Json WithActs(Person& person, const IncidentView& view) {
  Json out = StatusJson(view);
  if (view.direction_digest().empty()) return out;
  const auto acts = [&]() -> StatusOr<PmaActs> {
    SMKI_ASSIGN_OR_RETURN(const recovery::v1::DirectionView direction, FetchDirection(person, view.incident(), true));
    return FetchActs(person, direction);
  }();
  out["pma"] = acts.ok() ? PmaActsJson(*acts) : Json{{"unknown", Message(acts.status())}};
  return out;
}

void AddPage(CLI::App& group, Command& command, const char* name, const char* help, bool next) {
  CLI::App* sub = group.add_subcommand(name, help);
  auto incident = std::make_shared<std::string>();
  sub->add_option("--incident", *incident, "incident id; without it the newest");
  sub->callback([&command, incident, next] {
    command.Run([&]() -> Status {
      SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
      SMKI_ASSIGN_OR_RETURN(const IncidentView view, FetchIncident(person, *incident));
      const Reader reader = ReaderOf(person);
      if (command.json()) {
        command.Print(next ? NextJson(view, reader) : WithActs(person, view));
      } else {
        command.Print(next ? NextText(view, reader, command.style()) : StatusText(view, reader, command.style()));
      }
      return OkStatus();
    });
  });
}

void AddList(CLI::App& group, Command& command) {
  CLI::App* sub = group.add_subcommand("list", "every incident, oldest first; other commands take --incident");
  sub->callback([&command] {
    command.Run([&]() -> Status {
      SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
      SMKI_ASSIGN_OR_RETURN(recovery::v1::Recovery::Stub * stub, person.Orchestrator());
      recovery::v1::ListIncidentsResponse list;
      SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &recovery::v1::Recovery::Stub::ListIncidents,
                                            recovery::v1::ListIncidentsRequest(), list, kCallDeadline));
      command.json() ? command.Print(ListJson(list)) : command.Print(ListText(list, command.style()));
      return OkStatus();
    });
  });
}

void AddWatch(CLI::App& group, Command& command) {
  CLI::App* sub = group.add_subcommand("watch", "follow an incident as it happens; survives a restart of the server");
  auto options = std::make_shared<WatchOptions>();
  sub->add_option("--incident", options->incident, "incident id; without it the newest");
  sub->add_option("--until", options->until_step, "end when this step is done");
  sub->add_flag("--until-closed", options->until_closed,
                "end when the incident is closed (it also ends then without this)");
  sub->add_option("--patience", options->patience_seconds, "seconds to wait for a server that is away")
      ->check(WholeNumber())
      ->capture_default_str();
  sub->callback([&command, options] {
    command.Run([&]() -> Status {
      SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
      return WatchIncident(command, person, *options);
    });
  });
}

}  // namespace

void AddIncidentCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("incident", "what happens, what is next, and your part in it");
  group->require_subcommand(1);
  AddPage(*group, command, "next", "what can be done now: what, why, who, how to verify", true);
  AddPage(*group, command, "status", "the whole incident on one page", false);
  AddList(*group, command);
  AddOpen(*group, command);
  AddAct(*group, command, "done", "attest that a step is done", true, true);
  AddAct(*group, command, "decide", "make the decision a step asks for", true, true);
  AddAct(*group, command, "start", "start a step that the system carries out, or start it again", true, false);
  AddDeviate(*group, command);
  AddAct(*group, command, "pause", "nothing new starts; the key stays open to its end", false, true);
  AddAct(*group, command, "resume", "go on after a pause", false, true);
  AddAct(*group, command, "close",
         "close the incident: when every step is done, or, with the reason, before a ceremony", false, true);
  AddWatch(*group, command);
}

}  // namespace smki::cli
