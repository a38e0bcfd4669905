// Changing who holds the shares of a key, between incidents (docs/formats/custody-change.md): appointment, ceasing,
// refresh. The PMA's quorum of the policy in force approves a CustodyChange; what follows from it is the next version
// of that policy, which differs from it in nothing but what the change says and the commitments of the new shares.
#pragma once

#include <string>
#include <vector>

#include "procedures/policy.h"

namespace smki::procedures {

struct CustodyChange {
  std::string id;  // "CUS-..."
  Environment environment;
  std::string key;              // recovery | contingency | symmetric
  std::string change;           // appoint | cease | refresh
  uint64_t policy_version = 0;  // in force; the change makes version + 1
  Digest policy{};
  uint64_t threshold = 0;               // of the new shares
  std::vector<std::string> custodians;  // all of them, by person; a share's index is its place, from 1
  std::vector<Person> persons;  // those of them whom the policy does not know yet; their only role: key-custodian
  std::string requested_by;
  std::string nonce;  // 32 hexadecimal digits
  UtcTime drafted;    // valid from here
  UtcTime not_after;
  Quoted rationale;
};
// The longest that a change may be valid.
inline constexpr Millis kMaxCustodyChangeValidity = std::chrono::hours(24 * 30);
inline constexpr char kCustodyChangeHint[] = "smki custody change";

std::string Render(const CustodyChange&);
// CUSTODY_CHANGE_INVALID "CustodyChange line N: ...", also for every rule that needs no policy.
StatusOr<CustodyChange> ParseCustodyChange(std::string_view text);

// May this change be made to `policy` at `now`? Environment, policy, key, validity; and it is the kind of change it
// says: appoint adds custodians (and may remove some), cease removes some and adds none, refresh keeps them all.
Status JudgeCustodyChange(const TrustPolicy& policy, const Digest& policy_digest, const CustodyChange& change,
                          UtcTime now);

// The next version of `policy`: the change with the commitments of its new shares, in the order of its custodians.
// POLICY_INCOMPLETE if that is no policy.
StatusOr<TrustPolicy> ChangedPolicy(const TrustPolicy& policy, const CustodyChange& change,
                                    const std::vector<Digest>& commitments, UtcTime issued);
// OK if `next` is `policy` with exactly this change; else POLICY_DIGEST_MISMATCH.
Status JudgeSuccession(const TrustPolicy& policy, const CustodyChange& change, const TrustPolicy& next);

// Signed by the keyguard of the policy in force when every new custodian has shown their share back: from now on the
// token opens with the new shares only, under the new policy only.
struct CustodyRecord {
  Environment environment;
  std::string key;
  std::string change_id;
  Digest change{};
  uint64_t from_version = 0;
  Digest from{};  // policy
  uint64_t to_version = 0;
  Digest to{};
  std::vector<std::string> confirmed;  // persons who showed their new share back: all of them
  uint64_t journal_records = 0;        // of the signer, when it was made (I3)
  Digest journal_head{};
  UtcTime time;
};
inline constexpr char kCustodyRecordHint[] = "smki custody record";
std::string Render(const CustodyRecord&);
StatusOr<CustodyRecord> ParseCustodyRecord(std::string_view text);

}  // namespace smki::procedures
