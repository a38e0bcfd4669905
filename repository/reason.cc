#include "repository/reason.h"

namespace smki::repository {
namespace {

struct Entry {
  const char* name;
  const char* text;
};
constexpr Entry kRejects[] = {
#define X(code, text) {#code, text},
    SMKI_REPOSITORY_REJECTS(X)
#undef X
};
constexpr Entry kRefusals[] = {
#define X(code, text) {#code, text},
    SMKI_REPOSITORY_REFUSALS(X)
#undef X
};

}  // namespace

const char* Name(Reject reject) {
  return kRejects[static_cast<size_t>(reject)].name;
}
const char* Text(Reject reject) {
  return kRejects[static_cast<size_t>(reject)].text;
}
const char* Name(Refusal refusal) {
  return kRefusals[static_cast<size_t>(refusal)].name;
}
const char* Text(Refusal refusal) {
  return kRefusals[static_cast<size_t>(refusal)].text;
}

Status Refuse(Refusal refusal, const std::string& detail, StatusCode code) {
  return WithReason(Error(code, "{}", detail), Name(refusal));
}

}  // namespace smki::repository
