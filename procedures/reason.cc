#include "procedures/reason.h"

#include <iterator>

namespace smki::procedures {
namespace {

constexpr ReasonText kTexts[] = {
#define X(code, meaning, next) {#code, meaning, next},
    SMKI_REASONS(X)
#undef X
};

StatusCode CodeOf(Reason reason) {
  if (reason == Reason::kNOT_PERMITTED) return StatusCode::kPermissionDenied;
  if (reason == Reason::kBAD_REQUEST) return StatusCode::kInvalidArgument;
  return StatusCode::kFailedPrecondition;
}

}  // namespace

const ReasonText& TextOf(Reason reason) {
  return kTexts[static_cast<size_t>(reason)];
}

std::optional<Reason> ReasonFromCode(std::string_view code) {
  for (size_t i = 0; i < std::size(kTexts); ++i) {
    if (kTexts[i].code == code) return static_cast<Reason>(i);
  }
  return std::nullopt;
}

const std::vector<Reason>& AllReasons() {
  static const std::vector<Reason> all = [] {
    std::vector<Reason> out;
    for (size_t i = 0; i < std::size(kTexts); ++i) out.push_back(static_cast<Reason>(i));
    return out;
  }();
  return all;
}

Status Refuse(Reason reason, const std::string& detail) {
  const ReasonText& text = TextOf(reason);
  return WithReason(Error(CodeOf(reason), "{}: {}. Next: {}", text.code, detail, text.next), std::string(text.code));
}

bool IsRefusal(const Status& status, Reason reason) {
  return ReasonOf(status) == TextOf(reason).code;
}

}  // namespace smki::procedures
