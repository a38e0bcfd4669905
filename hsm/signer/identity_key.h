// The keyguard's identity key, which signs ceremony requests and countersigns heads. Its file is read by both programs.
#pragma once

#include <string>

#include "base/status.h"
#include "pki/key.h"

namespace smki::hsm {

// FAILED_PRECONDITION if group or others may read or write the file: whoever has this key can ask custodians for
// shares.
StatusOr<pki::PrivateKey> ReadIdentityKey(const std::string& path);

}  // namespace smki::hsm
