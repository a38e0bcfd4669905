#include "pki/curve.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "pki/key.h"

namespace smki::pki {
namespace {

TEST(Curve, EveryKeyIsOnItAndNoPointBesideOneIs) {
  SeededRandom random(11);
  for (int i = 0; i < 2000; ++i) {
    const PublicPoint point = PrivateKey::Generate()->public_key().point();
    ASSERT_TRUE(IsOnCurve(point)) << ToHex(point);
    PublicPoint other = point;
    other[1 + random.Below(64)] ^= static_cast<uint8_t>(1 << random.Below(8));
    ASSERT_EQ(IsOnCurve(other), PublicKey::FromPoint(other).ok()) << ToHex(other);
  }
}

TEST(Curve, CoordinatesAreBelowThePrime) {
  // (0, sqrt(b)) and the same with x = p: the same residue, another writing.
  const Bytes zero = *FromHex("0466485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4");
  Bytes point(65);
  point[0] = 4;
  std::copy(zero.begin() + 1, zero.end(), point.begin() + 33);
  EXPECT_TRUE(IsOnCurve(point));
  const Bytes p = *FromHex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
  std::copy(p.begin(), p.end(), point.begin() + 1);
  EXPECT_FALSE(IsOnCurve(point)) << "x = p";
  EXPECT_FALSE(PublicKey::FromPoint(point).ok());
  std::fill(point.begin() + 1, point.end(), uint8_t{0xff});
  EXPECT_FALSE(IsOnCurve(point));
}

TEST(Curve, OnlyAnUncompressedPointWillDo) {
  const PublicPoint point = PrivateKey::Generate()->public_key().point();
  EXPECT_FALSE(IsOnCurve(ByteSpan(point).first(64)));
  EXPECT_FALSE(IsOnCurve({}));
  PublicPoint hybrid = point;
  hybrid[0] = static_cast<uint8_t>(6 + (point[64] & 1));
  EXPECT_FALSE(IsOnCurve(hybrid));
}

}  // namespace
}  // namespace smki::pki
