// What the DCC's inventory says of a Device after a command that it accepted: whose it is, and how far its recovery is.
// Pure.
//
// The words are those of DUIS (GBCS.md 7): Recovered; RecoveryCompleteACBCredentials while the Access Control Broker
// stands in for a party, whose own certificates are still to be handed over.
#pragma once

#include "sim/fleet/fleet_store.h"

namespace smki::sim {

inline constexpr char kRecovered[] = "Recovered";
inline constexpr char kWithAcbCredentials[] = "RecoveryCompleteACBCredentials";

// `state` after the command of `mode`. A supplier's certificate in the signing cell makes the Device that supplier's.
Enrolment EnrolmentAfter(Enrolment before, const DeviceState& state, gbcs::Mode mode);

}  // namespace smki::sim
