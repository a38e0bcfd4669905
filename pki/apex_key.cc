#include "pki/apex_key.h"

#include <algorithm>
#include <iterator>

#include "base/der.h"
#include "pki/openssl.h"

namespace smki::pki {
namespace {

struct CipherFree {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

constexpr size_t kMostWrapped = 4096;  // octets; a P-256 key takes 104

// AES key wrap with padding, either way.
StatusOr<Bytes> Aes256WrapPad(ByteSpan in, ByteSpan key, bool wrap) {
  if (key.size() != kSymmetricKey)
    return InvalidArgument("a Symmetric Key for AES-256 has {} octets, not {}", kSymmetricKey, key.size());
  const std::unique_ptr<EVP_CIPHER, CipherFree> cipher(EVP_CIPHER_fetch(nullptr, "AES-256-WRAP-PAD", nullptr));
  const std::unique_ptr<EVP_CIPHER_CTX, CipherFree> context(EVP_CIPHER_CTX_new());
  if (!cipher || !context) return Internal("AES-256 key wrap: {}", TakeOpensslError());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  Bytes out(in.size() + 16);
  int size = 0;
  if (EVP_CipherInit_ex2(context.get(), cipher.get(), key.data(), nullptr, wrap ? 1 : 0, nullptr) != 1 ||
      EVP_CipherUpdate(context.get(), out.data(), &size, in.data(), static_cast<int>(in.size())) != 1) {
    TakeOpensslError();
    return InvalidArgument("the wrapped key cannot be unwrapped with this Symmetric Key");
  }
  out.resize(static_cast<size_t>(size));
  return out;
}

struct Algorithm {
  const char* oid;
  StatusOr<Bytes> (*apply)(ByteSpan in, ByteSpan key, bool wrap);
};
// Each without parameters.
constexpr Algorithm kAlgorithms[] = {
    {"2.16.840.1.101.3.4.1.48", Aes256WrapPad},  // id-aes256-wrap-pad
};

StatusOr<const Algorithm*> AlgorithmOf(ByteSpan identifier) {
  DerReader outer(identifier);
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, outer.Expect(der::kSequence, "wrapAlgorithm"));
  SMKI_RETURN_IF_ERROR(outer.Finish("wrapAlgorithm"));
  DerReader in(sequence);
  SMKI_ASSIGN_OR_RETURN(const DerValue oid, in.Expect(der::kOid, "wrapAlgorithm's algorithm"));
  const std::string text = OidText(oid.content);
  const auto* found = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                   [&](const Algorithm& algorithm) { return text == algorithm.oid; });
  if (found == std::end(kAlgorithms)) {
    return Error(
        StatusCode::kUnimplemented,
        "the root's contingency key is wrapped with algorithm {}, which is not known here; id-aes256-wrap-pad is",
        text);
  }
  SMKI_RETURN_IF_ERROR(in.Finish("wrapAlgorithm, which has no parameters"));
  return found;
}

}  // namespace

StatusOr<WrappedApexKey> WrapApexKey(const PublicKey& contingency, ByteSpan symmetric_key) {
  const Algorithm& algorithm = kAlgorithms[0];
  DerWriter oid;
  oid.Oid(algorithm.oid);
  DerWriter identifier;
  identifier.Wrap(der::kSequence, oid);
  WrappedApexKey out;
  out.algorithm = identifier.Take();
  SMKI_ASSIGN_OR_RETURN(out.wrapped, algorithm.apply(contingency.spki(), symmetric_key, /*wrap=*/true));
  return out;
}

StatusOr<PublicKey> UnwrapApexKey(const WrappedApexKey& apex, ByteSpan symmetric_key) {
  SMKI_ASSIGN_OR_RETURN(const Algorithm* algorithm, AlgorithmOf(apex.algorithm));
  if (apex.wrapped.size() > kMostWrapped)
    return InvalidArgument("a wrapped key of {} octets; {} are the most", apex.wrapped.size(), kMostWrapped);
  SMKI_ASSIGN_OR_RETURN(const Bytes spki, algorithm->apply(apex.wrapped, symmetric_key, /*wrap=*/false));
  auto key = PublicKey::FromSpki(spki);
  if (!key.ok()) return InvalidArgument("the wrapped key cannot be unwrapped with this Symmetric Key");
  return key;
}

}  // namespace smki::pki
