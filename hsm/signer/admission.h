// What the signer demands of a Direction and all that comes with it before it asks anybody for a share (I1, I8, I10).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gbcs/credentials.h"
#include "hsm/signer/frames.h"
#include "hsm/signer/journal.h"
#include "hsm/signer/key_token.h"
#include "pki/certificate.h"
#include "procedures/evidence/votes.h"
#include "procedures/population.h"

namespace smki::hsm {

// What the keyguard hands over, part by part.
struct Bundle {
  PrepareFrame header;
  std::map<std::string, Bytes> populations;
  std::map<Digest, Bytes> certificates;
};

// A cell that a Device must report as replaced, and with which key.
struct DirectedCell {
  gbcs::TrustAnchorCell cell;
  std::array<uint8_t, 8> key_identifier{};
};
struct AdmittedGroup {
  gbcs::CommandTemplate command;
  std::vector<DirectedCell> cells;
};

// Everything about one admitted Direction that the rest of the activation needs.
struct AdmittedDirection {
  procedures::TrustPolicy policy;
  Digest policy_digest{};
  procedures::PolicyVerifier verifier;
  procedures::Direction direction;
  Digest digest{};
  uint64_t ledger_sequence = 0;
  Digest ledger_head{};
  std::set<std::string> voters;
  UtcTime newest_evidence;
  pki::Certificate key_certificate;
  pki::PublicKey key;  // of the token: what every command's signature verifies with
  Eui64 originator;    // Business Originator ID of every command
  gbcs::Mode mode{};
  std::vector<procedures::Population> populations;  // in the order of the Direction's groups
  std::vector<AdmittedGroup> groups;                // the same

  const procedures::KeyCustody& custody() const { return *policy.FindKey(direction.key); }
  // Mode 9: each command discloses the Symmetric Key, which has a token and custodians of its own (I5).
  bool discloses() const { return mode == gbcs::Mode::kAnyByContingency; }
};
inline constexpr char kSymmetricKeyName[] = "symmetric";

// Mode 9: gives the commands the key that they disclose. KEY_MISMATCH unless it opens what the directed root carries,
// and that is the key in the contingency token.
Status DiscloseIn(AdmittedDirection& admitted, const Secret& symmetric_key);

// Every check there is, or the first refusal. `bundle` is not kept. `kept_list`: the newest revocation list this signer
// has relied on, or empty; an older one is refused (I10).
StatusOr<AdmittedDirection> AdmitBundle(const Bundle& bundle, const KeyTokens& tokens, const Journal& journal,
                                        ByteSpan kept_list, UtcTime now);

// Is `policy` what the token obeys (I8, I10)? Environment, key, version, digest. A custody change that is on record as
// carried out, of whichever key, moves every token on to its new policy. While one of this key is unfinished
// (custody_change.h) it may be either of the two policies: which, the shares will show.
Status CheckTokenPolicy(KeyToken& token, const std::string& key, const procedures::TrustPolicy& policy,
                        const Digest& policy_digest, const Journal& journal);

// The newest ledger head shown is remembered and none before it is believed: one invented far ahead would lock the true
// ledger out for ever. BAD_REQUEST if it has grown by more than a campaign of all Devices could make it.
Status CheckLedgerGrowth(const History& history, uint64_t sequence);

// JOURNAL_ROLLED_BACK if the token has seen a longer or another journal than this one (I10).
Status CheckWitness(const TokenWitness& witness, const Journal& journal);

}  // namespace smki::hsm
