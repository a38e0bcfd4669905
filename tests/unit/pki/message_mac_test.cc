#include "pki/message_mac.h"

#include <gtest/gtest.h>

#include <numeric>

namespace smki::pki {
namespace {

// RFC 5903 section 8.1.
constexpr char kInitiator[] = "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433";
constexpr char kResponder[] =
    "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f83"
    "53"
    "e74f33039872ab";
constexpr char kAgreed[] = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de";

// Of the public test PKI's Access Control Broker and Device 00DB1234567890A0, for counter 0000000100000000 of supplier
// 90B3D51F30010000: derived by the public gbcs-parser of Smart DCC Innovation.
constexpr char kShared[] = "ed342441df01551a6beaff3b54adc981f4c6a7e71dff4c3e1cc80b3c9f4e5ac0";
constexpr char kOtherInfo[] = "6085740608030090b3d51f300100000901000000010000000000db1234567890a0";
constexpr char kDerived[] = "6a93e360717394015df93e031218c9a6";

Bytes Counting(size_t size) {
  Bytes out(size);
  std::iota(out.begin(), out.end(), uint8_t{0});
  return out;
}

TEST(MessageMac, TwoKeysAgreeAsRfc5903Says) {
  const PrivateKey initiator = *PrivateKey::FromScalar(*FromHex(kInitiator));
  EXPECT_EQ(ToHex(AgreeOn(initiator, *PublicKey::FromPoint(*FromHex(kResponder))).span()), kAgreed);
}

TEST(MessageMac, BothSidesGetTheSameSecret) {
  const PrivateKey a = *PrivateKey::Generate(), b = *PrivateKey::Generate();
  EXPECT_EQ(ToHex(AgreeOn(a, b.public_key()).span()), ToHex(AgreeOn(b, a.public_key()).span()));
}

TEST(MessageMac, TheKeyIsTheOneThatTheDccsOwnParserDerives) {
  EXPECT_EQ(ToHex(DeriveMacKey(Secret(*FromHex(kShared)), *FromHex(kOtherInfo)).span()), kDerived);
}

// NIST's first AES-GCM example (all zeros), and a value that python3-cryptography made.
TEST(MessageMac, GmacIsTheTagOfGcmOverAdditionalDataAlone) {
  EXPECT_EQ(ToHex(Gmac(Secret(Bytes(16)), Bytes(12), {})), "58e2fccefa7e3061367f1d57");
  EXPECT_EQ(ToHex(Gmac(Secret(Counting(16)), Counting(12), Counting(40))), "fbcc88c20bfa0bd7aacc8a54");
}

TEST(MessageMac, OneBitMakesAnotherMac) {
  const MessageMac a = Gmac(Secret(Bytes(16)), Bytes(12), {});
  MessageMac b = a;
  EXPECT_TRUE(SameMac(a, b));
  b.back() ^= 1;
  EXPECT_FALSE(SameMac(a, b));
}

}  // namespace
}  // namespace smki::pki
