// A buffer of fixed capacity whose octets are not cleared before they are written, and whose memory comes from one that
// ended: a rebuild fills gigabytes of them, and asking the system for fresh pages each time takes longer than filling
// them. What points into it stays true while it lives. Private to this room. Not thread-safe.
#pragma once

#include <cstring>
#include <memory>

#include "base/bytes.h"
#include "base/status.h"

namespace smki::repository {

class OctetBuffer {
 public:
  // Memory that is kept for the next ones, of all threads: at most so many, of at most so many octets.
  static constexpr size_t kKept = 16, kMostKept = 4 << 20;

  OctetBuffer() = default;
  explicit OctetBuffer(size_t capacity) : memory_(Take(capacity)), capacity_(capacity) {}
  size_t size() const { return size_; }
  size_t room() const { return capacity_ - size_; }
  uint8_t* end() { return memory_.octets.get() + size_; }
  // After `count` octets were written at end().
  void Grow(size_t count) {
    SMKI_CHECK(count <= room());
    size_ += count;
  }
  void ShrinkTo(size_t size) {
    SMKI_CHECK(size <= size_);
    size_ = size;
  }
  void Append(ByteSpan octets) {
    SMKI_CHECK(octets.size() <= room());
    if (!octets.empty()) std::memcpy(end(), octets.data(), octets.size());
    size_ += octets.size();
  }
  ByteSpan octets() const { return {memory_.octets.get(), size_}; }

 private:
  // Goes back when it ends.
  struct Memory {
    std::unique_ptr<uint8_t[]> octets;
    size_t size = 0;
    Memory() = default;
    Memory(std::unique_ptr<uint8_t[]> o, size_t s) : octets(std::move(o)), size(s) {}
    Memory(Memory&&) = default;
    Memory& operator=(Memory&& other) noexcept {
      std::swap(octets, other.octets);
      std::swap(size, other.size);
      return *this;
    }
    ~Memory();
  };
  struct Kept;
  static Memory Take(size_t capacity);

  Memory memory_;
  size_t capacity_ = 0, size_ = 0;
};

}  // namespace smki::repository
