// A person's signing key: a PEM file of mode 0600, or a key in a token (RFC 7512), which signs inside the token.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "cli/site.h"
#include "pki/key.h"

namespace smki::cli {

inline constexpr size_t kMaxPin = 255;

// Where a token's PIN comes from: a descriptor that somebody opened, or the person at the terminal, without echo. Never
// from an argument, the environment or a file that we open.
class PinSource {
 public:
  // `descriptor` below 0: the terminal.
  explicit PinSource(int descriptor = -1) : descriptor_(descriptor) {}
  // One line, without its end, 1 to kMaxPin octets. `what` is what the PIN is for. kFailedPrecondition if there is
  // neither a descriptor nor a terminal, or if nothing or too much comes.
  StatusOr<Secret> Read(const std::string& what) const;

 private:
  int descriptor_;
};

// Opens the key of `sign` in the site file. The PIN is asked only if the key is in a token.
StatusOr<std::unique_ptr<pki::Signer>> OpenSigningKey(const ClientSite& site, const PinSource& pin);

// A PEM file; refused if others can read it.
StatusOr<pki::PrivateKey> ReadPrivateKey(const std::string& path);

}  // namespace smki::cli
