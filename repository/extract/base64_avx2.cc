// Base64 of 32 characters at once, for processors with AVX2 (W. Muła, D. Lemire: Faster Base64 Encoding and Decoding
// Using AVX2 Instructions, 2018). Compiled for them: nothing but these lines may be in here, so that no function that
// others share is compiled for a processor that they may not have.
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "repository/extract/base64_blocks.h"

namespace smki::repository::internal {

Base64Done DecodeBase64BlocksAvx2(const uint8_t* in, size_t size, uint8_t* out) {
  // By its upper four bits a character is of one or two ranges of the alphabet; a bit that both tables have says that
  // its lower four bits are not of them.
  const __m256i by_low = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A));
  const __m256i by_high = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10));
  // What leads from a character of each range to its value; '/' is alone in its own.
  const __m256i shifts =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i octets =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
  const __m256i words = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
  const __m256i low_bits = _mm256_set1_epi8(0x0F), slash = _mm256_set1_epi8('/');
  Base64Done done = {0, 0};
  while (size - done.in >= 32) {
    const __m256i text = _mm256_loadu_si256((const __m256i*)(in + done.in));
    const __m256i high = _mm256_and_si256(_mm256_srli_epi32(text, 4), low_bits);
    const __m256i wrong = _mm256_and_si256(_mm256_shuffle_epi8(by_low, _mm256_and_si256(text, low_bits)),
                                           _mm256_shuffle_epi8(by_high, high));
    if (!_mm256_testz_si256(wrong, wrong)) {
      // A line's end; whatever else it is, is not for here.
      if (in[done.in] != '\n') break;
      ++done.in;
      continue;
    }
    const __m256i shift = _mm256_shuffle_epi8(shifts, _mm256_add_epi8(_mm256_cmpeq_epi8(text, slash), high));
    const __m256i values = _mm256_add_epi8(text, shift);
    const __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
    const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
    const __m256i packed = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(fours, octets), words);
    _mm256_storeu_si256((__m256i*)(out + done.out), packed);
    done.in += 32;
    done.out += 24;
  }
  return done;
}

}  // namespace smki::repository::internal
