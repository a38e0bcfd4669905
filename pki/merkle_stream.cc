#include "pki/merkle_stream.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "pki/sha256_many.h"

namespace smki::pki {
namespace {

constexpr size_t kShaBlock = 64;
constexpr size_t kNode = 1 + 2 * sizeof(Digest), kNodeBlocks = 2, kNodeRoom = kNodeBlocks * kShaBlock;
static_assert(1 + MerkleStream::kMaxLeaf + 9 <= kShaBlock && kNode + 9 <= kNodeRoom);

}  // namespace

MerkleStream::MerkleStream() : leaves_(kBlock * kShaBlock), nodes_(kBlock / 2 * kNodeRoom) {
  for (size_t i = 0; i < kBlock / 2; ++i) {
    nodes_[i * kNodeRoom] = 1;
    Sha256Pad(nodes_.data() + i * kNodeRoom, kNode, kNodeBlocks);
  }
}

void MerkleStream::AddLeaf(ByteSpan data) {
  SMKI_CHECK(data.size() <= kMaxLeaf);
  uint8_t* leaf = leaves_.data() + in_leaves_ * kShaBlock;
  leaf[0] = 0;
  if (!data.empty()) std::memcpy(leaf + 1, data.data(), data.size());
  Sha256Pad(leaf, 1 + data.size(), 1);
  ++size_;
  if (++in_leaves_ == kBlock) EndBlock();
}

// Replaces each pair by its node; the odd one at the end stays as it is, which is what RFC 6962's split gives.
void MerkleStream::PairUp(std::vector<Digest>& level) {
  const size_t pairs = level.size() / 2;
  static_assert(sizeof(Digest) == 32);  // so two lie one behind the other
  const auto* octets = reinterpret_cast<const uint8_t*>(level.data());
  for (size_t i = 0; i < pairs; ++i)
    std::memcpy(nodes_.data() + i * kNodeRoom + 1, octets + i * 2 * sizeof(Digest), 2 * sizeof(Digest));
  Sha256Padded(nodes_.data(), kNodeBlocks, std::span(level).first(pairs));
  if (level.size() % 2 == 1) level[pairs] = level.back();
  level.resize(level.size() - pairs);
}

void MerkleStream::HashLeaves() {
  level_.resize(in_leaves_);
  Sha256Padded(leaves_.data(), 1, level_);
  while (level_.size() > 1) PairUp(level_);
}

void MerkleStream::EndBlock() {
  HashLeaves();
  subtrees_.push_back(level_.front());
  in_leaves_ = 0;
  ++blocks_;
  for (uint64_t merged = blocks_; merged % 2 == 0; merged /= 2) {
    std::vector<Digest> pair(subtrees_.end() - 2, subtrees_.end());
    PairUp(pair);
    subtrees_.resize(subtrees_.size() - 2);
    subtrees_.push_back(pair.front());
  }
}

Digest MerkleStream::Root() {
  HashLeaves();
  std::vector<Digest> peaks = subtrees_;
  if (!level_.empty()) peaks.push_back(level_.front());
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
