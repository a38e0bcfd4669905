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

class AccessLog {
 public:
  // Appends to `path`, creating it (0640).
  static StatusOr<std::unique_ptr<AccessLog>> Open(const std::string& path);
  virtual ~AccessLog() = default;
  // One write, so that lines stay whole. False if the line could not be written. Any thread.
  virtual bool Write(const Access& access) = 0;
  // After the file was renamed away: opens the path again. Any thread.
  virtual Status Reopen() = 0;
};

}  // namespace smki::repository::web
