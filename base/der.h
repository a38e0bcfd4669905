// Distinguished Encoding Rules (X.690), the little of it that certificates and GBCS payloads use: single
// octet tags, definite lengths of at most four octets, minimal everywhere. Reading never copies.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace smki {

namespace der {
inline constexpr uint8_t kBoolean = 0x01;
inline constexpr uint8_t kInteger = 0x02;
inline constexpr uint8_t kBitString = 0x03;
inline constexpr uint8_t kOctetString = 0x04;
inline constexpr uint8_t kNull = 0x05;
inline constexpr uint8_t kOid = 0x06;
inline constexpr uint8_t kEnumerated = 0x0A;
inline constexpr uint8_t kUtf8String = 0x0C;
inline constexpr uint8_t kPrintableString = 0x13;
inline constexpr uint8_t kUtcTime = 0x17;
inline constexpr uint8_t kGeneralizedTime = 0x18;
inline constexpr uint8_t kSequence = 0x30;
inline constexpr uint8_t kSet = 0x31;
// Context-specific tag [n].
constexpr uint8_t Context(int n, bool constructed) {
  return static_cast<uint8_t>(0x80 | (constructed ? 0x20 : 0) | n);
}
}  // namespace der

struct DerValue {
  uint8_t tag = 0;
  ByteSpan content;
  ByteSpan whole;     // tag, length and content
  size_t offset = 0;  // of the tag, from the start of the outermost input
};

// How a length from 128 to 255 is written: 81 xx, as DER asks, or 82 00 xx, as GBCS messages really do
// (docs/formats/gbcs-messages.md). Below 128 and above 255 there is one way only.
enum class DerLengths : uint8_t { kMinimal, kTwoOctets };

// Walks the values of one level. An error says the offset in the outermost input.
class DerReader {
 public:
  // With `lengths` either way of writing a length is read, and which one it was is noted there; both ways in
  // one input are an error. All readers of one input share it. Without it only DER is read.
  explicit DerReader(ByteSpan in, size_t base = 0, std::optional<DerLengths>* lengths = nullptr)
      : in_(in), base_(base), lengths_(lengths) {}
  // The contents of a constructed value, with offsets that stay true.
  explicit DerReader(const DerValue& v, std::optional<DerLengths>* lengths = nullptr)
      : in_(v.content), base_(v.offset + v.whole.size() - v.content.size()), lengths_(lengths) {}

  bool at_end() const { return at_ == in_.size(); }
  size_t offset() const { return base_ + at_; }
  // The next tag, or 0 at the end.
  uint8_t PeekTag() const { return at_end() ? 0 : in_[at_]; }
  StatusOr<DerValue> Next();
  // The next value, which must have `tag`; `what` names it in the error.
  StatusOr<DerValue> Expect(uint8_t tag, std::string_view what);
  // The next value if it has `tag`.
  StatusOr<std::optional<DerValue>> Optional(uint8_t tag);
  // An INTEGER (or one with an implicit tag) from 0 to 2^63-1.
  StatusOr<uint64_t> Unsigned(std::string_view what, uint8_t tag = der::kInteger);
  Status Finish(std::string_view what) const;

 private:
  ByteSpan in_;
  size_t base_;
  size_t at_ = 0;
  std::optional<DerLengths>* lengths_ = nullptr;
};

StatusOr<uint64_t> DerUnsigned(const DerValue& value, std::string_view what);

// Writes values; nesting by Wrap.
class DerWriter {
 public:
  DerWriter() = default;
  explicit DerWriter(DerLengths lengths) : lengths_(lengths) {}
  void Value(uint8_t tag, ByteSpan content);
  void Raw(ByteSpan encoded) { Append(out_, encoded); }
  // A non-negative INTEGER, shortest form.
  void Unsigned(uint64_t value, uint8_t tag = der::kInteger);
  void Text(uint8_t tag, std::string_view text) { Value(tag, AsBytes(text)); }
  // An OBJECT IDENTIFIER from its dotted text, which must be well formed.
  void Oid(std::string_view dotted);
  void Wrap(uint8_t tag, const DerWriter& inner) { Value(tag, inner.out_); }
  const Bytes& bytes() const { return out_; }
  Bytes Take() { return std::move(out_); }

 private:
  Bytes out_;
  DerLengths lengths_ = DerLengths::kMinimal;
};

// Contents octets of an OBJECT IDENTIFIER to dotted text; "(malformed object identifier)", which equals no
// dotted text, if they are not DER or an arc is above 2^63.
std::string OidText(ByteSpan content);

}  // namespace smki
