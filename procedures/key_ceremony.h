// A key ceremony: new key material made in a token, before witnesses (docs/formats/key-ceremony.md). What is to be made
// is a reviewed file; what was made is a transcript that its witnesses sign.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "procedures/canonical.h"
#include "procedures/environment.h"

namespace smki::procedures {

// --- What is to be made: strict YAML without PIN, slot, path, host or port ---

struct CeremonyCustody {
  uint64_t threshold = 0;     // 2 to 255
  std::string custodians_of;  // a key of the trust policy: its custodians get the shares of the new one
};
struct KeyCeremonyPlan {
  std::string id;  // "root-oca-2"; the folder of its results
  std::string title;
  std::string makes;  // contingency | root-oca | issuing-oca | recovery
  std::string token;  // label, to which "-ESTATE" is added
  // Of an authority.
  std::string common_name, organisational_unit;  // "00" root, "07" issuing
  uint64_t years = 0;                            // of its certificate
  std::string carries;                           // root-oca: the ceremony whose contingency key it carries
  std::string issuer;                            // issuing-oca: the ceremony that made its root
  // Of a pair with custodians.
  std::optional<CeremonyCustody> custody, symmetric_custody;  // symmetric: contingency only
  std::string symmetric_token;
  Digest digest{};  // SHA-256 of the file
};
// "FILE:LINE:COLUMN: ..." for whatever is not exactly what its kind needs.
StatusOr<KeyCeremonyPlan> LoadKeyCeremony(std::string_view text, const std::string& file);

// --- What was made ---

struct CeremonyOutput {
  std::string file;  // in the folder of the ceremony's results
  Digest sha256{};
};
struct KeyCeremonyTranscript {
  Environment environment;
  std::string id;
  Digest ceremony{};  // of the reviewed file
  std::string makes;
  std::string token;           // label
  std::string key_identifier;  // of the public key, 16 hexadecimal digits
  UtcTime started, ended;
  std::vector<CeremonyOutput> outputs;  // every file but the transcript and its signatures, in increasing order
};
std::string Render(const KeyCeremonyTranscript& transcript);
StatusOr<KeyCeremonyTranscript> ParseKeyCeremonyTranscript(std::string_view text);
inline constexpr char kKeyCeremonyHint[] = "smki key ceremony";

// Persons who must have signed a transcript before anybody believes it: whoever ran it, and a witness.
inline constexpr size_t kCeremonyWitnesses = 2;

}  // namespace smki::procedures
