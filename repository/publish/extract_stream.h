// One file of records on its way out: what is added is gathered into batches, and every batch becomes XML and a piece
// of gzip on any core. Private to this room.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "repository/extract/gzip_join.h"
#include "repository/in_order.h"
#include "repository/store/reader.h"

namespace smki::repository {

class ExtractStream {
 public:
  // What a batch has become, and whose it is.
  struct Piece {
    ExtractStream* stream;
    DeflatedPiece deflated;
  };
  using Pool = InOrder<Piece>;

  // Writes to `file`; `store` and `pool` outlive it. `type` and `date` as DocumentHead takes them.
  ExtractStream(const StoreReader& store, Pool& pool, std::unique_ptr<JoinedGzip> file, std::string type,
                std::string date);
  // In the order they are published. STORE_DAMAGED, now or later, if `item` is not the certificate its entry says.
  Status Add(const StoreReader::Item& item);
  // After the last; the file can be finished when the pool has.
  Status End() { return Submit(true); }
  // For the pool's `take`.
  static Status Take(const Piece& piece) { return piece.stream->file_->Append(piece.deflated); }

  JoinedGzip& file() { return *file_; }
  uint64_t records() const { return records_; }

 private:
  struct Batch;
  Status Submit(bool last);
  StatusOr<Piece> Make(const Batch& batch);

  const StoreReader& store_;
  Pool& pool_;
  const std::unique_ptr<JoinedGzip> file_;
  const std::string type_, date_;
  std::shared_ptr<Batch> batch_;
  uint64_t records_ = 0;
};

}  // namespace smki::repository
