// The network between the DCC and its Devices, and the Devices at its end. A batch delivered is a batch processed:
// every Device's new state and its response are durable, in one transaction, before Deliver returns. What the network
// loses is lost before or after the Device, as the faults say.
//
// Everything on the executor's thread.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "sim/fleet/fleet_store.h"
#include "sim/network/faults.h"

namespace smki::sim {

inline constexpr size_t kMaxDeliver = 1024;

struct OutgoingCommand {
  Eui64 device;
  ByteSpan message;
};

class Gateway {
 public:
  // All must outlive it.
  Gateway(FleetStore& store, Executor& executor, Clock& clock, const Faults& faults);
  ~Gateway();
  Gateway(const Gateway&) = delete;

  // Gives the Devices that are not served here. At most kMaxDeliver commands. On an error nothing happened.
  StatusOr<std::vector<Eui64>> Deliver(std::span<const OutgoingCommand> commands);
  // Responses with a sequence above `after`, at most `limit`.
  StatusOr<std::vector<FleetResponse>> Responses(uint64_t after, size_t limit) {
    return store_.Responses(after, limit);
  }

  using WatchId = uint64_t;
  // `on_more` runs whenever new responses can be read, until Unwatch.
  WatchId Watch(std::function<void()> on_more);
  void Unwatch(WatchId id);

 private:
  Status Transmit(const OutgoingCommand& command, UtcTime now);
  // The Device's responses to one command, however often it arrives.
  StatusOr<std::vector<Bytes>> Process(FleetStore::Loaded& device, ByteSpan message, int times, UtcTime now);
  void Tell();
  // Sees to it that delayed responses land when they are due.
  void PlanLanding();
  void LandDue();

  FleetStore& store_;
  Executor& executor_;
  Clock& clock_;
  const Faults faults_;
  CertificateMemo memo_;
  std::map<WatchId, std::function<void()>> watches_;
  WatchId next_watch_ = 1;
  std::optional<Executor::TimerId> landing_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace smki::sim
