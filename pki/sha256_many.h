// SHA-256 of many messages at once: as many as the processor has lanes (16 with AVX-512, 8 with AVX2) go through one
// instruction stream, which is three to six times as fast as one after the other where there is no SHA instruction.
// Where there is one, or no wide registers, OpenSSL does them singly. Any thread.
#pragma once

#include <span>

#include "base/bytes.h"

namespace smki::pki {

// digests[i] = SHA-256(messages[i]). Both have the same size. Messages of like length are fastest.
void Sha256Many(std::span<const ByteSpan> messages, std::span<Digest> digests);

// The same through one way only, for tests: 16 or 8 lanes, 1 for OpenSSL. False if this processor cannot.
bool Sha256ManyWith(int lanes, std::span<const ByteSpan> messages, std::span<Digest> digests);

}  // namespace smki::pki
