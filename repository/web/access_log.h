// Who asked for what: one JSON object a line for every request, also for those that were dropped
// (docs/formats/repository-web.md).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/time.h"

namespace smki::repository::web {

struct Access {
  UtcTime time;  // of its first octet
  std::string peer, method, path, audit_reference;
  unsigned status = 0;  // 0: no answer was made
  std::chrono::microseconds took{0};
  uint64_t octets = 0;  // of the answer's body
  std::string dropped;  // why the connection was ended before the answer was taken; else empty
};

inline constexpr size_t kMaxUnwritten = 8 << 20;  // octets of lines that the disk has not taken yet

class AccessLog {
 public:
  // Appends to `path`, creating it (0640). A thread of its own writes, so that no request waits for a disk that others
  // keep busy.
  static StatusOr<std::unique_ptr<AccessLog>> Open(const std::string& path);
  // Writes what is left.
  virtual ~AccessLog() = default;
  // Lines stay whole. False if lines are being lost: the last write failed, or kMaxUnwritten is reached. Any thread.
  virtual bool Write(const Access& access) = 0;
  // Returns when every line taken so far has been given to the system. Any thread.
  virtual void Flush() = 0;
  // After the file was renamed away: opens the path again for lines not yet written. Any thread.
  virtual Status Reopen() = 0;
};

}  // namespace smki::repository::web
