// The plain binary encoding of our own files and frames: big-endian fixed-width integers, and octet strings
// behind a 32-bit length. docs/formats/ says for each file what comes in which order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"

namespace smki {

class WireWriter {
 public:
  void U8(uint8_t v) { out_.push_back(v); }
  void U16(uint16_t v) { Number(v, 2); }
  void U32(uint32_t v) { Number(v, 4); }
  void U64(uint64_t v) { Number(v, 8); }
  void Eui(Eui64 v) { U64(v.value()); }
  // Fixed size: no length is written.
  void Fixed(ByteSpan v) { smki::Append(out_, v); }
  // 32-bit length, then the octets.
  void Octets(ByteSpan v) {
    U32(static_cast<uint32_t>(v.size()));
    smki::Append(out_, v);
  }
  void Text(std::string_view v) { Octets(AsBytes(v)); }

  const Bytes& bytes() const { return out_; }
  Bytes Take() { return std::move(out_); }

 private:
  void Number(uint64_t v, int size) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) out_.push_back(static_cast<uint8_t>(v >> shift));
  }
  Bytes out_;
};

// Reads what WireWriter wrote, from any octets, without ever reading past the end. After the first thing
// that does not fit, every further read gives zero or empty and ok() is false: check once, at the end.
class WireReader {
 public:
  explicit WireReader(ByteSpan in) : in_(in) {}

  uint8_t U8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t U64() { return Number(8); }
  Eui64 Eui() { return Eui64(U64()); }
  // The result points into the input.
  ByteSpan Fixed(size_t size) {
    if (!ok_ || size > in_.size() - at_) {
      ok_ = false;
      return {};
    }
    const ByteSpan out = in_.subspan(at_, size);
    at_ += size;
    return out;
  }
  smki::Digest Digest() {
    smki::Digest out{};
    const ByteSpan v = Fixed(out.size());
    if (ok_) std::copy(v.begin(), v.end(), out.begin());
    return out;
  }
  ByteSpan Octets() { return Fixed(U32()); }
  std::string Text() { return ToString(Octets()); }

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == in_.size(); }
  size_t offset() const { return at_; }
  // OK if everything so far fitted and nothing is left.
  Status Finish(const std::string& what) const {
    if (!ok_) return DataLoss("{} ends too early, at octet {}", what, at_);
    if (!at_end()) return DataLoss("{} has {} octets too many after octet {}", what, in_.size() - at_, at_);
    return OkStatus();
  }

 private:
  uint64_t Number(size_t size) {
    uint64_t out = 0;
    for (uint8_t b : Fixed(size)) out = out << 8 | b;
    return out;
  }
  ByteSpan in_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace smki
