// The Merkle tree hash of RFC 6962 section 2.1 (as pki/digest.h's MerkleTree), for many millions of short leaves: a
// block of them is hashed at once (pki/sha256_many.h). Memory: one block, and a digest for each level above it.
// Not thread-safe.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"

namespace smki::pki {

class MerkleStream {
 public:
  static constexpr size_t kBlock = 4096;  // leaves; a power of two, so that every whole block is a complete subtree

  MerkleStream();
  // Leaves as they come, in order; each is at most kMaxLeaf octets.
  static constexpr size_t kMaxLeaf = 54;  // with its prefix one block of SHA-256
  void AddLeaf(ByteSpan data);
  uint64_t size() const { return size_; }
  // The root of what was added so far.
  Digest Root();

 private:
  void HashLeaves();
  void PairUp(std::vector<Digest>& level);
  void EndBlock();

  uint64_t size_ = 0;
  // Laid out and padded as SHA-256 takes them.
  Bytes leaves_;                  // 00 || data of each since the last whole block
  size_t in_leaves_ = 0;          // how many
  Bytes nodes_;                   // 01 || left || right
  std::vector<Digest> level_;     // of the subtree in the making
  std::vector<Digest> subtrees_;  // roots of complete subtrees of whole blocks, largest first
  uint64_t blocks_ = 0;
};

}  // namespace smki::pki
