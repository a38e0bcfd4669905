#include "base/text.h"

#include <cstdint>

namespace smki {
namespace {

constexpr char kNotUtf8[] = "an octet that is not UTF-8";

// The code point at `at` and its length in octets; length 0 if it is not well-formed UTF-8 (Unicode table 3-7).
struct CodePoint {
  uint32_t code = 0;
  size_t length = 0;
};

CodePoint Decode(std::string_view text, size_t at) {
  const auto octet = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = octet(at);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xC2 || lead > 0xF4) return {};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (length > text.size() - at) return {};
  uint32_t code = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((octet(at + i) & 0xC0) != 0x80) return {};
    code = code << 6 | (octet(at + i) & 0x3F);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  if (overlong || surrogate || code > 0x10FFFF) return {};
  return {code, length};
}

bool IsInvisible(uint32_t code) {
  const auto within = [code](uint32_t first, uint32_t last) { return code >= first && code <= last; };
  return code == 0x00AD || code == 0x034F || code == 0x061C || code == 0x180E || within(0x200B, 0x200F) ||
         within(0x202A, 0x202E) || within(0x2060, 0x206F) || code == 0xFEFF || within(0xFFF9, 0xFFFB) ||
         within(0xE0000, 0xE0FFF);
}

}  // namespace

const char* FindUnreadable(std::string_view text, size_t& at) {
  for (at = 0; at < text.size();) {
    const CodePoint c = Decode(text, at);
    if (c.length == 0) return kNotUtf8;
    if (c.code == '\t') return "a tab (use spaces)";
    const bool control = (c.code < 0x20 && c.code != '\n') || (c.code >= 0x7F && c.code < 0xA0);
    if (control || c.code == 0x2028 || c.code == 0x2029) return "a control character";
    if (IsInvisible(c.code)) return "an invisible or text-reordering character";
    at += c.length;
  }
  return nullptr;
}

bool IsReadableLine(std::string_view text) {
  size_t at = 0;
  return FindUnreadable(text, at) == nullptr && text.find('\n') == std::string_view::npos;
}

}  // namespace smki
