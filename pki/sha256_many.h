// SHA-256 of many messages at once: as many as the processor has lanes (16 with AVX-512, 8 with AVX2) go through one
// instruction stream, which is three to six times as fast as one after the other where there is no SHA instruction.
// Where there is one, or no wide registers, OpenSSL does them singly. Any thread.
#pragma once

#include <span>

#include "base/bytes.h"

namespace smki::pki {

// digests[i] = SHA-256(messages[i]). Both have the same size. Messages of like length are fastest.
void Sha256Many(std::span<const ByteSpan> messages, std::span<Digest> digests);

// Short messages that lie one behind the other, padded by Sha256Pad to the same number of blocks of 64 octets each: the
// fastest way for what one lays out oneself.
void Sha256Padded(const uint8_t* messages, size_t blocks, std::span<Digest> digests);
// Writes the padding (FIPS 180-4 5.1.1) behind `size` octets of a message, which make `blocks` blocks with it:
// (size + 9) / 64, rounded up.
void Sha256Pad(uint8_t* message, size_t size, size_t blocks);

// The same through one way only, for tests: 16 or 8 lanes, 1 for OpenSSL. False if this processor cannot.
bool Sha256ManyWith(int lanes, std::span<const ByteSpan> messages, std::span<Digest> digests);
bool Sha256PaddedWith(int lanes, const uint8_t* messages, size_t blocks, std::span<Digest> digests);

}  // namespace smki::pki
