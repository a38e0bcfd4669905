// Writes a store's file beside the one in use. Private to this room (build/ swaps it in).
#pragma once

#include <memory>
#include <string>

#include "pki/merkle_stream.h"
#include "repository/store/format.h"
#include "repository/store/sorter.h"

namespace smki::repository {

class StoreWriter {
 public:
  // `memory`: octets for each of the two indexes while they are sorted.
  static StatusOr<std::unique_ptr<StoreWriter>> Create(const std::string& path, size_t memory);

  // First all certificates' DER, as they come; returns where the first of them is.
  StatusOr<uint64_t> AddBodies(ByteSpan ders);
  // A DER that was added. Not at the same time as AddBodies.
  StatusOr<Bytes> ReadBody(uint64_t offset, size_t size);
  // Then their entries, in strictly increasing order of keys.
  Status AddEntry(const Entry& entry);
  // Indexes, footer and sync: the file is durable, its name is not. Fills in counts and digest of `summary`.
  Status Finish(StoreSummary& summary);
  const std::string& path() const { return path_; }

 private:
  StoreWriter(std::string path, std::unique_ptr<Output> out, size_t memory);
  StatusOr<TablePlace> WriteIndex(Sorter& sorter);

  const std::string path_;
  std::unique_ptr<Output> out_;
  TableWriter entries_;
  bool in_entries_ = false;
  uint64_t rows_ = 0;
  Sorter by_eui_, by_digest_;
  Bytes eui_batch_, digest_batch_;
  pki::MerkleStream digest_;
  store_format::Footer footer_;
};

}  // namespace smki::repository
