#include "repository/web/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>

#include "repository/extract/shown.h"

namespace smki::repository::web {
namespace {

class FileAccessLog : public AccessLog {
 public:
  explicit FileAccessLog(std::string path) : path_(std::move(path)) {}
  ~FileAccessLog() override {
    if (fd_ >= 0) ::close(fd_);
  }

  bool Write(const Access& access) override {
    nlohmann::ordered_json line = {{"time", FormatTimeMillis(access.time)},
                                   {"peer", access.peer},
                                   {"method", Shown(access.method)},
                                   {"path", Shown(access.path)},
                                   {"status", access.status},
                                   {"audit_reference", access.audit_reference},
                                   {"microseconds", access.took.count()},
                                   {"octets", access.octets}};
    if (!access.dropped.empty()) line["dropped"] = access.dropped;
    const std::string text = line.dump() + "\n";
    std::lock_guard lock(mutex_);
    return ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }

  Status Reopen() override {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return Unavailable("cannot open the access log {}: {}", path_, std::strerror(errno));
    std::lock_guard lock(mutex_);
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    return OkStatus();
  }

 private:
  const std::string path_;
  std::mutex mutex_;
  int fd_ = -1;
};

}  // namespace

StatusOr<std::unique_ptr<AccessLog>> AccessLog::Open(const std::string& path) {
  auto log = std::make_unique<FileAccessLog>(path);
  SMKI_RETURN_IF_ERROR(log->Reopen());
  return log;
}

}  // namespace smki::repository::web
