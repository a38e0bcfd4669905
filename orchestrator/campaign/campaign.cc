#include "orchestrator/campaign/campaign.h"

#include <algorithm>
#include <cmath>

#include "base/fail_point.h"
#include "orchestrator/campaign/campaign_log.h"
#include "pki/digest.h"
#include "procedures/reason.h"
#include "proto/rpc/channel.h"
#include "smki/ledger/v1/ledger.pb.h"

namespace smki::orchestrator {
namespace {

using ledger::CampaignType;
using procedures::Reason;
using Phase = DeviceState::Phase;

constexpr Millis kCallDeadline{30000};
constexpr Millis kRetryDelay{500};
constexpr Millis kLimitDelay{200};
constexpr int kFruitlessLimit = 25;  // times kLimitDelay

Bytes Serialise(const google::protobuf::Message& message) {
  return ToBytes(AsBytes(message.SerializeAsString()));
}

// Opening the key again is the remedy. Anything the network does is looked into in the same way.
bool MeansKeyLost(const Status& status) {
  for (Reason reason : {Reason::kKEY_CLOSED, Reason::kNO_DIRECTION, Reason::kKEY_EXPIRED, Reason::kNO_CEREMONY,
                        Reason::kSHARES_TOO_FEW}) {
    if (procedures::IsRefusal(status, reason)) return true;
  }
  return ReasonOf(status).empty() &&
         (status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kCancelled ||
          status.code() == StatusCode::kDeadlineExceeded || status.code() == StatusCode::kUnknown);
}

bool IsLimit(const std::string& reason) {
  return reason == "OUTSTANDING_LIMIT" || reason == "RATE_LIMIT";
}
bool IsKeyLost(const std::string& reason) {
  return reason == "KEY_CLOSED" || reason == "NO_DIRECTION" || reason == "KEY_EXPIRED";
}

}  // namespace

Campaign::Campaign(Seams seams, Plan plan)
    : seams_(std::move(seams)), plan_(std::move(plan)), state_(plan_.direction, std::move(plan_.populations)) {
  ready_.resize(plan_.direction.groups.size());
  want_.resize(state_.size(), Want::kNothing);
  window_ = static_cast<double>(std::min(plan_.settings.window, 2 * plan_.settings.batch));
}

StatusOr<std::unique_ptr<Campaign>> Campaign::Open(Seams seams, Plan plan, const std::string& log_path) {
  SMKI_CHECK(plan.populations.size() == plan.direction.groups.size() && plan.intents.size() == plan.populations.size());
  std::unique_ptr<Campaign> campaign(new Campaign(std::move(seams), std::move(plan)));
  SMKI_RETURN_IF_ERROR(campaign->OpenLog(log_path));
  return campaign;
}

Status Campaign::OpenLog(const std::string& path) {
  ledger::CampaignOpened opened;
  opened.time = seams_.clock.Now();
  opened.incident = plan_.incident;
  opened.direction = plan_.digest;
  for (const procedures::DirectedGroup& group : plan_.direction.groups) {
    opened.groups.push_back({group.name, group.population_count, group.population_digest});
  }
  SMKI_ASSIGN_OR_RETURN(
      log_, ledger::RecordLog::Open(seams_.files, path, ledger::kCampaignKind, [&](const ledger::Record& record) {
        const auto type = static_cast<CampaignType>(record.type);
        if ((record.number == 0) != (type == CampaignType::kOpened))
          return DataLoss("record {} is of type {}", record.number, record.type);
        if (type == CampaignType::kOpened) {
          SMKI_ASSIGN_OR_RETURN(const auto found, ledger::DecodeCampaignOpened(record.payload));
          if (found.direction != plan_.digest || found.incident != plan_.incident) {
            return DataLoss("this log belongs to incident {} and Direction {}", found.incident, ToHex(found.direction));
          }
          return OkStatus();
        }
        if (type == CampaignType::kWave) {
          SMKI_ASSIGN_OR_RETURN(const auto wave, ledger::DecodeCampaignWave(record.payload));
          wave_open_ = true;
          if (wave.wave == "canary") canary_ranks_ = wave.ranks;
        }
        if (type == CampaignType::kWaveDone) {
          wave_open_ = false;
          wave_done_records_ = record.number + 1;
        }
        return state_.ApplyEncoded(type, record.payload, record.payload_offset);
      }));
  if (log_->records() == 0) {
    SMKI_RETURN_IF_ERROR(log_->Append(static_cast<uint8_t>(CampaignType::kOpened), Encode(opened)).status());
  }
  next_batch_ = std::max(state_.last_batch(), plan_.batches_before) + 1;
  for (Rank rank = 0; rank < state_.size(); ++rank) {
    const DeviceState& device = state_[rank];
    if (device.phase == Phase::kBegun) Queue(rank, Want::kNext, false);
    // Whether it was delivered is not known: the same bytes again do no harm.
    if (device.phase == Phase::kSigned) Queue(rank, Want::kSame, false);
    if (device.phase == Phase::kSent) {
      SetWant(rank, Want::kAnswer);
      timeouts_.push_back(
          {seams_.clock.SinceBoot() + plan_.settings.response_timeout, rank, device.attempt, device.sends});
    }
    if (device.outcome == DeviceOutcome::kRecovered && !device.proven) to_prove_.push_back(rank);
  }
  return OkStatus();
}

void Campaign::RunWave(const std::string& wave, Done done) {
  SMKI_CHECK(!done_);
  done_ = std::move(done);
  key_lost_ = false;
  held_by_.clear();
  OpenStream();
  const bool summary_missing = !wave_open_ && wave_done_records_ > plan_.summarised_records;
  if (state_.wave() != wave || (!wave_open_ && !summary_missing)) BeginWave(wave);
  // Posted, so that `done` never runs before this returns.
  seams_.executor.Post(Guarded([this] {
    ArmTimeouts();
    Prove();
    Pump();
    MaybeFinish();
  }));
}

void Campaign::BeginWave(const std::string& wave) {
  ledger::CampaignWave record{seams_.clock.Now(), wave, {}};
  std::vector<Rank> begun;
  for (Rank rank = 0; rank < state_.size(); ++rank) {
    if (state_[rank].phase == Phase::kIdle) begun.push_back(rank);
  }
  if (wave == "canary") {
    const size_t count = std::min<size_t>(plan_.settings.canary, begun.size());
    for (size_t i = 0; i < count; ++i) record.ranks.push_back(begun[i * begun.size() / count]);
    canary_ranks_ = begun = record.ranks;
    if (begun.empty()) return;  // ranks left empty would mean every Device
  }
  // Synced with the first batch of the wave; lost before that, the same wave is begun again.
  if (!Log(CampaignType::kWave, record).ok()) return;
  wave_open_ = true;
  for (Rank rank : begun) Queue(rank, Want::kNext, false);
}

void Campaign::SetPaused(bool paused) {
  paused_ = paused;
  if (!paused_) Pump();
}

void Campaign::SetWant(Rank rank, Want want) {
  const auto counts = [](Want w) { return w == Want::kCall || w == Want::kAnswer; };
  in_flight_ -= counts(want_[rank]) ? 1 : 0;
  in_flight_ += counts(want) ? 1 : 0;
  want_[rank] = want;
  if (want == Want::kNothing || want == Want::kNext) commands_.erase(rank);
}

void Campaign::Queue(Rank rank, Want want, bool first) {
  SetWant(rank, want);
  std::deque<Rank>& queue = ready_[state_.GroupOf(rank)];
  if (first) {
    queue.push_front(rank);
  } else {
    queue.push_back(rank);
  }
}

// --- asking ---

void Campaign::Pump() {
  const CampaignSettings& settings = plan_.settings;
  while (done_ && !paused_ && !key_lost_ && seams_.clock.SinceBoot() >= hold_until_ &&
         asking_ < settings.batches_in_flight) {
    const auto longest =
        std::max_element(ready_.begin(), ready_.end(), [](auto& a, auto& b) { return a.size() < b.size(); });
    if (longest == ready_.end() || longest->empty()) return;
    const size_t window = std::max<size_t>(static_cast<size_t>(window_), 1);
    const size_t room = window > in_flight_ ? window - in_flight_ : 0;
    const size_t wanted = std::min<size_t>(settings.batch, longest->size());
    // Rather a full batch a little later than a small one now.
    if (room == 0 || (room < wanted && room < settings.batch / 2 && in_flight_ > 0)) return;
    const size_t count = TakeRate(std::min(wanted, room));
    if (count == 0) return BackOff(Millis(50));
    Batch batch;
    batch.group = static_cast<size_t>(longest - ready_.begin());
    const bool within_limit = PickBatch(count, batch);
    GiveBackRate(count - batch.ranks.size());
    if (!batch.ranks.empty()) {
      if (Status status = AskBatch(batch); !status.ok()) {
        PutBack(batch);
        return Fail(status);
      }
    } else if (!within_limit) {
      held_by_ = "OUTSTANDING_LIMIT";
      if (in_flight_ == 0 && to_prove_.empty() && !proving_ && asking_ == 0) {
        Fail(procedures::Refuse(
            Reason::kOUTSTANDING_LIMIT,
            fmt::format("{} Devices are signed for and have proven nothing; {} are left", state_.counts().outstanding(),
                        state_.counts().total - state_.counts().ended)));
      }
      return;
    }
  }
}

// A token bucket of half a second: the Direction's rate is the signer's to enforce; this only avoids being refused.
size_t Campaign::TakeRate(size_t wanted) {
  const auto now = seams_.clock.SinceBoot();
  const double rate = static_cast<double>(plan_.direction.limits.rate_per_second);
  const double elapsed = std::chrono::duration<double>(now - rate_time_).count();
  rate_tokens_ = rate_time_.count() == 0 ? rate / 2 : std::min(rate / 2, rate_tokens_ + elapsed * rate);
  rate_time_ = now;
  const size_t taken = std::min(wanted, static_cast<size_t>(std::ceil(rate_tokens_)));
  rate_tokens_ -= static_cast<double>(taken);
  return taken;
}

// False if the Direction's limit on outstanding Devices stopped it.
bool Campaign::PickBatch(size_t count, Batch& batch) {
  const uint64_t limit = plan_.direction.limits.outstanding;
  std::deque<Rank>& queue = ready_[batch.group];
  while (batch.ranks.size() < count && !queue.empty()) {
    const Rank rank = queue.front();
    const Want want = want_[rank];
    if (want != Want::kSame && want != Want::kNext) {  // it has answered meanwhile
      queue.pop_front();
      continue;
    }
    const bool fresh = state_[rank].attempt == 0;
    if (fresh && state_.counts().outstanding() + asked_fresh_ + batch.fresh >= limit) return false;
    queue.pop_front();
    batch.ranks.push_back(rank);
    batch.attempts.push_back(state_[rank].attempt + (want == Want::kNext ? 1u : 0u));
    batch.fresh += fresh ? 1 : 0;
    SetWant(rank, Want::kCall);
  }
  return true;
}

// What was not asked for waits again, in its place.
void Campaign::PutBack(const Batch& batch) {
  for (size_t i = batch.ranks.size(); i-- > 0;) {
    const Rank rank = batch.ranks[i];
    Queue(rank, batch.attempts[i] > state_[rank].attempt ? Want::kNext : Want::kSame, true);
  }
}

Status Campaign::AskBatch(const Batch& picked) {
  Batch batch = picked;
  batch.number = next_batch_++;
  keyguard::v1::SignRequest request;
  request.set_direction_digest(ToString(plan_.digest));
  request.set_group(plan_.direction.groups[batch.group].name);
  pki::MerkleTree tree;
  for (size_t i = 0; i < batch.ranks.size(); ++i) {
    const Eui64 device = state_.DeviceOf(batch.ranks[i]);
    keyguard::v1::SignItem& item = *request.add_items();
    item.set_device(device.value());
    item.set_attempt(batch.attempts[i]);
    tree.AddLeaf(IntentLeaf(device, batch.attempts[i]));
  }
  ledger::v1::CampaignIntent intent;
  intent.set_direction_digest(ToString(plan_.digest));
  intent.set_group(request.group());
  intent.set_batch(batch.number);
  intent.set_items(static_cast<uint32_t>(batch.ranks.size()));
  intent.set_items_digest(ToString(tree.Root()));
  SMKI_ASSIGN_OR_RETURN(const ledger::Entry entry, seams_.record("campaign.intent", Serialise(intent)));  // I2
  FailPoint("orchestrator.campaign.intent");
  request.set_ledger_sequence(entry.sequence);
  request.set_ledger_head(ToString(entry.hash));
  ++asking_;
  asked_fresh_ += batch.fresh;
  held_by_.clear();
  rpc::Call<keyguard::v1::SignResponse>(
      seams_.keyguard, "/smki.keyguard.v1.Keyguard/Sign", request, kCallDeadline,
      Guarded([this, batch](StatusOr<keyguard::v1::SignResponse> response) { OnSigned(batch, std::move(response)); }));
  return OkStatus();
}

void Campaign::OnSigned(const Batch& batch, StatusOr<keyguard::v1::SignResponse> response) {
  --asking_;
  asked_fresh_ -= batch.fresh;
  std::vector<Rank> deliver;
  Status status = response.ok() ? LogSigned(batch, *response, deliver) : response.status();
  // Those that got no command, for whatever passing reason, want it as before.
  for (size_t i = batch.ranks.size(); i-- > 0;) {
    const Rank rank = batch.ranks[i];
    if (want_[rank] != Want::kCall || std::find(deliver.begin(), deliver.end(), rank) != deliver.end()) continue;
    Queue(rank, batch.attempts[i] > state_[rank].attempt ? Want::kNext : Want::kSame, true);
  }
  if (!deliver.empty()) Deliver(std::move(deliver));
  if (MeansKeyLost(status)) {
    LoseKey(Message(status));
  } else if (IsLimit(ReasonOf(status))) {
    fruitless_ = in_flight_ == 0 && to_prove_.empty() && !proving_ && asking_ == 0 ? fruitless_ + 1 : 0;
    if (fruitless_ > kFruitlessLimit) return Fail(status);
    held_by_ = ReasonOf(status);
    BackOff(kLimitDelay);
  } else if (!status.ok()) {
    return Fail(status);
  } else {
    fruitless_ = 0;
  }
  Pump();
  MaybeFinish();
}

// The command must be the one that was asked for: a keyguard that answers with another is not delivered.
Status Campaign::CheckCommand(const keyguard::v1::SignedCommand& item, Rank rank, uint32_t attempt) const {
  const Eui64 device = state_.DeviceOf(rank);
  if (item.device() != device.value() || item.attempt() != attempt) {
    return Internal("the keyguard answered for {} attempt {} where {} attempt {} was asked for",
                    Eui64(item.device()).ToString(), item.attempt(), device.ToString(), attempt);
  }
  if (item.command().empty()) return OkStatus();
  const auto message = gbcs::ParseMessage(AsBytes(item.command()));
  if (!message.ok()) return WithContext(message.status(), "command for " + device.ToString());
  if (message->recipient != device || message->originator_counter != item.counter() ||
      message->cra != gbcs::Cra::kCommand) {
    return Internal("the keyguard's command for {} is addressed to {} with counter {}, reported as {}",
                    device.ToString(), message->recipient.ToString(), message->originator_counter, item.counter());
  }
  const DeviceState& known = state_[rank];
  if (attempt == known.attempt && item.counter() != known.counter) {
    return Internal(
        "{}: attempt {} was signed with counter {}, the keyguard now says {}. Its journal is not the one it "
        "was: stop, and compare the keyguard's journal with the ledger",
        device.ToString(), attempt, known.counter, item.counter());
  }
  return OkStatus();
}

// Logs what came of the batch. The status is what stopped some of its items, if that concerns the whole campaign.
// What all commands disclose is kept from the first: an auditor needs it to see what was signed.
Status Campaign::NoteDisclosure(const keyguard::v1::SignResponse& response) {
  if (disclosure_noted_ || !seams_.disclosed) return OkStatus();
  for (const keyguard::v1::SignedCommand& item : response.commands()) {
    if (item.command().empty()) continue;
    SMKI_ASSIGN_OR_RETURN(const gbcs::Message message, gbcs::ParseMessage(AsBytes(item.command())));
    SMKI_ASSIGN_OR_RETURN(const gbcs::CommandPayload payload, gbcs::ParseCommandPayload(message.payload));
    if (!payload.plaintext_symmetric_key)
      return Internal("the keyguard's command for {} discloses no Symmetric Key", Eui64(item.device()).ToString());
    SMKI_RETURN_IF_ERROR(seams_.disclosed(*payload.plaintext_symmetric_key));
    disclosure_noted_ = true;
    return OkStatus();
  }
  return OkStatus();
}

Status Campaign::LogSigned(const Batch& batch, const keyguard::v1::SignResponse& response, std::vector<Rank>& deliver) {
  if (static_cast<size_t>(response.commands_size()) != batch.ranks.size()) {
    return Internal("the keyguard answered {} of {} items", response.commands_size(), batch.ranks.size());
  }
  // All of them first: nothing of a batch is delivered if something in it is wrong.
  for (size_t i = 0; i < batch.ranks.size(); ++i)
    SMKI_RETURN_IF_ERROR(CheckCommand(response.commands(static_cast<int>(i)), batch.ranks[i], batch.attempts[i]));
  SMKI_RETURN_IF_ERROR(NoteDisclosure(response));
  ledger::CampaignSigned logged{batch.number, {}};
  ledger::CampaignRefused refused{batch.number, {}};
  Status held = OkStatus();
  std::vector<Rank> signed_now;
  pki::MerkleTree commands;
  for (size_t i = 0; i < batch.ranks.size(); ++i) {
    const Rank rank = batch.ranks[i];
    const keyguard::v1::SignedCommand& item = response.commands(static_cast<int>(i));
    if (item.command().empty()) {
      if (IsLimit(item.refusal()) || IsKeyLost(item.refusal())) {
        held = WithReason(FailedPrecondition("{}: {}", item.refusal(), item.detail()), item.refusal());
      } else {
        refused.items.push_back({state_.DeviceOf(rank), item.attempt(), item.refusal(), item.detail()});
      }
      continue;
    }
    commands.AddLeaf(AsBytes(item.command()));
    if (item.attempt() > state_[rank].attempt) {
      logged.items.push_back(
          {state_.DeviceOf(rank), item.attempt(), item.counter(), pki::Sha256(AsBytes(item.command()))});
    }
    if (want_[rank] == Want::kCall) {
      commands_[rank] = item.command();
      signed_now.push_back(rank);
    }
  }
  if (!logged.items.empty()) SMKI_RETURN_IF_ERROR(Log(CampaignType::kSigned, logged));
  deliver = std::move(signed_now);
  if (!refused.items.empty()) SMKI_RETURN_IF_ERROR(Log(CampaignType::kRefused, refused));
  for (const ledger::CampaignRefusedItem& item : refused.items) {
    const Rank rank = *state_.RankOf(item.device);
    if (want_[rank] == Want::kCall) EndDevice(rank, DeviceOutcome::kRefused, item.reason);
  }
  log_->Sync();
  FailPoint("orchestrator.campaign.signed");
  ledger::v1::CampaignBatch outcome;
  outcome.set_batch(batch.number);
  outcome.set_signed_(static_cast<uint32_t>(commands.size()));
  outcome.set_refused(static_cast<uint32_t>(batch.ranks.size() - commands.size()));
  outcome.set_commands_digest(ToString(commands.Root()));
  SMKI_RETURN_IF_ERROR(seams_.record("campaign.batch", Serialise(outcome)).status());
  return held;
}

// --- sending ---

void Campaign::Deliver(std::vector<Rank> ranks) {
  std::erase_if(ranks, [this](Rank rank) { return want_[rank] != Want::kCall || commands_.count(rank) == 0; });
  if (ranks.empty() || !done_) return;
  estate::v1::DeliverRequest request;
  ledger::CampaignSent sent;
  for (Rank rank : ranks) {
    estate::v1::Command& command = *request.add_commands();
    command.set_device(state_.DeviceOf(rank).value());
    command.set_message(commands_[rank]);
    sent.items.push_back({state_.DeviceOf(rank), state_[rank].attempt});
  }
  ++delivering_;
  rpc::Call<estate::v1::DeliverResponse>(seams_.estate, "/smki.estate.v1.DeviceGateway/Deliver", request, kCallDeadline,
                                         Guarded([this, ranks, sent](StatusOr<estate::v1::DeliverResponse> response) {
                                           OnDelivered(ranks, sent, std::move(response));
                                         }));
}

void Campaign::OnDelivered(const std::vector<Rank>& ranks, const ledger::CampaignSent& sent,
                           StatusOr<estate::v1::DeliverResponse> response) {
  --delivering_;
  if (!response.ok()) {
    if (response.status().code() == StatusCode::kInvalidArgument) return Fail(response.status());
    held_by_ = "gateway: " + Message(response.status());
    seams_.executor.PostAfter(kRetryDelay, Guarded([this, ranks] {
                                held_by_.clear();
                                Deliver(ranks);
                                // It may have arrived, and every Device have answered meanwhile.
                                Pump();
                                MaybeFinish();
                              }));
    return;
  }
  FailPoint("orchestrator.campaign.delivered");
  const std::set<uint64_t> unknown(response->unknown().begin(), response->unknown().end());
  ledger::CampaignSent record{seams_.clock.Now(), {}};
  for (const ledger::CampaignSentItem& item : sent.items) {
    if (unknown.count(item.device.value()) == 0) record.items.push_back(item);
  }
  if (!Log(CampaignType::kSent, record).ok()) return;
  const auto due = seams_.clock.SinceBoot() + plan_.settings.response_timeout;
  for (size_t i = 0; i < ranks.size(); ++i) {
    const Rank rank = ranks[i];
    const DeviceState& device = state_[rank];
    if (want_[rank] != Want::kCall || device.attempt != sent.items[i].attempt) continue;
    if (unknown.count(sent.items[i].device.value()) > 0) {
      EndDevice(rank, DeviceOutcome::kSilent, "unknown-to-gateway");
    } else if (device.phase == Phase::kSent) {
      SetWant(rank, Want::kAnswer);
      timeouts_.push_back({due, rank, device.attempt, device.sends});
    }
  }
  ArmTimeouts();
  Pump();
  MaybeFinish();
}

// --- standing still and ending ---

void Campaign::BackOff(Millis delay) {
  hold_until_ = seams_.clock.SinceBoot() + delay;
  seams_.executor.PostAfter(delay, Guarded([this] { Pump(); }));
}

void Campaign::LoseKey(const std::string& why) {
  if (key_lost_) return;
  key_lost_ = true;
  held_by_ = why;
  if (!done_ || state_.counts().begun == state_.counts().ended) return;  // nothing is left to sign
  // Not at once: if the key is open after all, asking again and again would help nobody.
  seams_.executor.PostAfter(kRetryDelay, Guarded([this] {
                              if (!done_) return;
                              seams_.reopen_key(Guarded([this](Status status) {
                                if (!status.ok()) return Fail(status);
                                key_lost_ = false;
                                held_by_.clear();
                                Prove();
                                Pump();
                                MaybeFinish();
                              }));
                            }));
}

void Campaign::Fail(Status status) {
  spoiled_ = true;
  log_->Sync();  // what is in it counts already, whoever is told now (I2)
  if (!done_) return;
  held_by_ = Message(status);
  Done done = std::move(done_);
  done_ = nullptr;
  done(status);
}

void Campaign::MaybeFinish() {
  if (!done_ || state_.counts().begun != state_.counts().ended || asking_ > 0 || delivering_ > 0) return;
  if (proving_ || (!key_lost_ && !to_prove_.empty())) return;
  if (state_.wave() == "main") stream_.reset();  // what the summary counts must be the whole log
  if (Status status = Summarise(); !status.ok()) return Fail(status);
  Done done = std::move(done_);
  done_ = nullptr;
  done(OkStatus());
}

Status Campaign::Conclude() {
  done_ = nullptr;
  stream_.reset();
  if (state_.wave().empty()) return OkStatus();
  return Summarise();
}

Status Campaign::Summarise() {
  const CampaignCounts& counts = state_.counts();
  if (wave_open_) {
    const ledger::CampaignWaveDone record{seams_.clock.Now(),   state_.wave(),  counts.total, counts.recovered,
                                          counts.half_replaced, counts.refused, counts.silent};
    SMKI_RETURN_IF_ERROR(log_->Append(static_cast<uint8_t>(CampaignType::kWaveDone), Encode(record)).status());
    wave_open_ = false;
    wave_done_records_ = log_->records();
  }
  log_->Sync();  // the ledger is to quote its head, also when the last records were only answers
  FailPoint("orchestrator.campaign.wave-done");
  ledger::v1::CampaignSummary summary;
  summary.set_total(counts.total);
  summary.set_recovered(counts.recovered);
  summary.set_half_replaced(counts.half_replaced);
  summary.set_refused(counts.refused);
  summary.set_silent(counts.silent);
  summary.set_signatures(counts.signatures);
  summary.set_log_records(log_->records());
  summary.set_log_head(ToString(log_->head()));
  summary.set_wave(state_.wave());
  SMKI_RETURN_IF_ERROR(seams_.record("campaign.summary", Serialise(summary)).status());
  plan_.summarised_records = wave_done_records_;
  return OkStatus();
}

template <typename Record>
Status Campaign::Log(CampaignType type, const Record& record) {
  const auto offset = log_->Append(static_cast<uint8_t>(type), Encode(record));
  Status status = offset.status();
  if (status.ok()) status = ApplyRecord(state_, record, *offset);
  if (!status.ok()) Fail(procedures::Refuse(Reason::kAUDIT_NOT_DURABLE, Message(status)));
  return status;
}
template Status Campaign::Log(CampaignType, const ledger::CampaignResponse&);
template Status Campaign::Log(CampaignType, const ledger::CampaignIgnored&);
template Status Campaign::Log(CampaignType, const ledger::CampaignEnded&);
template Status Campaign::Log(CampaignType, const ledger::CampaignProven&);

std::pair<uint64_t, uint64_t> Campaign::CanaryResult() const {
  const auto recovered = std::count_if(canary_ranks_.begin(), canary_ranks_.end(),
                                       [this](Rank rank) { return state_[rank].outcome == DeviceOutcome::kRecovered; });
  return {static_cast<uint64_t>(recovered), canary_ranks_.size()};
}

CampaignProgress Campaign::Progress() const {
  CampaignProgress out;
  out.counts = state_.counts();
  out.in_flight = in_flight_;
  out.wave = state_.wave();
  out.failures = state_.Failures();
  out.held_by = paused_ ? "paused" : held_by_;
  if (rate_samples_.size() >= 2) {
    const auto& [start, ended] = rate_samples_.front();
    const double seconds = std::chrono::duration<double>(rate_samples_.back().first - start).count();
    if (seconds > 0) out.per_second = static_cast<double>(rate_samples_.back().second - ended) / seconds;
  }
  if (out.per_second > 0 && done_) {
    out.remaining = Millis(
        static_cast<int64_t>(1000.0 * static_cast<double>(out.counts.total - out.counts.ended) / out.per_second));
  }
  return out;
}

}  // namespace smki::orchestrator
