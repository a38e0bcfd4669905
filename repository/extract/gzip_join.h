// A gzip file of one member, put together from pieces that were deflated each by itself, so that all cores can work on
// it. Its octets depend on the pieces alone, not on who made them when: no time, one deflate (ISA-L, level 1). Private
// to this room.
#pragma once

#include <memory>
#include <string>

#include "pki/digest.h"
#include "repository/octet_buffer.h"
#include "repository/store/output.h"

namespace smki::repository {

struct DeflatedPiece {
  OctetBuffer octets;  // deflate blocks, none of them the last, ending on a whole octet
  uint32_t crc32 = 0;  // of the text
  uint64_t size = 0;   // of the text
};

// Any thread. The same text gives the same octets on every x86-64 processor with SSE4.2 (docs/decisions/0006).
DeflatedPiece DeflatePiece(ByteSpan text);

// Not thread-safe.
class JoinedGzip {
 public:
  // For `file`, a name that ends in ".gz", in `folder`; what is written stands beside it under a name with a leading
  // dot until Appear(). Everybody may read it (the umask allowing): it is published. With `digest` the SHA-256 of the
  // file is made too. Errors carry DISK_FULL or STORE_NOT_WRITABLE.
  static StatusOr<std::unique_ptr<JoinedGzip>> Create(const std::string& folder, const std::string& file, bool digest);
  ~JoinedGzip();  // without Appear() nothing is left
  JoinedGzip(const JoinedGzip&) = delete;
  JoinedGzip& operator=(const JoinedGzip&) = delete;

  Status Append(const DeflatedPiece& piece);
  // Whole and durable, under its temporary name.
  Status Finish();
  // After Finish. Whether a file of its name is there already; and if so, whether it holds the same octets.
  bool IsThere() const;
  StatusOr<bool> IsSame() const;
  // After Finish: takes its name, replacing what has it. Who calls it syncs the folder.
  Status Appear();

  const std::string& file() const { return file_; }
  uint64_t octets() const { return out_->size(); }
  Digest Sha256();  // after Finish, once

 private:
  JoinedGzip(std::string folder, std::string file, bool digest);
  Status Write(ByteSpan octets);

  const std::string folder_, file_, path_, temporary_;
  std::unique_ptr<Output> out_;
  std::unique_ptr<pki::Sha256Stream> hash_;
  uint32_t crc_ = 0;
  uint64_t size_ = 0;  // of the text so far
  bool appeared_ = false;
};

}  // namespace smki::repository
