#include "repository/extract/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file.h"
#include "pki/digest.h"
#include "repository/extract/shown.h"

namespace smki::repository {
namespace {

constexpr size_t kChunk = 256 << 10;
constexpr int kGzipOnly = MAX_WBITS + 16;
constexpr int kLevel = 6;
constexpr std::string_view kSuffix = ".gz";
constexpr size_t kMaxName = 255;

std::string FileNameOf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The last part of the path without ".gz"; empty if it does not end so.
std::string InnerName(const std::string& path) {
  const std::string file = FileNameOf(path);
  if (file.size() <= kSuffix.size() || file.compare(file.size() - kSuffix.size(), kSuffix.size(), kSuffix) != 0)
    return "";
  return file.substr(0, file.size() - kSuffix.size());
}

// Inflates one file whose octets are fed in order.
class Inflater {
 public:
  Inflater(std::string path, const InflateVisitor& visit)
      : path_(std::move(path)), inner_name_(InnerName(path_)), visit_(visit), out_(kChunk) {
    SMKI_CHECK(inflateInit2(&stream_, kGzipOnly) == Z_OK);
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Status Feed(ByteSpan octets) {
    read_ += octets.size();
    stream_.next_in = const_cast<Bytef*>(octets.data());
    stream_.avail_in = static_cast<uInt>(octets.size());
    while (stream_.avail_in > 0) {
      if (!in_member_) SMKI_RETURN_IF_ERROR(BeginMember());
      if (in_member_) SMKI_RETURN_IF_ERROR(Inflate());
    }
    return OkStatus();
  }

  Status Finish() const {
    if (in_member_ || members_ == 0) return Damaged("the file ends too early");
    return OkStatus();
  }

 private:
  Status Damaged(const char* what) const {
    return DataLoss("{}: gzip data is damaged before octet {}: {}; fetch the file again", FileNameOf(path_),
                    read_ - stream_.avail_in, what);
  }

  // Between members: either the next one starts here, or zero padding to the end of the file.
  Status BeginMember() {
    if (members_ > 0 && (padding_ || *stream_.next_in == 0)) {
      padding_ = true;
      const bool zeros =
          std::all_of(stream_.next_in, stream_.next_in + stream_.avail_in, [](Bytef b) { return b == 0; });
      stream_.avail_in = 0;
      return zeros ? OkStatus() : Damaged("something follows the last member");
    }
    SMKI_CHECK(inflateReset(&stream_) == Z_OK);
    header_ = {};
    std::memset(name_, 0, sizeof name_);
    header_.name = name_;
    header_.name_max = kMaxName;
    SMKI_CHECK(inflateGetHeader(&stream_, &header_) == Z_OK);
    in_member_ = true;
    name_checked_ = false;
    return OkStatus();
  }

  Status Inflate() {
    stream_.next_out = out_.data();
    stream_.avail_out = static_cast<uInt>(out_.size());
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return Damaged(stream_.msg != nullptr ? stream_.msg : "it cannot be inflated");
    }
    if (header_.done == 1 && !name_checked_) {
      name_checked_ = true;
      if (header_.name != Z_NULL && inner_name_ != reinterpret_cast<const char*>(name_)) {
        return DataLoss("{}: holds a file named {}, expected {}; fetch the file again, and do not rename it",
                        FileNameOf(path_), Shown(reinterpret_cast<const char*>(name_)), inner_name_);
      }
    }
    const size_t made = out_.size() - stream_.avail_out;
    if (made > 0) SMKI_RETURN_IF_ERROR(visit_(ByteSpan(out_).first(made), read_ - stream_.avail_in));
    if (code == Z_STREAM_END) {
      in_member_ = false;
      ++members_;
    } else if (made == 0 && stream_.avail_in > 0) {
      return Damaged("it cannot be inflated");
    }
    return OkStatus();
  }

  const std::string path_;
  const std::string inner_name_;
  const InflateVisitor& visit_;
  Bytes out_;
  z_stream stream_{};
  gz_header header_{};
  Bytef name_[kMaxName + 1] = {};
  bool name_checked_ = false;
  bool in_member_ = false;
  bool padding_ = false;
  uint64_t members_ = 0;
  uint64_t read_ = 0;
};

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

StatusOr<Digest> InflateFile(const std::string& path, const InflateVisitor& visit) {
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (!file) {
    return Error(errno == ENOENT ? StatusCode::kNotFound : StatusCode::kUnavailable, "cannot open {}: {}", path,
                 std::strerror(errno));
  }
  Inflater inflater(path, visit);
  pki::Sha256Stream hash;
  Bytes buffer(kChunk);
  while (true) {
    const size_t count = std::fread(buffer.data(), 1, buffer.size(), file.get());
    if (count == 0) break;
    hash.Update(ByteSpan(buffer).first(count));
    SMKI_RETURN_IF_ERROR(inflater.Feed(ByteSpan(buffer).first(count)));
  }
  if (std::ferror(file.get()) != 0) return Unavailable("cannot read {}: {}", path, std::strerror(errno));
  SMKI_RETURN_IF_ERROR(inflater.Finish());
  return hash.Finish();
}

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
