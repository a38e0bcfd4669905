// SHA-256 and HMAC-SHA-256, and the Merkle tree hash of RFC 6962 section 2.1.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace smki::pki {

Digest Sha256(ByteSpan data);
inline Digest Sha256(std::string_view text) {
  return Sha256(AsBytes(text));
}
Digest HmacSha256(ByteSpan key, ByteSpan data);
// SHA-1, only for RFC 5280 4.2.1.2 key identifiers (method 2), never for trust.
std::array<uint8_t, 20> Sha1(ByteSpan data);

// Incremental SHA-256. Finish() may be called once.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  void Update(ByteSpan data);
  Digest Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Merkle tree over leaves given in order: MTH of RFC 6962 (leaf = SHA-256(00 || data), node = SHA-256(01 ||
// left || right)). O(log n) memory. The root of no leaves is SHA-256 of nothing.
class MerkleTree {
 public:
  void AddLeaf(ByteSpan data);
  uint64_t size() const { return size_; }
  Digest Root() const;

 private:
  uint64_t size_ = 0;
  std::vector<Digest> peaks_;  // roots of complete subtrees, largest first
};

}  // namespace smki::pki
