#include "pki/digest.h"

#include <openssl/hmac.h>

#include "base/status.h"
#include "pki/openssl.h"

namespace smki::pki {
namespace {

// Fetched once: an implicit fetch at every digest costs more than the digest of a short text.
const EVP_MD* FetchedSha256() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  SMKI_CHECK(md != nullptr);
  return md;
}

const EVP_MD* FetchedSha1() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  SMKI_CHECK(md != nullptr);
  return md;
}

// RFC 6962 section 2.1: 01 || left || right.
Digest Node(const Digest& left, const Digest& right) {
  std::array<uint8_t, 65> in;
  in[0] = 1;
  std::copy(left.begin(), left.end(), in.begin() + 1);
  std::copy(right.begin(), right.end(), in.begin() + 33);
  return Sha256(in);
}

}  // namespace

Digest Sha256(ByteSpan data) {
  Digest out;
  SMKI_CHECK(EVP_Digest(data.data(), data.size(), out.data(), nullptr, FetchedSha256(), nullptr) == 1);
  return out;
}

std::array<uint8_t, 20> Sha1(ByteSpan data) {
  std::array<uint8_t, 20> out;
  SMKI_CHECK(EVP_Digest(data.data(), data.size(), out.data(), nullptr, FetchedSha1(), nullptr) == 1);
  return out;
}

Digest HmacSha256(ByteSpan key, ByteSpan data) {
  // HMAC() takes an empty key only with a pointer that is not null.
  static constexpr uint8_t kEmpty[1] = {0};
  Digest out;
  unsigned size = 0;
  SMKI_CHECK(HMAC(FetchedSha256(), key.empty() ? kEmpty : key.data(), static_cast<int>(key.size()), data.data(),
                  data.size(), out.data(), &size) != nullptr);
  SMKI_CHECK(size == out.size());
  return out;
}

struct Sha256Stream::Impl {
  DigestContextPtr context{EVP_MD_CTX_new()};
  bool finished = false;
};

Sha256Stream::Sha256Stream() : impl_(std::make_unique<Impl>()) {
  SMKI_CHECK(EVP_DigestInit_ex(impl_->context.get(), FetchedSha256(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(ByteSpan data) {
  SMKI_CHECK(!impl_->finished);
  SMKI_CHECK(EVP_DigestUpdate(impl_->context.get(), data.data(), data.size()) == 1);
}

Digest Sha256Stream::Finish() {
  SMKI_CHECK(!impl_->finished);
  impl_->finished = true;
  Digest out;
  SMKI_CHECK(EVP_DigestFinal_ex(impl_->context.get(), out.data(), nullptr) == 1);
  return out;
}

void MerkleTree::AddLeaf(ByteSpan data) {
  Bytes leaf;
  leaf.reserve(data.size() + 1);
  leaf.push_back(0);
  Append(leaf, data);
  Digest node = Sha256(leaf);
  // Each trailing one bit of the size is a complete subtree as large as the new one: merge, as a counter carries.
  for (uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    node = Node(peaks_.back(), node);
    peaks_.pop_back();
  }
  peaks_.push_back(node);
  ++size_;
}

Digest MerkleTree::Root() const {
  if (peaks_.empty()) return Sha256(ByteSpan());
  Digest root = peaks_.back();
  for (size_t i = peaks_.size() - 1; i > 0; --i) root = Node(peaks_[i - 1], root);
  return root;
}

}  // namespace smki::pki
