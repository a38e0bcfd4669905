// The only file with OpenSSL's EC_KEY interface. It is deprecated, but a Device's response costs one load of a key and
// one verification, and with EC_KEY that takes two thirds of the time that EVP_PKEY takes.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "pki/key.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>

#include <algorithm>

#include "base/der.h"
#include "pki/digest.h"
#include "pki/openssl.h"

namespace smki::pki {
namespace {

using EcKeyPtr = std::unique_ptr<EC_KEY, OpensslFree<EC_KEY_free>>;
using EcPointPtr = std::unique_ptr<EC_POINT, OpensslFree<EC_POINT_free>>;
using BnPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_clear_free>>;
using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG_free>>;

constexpr size_t kScalarSize = 32;

// SubjectPublicKeyInfo of a P-256 key up to the point: id-ecPublicKey, prime256v1, BIT STRING of 65 octets.
constexpr std::array<uint8_t, 26> kSpkiPrefix = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48,
                                                 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
                                                 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

// The order n of P-256 (FIPS 186-4, D.1.2.3).
constexpr std::array<uint8_t, kScalarSize> kOrder = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF,
                                                     0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17,
                                                     0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};

const EC_GROUP* P256() {
  static const EC_GROUP* const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  SMKI_CHECK(group != nullptr);
  return group;
}

EcKeyPtr NewKey() {
  EcKeyPtr key(EC_KEY_new());
  SMKI_CHECK(key != nullptr && EC_KEY_set_group(key.get(), P256()) == 1);
  return key;
}

PublicPoint PointOf(const EC_KEY* key) {
  PublicPoint out;
  SMKI_CHECK(EC_POINT_point2oct(P256(), EC_KEY_get0_public_key(key), POINT_CONVERSION_UNCOMPRESSED, out.data(),
                                out.size(), nullptr) == out.size());
  return out;
}

void WriteScalar(const BIGNUM* number, uint8_t* out) {
  SMKI_CHECK(BN_bn2binpad(number, out, kScalarSize) == static_cast<int>(kScalarSize));
}

// Never asks a terminal for a password.
int NoPassword(char*, int, int, void*) {
  return -1;
}

}  // namespace

std::string TakeOpensslError() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("OpenSSL error {:08X}", code);
}

BioPtr ReadingBio(ByteSpan bytes) {
  // BIO_new_mem_buf refuses a null pointer, also for no octets.
  BioPtr bio(BIO_new_mem_buf(bytes.empty() ? reinterpret_cast<const uint8_t*>("") : bytes.data(),
                             static_cast<int>(bytes.size())));
  SMKI_CHECK(bio != nullptr);
  return bio;
}

BioPtr WritingBio() {
  BioPtr bio(BIO_new(BIO_s_mem()));
  SMKI_CHECK(bio != nullptr);
  return bio;
}

ByteSpan Written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(size)};
}

KeyIdentifier KeyIdentifierOf(const PublicPoint& point) {
  const auto hash = Sha1(point);
  KeyIdentifier out;
  std::copy(hash.end() - out.size(), hash.end(), out.begin());
  out[0] = static_cast<uint8_t>(0x40 | (out[0] & 0x0F));
  return out;
}

Bytes SignatureToDer(const RawSignature& raw) {
  const auto integer = [](DerWriter& out, ByteSpan number) {
    while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
    Bytes content;
    if (number[0] >= 0x80) content.push_back(0);
    Append(content, number);
    out.Value(der::kInteger, content);
  };
  DerWriter pair;
  integer(pair, ByteSpan(raw).first(kScalarSize));
  integer(pair, ByteSpan(raw).subspan(kScalarSize));
  DerWriter out;
  out.Wrap(der::kSequence, pair);
  return out.Take();
}

StatusOr<RawSignature> SignatureFromDer(ByteSpan encoded) {
  DerReader outer(encoded);
  SMKI_ASSIGN_OR_RETURN(const DerValue pair, outer.Expect(der::kSequence, "ECDSA-Sig-Value"));
  SMKI_RETURN_IF_ERROR(outer.Finish("ECDSA-Sig-Value"));
  DerReader in(pair);
  RawSignature out{};
  for (size_t i = 0; i < 2; ++i) {
    const char* what = i == 0 ? "r of the signature" : "s of the signature";
    SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Expect(der::kInteger, what));
    ByteSpan number = value.content;
    const bool shortest = !number.empty() && (number[0] != 0 || (number.size() > 1 && number[1] >= 0x80));
    if (!shortest || number[0] >= 0x80) {
      return InvalidArgument("DER at octet {}: {} must be a positive INTEGER in its shortest form", value.offset, what);
    }
    if (number[0] == 0) number = number.subspan(1);
    if (number.size() > kScalarSize ||
        (number.size() == kScalarSize &&
         !std::lexicographical_compare(number.begin(), number.end(), kOrder.begin(), kOrder.end()))) {
      return InvalidArgument("DER at octet {}: {} is not below the order of P-256", value.offset, what);
    }
    std::copy(number.begin(), number.end(),
              out.begin() + static_cast<ptrdiff_t>((i + 1) * kScalarSize - number.size()));
  }
  SMKI_RETURN_IF_ERROR(in.Finish("ECDSA-Sig-Value"));
  return out;
}

struct PublicKey::Impl {
  EcKeyPtr key;  // read only after construction, so verifying from several threads is safe
  PublicPoint point;
};

StatusOr<PublicKey> PublicKey::FromPoint(ByteSpan uncompressed_point) {
  PublicPoint point;
  if (uncompressed_point.size() != point.size() || uncompressed_point[0] != 0x04) {
    return InvalidArgument("a P-256 public key must be an uncompressed point of 65 octets beginning 04");
  }
  std::copy(uncompressed_point.begin(), uncompressed_point.end(), point.begin());
  EcPointPtr on_curve(EC_POINT_new(P256()));
  // Refuses coordinates not below p and points off the curve; with cofactor 1 no further check is needed (SP
  // 800-56A 5.6.2.3.3).
  if (EC_POINT_oct2point(P256(), on_curve.get(), point.data(), point.size(), nullptr) != 1) {
    ERR_clear_error();
    return InvalidArgument("the public key is not a point on P-256");
  }
  EcKeyPtr key = NewKey();
  SMKI_CHECK(EC_KEY_set_public_key(key.get(), on_curve.get()) == 1);
  return PublicKey(std::make_shared<const Impl>(Impl{std::move(key), point}));
}

StatusOr<PublicKey> PublicKey::FromSpki(ByteSpan spki) {
  if (spki.size() != kSpkiPrefix.size() + sizeof(PublicPoint) ||
      !std::equal(kSpkiPrefix.begin(), kSpkiPrefix.end(), spki.begin())) {
    return InvalidArgument(
        "the public key must be a SubjectPublicKeyInfo of 91 octets for P-256 with an uncompressed point");
  }
  return FromPoint(spki.subspan(kSpkiPrefix.size()));
}

const PublicPoint& PublicKey::point() const {
  return impl_->point;
}

Bytes PublicKey::spki() const {
  Bytes out(kSpkiPrefix.begin(), kSpkiPrefix.end());
  Append(out, impl_->point);
  return out;
}

bool PublicKey::Verify(ByteSpan message, const RawSignature& signature) const {
  return VerifyDigest(Sha256(message), signature);
}

bool PublicKey::VerifyDigest(const Digest& digest, const RawSignature& signature) const {
  EcdsaSigPtr sig(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(signature.data(), kScalarSize, nullptr);
  BIGNUM* s = BN_bin2bn(signature.data() + kScalarSize, kScalarSize, nullptr);
  SMKI_CHECK(sig != nullptr && r != nullptr && s != nullptr && ECDSA_SIG_set0(sig.get(), r, s) == 1);
  if (ECDSA_do_verify(digest.data(), static_cast<int>(digest.size()), sig.get(), impl_->key.get()) == 1) return true;
  ERR_clear_error();
  return false;
}

struct PrivateKey::Impl {
  EcKeyPtr key;
  PublicKey public_key;
};

PrivateKey::PrivateKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;
PrivateKey::~PrivateKey() = default;

StatusOr<PrivateKey> PrivateKey::Generate() {
  EcKeyPtr key = NewKey();
  if (EC_KEY_generate_key(key.get()) != 1) return Internal("cannot generate a key: {}", TakeOpensslError());
  SMKI_ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromPoint(PointOf(key.get())));
  return PrivateKey(std::make_unique<Impl>(Impl{std::move(key), std::move(public_key)}));
}

StatusOr<PrivateKey> PrivateKey::FromScalar(ByteSpan scalar) {
  const auto zero = [](uint8_t octet) { return octet == 0; };
  if (scalar.size() != kScalarSize || std::all_of(scalar.begin(), scalar.end(), zero) ||
      !std::lexicographical_compare(scalar.begin(), scalar.end(), kOrder.begin(), kOrder.end())) {
    return InvalidArgument("a P-256 private key must be 32 octets, above zero and below the order of the curve");
  }
  EcKeyPtr key = NewKey();
  BnPtr number(BN_secure_new());
  EcPointPtr point(EC_POINT_new(P256()));
  SMKI_CHECK(number != nullptr && point != nullptr &&
             BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), number.get()) != nullptr);
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  SMKI_CHECK(EC_POINT_mul(P256(), point.get(), number.get(), nullptr, nullptr, nullptr) == 1);
  SMKI_CHECK(EC_KEY_set_private_key(key.get(), number.get()) == 1 &&
             EC_KEY_set_public_key(key.get(), point.get()) == 1);
  SMKI_ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromPoint(PointOf(key.get())));
  return PrivateKey(std::make_unique<Impl>(Impl{std::move(key), std::move(public_key)}));
}

StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  constexpr size_t kMaxPem = 16 * 1024;
  if (pem.size() > kMaxPem) return InvalidArgument("a private key file has at most {} octets", kMaxPem);
  const BioPtr bio = ReadingBio(AsBytes(pem));
  const PkeyPtr pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (pkey == nullptr) {
    ERR_clear_error();
    return InvalidArgument(
        "not an unencrypted private key in PEM; make one with: openssl genpkey -algorithm EC "
        "-pkeyopt ec_paramgen_curve:P-256");
  }
  const EC_KEY* ec = EVP_PKEY_get0_EC_KEY(pkey.get());
  if (ec == nullptr || EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)) != NID_X9_62_prime256v1 ||
      EC_KEY_get0_private_key(ec) == nullptr) {
    ERR_clear_error();
    return InvalidArgument("the private key in PEM is not for P-256");
  }
  Bytes scalar(kScalarSize);
  WriteScalar(EC_KEY_get0_private_key(ec), scalar.data());
  const Secret secret(std::move(scalar));
  // The public point is computed again: a file whose two halves do not match would sign what nobody can verify.
  return FromScalar(secret.span());
}

Secret PrivateKey::ToPem() const {
  const PkeyPtr pkey = ToEvp(*this);
  const BioPtr bio = WritingBio();
  SMKI_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), pkey.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return Secret(ToBytes(Written(bio.get())));
}

Secret PrivateKey::ToScalar() const {
  Bytes scalar(kScalarSize);
  WriteScalar(EC_KEY_get0_private_key(impl_->key.get()), scalar.data());
  return Secret(std::move(scalar));
}

const PublicKey& PrivateKey::public_key() const {
  return impl_->public_key;
}

StatusOr<RawSignature> PrivateKey::SignDigest(const Digest& digest) {
  const EcdsaSigPtr sig(ECDSA_do_sign(digest.data(), static_cast<int>(digest.size()), impl_->key.get()));
  if (sig == nullptr) return Internal("cannot sign: {}", TakeOpensslError());
  RawSignature out;
  WriteScalar(ECDSA_SIG_get0_r(sig.get()), out.data());
  WriteScalar(ECDSA_SIG_get0_s(sig.get()), out.data() + kScalarSize);
  return out;
}

StatusOr<RawSignature> PrivateKey::Sign(ByteSpan message) {
  return SignDigest(Sha256(message));
}

PkeyPtr ToEvp(const PublicKey& key) {
  PkeyPtr pkey(EVP_PKEY_new());
  SMKI_CHECK(pkey != nullptr && EVP_PKEY_set1_EC_KEY(pkey.get(), key.impl().key.get()) == 1);
  return pkey;
}

PkeyPtr ToEvp(const PrivateKey& key) {
  PkeyPtr pkey(EVP_PKEY_new());
  SMKI_CHECK(pkey != nullptr && EVP_PKEY_set1_EC_KEY(pkey.get(), key.impl().key.get()) == 1);
  return pkey;
}

}  // namespace smki::pki
