// Base64 (RFC 4648 section 4) as certificate bodies have it: strict, but folded by any white space. Private to this
// room; base/bytes.h has the general one, a fifth as fast. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace smki::repository {

// Octets that must be writable for a text of `size` characters.
constexpr size_t Base64Room(size_t size) {
  return size / 4 * 3 + 8;
}
// Writes what `text` stands for to `out`, which has Base64Room(text.size()), and returns its size. Nullopt if a
// character is neither Base64 nor white space, padding is wrong or missing, or bits behind the last octet are not zero.
std::optional<size_t> DecodeBase64(std::string_view text, uint8_t* out);
// The same without wide registers, for processors that have none, and as the reference in tests.
std::optional<size_t> DecodeBase64Plainly(std::string_view text, uint8_t* out);

}  // namespace smki::repository
