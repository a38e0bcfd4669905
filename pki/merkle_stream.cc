#include "pki/merkle_stream.h"

#include <algorithm>

#include "base/status.h"
#include "pki/sha256_many.h"

namespace smki::pki {
namespace {

constexpr size_t kNode = 1 + 2 * sizeof(Digest);

// Replaces each pair by its node; the odd one at the end stays as it is, which is what RFC 6962's split gives.
void PairUp(std::vector<Digest>& level) {
  const size_t pairs = level.size() / 2;
  Bytes nodes(pairs * kNode);
  std::vector<ByteSpan> messages(pairs);
  for (size_t i = 0; i < pairs; ++i) {
    uint8_t* node = nodes.data() + i * kNode;
    node[0] = 1;
    std::copy(level[2 * i].begin(), level[2 * i].end(), node + 1);
    std::copy(level[2 * i + 1].begin(), level[2 * i + 1].end(), node + 1 + sizeof(Digest));
    messages[i] = {node, kNode};
  }
  std::vector<Digest> above(pairs);
  Sha256Many(messages, above);
  if (level.size() % 2 == 1) above.push_back(level.back());
  level = std::move(above);
}

}  // namespace

void MerkleStream::AddLeaf(ByteSpan data) {
  SMKI_CHECK(data.size() <= kMaxLeaf);
  leaves_.push_back(0);
  leaves_.insert(leaves_.end(), data.begin(), data.end());
  sizes_.push_back(data.size() + 1);
  ++size_;
  if (sizes_.size() == kBlock) EndBlock();
}

namespace {

std::vector<Digest> HashLeaves(const Bytes& leaves, const std::vector<size_t>& sizes) {
  std::vector<ByteSpan> messages;
  messages.reserve(sizes.size());
  size_t at = 0;
  for (const size_t size : sizes) {
    messages.push_back(ByteSpan(leaves).subspan(at, size));
    at += size;
  }
  std::vector<Digest> hashes(sizes.size());
  Sha256Many(messages, hashes);
  return hashes;
}

}  // namespace

void MerkleStream::EndBlock() {
  std::vector<Digest> level = HashLeaves(leaves_, sizes_);
  while (level.size() > 1) PairUp(level);
  subtrees_.push_back(level.front());
  ++blocks_;
  for (uint64_t merged = blocks_; merged % 2 == 0; merged /= 2) {
    std::vector<Digest> pair(subtrees_.end() - 2, subtrees_.end());
    PairUp(pair);
    subtrees_.resize(subtrees_.size() - 2);
    subtrees_.push_back(pair.front());
  }
  leaves_.clear();
  sizes_.clear();
}

Digest MerkleStream::Root() const {
  std::vector<Digest> last = HashLeaves(leaves_, sizes_);
  while (last.size() > 1) PairUp(last);
  std::vector<Digest> peaks = subtrees_;
  if (!last.empty()) peaks.push_back(last.front());
  if (peaks.empty()) {
    Digest nothing;
    const ByteSpan empty;
    Sha256Many({&empty, 1}, {&nothing, 1});
    return nothing;
  }
  // From the right: each complete subtree is the left side of all that follows it.
  while (peaks.size() > 1) {
    std::vector<Digest> pair(peaks.end() - 2, peaks.end());
    PairUp(pair);
    peaks.resize(peaks.size() - 2);
    peaks.push_back(pair.front());
  }
  return peaks.front();
}

}  // namespace smki::pki
