// The PMA's votes on a Direction as they are signed and sent: who voted what, and what it amounts to (quorum.h).
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "procedures/evidence/signed_document.h"
#include "procedures/quorum.h"

namespace smki::procedures {

// A document with a person's detached CMS over it.
struct SignedText {
  std::string text;
  Bytes cms;
};
struct SignedVotes {
  std::vector<Bytes> approvals;        // detached CMS over the Direction
  std::vector<SignedText> rejections;  // Rejection
  std::optional<SignedText> cast;      // CastingVote
};

// A rejection of the Direction of this digest: signed by whom it names, for this environment, with a reason. The reason
// of a fault is a vote's, as in VerifyApproval; APPROVAL_OTHER_DOCUMENT if it is about another Direction.
SignatureFinding VerifyRejection(const TrustPolicy& policy, const PolicyVerifier& verifier, const Digest& direction,
                                 const SignedText& rejection, UtcTime now);

// Every signature verified; nothing is judged yet, and a vote that is none has its fault. APPROVAL_MALFORMED if the
// casting vote is no CastingVote.
StatusOr<Votes> VerifyVotes(const TrustPolicy& policy, const PolicyVerifier& verifier, const Direction& direction,
                            ByteSpan direction_text, const SignedVotes& votes, UtcTime now);

// A Direction that is directed.
struct VotedDirection {
  Direction direction;
  Digest digest{};
  std::set<std::string> voters;  // on both sides, and the Chair
  UtcTime newest_vote;
};
// The whole static judgement of a Direction in one call (I1): text, rules, policy, each vote, quorum.
StatusOr<VotedDirection> AdmitDirection(const TrustPolicy& policy, const PolicyVerifier& verifier,
                                        ByteSpan direction_text, const SignedVotes& votes, const std::string& incident,
                                        UtcTime now);

}  // namespace smki::procedures
