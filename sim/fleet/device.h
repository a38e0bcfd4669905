// What a Device does with a CS02b command of mode 2, 3, 8 or 9: GBCS.md section 4.2 to 4.5, step by step. Pure: a
// state, the octets of a message and the time give either silence with a reason or a signed response and the next
// state.
//
// The processing text of GBCS 13.3.4 is not public to us; GBCS.md marks what is read and what is inferred. A check that
// is not there is not made here either: a Device cannot tell one supplier from another, for example, so keeping
// supplier A's certificate off supplier B's Devices is the Direction's work, not the Device's.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/status.h"
#include "gbcs/credentials.h"
#include "sim/fleet/certificate_memo.h"

namespace smki::sim {

// The anti-replay counters of one Remote Party role (GBCS.md 4.3).
struct RoleCounters {
  uint64_t seq_number = 0;
  std::map<uint64_t, uint64_t> specialist;  // by seqNumberUsage; prepaymentTopUp(0)
  friend bool operator==(const RoleCounters&, const RoleCounters&) = default;
};

struct DeviceState {
  Eui64 eui;
  std::string type;                                  // ESME, GPF
  std::map<gbcs::TrustAnchorCell, AnchorPtr> cells;  // never null
  std::map<gbcs::Role, RoleCounters> counters;       // absent: zero
};

// Why a Device keeps silent, in the order in which it looks (GBCS.md 4.2).
enum class Discard : uint8_t {
  kNotAMessage,         // octets that are no GBCS message, or a payload that is none
  kNotACommand,         // CRA flag is not 1
  kOtherDevice,         // Business Target ID is not this Device's
  kUnknownMessageCode,  // not 0x0102, 0x0103, 0x0108 or 0x0109
  kMacPresent,          // modes 8 and 9 have no MAC Header (GBCS.md 2.1)
  kMacMissing,          // modes 2 and 3 have one
  kModeMismatch,        // payload and Message Code disagree
  kFutureDated,         // an execution date-time, which this simulator does not serve
  kAuthorisingCell,     // not authorised by {recovery, digitalSignature, management} (mode 8), {root, keyCertSign,
                        // management} (mode 9) or {supplier or networkOperator, digitalSignature, management} (mode 2,
                        // 3), or the Device lacks that cell
  kOthersCell,          // modes 2 and 3 replace a party's own cells only (GBCS.md 4.5)
  kNoContingencyKey,    // mode 9: no contingency key can be had from the root cell with what the command discloses
  kOriginator,          // Business Originator ID is not the unique ID in the authorising cell
  kCounterMismatch,     // payload and Grouping Header carry different counters
  kReplayed,            // the counter is not above the one stored for the authorising role
  kBadMac,              // the ACB-SMD MAC does not verify
  kBadSignature,        // the KRP Signature is missing or does not verify
};
std::string Name(Discard discard);

struct Processed {
  std::optional<Discard> discard;  // set: no response, state unchanged
  std::string detail;              // one sentence on the discard
  DeviceState state;               // after the command
  Bytes response;                  // whole signed message
  gbcs::ExecutionOutcome outcome;  // as told in the response
};

// The Device's own keys. That for keyAgreement comes as its scalar: only a command with a MAC needs it, and loading it
// costs as much as a verification.
struct DeviceKeys {
  DeviceKeys(pki::Signer& digital_signature, ByteSpan key_agreement = {})
      : signing(digital_signature), agreement(key_agreement) {}
  pki::Signer& signing;
  ByteSpan agreement;  // 32 octets; empty: no MAC verifies
};

// An error only if the Device does not sign, or its keyAgreement key is none.
StatusOr<Processed> ProcessCommand(const DeviceState& state, ByteSpan message, UtcTime now, DeviceKeys keys,
                                   CertificateMemo& memo);

}  // namespace smki::sim
