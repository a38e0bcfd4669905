// Checks 5 and 6: what people signed, and that the incident followed its pinned procedure.
#include "cli/evidence.h"
#include "cli/text.h"
#include "pki/digest.h"
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
  const char* text;               // the event's field that holds what the statement says
  const char* choice = "choice";  // and the one that holds its choice
};
// Starting a step and voting are not among them.
const Act* ActOf(const ledger::Entry& entry) {
  static const std::map<std::string, Act> acts = {{"incident.incident-opened", {"open", "fact.what"}},
                                                  {"incident.step-completed", {"done", "result"}},
                                                  {"incident.step-decided", {"decide", "text"}},
                                                  {"incident.deviation-requested", {"deviate", "why"}},
                                                  {"incident.deviation-approved", {"approve", "text", "digest"}},
                                                  {"incident.incident-paused", {"pause", "why"}},
                                                  {"incident.incident-resumed", {"resume", "why"}},
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
  std::string sha256;  // of its text
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
    pending_ = Pending{*statement, ToHex(pki::Sha256(AsBytes(payload.document()))), &entry};
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
    const std::string choice = FieldOf(event, act.choice);
    Compare(entry, what, "verb", statement.verb, act.verb);
    Compare(entry, what, "choice", statement.choice, choice.empty() ? kNone : choice);
    Compare(entry, what, "text", statement.text.text, FieldOf(event, act.text));
    if (statement.verb == "decide") CompareFactors(entry, what, event);
    if (statement.deviation) CompareDeviation(entry, what, event);
  }
  void CompareFactors(const ledger::Entry& entry, const std::string& what, const ledger::v1::IncidentEvent& event) {
    procedures::FactorAnswers stated, done;
    for (const procedures::GuidanceFactor& factor : pending_.statement.factors) stated[factor.id] = factor.answer.text;
    for (const auto& field : event.fields()) {
      if (field.key().starts_with(procedures::kFactorField))
        done[field.key().substr(procedures::kFactorField.size())] = field.value();
    }
    if (stated != done)
      evidence_.Find(Evidence::EntryName(entry), what + ": its factors are not answered as in the signed statement");
  }
  void CompareDeviation(const ledger::Entry& entry, const std::string& what, const ledger::v1::IncidentEvent& event) {
    const procedures::Deviation asked = procedures::AskedBy(pending_.statement);
    Compare(entry, what, "deviation", Name(asked.kind), FieldOf(event, "deviation"));
    Compare(entry, what, "notAfter", asked.not_after, FieldOf(event, "notAfter"));
    Compare(entry, what, "runbook", asked.runbook, FieldOf(event, "runbook"));
    Compare(entry, what, "witness", asked.witness, FieldOf(event, "witness"));
    Compare(entry, what, "digest", pending_.sha256, FieldOf(event, "digest"));
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

namespace {

// The incident, folded under the runbook it was opened with and those it was re-pinned to (I9).
class Procedure {
 public:
  explicit Procedure(Evidence& evidence) : evidence_(evidence) {}

  void Run() {
    if (!evidence_.policy || !Take(kRunbookFile)) return;
    for (const ledger::Entry& entry : evidence_.entries) {
      if (IsEvent(entry) && entry.incident == evidence_.report.incident && !Apply(entry)) return;
    }
    evidence_.LookedAt(fmt::format("{} events of {}, {}", Count(state_.events), evidence_.report.incident,
                                   state_.closed ? "closed"
                                   : state_.open ? "open"
                                                 : "never opened"));
    if (!state_.open && !state_.closed) {
      evidence_.Find("ledger.sqlite", "no incident was opened");
    } else if (state_.runbook_digest != runbook_.digest) {
      evidence_.Find(
          file_, fmt::format("its SHA-256 is {}, pinned was {}", ToHex(runbook_.digest), ToHex(state_.runbook_digest)));
    }
  }

 private:
  // Goes on under the runbook in `file`.
  bool Take(const std::string& file) {
    file_ = file;
    const auto text = evidence_.Read(file);
    if (!evidence_.Expect(file, text.status())) return false;
    auto runbook = procedures::LoadRunbook(AsText(*text), file);
    if (!evidence_.Expect(file, runbook.status())) return false;
    runbook_ = *std::move(runbook);
    bool allowed = runbook_.key == "none";
    for (const procedures::AllowedUse& use : evidence_.policy->allowed)
      allowed = allowed || use.digest == runbook_.digest;
    if (!allowed) evidence_.Find(file, "the trust policy does not allow a procedure of this digest");
    return true;
  }

  bool Apply(const ledger::Entry& entry) {
    const std::string where = Evidence::EntryName(entry);
    ledger::v1::IncidentEvent payload;
    if (!payload.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size()))) {
      evidence_.Find(where, "its payload is no incident event");
      return false;
    }
    const procedures::Event event = EventOf(entry, payload);
    if (event.kind == "runbook-repinned") {
      const auto digest = DigestFromHex(FieldOf(payload, "digest"));
      if (!Take(fmt::format("runbook-{}.yaml", ToHex(digest.value_or(Digest{})).substr(0, 16)))) return false;
    }
    return evidence_.Expect(where, procedures::Machine(runbook_, *evidence_.policy).Apply(state_, event));
  }

  Evidence& evidence_;
  std::string file_;
  procedures::Runbook runbook_;
  procedures::IncidentState state_;
};

}  // namespace

void CheckProcedure(Evidence& evidence) {
  evidence.Begin(6, "procedure");
  Procedure(evidence).Run();
}

}  // namespace smki::cli
