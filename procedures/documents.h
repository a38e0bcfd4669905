// The other signed documents: canonical text each, of its own kind, so that no signature over one can ever be
// taken for a signature over another (ARCHITECTURE section 5). Persons sign them detached (pki/cms.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "procedures/canonical.h"
#include "procedures/deviation.h"
#include "procedures/direction.h"
#include "procedures/environment.h"

namespace smki::procedures {

// A PMA member says no to a Direction.
struct Rejection {
  Environment environment;
  Digest direction{};
  std::string person;
  Quoted reason;
};
// The Chair decides a tie (DOMAIN section 1: no vote but this one). It lists both sides, so that it decides this tie
// and no other: nobody can put a vote to it, or take one away, afterwards.
struct CastingVote {
  Environment environment;
  Digest direction{};
  std::string person;
  std::string decision;            // approve | reject
  std::vector<Digest> approvals;   // SHA-256 of each approval's CMS; strictly increasing, 1 to 64
  std::vector<Digest> rejections;  // SHA-256 of each Rejection's text; the same
  UtcTime time;
  Quoted reason;  // not blank
};
// Halt: one member; the key closes. Withdrawal: the Direction is dead for good. Resume: quorum, then a ceremony.
struct PmaOrder {
  std::string order;  // halt | withdraw | resume
  Environment environment;
  Digest direction{};
  std::string person;
  UtcTime time;
  Quoted reason;
};
// What a person signs to attest, decide or deviate (I4): over incident, step and expected ledger sequence.
struct Statement {
  Environment environment;
  std::string incident;
  std::string step;
  std::string verb;    // done | decide | deviate | approve | open | pause | resume | close
  std::string choice;  // decide: the choice; approve: SHA-256 of the statement that asks for it; else "none"
  uint64_t expected_sequence = 0;
  std::string person;
  UtcTime time;
  Quoted text;
  // Of deviate, and then only (deviation.h).
  std::optional<std::string> deviation{};  // skip | repeat | reorder | repin
  std::optional<std::string> not_after{};  // reorder
  std::optional<Digest> runbook{};         // repin
  std::optional<Quoted> witness{};
  // Of decide: the factors that are answered, in increasing order of id (guidance.h).
  std::vector<GuidanceFactor> factors{};
};
// The keyguard asks custodians for shares; signed by the keyguard identity of the policy.
struct CeremonyRequest {
  Environment environment;
  std::string id;  // "CER-" + 16 hexadecimal digits
  std::string incident;
  Digest direction{};
  std::string direction_id;
  std::string key;  // recovery | contingency
  Digest policy{};
  uint64_t policy_version = 0;
  uint64_t threshold = 0;
  uint64_t devices = 0;  // limits, for the custodian to read
  uint64_t total = 0;
  UtcTime keyguard_time;
  UtcTime expires;               // of the request; the activation ends 8 h after opening at the latest
  uint64_t journal_records = 0;  // journal head quoted (I3)
  Digest journal_head{};
  Digest ledger_head{};
  Base64 ceremony_certificate;  // DER, keyAgreement, fresh
};
// A custodian's presentation: signed over request and envelope; the share is inside the envelope only.
struct SharePresentation {
  Environment environment;
  std::string ceremony;
  Digest request{};  // SHA-256 of the CeremonyRequest text
  std::string key;
  std::string person;
  Digest envelope{};  // SHA-256 of the AuthEnvelopedData
  UtcTime time;
};

std::string Render(const Rejection&);
std::string Render(const CastingVote&);
std::string Render(const PmaOrder&);
std::string Render(const Statement&);
std::string Render(const CeremonyRequest&);
std::string Render(const SharePresentation&);
// kInvalidArgument "KIND line N: expected ...".
StatusOr<Rejection> ParseRejection(std::string_view text);
StatusOr<CastingVote> ParseCastingVote(std::string_view text);
StatusOr<PmaOrder> ParsePmaOrder(std::string_view text);
StatusOr<Statement> ParseStatement(std::string_view text);
StatusOr<CeremonyRequest> ParseCeremonyRequest(std::string_view text);
StatusOr<SharePresentation> ParseSharePresentation(std::string_view text);

// The deviation that a statement of verb deviate asks for.
Deviation AskedBy(const Statement& statement);

// contentHints of a signature over a document of this kind: "smki approval DIR-1", "smki rejection", ...
// (pki::DocumentSignature::hint).
std::string ApprovalHint(const std::string& direction_id);
inline constexpr char kRejectionHint[] = "smki rejection";
inline constexpr char kCastingVoteHint[] = "smki casting vote";
inline constexpr char kOrderHint[] = "smki order";

}  // namespace smki::procedures
