#include "base/der.h"

#include <string>

namespace smki {

StatusOr<DerValue> DerReader::Next() {
  const size_t start = at_;
  const auto fail = [&](const char* why) { return InvalidArgument("DER at octet {}: {}", base_ + start, why); };
  if (at_ + 2 > in_.size()) return fail("a value must have a tag and a length, but the data ends");
  const uint8_t tag = in_[at_];
  if ((tag & 0x1F) == 0x1F) return fail("tags of more than one octet do not occur here");
  size_t length = in_[at_ + 1];
  size_t header = 2;
  if (length >= 0x80) {
    const size_t octets = length & 0x7F;
    if (octets == 0) return fail("indefinite length is not DER");
    if (octets > 4) return fail("a length of more than four octets");
    if (at_ + 2 + octets > in_.size()) return fail("the data ends inside the length");
    length = 0;
    for (size_t i = 0; i < octets; ++i) length = length << 8 | in_[at_ + 2 + i];
    const bool two_octets = lengths_ != nullptr && octets == 2 && length >= 0x80 && length <= 0xFF;
    const bool minimal = length >= 0x80 && length >> (8 * (octets - 1)) != 0;
    if (!minimal && !two_octets) return fail("the length is not minimal");
    if (lengths_ != nullptr && length <= 0xFF) {
      const DerLengths form = two_octets ? DerLengths::kTwoOctets : DerLengths::kMinimal;
      if (lengths_->value_or(form) != form) {
        return fail("lengths from 128 to 255 are written as 81 xx here and as 82 00 xx there");
      }
      *lengths_ = form;
    }
    header += octets;
  }
  if (length > in_.size() - at_ - header) return fail("the value reaches beyond the end of the data");
  DerValue out;
  out.tag = tag;
  out.offset = base_ + start;
  out.whole = in_.subspan(at_, header + length);
  out.content = out.whole.subspan(header);
  at_ += header + length;
  return out;
}

StatusOr<DerValue> DerReader::Expect(uint8_t tag, std::string_view what) {
  if (at_end()) return InvalidArgument("DER at octet {}: {} (tag {:02X}) is missing", offset(), what, tag);
  if (PeekTag() != tag) {
    return InvalidArgument("DER at octet {}: {} must have tag {:02X}, found {:02X}", offset(), what, tag, PeekTag());
  }
  return Next();
}

StatusOr<std::optional<DerValue>> DerReader::Optional(uint8_t tag) {
  if (at_end() || PeekTag() != tag) return std::optional<DerValue>();
  SMKI_ASSIGN_OR_RETURN(const DerValue value, Next());
  return std::optional<DerValue>(value);
}

StatusOr<uint64_t> DerUnsigned(const DerValue& value, std::string_view what) {
  const ByteSpan c = value.content;
  if (c.empty()) return InvalidArgument("DER at octet {}: {} is an empty INTEGER", value.offset, what);
  if (c.size() > 1 && c[0] == 0 && c[1] < 0x80) {
    return InvalidArgument("DER at octet {}: {} is not the shortest INTEGER", value.offset, what);
  }
  if (c[0] >= 0x80) return InvalidArgument("DER at octet {}: {} is negative", value.offset, what);
  if (c.size() > 8) return InvalidArgument("DER at octet {}: {} is larger than 2^63-1", value.offset, what);
  uint64_t out = 0;
  for (uint8_t b : c) out = out << 8 | b;
  return out;
}

StatusOr<uint64_t> DerReader::Unsigned(std::string_view what, uint8_t tag) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, Expect(tag, what));
  return DerUnsigned(value, what);
}

Status DerReader::Finish(std::string_view what) const {
  if (at_end()) return OkStatus();
  return InvalidArgument("DER at octet {}: {} octets too many after {}", offset(), in_.size() - at_, what);
}

void DerWriter::Value(uint8_t tag, ByteSpan content) {
  out_.push_back(tag);
  const size_t n = content.size();
  if (n < 0x80) {
    out_.push_back(static_cast<uint8_t>(n));
  } else {
    int octets = n > 0xFFFFFF ? 4 : n > 0xFFFF ? 3 : n > 0xFF || lengths_ == DerLengths::kTwoOctets ? 2 : 1;
    out_.push_back(static_cast<uint8_t>(0x80 | octets));
    for (--octets; octets >= 0; --octets) out_.push_back(static_cast<uint8_t>(n >> (8 * octets)));
  }
  Append(out_, content);
}

void DerWriter::Unsigned(uint64_t value, uint8_t tag) {
  uint8_t content[9];
  size_t n = 0;
  int shift = 56;
  while (shift > 0 && (value >> shift) == 0) shift -= 8;
  if ((value >> shift & 0x80) != 0) content[n++] = 0;
  for (; shift >= 0; shift -= 8) content[n++] = static_cast<uint8_t>(value >> shift);
  Value(tag, ByteSpan(content, n));
}

void DerWriter::Oid(std::string_view dotted) {
  Bytes content;
  uint64_t first = 0;
  int index = 0;
  const auto base128 = [&](uint64_t arc) {
    int groups = 1;
    while (groups < 10 && arc >> (7 * groups) != 0) ++groups;
    for (int g = groups - 1; g >= 0; --g)
      content.push_back(static_cast<uint8_t>((g > 0 ? 0x80 : 0) | (arc >> (7 * g) & 0x7F)));
  };
  for (size_t at = 0; at <= dotted.size();) {
    uint64_t arc = 0;
    while (at < dotted.size() && dotted[at] != '.') {
      SMKI_CHECK(dotted[at] >= '0' && dotted[at] <= '9');
      arc = arc * 10 + static_cast<uint64_t>(dotted[at++] - '0');
    }
    ++at;
    if (index == 0) first = arc;
    if (index == 1) base128(first * 40 + arc);
    if (index > 1) base128(arc);
    ++index;
  }
  SMKI_CHECK(index >= 2);
  Value(der::kOid, content);
}

std::string OidText(ByteSpan content) {
  static constexpr char kMalformed[] = "(malformed object identifier)";
  if (content.empty() || (content.back() & 0x80) != 0) return kMalformed;
  std::string out;
  uint64_t arc = 0;
  bool first = true;
  bool starts_arc = true;
  for (uint8_t b : content) {
    // X.690 8.19.2: the shortest form, else two encodings would have one text.
    if ((starts_arc && b == 0x80) || arc >> 56 != 0) return kMalformed;
    starts_arc = (b & 0x80) == 0;
    arc = arc << 7 | (b & 0x7F);
    if ((b & 0x80) != 0) continue;
    if (first) {
      const uint64_t root = arc >= 80 ? 2 : arc / 40;
      out = fmt::format("{}.{}", root, arc - root * 40);
      first = false;
    } else {
      out += fmt::format(".{}", arc);
    }
    arc = 0;
  }
  return out;
}

}  // namespace smki
