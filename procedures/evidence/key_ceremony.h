// Whether the results of a key ceremony may be believed: transcript, its witnesses, and every file it names.
#pragma once

#include <map>
#include <span>
#include <string>

#include "pki/certificate.h"
#include "procedures/evidence/signed_document.h"
#include "procedures/key_ceremony.h"

namespace smki::procedures {

// The transcript if it is of the policy's environment and signed by kCeremonyWitnesses different persons of the policy;
// CEREMONY_NOT_WITNESSED or ENVIRONMENT_MISMATCH.
StatusOr<KeyCeremonyTranscript> CheckTranscript(const TrustPolicy& policy, const PolicyVerifier& verifier,
                                                std::string_view text, std::span<const Bytes> signatures, UtcTime now);

// `files` are exactly the transcript's outputs, octet for octet. CEREMONY_OUTPUT_WRONG names the first that is not.
Status CheckOutputs(const KeyCeremonyTranscript& transcript, const std::map<std::string, Bytes>& files);

// The profile of an authority's certificate (GBCS.md 6.2 to 6.4), as the ceremony of `plan` makes it: subject,
// lifetime, key usage, path length, policy, identifiers, signature of `issuer` (itself for a root); a root carries a
// contingency key and nobody else does. CEREMONY_OUTPUT_WRONG says what is not so.
Status CheckAuthorityProfile(const KeyCeremonyPlan& plan, const pki::Certificate& certificate,
                             const pki::Certificate& issuer);

}  // namespace smki::procedures
