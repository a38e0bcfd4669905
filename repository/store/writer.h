// Writes a store's file beside the one in use. Private to this room (build/ swaps it in). One owner; pages and digest
// are made on one thread of its own, indexes on another, while the owner goes on with finding the next entries.
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
  // None is added any more.
  Status EndBodies();
  // Octets of what was added, from where AddBodies said; after EndBodies, on any thread.
  Status ReadBodies(uint64_t offset, std::span<uint8_t> ders) const { return out_->ReadAt(offset, ders); }
  // Then their entries, in strictly increasing order of keys.
  Status AddEntry(const Entry& entry);
  Status AddEncoded(const uint8_t* entry);  // as Entry::Encode writes it
  // Indexes, footer and sync: the file is durable, its name is not. Fills in counts and digest of `summary`.
  Status Finish(StoreSummary& summary);
  const std::string& path() const { return path_; }

 private:
  StoreWriter(std::string path, std::unique_ptr<Output> out, size_t memory);
  Status HandOver();
  Status WriteEntries(const Bytes& entries);
  Status AddToIndexes(const Bytes& entries);
  Status WriteIndexes();

  const std::string path_;
  std::unique_ptr<Output> out_;
  Bytes batch_;
  // These are one worker's until it was waited for, and so is out_ ...
  TableWriter entries_;
  pki::MerkleStream digest_;
  store_format::Footer footer_;
  // ... and these the other's.
  uint64_t rows_ = 0;
  Sorter by_eui_, by_digest_;
  // Once there are no more bodies. Last: they use the others.
  std::unique_ptr<Worker> table_worker_, index_worker_;
};

}  // namespace smki::repository
