// Every reason for which this system says no, once. The code is stable: it stands in ledgers, journals and
// scripts. docs/formats/reason-codes.md is this list in words; a test keeps the two equal.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace smki::procedures {

// SMKI_REASON(code, meaning for people, what to do next)
#define SMKI_REASONS(X)                                                                                                \
  X(NO_DIRECTION, "there is no admitted Direction for this use",                                                       \
    "have the PMA approve a Direction, then open the key in a ceremony")                                               \
  X(DIRECTION_UNSIGNED, "the Direction carries no approval", "collect the PMA members' signatures")                    \
  X(DIRECTION_NOT_CANONICAL, "the Direction's text is not its canonical rendering",                                    \
    "draft it again with the orchestrator; never edit it")                                                             \
  X(DIRECTION_MALFORMED, "the Direction breaks a rule of its format", "draft it again with the orchestrator")          \
  X(DIRECTION_EXPIRED, "the Direction's validity has ended", "ask the PMA for a new Direction")                        \
  X(DIRECTION_NOT_YET_VALID, "the Direction's validity has not begun",                                                 \
    "wait until notBefore, or ask the PMA for a new Direction")                                                        \
  X(DIRECTION_WITHDRAWN, "the PMA has withdrawn this Direction", "ask the PMA for a new Direction")                    \
  X(DIRECTION_REJECTED, "the Chair's casting vote has rejected this Direction", "ask the PMA for a new Direction")     \
  X(QUORUM_SHORT, "fewer approvals than the trust policy asks for", "collect the missing approvals")                   \
  X(APPROVAL_MALFORMED, "an approval is not a detached CMS signature as RFC 5652 and our profile ask",                 \
    "sign again with smkictl direction sign")                                                                          \
  X(APPROVAL_NOT_ONE_SIGNER, "an approval has no signer or more than one", "each member signs alone")                  \
  X(APPROVAL_NO_SIGNED_ATTRIBUTES, "an approval has no signed attributes", "sign again with smkictl direction sign")   \
  X(APPROVAL_NO_SIGNING_TIME, "an approval has no signingTime", "sign again with smkictl direction sign")              \
  X(APPROVAL_OTHER_ALGORITHM, "an approval is not ECDSA P-256 with SHA-256", "sign again with smkictl direction sign") \
  X(APPROVAL_NOT_A_MEMBER, "an approval is signed by nobody who may vote",                                             \
    "only the PMA members and alternates named in the trust policy may approve")                                       \
  X(APPROVAL_DUPLICATE_MEMBER, "one seat approves twice", "another member must approve")                               \
  X(APPROVAL_SAME_ORGANISATION, "two approvals come from one organisation",                                            \
    "a member of another organisation must approve")                                                                   \
  X(APPROVAL_BY_REQUESTER, "an approval is by the one who requested it", "nobody approves what they requested")        \
  X(APPROVAL_DIGEST_MISMATCH, "an approval was made over another text than this",                                      \
    "show the members this text and have them sign it")                                                                \
  X(APPROVAL_OTHER_DOCUMENT, "an approval belongs to another Direction", "collect approvals of this Direction")        \
  X(APPROVAL_IS_REJECTION, "a rejection was offered as an approval", "the member has said no; ask them")               \
  X(CASTING_VOTE_NOT_BY_CHAIR, "a casting vote is signed by somebody who is not the Chair of the trust policy",        \
    "only the Chair casts; members vote with smkictl direction sign or reject")                                        \
  X(CASTING_VOTE_OTHER_VOTES, "a casting vote lists other votes than those that were given",                           \
    "read the votes again (smkictl direction votes), then cast again")                                                 \
  X(CASTING_VOTE_WITHOUT_TIE, "a casting vote was given although the sides are not equal",                             \
    "the Chair casts only when as many approve as reject")                                                             \
  X(APPROVAL_BAD_SIGNATURE, "an approval's signature does not verify", "have the member sign again")                   \
  X(APPROVAL_OUTSIDE_VALIDITY, "a vote was signed before what it votes on, or in the future",                          \
    "have the member check their clock and sign again")                                                                \
  X(SIGNER_CERTIFICATE_EXPIRED, "a signer's certificate is not valid now",                                             \
    "issue the person a new certificate and a new trust policy")                                                       \
  X(SIGNER_CERTIFICATE_REVOKED, "a signer's certificate is revoked", "the person must not act; appoint another")       \
  X(REVOCATION_LIST_STALE, "the persons' revocation list is missing, not verifiable or too old",                       \
    "fetch the newest list")                                                                                           \
  X(NONCE_REPLAYED, "the nonce was used by another Direction", "draft a new Direction")                                \
  X(COUNTERS_OVERLAP, "the counter range overlaps an earlier Direction",                                               \
    "draft again with counters above every earlier range")                                                             \
  X(WRONG_INCIDENT, "the Direction belongs to another incident", "use the Direction of this incident")                 \
  X(WRONG_DIRECTION, "the request names another Direction than the one the key is open for",                           \
    "close the key and prepare the right Direction")                                                                   \
  X(PROCEDURE_NOT_ALLOWED, "the trust policy does not allow this procedure, key and mode together",                    \
    "use a runbook whose digest the policy allows")                                                                    \
  X(ENVIRONMENT_MISMATCH, "an artefact belongs to another environment or estate",                                      \
    "use artefacts of this environment only")                                                                          \
  X(KEY_NOT_DIRECTED, "the Direction does not name this key", "use the key that the Direction names")                  \
  X(KEY_RETIRED, "a key is on the trust policy's retired list: it was destroyed or compromised",                       \
    "draft again with a key that is not retired")                                                                      \
  X(KEY_STILL_NEEDED, "a key is to be destroyed while directed Devices may still need it",                             \
    "finish the campaign: every Device proven, or its attempts spent")                                                 \
  X(KEY_MISMATCH, "the key in the token is not the key of the directed certificate", "check which token is connected") \
  X(POPULATION_DIGEST_MISMATCH, "a population file is not the one directed",                                           \
    "use the population file that the PMA reviewed")                                                                   \
  X(POPULATION_MALFORMED, "a population file is malformed", "write it again")                                          \
  X(POPULATIONS_OVERLAP, "one Device is in two groups", "draft again with disjoint populations")                       \
  X(CERTIFICATE_DIGEST_MISMATCH, "a certificate is missing or not the one directed",                                   \
    "use the certificates the Direction names")                                                                        \
  X(CERTIFICATE_NOT_FOR_CELL, "a certificate does not fit the cell it is directed into",                               \
    "check role and key usage of the certificate")                                                                     \
  X(CERTIFICATE_PATH_INVALID, "a directed certificate does not chain to the Devices' root",                            \
    "check the path certificates")                                                                                     \
  X(POLICY_TOO_OLD, "the trust policy is older than the token's", "use the newest trust policy")                       \
  X(POLICY_DIGEST_MISMATCH, "the trust policy is not the one bound in the token",                                      \
    "use the bound policy, or bind a new one under its quorum")                                                        \
  X(POLICY_INCOMPLETE, "the trust policy lacks something this use needs", "complete the policy and have it approved")  \
  X(CEREMONY_NOT_WITNESSED, "the transcript of a key ceremony is not signed by those who must have seen it",           \
    "have it signed by whoever ran it and by a witness: smki-key-ceremony sign")                                       \
  X(CEREMONY_OUTPUT_WRONG, "a key ceremony's result is missing, altered, or not what its profile asks for",            \
    "do not use it; hold the ceremony again, under another name")                                                      \
  X(SHARE_FROM_STRANGER, "a share was presented by nobody who is a custodian of this key",                             \
    "only the custodians in the trust policy may present")                                                             \
  X(SHARE_REPLAYED, "a share was presented for another ceremony", "the custodian presents to this ceremony's request") \
  X(SHARE_DUPLICATE, "this custodian has already presented", "another custodian must present")                         \
  X(SHARE_WRONG, "a share does not match its commitment", "the custodian checks which share they hold")                \
  X(SHARE_MALFORMED, "a presentation cannot be read", "present again with smkictl ceremony present")                   \
  X(SHARES_TOO_FEW, "the threshold of custodians has not presented", "more custodians must present")                   \
  X(NO_CEREMONY, "no ceremony is under way", "prepare a Direction first")                                              \
  X(CEREMONY_EXPIRED, "the ceremony request has expired", "prepare the Direction again")                               \
  X(CUSTODY_CHANGE_INVALID, "the custody change breaks a rule of its format, or changes nothing it says",              \
    "draft it again with smkictl custody draft")                                                                       \
  X(CUSTODY_CHANGE_EXPIRED, "the custody change's validity has ended", "ask the PMA for a new one")                    \
  X(NO_CUSTODY_CHANGE, "no custody change is under way", "begin one with smkictl custody begin")                       \
  X(KEY_CLOSED, "the key is closed", "open it again in a ceremony")                                                    \
  X(KEY_HALTED, "the PMA has halted this Direction", "resuming takes the PMA's quorum and a ceremony")                 \
  X(KEY_EXPIRED, "the activation has reached its end", "open the key again in a ceremony")                             \
  X(DEVICE_NOT_IN_GROUP, "the Device is not in the directed group", "only directed Devices can be sent a command")     \
  X(UNKNOWN_GROUP, "the Direction has no such group", "use a group of the Direction")                                  \
  X(ATTEMPT_LIMIT, "the Device's attempts are spent", "treat the Device as silent; the PMA may direct more")           \
  X(ATTEMPT_OUT_OF_ORDER, "an attempt was skipped", "ask for the attempts of a Device in order")                       \
  X(TOTAL_LIMIT, "the Direction's total of signatures is spent", "ask the PMA for a new Direction")                    \
  X(OUTSTANDING_LIMIT, "too many Devices are signed for and not yet proven",                                           \
    "show the Devices' signed responses first")                                                                        \
  X(RATE_LIMIT, "signatures are asked for faster than directed", "wait")                                               \
  X(BATCH_TOO_LARGE, "a batch is larger than allowed", "ask for fewer Devices at a time")                              \
  X(PROOF_INVALID, "a Device response proves nothing", "check the Device's certificate and response")                  \
  X(CLOCK_IMPLAUSIBLE, "the clock is behind what was already seen, or jumped",                                         \
    "set the clock right, then start again")                                                                           \
  X(JOURNAL_ROLLED_BACK, "the journal is older than a witness of it", "restore the newest journal")                    \
  X(AUDIT_NOT_DURABLE, "the audit record could not be made durable", "free space or mend the disk, then start again")  \
  X(NOT_PERMITTED, "this identity may not make this call", "use the identity the trust policy names for it")           \
  X(STALE_PAGE, "the incident has moved on since this page was read", "read the status again, then decide")            \
  X(ROLE_CONFLICT, "the person already acted in a conflicting role", "another person must act")                        \
  X(WRONG_ACTOR, "the step belongs to another role", "the role named in the step must act")                            \
  X(STEP_NOT_READY, "a step before this one is not done", "complete the steps it requires")                            \
  X(CONSENT_REFUSED, "the member does not consent to all that the Direction asks for",                                 \
    "say so to the PMA: smkictl direction reject --reason \"...\"")                                                    \
  X(FACTOR_UNANSWERED, "a mandatory factor of the Recovery Key Guidance has no answer",                                \
    "answer it with --factor ID=\"...\", or choose what stops")                                                        \
  X(FACT_MISSING, "a step lacks what it needs, and no deviation stands in for that", "have done what makes it")        \
  X(NO_DEVIATION, "nobody asked for this deviation", "use a digest of smkictl incident status")                        \
  X(DEVIATION_EXPIRED, "the incident has moved on since the deviation was asked for",                                  \
    "read the status; if it is still needed, ask for it again")                                                        \
  X(DEVIATION_NOT_ALLOWED, "what was asked for is more than a deviation may",                                          \
    "read the status, and ask for what the step allows")                                                               \
  X(STEP_ALREADY_DONE, "the step is done", "go on with the next step")                                                 \
  X(INCIDENT_CLOSED, "the incident is closed", "open a new incident")                                                  \
  X(INCIDENT_PAUSED, "the incident is paused", "resume it first")                                                      \
  X(UNKNOWN_STEP, "the runbook has no such step", "use a step of smkictl incident status")                             \
  X(STATEMENT_INVALID, "the signed statement does not match what it is for", "sign the statement of this step again")  \
  X(CERTIFICATES_NOT_IN_REPOSITORY, "the new certificates are not in the Repository yet",                              \
    "have them lodged and apply the next delta")                                                                       \
  X(WRONG_PARTY, "the EUI-64 is not that of the party named",                                                          \
    "compare the EUI-64 with the list of Organisations; close an incident opened with a wrong one, and open another")  \
  X(BAD_REQUEST, "the request is malformed", "correct the request")

enum class Reason {
#define X(code, meaning, next) k##code,
  SMKI_REASONS(X)
#undef X
};

struct ReasonText {
  std::string_view code;
  std::string_view meaning;
  std::string_view next;
};
const ReasonText& TextOf(Reason reason);
std::optional<Reason> ReasonFromCode(std::string_view code);
const std::vector<Reason>& AllReasons();

// "CODE: detail. Next: ..." with the code attached (ReasonOf). kFailedPrecondition, but kPermissionDenied for
// NOT_PERMITTED and kInvalidArgument for BAD_REQUEST.
Status Refuse(Reason reason, const std::string& detail);
// True if `status` is a refusal for `reason`.
bool IsRefusal(const Status& status, Reason reason);

}  // namespace smki::procedures
