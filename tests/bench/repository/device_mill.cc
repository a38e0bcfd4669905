#include "tests/bench/repository/device_mill.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <array>

#include "base/status.h"
#include "base/time.h"
#include "pki/digest.h"

// Deprecated, but there is no other way to make many points affine with one inversion.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace smki::bench {
namespace {

constexpr size_t kScalarSize = 32;
constexpr size_t kTbsHeader = 4;  // 30 82 and two octets of length

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* what) const {
    kFree(what);
  }
};
using Bn = std::unique_ptr<BIGNUM, Free<BN_free>>;
using BnContext = std::unique_ptr<BN_CTX, Free<BN_CTX_free>>;
using Montgomery = std::unique_ptr<BN_MONT_CTX, Free<BN_MONT_CTX_free>>;
using Group = std::unique_ptr<EC_GROUP, Free<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Free<EC_POINT_free>>;

Bn NewBn() {
  Bn out(BN_new());
  SMKI_CHECK(out != nullptr);
  return out;
}

// P-256 by its parameters: OpenSSL's own P-256 inverts for each affine point, the generic one not.
class Curve {
 public:
  Curve() : named_(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)), context_(BN_CTX_new()) {
    const Bn p = NewBn();
    const Bn a = NewBn();
    const Bn b = NewBn();
    SMKI_CHECK(EC_GROUP_get_curve(named_.get(), p.get(), a.get(), b.get(), context_.get()) == 1);
    plain_.reset(EC_GROUP_new_curve_GFp(p.get(), a.get(), b.get(), context_.get()));
    SMKI_CHECK(plain_ != nullptr);
  }
  const EC_GROUP* plain() const { return plain_.get(); }
  const BIGNUM* order() const { return EC_GROUP_get0_order(named_.get()); }
  BN_CTX* context() const { return context_.get(); }
  Point Multiple(const BIGNUM* scalar) const {
    const Point on_named(EC_POINT_new(named_.get()));
    SMKI_CHECK(EC_POINT_mul(named_.get(), on_named.get(), scalar, nullptr, nullptr, context_.get()) == 1);
    pki::PublicPoint octets;
    SMKI_CHECK(EC_POINT_point2oct(named_.get(), on_named.get(), POINT_CONVERSION_UNCOMPRESSED, octets.data(),
                                  octets.size(), context_.get()) == octets.size());
    Point out(EC_POINT_new(plain()));
    SMKI_CHECK(EC_POINT_oct2point(plain(), out.get(), octets.data(), octets.size(), context_.get()) == 1);
    return out;
  }

 private:
  Group named_, plain_;
  BnContext context_;
};

// The points of start, start + 1, ... (count of them).
std::vector<pki::PublicPoint> ConsecutivePoints(const Curve& curve, const BIGNUM* start, size_t count) {
  const Point base = curve.Multiple(BN_value_one());
  std::vector<Point> points;
  std::vector<EC_POINT*> all;
  for (size_t i = 0; i < count; ++i) {
    points.push_back(i == 0 ? curve.Multiple(start) : Point(EC_POINT_new(curve.plain())));
    if (i > 0) SMKI_CHECK(EC_POINT_add(curve.plain(), points[i].get(), all[i - 1], base.get(), curve.context()) == 1);
    all.push_back(points[i].get());
  }
  SMKI_CHECK(EC_POINTs_make_affine(curve.plain(), count, all.data(), curve.context()) == 1);
  std::vector<pki::PublicPoint> out(count);
  for (size_t i = 0; i < count; ++i) {
    SMKI_CHECK(EC_POINT_point2oct(curve.plain(), all[i], POINT_CONVERSION_UNCOMPRESSED, out[i].data(), out[i].size(),
                                  curve.context()) == out[i].size());
  }
  return out;
}

Bn ScalarFrom(Random& random) {
  const Bytes octets = random.Take(kScalarSize - 1);  // below the order, with room for consecutive ones
  Bn out(BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr));
  SMKI_CHECK(out != nullptr);
  return out;
}

// s = (z + r d) / k with consecutive nonces k, inverted together.
class BatchSigner {
 public:
  BatchSigner(const Curve& curve, const BIGNUM* first_nonce, size_t count)
      : curve_(curve), mont_(BN_MONT_CTX_new()), points_(ConsecutivePoints(curve, first_nonce, count)) {
    SMKI_CHECK(BN_MONT_CTX_set(mont_.get(), curve.order(), curve.context()) == 1);
    Invert(first_nonce, count);
  }
  pki::RawSignature Sign(size_t i, const Digest& digest, ByteSpan scalar) const {
    const Bn r = NewBn();
    const Bn s = NewBn();
    const Bn d = NewBn();
    const Bn z = NewBn();
    SMKI_CHECK(BN_bin2bn(points_[i].data() + 1, kScalarSize, z.get()) != nullptr);
    SMKI_CHECK(BN_nnmod(r.get(), z.get(), curve_.order(), curve_.context()) == 1);
    SMKI_CHECK(BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), d.get()) != nullptr);
    ToMontgomery(d.get());
    Multiply(s.get(), d.get(), r.get());
    SMKI_CHECK(BN_bin2bn(digest.data(), kScalarSize, z.get()) != nullptr);
    SMKI_CHECK(BN_mod_add(s.get(), s.get(), z.get(), curve_.order(), curve_.context()) == 1);
    Multiply(s.get(), s.get(), inverses_[i].get());
    SMKI_CHECK(!BN_is_zero(r.get()) && !BN_is_zero(s.get()));
    pki::RawSignature out;
    SMKI_CHECK(BN_bn2binpad(r.get(), out.data(), kScalarSize) == kScalarSize);
    SMKI_CHECK(BN_bn2binpad(s.get(), out.data() + kScalarSize, kScalarSize) == kScalarSize);
    return out;
  }

 private:
  void Multiply(BIGNUM* out, const BIGNUM* a, const BIGNUM* b) const {
    SMKI_CHECK(BN_mod_mul_montgomery(out, a, b, mont_.get(), curve_.context()) == 1);
  }
  void ToMontgomery(BIGNUM* number) const {
    SMKI_CHECK(BN_to_montgomery(number, number, mont_.get(), curve_.context()) == 1);
  }
  // Montgomery's trick; what is kept is in Montgomery form.
  void Invert(const BIGNUM* first, size_t count) {
    std::vector<Bn> numbers;
    const Bn nonce(BN_dup(first));
    for (size_t i = 0; i < count; ++i) {
      numbers.emplace_back(BN_dup(nonce.get()));
      ToMontgomery(numbers[i].get());
      inverses_.emplace_back(BN_dup(numbers[i].get()));
      if (i > 0) Multiply(inverses_[i].get(), inverses_[i - 1].get(), numbers[i].get());
      SMKI_CHECK(BN_add_word(nonce.get(), 1) == 1);
    }
    const Bn rest(BN_dup(inverses_[count - 1].get()));
    SMKI_CHECK(BN_from_montgomery(rest.get(), rest.get(), mont_.get(), curve_.context()) == 1);
    SMKI_CHECK(BN_mod_inverse(rest.get(), rest.get(), curve_.order(), curve_.context()) != nullptr);
    ToMontgomery(rest.get());
    for (size_t i = count; i-- > 1;) {
      Multiply(inverses_[i].get(), rest.get(), inverses_[i - 1].get());
      Multiply(rest.get(), rest.get(), numbers[i].get());
    }
    inverses_[0].reset(BN_dup(rest.get()));
  }

  const Curve& curve_;
  const Montgomery mont_;
  const std::vector<pki::PublicPoint> points_;
  std::vector<Bn> inverses_;
};

std::string UtcTimeText(int64_t seconds) {
  const CivilTime t = ToCivil({seconds * 1000});
  return fmt::format("{:02}{:02}{:02}{:02}{:02}{:02}Z", t.year % 100, t.month, t.day, t.hour, t.minute, t.second);
}

// A to-be-signed part, and where in it stands what differs between two certificates of one authority and usage.
struct Template {
  Bytes tbs;
  size_t serial = 0, not_before = 0, key = 0, identifier = 0, device = 0;
};

StatusOr<size_t> OnlyPlace(ByteSpan in, ByteSpan what) {
  const auto at = std::search(in.begin(), in.end(), what.begin(), what.end());
  if (at == in.end() || std::search(at + 1, in.end(), what.begin(), what.end()) != in.end()) {
    return Internal("{} must stand exactly once in the certificate to copy", ToHex(what));
  }
  return static_cast<size_t>(at - in.begin());
}

StatusOr<Template> MakeTemplate(const DeviceAuthority& authority, bool agreement, Random& random) {
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey signer, pki::PrivateKey::FromScalar(authority.scalar));
  SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Generate());
  const Eui64 device(0x1122334455667788);
  const UtcTime day{authority.first_day * 86'400'000};
  SMKI_ASSIGN_OR_RETURN(
      const pki::Certificate made,
      pki::IssueDeviceCertificate({&signer, authority.certificate.subject}, device, key.public_key(),
                                  agreement ? pki::kKeyAgreement : pki::kDigitalSignature, random.Take(16), day));
  Template out;
  out.tbs = ToBytes(made.tbs());
  SMKI_ASSIGN_OR_RETURN(out.serial, OnlyPlace(out.tbs, made.serial));
  SMKI_ASSIGN_OR_RETURN(out.not_before, OnlyPlace(out.tbs, AsBytes(UtcTimeText(day.ms / 1000))));
  SMKI_ASSIGN_OR_RETURN(out.key, OnlyPlace(out.tbs, key.public_key().point()));
  SMKI_ASSIGN_OR_RETURN(out.identifier, OnlyPlace(out.tbs, made.subject_key_identifier));
  SMKI_ASSIGN_OR_RETURN(out.device, OnlyPlace(out.tbs, device.bytes()));
  return out;
}

void Patch(Bytes& tbs, size_t at, ByteSpan with) {
  std::copy(with.begin(), with.end(), tbs.begin() + static_cast<ptrdiff_t>(at));
}

Bytes Enclose(ByteSpan tbs, const pki::RawSignature& signature) {
  static constexpr std::array<uint8_t, 12> kEcdsaWithSha256 = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86,
                                                               0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
  const Bytes value = pki::SignatureToDer(signature);
  const size_t size = tbs.size() + kEcdsaWithSha256.size() + 3 + value.size();
  SMKI_CHECK(size >= 256 && size < 65536 && value.size() < 127);
  Bytes out = {0x30, 0x82, static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
  out.reserve(kTbsHeader + size);
  Append(out, tbs);
  Append(out, kEcdsaWithSha256);
  const std::array<uint8_t, 3> bit_string = {0x03, static_cast<uint8_t>(value.size() + 1), 0};
  Append(out, bit_string);
  Append(out, value);
  return out;
}

class Mill : public DeviceMill {
 public:
  explicit Mill(std::vector<DeviceAuthority> authorities) : authorities_(std::move(authorities)) {}
  Status Begin(Random& random) {
    for (const DeviceAuthority& authority : authorities_) {
      for (const bool agreement : {false, true}) {
        SMKI_ASSIGN_OR_RETURN(Template made, MakeTemplate(authority, agreement, random));
        templates_.push_back(std::move(made));
      }
    }
    return OkStatus();
  }
  std::vector<DeviceCertificate> Make(const std::vector<DeviceOrder>& orders, uint64_t seed) const override {
    if (orders.empty()) return {};
    SeededRandom random(seed);
    const Curve curve;
    const Bn first_key = ScalarFrom(random);
    const Bn first_nonce = ScalarFrom(random);
    const std::vector<pki::PublicPoint> keys = ConsecutivePoints(curve, first_key.get(), orders.size());
    const BatchSigner signer(curve, first_nonce.get(), orders.size());
    std::vector<DeviceCertificate> out;
    out.reserve(orders.size());
    for (size_t i = 0; i < orders.size(); ++i) {
      const Template& from = templates_[orders[i].authority * 2 + (orders[i].agreement ? 1 : 0)];
      Bytes serial = random.Take(16);
      serial[0] = static_cast<uint8_t>(serial[0] & 0x7F);
      if (serial[0] == 0) serial[0] = 1;
      Bytes tbs = from.tbs;
      Patch(tbs, from.serial, serial);
      Patch(tbs, from.not_before, AsBytes(UtcTimeText(orders[i].not_before)));
      Patch(tbs, from.key, keys[i]);
      Patch(tbs, from.identifier, pki::KeyIdentifierOf(keys[i]));
      Patch(tbs, from.device, orders[i].device.bytes());
      const pki::RawSignature signature = signer.Sign(i, pki::Sha256(tbs), authorities_[orders[i].authority].scalar);
      out.push_back({orders[i], std::move(serial), Enclose(tbs, signature)});
    }
    return out;
  }

 private:
  const std::vector<DeviceAuthority> authorities_;
  std::vector<Template> templates_;
};

}  // namespace

StatusOr<std::unique_ptr<DeviceMill>> DeviceMill::Create(std::vector<DeviceAuthority> authorities, Random& random) {
  auto out = std::make_unique<Mill>(std::move(authorities));
  SMKI_RETURN_IF_ERROR(out->Begin(random));
  return out;
}

}  // namespace smki::bench
