// gzip files (RFC 1952) as the Repository publishes them. Every variant is read: many members, extra fields, comments,
// header checksums, any level, zero padding at the end. A name inside must be the file's own name without ".gz".
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace smki::repository {

// Gets the content piece by piece, and how many octets of the file have been read so far.
using InflateVisitor = std::function<Status(ByteSpan octets, uint64_t read)>;

// Streams `path`; returns the SHA-256 of the file as it was read. kDataLoss if it is damaged, kNotFound if absent;
// an error of `visit` ends it and is returned as it is.
StatusOr<Digest> InflateFile(const std::string& path, const InflateVisitor& visit);

// Writes one gzip file; it appears under its name, durable, with Finish() only.
class GzipWriter {
 public:
  // `path` must end in ".gz"; its last part without that is the inner name.
  static StatusOr<std::unique_ptr<GzipWriter>> Create(const std::string& path);
  virtual ~GzipWriter() = default;
  virtual Status Write(ByteSpan octets) = 0;
  virtual Status Finish() = 0;
};

// Whole small files (revocation lists). kResourceExhausted if the content has more than `limit` octets.
Status WriteGzip(const std::string& path, ByteSpan octets);
StatusOr<Bytes> ReadGzip(const std::string& path, size_t limit);

}  // namespace smki::repository
