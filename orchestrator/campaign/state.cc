#include "orchestrator/campaign/state.h"

#include <algorithm>

namespace smki::orchestrator {
namespace {

using Phase = DeviceState::Phase;

// The octets of a response are the last field of its record (ledger/campaign_records.h).
uint64_t OctetsOffset(const ledger::CampaignResponse& response, uint64_t payload_offset) {
  return payload_offset + Encode(response).size() - response.octets.size();
}

uint64_t* CountOf(CampaignCounts& counts, DeviceOutcome outcome) {
  switch (outcome) {
    case DeviceOutcome::kRecovered:
      return &counts.recovered;
    case DeviceOutcome::kHalfReplaced:
      return &counts.half_replaced;
    case DeviceOutcome::kRefused:
      return &counts.refused;
    case DeviceOutcome::kSilent:
      return &counts.silent;
    case DeviceOutcome::kNone:
      break;
  }
  return nullptr;
}

}  // namespace

CampaignState::CampaignState(const procedures::Direction& direction, std::vector<procedures::Population> populations)
    : populations_(std::move(populations)),
      attempts_allowed_(direction.limits.attempts_per_device),
      counter_first_(direction.counter_first),
      counter_last_(direction.counter_last) {
  uint64_t total = 0;
  for (const procedures::Population& population : populations_) {
    first_of_group_.push_back(static_cast<Rank>(total));
    total += population.devices.size();
  }
  devices_.resize(total);
  counts_.total = total;
}

std::optional<Rank> CampaignState::RankOf(Eui64 device) const {
  for (size_t group = 0; group < populations_.size(); ++group) {
    if (const auto rank = populations_[group].RankOf(device)) return first_of_group_[group] + static_cast<Rank>(*rank);
  }
  return std::nullopt;
}

size_t CampaignState::GroupOf(Rank rank) const {
  const auto after = std::upper_bound(first_of_group_.begin(), first_of_group_.end(), rank);
  return static_cast<size_t>(after - first_of_group_.begin()) - 1;
}

Eui64 CampaignState::DeviceOf(Rank rank) const {
  const size_t group = GroupOf(rank);
  return populations_[group].devices[rank - first_of_group_[group]];
}

const CampaignState::Use* CampaignState::UseOf(uint64_t counter) const {
  const auto it = uses_.find(counter);
  return it == uses_.end() ? nullptr : &it->second;
}

StatusOr<Rank> CampaignState::Must(Eui64 device) const {
  const auto rank = RankOf(device);
  if (!rank) return DataLoss("campaign log: {} is in no directed population", device.ToString());
  return *rank;
}

uint16_t CampaignState::ReasonIndex(const std::string& reason) {
  const auto it = std::find(reasons_.begin(), reasons_.end(), reason);
  if (it != reasons_.end()) return static_cast<uint16_t>(it - reasons_.begin());
  if (reasons_.size() == UINT16_MAX) return 0;
  reasons_.push_back(reason);
  return static_cast<uint16_t>(reasons_.size() - 1);
}

void CampaignState::End(DeviceState& device, DeviceOutcome outcome, const std::string& reason) {
  if (device.phase == Phase::kEnded) {
    --*CountOf(counts_, device.outcome);  // a late proof: silent or failing before, recovered now
  } else {
    ++counts_.ended;
  }
  device.phase = Phase::kEnded;
  device.outcome = outcome;
  device.reason = ReasonIndex(reason);
  ++*CountOf(counts_, outcome);
}

Status CampaignState::Apply(const ledger::CampaignWave& wave) {
  const auto begin = [this](DeviceState& device) {
    if (device.phase != Phase::kIdle) return;
    device.phase = Phase::kBegun;
    ++counts_.begun;
  };
  for (Rank rank : wave.ranks) {
    if (rank >= devices_.size())
      return DataLoss("campaign log: wave {} names rank {} of {}", wave.wave, rank, devices_.size());
    begin(devices_[rank]);
  }
  if (wave.ranks.empty()) std::for_each(devices_.begin(), devices_.end(), begin);
  wave_ = wave.wave;
  return OkStatus();
}

Status CampaignState::Apply(const ledger::CampaignSigned& batch) {
  for (const ledger::CampaignSignedItem& item : batch.items) {
    SMKI_ASSIGN_OR_RETURN(const Rank rank, Must(item.device));
    DeviceState& device = devices_[rank];
    if (item.attempt != device.attempt + 1u || item.attempt > attempts_allowed_ || device.phase == Phase::kIdle) {
      return DataLoss("campaign log: {} cannot have attempt {} after attempt {}", item.device.ToString(), item.attempt,
                      device.attempt);
    }
    const bool fresh = uses_.emplace(item.counter, Use{rank, item.attempt}).second;
    if (!fresh || item.counter < counter_first_ || item.counter > counter_last_) {
      return DataLoss("campaign log: counter {} of {} was used before or is not directed", item.counter,
                      item.device.ToString());
    }
    if (device.attempt == 0) ++counts_.signed_devices;
    ++counts_.signatures;
    device.attempt = static_cast<uint8_t>(item.attempt);
    device.counter = item.counter;
    device.sends = 0;
    if (device.phase != Phase::kEnded) device.phase = Phase::kSigned;
  }
  last_batch_ = std::max(last_batch_, batch.batch);
  return OkStatus();
}

Status CampaignState::Apply(const ledger::CampaignRefused& batch) {
  for (const ledger::CampaignRefusedItem& item : batch.items) SMKI_RETURN_IF_ERROR(Must(item.device).status());
  last_batch_ = std::max(last_batch_, batch.batch);
  return OkStatus();
}

Status CampaignState::Apply(const ledger::CampaignSent& batch) {
  for (const ledger::CampaignSentItem& item : batch.items) {
    SMKI_ASSIGN_OR_RETURN(const Rank rank, Must(item.device));
    DeviceState& device = devices_[rank];
    const bool awaited = device.phase == Phase::kSigned || device.phase == Phase::kSent;
    if (!awaited || item.attempt != device.attempt) continue;  // it has answered meanwhile
    if (device.sends > 0) ++counts_.resent;
    if (device.sends < UINT8_MAX) ++device.sends;
    device.phase = Phase::kSent;
  }
  return OkStatus();
}

Status CampaignState::Apply(const ledger::CampaignResponse& response, uint64_t offset) {
  SMKI_ASSIGN_OR_RETURN(const Rank rank, Must(response.device));
  DeviceState& device = devices_[rank];
  const Use* use = UseOf(response.counter);
  if (use == nullptr || use->rank != rank || use->attempt != response.attempt) {
    return DataLoss("campaign log: a response of {} to counter {}, which was not signed for it",
                    response.device.ToString(), response.counter);
  }
  last_sequence_ = std::max(last_sequence_, response.sequence);
  if (response.outcome == DeviceOutcome::kRecovered) {
    device.response_offset = OctetsOffset(response, offset);
    device.response_size = static_cast<uint32_t>(response.octets.size());
    End(device, DeviceOutcome::kRecovered, "");
    return OkStatus();
  }
  if (response.outcome != DeviceOutcome::kHalfReplaced && response.outcome != DeviceOutcome::kRefused) {
    return DataLoss("campaign log: a response of {} with outcome {}", response.device.ToString(),
                    Name(response.outcome));
  }
  if (device.phase == Phase::kEnded) return OkStatus();
  device.outcome = response.outcome;
  device.reason = ReasonIndex(response.reason);
  if (device.attempt < attempts_allowed_) {
    device.phase = Phase::kBegun;
  } else {
    End(device, response.outcome, response.reason);
  }
  return OkStatus();
}

Status CampaignState::Apply(const ledger::CampaignIgnored& response) {
  last_sequence_ = std::max(last_sequence_, response.sequence);
  ++counts_.ignored;
  return OkStatus();
}

Status CampaignState::Apply(const ledger::CampaignEnded& ended) {
  SMKI_ASSIGN_OR_RETURN(const Rank rank, Must(ended.device));
  if (CountOf(counts_, ended.outcome) == nullptr || ended.outcome == DeviceOutcome::kRecovered ||
      devices_[rank].phase == Phase::kEnded) {
    return DataLoss("campaign log: {} cannot end as {}", ended.device.ToString(), Name(ended.outcome));
  }
  End(devices_[rank], ended.outcome, ended.reason);
  return OkStatus();
}

Status CampaignState::Apply(const ledger::CampaignProven& proven) {
  for (Eui64 eui : proven.devices) {
    SMKI_ASSIGN_OR_RETURN(const Rank rank, Must(eui));
    if (devices_[rank].proven) continue;
    devices_[rank].proven = true;
    ++counts_.proven;
  }
  return OkStatus();
}

Status CampaignState::ApplyEncoded(ledger::CampaignType type, ByteSpan payload, uint64_t offset) {
  using ledger::CampaignType;
  switch (type) {
    case CampaignType::kOpened:
    case CampaignType::kWaveDone:
      return OkStatus();  // judged by whoever opens the log; nothing of a Device
    case CampaignType::kWave: {
      SMKI_ASSIGN_OR_RETURN(const auto record, ledger::DecodeCampaignWave(payload));
      return Apply(record);
    }
    case CampaignType::kSigned: {
      SMKI_ASSIGN_OR_RETURN(const auto record, ledger::DecodeCampaignSigned(payload));
      return Apply(record);
    }
    case CampaignType::kRefused: {
      SMKI_ASSIGN_OR_RETURN(const auto record, ledger::DecodeCampaignRefused(payload));
      return Apply(record);
    }
    case CampaignType::kSent: {
      SMKI_ASSIGN_OR_RETURN(const auto record, ledger::DecodeCampaignSent(payload));
      return Apply(record);
    }
    case CampaignType::kResponse: {
      SMKI_ASSIGN_OR_RETURN(const auto record, ledger::DecodeCampaignResponse(payload));
      return Apply(record, offset);
    }
    case CampaignType::kIgnored: {
      SMKI_ASSIGN_OR_RETURN(const auto record, ledger::DecodeCampaignIgnored(payload));
      return Apply(record);
    }
    case CampaignType::kEnded: {
      SMKI_ASSIGN_OR_RETURN(const auto record, ledger::DecodeCampaignEnded(payload));
      return Apply(record);
    }
    case CampaignType::kProven: {
      SMKI_ASSIGN_OR_RETURN(const auto record, ledger::DecodeCampaignProven(payload));
      return Apply(record);
    }
  }
  return DataLoss("campaign log: unknown record type {}", static_cast<int>(type));
}

std::map<std::string, uint64_t> CampaignState::Failures() const {
  std::map<std::string, uint64_t> out;
  for (const DeviceState& device : devices_) {
    if (device.phase == Phase::kEnded && device.outcome != DeviceOutcome::kRecovered) ++out[reasons_[device.reason]];
  }
  return out;
}

bool CampaignState::operator==(const CampaignState& other) const {
  if (devices_.size() != other.devices_.size() || last_sequence_ != other.last_sequence_) return false;
  for (Rank rank = 0; rank < devices_.size(); ++rank) {
    const DeviceState &a = devices_[rank], &b = other.devices_[rank];
    if (a.phase != b.phase || a.outcome != b.outcome || a.attempt != b.attempt || a.sends != b.sends ||
        a.proven != b.proven || a.counter != b.counter || a.response_offset != b.response_offset ||
        a.response_size != b.response_size || ReasonText(rank) != other.ReasonText(rank)) {
      return false;
    }
  }
  return true;
}

}  // namespace smki::orchestrator
