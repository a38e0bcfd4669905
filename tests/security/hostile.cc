#include "tests/security/hostile.h"

#include <algorithm>
#include <sstream>

#include "base/file.h"
#include "ledger/record_log.h"
#include "procedures/population.h"

namespace smki::test {
namespace {

using ledger::JournalType;

// The honest Direction covers this many Devices in each of its two groups.
constexpr uint64_t kHonestDevices = 512;

std::string KeyOf(const gbcs::TrustAnchorCell& cell) {
  return cell.ToString();
}

}  // namespace

// --- Judge ---

void Judge::Directed(const Bundle& bundle) {
  Known known;
  known.bundle = bundle;
  for (const auto& [group, file] : bundle.populations)
    known.populations.emplace(group, SMKI_MUST(procedures::ParsePopulation(file)));
  directed_.emplace(bundle.digest(), std::move(known));
}

pki::Certificate Judge::CertificateOf(const Bundle& bundle, const Digest& digest) const {
  for (const Bytes& der : bundle.certificates) {
    if (pki::Sha256(der) == digest) return SMKI_MUST(pki::Certificate::Parse(der));
  }
  Fatal("CertificateOf", NotFound("no certificate {}", ToHex(digest)));
}

gbcs::CommandPayload Judge::Meant(const Bundle& bundle, const std::string& group_name, uint64_t counter) const {
  const procedures::DirectedGroup& group = *bundle.direction.FindGroup(group_name);
  gbcs::CommandPayload out;
  out.mode = gbcs::Mode::kAnyExceptAbnormalRootByRecovery;
  out.disapply_time_checks = !group.time_checks;
  out.authorising_cell = gbcs::TrustAnchorCell::Parse("recovery/digitalSignature");
  out.seq_number = counter;
  out.new_floor = group.authorising_floor;
  for (const procedures::DirectedFloor& floor : group.floors) {
    if (!out.other_changes) out.other_changes.emplace();
    EXPECT_EQ(floor.role, "supplier") << "this judge knows no other role";
    gbcs::SeqNumberChange change{gbcs::Role::kSupplier, floor.floor, {}};
    if (floor.prepayment_top_up) change.specialist.push_back({0, *floor.prepayment_top_up});
    out.other_changes->push_back(change);
  }
  for (const procedures::DirectedReplacement& replacement : group.replacements) {
    out.replacements.push_back(
        {CertificateOf(bundle, replacement.certificate).der(), *gbcs::TrustAnchorCell::Parse(replacement.cell)});
  }
  for (const Digest& digest : group.path_certificates)
    out.path_certificates.push_back(CertificateOf(bundle, digest).der());
  return out;
}

void Judge::ReadBurn(uint64_t number, const ledger::JournalBurn& burn) {
  const auto found = directed_.find(burn.direction);
  if (found == directed_.end()) {
    ADD_FAILURE() << "record " << number << " spends attempts under a Direction that nobody directed";
    return;
  }
  Known& known = found->second;
  const procedures::Direction& direction = known.bundle.direction;
  const auto population = known.populations.find(burn.group);
  if (population == known.populations.end()) {
    ADD_FAILURE() << "record " << number << ": group " << burn.group << " is not directed";
    return;
  }
  for (const ledger::JournalBurnItem& item : burn.items) {
    EXPECT_TRUE(population->second.RankOf(item.device)) << item.device.ToString() << " is not in " << burn.group;
    EXPECT_GE(item.counter, direction.counter_first);
    EXPECT_LE(item.counter, direction.counter_last);
    EXPECT_LE(item.attempt, direction.limits.attempts_per_device);
    EXPECT_TRUE(known.counters.emplace(item.counter, Given{burn.group, item.device, item.attempt}).second)
        << "counter " << item.counter << " was given twice";
    EXPECT_TRUE(known.attempts.emplace(std::pair(item.device.value(), item.attempt), item.counter).second)
        << item.device.ToString() << ", attempt " << item.attempt << " was burned twice";
  }
  EXPECT_LE(known.counters.size(), direction.limits.total);
  burns_.emplace(number, Burn{&known, burn});
}

void Judge::ReadSignatures(const ledger::JournalSignatures& record) {
  const auto burn = burns_.find(record.burn);
  if (burn == burns_.end()) {
    ADD_FAILURE() << "signatures of record " << record.burn << ", which burned nothing directed";
    return;
  }
  Known& known = *burn->second.known;
  const Bundle& bundle = known.bundle;
  const pki::Certificate key = CertificateOf(bundle, bundle.direction.key_certificate);
  const std::vector<ledger::JournalBurnItem>& items = burn->second.record.items;
  ASSERT_EQ(record.signatures.size(), items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    gbcs::Message message;
    message.originator_counter = items[i].counter;
    message.originator = *key.subject_eui;
    message.recipient = items[i].device;
    message.message_code = gbcs::kAnyExceptAbnormalRootByRecoveryCode;
    message.payload = gbcs::EncodeCommandPayload(Meant(bundle, burn->second.record.group, items[i].counter));
    EXPECT_TRUE(key.public_key->Verify(gbcs::SignedOctets(message), record.signatures[i]))
        << "the key signed something else than the directed command for " << items[i].device.ToString();
    known.signatures[items[i].counter] = record.signatures[i];
    ++signatures_;
  }
}

void Judge::ReadRecord(uint64_t number, uint8_t type, ByteSpan payload) {
  switch (static_cast<JournalType>(type)) {
    case JournalType::kDirection: {
      const auto record = SMKI_MUST(ledger::DecodeJournalDirection(payload));
      EXPECT_TRUE(directed_.contains(record.digest)) << record.id << " was admitted";
      break;
    }
    case JournalType::kBurn:
      ReadBurn(number, SMKI_MUST(ledger::DecodeJournalBurn(payload)));
      break;
    case JournalType::kSignatures:
      ReadSignatures(SMKI_MUST(ledger::DecodeJournalSignatures(payload)));
      break;
    default:
      break;
  }
}

void Judge::ReadJournal(const Bytes& journal) {
  ASSERT_GE(journal.size(), journal_.size()) << "the journal became shorter";
  ASSERT_TRUE(std::equal(journal_.begin(), journal_.end(), journal.begin())) << "the journal's past has changed";
  journal_ = journal;
  estate_.Write("exported-journal", ToString(journal));
  const auto summary = ledger::ReadRecordLog(PosixFiles(), estate_.Path("exported-journal"), ledger::kJournalKind,
                                             [&](const ledger::Record& record) {
                                               if (record.number >= records_)
                                                 ReadRecord(record.number, record.type, record.payload);
                                               return OkStatus();
                                             });
  ASSERT_TRUE(summary.ok()) << Message(summary.status());
  records_ = summary->records;
}

void Judge::ReadCommand(const kg::SignedCommand& command) {
  if (command.command().empty()) return;
  const auto message = gbcs::ParseMessage(AsBytes(command.command()));
  ASSERT_TRUE(message.ok()) << Message(message.status());
  const auto payload = gbcs::ParseCommandPayload(message->payload);
  ASSERT_TRUE(payload.ok()) << Message(payload.status());
  // Counters of Directions are disjoint: the counter tells whose it is.
  const auto known = std::find_if(directed_.begin(), directed_.end(), [&](const auto& entry) {
    return entry.second.counters.contains(message->originator_counter);
  });
  ASSERT_NE(known, directed_.end()) << "released under counter " << message->originator_counter << ", never burned";
  const Bundle& bundle = known->second.bundle;
  const Given& given = known->second.counters.at(message->originator_counter);
  const procedures::DirectedGroup& group = *bundle.direction.FindGroup(given.group);

  EXPECT_EQ(message->cra, gbcs::Cra::kCommand);
  EXPECT_EQ(message->message_code, gbcs::kAnyExceptAbnormalRootByRecoveryCode);
  EXPECT_EQ(message->recipient, given.device);
  EXPECT_EQ(message->recipient.value(), command.device());
  EXPECT_EQ(given.attempt, command.attempt());
  EXPECT_TRUE(message->date_time.empty());
  EXPECT_TRUE(message->supplementary.empty());
  EXPECT_FALSE(message->mac);
  EXPECT_EQ(payload->seq_number, message->originator_counter);
  EXPECT_EQ(payload->mode, gbcs::Mode::kAnyExceptAbnormalRootByRecovery);
  EXPECT_FALSE(payload->plaintext_symmetric_key);
  EXPECT_EQ(payload->disapply_time_checks, !group.time_checks);
  EXPECT_EQ(payload->authorising_cell->ToString(), "recovery/digitalSignature");
  EXPECT_EQ(payload->new_floor, group.authorising_floor);
  EXPECT_FALSE(payload->new_specialist_floors);
  EXPECT_FALSE(payload->execution_date_time);
  std::map<std::string, Digest> directed, found;
  for (const procedures::DirectedReplacement& r : group.replacements) directed[r.cell] = r.certificate;
  for (const gbcs::Replacement& r : payload->replacements) {
    EXPECT_TRUE(found.emplace(KeyOf(r.cell), pki::Sha256(r.certificate)).second) << KeyOf(r.cell) << " twice";
  }
  EXPECT_EQ(found, directed);
  std::vector<Digest> path;
  for (const Bytes& der : payload->path_certificates) path.push_back(pki::Sha256(der));
  EXPECT_EQ(path, group.path_certificates);
  EXPECT_EQ(*payload, Meant(bundle, given.group, message->originator_counter));

  ASSERT_TRUE(message->signature);
  const auto recorded = known->second.signatures.find(message->originator_counter);
  ASSERT_NE(recorded, known->second.signatures.end()) << "I2: released before it was recorded";
  EXPECT_EQ(*message->signature, recorded->second) << "I2: a second signature for one attempt";
}

void Judge::ExpectOnlyDirected(Keyguard& keyguard) {
  const auto journal = keyguard.Journal();
  ASSERT_TRUE(journal.ok()) << Message(journal.status());
  ReadJournal(*journal);
  const std::vector<kg::SignedCommand>& released = keyguard.released();
  for (; commands_ < released.size(); ++commands_) ReadCommand(released[commands_]);
}

// --- TakenOrchestrator ---

TakenOrchestrator::TakenOrchestrator() : estate_(Estate::Copy()), judge_(*estate_) {
  keyguard_ = Keyguard::Start(*estate_);
  honest_ = estate_->MakeBundle(serial_, kHonestDevices);
  judge_.Directed(honest_);
  EnsureOpen();
}

void TakenOrchestrator::EnsureOpen() {
  const kg::Status status = SMKI_MUST(keyguard_->GetStatus());
  const bool ours = status.direction_digest() == ToString(honest_.digest());
  if (status.state() == kg::Status::OPEN && ours) return;
  OpenInstead(honest_);
}

void TakenOrchestrator::OpenInstead(const Bundle& bundle) {
  judge_.Directed(bundle);
  const kg::Status status = SMKI_MUST(keyguard_->GetStatus());
  if (status.state() != kg::Status::CLOSED) {
    kg::CloseRequest request;
    request.set_direction_digest(status.direction_digest());
    kg::CloseResponse response;
    const Status closed = rpc::CallAndWait(*keyguard_->OrchestratorStub("orchestrator"), &kg::Keyguard::Stub::Close,
                                           request, response, Millis(20'000));
    if (!closed.ok()) Fatal("Close", closed);
  }
  const Status opened = keyguard_->Open(bundle);
  if (!opened.ok()) Fatal("Open", opened);
}

void TakenOrchestrator::ExpectUnharmed() {
  judge_.ExpectOnlyDirected(*keyguard_);
  EnsureOpen();
  const auto response = keyguard_->Sign(honest_, "supplier-a-esme", {{NextDevice(), 1}});
  ASSERT_TRUE(response.ok()) << "an honest request is refused: " << Message(response.status());
  ASSERT_EQ(response->commands_size(), 1);
  EXPECT_EQ(response->commands(0).refusal(), "") << response->commands(0).detail();
  EXPECT_FALSE(response->commands(0).command().empty());
  judge_.ExpectOnlyDirected(*keyguard_);
}

uint64_t TakenOrchestrator::LogLines(const std::string& text) {
  std::istringstream log(estate_->Read("keyguard.log"));
  uint64_t count = 0;
  for (std::string line; std::getline(log, line);) count += line.find(text) != std::string::npos ? 1 : 0;
  return count;
}

bool TakenOrchestrator::LogGrows(const std::string& text, uint64_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (LogLines(text) <= count) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    SMKI_MUST(keyguard_->GetStatus());
  }
  return true;
}

// --- Attacks ---

std::unique_ptr<TakenOrchestrator> Attacks::host_;

void Attacks::ExpectRepelled(const Attack& attack) {
  const uint64_t refusals = attack.code.empty() ? 0 : host().keyguard().Refusals(attack.code);
  const uint64_t lines = attack.logged.empty() ? 0 : host().LogLines(attack.logged);
  const Status answer = attack.attempt(host());
  if (!attack.code.empty()) {
    EXPECT_FALSE(answer.ok()) << "accepted, but must be refused with " << attack.code;
    EXPECT_EQ(ReasonOf(answer), attack.code) << Message(answer);
    EXPECT_GT(host().keyguard().Refusals(attack.code), refusals) << "a refusal leaves a record";
  } else if (attack.logged.empty()) {
    EXPECT_TRUE(answer.ok()) << Message(answer);
  } else {
    EXPECT_FALSE(answer.ok()) << "accepted";
    EXPECT_TRUE(host().LogGrows(attack.logged, lines)) << "the keyguard's log says nothing of it";
  }
  EXPECT_NE(Message(answer).find(attack.says), std::string::npos) << "refused for another reason: " << Message(answer);
  host().ExpectUnharmed();
}

}  // namespace smki::test
