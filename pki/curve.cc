#include "pki/curve.h"

#include <array>

namespace smki::pki {
namespace {

// Little-endian 64-bit limbs; Montgomery form (a * 2^256 mod p) where a name ends in _m.
using Field = std::array<uint64_t, 4>;
__extension__ using Wide = unsigned __int128;

constexpr Field kP = {0xffffffffffffffff, 0x00000000ffffffff, 0, 0xffffffff00000001};
constexpr Field kB = {0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7};
constexpr Field kR2 = {0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd};  // 2^512 mod p

constexpr bool Less(const Field& a, const Field& b) {
  for (size_t i = 4; i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i];
  }
  return false;
}

// a - b, and whether it borrowed.
constexpr Field Minus(const Field& a, const Field& b, bool& borrowed) {
  Field out{};
  uint64_t borrow = 0;
  for (size_t i = 0; i < 4; ++i) {
    const Wide d = Wide{a[i]} - b[i] - borrow;
    out[i] = static_cast<uint64_t>(d);
    borrow = static_cast<uint64_t>(d >> 64) & 1;
  }
  borrowed = borrow != 0;
  return out;
}

constexpr Field Plus(const Field& a, const Field& b, uint64_t& carry) {
  Field out{};
  carry = 0;
  for (size_t i = 0; i < 4; ++i) {
    const Wide s = Wide{a[i]} + b[i] + carry;
    out[i] = static_cast<uint64_t>(s);
    carry = static_cast<uint64_t>(s >> 64);
  }
  return out;
}

constexpr Field Reduced(const Field& a, uint64_t carry) {
  bool borrowed = false;
  const Field less = Minus(a, kP, borrowed);
  return carry != 0 || !borrowed ? less : a;
}

constexpr Field AddMod(const Field& a, const Field& b) {
  uint64_t carry = 0;
  const Field sum = Plus(a, b, carry);
  return Reduced(sum, carry);
}

constexpr Field SubMod(const Field& a, const Field& b) {
  bool borrowed = false;
  const Field difference = Minus(a, b, borrowed);
  uint64_t carry = 0;
  return borrowed ? Plus(difference, kP, carry) : difference;
}

// a * b / 2^256 mod p (Montgomery, CIOS). -p^-1 mod 2^64 is 1, so a limb is its own factor.
constexpr Field MulMont(const Field& a, const Field& b) {
  std::array<uint64_t, 6> t{};
  for (size_t i = 0; i < 4; ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < 4; ++j) {
      const Wide s = Wide{a[j]} * b[i] + t[j] + carry;
      t[j] = static_cast<uint64_t>(s);
      carry = static_cast<uint64_t>(s >> 64);
    }
    Wide s = Wide{t[4]} + carry;
    t[4] = static_cast<uint64_t>(s);
    t[5] = static_cast<uint64_t>(s >> 64);
    const uint64_t m = t[0];
    s = Wide{m} * kP[0] + t[0];
    carry = static_cast<uint64_t>(s >> 64);
    for (size_t j = 1; j < 4; ++j) {
      s = Wide{m} * kP[j] + t[j] + carry;
      t[j - 1] = static_cast<uint64_t>(s);
      carry = static_cast<uint64_t>(s >> 64);
    }
    s = Wide{t[4]} + carry;
    t[3] = static_cast<uint64_t>(s);
    t[4] = t[5] + static_cast<uint64_t>(s >> 64);
  }
  return Reduced({t[0], t[1], t[2], t[3]}, t[4]);
}

Field Load(const uint8_t* octets) {
  Field out{};
  for (size_t i = 0; i < 4; ++i) {
    uint64_t limb;
    __builtin_memcpy(&limb, octets + 8 * (3 - i), 8);
    out[i] = __builtin_bswap64(limb);
  }
  return out;
}

}  // namespace

bool IsOnCurve(ByteSpan point) {
  if (point.size() != 65 || point[0] != 4) return false;
  const Field x = Load(point.data() + 1), y = Load(point.data() + 33);
  if (!Less(x, kP) || !Less(y, kP)) return false;
  constexpr Field kB_m = MulMont(kB, kR2);
  const Field x_m = MulMont(x, kR2), y_m = MulMont(y, kR2);
  const Field cube = MulMont(MulMont(x_m, x_m), x_m);
  const Field right = AddMod(SubMod(cube, AddMod(AddMod(x_m, x_m), x_m)), kB_m);
  return MulMont(y_m, y_m) == right;
}

}  // namespace smki::pki
