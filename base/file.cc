#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace smki {
namespace {

Status FromErrno(const char* what, const std::string& path) {
  const int error = errno;
  const StatusCode code = error == ENOENT                      ? StatusCode::kNotFound
                          : error == EACCES || error == EPERM  ? StatusCode::kPermissionDenied
                          : error == ENOSPC || error == EDQUOT ? StatusCode::kResourceExhausted
                                                               : StatusCode::kUnavailable;
  return Error(code, "cannot {} {}: {}", what, path, std::strerror(error));
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

bool WriteAll(int fd, ByteSpan bytes, uint64_t offset) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// I10: nothing that follows could be trusted to be durable.
[[noreturn]] void DieUnsynced(const std::string& path) {
  fmt::print(stderr, "syncing {} failed: {}. The process ends; check the disk, then start it again.\n", path,
             std::strerror(errno));
  std::abort();
}

void SyncOrDie(int fd, const std::string& path) {
  if (::fdatasync(fd) != 0) DieUnsynced(path);
}

class PosixAppendFile : public AppendFile {
 public:
  PosixAppendFile(int fd, std::string path, uint64_t size) : fd_(fd), path_(std::move(path)), size_(size) {}

  Status Append(ByteSpan bytes) override {
    if (!WriteAll(fd_.get(), bytes, size_)) {
      Status status = FromErrno("append to", path_);
      // Cut what was torn, so that a shorter record written later is not followed by its remains.
      if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) errno = 0;
      return status;
    }
    size_ += bytes.size();
    return OkStatus();
  }
  void Sync() override { SyncOrDie(fd_.get(), path_); }
  uint64_t size() const override { return size_; }
  StatusOr<Bytes> ReadAt(uint64_t offset, size_t count) const override {
    if (offset > size_ || count > size_ - offset) {
      return Error(StatusCode::kOutOfRange, "{}: {} octets at {} lie beyond its end at {}", path_, count, offset,
                   size_);
    }
    Bytes out(count);
    size_t done = 0;
    while (done < count) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, count - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return FromErrno("read", path_);
      if (n == 0) return DataLoss("{} ends at octet {}, where {} octets were written", path_, offset + done, size_);
      done += static_cast<size_t>(n);
    }
    return out;
  }
  Status Truncate(uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return FromErrno("truncate", path_);
    size_ = size;
    return OkStatus();
  }

 private:
  Fd fd_;
  std::string path_;
  uint64_t size_;
};

class PosixFileSystem : public FileSystem {
 public:
  StatusOr<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return FromErrno("open", path);
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
      ::close(fd);
      return FromErrno("stat", path);
    }
    auto file = std::make_unique<PosixAppendFile>(fd, path, static_cast<uint64_t>(info.st_size));
    // Also if the file was there: who created it may have ended before its name was durable.
    SMKI_RETURN_IF_ERROR(SyncDirectory(DirectoryOf(path)));
    return file;
  }

  StatusOr<Bytes> Read(const std::string& path, size_t limit) override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.ok()) return FromErrno("open", path);
    Bytes out;
    uint8_t buffer[65536];
    while (true) {
      const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return FromErrno("read", path);
      if (n == 0) return out;
      if (out.size() + static_cast<size_t>(n) > limit) {
        return Error(StatusCode::kResourceExhausted, "{} is larger than the {} octets allowed here", path, limit);
      }
      out.insert(out.end(), buffer, buffer + n);
    }
  }

  Status WriteDurably(const std::string& path, ByteSpan bytes, bool secret) override {
    const std::string temporary = path + ".new";
    // One left by a crash may have another mode; O_EXCL makes sure that the mode below is the file's.
    if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) return FromErrno("remove", temporary);
    {
      const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644));
      if (!fd.ok()) return FromErrno("create", temporary);
      if (!WriteAll(fd.get(), bytes, 0)) return FromErrno("write", temporary);
      SyncOrDie(fd.get(), temporary);
    }
    SMKI_RETURN_IF_ERROR(Rename(temporary, path));
    return SyncDirectory(DirectoryOf(path));
  }

  Status WriteHint(const std::string& path, ByteSpan bytes) override {
    if (bytes.size() > kMaxHint) return InvalidArgument("a hint has at most {} octets, not {}", kMaxHint, bytes.size());
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.ok()) return FromErrno("open", path);
    return WriteAll(fd.get(), bytes, 0) ? OkStatus() : FromErrno("write", path);
  }

  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) return FromErrno("list", directory);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
  }

  // From the top down, each name durable before the next is made: what exists below an existing folder was made by
  // somebody who may have ended before its own name was durable, nothing more.
  Status CreateDirectories(const std::string& path) override {
    const std::string parent = DirectoryOf(path);
    if (path.empty() || path == "/" || path == ".") return OkStatus();
    if (path.back() == '/') return CreateDirectories(path.substr(0, path.size() - 1));
    if (!Exists(path)) {
      SMKI_RETURN_IF_ERROR(CreateDirectories(parent));
      if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return FromErrno("create folder", path);
    }
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return FromErrno("stat", path);
    if (!S_ISDIR(info.st_mode)) return FailedPrecondition("{} is no folder", path);
    return SyncDirectory(parent);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return FromErrno("rename to", to);
    return OkStatus();
  }

  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return FromErrno("remove", path);
    return OkStatus();
  }

  Status SyncDirectory(const std::string& path) override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.ok()) return FromErrno("open folder", path);
    if (::fsync(fd.get()) != 0) DieUnsynced(path);
    return OkStatus();
  }
};

}  // namespace

FileSystem& PosixFiles() {
  static PosixFileSystem files;
  return files;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace smki
