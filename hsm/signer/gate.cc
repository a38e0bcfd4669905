#include "hsm/signer/gate.h"

#include <algorithm>
#include <limits>

namespace smki::hsm {

using procedures::Reason;

namespace {
constexpr std::chrono::nanoseconds kSecond = std::chrono::seconds(1);
}  // namespace

Gate::Gate(const procedures::Direction& direction, std::vector<procedures::Population> populations)
    : limits_(direction.limits), first_counter_(direction.counter_first) {
  SMKI_CHECK(populations.size() == direction.groups.size());
  for (procedures::Population& population : populations) {
    Group group;
    group.devices.resize(population.devices.size());
    group.population = std::move(population);
    groups_.push_back(std::move(group));
  }
}

std::optional<size_t> Gate::GroupIndex(const std::string& name) const {
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].population.group == name) return i;
  }
  return std::nullopt;
}

void Gate::Burn(size_t group_index, size_t rank) {
  Device& device = groups_[group_index].devices[rank];
  if (device.attempts == 0 && !device.proven) ++outstanding_;
  ++device.attempts;
  attempts_.push_back(
      {static_cast<uint32_t>(rank), device.newest, static_cast<uint16_t>(group_index), device.attempts});
  device.newest = static_cast<uint32_t>(attempts_.size());
}

void Gate::Prove(Device& device) {
  if (device.proven) return;
  device.proven = true;
  ++proven_;
  if (device.attempts > 0) --outstanding_;
}

uint64_t Gate::CounterOf(const Device& device, uint32_t attempt) const {
  uint32_t index = device.newest - 1;
  while (attempts_[index].number != attempt) index = attempts_[index].previous - 1;
  return first_counter_ + index;
}

Status Gate::ApplyBurn(uint64_t record, const ledger::JournalBurn& burn) {
  const auto group_index = GroupIndex(burn.group);
  if (!group_index || burn.items.empty()) return DataLoss("burn of unknown group '{}', or of nothing", burn.group);
  Group& group = groups_[*group_index];
  for (const ledger::JournalBurnItem& item : burn.items) {
    const auto rank = group.population.RankOf(item.device);
    if (!rank || item.counter != first_counter_ + attempts_.size() ||
        item.attempt != group.devices[*rank].attempts + 1u) {
      return DataLoss("burn of {}, attempt {}, counter {} does not fit the burns before it", item.device.ToString(),
                      item.attempt, item.counter);
    }
    Burn(*group_index, *rank);
  }
  blocks_.push_back({burn.items.front().counter, static_cast<uint32_t>(burn.items.size()),
                     static_cast<uint32_t>(*group_index), record, 0});
  return OkStatus();
}

Status Gate::ApplySignatures(uint64_t burn_record, size_t count, uint64_t offset) {
  // Blocks stand in the order of their records.
  const auto block = std::lower_bound(blocks_.begin(), blocks_.end(), burn_record,
                                      [](const BurnBlock& b, uint64_t record) { return b.record < record; });
  if (block == blocks_.end() || block->record != burn_record || block->count != count ||
      block->signatures_offset != 0) {
    return DataLoss("{} signatures for burn record {}, which is none, has another count or is signed already", count,
                    burn_record);
  }
  block->signatures_offset = offset;
  return OkStatus();
}

Status Gate::ApplyProven(std::span<const Eui64> devices) {
  for (const Eui64 eui : devices) {
    bool found = false;
    for (Group& group : groups_) {
      const auto rank = group.population.RankOf(eui);
      if (!rank) continue;
      Prove(group.devices[*rank]);
      found = true;
    }
    if (!found) return DataLoss("proof of {}, which is in no population", eui.ToString());
  }
  return OkStatus();
}

StatusOr<Admission> Gate::Admit(const std::string& group, std::span<const SignItem> items,
                                std::chrono::nanoseconds since_boot) {
  if (items.size() > kMaxBatch) {
    return procedures::Refuse(Reason::kBATCH_TOO_LARGE, fmt::format("{} items; at most {}", items.size(), kMaxBatch));
  }
  const auto group_index = GroupIndex(group);
  if (!group_index) return procedures::Refuse(Reason::kUNKNOWN_GROUP, "'" + group + "'");
  const uint64_t before = attempts_.size();
  Admission out;
  out.items.reserve(items.size());
  for (const SignItem& item : items)
    out.items.push_back(AdmitOne(groups_[*group_index], *group_index, item, since_boot));
  const auto burned = static_cast<uint32_t>(attempts_.size() - before);
  if (burned == 0) return out;
  blocks_.push_back(
      {first_counter_ + before, burned, static_cast<uint32_t>(*group_index), std::numeric_limits<uint64_t>::max(), 0});
  out.burn = ItemsOf(blocks_.back());
  return out;
}

ItemAdmission Gate::AdmitOne(Group& group, size_t group_index, const SignItem& item,
                             std::chrono::nanoseconds since_boot) {
  ItemAdmission out;
  const auto rank = group.population.RankOf(item.device);
  if (!rank) {
    out.refusal = Reason::kDEVICE_NOT_IN_GROUP;
    out.detail = fmt::format("{} is not in group {}", item.device.ToString(), group.population.group);
    return out;
  }
  Device& device = group.devices[*rank];
  if (item.attempt == 0) {
    out.refusal = Reason::kBAD_REQUEST;
    out.detail = item.device.ToString() + ": attempts count from 1";
  } else if (item.attempt > device.attempts) {
    out.refusal = LimitReached(device, item, since_boot, out.detail);
    if (!out.refusal) Burn(group_index, *rank);
  }
  if (!out.refusal) out.counter = CounterOf(device, item.attempt);
  return out;
}

std::optional<Reason> Gate::LimitReached(const Device& device, const SignItem& item,
                                         std::chrono::nanoseconds since_boot, std::string& detail) {
  if (item.attempt > limits_.attempts_per_device) {
    detail = fmt::format("{}: attempt {} of {}", item.device.ToString(), item.attempt, limits_.attempts_per_device);
    return Reason::kATTEMPT_LIMIT;
  }
  if (item.attempt != device.attempts + 1u) {
    detail = fmt::format("{}: attempt {} after attempt {}", item.device.ToString(), item.attempt, device.attempts);
    return Reason::kATTEMPT_OUT_OF_ORDER;
  }
  if (attempts_.size() >= limits_.total) {
    detail = fmt::format("{} signatures are directed", limits_.total);
    return Reason::kTOTAL_LIMIT;
  }
  if (device.attempts == 0 && outstanding_ >= limits_.outstanding) {
    detail = fmt::format("{} Devices are signed for and not proven", outstanding_);
    return Reason::kOUTSTANDING_LIMIT;
  }
  const std::chrono::nanoseconds cost = kSecond / static_cast<int64_t>(limits_.rate_per_second);
  const std::chrono::nanoseconds debt = std::max(rate_debt_until_, since_boot) + cost;
  if (debt - since_boot > kSecond) {
    detail = fmt::format("{} signatures a second are directed", limits_.rate_per_second);
    return Reason::kRATE_LIMIT;
  }
  rate_debt_until_ = debt;
  return std::nullopt;
}

void Gate::Recorded(uint64_t record) {
  blocks_.back().record = record;
}

const BurnBlock& Gate::BlockOf(uint64_t counter) const {
  const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), counter,
                                      [](uint64_t c, const BurnBlock& block) { return c < block.first_counter; });
  SMKI_CHECK(after != blocks_.begin());
  return *std::prev(after);
}

std::vector<ledger::JournalBurnItem> Gate::ItemsOf(const BurnBlock& block) const {
  std::vector<ledger::JournalBurnItem> out;
  out.reserve(block.count);
  for (uint64_t counter = block.first_counter; counter < block.first_counter + block.count; ++counter) {
    const Attempt& attempt = attempts_[counter - first_counter_];
    out.push_back({groups_[attempt.group].population.devices[attempt.rank], attempt.number, counter});
  }
  return out;
}

std::optional<size_t> Gate::GroupOfIssued(Eui64 device, uint64_t counter) const {
  if (counter < first_counter_ || counter - first_counter_ >= attempts_.size()) return std::nullopt;
  const Attempt& attempt = attempts_[counter - first_counter_];
  if (groups_[attempt.group].population.devices[attempt.rank] != device) return std::nullopt;
  return attempt.group;
}

bool Gate::finished() const {
  return std::all_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    return std::all_of(group.devices.begin(), group.devices.end(), [&](const Device& device) {
      return device.proven || device.attempts >= limits_.attempts_per_device;
    });
  });
}

bool Gate::IsProven(size_t group, Eui64 device) const {
  const auto rank = groups_[group].population.RankOf(device);
  return rank && groups_[group].devices[*rank].proven;
}

}  // namespace smki::hsm
