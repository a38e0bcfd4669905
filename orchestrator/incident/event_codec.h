// procedures::Event to and from ledger entries of kind "incident.<event kind>" (docs/formats/ledger.md).
#pragma once

#include <google/protobuf/message.h>

#include "ledger/ledger.h"
#include "procedures/machine.h"

namespace smki::orchestrator {

inline constexpr char kEventPrefix[] = "incident.";

ledger::NewEntry ToEntry(const std::string& incident, const procedures::Event& event);
// kDataLoss if the entry is no well-formed event. The event's time is the entry's.
StatusOr<procedures::Event> EventOf(const ledger::Entry& entry);

// Any other payload, and back; `what` names it in the error.
ledger::NewEntry MakeEntry(const std::string& incident, const std::string& person, const std::string& kind,
                           const google::protobuf::Message& payload);
template <typename Payload>
StatusOr<Payload> PayloadOf(const ledger::Entry& entry) {
  Payload payload;
  if (!payload.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size()))) {
    return DataLoss("ledger entry {} ({}): its payload cannot be read", entry.sequence, entry.kind);
  }
  return payload;
}

}  // namespace smki::orchestrator
