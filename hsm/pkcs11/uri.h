// How a token is named: an RFC 7512 URI, or simply its label. A slot number or a PIN is never part of it.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace smki::hsm::pkcs11 {

// What an empty attribute holds matches anything.
struct TokenUri {
  std::string token;  // label, at most 32 octets
  std::string manufacturer;
  std::string model;
  std::string serial;
  std::string object;  // label of the key or data in it

  // "pkcs11:token=smki-recovery-estate-7;object=recovery", or a label without "pkcs11:". kInvalidArgument for
  // an attribute that is unknown, repeated or malformed, without a token label, and for slot-id and PIN attributes.
  static StatusOr<TokenUri> Parse(std::string_view text);
};

}  // namespace smki::hsm::pkcs11
