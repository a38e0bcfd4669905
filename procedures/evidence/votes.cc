#include "procedures/evidence/votes.h"

#include <algorithm>

#include "pki/digest.h"
#include "procedures/documents.h"

namespace smki::procedures {
namespace {

SignatureFinding Faulty(SignatureFinding finding, Reason reason, std::string detail) {
  finding.fault = reason;
  finding.detail = std::move(detail);
  return finding;
}

// More votes than seats cannot all count: said before any is verified.
Status AtMostSeats(const TrustPolicy& policy, size_t votes) {
  if (votes <= policy.seats.size()) return OkStatus();
  return Refuse(Reason::kAPPROVAL_DUPLICATE_MEMBER, fmt::format("{} votes for {} seats", votes, policy.seats.size()));
}

void Note(VotedDirection& out, const SignatureFinding& vote) {
  out.voters.insert(vote.person);
  out.newest_vote = std::max(out.newest_vote, vote.signing_time);
}

}  // namespace

SignatureFinding VerifyRejection(const TrustPolicy& policy, const PolicyVerifier& verifier, const Digest& direction,
                                 const SignedText& rejection, UtcTime now) {
  const auto document = ParseRejection(rejection.text);
  if (!document.ok()) return Faulty({}, Reason::kAPPROVAL_MALFORMED, Message(document.status()));
  SignatureFinding finding = verifier.Verify(AsBytes(rejection.text), rejection.cms, now, kRejectionHint);
  if (finding.fault) return finding;
  if (finding.person != document->person) {
    return Faulty(finding, Reason::kNOT_PERMITTED,
                  fmt::format("a rejection by {}, signed by {}", document->person, finding.person));
  }
  if (document->environment != policy.environment) {  // I8
    return Faulty(finding, Reason::kENVIRONMENT_MISMATCH, "the rejection is for " + document->environment.ToString());
  }
  if (document->direction != direction)
    return Faulty(finding, Reason::kAPPROVAL_OTHER_DOCUMENT, "the rejection is of another Direction");
  if (document->reason.text.find_first_not_of(' ') == std::string::npos) {
    return Faulty(finding, Reason::kBAD_REQUEST,
                  "the rejection gives no reason; reject again and say why, so that the team can mend it");
  }
  return finding;
}

StatusOr<Votes> VerifyVotes(const TrustPolicy& policy, const PolicyVerifier& verifier, const Direction& direction,
                            ByteSpan direction_text, const SignedVotes& votes, UtcTime now) {
  SMKI_RETURN_IF_ERROR(AtMostSeats(policy, votes.approvals.size()));
  SMKI_RETURN_IF_ERROR(AtMostSeats(policy, votes.rejections.size()));
  const Digest digest = pki::Sha256(direction_text);
  Votes out;
  for (const Bytes& cms : votes.approvals)
    out.approvals.push_back({pki::Sha256(cms), verifier.VerifyApproval(direction, direction_text, cms, now)});
  for (const SignedText& rejection : votes.rejections)
    out.rejections.push_back({pki::Sha256(rejection.text), VerifyRejection(policy, verifier, digest, rejection, now)});
  if (!votes.cast) return out;
  auto cast = ParseCastingVote(votes.cast->text);
  if (!cast.ok()) return Refuse(Reason::kAPPROVAL_MALFORMED, Message(cast.status()));
  out.cast = Cast{*std::move(cast), verifier.Verify(AsBytes(votes.cast->text), votes.cast->cms, now, kCastingVoteHint)};
  return out;
}

StatusOr<VotedDirection> AdmitDirection(const TrustPolicy& policy, const PolicyVerifier& verifier,
                                        ByteSpan direction_text, const SignedVotes& votes, const std::string& incident,
                                        UtcTime now) {
  VotedDirection out;
  SMKI_ASSIGN_OR_RETURN(out.direction, ParseDirection(AsText(direction_text)));
  SMKI_RETURN_IF_ERROR(JudgeDirection(policy, out.direction, incident, now));
  out.digest = pki::Sha256(direction_text);
  SMKI_ASSIGN_OR_RETURN(const Votes verified, VerifyVotes(policy, verifier, out.direction, direction_text, votes, now));
  SMKI_RETURN_IF_ERROR(JudgeVotes(policy, out.direction, out.digest, verified, now));
  for (const Vote& vote : verified.approvals) Note(out, vote.finding);
  if (!verified.cast) return out;
  for (const Vote& vote : verified.rejections) Note(out, vote.finding);
  Note(out, verified.cast->finding);
  return out;
}

}  // namespace smki::procedures
