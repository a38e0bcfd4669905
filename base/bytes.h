// Octet strings, as the standards call them, and their hexadecimal text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace smki {

using Bytes = std::vector<uint8_t>;
using ByteSpan = std::span<const uint8_t>;

// A SHA-256 digest. Public data: compare with ==. Secrets are compared with ConstantTimeEqual.
using Digest = std::array<uint8_t, 32>;

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes ToBytes(ByteSpan bytes) {
  return {bytes.begin(), bytes.end()};
}
inline std::string ToString(ByteSpan bytes) {
  return std::string(AsText(bytes));
}

// `more` must not lie in `out`. Not inline: GCC 12 sees overreads in an inlined insert that are not there.
void Append(Bytes& out, ByteSpan more);

// Lower-case hexadecimal, no separators.
std::string ToHex(ByteSpan bytes);

// Accepts upper and lower case; nullopt on an odd length or any other character.
std::optional<Bytes> FromHex(std::string_view text);
std::optional<Digest> DigestFromHex(std::string_view text);

// Standard Base64 (RFC 4648 section 4) with padding, without line breaks. Decoding is strict, except
// that ASCII white space is skipped (extract files may fold their certificate bodies).
std::string ToBase64(ByteSpan bytes);
std::optional<Bytes> FromBase64(std::string_view text);

// True if equal; the time depends on the lengths only.
bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

// Overwrites memory in a way the compiler may not remove.
void Zeroise(void* data, size_t size);
inline void Zeroise(Bytes& bytes) {
  Zeroise(bytes.data(), bytes.size());
}
inline void Zeroise(std::string& text) {
  Zeroise(text.data(), text.size());
}

// Owns a secret; zeroised when it ends. Not copyable.
class Secret {
 public:
  Secret() = default;
  explicit Secret(Bytes bytes) : bytes_(std::move(bytes)) {}
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Zeroise(bytes_);
      bytes_ = std::move(other.bytes_);
      other.bytes_.clear();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { Zeroise(bytes_); }

  ByteSpan span() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

 private:
  Bytes bytes_;
};

}  // namespace smki
