// Every act of the PMA about one Direction: approve, reject, the Chair's casting vote, halt, resume, withdraw; who, for
// which seat, when, what, and whether it counts. Judged here, by this person's own trust policy: neither the
// orchestrator nor the keyguard is believed.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/text.h"
#include "procedures/evidence/votes.h"
#include "smki/keyguard/v1/keyguard.pb.h"
#include "smki/recovery/v1/recovery.pb.h"

namespace smki::cli {

// What votes and orders can amount to.
inline constexpr char kDirected[] = "directed";
inline constexpr char kNoneStands[] = "none stands";
inline constexpr char kHalted[] = "halted";
inline constexpr char kWithdrawn[] = "withdrawn";

struct PmaAct {
  UtcTime time;        // as signed
  std::string what;    // approve | reject | cast approve | cast reject | halt | resume | withdraw
  std::string person;  // empty: nobody the policy knows
  std::string seat;    // of the Chair: "chair"
  std::string reason;  // as signed
  std::string fault;   // why it does not count; empty: it counts
};
struct PmaActs {
  std::string direction_id;
  Digest direction{};
  std::vector<PmaAct> acts;  // votes in the order they came, then orders
  std::string votes;         // what the votes amount to: kDirected, or the refusal
  std::string orders;        // what the orders amount to: kNoneStands, kHalted, kWithdrawn; or why they are unknown
};

// The votes of `view` as they were signed.
procedures::SignedVotes VotesOf(const recovery::v1::DirectionView& view);

// Fails only if the Direction cannot be read. `status`: of the keyguard, with the orders of this Direction.
StatusOr<PmaActs> JudgeActs(const procedures::TrustPolicy& policy, const procedures::PolicyVerifier& verifier,
                            const recovery::v1::DirectionView& view, const StatusOr<keyguard::v1::Status>& status,
                            UtcTime now);

std::string PmaActsText(const PmaActs& acts, const Style& style);
Json PmaActsJson(const PmaActs& acts);

}  // namespace smki::cli
