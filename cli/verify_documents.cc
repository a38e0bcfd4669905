// Checks 5 and 6: what people signed, and that the incident followed its pinned procedure.
#include "cli/evidence.h"
#include "cli/text.h"
#include "procedures/documents.h"
#include "procedures/machine.h"

namespace smki::cli {
namespace {

constexpr char kRunbookFile[] = "runbook.yaml";
constexpr char kEventPrefix[] = "incident.";

bool IsEvent(const ledger::Entry& entry) {
  return entry.kind.rfind(kEventPrefix, 0) == 0;
}

// Events a person brings about by a signed statement (I4). Starting a step and voting are not among them.
bool NeedsStatement(const ledger::Entry& entry) {
  static const std::set<std::string> kinds = {
      "incident.incident-opened",  "incident.step-decided",    "incident.step-skipped",    "incident.incident-paused",
      "incident.incident-resumed", "incident.incident-closed", "incident.runbook-repinned"};
  return !entry.person.empty() && (kinds.count(entry.kind) != 0 || entry.kind == "incident.step-completed");
}

std::string StepOf(const ledger::Entry& entry) {
  ledger::v1::IncidentEvent event;
  return event.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size())) ? event.step() : "";
}

struct Pending {
  procedures::Statement statement;
  const ledger::Entry* entry = nullptr;
};

class Statements {
 public:
  explicit Statements(Evidence& evidence) : evidence_(evidence) {}

  void Run() {
    for (const ledger::Entry& entry : evidence_.entries) {
      if (entry.kind == "statement") {
        Add(entry);
      } else if (IsEvent(entry)) {
        if (NeedsStatement(entry)) Match(entry);
        ++events_[entry.incident];
      }
    }
    evidence_.LookedAt(Count(count_, "signed statement"));
  }

 private:
  void Add(const ledger::Entry& entry) {
    ++count_;
    const std::string where = Evidence::EntryName(entry);
    ledger::v1::SignedStatement payload;
    if (!payload.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size()))) {
      evidence_.Find(where, "its payload is no signed statement");
      return;
    }
    const auto statement = procedures::ParseStatement(payload.document());
    if (!evidence_.Expect(where, statement.status())) return;
    if (statement->person != entry.person)
      evidence_.Find(where, fmt::format("{} signed it, the entry names {}", statement->person, entry.person));
    evidence_.Expect(where,
                     evidence_.CheckSignedBy(statement->person, AsBytes(payload.document()), AsBytes(payload.cms())));
    if (evidence_.policy && statement->environment != evidence_.policy->environment) {
      evidence_.Find(where, "the statement belongs to " + statement->environment.ToString());
    }
    if (statement->verb != "open" && statement->incident != entry.incident) {
      evidence_.Find(where,
                     fmt::format("the statement is about {}, the entry about {}", statement->incident, entry.incident));
    }
    // The page that was read is the one that was acted on.
    if (statement->expected_sequence != events_[entry.incident]) {
      evidence_.Find(where, fmt::format("it was made on page {}, but {} events had happened",
                                        statement->expected_sequence, events_[entry.incident]));
    }
    pending_ = Pending{*statement, &entry};
  }

  void Match(const ledger::Entry& entry) {
    const std::string step = StepOf(entry);
    const bool fits = pending_.entry != nullptr && pending_.statement.person == entry.person &&
                      (step.empty() || pending_.statement.step == step) && pending_.entry->incident == entry.incident;
    if (!fits) {
      evidence_.Find(Evidence::EntryName(entry), fmt::format("{} by {}: no signed statement stands before it",
                                                             entry.kind.substr(sizeof kEventPrefix - 1), entry.person));
    }
    pending_.entry = nullptr;  // one act, one statement
  }

  Evidence& evidence_;
  std::map<std::string, uint64_t> events_;
  Pending pending_;
  uint64_t count_ = 0;
};

procedures::Event EventOf(const ledger::Entry& entry, const ledger::v1::IncidentEvent& payload) {
  procedures::Event event;
  event.kind = entry.kind.substr(sizeof kEventPrefix - 1);
  event.time = entry.time;
  event.step = payload.step();
  event.person = entry.person;
  for (const auto& field : payload.fields()) event.fields[field.key()] = field.value();
  return event;
}

}  // namespace

void CheckStatements(Evidence& evidence) {
  evidence.Begin(5, "statements");
  Statements(evidence).Run();
}

void CheckProcedure(Evidence& evidence) {
  evidence.Begin(6, "procedure");
  const auto text = evidence.Read(kRunbookFile);
  if (!evidence.Expect(kRunbookFile, text.status()) || !evidence.policy) return;
  const auto runbook = procedures::LoadRunbook(AsText(*text), kRunbookFile);
  if (!evidence.Expect(kRunbookFile, runbook.status())) return;
  bool allowed = runbook->key == "none";
  for (const procedures::AllowedUse& use : evidence.policy->allowed) allowed = allowed || use.digest == runbook->digest;
  if (!allowed) evidence.Find(kRunbookFile, "the trust policy does not allow a procedure of this digest");

  const procedures::Machine machine(*runbook, *evidence.policy);
  procedures::IncidentState state;
  for (const ledger::Entry& entry : evidence.entries) {
    if (!IsEvent(entry) || entry.incident != evidence.report.incident) continue;
    ledger::v1::IncidentEvent payload;
    if (!payload.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size()))) {
      evidence.Find(Evidence::EntryName(entry), "its payload is no incident event");
      return;
    }
    if (!evidence.Expect(Evidence::EntryName(entry), machine.Apply(state, EventOf(entry, payload)))) return;
  }
  evidence.LookedAt(fmt::format("{} events of {}, {}", Count(state.events), evidence.report.incident,
                                state.closed ? "closed"
                                : state.open ? "open"
                                             : "never opened"));
  if (!state.open && !state.closed) {
    evidence.Find("ledger.sqlite", "no incident was opened");
  } else if (state.runbook_digest != runbook->digest) {  // I9
    evidence.Find(kRunbookFile,
                  fmt::format("its SHA-256 is {}, pinned was {}", ToHex(runbook->digest), ToHex(state.runbook_digest)));
  }
}

}  // namespace smki::cli
