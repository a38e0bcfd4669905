#include "hsm/signer/forget.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace smki::hsm {
namespace {

constexpr size_t kDeep = 256 * 1024;

// Copies by the C library's own memcpy, in every size class that it moves through other registers.
void OverwriteRegisters() {
  void* (*volatile copy)(void*, const void*, size_t) = std::memcpy;
  static const std::array<uint8_t, 1024> zeros{};
  std::array<uint8_t, 1024> sink;
  for (size_t size = 8; size <= sink.size(); size *= 2) {
    copy(sink.data(), zeros.data(), size);
    copy(sink.data(), zeros.data(), size - 1);
  }
#if defined(__x86_64__)
  // Registers that AVX-512 adds are touched by memcpy alone; these by everybody.
  asm volatile(
      "pxor %%xmm0, %%xmm0\n pxor %%xmm1, %%xmm1\n pxor %%xmm2, %%xmm2\n pxor %%xmm3, %%xmm3\n"
      "pxor %%xmm4, %%xmm4\n pxor %%xmm5, %%xmm5\n pxor %%xmm6, %%xmm6\n pxor %%xmm7, %%xmm7\n"
      "pxor %%xmm8, %%xmm8\n pxor %%xmm9, %%xmm9\n pxor %%xmm10, %%xmm10\n pxor %%xmm11, %%xmm11\n"
      "pxor %%xmm12, %%xmm12\n pxor %%xmm13, %%xmm13\n pxor %%xmm14, %%xmm14\n pxor %%xmm15, %%xmm15\n" ::
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
            "xmm13", "xmm14", "xmm15");
#endif
}

[[gnu::noinline]] void OverwriteStack() {
  uint8_t below[kDeep];
  Zeroise(below, sizeof below);
}

}  // namespace

void ForgetLeftovers() {
  OverwriteStack();
  OverwriteRegisters();
}

}  // namespace smki::hsm
