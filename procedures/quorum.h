// What the PMA's acts about one document amount to (SEC L10.9, DOMAIN section 1): votes, the Chair's casting vote,
// orders to halt, withdraw and resume. An absolute count of seats; nothing is inferred from absence.
//
// Pure: what the cryptography found comes in as findings. Signer, orchestrator, members' tools and the auditor all
// judge with this file.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "procedures/direction.h"
#include "procedures/documents.h"
#include "procedures/policy.h"
#include "procedures/reason.h"

namespace smki::procedures {

// What the cryptography found about one detached signature.
struct SignatureFinding {
  std::optional<Reason> fault;  // set: not acceptable, `detail` says why
  std::string detail;
  std::string person;  // policy person who signed; empty if unknown
  UtcTime signing_time;
};

// What is voted on: a Direction, or another document that takes the PMA's quorum.
struct ForApproval {
  std::string id, requested_by;
  UtcTime drafted;
};
ForApproval Of(const Direction& direction);

// Those who have voted on one document, on either side.
class Voters {
 public:
  Voters(const TrustPolicy& policy, ForApproval document, UtcTime now)
      : policy_(policy), document_(std::move(document)), now_(now) {}

  // Takes one more vote, or refuses it and stays as it is: free of fault, by a seat, no seat twice, no organisation
  // twice if the policy asks, not by the requester, signed between drafting and now (+ 5 min).
  Status Admit(const SignatureFinding& vote);
  bool Has(const std::string& organisation) const { return organisations_.contains(organisation); }
  UtcTime newest() const { return newest_; }  // signing time of the votes admitted

 private:
  Status JudgeAlone(const SignatureFinding& vote) const;

  const TrustPolicy& policy_;
  const ForApproval document_;
  const UtcTime now_;
  std::set<std::string> seats_, organisations_;
  UtcTime newest_;
};

// Approvals alone: each as Voters::Admit asks, count >= approvals_needed. OK or the first refusal.
Status JudgeApprovals(const TrustPolicy& policy, const ForApproval& document,
                      std::span<const SignatureFinding> approvals, UtcTime now);

// A vote and the digest by which a casting vote lists it: of an approval's CMS, of a Rejection's text.
struct Vote {
  Digest digest{};
  SignatureFinding finding;
};
struct Cast {
  CastingVote document;
  SignatureFinding finding;
};
struct Votes {
  std::vector<Vote> approvals;
  std::vector<Vote> rejections;  // count for nothing but the tie of a casting vote
  std::optional<Cast> cast;
};
// OK if `votes` direct: approvals_needed approvals; or one less with the Chair's casting vote as one more. That counts
// only if the policy's Chair signed it, over this Direction, not having requested it, after every vote it lists, not of
// a voter's organisation if the policy gives each one vote; if it lists exactly the votes given; and if these are good
// votes of different seats, as many on either side. DIRECTION_REJECTED for a casting vote to reject: then votes that it
// does not list change nothing. A casting vote that would not decide is QUORUM_SHORT, for either side.
Status JudgeVotes(const TrustPolicy& policy, const Direction& direction, const Digest& digest, const Votes& votes,
                  UtcTime now);

// Could `approvals` and `rejections` seats, with those that have not voted, still become a decision to approve?
bool QuorumReachable(const TrustPolicy& policy, size_t approvals, size_t rejections);

// An order as it was given. `seat`: whose voice it was then; empty in records older than this field.
struct GivenOrder {
  std::string order, person, seat;
};
// What orders amount to under `policy`: one seat halts; withdrawals_needed seats withdraw for good, counted as they
// were when they were given, whoever sits there now; approvals_needed seats of today, all after the halt and counted as
// approvals are, resume.
enum class Standing { kNone, kHalted, kWithdrawn };
Standing StandingAfter(std::span<const GivenOrder> orders, const TrustPolicy& policy);
// The same as a refusal: DIRECTION_WITHDRAWN or KEY_HALTED with `id`.
Status JudgeOrders(std::span<const GivenOrder> orders, const TrustPolicy& policy, const std::string& id);

}  // namespace smki::procedures
