#include "pki/apex_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/certificate.h"

namespace smki::pki {
namespace {

using ::testing::HasSubstr;

// The base point of P-256 as a key, wrapped under 00 01 02 ... 1f by python3-cryptography's own RFC 5649.
constexpr char kSpki[] =
    "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898"
    "c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
constexpr char kWrapped[] =
    "1bcd104c1c77cbdb236f925bf3aeb8c568a7fb71b99a7b50da1c0dc181a173424a9aa6467d4ffc4c630def269eda78d73de2ffa5723b56b4be"
    "79cdc088db4e7801a69ce6cccac1a71f357dbf266a4792e16c665643d65ed6d9ed1548eebdfd5508be71d1c089eeb2";
constexpr char kAlgorithm[] =
    "300b060960864801650304"
    "0130";

Bytes Key() {
  Bytes out(kSymmetricKey);
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(i);
  return out;
}

TEST(ApexKey, IsWrappedAsRfc5649SaysAndComesOutAgain) {
  const PublicKey key = *PublicKey::FromSpki(*FromHex(kSpki));
  const auto apex = WrapApexKey(key, Key());
  ASSERT_TRUE(apex.ok()) << apex.status();
  EXPECT_EQ(ToHex(apex->wrapped), kWrapped);
  EXPECT_EQ(ToHex(apex->algorithm), kAlgorithm);
  const auto again = UnwrapApexKey(*apex, Key());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, key);
}

TEST(ApexKey, AnyChangedBitOfKeyOrCiphertextIsRefused) {
  const WrappedApexKey good{*FromHex(kAlgorithm), *FromHex(kWrapped)};
  for (size_t bit = 0; bit < 8 * kSymmetricKey; ++bit) {
    Bytes key = Key();
    key[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_EQ(UnwrapApexKey(good, key).status().code(), StatusCode::kInvalidArgument) << bit;
  }
  for (size_t bit = 0; bit < 8 * good.wrapped.size(); ++bit) {
    WrappedApexKey bad = good;
    bad.wrapped[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_EQ(UnwrapApexKey(bad, Key()).status().code(), StatusCode::kInvalidArgument) << bit;
  }
}

TEST(ApexKey, WrongSizesAreRefused) {
  const WrappedApexKey good{*FromHex(kAlgorithm), *FromHex(kWrapped)};
  for (const size_t size : {0u, 16u, 31u, 33u}) EXPECT_FALSE(UnwrapApexKey(good, Bytes(size)).ok()) << size;
  for (const size_t size : {0u, 1u, 8u, 16u, 103u, 105u, 5000u})
    EXPECT_FALSE(UnwrapApexKey({good.algorithm, Bytes(size)}, Key()).ok()) << size;
  EXPECT_FALSE(WrapApexKey(*PublicKey::FromSpki(*FromHex(kSpki)), Bytes(16)).ok());
}

TEST(ApexKey, AnUnknownAlgorithmIsNamed) {
  // id-aes128-wrap-pad, and ours with parameters.
  const auto other = UnwrapApexKey({*FromHex("300b0609608648016503040108"), *FromHex(kWrapped)}, Key());
  EXPECT_EQ(other.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(Message(other.status()), HasSubstr("2.16.840.1.101.3.4.1.8"));
  EXPECT_FALSE(UnwrapApexKey({*FromHex("300d06096086480165030401300500"), *FromHex(kWrapped)}, Key()).ok());
  EXPECT_FALSE(UnwrapApexKey({Bytes{}, *FromHex(kWrapped)}, Key()).ok());
}

TEST(ApexKey, ARootCertificateCarriesIt) {
  PrivateKey root = *PrivateKey::Generate();
  const AuthoritySubject subject{"root", "00"};
  const IssuerIdentity issuer{&root, AuthorityName(subject)};
  const WrappedApexKey apex{*FromHex(kAlgorithm), *FromHex(kWrapped)};
  const auto issue = [&](const WrappedApexKey* key) {
    return IssueAuthorityCertificate(issuer, subject, root.public_key(), -1, kOrganisationPolicy, Bytes(16, 7),
                                     *ParseTime("2026-01-01T00:00:00Z"), *ParseTime("2076-01-01T00:00:00Z"), key);
  };
  const auto with = issue(&apex), without = issue(nullptr);
  ASSERT_TRUE(with.ok() && without.ok()) << with.status() << without.status();
  ASSERT_TRUE(with->apex_key.has_value());
  EXPECT_EQ(*with->apex_key, apex);
  EXPECT_FALSE(without->apex_key.has_value());
  const WrappedApexKey empty;
  EXPECT_FALSE(issue(&empty).ok()) << "both fields, or no extension";
}

}  // namespace
}  // namespace smki::pki
