#include "pki/message_mac.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "pki/digest.h"
#include "pki/openssl.h"

namespace smki::pki {
namespace {

using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;

}  // namespace

Secret AgreeOn(const PrivateKey& own, const PublicKey& other) {
  const PkeyPtr mine = ToEvp(own), theirs = ToEvp(other);
  const PkeyContextPtr context(EVP_PKEY_CTX_new(mine.get(), nullptr));
  Bytes out(kSharedSecret);
  size_t size = out.size();
  // Both are keys on P-256: nothing here can be refused.
  SMKI_CHECK(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
             EVP_PKEY_derive_set_peer(context.get(), theirs.get()) == 1 &&
             EVP_PKEY_derive(context.get(), out.data(), &size) == 1 && size == kSharedSecret);
  return Secret(std::move(out));
}

Secret DeriveMacKey(const Secret& shared, ByteSpan other_info) {
  constexpr uint8_t kFirstBlock[] = {0, 0, 0, 1};
  Sha256Stream sha;
  sha.Update(kFirstBlock);
  sha.Update(shared.span());
  sha.Update(other_info);
  const Digest digest = sha.Finish();
  return Secret(Bytes(digest.begin(), digest.begin() + kMacKey));
}

MessageMac Gmac(const Secret& key, ByteSpan iv, ByteSpan authenticated) {
  SMKI_CHECK(key.size() == kMacKey && iv.size() == kMacIv);
  const CipherContextPtr context(EVP_CIPHER_CTX_new());
  MessageMac out;
  int size = 0;
  SMKI_CHECK(context != nullptr &&
             EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, key.span().data(), iv.data()) == 1 &&
             EVP_EncryptUpdate(context.get(), nullptr, &size, authenticated.data(),
                               static_cast<int>(authenticated.size())) == 1 &&
             EVP_EncryptFinal_ex(context.get(), out.data(), &size) == 1 &&
             EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(out.size()), out.data()) == 1);
  return out;
}

bool SameMac(const MessageMac& a, const MessageMac& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace smki::pki
