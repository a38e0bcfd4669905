// What a token says of itself (docs/formats/token-binding.md): two CKO_DATA objects with canonical text.
//
// "smki-binding", written when the token is made and when a custody change replaces the policy: environment, key, and
// the trust policy it obeys (I8). "smki-witness", written at each activation and close: how long the journal was then,
// so that an older journal is found out.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "procedures/environment.h"

namespace smki::hsm {

inline constexpr char kBindingLabel[] = "smki-binding";
inline constexpr char kWitnessLabel[] = "smki-witness";

struct TokenBinding {
  procedures::Environment environment;
  std::string key;  // recovery | contingency | symmetric; also the label of its key objects
  uint64_t policy_version = 0;
  Digest policy{};  // SHA-256 of the trust policy's text
};
std::string Render(const TokenBinding& binding);
StatusOr<TokenBinding> ParseTokenBinding(std::string_view text);

struct TokenWitness {
  uint64_t epoch = 0;  // activations of this token
  uint64_t journal_records = 0;
  Digest journal_head{};  // after that many records
};
std::string Render(const TokenWitness& witness);
StatusOr<TokenWitness> ParseTokenWitness(std::string_view text);

}  // namespace smki::hsm
