// What a message authentication code of GBCS is made of (GBCS.md 2.4): a secret that two P-256 keys agree on, a key
// derived from it for one message, and AES-128-GMAC. What goes in, and in which order, is gbcs/message_mac.h.
#pragma once

#include <array>

#include "base/bytes.h"
#include "pki/key.h"

namespace smki::pki {

inline constexpr size_t kSharedSecret = 32;  // octets
inline constexpr size_t kMacKey = 16;
inline constexpr size_t kMacIv = 12;
using MessageMac = std::array<uint8_t, 12>;

// ECDH (NIST SP 800-56A 5.7.1.2): the x coordinate. Both sides get the same.
Secret AgreeOn(const PrivateKey& own, const PublicKey& other);

// The single-step key derivation function with SHA-256 (NIST SP 800-56C): the first kMacKey octets of
// SHA-256(00000001 || shared || other_info).
Secret DeriveMacKey(const Secret& shared, ByteSpan other_info);

// AES-128-GCM over nothing but additional data, its tag cut to 12 octets. `key` kMacKey, `iv` kMacIv octets.
MessageMac Gmac(const Secret& key, ByteSpan iv, ByteSpan authenticated);

// In the same time, wherever they differ.
bool SameMac(const MessageMac& a, const MessageMac& b);

}  // namespace smki::pki
