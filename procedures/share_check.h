// A Key Custodian's word that their share was whole on a day, and what a key can still lose (docs/formats/share.md).
#pragma once

#include <optional>
#include <string>

#include "procedures/policy.h"

namespace smki::procedures {

// Signed by the custodian after their tool opened the share at home and found it to be the one the trust policy commits
// to. It says nothing about the share itself.
struct ShareCheck {
  Environment environment;
  std::string key;  // recovery | contingency | symmetric
  std::string person;
  uint64_t index = 0;
  uint64_t threshold = 0;   // needed of
  uint64_t custodians = 0;  // so many
  Digest commitment{};  // that the share was found to match: after a refresh, checks of the old shares count no more
  uint64_t policy_version = 0;
  Digest policy{};
  UtcTime time;
};
inline constexpr char kShareCheckHint[] = "smki share check";

std::string Render(const ShareCheck&);
// kInvalidArgument "ShareCheck line N: ...".
StatusOr<ShareCheck> ParseShareCheck(std::string_view text);

// How many of `shares` may still be lost before fewer than `needed` are left; nullopt if fewer are left already.
std::optional<uint64_t> LossesBorne(uint64_t shares, uint64_t needed);
// Below this many, somebody should act (`smkictl policy show`, `share check`, `share status` warn).
inline constexpr uint64_t kComfortableMargin = 2;

}  // namespace smki::procedures
