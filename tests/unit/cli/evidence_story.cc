#include "evidence_story.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/evidence.h"
#include "gbcs/message.h"
#include "ledger/checkpoint.h"
#include "ledger/record_log.h"
#include "pki/digest.h"
#include "procedures/documents.h"
#include "sample.h"

namespace smki::cli::test {
namespace {

using procedures::test::Now;

template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) CheckFailed(Message(value.status()).c_str(), __FILE__, __LINE__);
  return std::move(value).value();
}
void Must(const Status& status) {
  if (!status.ok()) CheckFailed(Message(status).c_str(), __FILE__, __LINE__);
}

bool IsSignedAct(const procedures::Event& event) {
  static const std::set<std::string> without = {"step-started", "approval-recorded", "rejection-recorded",
                                                "casting-vote-recorded"};
  return !event.person.empty() && !without.contains(event.kind);
}

}  // namespace

EvidenceStory::EvidenceStory(const Spoiled& spoiled) : spoiled_(spoiled), folder_(scratch_ / "evidence") {
  Prepare();
  Tell();
  WriteStore();
  Seal();
}

void EvidenceStory::Prepare() {
  if (!spoiled_.runbook_not_allowed) people_.policy.allowed[0].digest = incident_.runbook_.digest;
  people_.policy.device_authorities = {{small_.devices.root->der()}, {small_.devices.issuing->der()}};
  estate_.direction.incident = "INC-1";
  estate_.direction.procedure_digest = incident_.runbook_.digest;
  estate_.direction.key_certificate = estate_.Add(Must(pki::IssueOrganisationCertificate(
      estate_.issuing, {"", 1, Eui64(0x90B3D51F30000001)}, recovery_key_.public_key(), pki::kDigitalSignature,
      Bytes(16, 0x21), Now() - std::chrono::hours(24), Now() + std::chrono::hours(24 * 300))));
  Must(PosixFiles().CreateDirectories(folder_));
  if (spoiled_.false_alarm) {
    incident_.Must(incident_.Open());
    if (spoiled_.deviates) incident_.Must(incident_.Deviate(procedures::test::Skip("report-received")));
    incident_.Must(incident_.Do(procedures::CloseRequest{"leo", "a false alarm"}));
    return;
  }
  if (!spoiled_.rejecting.empty()) ReachTie();
  incident_.Reach("the end");
  incident_.Must(incident_.Do(procedures::CloseRequest{"leo"}));
}

// The incident itself is as it must be, whatever the folder says of it.
void EvidenceStory::ReachTie() {
  using procedures::test::kVoteDigest;
  incident_.Reach("direction");
  incident_.Must(incident_.Do(procedures::StartRequest{"direction", "leo"}));
  for (const char* person : {"ann", "bob"})
    incident_.Must(incident_.Do(procedures::ApprovalRequest{"direction", person, kVoteDigest}));
  for (const char* person : {"cal", "eve"})
    incident_.Must(incident_.Do(procedures::ApprovalRequest{"direction", person, kVoteDigest, true, "no"}));
  incident_.Must(incident_.Do(procedures::CastingRequest{"direction", "cho", kVoteDigest, "approve", "time presses"}));
  incident_.Must(incident_.Do(procedures::ActionResult{"direction", true, "approved", {}}));
}

Bytes EvidenceStory::List() {
  const UtcTime issued = Now() - std::chrono::hours(1) + spoiled_.list_issued_later;
  std::vector<pki::Revoked> revoked;
  if (!spoiled_.revoked.empty()) {
    const auto& der = people_.policy.FindPerson(spoiled_.revoked)->signing_certificate.bytes;
    revoked.push_back({Must(pki::Certificate::Parse(der)).serial, Now() + spoiled_.revoked_later, 1});
  }
  return Must(pki::IssueRevocationList(people_.authority, 1, issued, issued + std::chrono::hours(24), revoked)).der;
}

void EvidenceStory::Append(const std::string& kind, const std::string& person, const std::string& payload) {
  pending_.push_back({kind == "genesis" ? "" : "INC-1", person, kind, ToBytes(AsBytes(payload))});
}

ledger::Entry EvidenceStory::Flush() {
  const std::vector<ledger::Entry> entries = Must(ledger_->Append(std::move(pending_)));
  pending_.clear();
  return entries.back();
}

void EvidenceStory::File(const std::string& file, ByteSpan octets) {
  Must(PosixFiles().CreateDirectories(DirectoryOf(folder_ + "/" + file)));
  repository::WriteText(folder_ + "/" + file, AsText(octets));
  ledger::v1::Artefact artefact;
  artefact.set_name(file);
  artefact.set_sha256(ToString(pki::Sha256(octets)));
  artefact.set_size(octets.size());
  artefact.set_file(file);
  Append("artefact", "", artefact.SerializeAsString());
}

void EvidenceStory::Tell() {
  ledger_ = Must(ledger::Ledger::Open(scratch_ / "ledger.sqlite", clock_));
  const std::string policy = procedures::RenderPolicy(people_.policy);
  anchor_ = pki::Sha256(policy);
  ledger::v1::Genesis genesis;
  genesis.set_environment(people_.policy.environment.kind);
  genesis.set_estate(people_.policy.environment.estate);
  genesis.set_policy_digest(spoiled_.other_genesis_policy ? std::string(32, 'x') : ToString(anchor_));
  genesis.set_policy_version(1);
  Append("genesis", "", genesis.SerializeAsString());
  for (const procedures::Event& event : incident_.log_) {
    clock_.SetWall(event.time);
    if (IsSignedAct(event)) TellStatement(event);
    if (spoiled_.act_taken_out && event.kind == "incident-closed") break;
    TellEvent(event);
    if (event.kind == "incident-opened") {
      File("runbook.yaml", AsBytes(procedures::test::MethodThreeText()));
      File("policy/trust-policy.yaml", AsBytes(policy));
      File("policy/persons.crl", List());
      if (spoiled_.false_alarm) TellFalseAlarm();
    }
    if (event.kind == "step-started" && event.step == "direction") Draft();
    if (event.kind == "step-started" && event.step == "campaign") TellCampaign();
  }
}

void EvidenceStory::TellEvent(procedures::Event event) {
  for (const char* field : {"digest", "deviation"}) {
    const auto told = requests_.find(event.fields.contains(field) ? event.fields[field] : "");
    if (told != requests_.end()) event.fields[field] = told->second;
  }
  if (event.kind == spoiled_.deviation_kind) {
    (spoiled_.deviation_field == "person" ? event.person : event.fields[spoiled_.deviation_field]) =
        spoiled_.deviation_value;
  }
  ledger::v1::IncidentEvent payload;
  payload.set_step(event.step);
  for (const auto& [key, value] : event.fields) {
    auto* field = payload.add_fields();
    field->set_key(key);
    // The incident's machine knows no text: what was voted on is the Direction that is told here.
    const bool vote = key == "digest" && event.kind.ends_with("-recorded");
    field->set_value(vote ? ToHex(pki::Sha256(direction_text_)) : value);
  }
  Append("incident." + event.kind, event.person, payload.SerializeAsString());
  ++events_;
}

void EvidenceStory::TellStatement(const procedures::Event& event) {
  if (spoiled_.no_statement && event.kind == "incident-closed") return;
  procedures::Statement statement;
  statement.environment = people_.policy.environment;
  statement.incident = event.kind == "incident-opened" ? "new" : "INC-1";
  statement.step = event.step.empty() ? "none" : event.step;
  statement.verb = event.kind == "incident-opened"       ? "open"
                   : event.kind == "step-decided"        ? "decide"
                   : event.kind == "incident-closed"     ? "close"
                   : event.kind == "deviation-requested" ? "deviate"
                   : event.kind == "deviation-approved"  ? "approve"
                                                         : "done";
  const auto choice = event.fields.find("choice");
  statement.choice = choice == event.fields.end() ? "none" : choice->second;
  for (const char* field : {"text", "result", "why"}) {
    const auto said = event.fields.find(field);
    if (said != event.fields.end() && !(event.kind == "incident-closed" && field == std::string("result")))
      statement.text.text = said->second;
  }
  for (const auto& [key, value] : event.fields) {
    if (key.starts_with(procedures::kFactorField))
      statement.factors.push_back({key.substr(procedures::kFactorField.size()), {value}});
  }
  if (event.kind == "step-decided") {
    if (!spoiled_.statement_factor.empty() && !statement.factors.empty())
      statement.factors.back().answer.text = spoiled_.statement_factor;
    if (!spoiled_.statement_verb.empty()) statement.verb = spoiled_.statement_verb;
    if (!spoiled_.statement_choice.empty()) statement.choice = spoiled_.statement_choice;
    if (!spoiled_.statement_text.empty()) statement.text.text = spoiled_.statement_text;
  }
  statement.expected_sequence = events_ + spoiled_.statement_page;
  statement.person = event.person;
  statement.time = event.time;
  if (statement.verb == "approve") statement.choice = requests_.at(event.fields.at("digest"));
  if (statement.verb == "deviate") {
    statement.deviation = event.fields.at("deviation");
    statement.witness = procedures::Quoted{event.fields.at("witness")};
  }
  const std::string document = procedures::Render(statement);
  if (statement.verb == "deviate") requests_[event.fields.at("digest")] = ToHex(pki::Sha256(document));
  const std::string signer = spoiled_.statement_signer.empty() ? event.person : spoiled_.statement_signer;
  ledger::v1::SignedStatement payload;
  payload.set_document(document);
  payload.set_cms(ToString(people_.Sign(signer, AsBytes(document), "")));
  Append("statement", event.person, payload.SerializeAsString());
}

void EvidenceStory::Draft() {
  procedures::Direction& direction = estate_.direction;
  Flush();
  direction.ledger_sequence = ledger_->head().entries - 1;
  direction.ledger_head = spoiled_.drafted_against == Digest{} ? ledger_->head().hash : spoiled_.drafted_against;
  direction_text_ = procedures::RenderDirection(direction);
  File("direction/direction.yaml", AsBytes(direction_text_));
  for (const auto& [group, octets] : estate_.populations) File("direction/populations/" + group + ".pop", octets);
  for (const auto& [digest, der] : estate_.certificates) File("direction/certificates/" + ToHex(digest) + ".der", der);
  int number = 0;
  for (const std::string& member : spoiled_.approvers) {
    File(fmt::format("direction/approvals/{}-{}.cms", ++number, member),
         people_.Sign(member, AsBytes(direction_text_), procedures::ApprovalHint(direction.id)));
  }
  if (!spoiled_.rejecting.empty()) TellCastingVote();
}

void EvidenceStory::TellCastingVote() {
  const procedures::Environment& environment = people_.policy.environment;
  const Digest direction = pki::Sha256(direction_text_);
  procedures::CastingVote vote{environment, direction, "cho", spoiled_.cast_decision, {}, {}, Now(), {"time presses"}};
  for (const std::string& member : spoiled_.approvers) {
    vote.approvals.push_back(pki::Sha256(Must(PosixFiles().Read(
        fmt::format("{}/direction/approvals/{}-{}.cms", folder_, vote.approvals.size() + 1, member), 1 << 16))));
  }
  int number = 0;
  for (const std::string& member : spoiled_.rejecting) {
    const std::string text = procedures::Render(procedures::Rejection{environment, direction, member, {"no"}});
    const std::string stem = fmt::format("direction/rejections/{}-{}", ++number, member);
    File(stem + ".txt", AsBytes(text));
    File(stem + ".cms", people_.Sign(member, AsBytes(text), procedures::kRejectionHint));
    if (member != spoiled_.cast_leaves_out) vote.rejections.push_back(pki::Sha256(text));
  }
  std::sort(vote.approvals.begin(), vote.approvals.end());
  std::sort(vote.rejections.begin(), vote.rejections.end());
  if (spoiled_.cast_lost) return;
  const std::string text = procedures::Render(vote);
  File("direction/casting/1-cho.txt", AsBytes(text));
  File("direction/casting/1-cho.cms",
       people_.Sign(spoiled_.cast_signer, AsBytes(text), procedures::kCastingVoteHint, Now()));
}

void EvidenceStory::TellCeremony() {
  procedures::CeremonyRequest request;
  request.environment = people_.policy.environment;
  request.id = "CER-0123456789abcdef";
  request.incident = "INC-1";
  request.direction = pki::Sha256(direction_text_);
  request.direction_id = estate_.direction.id;
  request.key = "recovery";
  request.policy = anchor_;
  request.policy_version = 1;
  request.threshold = 2;
  request.keyguard_time = Now();
  request.expires = Now() + std::chrono::hours(1);
  request.ledger_head = spoiled_.request_quotes == Digest{} ? ledger_->head().hash : spoiled_.request_quotes;
  request.journal_records = 1;
  request.journal_head = spoiled_.request_journal == Digest{} ? first_journal_head_ : spoiled_.request_journal;
  request.ceremony_certificate.bytes = {1, 2, 3};
  const std::string text = procedures::Render(request);
  request_ = pki::Sha256(text);
  File("ceremony/CER-0123456789abcdef.request.txt", AsBytes(text));
  File("ceremony/CER-0123456789abcdef.request.cms",
       people_.Sign(spoiled_.ceremony_signed_by_stranger ? "leo" : "keyguard", AsBytes(text), ""));
}

std::vector<EvidenceStory::Command> EvidenceStory::Commands() {
  Evidence words;  // only for the encoder
  words.direction = estate_.direction;
  for (const auto& [digest, der] : estate_.certificates)
    words.certificates.insert_or_assign(digest, Must(pki::Certificate::Parse(der)));
  std::vector<Command> out;
  uint64_t counter = estate_.direction.counter_first;
  for (const procedures::DirectedGroup& group : estate_.direction.groups) {
    const auto encoder =
        Must(gbcs::CommandTemplate::Make(Eui64(0x90B3D51F30000001), Must(DirectedPayload(words, group)), 1000, 4999));
    const procedures::Population population = Must(procedures::ParsePopulation(estate_.populations[group.name]));
    for (const Eui64 device : population.devices) {
      Command command{device, group.name, counter++, {}, {}};
      command.octets = encoder.Encode(device, command.counter);
      Bytes to_sign = ToBytes(gbcs::CommandTemplate::ToBeSigned(command.octets));
      if (spoiled_.other_command_signed && out.empty()) to_sign.back() ^= 1;
      command.signature = Must(recovery_key_.Sign(to_sign));
      gbcs::CommandTemplate::AppendSignature(command.octets, command.signature);
      out.push_back(std::move(command));
    }
  }
  return out;
}

// What an incident without a Direction leaves: a journal that knows nothing of it.
void EvidenceStory::TellFalseAlarm() {
  if (spoiled_.never_admitted) Draft();
  Must(PosixFiles().CreateDirectories(folder_ + "/keyguard"));
  auto journal = Must(ledger::RecordLog::Open(PosixFiles(), folder_ + "/keyguard/journal.log", ledger::kJournalKind,
                                              [](const ledger::Record&) { return OkStatus(); }));
  const ledger::JournalDirection admitted{Now(), Digest{1}, "DIR-9",  "INC-1", "drill/estate-7", "n", 1,
                                          2,     0,         Digest{}, Now()};
  if (spoiled_.admitted_without_direction)
    Must(journal->Append(static_cast<uint8_t>(ledger::JournalType::kDirection), Encode(admitted)).status());
  journal->Sync();
  journal.reset();
  if (spoiled_.empty_journal) std::filesystem::resize_file(folder_ + "/keyguard/journal.log", 0);
  if (spoiled_.told_records > 0) TellKeyguard("ceremony-requested", 0, Digest{7});
  if (spoiled_.intent_without_direction)
    Append("campaign.intent", "", ledger::v1::CampaignIntent().SerializeAsString());
  File("keyguard/journal.log", Must(PosixFiles().Read(folder_ + "/keyguard/journal.log", 1 << 20)));
}

void EvidenceStory::TellKeyguard(const std::string& what, uint64_t records, const Digest& head) {
  ledger::v1::KeyguardRecord record;
  record.set_what(what);
  record.set_direction_digest(ToString(pki::Sha256(direction_text_)));
  record.set_journal_records(records + spoiled_.told_records);
  record.set_journal_head(ToString(spoiled_.told_head == Digest{} ? head : spoiled_.told_head));
  Append("keyguard", "", record.SerializeAsString());
}

void EvidenceStory::TellCampaign() {
  const std::vector<Command> commands = Commands();
  Must(PosixFiles().CreateDirectories(folder_ + "/keyguard"));
  auto journal = Must(ledger::RecordLog::Open(PosixFiles(), folder_ + "/keyguard/journal.log", ledger::kJournalKind,
                                              [](const ledger::Record&) { return OkStatus(); }));
  const auto write = [&](ledger::JournalType type, const Bytes& payload) {
    Must(journal->Append(static_cast<uint8_t>(type), payload).status());
  };
  const Digest direction = pki::Sha256(direction_text_);
  Flush();
  const ledger::Head head = ledger_->head();
  write(ledger::JournalType::kDirection,
        Encode(ledger::JournalDirection{
            Now(), direction, estate_.direction.id, "INC-1", "drill/estate-7",
            spoiled_.admitted_nonce.empty() ? estate_.direction.nonce : spoiled_.admitted_nonce, 1000, 4999,
            head.entries - 1, head.hash, Now()}));
  first_journal_head_ = journal->head();
  TellCeremony();
  for (const std::string& person : spoiled_.attendants)
    write(ledger::JournalType::kAttendance, Encode(ledger::JournalAttendance{Now(), request_, person}));
  const auto give_orders = [&] {
    for (const auto& [order, person] : spoiled_.orders) {
      const procedures::PmaOrder document{spoiled_.order_signed_as.empty() ? order : spoiled_.order_signed_as,
                                          people_.policy.environment,
                                          direction,
                                          person,
                                          Now(),
                                          {"a doubt"}};
      const std::string text = procedures::Render(document);
      write(ledger::JournalType::kOrder,
            Encode(ledger::JournalOrder{Now(), order, person, direction, ToBytes(AsBytes(text)),
                                        people_.Sign(spoiled_.order_signer.empty() ? person : spoiled_.order_signer,
                                                     AsBytes(text), "smki order"),
                                        ""}));
    }
  };
  if (spoiled_.orders_before_opening) give_orders();
  write(ledger::JournalType::kOpened,
        Encode(ledger::JournalOpened{Now() - spoiled_.opened_earlier, direction, request_, 1}));
  TellKeyguard("opened", journal->records(), journal->head());
  if (!spoiled_.orders_before_opening) give_orders();
  const std::string last = estate_.direction.groups.back().name;
  uint64_t batch = 0;
  for (const procedures::DirectedGroup& group : estate_.direction.groups) {
    ledger::JournalBurn burn{Now() + spoiled_.burned_later, direction, group.name, 0, {}, {}};
    ledger::JournalSignatures signatures;
    pki::MerkleTree announced;
    for (const Command& command : commands) {
      if (command.group != group.name) continue;
      const bool first = &command == &commands.front();
      ledger::JournalBurnItem item{command.device, 1, command.counter};
      if (first && spoiled_.burned_device) item.device = *spoiled_.burned_device;
      if (first) item.counter += spoiled_.burned_counter;
      if (first) item.attempt += spoiled_.burned_attempt;
      burn.items.push_back(item);
      signatures.signatures.push_back(command.signature);
      Bytes leaf = ToBytes(item.device.bytes());
      const uint8_t attempt[] = {0, 0, 0,
                                 static_cast<uint8_t>(item.attempt + (spoiled_.other_items_announced ? 1 : 0))};
      smki::Append(leaf, attempt);
      announced.AddLeaf(leaf);
    }
    ledger::v1::CampaignIntent intent;
    intent.set_direction_digest(ToString(direction));
    intent.set_group(group.name);
    intent.set_batch(++batch);
    intent.set_items(static_cast<uint32_t>(burn.items.size()));
    intent.set_items_digest(ToString(announced.Root()));
    Append(spoiled_.burn_without_intent ? "campaign.batch" : "campaign.intent", "", intent.SerializeAsString());
    const ledger::Entry entry = Flush();
    burn.ledger_sequence = entry.sequence;
    burn.ledger_head = entry.hash;
    signatures.burn = journal->records();
    write(ledger::JournalType::kBurn, Encode(burn));
    write(ledger::JournalType::kSignatures, Encode(signatures));
    if (spoiled_.answer_lost && group.name == last && !spoiled_.outcome_all_the_same) continue;
    ledger::v1::CampaignBatch outcome;
    outcome.set_batch(batch);
    outcome.set_signed_(static_cast<uint32_t>(burn.items.size()));
    Append("campaign.batch", "", outcome.SerializeAsString());
  }
  ledger::JournalProven proven{Now(), direction, {commands.front().device}};
  if (spoiled_.proven_device) proven.devices.push_back(*spoiled_.proven_device);
  write(ledger::JournalType::kProven, Encode(proven));
  write(ledger::JournalType::kClosed, Encode(ledger::JournalClosed{Now(), direction, "done"}));
  journal->Sync();
  TellKeyguard("closed", journal->records(), journal->head());
  journal.reset();
  File("keyguard/journal.log", Must(PosixFiles().Read(folder_ + "/keyguard/journal.log", 1 << 20)));
  std::vector<Command> arrived = commands;
  if (spoiled_.answer_lost) std::erase_if(arrived, [&](const Command& command) { return command.group == last; });
  WriteCampaignLog(arrived);
}

void EvidenceStory::WriteCampaignLog(const std::vector<Command>& commands) {
  Must(PosixFiles().CreateDirectories(folder_ + "/campaign"));
  auto log = Must(ledger::RecordLog::Open(PosixFiles(), folder_ + "/campaign/campaign.log", ledger::kCampaignKind,
                                          [](const ledger::Record&) { return OkStatus(); }));
  const auto write = [&](ledger::CampaignType type, const Bytes& payload) {
    Must(log->Append(static_cast<uint8_t>(type), payload).status());
  };
  ledger::CampaignSigned batch;
  batch.batch = 1;
  for (const Command& command : commands) {
    batch.items.push_back(
        {command.device, 1, command.counter + spoiled_.campaign_counter, pki::Sha256(command.octets)});
  }
  write(ledger::CampaignType::kSigned, Encode(batch));
  uint64_t sequence = 0;
  for (const Command& command : commands) {
    write(ledger::CampaignType::kResponse,
          Encode(ledger::CampaignResponse{++sequence, Now(), command.device, 1, command.counter,
                                          sequence == 1 ? spoiled_.recorded_outcome : ledger::DeviceOutcome::kRecovered,
                                          "", Answer(command)}));
  }
  log->Sync();
  ledger::v1::CampaignSummary summary;
  summary.set_total(commands.size());
  summary.set_recovered(commands.size() + spoiled_.summed_recovered);
  summary.set_signatures(commands.size() + spoiled_.summed_signatures);
  summary.set_log_records(log->records());
  summary.set_log_head(ToString(log->head()));
  summary.set_wave("main");
  log.reset();
  File("campaign/campaign.log", Must(PosixFiles().Read(folder_ + "/campaign/campaign.log", 1 << 20)));
  Append("campaign.summary", "", summary.SerializeAsString());
}

// A Device's response; the spoiled ones are those of the first Device.
Bytes EvidenceStory::Answer(const Command& command) {
  const bool spoil = command.counter == estate_.direction.counter_first;
  gbcs::ExecutionOutcome outcome;
  outcome.seq_number = command.counter + (spoil ? spoiled_.outcome_counter : 0);
  if (spoil && spoiled_.outcome_of_another_mode) outcome.mode = gbcs::Mode::kAnyByContingency;
  for (const procedures::DirectedReplacement& replacement : estate_.direction.FindGroup(command.group)->replacements) {
    const pki::Certificate certificate = Must(pki::Certificate::Parse(estate_.certificates[replacement.certificate]));
    gbcs::ReplacementOutcome cell;
    cell.cell = *gbcs::TrustAnchorCell::Parse(replacement.cell);
    if (spoil && spoiled_.cell_failed) cell.status = gbcs::StatusCode::kNoTrustAnchor;
    std::copy(certificate.subject_key_identifier.begin(), certificate.subject_key_identifier.end(),
              cell.replacing_ski.begin());
    if (spoil && spoiled_.other_key_in_cell) cell.replacing_ski[7] ^= 1;
    cell.replacing_eui = certificate.subject_eui.value_or(Eui64());
    if (spoil && spoiled_.other_organisation_in_cell) cell.replacing_eui = Eui64(1);
    outcome.outcomes.push_back(cell);
  }
  if (spoil && spoiled_.cell_told_twice) outcome.outcomes.push_back(outcome.outcomes.back());
  if (spoil && spoiled_.cell_left_out) outcome.outcomes.pop_back();
  if (spoil && spoiled_.cell_beyond) {
    outcome.outcomes.push_back(outcome.outcomes.back());
    outcome.outcomes.back().cell.role = gbcs::Role::kNetworkOperator;
  }
  gbcs::Message message;
  message.cra = gbcs::Cra::kResponse;
  message.originator_counter = command.counter;
  message.originator = command.device;
  message.recipient = Eui64(0x90B3D51F30000001);
  message.date_time = Bytes(12, 0);
  message.message_code = spoil && spoiled_.response_of_another_code ? gbcs::MessageCodeOf(gbcs::Mode::kAnyByContingency)
                                                                    : gbcs::kAnyExceptAbnormalRootByRecoveryCode;
  if (spoil && spoiled_.response_with_mac) message.mac.emplace();
  message.payload = gbcs::EncodeResponsePayload({outcome, DerLengths::kMinimal});
  pki::PrivateKey stranger = Must(pki::PrivateKey::Generate());
  message.signature =
      Must((spoil && spoiled_.response_by_stranger ? stranger : device_key_).Sign(gbcs::SignedOctets(message)));
  return gbcs::EncodeMessage(message);
}

void EvidenceStory::WriteStore() {
  const std::string extracts = scratch_ / "extracts";
  Must(PosixFiles().CreateDirectories(extracts));
  auto writer = Must(repository::ExtractWriter::Create(extracts, true, "2026-11-15"));
  for (const auto& record : small_.Authorities()) Must(writer->Add(record));
  uint8_t serial = 0x60;
  for (const auto& [group, octets] : estate_.populations) {
    const procedures::Population population = Must(procedures::ParsePopulation(octets));
    for (const Eui64 device : population.devices) {
      const bool revoked = spoiled_.device_certificate_revoked && serial == 0x60;
      const pki::Certificate certificate =
          Must(pki::IssueDeviceCertificate(small_.devices.identity, device, device_key_.public_key(),
                                           pki::kDigitalSignature, Bytes(16, serial++), repository::Day("2026-01-01")));
      Must(writer->Add(small_.Record(
          certificate, revoked ? repository::CertificateStatus::kRevoked : repository::CertificateStatus::kInUse)));
    }
  }
  Must(writer->Finish());
  repository::RebuildOptions options{extracts,
                                     scratch_ / "repository.store",
                                     "",
                                     pki::AnchorOf(*small_.organisations.root),
                                     pki::AnchorOf(*small_.devices.root),
                                     {}};
  Must(repository::Rebuild(options).status());
  File("repository/repository.store", Must(PosixFiles().Read(options.store, 16 << 20)));
}

void EvidenceStory::Seal() {
  // As the exporter does: logs that are not written to any more need no hint.
  for (const char* log : {"/keyguard/journal.log", "/campaign/campaign.log"})
    std::filesystem::remove(ledger::CommittedPathOf(folder_ + log));
  Flush();
  const std::string body = ledger::RenderCheckpoint({"smki-ledger/drill/estate-7", ledger_->head()});
  std::string note = body + "\n" + Must(ledger::SignatureLine(body, "orchestrator", people_.KeyOf("orchestrator")));
  if (spoiled_.countersigned) note += Must(ledger::SignatureLine(body, "keyguard", people_.KeyOf("keyguard")));
  Must(PosixFiles().WriteDurably(folder_ + "/checkpoint.note", AsBytes(note)));
  if (spoiled_.entry_after_checkpoint) {
    Append("campaign.batch", "", "");
    Flush();
  }
  Must(ledger_->CopyTo(PosixFiles(), folder_ + "/ledger.sqlite"));
  ledger_.reset();
  const Bytes ledger = Must(PosixFiles().Read(folder_ + "/ledger.sqlite", 16 << 20));
  repository::WriteText(folder_ + "/ledger.sha256", ToHex(pki::Sha256(ledger)) + "  ledger.sqlite\n");
}

}  // namespace smki::cli::test
