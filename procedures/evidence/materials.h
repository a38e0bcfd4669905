// What a Direction names by digest, checked against what was handed over: population files and certificates.
#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "procedures/direction.h"
#include "procedures/policy.h"

namespace smki::procedures {

struct Materials {
  std::map<std::string, ByteSpan> populations;  // group -> file (population.h)
  std::map<Digest, Bytes> certificates;         // SHA-256 -> DER; re-hashed here, the key is not believed
};

// OK if `materials` hold exactly what `direction` (of this policy's environment) directs:
//   every group's population file, of its digest, count, group and environment, no Device in two;
//   every certificate of its digest, with role and key usage of the cell it goes into, one organisation for each role
//   in a group, and a path over the group's path certificates to the policy's organisation root (or to the root
//   certificate that the group itself installs);
//   the certificate of the recovery key with a path to that root, over whatever issuers were handed over; of the
//   contingency key the policy's organisation root itself. Validity is looked at only where timeChecks are on.
// Reasons: POPULATION_MALFORMED, POPULATION_DIGEST_MISMATCH, POPULATIONS_OVERLAP, ENVIRONMENT_MISMATCH,
// CERTIFICATE_DIGEST_MISMATCH, CERTIFICATE_NOT_FOR_CELL, CERTIFICATE_PATH_INVALID.
Status CheckMaterials(const TrustPolicy& policy, const Direction& direction, const Materials& materials, UtcTime now);

}  // namespace smki::procedures
