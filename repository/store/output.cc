#include "repository/store/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "repository/reason.h"

namespace smki::repository {
namespace {

constexpr size_t kBuffer = 1 << 20;
constexpr uint64_t kStart = 8 << 20;  // octets told to the disk at once

Status Failed(const std::string& path, const char* what) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return Refuse(full ? Refusal::kDISK_FULL : Refusal::kSTORE_NOT_WRITABLE,
                fmt::format("cannot {} {}: {}; {}", what, path, std::strerror(error),
                            full ? "make room and start again" : "check the folder and its permissions"),
                full ? StatusCode::kResourceExhausted : StatusCode::kUnavailable);
}

}  // namespace

StatusOr<std::unique_ptr<Output>> Output::Create(const std::string& path, bool unnamed) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed(path, "replace");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(path, "create");
  auto out = std::unique_ptr<Output>(new Output(path, fd));
  if (unnamed && ::unlink(path.c_str()) != 0) return Failed(path, "unlink");
  out->buffer_.reserve(kBuffer);
  return out;
}

Output::~Output() {
  ::close(fd_);
}

Status Output::Write(ByteSpan octets) {
  while (!octets.empty()) {
    const ssize_t count = ::pwrite(fd_, octets.data(), octets.size(), static_cast<off_t>(size_));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      if (count == 0) errno = ENOSPC;
      return Failed(path_, "write");
    }
    size_ += static_cast<uint64_t>(count);
    octets = octets.subspan(static_cast<size_t>(count));
  }
  if (size_ - started_ >= kStart) {
    // A hint: it begins to write, and waits for nothing.
    ::sync_file_range(fd_, static_cast<off_t>(started_), static_cast<off_t>(size_ - started_), SYNC_FILE_RANGE_WRITE);
    started_ = size_;
  }
  return OkStatus();
}

Status Output::Append(ByteSpan octets) {
  if (buffer_.size() + octets.size() > kBuffer) SMKI_RETURN_IF_ERROR(Flush());
  if (octets.size() >= kBuffer) return Write(octets);
  smki::Append(buffer_, octets);
  return OkStatus();
}

Status Output::Align(size_t alignment) {
  const size_t over = size() % alignment;
  return over == 0 ? OkStatus() : Append(Bytes(alignment - over));
}

Status Output::Flush() {
  SMKI_RETURN_IF_ERROR(Write(buffer_));
  buffer_.clear();
  return OkStatus();
}

Status Output::Sync() {
  SMKI_RETURN_IF_ERROR(Flush());
  if (::fdatasync(fd_) == 0) return OkStatus();
  std::fprintf(stderr, "%s: fdatasync failed: %s; the process ends, since what is on the disk is not known\n",
               path_.c_str(), std::strerror(errno));
  std::abort();
}

Status Output::ReadAt(uint64_t offset, std::span<uint8_t> out) const {
  while (!out.empty()) {
    const ssize_t count = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return Refuse(Refusal::kSTORE_DAMAGED, fmt::format("{}: cannot read back octet {}: {}", path_, offset,
                                                         count < 0 ? std::strerror(errno) : "it became shorter"));
    }
    offset += static_cast<uint64_t>(count);
    out = out.subspan(static_cast<size_t>(count));
  }
  return OkStatus();
}

}  // namespace smki::repository
