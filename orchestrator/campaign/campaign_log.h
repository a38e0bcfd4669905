// Small things that writer and readers of the campaign log share.
#pragma once

#include "base/wire.h"
#include "orchestrator/campaign/state.h"

namespace smki::orchestrator {

// A leaf of CampaignIntent.items_digest: EUI-64 || attempt, big-endian.
inline Bytes IntentLeaf(Eui64 device, uint32_t attempt) {
  WireWriter out;
  out.Eui(device);
  out.U32(attempt);
  return out.Take();
}

// Only a response cares where in the log it lies.
template <typename Record>
Status ApplyRecord(CampaignState& state, const Record& record, uint64_t) {
  return state.Apply(record);
}
inline Status ApplyRecord(CampaignState& state, const ledger::CampaignResponse& record, uint64_t offset) {
  return state.Apply(record, offset);
}

}  // namespace smki::orchestrator
