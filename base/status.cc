#include "base/status.h"

#include <cstdio>
#include <cstdlib>

namespace smki {
namespace {
constexpr char kReasonUrl[] = "smki.reason";
}

Status WithContext(const Status& status, const std::string& context) {
  if (status.ok()) return status;
  Status out(status.code(), context + ": " + Message(status));
  status.ForEachPayload([&](auto url, const auto& payload) { out.SetPayload(url, payload); });
  return out;
}

Status WithReason(Status status, const std::string& reason) {
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  return status;
}

std::string ReasonOf(const Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload ? std::string(*payload) : std::string();
}

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: must hold, does not: %s\n", file, line, condition);
  std::abort();
}

}  // namespace smki
