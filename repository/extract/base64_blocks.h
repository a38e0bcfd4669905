// The part of Base64 that an instruction set makes fast. Private to base64_body.cc and its test. Any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace smki::repository::internal {

struct Base64Done {
  size_t in, out;  // characters read, octets written
};
// Reads blocks of 32 characters, and line feeds between them, as long as they are of the alphabet; writes 24 octets for
// each, and scratches the eight behind. The processor must have AVX2.
Base64Done DecodeBase64BlocksAvx2(const uint8_t* in, size_t size, uint8_t* out);

}  // namespace smki::repository::internal
