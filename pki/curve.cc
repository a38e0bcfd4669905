#include "pki/curve.h"

#include <immintrin.h>

namespace smki::pki {
namespace {

// Little-endian 64-bit limbs, each by its name, and the processor's own carry: of arrays, loops and 128-bit sums GCC 12
// makes code that takes four times as long.
using Limb = unsigned long long;  // as the instructions' header has it
using Carry = unsigned char;
struct Field {
  Limb a, b, c, d;
};
struct Product {
  Limb a, b, c, d, e, f, g, h;
};
__extension__ using Wide = unsigned __int128;
// As a call, what lies in registers would go through memory.
#define SMKI_INLINE [[gnu::always_inline]] inline

constexpr Field kP = {0xffffffffffffffff, 0x00000000ffffffff, 0, 0xffffffff00000001};
// b of the curve's equation, and 3, divided by 2^256 modulo p.
constexpr Field kB_d = {0x5b664d723897434f, 0x5ac8124d12f3e1bb, 0x426be7e39123afdd, 0x2128d4c63dd38668};
constexpr Field kThree_d = {0x0000000900000002, 0x00000003fffffffa, 0xfffffff700000006, 0xfffffffc00000009};

SMKI_INLINE Limb Low(Wide w) {
  return static_cast<Limb>(w);
}
SMKI_INLINE Limb High(Wide w) {
  return static_cast<Limb>(w >> 64);
}

// out = a + b; returns what is carried out.
SMKI_INLINE Carry Add(const Field& a, const Field& b, Field& out) {
  Carry c = _addcarry_u64(0, a.a, b.a, &out.a);
  c = _addcarry_u64(c, a.b, b.b, &out.b);
  c = _addcarry_u64(c, a.c, b.c, &out.c);
  return _addcarry_u64(c, a.d, b.d, &out.d);
}

// out = a - b; returns what is borrowed.
SMKI_INLINE Carry Subtract(const Field& a, const Field& b, Field& out) {
  Carry c = _subborrow_u64(0, a.a, b.a, &out.a);
  c = _subborrow_u64(c, a.b, b.b, &out.b);
  c = _subborrow_u64(c, a.c, b.c, &out.c);
  return _subborrow_u64(c, a.d, b.d, &out.d);
}

SMKI_INLINE bool IsBelowP(const Field& a) {
  Field ignored;
  return Subtract(a, kP, ignored) != 0;
}

// Of numbers below p. Which way it goes is as good as random: no branch.
SMKI_INLINE Field SubtractMod(const Field& a, const Field& b) {
  Field out;
  const Limb mask = 0 - static_cast<Limb>(Subtract(a, b, out));
  Add(out, {kP.a & mask, kP.b & mask, 0, kP.d & mask}, out);
  return out;
}

// t + a * b: the lowest limb goes to `lowest`, the others are left in t.
SMKI_INLINE void AddRow(const Field& a, Limb b, Field& t, Limb& lowest) {
  const Wide p0 = Wide{a.a} * b, p1 = Wide{a.b} * b, p2 = Wide{a.c} * b, p3 = Wide{a.d} * b;
  Limb r1, r2, r3, r4;
  Carry c = _addcarry_u64(0, Low(p1), High(p0), &r1);
  c = _addcarry_u64(c, Low(p2), High(p1), &r2);
  c = _addcarry_u64(c, Low(p3), High(p2), &r3);
  _addcarry_u64(c, High(p3), 0, &r4);
  c = _addcarry_u64(0, t.a, Low(p0), &lowest);
  c = _addcarry_u64(c, t.b, r1, &t.a);
  c = _addcarry_u64(c, t.c, r2, &t.b);
  c = _addcarry_u64(c, t.d, r3, &t.c);
  _addcarry_u64(c, r4, 0, &t.d);
}

SMKI_INLINE Product Multiply(const Field& a, const Field& b) {
  Product out;
  Field t = {0, 0, 0, 0};
  AddRow(a, b.a, t, out.a);
  AddRow(a, b.b, t, out.b);
  AddRow(a, b.c, t, out.c);
  AddRow(a, b.d, t, out.d);
  out.e = t.a;
  out.f = t.b;
  out.g = t.c;
  out.h = t.d;
  return out;
}

// One step of Montgomery's reduction: adds the multiple of p that makes the lowest limb, m, zero, and leaves it away.
// -1 / p is 1 modulo 2^64, so that m is its own factor; and of m p = m 2^192 (2^64 - 2^32 + 1) + m 2^96 - m only the
// first part is a product.
SMKI_INLINE void ReduceLimb(Field& t) {
  const Limb m = t.a;
  const Wide top = Wide{m} * kP.d;
  Carry c = _addcarry_u64(0, t.b, m << 32, &t.a);
  c = _addcarry_u64(c, t.c, m >> 32, &t.b);
  c = _addcarry_u64(c, t.d, Low(top), &t.c);
  _addcarry_u64(c, High(top), 0, &t.d);
}

// The product / 2^256 modulo p, below 2 p: `carry` is its bit 256. The lower half becomes at most p by itself.
SMKI_INLINE Field Reduce(const Product& product, Carry& carry) {
  Field t = {product.a, product.b, product.c, product.d};
  ReduceLimb(t);
  ReduceLimb(t);
  ReduceLimb(t);
  ReduceLimb(t);
  carry = Add(t, {product.e, product.f, product.g, product.h}, t);
  return t;
}

SMKI_INLINE Field ReduceBelowP(const Product& product) {
  Carry carry = 0;
  const Field t = Reduce(product, carry);
  Field less;
  // With the carry it is at least p, and what is borrowed is the carry.
  Limb ignored;
  const Limb mask = static_cast<Limb>(_subborrow_u64(Subtract(t, kP, less), carry, 0, &ignored)) - 1;
  const auto choose = [mask](Limb yes, Limb no) { return (yes & mask) | (no & ~mask); };
  return {choose(less.a, t.a), choose(less.b, t.b), choose(less.c, t.c), choose(less.d, t.d)};
}

// The sum of a product of numbers below p and one more such number has no carry.
SMKI_INLINE void AddTo(Product& product, const Field& more) {
  Carry c = _addcarry_u64(0, product.a, more.a, &product.a);
  c = _addcarry_u64(c, product.b, more.b, &product.b);
  c = _addcarry_u64(c, product.c, more.c, &product.c);
  c = _addcarry_u64(c, product.d, more.d, &product.d);
  c = _addcarry_u64(c, product.e, 0, &product.e);
  c = _addcarry_u64(c, product.f, 0, &product.f);
  c = _addcarry_u64(c, product.g, 0, &product.g);
  _addcarry_u64(c, product.h, 0, &product.h);
}

SMKI_INLINE Limb LoadLimb(const uint8_t* octets) {
  Limb limb;
  __builtin_memcpy(&limb, octets, 8);
  return __builtin_bswap64(limb);
}
SMKI_INLINE Field Load(const uint8_t* octets) {
  return {LoadLimb(octets + 24), LoadLimb(octets + 16), LoadLimb(octets + 8), LoadLimb(octets)};
}

}  // namespace

bool IsOnCurve(ByteSpan point) {
  if (point.size() != 65 || point[0] != 4) return false;
  const Field x = Load(point.data() + 1), y = Load(point.data() + 33);
  if (!IsBelowP(x) || !IsBelowP(y)) return false;
  // All divided by 2^256, as reducing a product does: x^2, y^2, and so (x^2 - 3) x + b - y^2, which must be zero.
  const Field slope = SubtractMod(ReduceBelowP(Multiply(x, x)), kThree_d);
  const Field constant = SubtractMod(kB_d, ReduceBelowP(Multiply(y, y)));
  Product difference = Multiply(slope, x);
  AddTo(difference, constant);
  Carry carry = 0;
  const Field zero = Reduce(difference, carry);
  const bool is_zero = (zero.a | zero.b | zero.c | zero.d) == 0;
  const bool is_p = zero.a == kP.a && zero.b == kP.b && zero.c == kP.c && zero.d == kP.d;
  return carry == 0 && (is_zero || is_p);
}

}  // namespace smki::pki
