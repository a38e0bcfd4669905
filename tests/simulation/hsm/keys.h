// What the simulated HSM calculates: keys from its seed, digests of PINs, signatures without randomness. Not for keys
// of worth: times here depend on secrets.
#pragma once

#include <array>
#include <string>

#include "base/bytes.h"

namespace smki::simulation {

using Scalar = std::array<uint8_t, 32>;  // 1 to n-1 of P-256, big-endian

// The `nth` key (from 1) that a token labelled `token` makes under the label `key`: 48 octets of HKDF-SHA-256, modulo
// n-1, plus 1 (FIPS 186-5 A.2.1 asks for so many that no scalar is likelier than another).
Scalar DeriveScalar(ByteSpan seed, const std::string& token, const std::string& key, uint32_t nth);
// 16 hexadecimal digits.
std::string DeriveSerial(ByteSpan seed, uint32_t nth);
// A PIN as it is kept; `whose` keeps apart equal PINs of different owners.
Digest PinDigest(ByteSpan pin, const std::string& whose);

// 04 || x || y.
std::array<uint8_t, 65> PublicPointOfScalar(const Scalar& scalar);
// r || s over a SHA-256 digest, with the nonce of RFC 6979 (SHA-256).
std::array<uint8_t, 64> SignRfc6979(const Scalar& scalar, const Digest& digest);

}  // namespace smki::simulation
