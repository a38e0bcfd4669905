// GBCS messages as the checks read them, octet by octet (docs/formats/gbcs-messages.md, GBCS.md sections 1 and 2):
// CS02b commands of mode 8 and the responses to them. And the octets that a Direction means the key to sign.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "pki/key.h"
#include "tests/simulation/check/documents.h"

namespace smki::simulation {

struct Frame {
  uint8_t cra = 0;
  uint64_t counter = 0;
  Eui64 originator, recipient;
  Bytes date_time;
  uint16_t code = 0;
  Bytes payload;
  Bytes to_be_signed;  // from behind the tag DF to the end of the payload
  std::optional<pki::RawSignature> signature;
};
// Refuses a MAC, further identifiers behind the Message Code, and anything behind the signature.
StatusOr<Frame> ReadFrame(ByteSpan message);

struct ReadFloor {
  uint64_t role = 0, floor = 0;
  std::optional<uint64_t> prepayment;
  friend bool operator==(const ReadFloor&, const ReadFloor&) = default;
};
struct CommandPayload {
  uint64_t mode = 0;
  bool symmetric_key = false;  // [0]
  bool disapply_time_checks = false;
  std::string authorising_cell;
  uint64_t counter = 0;
  std::optional<uint64_t> authorising_floor;  // [4]
  bool specialist_floors = false;             // [5]
  std::vector<ReadFloor> floors;              // [6]
  std::vector<std::pair<std::string, Digest>> replacements;
  std::vector<Digest> path;
  bool execution_time = false;
};
StatusOr<CommandPayload> ReadCommandPayload(ByteSpan payload);

struct ReadOutcome {
  std::string cell;
  uint64_t status = 0;
  Eui64 replacing;
  Bytes key_identifier;  // what the cell holds now
};
struct ResponsePayload {
  uint64_t counter = 0, mode = 0;
  std::vector<ReadOutcome> outcomes;
};
// Error if there is no outcome of an immediate execution.
StatusOr<ResponsePayload> ReadResponsePayload(ByteSpan payload);

// What the Direction means to be signed for one Device of `group` and one counter. An error if a directed certificate
// is not in `certificates`, or a role or cell has no name.
StatusOr<Bytes> DirectedOctets(const Group& group, const std::map<Digest, Bytes>& certificates, Eui64 originator,
                               Eui64 device, uint64_t counter);

// "supplier" -> 2.
std::optional<uint64_t> RoleNumber(const std::string& role);

}  // namespace smki::simulation
