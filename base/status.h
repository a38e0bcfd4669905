// Errors as values. The one place where absl meets std: Debian's Abseil has a string_view of its own,
// so texts are built with fmt and handed over as std::string (docs/contributor.md).
//
// An error tells what is wrong, with which thing, and what to do next. A refusal also carries its stable
// reason code (procedures/reason.h, docs/formats/reason-codes.md).
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <string>
#include <utility>

namespace smki {

using absl::Status;
using absl::StatusCode;
using absl::StatusOr;

inline Status OkStatus() {
  return absl::OkStatus();
}

template <typename... Args>
Status Error(StatusCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Status(code, fmt::format(format, std::forward<Args>(args)...));
}

// The caller gave something wrong; it will stay wrong.
template <typename... Args>
Status InvalidArgument(fmt::format_string<Args...> format, Args&&... args) {
  return Error(StatusCode::kInvalidArgument, format, std::forward<Args>(args)...);
}
// The caller may be right, but not now: something must happen first.
template <typename... Args>
Status FailedPrecondition(fmt::format_string<Args...> format, Args&&... args) {
  return Error(StatusCode::kFailedPrecondition, format, std::forward<Args>(args)...);
}
template <typename... Args>
Status NotFound(fmt::format_string<Args...> format, Args&&... args) {
  return Error(StatusCode::kNotFound, format, std::forward<Args>(args)...);
}
template <typename... Args>
Status PermissionDenied(fmt::format_string<Args...> format, Args&&... args) {
  return Error(StatusCode::kPermissionDenied, format, std::forward<Args>(args)...);
}
// Something that was durable cannot be read back as written.
template <typename... Args>
Status DataLoss(fmt::format_string<Args...> format, Args&&... args) {
  return Error(StatusCode::kDataLoss, format, std::forward<Args>(args)...);
}
// The other side or the machine cannot serve now; trying again is sensible.
template <typename... Args>
Status Unavailable(fmt::format_string<Args...> format, Args&&... args) {
  return Error(StatusCode::kUnavailable, format, std::forward<Args>(args)...);
}
template <typename... Args>
Status Internal(fmt::format_string<Args...> format, Args&&... args) {
  return Error(StatusCode::kInternal, format, std::forward<Args>(args)...);
}

// The text of a status as std::string (message() is absl's string_view).
inline std::string Message(const Status& status) {
  return std::string(status.message());
}

// The same error with "context: " in front of its text.
Status WithContext(const Status& status, const std::string& context);

// Attaches, or reads back (empty if none), the stable reason code of a refusal.
Status WithReason(Status status, const std::string& reason);
std::string ReasonOf(const Status& status);

}  // namespace smki

#define SMKI_CONCAT_INNER(a, b) a##b
#define SMKI_CONCAT(a, b) SMKI_CONCAT_INNER(a, b)

// Returns from the enclosing function if `expr` is not OK.
#define SMKI_RETURN_IF_ERROR(expr)             \
  do {                                         \
    ::absl::Status smki_status = (expr);       \
    if (!smki_status.ok()) return smki_status; \
  } while (false)

// SMKI_ASSIGN_OR_RETURN(auto x, F()): x is F()'s value, or the enclosing function returns F()'s error.
#define SMKI_ASSIGN_OR_RETURN(lhs, expr) SMKI_ASSIGN_OR_RETURN_IMPL(SMKI_CONCAT(smki_status_or_, __LINE__), lhs, expr)
#define SMKI_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                               \
  if (!tmp.ok()) return tmp.status();              \
  lhs = std::move(tmp).value()

// A condition that only a programming error can break: says so and ends the process (fail closed, I10).
#define SMKI_CHECK(condition) ((condition) ? static_cast<void>(0) : ::smki::CheckFailed(#condition, __FILE__, __LINE__))

namespace smki {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}
