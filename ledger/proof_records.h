// The records of a proof log, as orchestrator and auditor both read them (docs/formats/proof-log.md): which Devices
// shall prove that their cells hold which keys, whoever commanded it, and the Devices' own signed responses that do.
// The file is a RecordLog of kind "proof"; payloads are base/wire.h encodings.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::ledger {

inline constexpr char kProofKind[] = "proof";
inline constexpr size_t kMaxProofDevices = 1 << 20;  // in one group record
inline constexpr size_t kMaxProofCells = 32;
inline constexpr size_t kMaxProofOriginators = 8;
inline constexpr size_t kMaxProofResponse = 64 * 1024;

enum class ProofType : uint8_t {
  kScope = 1,     // always the first record
  kGroup = 2,     // Devices with the same cells
  kBegun = 3,     // no group comes after it
  kResponse = 4,  // a Device's own validly signed response: every cell of its group holds the intended key (I6)
};

struct ProofScope {
  UtcTime time;
  std::string incident, step;
  uint16_t message_code = 0;       // of the commands that may do it
  std::vector<Eui64> originators;  // who may have commanded it: to whom responses are addressed
};
struct ProofCell {
  std::string cell;
  Digest certificate{};  // SHA-256, in the Repository
};
struct ProofGroup {
  std::vector<ProofCell> cells;
  std::vector<Eui64> devices;  // strictly increasing
};
struct ProofBegun {
  uint64_t devices = 0;
};
struct ProofResponse {
  uint64_t sequence = 0;  // of the gateway
  Eui64 device;
  Bytes octets;
};

Bytes Encode(const ProofScope& record);
Bytes Encode(const ProofGroup& record);
Bytes Encode(const ProofBegun& record);
Bytes Encode(const ProofResponse& record);
// Each kDataLoss if the octets are no such record or exceed a limit above.
StatusOr<ProofScope> DecodeProofScope(ByteSpan octets);
StatusOr<ProofGroup> DecodeProofGroup(ByteSpan octets);
StatusOr<ProofBegun> DecodeProofBegun(ByteSpan octets);
StatusOr<ProofResponse> DecodeProofResponse(ByteSpan octets);

}  // namespace smki::ledger
