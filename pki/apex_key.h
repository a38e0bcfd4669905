// The key that can replace a root which nobody may believe any more: a Root OCA Certificate carries the public key of
// the Contingency Key Pair, encrypted (SEC L10.30(e), RFC 5934 section 9). Whoever is shown the Symmetric Key can read
// it, and then verify what the Contingency Private Key signed.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "pki/key.h"

namespace smki::pki {

// ApexContingencyKey, the value of the extension id-pe-wrappedApexContinKey (1.3.6.1.5.5.7.1.20).
struct WrappedApexKey {
  Bytes algorithm;  // DER of wrapAlgorithm, an AlgorithmIdentifier
  Bytes wrapped;    // wrappedContinPubKey; a SubjectPublicKeyInfo inside
  friend bool operator==(const WrappedApexKey&, const WrappedApexKey&) = default;
};

inline constexpr size_t kSymmetricKey = 32;  // octets of the Symmetric Key

// With AES-256 key wrap with padding (RFC 5649; id-aes256-wrap-pad without parameters). Which algorithm the SMKI uses
// is not public (GBCS.md 4.6): the AlgorithmIdentifier decides, and others can be added where this one is.
StatusOr<WrappedApexKey> WrapApexKey(const PublicKey& contingency, ByteSpan symmetric_key);

// kUnimplemented: an algorithm that is not known here. kInvalidArgument: not this Symmetric Key, or what was wrapped is
// no key on P-256; which of the two nobody is told.
StatusOr<PublicKey> UnwrapApexKey(const WrappedApexKey& apex, ByteSpan symmetric_key);

}  // namespace smki::pki
