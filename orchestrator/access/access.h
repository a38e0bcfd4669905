// Who is asking, and did they sign what they ask for (I4). Pure but for the clock it is given.
#pragma once

#include <string>

#include "base/status.h"
#include "base/time.h"
#include "procedures/documents.h"
#include "procedures/evidence/signed_document.h"

namespace smki::orchestrator {

// The person of the policy behind a transport identity. NOT_PERMITTED if there is none.
StatusOr<const procedures::Person*> PersonOf(const procedures::TrustPolicy& policy, const std::string& caller);

// What a statement must say, word for word, to stand for a request.
struct ExpectedStatement {
  std::string incident, step, verb, choice;
  uint64_t sequence = 0;
  std::string text;
  std::string deviation{}, not_after{}, runbook{}, witness{};  // empty: it must not say any
  std::map<std::string, std::string> factors{};                // id -> answer
};
inline constexpr char kNone[] = "none";        // step or choice of a statement that has none
inline constexpr char kNewIncident[] = "new";  // incident of the statement that opens one

// OK if `cms` is `person`'s signature over `document`, made within five minutes of `now`, and the document is the
// statement expected. STATEMENT_INVALID says which field differs; a signature that is not acceptable refuses with its
// own reason.
Status CheckStatement(const procedures::TrustPolicy& policy, const procedures::PolicyVerifier& verifier,
                      const procedures::Person& person, ByteSpan document, ByteSpan cms,
                      const ExpectedStatement& expected, UtcTime now);

}  // namespace smki::orchestrator
