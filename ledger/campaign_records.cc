#include "ledger/campaign_records.h"

#include "base/wire.h"

namespace smki::ledger {
namespace {

// The smallest item of any list takes 4 octets, so a count beyond what is left is refused before anything is reserved.
uint32_t Count(WireReader& in, ByteSpan whole, size_t limit) {
  const uint32_t count = in.U32();
  if (count > limit || count > whole.size()) {
    in.Fixed(whole.size() + 1);  // makes the reader fail
    return 0;
  }
  return count;
}

DeviceOutcome Outcome(WireReader& in) {
  const uint8_t value = in.U8();
  if (value > static_cast<uint8_t>(DeviceOutcome::kSilent)) in.Fixed(SIZE_MAX);
  return static_cast<DeviceOutcome>(value);
}

constexpr size_t kMaxRanks = 1 << 20;

}  // namespace

std::string Name(DeviceOutcome outcome) {
  switch (outcome) {
    case DeviceOutcome::kNone:
      return "none";
    case DeviceOutcome::kRecovered:
      return "recovered";
    case DeviceOutcome::kHalfReplaced:
      return "half-replaced";
    case DeviceOutcome::kRefused:
      return "refused";
    case DeviceOutcome::kSilent:
      return "silent";
  }
  return "none";
}

Bytes Encode(const CampaignOpened& r) {
  WireWriter out;
  out.U64(static_cast<uint64_t>(r.time.ms));
  out.Text(r.incident);
  out.Fixed(r.direction);
  out.U32(static_cast<uint32_t>(r.groups.size()));
  for (const CampaignGroup& group : r.groups) {
    out.Text(group.name);
    out.U64(group.count);
    out.Fixed(group.population);
  }
  return out.Take();
}

StatusOr<CampaignOpened> DecodeCampaignOpened(ByteSpan octets) {
  WireReader in(octets);
  CampaignOpened r;
  r.time.ms = static_cast<int64_t>(in.U64());
  r.incident = in.Text();
  r.direction = in.Digest();
  const uint32_t count = Count(in, octets, 64);
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    CampaignGroup& group = r.groups.emplace_back();
    group.name = in.Text();
    group.count = in.U64();
    group.population = in.Digest();
  }
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'opened'"));
  return r;
}

Bytes Encode(const CampaignWave& r) {
  WireWriter out;
  out.U64(static_cast<uint64_t>(r.time.ms));
  out.Text(r.wave);
  out.U32(static_cast<uint32_t>(r.ranks.size()));
  for (uint32_t rank : r.ranks) out.U32(rank);
  return out.Take();
}

StatusOr<CampaignWave> DecodeCampaignWave(ByteSpan octets) {
  WireReader in(octets);
  CampaignWave r;
  r.time.ms = static_cast<int64_t>(in.U64());
  r.wave = in.Text();
  const uint32_t count = Count(in, octets, kMaxRanks);
  for (uint32_t i = 0; i < count && in.ok(); ++i) r.ranks.push_back(in.U32());
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'wave'"));
  return r;
}

Bytes Encode(const CampaignSigned& r) {
  WireWriter out;
  out.U64(r.batch);
  out.U32(static_cast<uint32_t>(r.items.size()));
  for (const CampaignSignedItem& item : r.items) {
    out.Eui(item.device);
    out.U32(item.attempt);
    out.U64(item.counter);
    out.Fixed(item.command);
  }
  return out.Take();
}

StatusOr<CampaignSigned> DecodeCampaignSigned(ByteSpan octets) {
  WireReader in(octets);
  CampaignSigned r;
  r.batch = in.U64();
  const uint32_t count = Count(in, octets, kMaxCampaignItems);
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    CampaignSignedItem& item = r.items.emplace_back();
    item.device = in.Eui();
    item.attempt = in.U32();
    item.counter = in.U64();
    item.command = in.Digest();
  }
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'signed'"));
  return r;
}

Bytes Encode(const CampaignRefused& r) {
  WireWriter out;
  out.U64(r.batch);
  out.U32(static_cast<uint32_t>(r.items.size()));
  for (const CampaignRefusedItem& item : r.items) {
    out.Eui(item.device);
    out.U32(item.attempt);
    out.Text(item.reason);
    out.Text(item.detail);
  }
  return out.Take();
}

StatusOr<CampaignRefused> DecodeCampaignRefused(ByteSpan octets) {
  WireReader in(octets);
  CampaignRefused r;
  r.batch = in.U64();
  const uint32_t count = Count(in, octets, kMaxCampaignItems);
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    CampaignRefusedItem& item = r.items.emplace_back();
    item.device = in.Eui();
    item.attempt = in.U32();
    item.reason = in.Text();
    item.detail = in.Text();
  }
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'refused'"));
  return r;
}

Bytes Encode(const CampaignSent& r) {
  WireWriter out;
  out.U64(static_cast<uint64_t>(r.time.ms));
  out.U32(static_cast<uint32_t>(r.items.size()));
  for (const CampaignSentItem& item : r.items) {
    out.Eui(item.device);
    out.U32(item.attempt);
  }
  return out.Take();
}

StatusOr<CampaignSent> DecodeCampaignSent(ByteSpan octets) {
  WireReader in(octets);
  CampaignSent r;
  r.time.ms = static_cast<int64_t>(in.U64());
  const uint32_t count = Count(in, octets, kMaxCampaignItems);
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    CampaignSentItem& item = r.items.emplace_back();
    item.device = in.Eui();
    item.attempt = in.U32();
  }
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'sent'"));
  return r;
}

Bytes Encode(const CampaignResponse& r) {
  WireWriter out;
  out.U64(r.sequence);
  out.U64(static_cast<uint64_t>(r.time.ms));
  out.Eui(r.device);
  out.U32(r.attempt);
  out.U64(r.counter);
  out.U8(static_cast<uint8_t>(r.outcome));
  out.Text(r.reason);
  out.Octets(r.octets);
  return out.Take();
}

StatusOr<CampaignResponse> DecodeCampaignResponse(ByteSpan octets) {
  WireReader in(octets);
  CampaignResponse r;
  r.sequence = in.U64();
  r.time.ms = static_cast<int64_t>(in.U64());
  r.device = in.Eui();
  r.attempt = in.U32();
  r.counter = in.U64();
  r.outcome = Outcome(in);
  r.reason = in.Text();
  r.octets = ToBytes(in.Octets());
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'response'"));
  return r;
}

Bytes Encode(const CampaignIgnored& r) {
  WireWriter out;
  out.U64(r.sequence);
  out.U64(static_cast<uint64_t>(r.time.ms));
  out.Eui(r.device);
  out.Text(r.reason);
  out.Text(r.detail);
  out.Octets(r.octets);
  return out.Take();
}

StatusOr<CampaignIgnored> DecodeCampaignIgnored(ByteSpan octets) {
  WireReader in(octets);
  CampaignIgnored r;
  r.sequence = in.U64();
  r.time.ms = static_cast<int64_t>(in.U64());
  r.device = in.Eui();
  r.reason = in.Text();
  r.detail = in.Text();
  r.octets = ToBytes(in.Octets());
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'ignored'"));
  return r;
}

Bytes Encode(const CampaignEnded& r) {
  WireWriter out;
  out.Eui(r.device);
  out.U8(static_cast<uint8_t>(r.outcome));
  out.Text(r.reason);
  return out.Take();
}

StatusOr<CampaignEnded> DecodeCampaignEnded(ByteSpan octets) {
  WireReader in(octets);
  CampaignEnded r;
  r.device = in.Eui();
  r.outcome = Outcome(in);
  r.reason = in.Text();
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'ended'"));
  return r;
}

Bytes Encode(const CampaignProven& r) {
  WireWriter out;
  out.U32(static_cast<uint32_t>(r.devices.size()));
  for (Eui64 device : r.devices) out.Eui(device);
  return out.Take();
}

StatusOr<CampaignProven> DecodeCampaignProven(ByteSpan octets) {
  WireReader in(octets);
  CampaignProven r;
  const uint32_t count = Count(in, octets, kMaxCampaignItems);
  for (uint32_t i = 0; i < count && in.ok(); ++i) r.devices.push_back(in.Eui());
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'proven'"));
  return r;
}

Bytes Encode(const CampaignWaveDone& r) {
  WireWriter out;
  out.U64(static_cast<uint64_t>(r.time.ms));
  out.Text(r.wave);
  out.U64(r.total);
  out.U64(r.recovered);
  out.U64(r.half_replaced);
  out.U64(r.refused);
  out.U64(r.silent);
  return out.Take();
}

StatusOr<CampaignWaveDone> DecodeCampaignWaveDone(ByteSpan octets) {
  WireReader in(octets);
  CampaignWaveDone r;
  r.time.ms = static_cast<int64_t>(in.U64());
  r.wave = in.Text();
  r.total = in.U64();
  r.recovered = in.U64();
  r.half_replaced = in.U64();
  r.refused = in.U64();
  r.silent = in.U64();
  SMKI_RETURN_IF_ERROR(in.Finish("campaign record 'wave-done'"));
  return r;
}

}  // namespace smki::ledger
