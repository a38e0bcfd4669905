// The DER of a certificate, value by value, and those of its values that need more than a look. Private to profile/.
// Any thread.
#pragma once

#include <optional>

#include "base/der.h"
#include "repository/profile/certificate_view.h"

namespace smki::repository {

inline constexpr size_t kMaxCertificate = 8 * 1024;  // octets, as pki::Certificate
// Contents octets of the AlgorithmIdentifier.
inline constexpr uint8_t kEcdsaWithSha256[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};

struct Value {
  uint8_t tag = 0;
  ByteSpan content, whole;
};

// One level of DER: tags of one octet, definite minimal lengths of at most three octets (a certificate is small).
class Walk {
 public:
  explicit Walk(ByteSpan in) : at_(in.data()), end_(in.data() + in.size()) {}
  bool done() const { return at_ == end_; }
  uint8_t tag() const { return done() ? 0 : *at_; }
  bool Next(Value& out) {
    const size_t left = static_cast<size_t>(end_ - at_);
    if (left < 2 || (at_[0] & 0x1F) == 0x1F) return false;
    size_t head = 2, size = at_[1];
    if (size >= 0x80) {
      if (size == 0x81 && left >= 3 && at_[2] >= 0x80) {
        head = 3;
        size = at_[2];
      } else if (size == 0x82 && left >= 4 && at_[2] != 0) {
        head = 4;
        size = static_cast<size_t>(at_[2]) << 8 | at_[3];
      } else {
        return false;
      }
    }
    if (size > left - head) return false;
    out = {at_[0], {at_ + head, size}, {at_, head + size}};
    at_ += head + size;
    return true;
  }
  bool Next(uint8_t tag, Value& out) { return Next(out) && out.tag == tag; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// The only value in `in`.
inline bool Only(ByteSpan in, uint8_t tag, Value& out) {
  Walk walk(in);
  return walk.Next(tag, out) && walk.done();
}

// Contents octets of a serialNumber: a minimal INTEGER, positive, of at most 20 octets.
std::optional<Fault> CheckSerial(ByteSpan content);
// UTCTime or GeneralizedTime in seconds and Z (RFC 5280 4.1.2.5).
bool ReadTime(const Value& value, UtcTime& out);
// Contents octets of a signatureValue: r and s, from 1 to the group's order less 1 (FIPS 186-4 6.4).
bool ReadSignature(ByteSpan bits, pki::RawSignature& out);

}  // namespace smki::repository
