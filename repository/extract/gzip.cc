#include "repository/extract/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "base/file.h"
#include "repository/extract/gzip_name.h"

namespace smki::repository {
namespace {

constexpr size_t kChunk = 256 << 10;
constexpr int kGzipOnly = MAX_WBITS + 16;
constexpr int kLevel = 6;

class FileGzipWriter : public GzipWriter {
 public:
  FileGzipWriter(std::string path, std::string temporary, std::unique_ptr<AppendFile> file)
      : path_(std::move(path)),
        temporary_(std::move(temporary)),
        inner_name_(InnerName(path_)),
        file_(std::move(file)),
        out_(kChunk) {
    SMKI_CHECK(deflateInit2(&stream_, kLevel, Z_DEFLATED, kGzipOnly, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    header_.name = reinterpret_cast<Bytef*>(inner_name_.data());
    header_.os = 3;  // Unix
    SMKI_CHECK(deflateSetHeader(&stream_, &header_) == Z_OK);
  }
  ~FileGzipWriter() override {
    deflateEnd(&stream_);
    if (!finished_) PosixFiles().Remove(temporary_).IgnoreError();
  }

  Status Write(ByteSpan octets) override {
    while (!octets.empty()) {
      const ByteSpan piece = octets.first(std::min(octets.size(), kChunk));
      SMKI_RETURN_IF_ERROR(Deflate(piece, Z_NO_FLUSH));
      octets = octets.subspan(piece.size());
    }
    return OkStatus();
  }

  Status Finish() override {
    SMKI_RETURN_IF_ERROR(Deflate({}, Z_FINISH));
    file_->Sync();
    SMKI_RETURN_IF_ERROR(PosixFiles().Rename(temporary_, path_));
    finished_ = true;
    return PosixFiles().SyncDirectory(DirectoryOf(path_));
  }

 private:
  Status Deflate(ByteSpan piece, int flush) {
    stream_.next_in = const_cast<Bytef*>(piece.data());
    stream_.avail_in = static_cast<uInt>(piece.size());
    do {
      stream_.next_out = out_.data();
      stream_.avail_out = static_cast<uInt>(out_.size());
      SMKI_CHECK(deflate(&stream_, flush) != Z_STREAM_ERROR);
      SMKI_RETURN_IF_ERROR(file_->Append(ByteSpan(out_).first(out_.size() - stream_.avail_out)));
    } while (stream_.avail_out == 0);
    return OkStatus();
  }

  const std::string path_;
  const std::string temporary_;
  std::string inner_name_;
  std::unique_ptr<AppendFile> file_;
  Bytes out_;
  z_stream stream_{};
  gz_header header_{};
  bool finished_ = false;
};

}  // namespace

StatusOr<std::unique_ptr<GzipWriter>> GzipWriter::Create(const std::string& path) {
  if (InnerName(path).empty()) return InvalidArgument("{}: the name of a gzip file ends in .gz", path);
  // A leading dot: whoever lists the folder does not take it for a file of the Repository.
  const std::string temporary = DirectoryOf(path) + "/." + FileNameOf(path) + ".new";
  if (PosixFiles().Exists(temporary)) SMKI_RETURN_IF_ERROR(PosixFiles().Remove(temporary));
  SMKI_ASSIGN_OR_RETURN(auto file, PosixFiles().OpenAppend(temporary));
  return std::make_unique<FileGzipWriter>(path, temporary, std::move(file));
}

Status WriteGzip(const std::string& path, ByteSpan octets) {
  SMKI_ASSIGN_OR_RETURN(const auto writer, GzipWriter::Create(path));
  SMKI_RETURN_IF_ERROR(writer->Write(octets));
  return writer->Finish();
}

StatusOr<Bytes> ReadGzip(const std::string& path, size_t limit) {
  Bytes out;
  const InflateVisitor collect = [&](ByteSpan octets, uint64_t) {
    if (octets.size() > limit - out.size()) {
      return Error(StatusCode::kResourceExhausted, "{}: holds more than the {} octets allowed here", path, limit);
    }
    Append(out, octets);
    return OkStatus();
  };
  SMKI_RETURN_IF_ERROR(InflateFile(path, collect).status());
  return out;
}

}  // namespace smki::repository
