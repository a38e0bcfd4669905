#include "tests/simulation/check/ledger_check.h"

#include <algorithm>

#include "pki/digest.h"
#include "tests/simulation/check/keyguard_check.h"

namespace smki::simulation {
namespace {

constexpr char kEvent[] = "incident.";

template <typename T>
T Payload(const LedgerEntry& entry) {
  T out;
  out.ParseFromString(entry.payload);
  return out;
}

std::string Field(const std::map<std::string, std::string>& fields, const std::string& key) {
  const auto found = fields.find(key);
  return found == fields.end() ? "" : found->second;
}

// Events that a person brings about by a signed statement: its verb, and the field that holds its text
// (docs/formats/incident-events.md).
const std::map<std::string, std::pair<std::string, std::string>>& Acts() {
  static const std::map<std::string, std::pair<std::string, std::string>> acts = {
      {"incident-opened", {"open", "fact.what"}},  {"step-completed", {"done", "result"}},
      {"step-decided", {"decide", "text"}},        {"deviation-requested", {"deviate", "why"}},
      {"deviation-approved", {"approve", "text"}}, {"incident-paused", {"pause", "why"}},
      {"incident-resumed", {"resume", "why"}},     {"incident-closed", {"close", "text"}}};
  return acts;
}

}  // namespace

void LedgerCheck::Run(const std::vector<LedgerEntry>& entries) {
  entries_ = &entries;
  Chain();
  Genesis();
  Heads();
  Pages(0);
  for (const LedgerEntry& entry : entries) {
    Entry(entry);
    Pages(entry.sequence + 1);
  }
  for (const auto& [id, incident] : incidents_) {
    if (incident.statement)
      facts_.findings.Say("I4", "{} signed '{}' in {}, and no such act follows", incident.statement->person,
                          incident.statement->verb, id);
  }
}

void LedgerCheck::Chain() {
  Digest previous{};
  UtcTime time;
  for (size_t i = 0; i < entries_->size(); ++i) {
    const LedgerEntry& entry = (*entries_)[i];
    if (entry.sequence != i) Say("I3", entry, "it stands in place {}", i);
    if (entry.previous != previous || entry.hash != LedgerHash(entry)) Say("I3", entry, "the chain breaks here");
    if (entry.time < time) Say("I3", entry, "it is dated before the entry before it");
    previous = entry.hash;
    time = entry.time;
  }
}

void LedgerCheck::Genesis() {
  Findings& findings = facts_.findings;
  if (entries_->empty() || entries_->front().kind != "genesis") return findings.Say("I3", "the ledger has no genesis");
  const auto genesis = Payload<ledger::v1::Genesis>(entries_->front());
  const Policy& policy = facts_.policy();
  if (genesis.environment() != policy.environment || genesis.estate() != policy.estate)
    findings.Say("I8", "the ledger is of {}/{}, the trust policy of {}/{}", genesis.environment(), genesis.estate(),
                 policy.environment, policy.estate);
  if (ToDigest(AsBytes(genesis.policy_digest())) != facts_.anchor)
    findings.Say("I8", "the ledger was begun under another trust policy");
}

void LedgerCheck::Heads() {
  const auto holds = [&](const Quotes::OfLedger& quote) {
    if (quote.sequence) return *quote.sequence < entries_->size() && (*entries_)[*quote.sequence].hash == quote.head;
    return std::any_of(entries_->begin(), entries_->end(), [&](const auto& entry) { return entry.hash == quote.head; });
  };
  const auto check = [&](const Quotes::OfLedger& quote) {
    if (!holds(quote))
      facts_.findings.Say("I3", "{} quotes ledger entry {} with head {}; the ledger has no such entry", quote.where,
                          quote.sequence.value_or(0), Short(quote.head));
  };
  for (const Quotes::OfLedger& quote : quotes_.ledger()) {
    if (!quotes_.IsStolen(quote)) check(quote);
  }
  for (const auto& [digest, use] : facts_.uses)
    check({use.direction.id, use.direction.ledger_sequence, use.direction.ledger_head});
  for (const Quotes::OfJournal& quote : quotes_.journal()) {
    if (quote.records > journal_.log().records() || journal_.log().HeadAfter(quote.records) != quote.head)
      facts_.findings.Say("I3", "{} quotes a head of the journal after {} records that it has not", quote.where,
                          quote.records);
  }
}

void LedgerCheck::Entry(const LedgerEntry& entry) {
  if (entry.kind == "checkpoint") return Checkpoint(entry);
  if (entry.kind == "keyguard") return Keyguard(entry);
  if (entry.kind == "statement") return Statement_(entry, incidents_[entry.incident]);
  if (entry.kind.starts_with(kEvent)) Event(entry, incidents_[entry.incident]);
}

void LedgerCheck::Checkpoint(const LedgerEntry& entry) {
  const auto note = ReadCheckpoint(Payload<ledger::v1::CheckpointRecord>(entry).note());
  if (!note.ok()) return Say("I3", entry, "it is no checkpoint: {}", Message(note.status()));
  const uint64_t over = note->head.entries;
  if (over == 0 || over > entry.sequence || (*entries_)[over - 1].hash != note->head.head)
    Say("I3", entry, "it vouches for {} entries with another head", over);
  const auto by = [&](const Bytes& certificate) {
    return std::any_of(note->lines.begin(), note->lines.end(),
                       [&](const std::string& line) { return LineHolds(note->body, line, certificate); });
  };
  if (!by(facts_.policy().orchestrator) || !by(facts_.policy().keyguard))
    Say("I3", entry, "orchestrator and keyguard have not both signed it");
}

void LedgerCheck::Keyguard(const LedgerEntry& entry) {
  const auto told = Payload<ledger::v1::KeyguardRecord>(entry);
  const uint64_t records = told.journal_records();
  if (records == 0) return;
  if (records > journal_.log().records() || journal_.log().HeadAfter(records) != ToDigest(AsBytes(told.journal_head())))
    Say("I3", entry, "it quotes a head of the signer's journal after {} records that it has not", records);
}

// --- what people did (I4) ---

void LedgerCheck::Statement_(const LedgerEntry& entry, Incident& incident) {
  const auto payload = Payload<ledger::v1::SignedStatement>(entry);
  const auto statement = ReadStatement(payload.document());
  if (!statement.ok()) return Say("I4", entry, "it holds no statement: {}", Message(statement.status()));
  if (!statements_.insert(pki::Sha256(payload.document())).second) Say("I4", entry, "the statement was used before");
  if (statement->person != entry.person || !facts_.HasSigned(statement->person, AsBytes(payload.document())))
    Say("I4", entry, "{} did not sign this statement", statement->person);
  if (statement->environment != facts_.policy().environment || statement->estate != facts_.policy().estate)
    Say("I8", entry, "the statement is of {}/{}", statement->environment, statement->estate);
  if (statement->verb != "open" && statement->incident != entry.incident)
    Say("I4", entry, "the statement is about {}", statement->incident);
  if (statement->expected_sequence != incident.events)
    Say("I4", entry, "it was made on page {}; {} events had happened", statement->expected_sequence, incident.events);
  if (incident.statement) Say("I4", entry, "the statement before it was not acted on");
  incident.statement = *statement;
}

void LedgerCheck::Event(const LedgerEntry& entry, Incident& incident) {
  const auto payload = Payload<ledger::v1::IncidentEvent>(entry);
  std::map<std::string, std::string> fields;
  for (const auto& field : payload.fields()) fields[field.key()] = field.value();
  const std::string kind = entry.kind.substr(sizeof kEvent - 1);
  if (!entry.person.empty()) {
    const auto person = facts_.policy().persons.find(entry.person);
    const std::string role = Field(fields, "role");
    if (person == facts_.policy().persons.end() || !person->second.Has(role))
      Say("I4", entry, "{} acts as {} and is not", entry.person, role);
    facts_.Acts(entry.incident, entry.person, role, fmt::format("ledger entry {}", entry.sequence));
    if (Acts().contains(kind)) Act(entry, incident, payload.step(), fields);
  }
  if (kind == "incident-opened") Opened(entry, fields);
  Deviation(entry, incident, payload.step(), fields);
  if (kind == "approval-recorded" || kind == "rejection-recorded") Vote(entry, incident, payload.step(), fields);
  if (kind == "step-started") incident.starters[payload.step()] = entry.person;
  if (kind == "step-started") incident.voters[payload.step()].clear();
  if (kind == "output-recorded" && fields.contains("direction.digest")) incident.directing.insert(payload.step());
  if (kind == "step-completed" && incident.directing.contains(payload.step())) {
    const uint64_t votes = CountVotes(facts_.policy(), incident.voters[payload.step()]);
    if (votes < facts_.policy().needed) Say("I1", entry, "the Direction counts as approved with {} votes", votes);
  }
  Apply(incident, entry, payload.step());
}

void LedgerCheck::Act(const LedgerEntry& entry, Incident& incident, const std::string& step,
                      const std::map<std::string, std::string>& fields) {
  const std::string kind = entry.kind.substr(sizeof kEvent - 1);
  const auto& [verb, text] = Acts().at(kind);
  if (!incident.statement) return Say("I4", entry, "{} signed no statement for it", entry.person);
  const Statement statement = *std::exchange(incident.statement, std::nullopt);
  const std::string choice = Field(fields, kind == "deviation-approved" ? "digest" : "choice");
  if (kind == "deviation-requested" &&
      (statement.deviation != Field(fields, "deviation") || statement.witness != Field(fields, "witness") ||
       statement.not_after != Field(fields, "notAfter") || ToHex(statement.digest) != Field(fields, "digest")))
    Say("I4", entry, "{} signed for another deviation", statement.person);
  std::map<std::string, std::string> factors;
  for (const auto& [key, value] : fields) {
    if (key.starts_with("factor.")) factors[key.substr(7)] = value;
  }
  if (statement.factors != factors) Say("I4", entry, "the factors are not answered as {} signed", statement.person);
  const bool same = statement.person == entry.person && statement.verb == verb &&
                    statement.step == (step.empty() ? "none" : step) &&
                    statement.choice == (choice.empty() ? "none" : choice) && statement.text == Field(fields, text);
  if (!same) Say("I4", entry, "the statement of {} before it says something else", statement.person);
}

// Two persons: one asks, another approves, and only then it is done, once.
void LedgerCheck::Deviation(const LedgerEntry& entry, Incident& incident, const std::string& step,
                            const std::map<std::string, std::string>& fields) {
  const std::string kind = entry.kind.substr(sizeof kEvent - 1);
  if (kind == "deviation-requested") {
    incident.deviations[Field(fields, "digest")] = {entry.person, step};
  } else if (kind == "deviation-approved") {
    Incident::Asked& asked = incident.deviations[Field(fields, "digest")];
    if (asked.person.empty() || asked.person == entry.person || asked.step != step)
      Say("I4", entry, "{} approves what '{}' asked for", entry.person, asked.person);
    asked.approved = true;
  } else if (fields.contains("deviation")) {
    Incident::Asked& asked = incident.deviations[Field(fields, "deviation")];
    if (!asked.approved || asked.step != step || std::exchange(asked.done, true))
      Say("I4", entry, "no second person approved this deviation");
  } else if (kind == "step-skipped" && !entry.person.empty()) {
    Say("I4", entry, "{} skips it alone", entry.person);
  }
}

void LedgerCheck::Vote(const LedgerEntry& entry, Incident& incident, const std::string& step,
                       const std::map<std::string, std::string>& fields) {
  const Digest direction = DigestFromHex(Field(fields, "digest")).value_or(Digest{});
  const bool approval = entry.kind == "incident.approval-recorded";
  if (!(approval ? facts_.signed_by : facts_.rejected_by).contains({entry.person, direction}))
    Say("I4", entry, "{} did not sign this vote on {}", entry.person, Short(direction));
  if (incident.starters[step] == entry.person) Say("I4", entry, "{} votes on what they requested", entry.person);
  if (facts_.policy().SeatOf(entry.person) == nullptr) Say("I4", entry, "{} has no seat", entry.person);
  if (!approval) return;
  std::set<std::string>& voters = incident.voters[step];
  if (!voters.insert(entry.person).second || CountVotes(facts_.policy(), voters) < voters.size())
    Say("I4", entry, "the vote of {} is a second one of a seat or organisation", entry.person);
}

void LedgerCheck::Opened(const LedgerEntry& entry, const std::map<std::string, std::string>& fields) {
  const Digest pinned = DigestFromHex(Field(fields, "digest")).value_or(Digest{});
  const bool known = std::any_of(facts_.world.runbooks.begin(), facts_.world.runbooks.end(),
                                 [&](const std::string& text) { return pki::Sha256(text) == pinned; });
  if (!known) Say("I9", entry, "it pins a runbook that nobody wrote: {}", Short(pinned));
  const auto shown = orchestrator_.runbooks().find(entry.incident);
  if (shown != orchestrator_.runbooks().end() && shown->second != pinned)
    Say("I9", entry, "pages showed another runbook: {}", Short(shown->second));
  for (const auto& [digest, use] : facts_.uses) {
    if (use.direction.incident == entry.incident && use.direction.procedure_digest != pinned)
      Say("I9", entry, "{} names another runbook", use.direction.id);
  }
}

// --- what pages said (I2) ---

void LedgerCheck::Apply(Incident& incident, const LedgerEntry& entry, const std::string& step) {
  static const std::map<std::string, std::string> status = {{"step-started", "running"},
                                                            {"step-completed", "done"},
                                                            {"step-failed", "failed"},
                                                            {"step-decided", "done"},
                                                            {"step-skipped", "skipped"}};
  const std::string kind = entry.kind.substr(sizeof kEvent - 1);
  if (kind == "step-repeated") incident.steps.erase(step);
  if (const auto found = status.find(kind); found != status.end()) incident.steps[step] = found->second;
  if (kind == "incident-closed") incident.closed = true;
  if (kind == "incident-paused") incident.paused = true;
  if (kind == "incident-resumed") incident.paused = false;
  ++incident.events;
}

// The pages that were made when the ledger had so many entries.
void LedgerCheck::Pages(uint64_t entries) {
  for (const OrchestratorCheck::Page& page : orchestrator_.pages()) {
    const bool beyond = entries == 0 && page.entries > entries_->size();
    if (page.entries == entries || beyond) Page(page);
  }
}

void LedgerCheck::Page(const OrchestratorCheck::Page& page) {
  Findings& findings = facts_.findings;
  if (page.entries == 0 || page.entries > entries_->size() || (*entries_)[page.entries - 1].hash != page.head)
    return findings.Say("I2", "a page of {} showed {} ledger entries with head {}; they are gone", page.incident,
                        page.entries, Short(page.head));
  const Incident& incident = incidents_[page.incident];
  if (page.sequence != incident.events)
    findings.Say("I2", "a page of {} over {} ledger entries counted {} events; it should be {}", page.incident,
                 page.entries, page.sequence, incident.events);
  const std::string state = incident.closed ? "closed" : incident.paused ? "paused" : "open";
  if (page.state != state)
    findings.Say("I2", "a page of {} over {} ledger entries said '{}'; it was {}", page.incident, page.entries,
                 page.state, state);
  for (const auto& [step, shown] : page.steps) {
    const auto is = incident.steps.find(step);
    const bool untouched = is == incident.steps.end();
    if (untouched ? shown == "ready" || shown == "blocked" : shown == is->second) continue;
    findings.Say("I2", "a page of {} over {} ledger entries showed step {} {}; the ledger says {}", page.incident,
                 page.entries, step, shown, untouched ? "nothing of it" : is->second);
  }
}

}  // namespace smki::simulation
