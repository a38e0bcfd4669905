// The auditor's check of an evidence folder, offline and against nothing but the digest of the trust policy.
//
// Ten checks, in this order; each says what it looked at and everything it found wrong (at most kMaxFindings in all are
// kept, the rest is counted). Reads only. docs/formats/ledger.md, journal.md, campaign-log.md say what the files are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace smki::cli {

inline constexpr size_t kMaxFindings = 100;
inline constexpr int kChecks = 10;

enum class Verdict {
  kVerified,        // no finding, and the policy is the anchored one
  kSelfConsistent,  // no finding, but no anchor was given: the whole folder may have been made up
  kFindings,
};
std::string Name(Verdict verdict);  // verified | self-consistent | findings

struct Finding {
  int check = 0;      // 1 to kChecks
  std::string where;  // "entry 17", "journal record 4", "direction/direction.yaml"
  std::string what;   // one sentence
};
struct CheckResult {
  std::string name;       // "policy", "chain", "checkpoint", ...
  std::string looked_at;  // "412 entries", "1,020 signatures"
  uint64_t findings = 0;
};
struct VerifyReport {
  std::vector<CheckResult> checks;  // kChecks of them
  std::vector<Finding> findings;    // the first kMaxFindings
  uint64_t finding_count = 0;
  bool anchored = false;
  Digest policy{};
  uint64_t entries = 0;
  Digest head{};
  std::string incident;
  uint64_t signatures = 0, devices = 0, recovered = 0;
  Verdict verdict() const;
};

// `anchor`: SHA-256 of the trust policy, as the reader knows it from elsewhere. Fails only if `folder` is no evidence
// folder.
StatusOr<VerifyReport> VerifyEvidence(const std::string& folder, const std::optional<Digest>& anchor);

}  // namespace smki::cli
