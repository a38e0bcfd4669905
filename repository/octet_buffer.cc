#include "repository/octet_buffer.h"

#include <mutex>
#include <vector>

// A sanitizer is to see who uses what has ended.
#if defined(__SANITIZE_ADDRESS__)
#define SMKI_KEEP_BUFFERS 0
#elif defined(__has_feature)
#define SMKI_KEEP_BUFFERS !__has_feature(address_sanitizer)
#else
#define SMKI_KEEP_BUFFERS 1
#endif

namespace smki::repository {

struct OctetBuffer::Kept {
  struct Piece {
    std::unique_ptr<uint8_t[]> octets;
    size_t size;
  };
  std::mutex mutex;
  std::vector<Piece> pieces;

  static Kept& Get() {
    static Kept& kept = *new Kept;
    return kept;
  }
};

OctetBuffer::Memory OctetBuffer::Take(size_t capacity) {
#if SMKI_KEEP_BUFFERS
  Kept& kept = Kept::Get();
  const std::lock_guard lock(kept.mutex);
  for (auto& piece : kept.pieces) {
    if (piece.size < capacity || piece.size / 2 > capacity) continue;
    Memory out(std::move(piece.octets), piece.size);
    std::swap(piece, kept.pieces.back());
    kept.pieces.pop_back();
    return out;
  }
#endif
  return {std::make_unique_for_overwrite<uint8_t[]>(capacity), capacity};
}

OctetBuffer::Memory::~Memory() {
#if SMKI_KEEP_BUFFERS
  if (octets == nullptr || size > kMostKept) return;
  Kept& kept = Kept::Get();
  const std::lock_guard lock(kept.mutex);
  if (kept.pieces.size() < kKept) kept.pieces.push_back({std::move(octets), size});
#endif
}

}  // namespace smki::repository
