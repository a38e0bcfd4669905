#include "repository/web/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "repository/extract/shown.h"

namespace smki::repository::web {
namespace {

std::string LineOf(const Access& access) {
  nlohmann::ordered_json line = {{"time", FormatTimeMillis(access.time)},
                                 {"peer", access.peer},
                                 {"method", Shown(access.method)},
                                 {"path", Shown(access.path)},
                                 {"status", access.status},
                                 {"audit_reference", access.audit_reference},
                                 {"microseconds", access.took.count()},
                                 {"octets", access.octets}};
  if (!access.dropped.empty()) line["dropped"] = access.dropped;
  return line.dump() + "\n";
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

class FileAccessLog : public AccessLog {
 public:
  explicit FileAccessLog(std::string path) : path_(std::move(path)) {}
  ~FileAccessLog() override {
    {
      const std::lock_guard lock(mutex_);
      end_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    if (fd_ >= 0) ::close(fd_);
  }

  void Begin() {
    thread_ = std::thread([this] { Run(); });
  }

  bool Write(const Access& access) override {
    const std::string line = LineOf(access);
    const std::lock_guard lock(mutex_);
    if (unwritten_.size() + line.size() > kMaxUnwritten) return false;
    unwritten_ += line;
    wake_.notify_all();
    return !failed_;
  }

  void Flush() override {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return unwritten_.empty() && !writing_; });
  }

  Status Reopen() override {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return Unavailable("cannot open the access log {}: {}", path_, std::strerror(errno));
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return !writing_; });
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    return OkStatus();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return end_ || !unwritten_.empty(); });
      if (unwritten_.empty()) return;
      std::string lines;
      lines.swap(unwritten_);
      writing_ = true;
      lock.unlock();
      const bool written = WriteAll(fd_, lines);
      lock.lock();
      failed_ = !written;
      writing_ = false;
      wake_.notify_all();
    }
  }

  const std::string path_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string unwritten_;
  bool writing_ = false;  // then fd_ is the thread's
  bool failed_ = false, end_ = false;
  int fd_ = -1;
  std::thread thread_;
};

}  // namespace

StatusOr<std::unique_ptr<AccessLog>> AccessLog::Open(const std::string& path) {
  auto log = std::make_unique<FileAccessLog>(path);
  SMKI_RETURN_IF_ERROR(log->Reopen());
  log->Begin();
  return log;
}

}  // namespace smki::repository::web
