// What comes back: Devices' responses, their silence, and the proofs that open limits.outstanding further.
#include <algorithm>

#include "base/fail_point.h"
#include "orchestrator/campaign/campaign.h"
#include "orchestrator/campaign/device_certificates.h"
#include "proto/rpc/channel.h"

namespace smki::orchestrator {
namespace {

using ledger::CampaignType;
using Phase = DeviceState::Phase;

constexpr Millis kCallDeadline{30000};
constexpr Millis kRetryDelay{500};
constexpr size_t kProofsInCall = 512;
constexpr int kProofsFailedInARow = 10;
constexpr std::chrono::seconds kRateSpan{10};

}  // namespace

// --- responses ---

void Campaign::OpenStream() {
  if (stream_ != nullptr) return;
  estate::v1::ResponsesRequest request;
  request.set_after_sequence(state_.last_sequence());
  stream_ = seams_.estate.Open("/smki.estate.v1.DeviceGateway/Responses", request.SerializeAsString(),
                               Guarded([this](std::string octets) { OnResponses(octets); }), Guarded([this](Status) {
                                 seams_.executor.PostAfter(kRetryDelay, Guarded([this] {
                                                             if (stream_ == nullptr) return;  // stopped meanwhile
                                                             stream_.reset();
                                                             OpenStream();
                                                           }));
                               }));
}

void Campaign::OnResponses(const std::string& octets) {
  estate::v1::ResponseBatch batch;
  if (!batch.ParseFromString(octets)) return;  // nothing of it is ours to believe; the sequence will be asked for again
  for (const estate::v1::Response& response : batch.responses()) {
    if (response.sequence() <= state_.last_sequence()) continue;
    if (const Status taken = OnResponse(response); !taken.ok()) {
      // Asked for again from the last that is in the log: none is skipped.
      stream_.reset();
      return Fail(taken);
    }
  }
  log_->Sync();
  FailPoint("orchestrator.campaign.response-logged");
  const auto now = seams_.clock.SinceBoot();
  rate_samples_.emplace_back(now, state_.counts().ended);
  while (now - rate_samples_.front().first > kRateSpan) rate_samples_.pop_front();
  Prove();
  Pump();
  MaybeFinish();
}

Status Campaign::OnResponse(const estate::v1::Response& response) {
  const Eui64 device(response.device());
  const std::optional<Rank> rank = state_.RankOf(device);
  if (!rank) return Ignore(response, "not-directed", "in no directed population");
  if (state_[*rank].outcome == DeviceOutcome::kRecovered) return Ignore(response, "duplicate", "recovered before");
  if (response.message().size() > ledger::kMaxResponseOctets) return Ignore(response, "malformed", "too large");
  const GroupIntent& intent = plan_.intents[state_.GroupOf(*rank)];
  auto read = ReadRecoveryResponse(AsBytes(response.message()), intent, device);
  if (!read.ok()) return Ignore(response, ReasonOf(read.status()), Message(read.status()));
  const CampaignState::Use* use = state_.UseOf(read->message.originator_counter);
  if (use == nullptr || use->rank != *rank) {
    return Ignore(response, "other-counter",
                  fmt::format("counter {} was not signed for it", read->message.originator_counter));
  }
  const std::vector<pki::Certificate> certificates = DeviceCertificates(*seams_.store, device);
  if (certificates.empty())
    return Ignore(response, "no-device-certificate", "the Repository holds no digitalSignature certificate In Use");
  if (std::none_of(certificates.begin(), certificates.end(),
                   [&](const auto& c) { return IsSignedBy(*read, *c.public_key); })) {
    return Ignore(response, "bad-signature", "not signed with the Device's key");
  }
  return TakeResponse(response, *rank, *read);
}

Status Campaign::TakeResponse(const estate::v1::Response& response, Rank rank, const ReadResponse& read) {
  const CampaignState::Use use = *state_.UseOf(read.message.originator_counter);
  const Judgement judgement = Judge(plan_.intents[state_.GroupOf(rank)], read.outcome);
  const DeviceState& device = state_[rank];
  const bool current =
      use.attempt == device.attempt && (device.phase == Phase::kSigned || device.phase == Phase::kSent);
  if (judgement.outcome != DeviceOutcome::kRecovered && !current) {
    return Ignore(response, "stale-attempt",
                  fmt::format("attempt {} failed ({}), but a later one is under way or it has ended", use.attempt,
                              judgement.reason));
  }
  ledger::CampaignResponse record;
  record.sequence = response.sequence();
  record.time = seams_.clock.Now();
  record.device = state_.DeviceOf(rank);
  record.attempt = use.attempt;
  record.counter = read.message.originator_counter;
  record.outcome = judgement.outcome;
  record.reason = judgement.reason;
  record.octets = ToBytes(AsBytes(response.message()));
  SMKI_RETURN_IF_ERROR(Log(CampaignType::kResponse, record));
  window_ = std::min(window_ + 1, static_cast<double>(plan_.settings.window));
  if (device.outcome == DeviceOutcome::kRecovered) to_prove_.push_back(rank);
  if (device.phase == Phase::kEnded) {
    SetWant(rank, Want::kNothing);
  } else {
    Queue(rank, Want::kNext, true);
  }
  return OkStatus();
}

Status Campaign::Ignore(const estate::v1::Response& response, const std::string& reason, const std::string& detail) {
  ledger::CampaignIgnored record{response.sequence(), seams_.clock.Now(), Eui64(response.device()), reason, detail, {}};
  if (reason != "duplicate" && response.message().size() <= ledger::kMaxResponseOctets)
    record.octets = ToBytes(AsBytes(response.message()));
  return Log(CampaignType::kIgnored, record);
}

// --- silence ---

void Campaign::ArmTimeouts() {
  if (timeout_armed_ || timeouts_.empty()) return;
  timeout_armed_ = true;
  const auto wait = std::chrono::ceil<Millis>(timeouts_.front().due - seams_.clock.SinceBoot());
  seams_.executor.PostAfter(std::max(wait, Millis(0)), Guarded([this] {
                              timeout_armed_ = false;
                              OnTimeouts();
                            }));
}

void Campaign::OnTimeouts() {
  const auto now = seams_.clock.SinceBoot();
  std::vector<Rank> again;
  bool silence = false;
  while (!timeouts_.empty() && timeouts_.front().due <= now) {
    Timeout timeout = timeouts_.front();
    timeouts_.pop_front();
    const DeviceState& device = state_[timeout.rank];
    if (want_[timeout.rank] != Want::kAnswer || device.attempt != timeout.attempt || device.sends != timeout.sends)
      continue;
    if (paused_ || !done_) {
      timeout.due = now + plan_.settings.response_timeout;
      timeouts_.push_back(timeout);
      continue;
    }
    silence = true;
    if (OnSilence(timeout.rank)) again.push_back(timeout.rank);
  }
  // Silence may also mean that more is under way than the other side can take.
  if (silence && now - shrunk_at_ >= plan_.settings.response_timeout) {
    window_ = std::max(window_ * 0.75, static_cast<double>(plan_.settings.batch));
    shrunk_at_ = now;
  }
  for (size_t begin = 0; begin < again.size(); begin += plan_.settings.batch) {
    const size_t end = std::min<size_t>(again.size(), begin + plan_.settings.batch);
    Deliver({again.begin() + static_cast<ptrdiff_t>(begin), again.begin() + static_cast<ptrdiff_t>(end)});
  }
  if (done_) ArmTimeouts();
  Pump();
  MaybeFinish();
}

bool Campaign::OnSilence(Rank rank) {
  const DeviceState& device = state_[rank];
  if (device.sends <= plan_.settings.resends_per_attempt) {
    if (commands_.count(rank) > 0) {
      SetWant(rank, Want::kCall);
      return true;
    }
    Queue(rank, Want::kSame, true);  // after a restart the bytes are the keyguard's alone
  } else if (device.attempt < state_.attempts_allowed()) {
    Queue(rank, Want::kNext, true);
  } else {
    EndDevice(rank, DeviceOutcome::kSilent, "no-response");
  }
  return false;
}

// What a Device's own earlier response told stands: silence afterwards does not undo it.
void Campaign::EndDevice(Rank rank, DeviceOutcome outcome, const std::string& reason) {
  const DeviceState& device = state_[rank];
  ledger::CampaignEnded record{state_.DeviceOf(rank), outcome, reason};
  if (device.outcome != DeviceOutcome::kNone) {
    record.outcome = device.outcome;
    record.reason = state_.ReasonText(rank);
  }
  SetWant(rank, Want::kNothing);
  (void)Log(CampaignType::kEnded, record);  // lost with the power, it is found silent again
}

// --- proofs ---

void Campaign::Prove() {
  if (proving_ || key_lost_ || to_prove_.empty()) return;
  keyguard::v1::ProveRequest request;
  request.set_direction_digest(ToString(plan_.digest));
  std::vector<Rank> ranks;
  while (!to_prove_.empty() && ranks.size() < kProofsInCall) {
    const Rank rank = to_prove_.front();
    to_prove_.pop_front();
    const DeviceState& device = state_[rank];
    const auto octets = log_->ReadAt(device.response_offset, device.response_size);
    if (!octets.ok()) return Fail(octets.status());
    const auto read = ReadRecoveryResponse(*octets, plan_.intents[state_.GroupOf(rank)], state_.DeviceOf(rank));
    for (const pki::Certificate& certificate : DeviceCertificates(*seams_.store, state_.DeviceOf(rank))) {
      if (!read.ok() || !IsSignedBy(*read, *certificate.public_key)) continue;
      keyguard::v1::Proof& proof = *request.add_proofs();
      proof.set_device(state_.DeviceOf(rank).value());
      proof.set_response(ToString(*octets));
      proof.set_device_certificate(ToString(certificate.der()));
      ranks.push_back(rank);
      break;
    }
  }
  if (ranks.empty()) return;
  proving_ = true;
  rpc::Call<keyguard::v1::ProveResponse>(
      seams_.keyguard, "/smki.keyguard.v1.Keyguard/Prove", request, kCallDeadline,
      Guarded([this, ranks](StatusOr<keyguard::v1::ProveResponse> response) { OnProven(ranks, std::move(response)); }));
}

void Campaign::OnProven(const std::vector<Rank>& ranks, StatusOr<keyguard::v1::ProveResponse> response) {
  proving_ = false;
  if (!response.ok()) {
    to_prove_.insert(to_prove_.begin(), ranks.begin(), ranks.end());
    if (++proofs_failed_ > kProofsFailedInARow) return Fail(response.status());
    LoseKey(Message(response.status()));
    return MaybeFinish();
  }
  proofs_failed_ = 0;
  std::set<uint64_t> refused;
  for (const keyguard::v1::ProofRefusal& refusal : response->refused()) {
    refused.insert(refusal.device());
    // Two readings of one response differ: that is for people to look into, and for the auditor to find.
    const ledger::CampaignIgnored record{
        0, seams_.clock.Now(), Eui64(refusal.device()), "proof-refused", refusal.reason() + ": " + refusal.detail(),
        {}};
    if (!Log(CampaignType::kIgnored, record).ok()) return;
  }
  ledger::CampaignProven record;
  for (Rank rank : ranks) {
    if (refused.count(state_.DeviceOf(rank).value()) == 0) record.devices.push_back(state_.DeviceOf(rank));
  }
  if (!Log(CampaignType::kProven, record).ok()) return;
  Prove();
  Pump();
  MaybeFinish();
}

}  // namespace smki::orchestrator
