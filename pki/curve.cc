#include "pki/curve.h"

#include <array>

namespace smki::pki {
namespace {

// Little-endian 64-bit limbs; a name that ends in _d is divided by 2^256.
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

// a * b / 2^256 mod p (Montgomery, CIOS). -p^-1 mod 2^64 is 1, so a limb is its own factor; and p's limbs are such that
// of its four products one is a shift and one is nothing.
constexpr Field MulMont(const Field& a, const Field& b) {
  uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) {
    Wide s = Wide{a[0]} * b[i] + t0;
    t0 = static_cast<uint64_t>(s);
    s = Wide{a[1]} * b[i] + t1 + static_cast<uint64_t>(s >> 64);
    t1 = static_cast<uint64_t>(s);
    s = Wide{a[2]} * b[i] + t2 + static_cast<uint64_t>(s >> 64);
    t2 = static_cast<uint64_t>(s);
    s = Wide{a[3]} * b[i] + t3 + static_cast<uint64_t>(s >> 64);
    t3 = static_cast<uint64_t>(s);
    s = Wide{t4} + static_cast<uint64_t>(s >> 64);
    t4 = static_cast<uint64_t>(s);
    const uint64_t t5 = static_cast<uint64_t>(s >> 64);
    // + t0 * p, whose lowest limb makes t0 zero and carries t0.
    const uint64_t m = t0;
    s = Wide{m} * kP[1] + t1 + m;
    t0 = static_cast<uint64_t>(s);
    s = Wide{t2} + static_cast<uint64_t>(s >> 64);
    t1 = static_cast<uint64_t>(s);
    s = Wide{m} * kP[3] + t3 + static_cast<uint64_t>(s >> 64);
    t2 = static_cast<uint64_t>(s);
    s = Wide{t4} + static_cast<uint64_t>(s >> 64);
    t3 = static_cast<uint64_t>(s);
    t4 = t5 + static_cast<uint64_t>(s >> 64);
  }
  return Reduced({t0, t1, t2, t3}, t4);
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
  // Both sides divided by 2^256: y^2 = (x^2 - 3) x + b.
  constexpr Field kOne = {1, 0, 0, 0}, kThree = {3, 0, 0, 0};
  constexpr Field kB_d = MulMont(kB, kOne), kThree_d = MulMont(kThree, kOne);
  const Field right = AddMod(MulMont(SubMod(MulMont(x, x), kThree_d), MulMont(x, kR2)), kB_d);
  return MulMont(y, y) == right;
}

}  // namespace smki::pki
