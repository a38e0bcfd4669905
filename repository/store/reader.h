// A store's file and its tables. Private to this room. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "repository/store/format.h"

namespace smki::repository {

class StoreReader {
 public:
  // A file, not a folder.
  static StatusOr<std::unique_ptr<StoreReader>> Open(const std::string& path);
  const StoreFile& file() const { return *file_; }
  const store_format::Footer& footer() const { return footer_; }
  const Table& entries() const { return entries_; }
  const Table& by_eui() const { return by_eui_; }
  const Table& by_digest() const { return by_digest_; }
  // The certificate, its digest checked.
  StatusOr<Bytes> Body(const Entry& entry) const;
  // Every certificate in the order of the bodies, which a disk likes: `visit` gets up to `batch` at once, with their
  // DER (digests not checked). What is sorted for it goes to a file of no name beginning with `scratch`, in at most
  // `memory` octets.
  struct Item {
    Entry entry;
    ByteSpan der;
  };
  Status VisitBodies(const std::string& scratch, size_t memory, size_t batch,
                     const std::function<Status(std::span<const Item>)>& visit) const;

 private:
  StoreReader(std::unique_ptr<StoreFile> file, store_format::Footer footer, Table entries, Table by_eui,
              Table by_digest)
      : file_(std::move(file)), footer_(std::move(footer)), entries_(entries), by_eui_(by_eui), by_digest_(by_digest) {}

  std::unique_ptr<StoreFile> file_;
  store_format::Footer footer_;
  Table entries_, by_eui_, by_digest_;
};

}  // namespace smki::repository
