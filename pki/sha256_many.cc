#include "pki/sha256_many.h"

#include <cpuid.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/status.h"
#include "pki/digest.h"

namespace smki::pki {
namespace internal {
void Sha256Lanes8(uint32_t* state, const uint8_t* const* blocks, size_t count);
void Sha256Lanes16(uint32_t* state, const uint8_t* const* blocks, size_t count);
}  // namespace internal

namespace {

constexpr size_t kBlock = 64;
constexpr size_t kMostAtOnce = 8;  // blocks; an empty lane works on so many of zeros
constexpr std::array<uint32_t, 8> kInitial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// Behind `used` octets of the last `blocks` blocks of a message of `size` octets.
void PutPadding(uint8_t* end, size_t used, size_t blocks, size_t size) {
  std::memset(end + used, 0, blocks * kBlock - used);
  end[used] = 0x80;
  const uint64_t bits = __builtin_bswap64(uint64_t{size} * 8);
  std::memcpy(end + blocks * kBlock - 8, &bits, 8);
}

// What one lane works on: first the whole blocks of its message, then the padded end (FIPS 180-4 5.1.1).
struct Lane {
  const uint8_t* at = nullptr;
  size_t blocks = 0;  // left from `at` on
  size_t message = 0;
  bool busy = false, at_end = false;
  size_t end_blocks = 0;
  std::array<uint8_t, 2 * kBlock> end;

  void Begin(ByteSpan octets, size_t index) {
    message = index;
    busy = true;
    const size_t whole = octets.size() / kBlock, rest = octets.size() % kBlock;
    if (rest > 0) std::memcpy(end.data(), octets.data() + whole * kBlock, rest);
    end_blocks = rest + 1 + 8 <= kBlock ? 1 : 2;
    PutPadding(end.data(), rest, end_blocks, octets.size());
    at = octets.data();
    blocks = whole;
    at_end = false;
    if (blocks == 0) TakeEnd();
  }
  void TakeEnd() {
    at = end.data();
    blocks = end_blocks;
    at_end = true;
  }
};

using Compress = void (*)(uint32_t* state, const uint8_t* const* blocks, size_t count);

template <size_t kLanes>
void Store(const std::array<uint32_t, 8 * kLanes>& state, size_t lane, Digest& out) {
  for (size_t word = 0; word < 8; ++word) {
    const uint32_t value = __builtin_bswap32(state[word * kLanes + lane]);
    std::memcpy(out.data() + 4 * word, &value, 4);
  }
}

template <size_t kLanes>
void InLanes(Compress compress, std::span<const ByteSpan> messages, std::span<Digest> digests) {
  static constexpr std::array<uint8_t, kMostAtOnce * kBlock> kZeros{};
  alignas(64) std::array<uint32_t, 8 * kLanes> state;
  std::array<Lane, kLanes> lanes;
  std::array<const uint8_t*, kLanes> at;
  size_t next = 0, left = messages.size();
  const auto refill = [&](size_t l) {
    lanes[l].busy = next < messages.size();
    if (!lanes[l].busy) return;
    lanes[l].Begin(messages[next], next);
    ++next;
    for (size_t word = 0; word < 8; ++word) state[word * kLanes + l] = kInitial[word];
  };
  state.fill(0);
  for (size_t l = 0; l < kLanes; ++l) refill(l);
  while (left > 0) {
    size_t count = kMostAtOnce;
    for (size_t l = 0; l < kLanes; ++l) {
      at[l] = lanes[l].busy ? lanes[l].at : kZeros.data();
      if (lanes[l].busy) count = std::min(count, lanes[l].blocks);
    }
    compress(state.data(), at.data(), count);
    for (size_t l = 0; l < kLanes; ++l) {
      Lane& lane = lanes[l];
      if (!lane.busy) continue;
      lane.at += count * kBlock;
      lane.blocks -= count;
      if (lane.blocks > 0) continue;
      if (!lane.at_end) {
        lane.TakeEnd();
        continue;
      }
      Store<kLanes>(state, l, digests[lane.message]);
      --left;
      refill(l);
    }
  }
}

template <size_t kLanes>
void PaddedInLanes(Compress compress, const uint8_t* messages, size_t blocks, std::span<Digest> digests) {
  alignas(64) std::array<uint32_t, 8 * kLanes> state;
  std::array<const uint8_t*, kLanes> at;
  for (size_t first = 0; first < digests.size(); first += kLanes) {
    const size_t count = std::min(kLanes, digests.size() - first);
    for (size_t l = 0; l < kLanes; ++l) at[l] = messages + (first + std::min(l, count - 1)) * blocks * kBlock;
    for (size_t word = 0; word < 8; ++word) std::fill_n(state.begin() + word * kLanes, kLanes, kInitial[word]);
    compress(state.data(), at.data(), blocks);
    for (size_t l = 0; l < count; ++l) Store<kLanes>(state, l, digests[first + l]);
  }
}

// How long a message is, its padding says.
void PaddedSingly(const uint8_t* messages, size_t blocks, std::span<Digest> digests) {
  for (Digest& digest : digests) {
    uint64_t bits;
    std::memcpy(&bits, messages + blocks * kBlock - 8, 8);
    digest = Sha256({messages, __builtin_bswap64(bits) / 8});
    messages += blocks * kBlock;
  }
}

void Singly(std::span<const ByteSpan> messages, std::span<Digest> digests) {
  for (size_t i = 0; i < messages.size(); ++i) digests[i] = Sha256(messages[i]);
}

bool HasShaInstructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1u << 29)) != 0;
}

int BestLanes() {
  if (HasShaInstructions()) return 1;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) return 16;
  return __builtin_cpu_supports("avx2") ? 8 : 1;
}

int BestLanesOnce() {
  static const int lanes = BestLanes();
  return lanes;
}

bool Has(int lanes) {
  if (lanes == 16) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  return lanes != 8 || __builtin_cpu_supports("avx2");
}

}  // namespace

bool Sha256ManyWith(int lanes, std::span<const ByteSpan> messages, std::span<Digest> digests) {
  SMKI_CHECK(messages.size() == digests.size());
  if (!Has(lanes)) return false;
  if (lanes == 16) {
    InLanes<16>(internal::Sha256Lanes16, messages, digests);
  } else if (lanes == 8) {
    InLanes<8>(internal::Sha256Lanes8, messages, digests);
  } else {
    Singly(messages, digests);
  }
  return true;
}

bool Sha256PaddedWith(int lanes, const uint8_t* messages, size_t blocks, std::span<Digest> digests) {
  if (!Has(lanes)) return false;
  if (lanes == 16) {
    PaddedInLanes<16>(internal::Sha256Lanes16, messages, blocks, digests);
  } else if (lanes == 8) {
    PaddedInLanes<8>(internal::Sha256Lanes8, messages, blocks, digests);
  } else {
    PaddedSingly(messages, blocks, digests);
  }
  return true;
}

void Sha256Many(std::span<const ByteSpan> messages, std::span<Digest> digests) {
  SMKI_CHECK(Sha256ManyWith(BestLanesOnce(), messages, digests));
}

void Sha256Padded(const uint8_t* messages, size_t blocks, std::span<Digest> digests) {
  SMKI_CHECK(Sha256PaddedWith(BestLanesOnce(), messages, blocks, digests));
}

void Sha256Pad(uint8_t* message, size_t size, size_t blocks) {
  SMKI_CHECK((size + 9 + kBlock - 1) / kBlock == blocks);
  PutPadding(message, size, blocks, size);
}

}  // namespace smki::pki
