#include "fleet.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/random.h"
#include "pki/digest.h"
#include "smki/ledger/v1/ledger.pb.h"

namespace smki::orchestrator::test {
namespace {

const gbcs::TrustAnchorCell kCells[] = {
    {gbcs::Role::kSupplier, gbcs::KeyUsage::kDigitalSignature, gbcs::CellUsage::kManagement},
    {gbcs::Role::kSupplier, gbcs::KeyUsage::kKeyAgreement, gbcs::CellUsage::kManagement}};

pki::KeyIdentifier KeyOfCell(size_t cell) {
  pki::KeyIdentifier out{};
  out.fill(static_cast<uint8_t>(0x40 + cell));
  return out;
}

}  // namespace

Scratch::Scratch() {
  std::string name = (std::filesystem::temp_directory_path() / "smki-orchestrator-XXXXXX").string();
  SMKI_CHECK(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

Fleet::Fleet(size_t esme, size_t gpf) : authority_(Must(pki::PrivateKey::Generate())) {
  direction.id = "DIR-1";
  direction.mode = "anyExceptAbnormalRootByRecovery";
  direction.counter_first = 1000;
  direction.counter_last = 30000;
  direction.limits = {3, 20000, 10000, 1000000};
  digest.fill(7);
  const std::pair<const char*, size_t> kinds[] = {{"esme", esme}, {"gpf", gpf}};
  uint64_t next = 0x00DB123456000000;
  for (const auto& [name, count] : kinds) {
    procedures::Population population{{"test", "estate-1"}, name, {}};
    for (size_t i = 0; i < count; ++i) {
      const Eui64 device(next++);
      population.devices.push_back(device);
      AddDevice(device);
    }
    procedures::DirectedGroup group;
    group.name = name;
    group.population_count = count;
    direction.groups.push_back(group);
    populations.push_back(std::move(population));
    GroupIntent intent;
    intent.originator = kOriginator;
    for (size_t cell = 0; cell < std::size(kCells); ++cell) {
      intent.cells.push_back({kCells[cell], KeyOfCell(cell), kSupplier});
    }
    intents.push_back(std::move(intent));
  }
}

void Fleet::AddDevice(Eui64 device) {
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  const pki::AuthoritySubject subject{"DCA", ""};
  const pki::IssuerIdentity issuer{&authority_, pki::AuthorityName(subject)};
  Bytes serial = SystemRandom().Take(16);
  serial[0] = 0x11;
  const pki::Certificate certificate = Must(pki::IssueDeviceCertificate(
      issuer, device, key.public_key(), pki::kDigitalSignature, serial, *ParseTime("2026-01-01T00:00:00Z")));
  repository::CertificateRecord record;
  record.eui = device;
  record.usage = "DS";
  record.der = certificate.der();
  store->records[device].push_back(std::move(record));
  certificates_.emplace(device, certificate);
  keys_.emplace(device, std::move(key));
}

Eui64 Fleet::Device(size_t rank) const {
  auto it = keys_.begin();
  std::advance(it, static_cast<ptrdiff_t>(rank));
  return it->first;
}

std::string Fleet::Respond(Eui64 device, uint64_t counter, const Behaviour& how) {
  gbcs::ResponsePayload payload;
  gbcs::ExecutionOutcome outcome;
  outcome.seq_number = how.other_counter ? counter + 7777 : counter;
  for (size_t cell = 0; cell < std::size(kCells); ++cell) {
    const bool fails = how.fail_all || (how.fail_cells > 0 && cell + 1 == std::size(kCells));
    gbcs::ReplacementOutcome one;
    one.cell = kCells[cell];
    one.status = fails ? gbcs::StatusCode::kNoTrustAnchor : gbcs::StatusCode::kSuccess;
    one.existing_eui = one.replacing_eui = kSupplier;
    one.replacing_ski = fails || how.other_key ? pki::KeyIdentifier{9, 9} : KeyOfCell(cell);
    outcome.outcomes.push_back(one);
  }
  if (how.extra_cell) {
    gbcs::ReplacementOutcome extra = outcome.outcomes.front();
    extra.cell.role = gbcs::Role::kNetworkOperator;
    outcome.outcomes.push_back(extra);
  }
  payload.outcome = outcome;
  gbcs::Message message;
  message.cra = gbcs::Cra::kResponse;
  message.originator_counter = outcome.seq_number;
  message.originator = device;
  message.recipient = kOriginator;
  message.date_time = Bytes(12, 0);
  message.message_code = gbcs::kAnyExceptAbnormalRootByRecoveryCode;
  message.payload = gbcs::EncodeResponsePayload(payload);
  message.signature.emplace();
  message.signature = Must(keys_.at(how.sign_as.value_or(device)).Sign(gbcs::SignedOctets(message)));
  return ToString(gbcs::EncodeMessage(message));
}

CampaignWorld::CampaignWorld(Fleet& f) : fleet(f) {
  settings.batch = 8;
  settings.canary = 3;
  settings.window = 64;
  keyguard.On<keyguard::v1::SignRequest>(kSign, [this](const auto& request) { return Sign(request); });
  keyguard.On<keyguard::v1::ProveRequest>(
      kProve, [this](const keyguard::v1::ProveRequest& request) -> StatusOr<keyguard::v1::ProveResponse> {
        const Durable durable = ReadDurable();
        keyguard::v1::ProveResponse response;
        for (const auto& proof : request.proofs()) {
          EXPECT_EQ(durable.answered.count(Eui64(proof.device())), 1u) << "I2: its response is not durable";
          if (proof_refused.count(Eui64(proof.device())) == 0) {
            proven.insert(Eui64(proof.device()));
            continue;
          }
          response.add_refused()->set_device(proof.device());
          response.mutable_refused()->rbegin()->set_reason("PROOF_INVALID");
        }
        return response;
      });
  estate.On<estate::v1::DeliverRequest>(kDeliver, [this](const auto& request) -> StatusOr<estate::v1::DeliverResponse> {
    auto response = Deliver(request);
    if (lose_delivery_answers > 0 && lose_delivery_answers-- > 0) return Unavailable("the answer was lost");
    return response;
  });
  // The gateway keeps its outbox: a watcher that comes back gets what it has not seen.
  estate.OnOpen(kResponses, [this](const std::string& octets) {
    estate::v1::ResponsesRequest request;
    SMKI_CHECK(request.ParseFromString(octets));
    for (auto it = outbox.upper_bound(request.after_sequence()); it != outbox.end(); ++it) {
      estate::v1::ResponseBatch batch;
      estate::v1::Response& response = *batch.add_responses();
      response.set_sequence(it->first);
      response.set_device(it->second.first.value());
      response.set_message(it->second.second);
      estate.Push(kResponses, batch.SerializeAsString());
    }
  });
  Reopen();
}

void CampaignWorld::Reopen() {
  campaign.reset();
  Campaign::Plan plan;
  plan.incident = "INC-1";
  plan.direction = fleet.direction;
  plan.digest = fleet.digest;
  plan.populations = fleet.populations;
  plan.intents = fleet.intents;
  plan.settings = settings;
  plan.batches_before = last_batch;
  plan.summarised_records = summarised;
  Campaign::Seams seams{executor,
                        clock,
                        disk,
                        keyguard,
                        estate,
                        fleet.store,
                        [this](const std::string& kind, Bytes payload) -> StatusOr<ledger::Entry> {
                          if (kind == record_fails_once) {
                            record_fails_once.clear();
                            return Unavailable("the disk is full");
                          }
                          if (kind == "campaign.intent") {
                            ledger::v1::CampaignIntent intent;
                            SMKI_CHECK(intent.ParseFromArray(payload.data(), static_cast<int>(payload.size())));
                            last_batch = intent.batch();
                          }
                          if (kind == "campaign.summary") {
                            EXPECT_FALSE(disk.unsynced) << "I2: a summary of a log that is not durable";
                            ledger::v1::CampaignSummary summary;
                            SMKI_CHECK(summary.ParseFromArray(payload.data(), static_cast<int>(payload.size())));
                            summarised = summary.log_records();
                          }
                          ledger.emplace_back(kind, payload);
                          if (on_record) on_record(kind);
                          ledger::Entry entry;
                          entry.sequence = ledger.size();
                          return entry;
                        },
                        [this](std::function<void(Status)> done) {
                          ++reopened;
                          sign_error.reset();
                          executor.PostAfter(Millis(100), [this, done] { done(reopen_status.value_or(OkStatus())); });
                        }};
  campaign = Must(Campaign::Open(std::move(seams), std::move(plan), scratch.path() + "/campaign.log"));
}

void CampaignWorld::Begin(const std::string& wave) {
  ended.reset();
  campaign->RunWave(wave, [this](Status status) { ended = status; });
}

Status CampaignWorld::Run(const std::string& wave, Millis limit) {
  Begin(wave);
  for (Millis passed{0}; passed < limit && !ended; passed += Millis(100)) executor.Advance(Millis(100));
  return ended.value_or(Internal("the wave did not end"));
}

void CampaignWorld::Push(const std::string& message, Eui64 device) {
  const uint64_t sequence = outbox.size() + 1;
  outbox[sequence] = {device, message};
  estate::v1::ResponseBatch batch;
  estate::v1::Response& response = *batch.add_responses();
  response.set_sequence(sequence);
  response.set_device(device.value());
  response.set_message(message);
  estate.Push(kResponses, batch.SerializeAsString());
}

StatusOr<keyguard::v1::SignResponse> CampaignWorld::Sign(const keyguard::v1::SignRequest& request) {
  ++sign_calls;
  if (sign_error) return *sign_error;
  keyguard::v1::SignResponse response;
  for (const keyguard::v1::SignItem& item : request.items()) {
    const Eui64 device(item.device());
    keyguard::v1::SignedCommand& command = *response.add_commands();
    command.set_device(item.device());
    command.set_attempt(item.attempt());
    std::string& octets = signed_[{device, item.attempt()}];
    if (octets.empty()) {
      gbcs::Message message;
      message.originator_counter = next_counter++;
      message.originator = kOriginator;
      message.recipient = device;
      message.message_code = gbcs::kAnyExceptAbnormalRootByRecoveryCode;
      message.payload = {0x30, 0x00};
      message.signature.emplace();
      octets = ToString(gbcs::EncodeMessage(message));
    }
    command.set_counter(Must(gbcs::ParseMessage(AsBytes(octets))).originator_counter);
    command.set_command(octets);
  }
  return response;
}

CampaignWorld::Durable CampaignWorld::ReadDurable() {
  const std::string log = scratch.path() + "/campaign.log", left = scratch.path() + "/after-a-power-cut";
  Bytes octets = Must(PosixFiles().Read(log, size_t{1} << 30));
  octets.resize(disk.synced[log]);
  SMKI_CHECK(PosixFiles().WriteDurably(left, octets).ok());
  Durable out;
  const auto visit = [&](const ledger::Record& record) {
    const auto type = static_cast<ledger::CampaignType>(record.type);
    if (type == ledger::CampaignType::kSigned) {
      for (const auto& item : Must(ledger::DecodeCampaignSigned(record.payload)).items)
        out.counters.insert(item.counter);
    }
    if (type == ledger::CampaignType::kResponse)
      out.answered.insert(Must(ledger::DecodeCampaignResponse(record.payload)).device);
    return OkStatus();
  };
  Must(ledger::ReadRecordLog(PosixFiles(), left, ledger::kCampaignKind, visit));
  return out;
}

StatusOr<estate::v1::DeliverResponse> CampaignWorld::Deliver(const estate::v1::DeliverRequest& request) {
  const Durable durable = ReadDurable();
  for (const estate::v1::Command& command : request.commands()) {
    const Eui64 device(command.device());
    const uint64_t counter = Must(gbcs::ParseMessage(AsBytes(command.message()))).originator_counter;
    EXPECT_EQ(durable.counters.count(counter), 1u) << "I2: delivered before it was durable";
    delivered.emplace_back(device, counter);
    Behaviour& how = fleet.behaviour[device];
    if (how.silent || how.lose_commands-- > 0 || how.answers-- <= 0) continue;
    const std::string response = fleet.Respond(device, counter, how);
    if (how.fail_cells > 0) --how.fail_cells;
    if (how.lose_responses-- > 0) continue;
    executor.PostAfter(Millis(20), [this, response, device] { Push(response, device); });
  }
  estate::v1::DeliverResponse response;
  response.set_accepted(static_cast<uint32_t>(request.commands_size()));
  return response;
}

}  // namespace smki::orchestrator::test
