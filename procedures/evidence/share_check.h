// Is a share still good? Asked by its custodian at home, without any server; and asked by others of what the custodian
// signed about it.
#pragma once

#include "pki/certificate.h"
#include "pki/key.h"
#include "procedures/evidence/signed_document.h"
#include "procedures/share_check.h"

namespace smki::procedures {

// Opens `envelope` (a share at rest) and holds it against `policy`. SHARE_WRONG, SHARE_FROM_STRANGER or SHARE_MALFORMED
// if it is not what `person` must be able to show; the result is to be signed by them.
StatusOr<ShareCheck> CheckShareAtHome(const TrustPolicy& policy, const Digest& policy_digest, const std::string& person,
                                      ByteSpan envelope, const pki::PrivateKey& agreement_key,
                                      const pki::Certificate& agreement_certificate, UtcTime now);

// A record that was handed in: signed by the custodian it names, of this environment, about the share that `policy`
// commits to now, dated when it was signed and not in the future. Refusals carry their reason code.
StatusOr<ShareCheck> VerifyShareCheck(const TrustPolicy& policy, const PolicyVerifier& verifier, std::string_view text,
                                      ByteSpan cms, UtcTime now);

}  // namespace smki::procedures
