#include "tests/simulation/check/reconciliation.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "pki/digest.h"

namespace smki::simulation {
namespace {

template <typename T>
T Payload(const LedgerEntry& entry) {
  T out;
  out.ParseFromString(entry.payload);
  return out;
}

Bytes ItemLeaf(uint64_t device, uint32_t attempt) {
  Bytes out;
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(device >> shift));
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(attempt >> shift));
  return out;
}

}  // namespace

std::optional<Bytes> ReadWholeFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

void Reconciliation::Run(const std::vector<LedgerEntry>& entries, const Checks::End& end) {
  entries_ = &entries;
  Intents();
  Burns();
  Batches();
  std::set<std::string> incidents;
  for (const auto& [digest, use] : facts_.uses) incidents.insert(use.direction.incident);
  for (const std::string& incident : incidents) {
    if (end.campaign_folder.empty()) break;
    if (const auto file = ReadWholeFile(end.campaign_folder + "/" + incident + "/campaign/campaign.log"))
      Campaign(incident, *file, end);
  }
  if (!end.evidence_folder.empty()) Evidence(end);
}

const LedgerEntry* Reconciliation::Intent(uint64_t sequence, const Digest& head) const {
  if (sequence >= entries_->size()) return nullptr;
  const LedgerEntry& entry = (*entries_)[sequence];
  return entry.kind == "campaign.intent" && entry.hash == head ? &entry : nullptr;
}

// What was asked of the keyguard is what the ledger announced.
void Reconciliation::Intents() {
  for (const KeyguardCheck::Asked& asked : keyguard_.asked()) {
    const auto& request = asked.request;
    if (asked.commands.empty()) continue;  // nothing came of it, or its burns tell
    const LedgerEntry* const entry = Intent(request.ledger_sequence(), ToDigest(AsBytes(request.ledger_head())));
    const std::string what = fmt::format("commands were released against ledger entry {}", request.ledger_sequence());
    if (entry == nullptr) {
      facts_.findings.Say("I2", "{}, which is no intent", what);
      continue;
    }
    const auto intent = Payload<ledger::v1::CampaignIntent>(*entry);
    std::vector<Bytes> leaves;
    for (const auto& item : request.items()) leaves.push_back(ItemLeaf(item.device(), item.attempt()));
    if (intent.direction_digest() != request.direction_digest() || intent.group() != request.group() ||
        intent.items() != leaves.size() || ToDigest(AsBytes(intent.items_digest())) != MerkleRoot(leaves))
      facts_.findings.Say("I2", "{}, which announces something else", what);
  }
}

void Reconciliation::Burns() {
  for (const Quotes::OfBurn& burn : quotes_.burns()) {
    const JournalRecord& record = burn.record;
    const LedgerEntry* const entry = Intent(record.ledger_sequence, record.ledger_head);
    if (entry == nullptr) {
      facts_.findings.Say("I2", "journal record {}: attempts are spent without an intent in the ledger", burn.number);
      continue;
    }
    const auto intent = Payload<ledger::v1::CampaignIntent>(*entry);
    const auto asked = std::find_if(keyguard_.asked().begin(), keyguard_.asked().end(), [&](const auto& one) {
      return one.request.ledger_sequence() == record.ledger_sequence && one.request.group() == record.group &&
             ToDigest(AsBytes(one.request.ledger_head())) == record.ledger_head;
    });
    std::vector<Bytes> leaves;
    std::set<std::pair<uint64_t, uint32_t>> items;
    if (asked != keyguard_.asked().end()) {
      for (const auto& item : asked->request.items()) {
        leaves.push_back(ItemLeaf(item.device(), item.attempt()));
        items.insert({item.device(), item.attempt()});
      }
    }
    const bool covered = std::all_of(record.items.begin(), record.items.end(), [&](const BurnItem& item) {
      return items.contains({item.device.value(), item.attempt});
    });
    if (!covered || ToDigest(AsBytes(intent.direction_digest())) != record.digest || intent.group() != record.group ||
        ToDigest(AsBytes(intent.items_digest())) != MerkleRoot(leaves))
      facts_.findings.Say("I2", "journal record {}: ledger entry {} announces something else than was spent",
                          burn.number, record.ledger_sequence);
  }
}

// What the ledger says came of a batch is what left the keyguard.
void Reconciliation::Batches() {
  std::map<std::pair<std::string, uint64_t>, std::vector<const KeyguardCheck::Asked*>> asked;
  for (const KeyguardCheck::Asked& one : keyguard_.asked()) {
    const LedgerEntry* const entry =
        Intent(one.request.ledger_sequence(), ToDigest(AsBytes(one.request.ledger_head())));
    if (entry != nullptr && one.answered)
      asked[{entry->incident, Payload<ledger::v1::CampaignIntent>(*entry).batch()}].push_back(&one);
  }
  for (const LedgerEntry& entry : *entries_) {
    if (entry.kind != "campaign.batch") continue;
    const auto batch = Payload<ledger::v1::CampaignBatch>(entry);
    const auto& answers = asked[{entry.incident, batch.batch()}];
    const bool found = std::any_of(answers.begin(), answers.end(), [&](const KeyguardCheck::Asked* one) {
      return one->commands.size() == batch.signed_() &&
             MerkleRoot(one->commands) == ToDigest(AsBytes(batch.commands_digest()));
    });
    if (!found)
      facts_.findings.Say("I2", "ledger entry {}: batch {} of {} signed commands is not what the keyguard answered",
                          entry.sequence, batch.batch(), batch.signed_());
  }
}

// --- the campaign ---

void Reconciliation::Campaign(const std::string& incident, ByteSpan file, const Checks::End& end) {
  GrowingLog log("campaign");
  received_.clear();
  const auto records = log.Read(file);
  if (!records.ok() || log.torn())
    return facts_.findings.Say("I3", "the campaign log of {} is damaged after {} records", incident, log.records());
  std::map<Eui64, Device> devices;
  Digest direction{};
  for (const LogRecord& raw : *records) {
    const auto record = ReadCampaignRecord(raw);
    if (!record.ok()) {
      facts_.findings.Say("I3", "campaign record {}: {}", raw.number, Message(record.status()));
      continue;
    }
    if (raw.type == kCampaignOpened) direction = record->direction;
    if (raw.type == kCampaignOpened && (raw.number != 0 || record->incident != incident))
      facts_.findings.Say("I3", "campaign record {} opens the campaign of {}", raw.number, record->incident);
    Record(raw, *record, direction, devices);
  }
  Totals totals;
  for (const auto& [eui, device] : devices) {
    if (!device.ended) continue;
    totals.recovered += device.outcome == kRecovered ? 1 : 0;
    totals.half_replaced += device.outcome == kHalfReplaced ? 1 : 0;
    totals.refused += device.outcome == kRefused ? 1 : 0;
    totals.silent += device.outcome == kSilent ? 1 : 0;
    if (device.outcome == kRecovered) recovered_.insert({direction, eui});
  }
  recovered_count_[incident] = totals.recovered;
  Summaries(incident, log, totals, direction, end.incident_closed);
}

void Reconciliation::Record(const LogRecord& raw, const CampaignRecord& record, const Digest& direction,
                            std::map<Eui64, Device>& devices) {
  const std::string where = fmt::format("campaign record {}", raw.number);
  if (raw.type == kCampaignSigned) {
    for (const CampaignItem& item : record.items) {
      devices[item.device].attempt = item.attempt;
      received_.insert({item.device, item.attempt});
      const Command* const command = facts_.FindCommand(item.device, item.counter);
      if (command == nullptr || command->attempt != item.attempt || command->released != item.command)
        facts_.findings.Say("I2", "{}: {} attempt {} is not the command that the keyguard released", where,
                            item.device.ToString(), item.attempt);
    }
  } else if (raw.type == kCampaignResponse) {
    Response(raw, record, facts_.FindUse(direction), devices[record.device]);
  } else if (raw.type == kCampaignEnded) {
    Device& device = devices[record.device];
    if (!device.ended) device.outcome = record.outcome;
    device.ended = true;
  } else if (raw.type == kCampaignProven) {
    for (Eui64 device : record.devices) {
      if (!journal_.IsProven(direction, device))
        facts_.findings.Say("I2", "{}: {} is not proven in the journal", where, device.ToString());
    }
  }
}

// A proof of recovery always counts, any other answer only while the Device has attempts to come (campaign-log.md).
void Reconciliation::Response(const LogRecord& raw, const CampaignRecord& record, const Use* use, Device& device) {
  const std::string who = fmt::format("campaign record {}: {}", raw.number, record.device.ToString());
  if (!devices_.ReallySaid(record.device, record.octets)) facts_.findings.Say("I6", "{} never gave this response", who);
  const Command* const command = facts_.FindCommand(record.device, record.counter);
  if (command == nullptr || command->attempt != record.attempt)
    facts_.findings.Say("I6", "{}: counter {} was not given to its attempt {}", who, record.counter, record.attempt);
  const bool proves = devices_.Proves(record.device, record.octets, true);
  if (proves != (record.outcome == kRecovered))
    facts_.findings.Say("I6", "{} is counted with outcome {}; its response {} that it is recovered", who,
                        record.outcome, proves ? "proves" : "does not prove");
  const bool recovered = record.outcome == kRecovered;
  if (device.ended && !recovered) return;
  device.outcome = record.outcome;
  device.ended = recovered || use == nullptr || device.attempt >= use->direction.attempts;
}

void Reconciliation::Summaries(const std::string& incident, const GrowingLog& log, const Totals& totals,
                               const Digest& direction, bool closed) {
  const LedgerEntry* newest = nullptr;
  for (const LedgerEntry& entry : *entries_) {
    if (entry.kind != "campaign.summary" || entry.incident != incident) continue;
    newest = &entry;
    const auto summary = Payload<ledger::v1::CampaignSummary>(entry);
    if (summary.log_records() == 0 || summary.log_records() > log.records() ||
        log.HeadAfter(summary.log_records()) != ToDigest(AsBytes(summary.log_head())))
      facts_.findings.Say("I3", "ledger entry {} quotes a head of the campaign log after {} records that it has not",
                          entry.sequence, summary.log_records());
  }
  if (newest == nullptr) return;
  const auto summary = Payload<ledger::v1::CampaignSummary>(*newest);
  if (summary.log_records() != log.records()) return;  // something came after it: its counts are not the last
  const Totals told{summary.recovered(), summary.half_replaced(), summary.refused(), summary.silent()};
  if (!(told == totals))
    facts_.findings.Say("I6",
                        "ledger entry {} counts {} recovered, {} half-replaced, {} refused, {} silent; the log "
                        "counts {}, {}, {}, {}",
                        newest->sequence, told.recovered, told.half_replaced, told.refused, told.silent,
                        totals.recovered, totals.half_replaced, totals.refused, totals.silent);
  if (summary.signatures() != received_.size())
    facts_.findings.Say("I2", "ledger entry {} counts {} signatures, the campaign log {}", newest->sequence,
                        summary.signatures(), received_.size());
  const uint64_t lost = Lost();
  if (closed && journal_.signatures(direction) > received_.size() + lost)
    facts_.findings.Say("I2", "ledger entry {} counts {} signatures, the journal {}, of which {} may have been lost",
                        newest->sequence, summary.signatures(), journal_.signatures(direction), lost);
}

// Attempts whose commands the campaign never had: only of batches that have no outcome in the ledger.
uint64_t Reconciliation::Lost() {
  std::set<std::pair<std::string, uint64_t>> with_outcome;
  for (const LedgerEntry& entry : *entries_) {
    if (entry.kind == "campaign.batch")
      with_outcome.insert({entry.incident, Payload<ledger::v1::CampaignBatch>(entry).batch()});
  }
  uint64_t out = 0;
  for (const Quotes::OfBurn& burn : quotes_.burns()) {
    const LedgerEntry* const entry = Intent(burn.record.ledger_sequence, burn.record.ledger_head);
    if (entry == nullptr) continue;  // named before
    const bool ended = with_outcome.contains({entry->incident, Payload<ledger::v1::CampaignIntent>(*entry).batch()});
    for (const BurnItem& item : burn.record.items) {
      if (received_.contains({item.device, item.attempt})) continue;
      ++out;
      if (ended)
        facts_.findings.Say("I2", "journal record {}: the ledger has the outcome of its batch, the campaign log not {}",
                            burn.number, item.device.ToString());
    }
  }
  return out;
}

// --- evidence ---

void Reconciliation::Evidence(const Checks::End& end) {
  Findings& findings = facts_.findings;
  const std::string incident = std::filesystem::path(end.evidence_folder).filename().string();
  EvidenceFiles(end.evidence_folder, incident);
  const auto policy = ReadWholeFile(end.evidence_folder + "/policy/trust-policy.yaml");
  if (policy && pki::Sha256(*policy) != facts_.anchor && facts_.Follow(ToString(*policy)) == nullptr)
    findings.Say("I8", "the evidence of {} holds another trust policy", incident);
  const auto journal = ReadWholeFile(end.evidence_folder + "/keyguard/journal.log");
  if (journal && !journal_.log().HasBeginning(*journal))
    findings.Say("I3", "the journal in the evidence of {} is not a beginning of the signer's", incident);
  const std::string copy = end.evidence_folder + "/ledger.sqlite";
  if (std::filesystem::exists(copy)) {
    const auto rows = ReadLedger(copy);
    const bool same = rows.ok() && rows->size() <= entries_->size() &&
                      std::equal(rows->begin(), rows->end(), entries_->begin(), [](const auto& a, const auto& b) {
                        return a.hash == b.hash && LedgerHash(a) == a.hash;
                      });
    if (!same) findings.Say("I3", "the ledger in the evidence of {} is not a beginning of the ledger", incident);
  }
  const auto runbook = ReadWholeFile(end.evidence_folder + "/runbook.yaml");
  const bool known = runbook && std::any_of(facts_.world.runbooks.begin(), facts_.world.runbooks.end(),
                                            [&](const std::string& text) { return AsText(*runbook) == text; });
  if (!known) findings.Say("I9", "the runbook in the evidence of {} is not one that somebody wrote", incident);
  if (const auto report = ReadWholeFile(end.evidence_folder + "/report.json")) Report(ToString(*report), incident);
  const auto note = ReadWholeFile(end.evidence_folder + "/checkpoint.note");
  if (!note) return;
  const auto read = ReadCheckpoint(AsText(*note));
  if (!read.ok() || read->head.entries == 0 || read->head.entries > entries_->size() ||
      (*entries_)[read->head.entries - 1].hash != read->head.head)
    findings.Say("I3", "the checkpoint in the evidence of {} does not vouch for the ledger", incident);
}

// Of several entries for one file the newest counts (evidence.md).
void Reconciliation::EvidenceFiles(const std::string& folder, const std::string& incident) {
  std::map<std::string, Digest> named;
  for (const LedgerEntry& entry : *entries_) {
    if (entry.kind != "artefact" || entry.incident != incident) continue;
    const auto artefact = Payload<ledger::v1::Artefact>(entry);
    if (!artefact.file().empty()) named[artefact.file()] = ToDigest(AsBytes(artefact.sha256()));
  }
  for (const auto& [file, digest] : named) {
    const auto octets = ReadWholeFile(folder + "/" + file);
    if (!octets || pki::Sha256(*octets) != digest)
      facts_.findings.Say("I3", "{} in the evidence of {} is {}", file, incident,
                          octets ? "not the one the ledger names" : "missing");
  }
}

void Reconciliation::Report(const std::string& text, const std::string& incident) {
  const size_t devices = text.find("\"devices\""), at = text.find("\"recovered\"", devices);
  if (devices == std::string::npos || at == std::string::npos || at > text.find('}', devices)) return;
  const uint64_t recovered = std::strtoull(text.c_str() + text.find(':', at) + 1, nullptr, 10);
  if (recovered != recovered_count_[incident])
    facts_.findings.Say("I6", "the report of {} counts {} recovered Devices, the campaign log {}", incident, recovered,
                        recovered_count_[incident]);
}

}  // namespace smki::simulation
