#include "hsm/custody/binding.h"

#include "procedures/canonical_archive.h"

namespace smki::hsm {

// Found by argument-dependent lookup from canonical_archive.h, so not in an unnamed namespace.
template <typename Archive>
void Fields(Archive& a, TokenBinding& b) {
  a.Header("TokenBinding");
  EnvironmentField(a, b.environment);
  a.Field("key", b.key);
  a.Group("policy", [&] {
    a.Field("version", b.policy_version);
    a.Field("digest", b.policy);
  });
}

template <typename Archive>
void Fields(Archive& a, TokenWitness& w) {
  a.Header("TokenWitness");
  a.Field("epoch", w.epoch);
  a.Group("journal", [&] {
    a.Field("records", w.journal_records);
    a.Field("head", w.journal_head);
  });
}

std::string Render(const TokenBinding& binding) {
  return procedures::RenderCanonical(binding);
}
std::string Render(const TokenWitness& witness) {
  return procedures::RenderCanonical(witness);
}

StatusOr<TokenBinding> ParseTokenBinding(std::string_view text) {
  return procedures::ParseCanonical<TokenBinding>(text, procedures::kMaxDocument);
}
StatusOr<TokenWitness> ParseTokenWitness(std::string_view text) {
  return procedures::ParseCanonical<TokenWitness>(text, procedures::kMaxDocument);
}

}  // namespace smki::hsm
