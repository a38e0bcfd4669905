// Writes a store file beside the one in use. Private to this room (rebuild.cc swaps it in).
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "pki/digest.h"
#include "repository/store/format.h"

namespace smki::repository {

class StoreWriter {
 public:
  static StatusOr<std::unique_ptr<StoreWriter>> Create(const std::string& path);
  // Strictly increasing in key order (store_format::KeyLess).
  Status Add(const store_format::StoredRecord& stored, const Digest& sha256);
  // Indexes, footer and sync: the file is durable, its name is not.
  StatusOr<StoreSummary> Finish(const std::string& full_date, const std::string& last_delta_date);

 private:
  explicit StoreWriter(std::unique_ptr<AppendFile> file) : file_(std::move(file)) {}
  Status Put(ByteSpan octets);
  Status Flush();
  StatusOr<store_format::IndexPlace> PutIndex(std::vector<Bytes>& entries);
  void AddIndexEntry(store_format::Index index, ByteSpan key, uint64_t offset);

  std::unique_ptr<AppendFile> file_;
  Bytes buffer_;
  pki::MerkleTree digest_;
  StoreSummary summary_;
  std::optional<CertificateRecord> last_;  // its key only
  std::array<std::vector<Bytes>, store_format::kIndexes> indexes_;
};

}  // namespace smki::repository
