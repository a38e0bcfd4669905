// Checks 5 and 6: what people signed, and that the incident followed its pinned procedure.
#include "cli/evidence.h"
#include "cli/text.h"
#include "procedures/documents.h"
#include "procedures/machine.h"

namespace smki::cli {
namespace {

constexpr char kRunbookFile[] = "runbook.yaml";
constexpr char kEventPrefix[] = "incident.";
constexpr char kNone[] = "none";

bool IsEvent(const ledger::Entry& entry) {
  return entry.kind.rfind(kEventPrefix, 0) == 0;
}

// An event that a person brings about by a signed statement (I4), and how the statement must say so.
struct Act {
  const char* verb;
  const char* text;  // the event's field that holds what the statement says
};
// Starting a step and voting are not among them.
const Act* ActOf(const ledger::Entry& entry) {
  static const std::map<std::string, Act> acts = {
      {"incident.incident-opened", {"open", "fact.what"}}, {"incident.step-completed", {"done", "result"}},
      {"incident.step-decided", {"decide", "text"}},       {"incident.step-skipped", {"deviate", "result"}},
      {"incident.incident-paused", {"pause", "why"}},      {"incident.incident-resumed", {"resume", "why"}},
      {"incident.incident-closed", {"close", "text"}}};
  const auto it = acts.find(entry.kind);
  return entry.person.empty() || it == acts.end() ? nullptr : &it->second;
}

std::string FieldOf(const ledger::v1::IncidentEvent& event, const std::string& key) {
  for (const auto& field : event.fields()) {
    if (field.key() == key) return field.value();
  }
  return "";
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
        Unused();
        Add(entry);
      } else if (IsEvent(entry)) {
        if (const Act* act = ActOf(entry); act != nullptr) Match(entry, *act);
        ++events_[entry.incident];
      }
    }
    Unused();
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

  // What was signed is what was done: the same act, choice and words.
  void Match(const ledger::Entry& entry, const Act& act) {
    const ledger::Entry* signed_by = std::exchange(pending_.entry, nullptr);  // one act, one statement
    const std::string what =
        fmt::format("{} by {}", entry.kind.substr(sizeof kEventPrefix - 1), Printable(entry.person));
    ledger::v1::IncidentEvent event;
    if (!event.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size()))) return;  // by check 6
    const procedures::Statement& statement = pending_.statement;
    if (signed_by == nullptr || statement.person != entry.person || signed_by->incident != entry.incident ||
        statement.step != (event.step().empty() ? kNone : event.step())) {
      evidence_.Find(Evidence::EntryName(entry), what + ": no signed statement stands before it");
      return;
    }
    const std::string choice = FieldOf(event, "choice");
    Compare(entry, what, "verb", statement.verb, act.verb);
    Compare(entry, what, "choice", statement.choice, choice.empty() ? kNone : choice);
    Compare(entry, what, "text", statement.text.text, FieldOf(event, act.text));
  }
  void Compare(const ledger::Entry& entry, const std::string& what, const char* field, const std::string& stated,
               const std::string& done) {
    if (stated == done) return;
    evidence_.Find(Evidence::EntryName(entry), fmt::format("{}: its {} is '{}', the signed statement says '{}'", what,
                                                           field, Printable(done), Printable(stated)));
  }
  // Statement and act are one transaction: a statement alone stands for an act that was taken out.
  void Unused() {
    if (pending_.entry == nullptr) return;
    evidence_.Find(
        Evidence::EntryName(*pending_.entry),
        fmt::format("{} signed '{}', but no such act follows", pending_.statement.person, pending_.statement.verb));
    pending_.entry = nullptr;
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
