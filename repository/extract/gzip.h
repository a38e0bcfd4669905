// gzip files (RFC 1952) as the Repository publishes them. Every variant is read: many members, extra fields, comments,
// header checksums, stored blocks, any level, zero padding at the end. A name inside must be the file's own name
// without
// ".gz". Inflated by ISA-L, which is what makes a FULL of tens of gigabytes a matter of minutes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace smki::repository {

// One gzip file, read as a stream. Not thread-safe. An error carries its code (repository/reason.h): FILE_EMPTY,
// GZIP_NOT, GZIP_TRUNCATED, GZIP_DAMAGED, GZIP_CHECKSUM, GZIP_TRAILING, GZIP_BOMB, INNER_NAME_WRONG, FILE_UNREADABLE.
class GunzipStream {
 public:
  // kNotFound if absent. With `digest` the SHA-256 of the file as it is read is made too.
  static StatusOr<std::unique_ptr<GunzipStream>> Open(const std::string& path, bool digest);
  virtual ~GunzipStream() = default;
  // Fills `out` as far as the content goes: less than its size only at the end, 0 then.
  virtual StatusOr<size_t> Read(std::span<uint8_t> out) = 0;
  // Octets of the file read so far.
  virtual uint64_t octets_read() const = 0;
  // Of the whole file; after the end only, and if it was asked for.
  virtual Digest Sha256() = 0;
};

// Gets the content piece by piece, and how many octets of the file have been read so far.
using InflateVisitor = std::function<Status(ByteSpan octets, uint64_t read)>;

// Streams `path`; returns the SHA-256 of the file as it was read. Errors as above; an error of `visit` ends it and is
// returned as it is.
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
