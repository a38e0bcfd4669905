// A buffer of fixed capacity whose octets are not cleared before they are written: a rebuild fills gigabytes of them.
// What points into it stays true while it lives. Private to this room. Not thread-safe.
#pragma once

#include <cstring>
#include <memory>

#include "base/bytes.h"
#include "base/status.h"

namespace smki::repository {

class OctetBuffer {
 public:
  OctetBuffer() = default;
  explicit OctetBuffer(size_t capacity)
      : octets_(std::make_unique_for_overwrite<uint8_t[]>(capacity)), capacity_(capacity) {}
  size_t size() const { return size_; }
  size_t room() const { return capacity_ - size_; }
  uint8_t* end() { return octets_.get() + size_; }
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
  ByteSpan octets() const { return {octets_.get(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> octets_;
  size_t capacity_ = 0, size_ = 0;
};

}  // namespace smki::repository
