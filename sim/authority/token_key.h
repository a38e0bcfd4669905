// An authority's key in its token. In a drill its PIN lies in a file that nobody else can read.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "hsm/pkcs11/module.h"

namespace smki::sim {

// The label of every authority's key in its token.
inline constexpr char kAuthorityKeyLabel[] = "authority";

// 32 random octets as 64 hexadecimal digits.
Secret NewPin(Random& random);

// `token` is an RFC 7512 URI or a label. kPermissionDenied if others can read `pin_file`.
StatusOr<std::unique_ptr<hsm::pkcs11::TokenSigner>> OpenAuthorityKey(hsm::pkcs11::Module& module,
                                                                     const std::string& token,
                                                                     const std::string& pin_file);

}  // namespace smki::sim
