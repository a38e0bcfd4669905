#include "repository/store/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "repository/reason.h"
#include "repository/store/table.h"

namespace smki::repository {
namespace {

static_assert(Output::kBlock % kPage == 0);

Status Failed(const std::string& path, const char* what) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return Refuse(full ? Refusal::kDISK_FULL : Refusal::kSTORE_NOT_WRITABLE,
                fmt::format("cannot {} {}: {}; {}", what, path, std::strerror(error),
                            full ? "make room and start again" : "check the folder and its permissions"),
                full ? StatusCode::kResourceExhausted : StatusCode::kUnavailable);
}

StatusOr<int> CreateFile(const std::string& path, mode_t mode) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed(path, "replace");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return Failed(path, "create");
  return fd;
}

}  // namespace

struct Output::File {
  std::string path;
  int fd = -1;      // through the system's cache
  int direct = -1;  // past it; fd if that cannot be
  ~File() {
    if (direct >= 0 && direct != fd) ::close(direct);
    if (fd >= 0) ::close(fd);
  }
};

Output::Output(std::shared_ptr<const File> file, uint64_t begin) : file_(std::move(file)), size_(begin) {}

// What is still being written is of no use without the rest.
Output::~Output() = default;

StatusOr<std::unique_ptr<Output>> Output::Create(const std::string& path, mode_t mode) {
  auto file = std::make_shared<File>();
  file->path = path;
  SMKI_ASSIGN_OR_RETURN(file->fd, CreateFile(path, mode));
  file->direct = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_DIRECT);
  if (file->direct < 0) file->direct = file->fd;  // tmpfs has none
  auto out = std::unique_ptr<Output>(new Output(std::move(file), 0));
  out->worker_ = std::make_unique<Worker>(kWaiting);
  return out;
}

StatusOr<std::unique_ptr<Output>> Output::CreateScratch(const std::string& path) {
  auto file = std::make_shared<File>();
  file->path = path;
  SMKI_ASSIGN_OR_RETURN(file->fd, CreateFile(path, 0600));
  if (::unlink(path.c_str()) != 0) return Failed(path, "unlink");
  file->direct = file->fd;
  return std::unique_ptr<Output>(new Output(std::move(file), 0));
}

StatusOr<std::unique_ptr<Output>> Output::Branch(uint64_t octets) {
  SMKI_CHECK(worker_ != nullptr && octets % kPage == 0);
  SMKI_RETURN_IF_ERROR(Flush());
  auto out = std::unique_ptr<Output>(new Output(file_, size_));
  out->worker_ = std::make_unique<Worker>(kWaiting);
  size_ += octets;
  return out;
}

Status Output::Write(const uint8_t* octets, size_t size, uint64_t offset) const {
  int fd = worker_ != nullptr ? file_->direct : file_->fd;
  while (size > 0) {
    const ssize_t count = ::pwrite(fd, octets, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    // A file system may open what it cannot write.
    if (count < 0 && errno == EINVAL && fd != file_->fd) {
      fd = file_->fd;
      continue;
    }
    if (count <= 0) {
      if (count == 0) errno = ENOSPC;
      return Failed(file_->path, "write");
    }
    octets += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return OkStatus();
}

// The block is written, now or soon, and another one is filled.
Status Output::EndBlock() {
  if (used_ == 0) return OkStatus();
  const uint8_t* octets = blocks_[block_].get();
  const size_t size = used_;
  const uint64_t offset = size_;
  size_ += size;
  used_ = 0;
  if (worker_ == nullptr) return Write(octets, size, offset);
  // It comes round again only when others that were given later are done.
  block_ = (block_ + 1) % kBlocks;
  return worker_->Do([this, octets, size, offset] {
    const Status status = Write(octets, size, offset);
    // A hint where the system's cache could not be passed by: it begins to write, and waits for nothing.
    if (file_->direct == file_->fd)
      ::sync_file_range(file_->fd, static_cast<off_t>(offset), static_cast<off_t>(size), SYNC_FILE_RANGE_WRITE);
    return status;
  });
}

Status Output::Append(ByteSpan octets) {
  if (worker_ == nullptr && used_ == 0 && octets.size() >= kBlock) {
    SMKI_RETURN_IF_ERROR(Write(octets.data(), octets.size(), size_));
    size_ += octets.size();
    return OkStatus();
  }
  while (!octets.empty()) {
    auto& block = blocks_[block_];
    if (block == nullptr) block.reset(static_cast<uint8_t*>(std::aligned_alloc(kPage, kBlock)));
    if (block == nullptr) return Failed(file_->path, "allocate a block for");
    const size_t count = std::min(octets.size(), kBlock - used_);
    std::memcpy(block.get() + used_, octets.data(), count);
    used_ += count;
    octets = octets.subspan(count);
    if (used_ == kBlock) SMKI_RETURN_IF_ERROR(EndBlock());
  }
  return OkStatus();
}

Status Output::Align(size_t alignment) {
  const size_t over = size() % alignment;
  return over == 0 ? OkStatus() : Append(Bytes(alignment - over));
}

Status Output::Flush() {
  SMKI_CHECK(worker_ == nullptr || used_ % kPage == 0);
  SMKI_RETURN_IF_ERROR(EndBlock());
  return worker_ == nullptr ? OkStatus() : worker_->Wait();
}

Status Output::Sync() {
  const uint64_t end = size();
  SMKI_RETURN_IF_ERROR(Align(kPage));
  SMKI_RETURN_IF_ERROR(Flush());
  if (::ftruncate(file_->fd, static_cast<off_t>(end)) != 0) return Failed(file_->path, "end");
  size_ = end;
  if (::fdatasync(file_->fd) == 0) return OkStatus();
  std::fprintf(stderr, "%s: fdatasync failed: %s; the process ends, since what is on the disk is not known\n",
               file_->path.c_str(), std::strerror(errno));
  std::abort();
}

Status Output::ReadAt(uint64_t offset, std::span<uint8_t> out) const {
  while (!out.empty()) {
    const ssize_t count = ::pread(file_->fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return Refuse(Refusal::kSTORE_DAMAGED, fmt::format("{}: cannot read back octet {}: {}", file_->path, offset,
                                                         count < 0 ? std::strerror(errno) : "it became shorter"));
    }
    offset += static_cast<uint64_t>(count);
    out = out.subspan(static_cast<size_t>(count));
  }
  return OkStatus();
}

}  // namespace smki::repository
