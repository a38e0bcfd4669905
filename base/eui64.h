// An EUI-64: how GBCS and the SMKI name every Device and every organisation.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace smki {

class Eui64 {
 public:
  static constexpr size_t kSize = 8;

  constexpr Eui64() = default;
  constexpr explicit Eui64(uint64_t value) : value_(value) {}

  // 16 hexadecimal digits, either bare or in pairs all separated by '-', ':' or one space.
  static std::optional<Eui64> Parse(std::string_view text);
  // Exactly 8 octets, big-endian.
  static std::optional<Eui64> FromBytes(ByteSpan bytes);

  constexpr uint64_t value() const { return value_; }
  std::array<uint8_t, kSize> bytes() const;
  // "00-DB-12-34-56-78-90-A0", the form of the SMKI Repository interface.
  std::string ToString() const;

  friend constexpr auto operator<=>(Eui64, Eui64) = default;

 private:
  uint64_t value_ = 0;
};

}  // namespace smki

template <>
struct std::hash<smki::Eui64> {
  size_t operator()(smki::Eui64 e) const noexcept { return std::hash<uint64_t>()(e.value() * 0x9E3779B97F4A7C15ull); }
};
