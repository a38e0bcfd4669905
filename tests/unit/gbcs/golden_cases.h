// Messages of every shape, as content. golden/NAME.hex holds the octets, made once by EncodeMessage and checked field
// by field with another decoder (golden/README.md).
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "gbcs/credential_details.h"
#include "gbcs/credentials.h"
#include "gbcs/message.h"

namespace smki::gbcs {

using AnyPayload =
    std::variant<CommandPayload, ResponsePayload, AlertPayload, CredentialDetailsCommand, CredentialDetailsResponse>;

struct GoldenCase {
  std::string name;
  Message message;  // with its payload encoded
  AnyPayload payload;
};

std::vector<GoldenCase> GoldenCases();

// The octets of golden/NAME.hex.
Bytes GoldenOctets(const std::string& name);
// The octets of a file of hexadecimal digits and white space; ends the test program if it cannot be read.
Bytes ReadHexFile(const std::string& path);

Bytes Encode(const AnyPayload& payload);
// Parses `octets` as the kind of payload that `kind` holds.
StatusOr<AnyPayload> ParseLike(const AnyPayload& kind, ByteSpan octets);

}  // namespace smki::gbcs
