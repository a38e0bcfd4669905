#include "repository/profile/certificate_parts.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace smki::repository {

using namespace smki::der;  // tags

std::optional<Fault> CheckSerial(ByteSpan c) {
  if (c.empty()) return Fault{Reject::kDER_BAD, "serialNumber"};
  if (c[0] >= 0x80) return Fault{Reject::kSERIAL_BAD, "it is negative"};
  if (c.size() > 20) return Fault{Reject::kSERIAL_BAD, "it has more than 20 octets"};
  if (c[0] == 0 && c.size() == 1) return Fault{Reject::kSERIAL_BAD, "it is zero"};
  if (c[0] == 0 && c[1] < 0x80) return Fault{Reject::kDER_BAD, "serialNumber is not minimal"};
  return std::nullopt;
}

namespace {

// r or s: a positive INTEGER of at most 32 significant octets, minimal.
bool ReadScalar(Walk& in, uint8_t* out32) {
  Value value;
  if (!in.Next(kInteger, value) || value.content.empty()) return false;
  ByteSpan c = value.content;
  if (c[0] >= 0x80) return false;
  if (c[0] == 0 && c.size() > 1) {
    if (c[1] < 0x80) return false;
    c = c.subspan(1);
  }
  if (c.size() > 32) return false;
  std::memset(out32, 0, 32 - c.size());
  std::memcpy(out32 + 32 - c.size(), c.data(), c.size());
  return true;
}

bool AllZero(const uint8_t* octets, size_t size) {
  return std::all_of(octets, octets + size, [](uint8_t o) { return o == 0; });
}

}  // namespace

bool ReadSignature(ByteSpan bits, pki::RawSignature& out) {
  // The group's order: r and s are below it (FIPS 186-4 6.4).
  static constexpr std::array<uint8_t, 32> kOrder = {0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,    0xff, 0xff, 0xff,
                                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                                     0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
  if (bits.empty() || bits[0] != 0) return false;
  Value sequence;
  if (!Only(bits.subspan(1), kSequence, sequence)) return false;
  Walk in(sequence.content);
  if (!ReadScalar(in, out.data()) || !ReadScalar(in, out.data() + 32) || !in.done()) return false;
  for (const size_t at : {0, 32}) {
    if (AllZero(out.data() + at, 32) || std::memcmp(out.data() + at, kOrder.data(), 32) >= 0) return false;
  }
  return true;
}

namespace {

bool TwoDigits(const uint8_t* at, int& out) {
  const unsigned tens = at[0] - unsigned{'0'}, ones = at[1] - unsigned{'0'};
  out = static_cast<int>(tens * 10 + ones);
  return tens < 10 && ones < 10;
}

}  // namespace

bool ReadTime(const Value& value, UtcTime& out) {
  const uint8_t* at = value.content.data();
  CivilTime c;
  int century = 0;
  if (value.tag == kGeneralizedTime && value.content.size() == 15) {
    if (!TwoDigits(at, century) || !TwoDigits(at + 2, c.year)) return false;
    c.year += century * 100;
    at += 4;
  } else if (value.tag == kUtcTime && value.content.size() == 13) {
    if (!TwoDigits(at, c.year)) return false;
    c.year += c.year >= 50 ? 1900 : 2000;
    at += 2;
  } else {
    return false;
  }
  if (!TwoDigits(at, c.month) || !TwoDigits(at + 2, c.day) || !TwoDigits(at + 4, c.hour) ||
      !TwoDigits(at + 6, c.minute) || !TwoDigits(at + 8, c.second) || at[10] != 'Z')
    return false;
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (c.month < 1 || c.month > 12 || c.hour > 23 || c.minute > 59 || c.second > 59) return false;
  const bool leap = c.year % 4 == 0 && (c.year % 100 != 0 || c.year % 400 == 0);
  if (c.day < 1 || c.day > kDays[c.month - 1] + (c.month == 2 && leap ? 1 : 0)) return false;
  out = FromCivil(c);
  return true;
}

}  // namespace smki::repository
