// What goes wrong, when and where: a pure function of the seed. Each place asks before it acts; the answer depends on
// the seed, the fault, the place and how often that place has asked, on nothing else, so that leaving one fault out
// moves no other (shrinking needs that).
//
// Each seed has a temper of its own (swarm testing: Groce et al., ISSTA 2012): a fault is off, rare or frequent in it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace smki::simulation {

enum class Fault : uint8_t {
  kKill,           // a process ends as by kill -9: the page cache stays
  kPowerCut,       // a machine loses its power: what was not synced is lost, or some of it
  kSyncFails,      // fdatasync gives EIO: the pages are gone, the process ends
  kDiskFull,       // for a while nothing can be written
  kSlowDisk,       // a sync takes seconds
  kFlippedBit,     // one read of a file gives one bit wrong
  kRequestLost,    // a call never arrives
  kReplyLost,      // it was served; the answer never arrives
  kRequestTwice,   // it arrives twice
  kDelayed,        // a message takes up to a minute: others overtake it
  kStreamBroken,   // a stream of responses or journal chunks ends half-way
  kPartition,      // two machines do not see each other for a while
  kSessionDies,    // a PKCS#11 session is gone
  kTokenVanishes,  // the token is out of its slot for a while
  kTokenFails,     // CKR_DEVICE_ERROR
  kClockJumps,     // the wall clock is set
  kCommandLost,    // between gateway and Device
  kResponseLost,
  kCommandTwice,
  kResponseTwice,
  kResponseLate,
  kDeviceSilent,     // a Device that is never reached
  kPersonLate,       // hours
  kPersonAbsent,     // for good; others must come
  kPersonWrong,      // signs the wrong thing, shows the wrong share, names the wrong step
  kPersonTwice,      // does it again
  kPersonMalicious,  // a member or custodian who cheats
  kIntruder,         // somebody with the orchestrator's transport identity
  kHalt,             // a PMA member halts, and later the quorum resumes
};
inline constexpr size_t kFaults = static_cast<size_t>(Fault::kHalt) + 1;
std::string_view Name(Fault fault);
std::optional<Fault> FaultNamed(std::string_view name);

// One fault that struck. `place` and `turn` name it for ever under its seed.
struct Strike {
  Fault fault{};
  std::string place;
  uint64_t turn = 0;
  UtcTime time;
  std::string during;  // the kinds of the steps under way: "action+ceremony"

  std::string Id() const;
};

class Fates {
 public:
  // `quiet`: nothing goes wrong at all.
  explicit Fates(uint64_t seed, bool quiet = false);

  // Whether `fault` strikes at `place` this time. False once Stop was called.
  bool Strikes(Fault fault, std::string_view place);
  // The rate of a fault that somebody else draws (the network of Devices): 0, or it is one strike for the whole run.
  uint32_t Lent(Fault fault, std::string_view place);
  // In [0, bound), bound > 0: how long, which, how much. Independent of everything that strikes.
  uint64_t Draw(std::string_view place, uint64_t bound);
  // The seed of a generator that is somebody's own.
  uint64_t SeedFor(std::string_view place) const;

  void Stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

  // --- For shrinking and for the report ---
  // Of all strikes only these may happen.
  void AllowOnly(std::set<std::string> strike_ids) { only_ = std::move(strike_ids); }
  void Without(Fault fault) { rates_[static_cast<size_t>(fault)] = 0; }
  const std::vector<Strike>& strikes() const { return strikes_; }
  // Told the time and what is under way, for the strikes' own records.
  void SetMoment(UtcTime now) { now_ = now; }
  void SetDuring(std::string kinds) { during_ = std::move(kinds); }
  uint32_t rate(Fault fault) const { return rates_[static_cast<size_t>(fault)]; }  // per million opportunities
  std::string Temper() const;                                                      // "kill 120, power-cut off, ..."

 private:
  uint64_t Turn(std::string_view what, std::string_view place);

  uint64_t seed_;
  bool stopped_ = false;
  std::array<uint32_t, kFaults> rates_{};
  std::array<uint32_t, kFaults> left_{};
  std::map<std::string, uint64_t, std::less<>> turns_;
  std::optional<std::set<std::string>> only_;
  std::vector<Strike> strikes_;
  UtcTime now_;
  std::string during_;
  std::string key_;  // scratch
};

}  // namespace smki::simulation
