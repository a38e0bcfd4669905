#include "procedures/share_check.h"

#include "procedures/canonical_archive.h"

namespace smki::procedures {

template <typename A>
void Fields(A& a, ShareCheck& d) {
  a.Header("ShareCheck");
  EnvironmentField(a, d.environment);
  a.Field("key", d.key);
  a.Field("person", d.person);
  a.Field("index", d.index);
  a.Field("threshold", d.threshold);
  a.Field("custodians", d.custodians);
  a.Field("commitment", d.commitment);
  a.Group("policy", [&] {
    a.Field("version", d.policy_version);
    a.Field("digest", d.policy);
  });
  a.Field("time", d.time);
}

std::string Render(const ShareCheck& check) {
  return RenderCanonical(check);
}

StatusOr<ShareCheck> ParseShareCheck(std::string_view text) {
  auto check = ParseCanonical<ShareCheck>(text, kMaxDocument);
  if (!check.ok()) return InvalidArgument("ShareCheck {}", Message(check.status()));
  return check;
}

std::optional<uint64_t> LossesBorne(uint64_t shares, uint64_t needed) {
  if (shares < needed) return std::nullopt;
  return shares - needed;
}

}  // namespace smki::procedures
