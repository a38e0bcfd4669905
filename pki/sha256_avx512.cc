static constexpr int kLanes = 16;
#include "pki/sha256_lanes.inc"

namespace smki::pki::internal {
void Sha256Lanes16(uint32_t* state, const uint8_t* const* blocks, size_t count);
void Sha256Lanes16(uint32_t* state, const uint8_t* const* blocks, size_t count) {
  CompressLanes(state, blocks, count);
}
}  // namespace smki::pki::internal
