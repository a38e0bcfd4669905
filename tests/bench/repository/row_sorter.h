// Sorts entries of one size by their first octets, in bounded memory: sorted runs on the disk, merged once.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace smki::bench {

class RowSorter {
 public:
  // Runs are made in `folder` and removed at the end.
  RowSorter(std::string folder, size_t entry_size, size_t key_size);
  ~RowSorter();
  void Add(ByteSpan entry);
  void Merge(const std::function<void(ByteSpan entry)>& visit);

 private:
  void Spill();
  std::string RunPath(size_t run) const;
  const std::string folder_;
  const size_t entry_size_, key_size_, capacity_;
  Bytes buffer_;
  size_t runs_ = 0;
};

}  // namespace smki::bench
