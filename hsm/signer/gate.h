// The gate in front of one key, for one Direction: who may be sent what, how often, how fast (I1).
//
// Pure and not thread-safe: owned by the signer's single thread; time comes in. State is a fold over the journal's
// records of this Direction: after a restart the same records make the same Gate.
//
// Costs 8 octets a Device and 16 an attempt, so that 10^7 Devices are no trouble.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/eui64.h"
#include "base/status.h"
#include "ledger/journal_records.h"
#include "procedures/direction.h"
#include "procedures/population.h"
#include "procedures/reason.h"

namespace smki::hsm {

struct SignItem {
  Eui64 device;
  uint32_t attempt = 0;  // from 1
};

inline constexpr size_t kMaxBatch = 1024;

// One for each item asked for, in the same order.
struct ItemAdmission {
  std::optional<procedures::Reason> refusal;
  std::string detail;    // of the refusal
  uint64_t counter = 0;  // otherwise: the counter of this attempt, now or as allocated when it was first asked for
};
struct Admission {
  std::vector<ItemAdmission> items;
  std::vector<ledger::JournalBurnItem> burn;  // attempts spent by this batch, with consecutive counters
};

// Attempts that one journal record burned, and where the record with their signatures is.
struct BurnBlock {
  uint64_t first_counter = 0;
  uint32_t count = 0;
  uint32_t group = 0;              // index in the Direction
  uint64_t record = 0;             // number of the burn record
  uint64_t signatures_offset = 0;  // in the journal, of the first signature; 0: none yet
};

class Gate {
 public:
  // `direction` is admitted; `populations` are its checked populations, in the order of its groups.
  Gate(const procedures::Direction& direction, std::vector<procedures::Population> populations);

  // --- Replaying the journal. kDataLoss if a record does not fit this Direction. ---
  Status ApplyBurn(uint64_t record, const ledger::JournalBurn& burn);
  Status ApplySignatures(uint64_t burn_record, size_t count, uint64_t offset);
  Status ApplyProven(std::span<const Eui64> devices);

  // Decides which of `items` may be signed and allocates their counters; what was admitted before is admitted again,
  // with its counter. Admits nothing durable: the caller appends `burn` to the journal, calls Recorded, and commits
  // before any signature is made (I2). Refuses the whole batch with BATCH_TOO_LARGE or UNKNOWN_GROUP.
  StatusOr<Admission> Admit(const std::string& group, std::span<const SignItem> items,
                            std::chrono::nanoseconds since_boot);
  // The burn of the last Admit is journal record `record`.
  void Recorded(uint64_t record);

  // The block of a counter that was allocated.
  const BurnBlock& BlockOf(uint64_t counter) const;
  // What a block burned, for signing it (again).
  std::vector<ledger::JournalBurnItem> ItemsOf(const BurnBlock& block) const;

  // Index of the group in which `device` was given `counter`, or nullopt.
  std::optional<size_t> GroupOfIssued(Eui64 device, uint64_t counter) const;
  bool IsProven(size_t group, Eui64 device) const;

  // Whether nothing is left to be signed: every Device is proven, or its attempts are spent.
  bool finished() const;
  uint64_t burned() const { return attempts_.size(); }
  uint64_t outstanding() const { return outstanding_; }  // Devices with an attempt that are not proven
  uint64_t proven() const { return proven_; }

 private:
  struct Device {
    uint32_t newest = 0;  // index of the newest attempt, plus 1
    uint16_t attempts = 0;
    bool proven = false;
  };
  struct Attempt {
    uint32_t rank = 0;
    uint32_t previous = 0;  // index of the same Device's attempt before, plus 1
    uint16_t group = 0;
    uint16_t number = 0;
  };
  struct Group {
    procedures::Population population;
    std::vector<Device> devices;
  };

  ItemAdmission AdmitOne(Group& group, size_t group_index, const SignItem& item, std::chrono::nanoseconds since_boot);
  std::optional<procedures::Reason> LimitReached(const Device& device, const SignItem& item,
                                                 std::chrono::nanoseconds since_boot, std::string& detail);
  void Burn(size_t group_index, size_t rank);
  void Prove(Device& device);
  uint64_t CounterOf(const Device& device, uint32_t attempt) const;
  std::optional<size_t> GroupIndex(const std::string& name) const;

  procedures::DirectionLimits limits_;
  uint64_t first_counter_;
  std::vector<Group> groups_;
  std::vector<Attempt> attempts_;  // by counter - first_counter_
  std::vector<BurnBlock> blocks_;  // by first_counter
  uint64_t outstanding_ = 0;
  uint64_t proven_ = 0;
  std::chrono::nanoseconds rate_debt_until_{0};  // generic cell rate algorithm (ITU-T I.371), tolerance one second
};

}  // namespace smki::hsm
