#include "repository/transfer/send.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/clock.h"
#include "base/time.h"
#include "repository/extract/extract.h"
#include "repository/extract/gzip.h"
#include "repository/extract/shown.h"

namespace smki::repository::transfer {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr auto kKept = std::chrono::hours(24 * 7);

// A file of ours that is open for reading.
class Local {
 public:
  static StatusOr<Local> Open(const std::string& path) {
    Local out;
    out.path_ = path;
    out.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat info {};
    if (out.fd_ < 0 || ::fstat(out.fd_, &info) != 0) {
      return Error(errno == ENOENT ? StatusCode::kNotFound : StatusCode::kUnavailable, "cannot open {}: {}", path,
                   std::strerror(errno));
    }
    out.size_ = static_cast<uint64_t>(info.st_size);
    return out;
  }
  Local(Local&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}
  Local& operator=(Local&&) = delete;
  ~Local() {
    if (fd_ >= 0) ::close(fd_);
  }

  uint64_t size() const { return size_; }
  // Exactly `count` octets.
  StatusOr<Bytes> ReadAt(uint64_t offset, size_t count) const {
    Bytes out(count);
    for (size_t done = 0; done < count;) {
      const ssize_t n = ::pread(fd_, out.data() + done, count - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Unavailable("cannot read {}: {}", path_, std::strerror(errno));
      if (n == 0) return FailedPrecondition("{} became shorter while it was sent", path_);
      done += static_cast<size_t>(n);
    }
    return out;
  }

 private:
  Local() = default;
  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

std::string NameOf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// All that can be wrong with our own files is found before the server is asked anything.
Status CheckLocal(const SendOptions& options) {
  std::set<std::string> names;
  for (const std::string& path : options.files) {
    const std::string name = NameOf(path);
    if (!KindOf(name))
      return InvalidArgument("{}: {} is no name of a file in the Repository's folder", path, Shown(name));
    if (!names.insert(name).second) return InvalidArgument("{} is named twice", name);
    const auto nothing = [](ByteSpan, uint64_t) { return OkStatus(); };
    const auto whole = InflateFile(path, nothing);
    if (!whole.ok()) return WithContext(whole.status(), "nothing was sent");
  }
  if (!options.expire_deltas.empty() && !ParseDate(options.expire_deltas)) {
    return InvalidArgument("\"{}\" is no date, expected YYYY-MM-DD", Shown(options.expire_deltas));
  }
  return OkStatus();
}

class Sender {
 public:
  explicit Sender(const SendOptions& options) : options_(options) {}

  StatusOr<SendReport> Run() {
    SMKI_RETURN_IF_ERROR(CheckLocal(options_));
    SMKI_ASSIGN_OR_RETURN(sftp_, Sftp::Connect(options_.access, options_.patience));
    SendReport report;
    for (const std::string& path : options_.files) {
      report.files.push_back(SendOne(path));
      report.status = report.files.back().status;
      if (!report.status.ok()) return report;
    }
    report.status = Expire(report.expired);
    return report;
  }

 private:
  std::string Remote(const std::string& name) const { return options_.access.folder.Of(name); }

  SentFile SendOne(const std::string& path) {
    SentFile out;
    out.name = NameOf(path);
    const auto start = SystemClock().SinceBoot();
    out.status = Publish(path, out);
    out.took = std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start);
    return out;
  }

  Status Publish(const std::string& path, SentFile& out) {
    SMKI_ASSIGN_OR_RETURN(const Local local, Local::Open(path));
    out.octets = local.size();
    const bool list = KindOf(out.name) == FileKind::kList;
    const auto there = sftp_->Stat(Remote(out.name));
    if (!there.ok() && there.status().code() != StatusCode::kNotFound) return there.status();
    if (there.ok() && !list) {
      SMKI_RETURN_IF_ERROR(CheckSame(local, Remote(out.name), out.name));
      out.result = SentFile::Result::kPresent;
      return OkStatus();
    }
    const std::string part = Remote("." + out.name + ".part");
    SMKI_RETURN_IF_ERROR(Upload(local, part, out.name));
    const Status same = CheckSame(local, part, out.name);
    if (!same.ok()) return same.code() == StatusCode::kAlreadyExists ? Differs(part) : same;
    SMKI_RETURN_IF_ERROR(list ? sftp_->Replace(part, Remote(out.name)) : sftp_->Rename(part, Remote(out.name)));
    out.result = SentFile::Result::kSent;
    return OkStatus();
  }

  static Status Differs(const std::string& part) {
    return DataLoss(
        "{} on the server is not what was sent; it has not got its name. Next: run this again; if it stays so, "
        "the server's disk may be at fault",
        part);
  }

  Status Upload(const Local& local, const std::string& part, const std::string& name) {
    SMKI_ASSIGN_OR_RETURN(const auto file, sftp_->OpenToWrite(part));
    for (uint64_t done = 0; done < local.size();) {
      const size_t count = static_cast<size_t>(std::min<uint64_t>(kChunk, local.size() - done));
      SMKI_ASSIGN_OR_RETURN(const Bytes octets, local.ReadAt(done, count));
      SMKI_RETURN_IF_ERROR(file->Write(octets));
      done += count;
      Tell(name, false, done, local.size());
    }
    SMKI_RETURN_IF_ERROR(file->Sync());
    return file->Close();
  }

  // kAlreadyExists if `remote` is another file.
  Status CheckSame(const Local& local, const std::string& remote, const std::string& name) {
    const auto other = [&] {
      return Error(
          StatusCode::kAlreadyExists,
          "{} is on the server already, and is another file: a published file does not change. Next: find out which "
          "is right; nobody but the server's operator can take it away",
          name);
    };
    SMKI_ASSIGN_OR_RETURN(const RemoteStat there, sftp_->Stat(remote));
    if (there.size != local.size()) return other();
    uint64_t at = options_.verify ? 0 : local.size() - std::min(kTail, local.size());
    SMKI_ASSIGN_OR_RETURN(const auto file, sftp_->OpenToRead(remote));
    const auto compare = [&](ByteSpan octets) -> Status {
      SMKI_ASSIGN_OR_RETURN(const Bytes ours, local.ReadAt(at, octets.size()));
      if (!std::equal(ours.begin(), ours.end(), octets.begin())) return other();
      at += octets.size();
      Tell(name, true, at, local.size());
      return OkStatus();
    };
    return file->Read(at, local.size(), compare);
  }

  Status Expire(std::vector<std::string>& expired) {
    if (options_.expire_deltas.empty()) return OkStatus();
    const std::string oldest = FormatDate(*ParseDate(options_.expire_deltas) - kKept);
    SMKI_ASSIGN_OR_RETURN(const auto listing, sftp_->List(options_.access.folder.path, kMaxFiles));
    for (const RemoteEntry& entry : listing) {
      const auto extract = ParseExtractName(entry.name);
      if (!extract || extract->full || extract->date >= oldest) continue;
      SMKI_RETURN_IF_ERROR(sftp_->Remove(Remote(entry.name)));
      expired.push_back(entry.name);
    }
    return OkStatus();
  }

  void Tell(const std::string& file, bool checking, uint64_t done, uint64_t total) const {
    if (options_.on_progress) options_.on_progress({file, checking, done, total});
  }

  const SendOptions& options_;
  std::unique_ptr<Sftp> sftp_;
};

}  // namespace

StatusOr<SendReport> Send(const SendOptions& options) {
  return Sender(options).Run();
}

}  // namespace smki::repository::transfer
