// One gzip member of level 6 with its inner name, as gzip writes it, deflated in blocks so that two cores can share
// the work: what pigz does. Each block ends on an octet boundary and does not refer back into the one before.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/status.h"

namespace smki::bench {

struct DeflatedBlock {
  std::string octets;
  uint32_t crc = 0;
  uint64_t size = 0;  // of the text
};
// Any thread.
DeflatedBlock DeflateBlock(std::string_view text);

class GzipBlocks {
 public:
  // `path` ends in ".gz".
  static StatusOr<GzipBlocks> Create(const std::string& path);
  Status Add(const DeflatedBlock& block);
  Status Finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  Status Write(std::string_view octets);
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  uint32_t crc_ = 0;
  uint64_t size_ = 0;
};

}  // namespace smki::bench
