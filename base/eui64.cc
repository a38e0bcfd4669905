#include "base/eui64.h"

namespace smki {

std::optional<Eui64> Eui64::Parse(std::string_view text) {
  std::string digits;
  if (text.size() == 16) {
    digits = text;
  } else if (text.size() == 23) {
    const char separator = text[2];
    if (separator != '-' && separator != ':' && separator != ' ') return std::nullopt;
    for (size_t i = 0; i < text.size(); ++i) {
      if (i % 3 == 2) {
        if (text[i] != separator) return std::nullopt;
      } else {
        digits.push_back(text[i]);
      }
    }
  } else {
    return std::nullopt;
  }
  const auto bytes = FromHex(digits);
  return bytes ? FromBytes(*bytes) : std::nullopt;
}

std::optional<Eui64> Eui64::FromBytes(ByteSpan bytes) {
  if (bytes.size() != kSize) return std::nullopt;
  uint64_t value = 0;
  for (uint8_t b : bytes) value = value << 8 | b;
  return Eui64(value);
}

std::array<uint8_t, Eui64::kSize> Eui64::bytes() const {
  std::array<uint8_t, kSize> out;
  for (size_t i = 0; i < kSize; ++i) out[i] = static_cast<uint8_t>(value_ >> (56 - 8 * i));
  return out;
}

std::string Eui64::ToString() const {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (uint8_t b : bytes()) {
    if (!out.empty()) out.push_back('-');
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

}  // namespace smki
