#include "repository/extract/base64_body.h"

#include <array>

#include "repository/extract/base64_blocks.h"

namespace smki::repository {
namespace {

constexpr uint8_t kSpace = 0x40, kPad = 0x41, kBad = 0x80;

constexpr std::array<uint8_t, 256> MakeTable() {
  std::array<uint8_t, 256> table{};
  table.fill(kBad);
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < kAlphabet.size(); ++i) table[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  for (const char c : {' ', '\t', '\r', '\n'}) table[static_cast<uint8_t>(c)] = kSpace;
  table[static_cast<uint8_t>('=')] = kPad;
  return table;
}
constexpr std::array<uint8_t, 256> kTable = MakeTable();

// Four characters' value in one step: each table has its character's six bits where they belong, in the order of the
// octets in memory, and bit 24 set for what is no Base64.
constexpr uint32_t kNone = 1u << 24;
using Quarter = std::array<uint32_t, 256>;
constexpr Quarter MakeQuarter(int position) {
  Quarter table{};
  for (size_t i = 0; i < 256; ++i) {
    const uint32_t bits = static_cast<uint32_t>(kTable[i] & 0x3F) << (18 - 6 * position);
    table[i] = kTable[i] >= 0x40 ? kNone : (bits >> 16 & 0xFF) | (bits & 0xFF00) | (bits & 0xFF) << 16;
  }
  return table;
}
constexpr Quarter kQuarters[4] = {MakeQuarter(0), MakeQuarter(1), MakeQuarter(2), MakeQuarter(3)};

using Blocks = internal::Base64Done (*)(const uint8_t* in, size_t size, uint8_t* out);

std::optional<size_t> Decode(std::string_view text, uint8_t* out, Blocks blocks) {
  uint8_t* to = out;
  const auto* in = reinterpret_cast<const uint8_t*>(text.data());
  const auto* const end = in + text.size();
  if (blocks != nullptr) {
    const internal::Base64Done done = blocks(in, text.size(), to);
    in += done.in;
    to += done.out;
  }
  uint32_t word = 0;
  int have = 0, pads = 0;
  while (in < end) {
    while (have == 0 && end - in >= 4) {
      const uint32_t value = kQuarters[0][in[0]] | kQuarters[1][in[1]] | kQuarters[2][in[2]] | kQuarters[3][in[3]];
      if (value >= kNone) break;
      __builtin_memcpy(to, &value, 4);  // little-endian: three octets count, the fourth is written over
      to += 3;
      in += 4;
    }
    if (in == end) break;
    const uint8_t value = kTable[*in++];
    if (value == kSpace) continue;
    if (value == kBad || (pads > 0 && value != kPad) || (value == kPad && (have < 2 || ++pads > 2)))
      return std::nullopt;
    word = word << 6 | (value == kPad ? 0 : value);
    if (++have < 4) continue;
    if ((pads == 1 && (word & 0xFF) != 0) || (pads == 2 && (word & 0xFFFF) != 0)) return std::nullopt;
    for (int i = 0; i < 3 - pads; ++i) *to++ = static_cast<uint8_t>(word >> (16 - 8 * i));
    word = 0;
    have = 0;
    // Nothing but white space may follow padding.
    if (pads > 0) {
      while (in < end && kTable[*in] == kSpace) ++in;
      if (in < end) return std::nullopt;
    }
  }
  if (have != 0) return std::nullopt;
  return static_cast<size_t>(to - out);
}

}  // namespace

std::optional<size_t> DecodeBase64(std::string_view text, uint8_t* out) {
  static const Blocks blocks = __builtin_cpu_supports("avx2") ? internal::DecodeBase64BlocksAvx2 : nullptr;
  return Decode(text, out, blocks);
}

std::optional<size_t> DecodeBase64Plainly(std::string_view text, uint8_t* out) {
  return Decode(text, out, nullptr);
}

}  // namespace smki::repository
