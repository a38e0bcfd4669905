#include "procedures/evidence/custody_change.h"

#include "pki/digest.h"

namespace smki::procedures {
namespace {

StatusOr<AdmittedCustodyChange> JudgeQuorum(const TrustPolicy& policy, const PolicyVerifier& verifier,
                                            CustodyChange change, std::string_view text,
                                            std::span<const Bytes> approvals, UtcTime now) {
  // More signatures than seats cannot all count: say so before verifying any.
  if (approvals.size() > policy.seats.size()) {
    return Refuse(Reason::kAPPROVAL_DUPLICATE_MEMBER,
                  fmt::format("{} approvals for {} seats", approvals.size(), policy.seats.size()));
  }
  AdmittedCustodyChange out{std::move(change), pki::Sha256(text), {}, {}};
  std::vector<SignatureFinding> findings;
  for (const Bytes& approval : approvals) {
    findings.push_back(
        verifier.Verify(AsBytes(text), approval, now, fmt::format("{} {}", kCustodyChangeHint, out.change.id)));
    out.approvers.insert(findings.back().person);
    out.newest_approval = std::max(out.newest_approval, findings.back().signing_time);
  }
  SMKI_RETURN_IF_ERROR(
      JudgeApprovals(policy, ForApproval{out.change.id, out.change.requested_by, out.change.drafted}, findings, now));
  return out;
}

Status JudgeRecord(const TrustPolicy& policy, const AdmittedCustodyChange& admitted, const CustodyRecord& record,
                   const TrustPolicy& next, const Digest& next_digest) {
  const CustodyChange& change = admitted.change;
  const bool same = record.environment == policy.environment && record.key == change.key &&
                    record.change_id == change.id && record.change == admitted.digest &&
                    record.from_version == change.policy_version && record.from == change.policy &&
                    record.to_version == next.version && record.to == next_digest;
  if (!same) {
    return Refuse(Reason::kPOLICY_DIGEST_MISMATCH,
                  fmt::format("the keyguard's record of {} is of another change or policy", change.id));
  }
  const std::set<std::string> confirmed(record.confirmed.begin(), record.confirmed.end());
  for (const std::string& person : change.custodians) {
    if (!confirmed.contains(person)) {
      return Refuse(Reason::kSHARES_TOO_FEW, fmt::format("{} has not shown their new share back", person));
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<AdmittedCustodyChange> AdmitCustodyChange(const TrustPolicy& policy, const Digest& policy_digest,
                                                   const PolicyVerifier& verifier, std::string_view text,
                                                   std::span<const Bytes> approvals, UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(CustodyChange change, ParseCustodyChange(text));
  SMKI_RETURN_IF_ERROR(JudgeCustodyChange(policy, policy_digest, change, now));
  return JudgeQuorum(policy, verifier, std::move(change), text, approvals, now);
}

StatusOr<TrustPolicy> VerifySuccession(const TrustPolicy& policy, std::string_view policy_text,
                                       const PolicyVerifier& verifier, const Succession& succession, UtcTime now) {
  const pki::CmsVerdict verdict =
      pki::VerifyDetached(AsBytes(succession.record), succession.signature, verifier.KeyguardCertificate());
  if (!verdict.ok()) {
    return Refuse(Reason::kNOT_PERMITTED,
                  "the custody record is not signed by the keyguard of the trust policy: " + verdict.detail);
  }
  const auto record = ParseCustodyRecord(succession.record);
  if (!record.ok()) return Refuse(Reason::kBAD_REQUEST, Message(record.status()));
  SMKI_ASSIGN_OR_RETURN(CustodyChange change, ParseCustodyChange(succession.change));
  // It had to be valid when it was carried out, not when somebody looks at it.
  SMKI_RETURN_IF_ERROR(JudgeCustodyChange(policy, pki::Sha256(policy_text), change, record->time));
  SMKI_ASSIGN_OR_RETURN(const AdmittedCustodyChange admitted,
                        JudgeQuorum(policy, verifier, std::move(change), succession.change, succession.approvals, now));
  auto next = ParsePolicy(succession.policy);
  if (!next.ok()) return Refuse(Reason::kPOLICY_INCOMPLETE, Message(next.status()));
  SMKI_RETURN_IF_ERROR(JudgeSuccession(policy, admitted.change, *next));
  SMKI_RETURN_IF_ERROR(JudgeRecord(policy, admitted, *record, *next, pki::Sha256(succession.policy)));
  return next;
}

}  // namespace smki::procedures
