#include "sim/network/gateway.h"

#include <algorithm>

#include "base/fail_point.h"
#include "sim/network/inventory.h"

namespace smki::sim {

Gateway::Gateway(FleetStore& store, Executor& executor, Clock& clock, const Faults& faults)
    : store_(store), executor_(executor), clock_(clock), faults_(faults) {
  PlanLanding();
}

Gateway::~Gateway() {
  if (landing_) executor_.Cancel(*landing_);
}

StatusOr<std::vector<Eui64>> Gateway::Deliver(std::span<const OutgoingCommand> commands) {
  if (commands.size() > kMaxDeliver) {
    return InvalidArgument("{} commands in one delivery, at most {} are taken", commands.size(), kMaxDeliver);
  }
  const UtcTime now = clock_.Now();
  std::vector<Eui64> unknown;
  SMKI_ASSIGN_OR_RETURN(Transaction transaction, store_.Begin());
  for (const OutgoingCommand& command : commands) {
    if (store_.Serves(command.device)) {
      SMKI_RETURN_IF_ERROR(Transmit(command, now));
    } else {
      unknown.push_back(command.device);
    }
  }
  FailPoint("sim.device.applied");
  SMKI_RETURN_IF_ERROR(store_.Commit(std::move(transaction)));
  FailPoint("sim.deliver.durable");
  PlanLanding();
  executor_.Post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.lock()) Tell();
  });
  return unknown;
}

Status Gateway::Transmit(const OutgoingCommand& command, UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<FleetStore::Loaded> device, store_.Load(command.device));
  const Fate fate = FateOf(faults_, command.device, device->device.transmissions);
  SMKI_RETURN_IF_ERROR(store_.CountTransmission(command.device));
  if (fate.command_lost) return store_.CountEvent("network: command lost");
  SMKI_ASSIGN_OR_RETURN(const std::vector<Bytes> responses,
                        Process(*device, command.message, fate.command_duplicated ? 2 : 1, now));
  for (const Bytes& response : responses) {
    if (fate.response_lost) {
      SMKI_RETURN_IF_ERROR(store_.CountEvent("network: response lost"));
      continue;
    }
    for (int copies = fate.response_duplicated ? 2 : 1; copies > 0; --copies) {
      SMKI_RETURN_IF_ERROR(fate.delay > Millis(0) ? store_.AppendInFlight(now + fate.delay, command.device, response)
                                                  : store_.AppendResponse(command.device, response));
    }
  }
  return OkStatus();
}

StatusOr<std::vector<Bytes>> Gateway::Process(FleetStore::Loaded& device, ByteSpan message, int times, UtcTime now) {
  std::vector<Bytes> responses;
  for (; times > 0; --times) {
    SMKI_ASSIGN_OR_RETURN(Processed processed, ProcessCommand(device.device.state, message, now,
                                                              {device.key, device.agreement.span()}, memo_));
    if (processed.discard) {
      SMKI_RETURN_IF_ERROR(store_.CountEvent("discarded: " + Name(*processed.discard)));
      continue;
    }
    device.device.state = std::move(processed.state);
    SMKI_RETURN_IF_ERROR(store_.SaveState(device.device.state));
    Enrolment& known = device.device.enrolment;
    const Enrolment now_known = EnrolmentAfter(known, device.device.state, processed.outcome.mode);
    if (now_known.supplier != known.supplier || now_known.status != known.status)
      SMKI_RETURN_IF_ERROR(store_.SaveEnrolment(now_known));
    known = now_known;
    responses.push_back(std::move(processed.response));
  }
  return responses;
}

Gateway::WatchId Gateway::Watch(std::function<void()> on_more) {
  watches_.emplace(next_watch_, std::move(on_more));
  return next_watch_++;
}

void Gateway::Unwatch(WatchId id) {
  watches_.erase(id);
}

void Gateway::Tell() {
  // A watcher may unwatch itself or others while it is told.
  std::vector<WatchId> ids;
  for (const auto& [id, unused] : watches_) ids.push_back(id);
  for (const WatchId id : ids) {
    const auto found = watches_.find(id);
    if (found == watches_.end()) continue;
    const std::function<void()> on_more = found->second;
    on_more();
  }
}

void Gateway::PlanLanding() {
  if (landing_) executor_.Cancel(*landing_);
  landing_.reset();
  const auto due = store_.NextDue();
  if (!due.ok() || !*due) return;
  landing_ = executor_.PostAfter(std::max(Millis(0), **due - clock_.Now()), [this] {
    landing_.reset();
    LandDue();
  });
}

void Gateway::LandDue() {
  const Status landed = [this]() -> Status {
    SMKI_ASSIGN_OR_RETURN(Transaction transaction, store_.Begin());
    SMKI_ASSIGN_OR_RETURN(const bool any, store_.Land(clock_.Now()));
    if (!any) return OkStatus();
    return store_.Commit(std::move(transaction));
  }();
  // What could not be landed now (a full disk) stays in flight, and is tried again with the next.
  if (!landed.ok()) {
    landing_ = executor_.PostAfter(std::chrono::seconds(1), [this] {
      landing_.reset();
      LandDue();
    });
    return;
  }
  Tell();
  PlanLanding();
}

}  // namespace smki::sim
