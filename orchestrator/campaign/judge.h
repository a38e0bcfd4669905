// What a Device's response proves (I6). Pure: octets, what was directed, and the Device's own key go in.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gbcs/credentials.h"
#include "ledger/campaign_records.h"
#include "pki/certificate.h"
#include "procedures/direction.h"

namespace smki::orchestrator {

// What every Device of one directed group shall hold.
struct GroupIntent {
  struct Cell {
    gbcs::TrustAnchorCell cell;
    pki::KeyIdentifier key{};
    Eui64 organisation;
  };
  gbcs::Mode mode = gbcs::Mode::kAnyExceptAbnormalRootByRecovery;
  Eui64 originator;         // whom responses are addressed to
  std::vector<Cell> cells;  // the in-scope cells
};
// `certificates` by SHA-256 of the DER; kInvalidArgument if one is missing or malformed.
StatusOr<GroupIntent> IntentOf(const procedures::Direction& direction, const procedures::DirectedGroup& group,
                               const std::map<Digest, Bytes>& certificates);

// A response as far as it can be read without knowing the Device's key.
struct ReadResponse {
  gbcs::Message message;
  gbcs::ExecutionOutcome outcome;
};
// Refuses what is not an answer by `device` to a command of this mode and originator. The error's reason
// (ReasonOf) is one of the words of docs/formats/campaign-log.md: malformed, not-a-response, other-device.
StatusOr<ReadResponse> ReadRecoveryResponse(ByteSpan octets, const GroupIntent& intent, Eui64 device);

// True if the response is signed with this key.
bool IsSignedBy(const ReadResponse& response, const pki::PublicKey& device_key);

struct Judgement {
  ledger::DeviceOutcome outcome = ledger::DeviceOutcome::kNone;
  std::string reason;  // of the first in-scope cell that is not as intended
};
// Recovered only if each in-scope cell is reported exactly once, with success, and holding the intended key of the
// intended organisation, and nothing else was touched.
Judgement Judge(const GroupIntent& intent, const gbcs::ExecutionOutcome& outcome);

}  // namespace smki::orchestrator
