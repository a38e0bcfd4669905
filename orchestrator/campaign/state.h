// Where every directed Device of one campaign stands: a fold over the campaign log, with one small record for each
// Device, found by its rank. The same Apply runs when a record is written and when the log is read back, so a restart
// ends in the same state. Pure; core's thread only.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "ledger/campaign_records.h"
#include "procedures/direction.h"
#include "procedures/population.h"

namespace smki::orchestrator {

using ledger::DeviceOutcome;

// A Device's place in the populations taken one after the other, in the Direction's order of groups.
using Rank = uint32_t;

struct DeviceState {
  enum class Phase : uint8_t {
    kIdle,    // no wave has begun with it
    kBegun,   // an attempt is wanted
    kSigned,  // the command of `attempt` exists
    kSent,    // ... and the gateway took it
    kEnded,
  };
  Phase phase = Phase::kIdle;
  DeviceOutcome outcome = DeviceOutcome::kNone;  // the last its own response told; final when ended
  uint8_t attempt = 0;                           // 0: none signed yet
  uint8_t sends = 0;                             // of this attempt
  bool proven = false;
  uint16_t reason = 0;  // index into the reasons
  uint32_t response_size = 0;
  uint64_t counter = 0;          // of this attempt
  uint64_t response_offset = 0;  // in the log: of the octets of the response that recovered it
};

struct CampaignCounts {
  uint64_t total = 0, begun = 0, ended = 0;
  uint64_t recovered = 0, half_replaced = 0, refused = 0, silent = 0;  // of those ended
  uint64_t signed_devices = 0, proven = 0, signatures = 0;
  uint64_t resent = 0, ignored = 0;
  // Signed and not yet proven: what limits.outstanding bounds.
  uint64_t outstanding() const { return signed_devices - proven; }
};

class CampaignState {
 public:
  // `populations` in the order of direction.groups.
  CampaignState(const procedures::Direction& direction, std::vector<procedures::Population> populations);

  // Each kDataLoss if the record cannot follow the state. `offset` is where the record's payload lies in the log.
  Status Apply(const ledger::CampaignWave& wave);
  Status Apply(const ledger::CampaignSigned& batch);
  Status Apply(const ledger::CampaignRefused& batch);
  Status Apply(const ledger::CampaignSent& batch);
  Status Apply(const ledger::CampaignResponse& response, uint64_t offset);
  Status Apply(const ledger::CampaignIgnored& response);
  Status Apply(const ledger::CampaignEnded& ended);
  Status Apply(const ledger::CampaignProven& proven);
  // Any of them, as it stands in the log.
  Status ApplyEncoded(ledger::CampaignType type, ByteSpan payload, uint64_t offset);

  size_t size() const { return devices_.size(); }
  const DeviceState& operator[](Rank rank) const { return devices_[rank]; }
  std::optional<Rank> RankOf(Eui64 device) const;
  Eui64 DeviceOf(Rank rank) const;
  size_t GroupOf(Rank rank) const;
  // The rank and attempt that a counter was signed for.
  struct Use {
    Rank rank = 0;
    uint32_t attempt = 0;
  };
  const Use* UseOf(uint64_t counter) const;

  const CampaignCounts& counts() const { return counts_; }
  // Devices that ended without being recovered, by reason.
  std::map<std::string, uint64_t> Failures() const;
  const std::string& ReasonText(Rank rank) const { return reasons_[devices_[rank].reason]; }
  uint64_t last_sequence() const { return last_sequence_; }  // of the gateway's responses
  uint64_t last_batch() const { return last_batch_; }
  const std::string& wave() const { return wave_; }
  uint64_t attempts_allowed() const { return attempts_allowed_; }
  bool operator==(const CampaignState& other) const;

 private:
  StatusOr<Rank> Must(Eui64 device) const;
  void End(DeviceState& device, DeviceOutcome outcome, const std::string& reason);
  uint16_t ReasonIndex(const std::string& reason);

  std::vector<procedures::Population> populations_;
  std::vector<Rank> first_of_group_;
  std::vector<DeviceState> devices_;
  std::unordered_map<uint64_t, Use> uses_;
  std::vector<std::string> reasons_{""};
  CampaignCounts counts_;
  uint64_t attempts_allowed_;
  uint64_t counter_first_, counter_last_;
  uint64_t last_sequence_ = 0;
  uint64_t last_batch_ = 0;
  std::string wave_;
};

}  // namespace smki::orchestrator
