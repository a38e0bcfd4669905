// An extract file as chunks, and what the chunks say of it as a whole. Private to this room.
#pragma once

#include <memory>
#include <string>

#include "repository/build/examine.h"
#include "repository/extract/extract.h"
#include "repository/extract/gzip.h"
#include "repository/rebuild.h"

namespace smki::repository {

class FileReader {
 public:
  // `file` is its number in the account; with `digest` its SHA-256 is made.
  static StatusOr<FileReader> Open(const std::string& path, uint16_t file, bool digest);
  // The next chunk, ending behind a record; false behind the last. XML_TOO_LONG, or as GunzipStream.
  StatusOr<bool> Next(Chunk& chunk);
  uint64_t octets_read() const { return gunzip_->octets_read(); }
  Digest Sha256() { return gunzip_->Sha256(); }

 private:
  FileReader(std::string name, uint16_t file, std::unique_ptr<GunzipStream> gunzip)
      : name_(std::move(name)), file_(file), gunzip_(std::move(gunzip)) {}
  std::string name_;
  uint16_t file_;
  std::unique_ptr<GunzipStream> gunzip_;
  Bytes carried_;        // behind the end of the last record
  uint64_t offset_ = 0;  // of what is carried
  bool first_ = true, ended_ = false;
};

// What a chunk says of its document: refused, wrong header, ended too early or too late. An error names the file.
Status CheckDocument(const Examined& examined, const ExtractName& name, const std::string& file);

// Looks at the file's beginning: inner name, root and header are right. Returns the file's size in octets.
StatusOr<uint64_t> PeekExtract(const std::string& path, const ExtractName& name);

// A reject file: one JSON object a line (docs/formats/rejects.md).
std::string RejectLines(const std::vector<RejectedRecord>& rejects);

}  // namespace smki::repository
