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

TEST(Curve, WhateverTheLimbsTheAnswerIsThatOfOpenSsl) {
  // Limbs of all zeros and all ones are where carries run through.
  SeededRandom random(13);
  for (int i = 0; i < 3000; ++i) {
    PublicPoint point = PrivateKey::Generate()->public_key().point();
    if (i % 2 == 0) random.Fill(std::span(point).subspan(1));
    for (size_t limb = 0; limb < 8; ++limb) {
      const uint64_t choice = random.Below(6);
      if (choice < 2) std::fill_n(point.begin() + 1 + static_cast<ptrdiff_t>(8 * limb), 8, choice == 0 ? 0 : 0xff);
    }
    ASSERT_EQ(IsOnCurve(point), PublicKey::FromPoint(point).ok()) << ToHex(point);
  }
}

TEST(Curve, PointsWhoseLimbsAreAllZerosOrOnesAreOnIt) {
  for (const char* point : {"040000000000000001984181177906159600000000000000000000000000000000959c1c7afad7d4a5e9f8be0f"
                            "c331eb8b8c671445f69b9b67d1a55ceb6cca8fcf",
                            "040000000000000000ffffffffffffffff0000000000000001000000000000000138120be6ab31edfa34768c43"
                            "87d2f84fb4b0be8a9a985864a1575f4436bb37b0",
                            "04000000000000000181daad106bd0638b0000000000000001ffffffffffffffffaa3d7c9ec5d54b3bb81cb172"
                            "a3fb03cda3628cf4faba5e126c0a90d9d0753341",
                            "048ab12c32f6f22f41ffffffffffffffff0000000000000000ffffffffffffffffe12961c20fd1ed9d36c68aa6"
                            "8a5a2a564af99e2ea86cfd704c0a3320527a5867",
                            "04000000000000000100000000000000001fdaf62548f2f8edffffffffffffffff20f0004136f8a99ee0ba3f2c"
                            "d0f3499a8a635d15eecb7ca27283162183375749",
                            "04000000000000000000000000000000010000000000000000000000000000000185a7133c1f8ad0917fd87141"
                            "85239fd067f5e17f86ad67b1c65d44c7b52cc6e5",
                            "0400000000000000003c67523f81633acfe18302948d04999d0000000000000001337c683851433abb59a17c00"
                            "db3724b5efc69ae6af29c16242bbfd5a325e2c14",
                            "040000000000000001ffffffffffffffff0000000000000001000000000000000161c6cf0ea9c2db91a44d6982"
                            "56f0736fabdbbc5f40cb3498f0a564e1a5045f2e"}) {
    EXPECT_TRUE(IsOnCurve(*FromHex(point))) << point;
    EXPECT_TRUE(PublicKey::FromPoint(*FromHex(point)).ok()) << point;
  }
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
