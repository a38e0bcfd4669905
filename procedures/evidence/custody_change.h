// A custody change with its signatures: whether it may be made, and whether a new policy came from it.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "procedures/custody_change.h"
#include "procedures/evidence/signed_document.h"

namespace smki::procedures {

struct AdmittedCustodyChange {
  CustodyChange change;
  Digest digest{};
  std::set<std::string> approvers;
  UtcTime newest_approval;
};
// The whole judgement in one call: text, rules, policy, each approval, quorum, all at `now`.
StatusOr<AdmittedCustodyChange> AdmitCustodyChange(const TrustPolicy& policy, const Digest& policy_digest,
                                                   const PolicyVerifier& verifier, std::string_view text,
                                                   std::span<const Bytes> approvals, UtcTime now);

// Everything that says how one policy became the next. As octets: nothing is trusted that was parsed elsewhere.
struct Succession {
  std::string change;  // CustodyChange
  std::vector<Bytes> approvals;
  std::string record;  // CustodyRecord
  Bytes signature;     // of the keyguard over it
  std::string policy;  // the new one
};
// The next trust policy, if `succession` proves it: the quorum of `policy` (whose text is `policy_text`) approved the
// change, the new policy is the old one with exactly that change, the keyguard of the old policy signed that it carried
// it out, and every new custodian has shown their share back.
StatusOr<TrustPolicy> VerifySuccession(const TrustPolicy& policy, std::string_view policy_text,
                                       const PolicyVerifier& verifier, const Succession& succession, UtcTime now);

}  // namespace smki::procedures
