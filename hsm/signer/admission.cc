#include "hsm/signer/admission.h"

#include <algorithm>

#include "pki/digest.h"
#include "procedures/evidence/materials.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {

// I8, and the policy's anchor in hardware: environment, then age, then digest.
Status CheckBinding(const TokenBinding& binding, const std::string& key, const procedures::TrustPolicy& policy,
                    const Digest& policy_digest) {
  if (binding.environment != policy.environment) {
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("the token is of {}, the trust policy of {}", binding.environment.ToString(),
                              policy.environment.ToString()));
  }
  if (binding.key != key) {
    return Refuse(Reason::kKEY_MISMATCH,
                  fmt::format("the token asked for holds the {} key, not the {} key", binding.key, key));
  }
  if (policy.version < binding.policy_version) {
    return Refuse(Reason::kPOLICY_TOO_OLD,
                  fmt::format("the trust policy is version {}, the token is bound to version {}", policy.version,
                              binding.policy_version));
  }
  if (policy_digest != binding.policy || policy.version != binding.policy_version) {
    return Refuse(
        Reason::kPOLICY_DIGEST_MISMATCH,
        fmt::format("the trust policy is version {} with SHA-256 {}, the token is bound to version {} with {}",
                    policy.version, ToHex(policy_digest), binding.policy_version, ToHex(binding.policy)));
  }
  return OkStatus();
}

// A policy that a custody change has replaced is replaced for the tokens of the other keys, too.
void FollowSuccession(TokenBinding& binding, const History& history) {
  for (auto next = history.succession.find(binding.policy); next != history.succession.end();
       next = history.succession.find(binding.policy)) {
    binding.policy = next->second.to;
    binding.policy_version = next->second.from_version + 1;
  }
}

Status CheckHistory(const procedures::Direction& direction, const Digest& digest, const procedures::TrustPolicy& policy,
                    const History& history) {
  const auto nonce = history.nonces.find(direction.nonce);
  if (nonce != history.nonces.end() && nonce->second != digest) {
    return Refuse(Reason::kNONCE_REPLAYED,
                  fmt::format("nonce {} was used by Direction {}", direction.nonce, ToHex(nonce->second)));
  }
  for (const auto& [other, past] : history.directions) {
    const ledger::JournalDirection& d = past.admitted;
    if (d.digest != other) continue;  // only orders are known of it
    if (d.environment != direction.environment.ToString()) {
      return Refuse(Reason::kENVIRONMENT_MISMATCH,
                    fmt::format("this keyguard's journal is of {}, {} of {}", d.environment, direction.id,
                                direction.environment.ToString()));
    }
    if (other != digest && direction.counter_first <= d.counter_last && d.counter_first <= direction.counter_last) {
      return Refuse(Reason::kCOUNTERS_OVERLAP,
                    fmt::format("counters {} to {}; {} has {} to {}", direction.counter_first, direction.counter_last,
                                d.id, d.counter_first, d.counter_last));
    }
  }
  const DirectionHistory* const past = history.Find(digest);
  return past == nullptr ? OkStatus() : past->JudgeOrders(policy, direction.id);
}

// I3: the ledger that this Direction comes from goes on from the newest head that this keyguard was shown.
Status CheckLedger(const PrepareFrame& header, const History& history) {
  if (!history.ledger_head) return OkStatus();
  const bool forked = header.ledger_sequence == history.ledger_sequence && header.ledger_head != *history.ledger_head;
  if (header.ledger_sequence > history.ledger_sequence ||
      (header.ledger_sequence == history.ledger_sequence && !forked))
    return OkStatus();
  return Refuse(
      Reason::kJOURNAL_ROLLED_BACK,
      fmt::format("the orchestrator's ledger ends with entry {} and head {}; this keyguard was shown entry {} "
                  "with head {}",
                  header.ledger_sequence, ToHex(header.ledger_head), history.ledger_sequence,
                  ToHex(*history.ledger_head)));
}

procedures::SignedVotes VotesOf(const PrepareFrame& header) {
  procedures::SignedVotes out{header.approvals, {}, std::nullopt};
  for (const RejectionFrame& no : header.rejections) out.rejections.push_back({no.document, no.signature});
  if (!header.casting_vote.empty()) out.cast = procedures::SignedText{header.casting_vote, header.casting_signature};
  return out;
}

StatusOr<gbcs::Mode> ModeOf(const std::string& name) {
  for (const gbcs::Mode mode : {gbcs::Mode::kAnyExceptAbnormalRootByRecovery, gbcs::Mode::kAnyByContingency}) {
    if (gbcs::Name(mode) == name) return mode;
  }
  return Refuse(Reason::kDIRECTION_MALFORMED, "mode '" + name + "'");
}

StatusOr<gbcs::Role> RoleOf(const std::string& name) {
  for (int value = 0; value <= 8; ++value) {
    if (gbcs::Name(static_cast<gbcs::Role>(value)) == name) return static_cast<gbcs::Role>(value);
  }
  return Refuse(Reason::kDIRECTION_MALFORMED, "role '" + name + "'");
}

// I5: a token, a secret and a custodian set of its own.
Status CheckSymmetricToken(const KeyTokens& tokens, const procedures::TrustPolicy& policy, const Digest& policy_digest,
                           const Journal& journal) {
  const auto token = tokens.find(kSymmetricKeyName);
  if (token == tokens.end())
    return Refuse(Reason::kKEY_NOT_DIRECTED, "this keyguard does not hold the Symmetric Key that mode 9 needs");
  if (policy.FindKey(kSymmetricKeyName) == nullptr)
    return Refuse(Reason::kPOLICY_INCOMPLETE, "no custodians are named for the Symmetric Key that mode 9 needs");
  SMKI_RETURN_IF_ERROR(CheckTokenPolicy(*token->second, kSymmetricKeyName, policy, policy_digest, journal));
  SMKI_ASSIGN_OR_RETURN(const TokenWitness witness, token->second->ReadWitness());
  return CheckWitness(witness, journal);
}

// The one command that the Direction means for a group; counter and target are filled in later (I1).
StatusOr<AdmittedGroup> MakeGroup(const procedures::Direction& direction, const procedures::DirectedGroup& group,
                                  gbcs::Mode mode, Eui64 originator, const std::map<Digest, Bytes>& certificates) {
  gbcs::CommandPayload payload;
  payload.mode = mode;
  payload.disapply_time_checks = !group.time_checks;
  // GBCS.md 1.2 and 3.3: mode 8 is authorised by the recovery cell, mode 9 by the root's.
  payload.authorising_cell =
      gbcs::TrustAnchorCell{gbcs::Role::kRecovery, gbcs::KeyUsage::kDigitalSignature, gbcs::CellUsage::kManagement};
  if (mode == gbcs::Mode::kAnyByContingency) {
    payload.authorising_cell =
        gbcs::TrustAnchorCell{gbcs::Role::kRoot, gbcs::KeyUsage::kKeyCertSign, gbcs::CellUsage::kManagement};
    payload.plaintext_symmetric_key = Bytes(pki::kSymmetricKey);  // stands in until the custodians have opened it
  }
  payload.new_floor = group.authorising_floor;
  for (const procedures::DirectedFloor& floor : group.floors) {
    gbcs::SeqNumberChange change;
    SMKI_ASSIGN_OR_RETURN(change.role, RoleOf(floor.role));
    change.floor = floor.floor;
    if (floor.prepayment_top_up) change.specialist.push_back({0, *floor.prepayment_top_up});
    if (!payload.other_changes) payload.other_changes.emplace();
    payload.other_changes->push_back(change);
  }
  std::vector<DirectedCell> cells;
  for (const procedures::DirectedReplacement& directed : group.replacements) {
    const auto cell = gbcs::TrustAnchorCell::Parse(directed.cell);
    if (!cell)
      return Refuse(Reason::kDIRECTION_MALFORMED, fmt::format("group {}: cell '{}'", group.name, directed.cell));
    const Bytes& der = certificates.at(directed.certificate);
    SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::Parse(der));
    payload.replacements.push_back({der, *cell});
    cells.push_back({*cell, certificate.public_key->identifier()});
  }
  for (const Digest& digest : group.path_certificates) payload.path_certificates.push_back(certificates.at(digest));
  auto command =
      gbcs::CommandTemplate::Make(originator, std::move(payload), direction.counter_first, direction.counter_last);
  if (!command.ok()) {
    return Refuse(Reason::kDIRECTION_MALFORMED, fmt::format("group {}: {}", group.name, Message(command.status())));
  }
  return AdmittedGroup{*std::move(command), std::move(cells)};
}

}  // namespace

Status CheckTokenPolicy(KeyToken& token, const std::string& key, const procedures::TrustPolicy& policy,
                        const Digest& policy_digest, const Journal& journal) {
  SMKI_ASSIGN_OR_RETURN(std::vector<TokenBinding> bindings, token.ReadBindings());
  if (bindings.empty()) return FailedPrecondition("the {} token says nothing of the trust policy it obeys", key);
  for (TokenBinding& binding : bindings) FollowSuccession(binding, journal.history());
  const auto older = [](const TokenBinding& a, const TokenBinding& b) { return a.policy_version < b.policy_version; };
  TokenBinding expected = *std::max_element(bindings.begin(), bindings.end(), older);

  const ledger::JournalCustody* const unfinished = journal.history().UnfinishedCustody(key);
  for (const TokenBinding& binding : bindings) {
    const bool explained = unfinished == nullptr
                               ? binding.policy == expected.policy
                               : binding.policy == unfinished->from || binding.policy == unfinished->to;
    if (explained) continue;
    return Refuse(Reason::kPOLICY_DIGEST_MISMATCH,
                  fmt::format("the {} token names the trust policy {} too, and no custody change explains it", key,
                              ToHex(binding.policy)));
  }
  // The secret was changed, or not, before the binding was: one that names the old policy says nothing of it.
  if (unfinished != nullptr && expected.policy == unfinished->from && policy_digest == unfinished->to) {
    expected.policy = unfinished->to;
    expected.policy_version = unfinished->from_version + 1;
  }
  return CheckBinding(expected, key, policy, policy_digest);
}

Status CheckLedgerGrowth(const History& history, uint64_t sequence) {
  constexpr uint64_t kMaxGrowth = 10'000'000, kMaxFirst = uint64_t{1} << 40;
  const uint64_t most = history.ledger_head ? history.ledger_sequence + kMaxGrowth : kMaxFirst;
  if (sequence <= most) return OkStatus();
  return Refuse(Reason::kBAD_REQUEST, fmt::format("ledger entry {} cannot follow entry {} so soon", sequence,
                                                  history.ledger_head ? history.ledger_sequence : 0));
}

Status CheckWitness(const TokenWitness& witness, const Journal& journal) {
  if (witness.journal_records == 0) return OkStatus();
  if (witness.journal_records > journal.records()) {
    return Refuse(Reason::kJOURNAL_ROLLED_BACK, fmt::format("the journal has {} records, the token has seen {}",
                                                            journal.records(), witness.journal_records));
  }
  SMKI_ASSIGN_OR_RETURN(const Digest head, journal.HeadAfter(witness.journal_records));
  if (head != witness.journal_head) {
    return Refuse(Reason::kJOURNAL_ROLLED_BACK,
                  fmt::format("after {} records the journal's head is {}, the token has seen {}",
                              witness.journal_records, ToHex(head), ToHex(witness.journal_head)));
  }
  return OkStatus();
}

Status DiscloseIn(AdmittedDirection& admitted, const Secret& symmetric_key) {
  const auto carried = pki::UnwrapApexKey(*admitted.key_certificate.apex_key, symmetric_key.span());
  if (!carried.ok()) {
    return Refuse(Reason::kKEY_MISMATCH, fmt::format("the Symmetric Key in the token does not open what {} carries",
                                                     admitted.key_certificate.Describe()));
  }
  if (*carried != admitted.key) {
    return Refuse(Reason::kKEY_MISMATCH, fmt::format("{} carries the contingency key {}, the token holds {}",
                                                     admitted.key_certificate.Describe(), ToHex(carried->identifier()),
                                                     ToHex(admitted.key.identifier())));
  }
  for (AdmittedGroup& group : admitted.groups)
    SMKI_RETURN_IF_ERROR(group.command.SetSymmetricKey(symmetric_key.span()));
  return OkStatus();
}

StatusOr<AdmittedDirection> AdmitBundle(const Bundle& bundle, const KeyTokens& tokens, const Journal& journal,
                                        ByteSpan kept_list, UtcTime now) {
  const PrepareFrame& header = bundle.header;
  const auto token = tokens.find(header.key);
  if (token == tokens.end()) {
    return Refuse(Reason::kKEY_NOT_DIRECTED, fmt::format("this keyguard holds no key named '{}'", header.key));
  }
  auto policy = procedures::ParsePolicy(AsText(header.policy));
  if (!policy.ok()) return Refuse(Reason::kPOLICY_INCOMPLETE, Message(policy.status()));
  const Digest policy_digest = pki::Sha256(header.policy);
  SMKI_RETURN_IF_ERROR(CheckTokenPolicy(*token->second, header.key, *policy, policy_digest, journal));
  SMKI_ASSIGN_OR_RETURN(const TokenWitness witness, token->second->ReadWitness());
  SMKI_RETURN_IF_ERROR(CheckWitness(witness, journal));
  SMKI_RETURN_IF_ERROR(CheckLedger(header, journal.history()));
  SMKI_RETURN_IF_ERROR(CheckLedgerGrowth(journal.history(), header.ledger_sequence));

  SMKI_ASSIGN_OR_RETURN(procedures::PolicyVerifier verifier, procedures::PolicyVerifier::Make(*policy));
  // One that has become stale, or is of another authority, holds nobody up: the list handed over is judged next.
  if (!kept_list.empty()) verifier.UseRevocationList(kept_list, now).IgnoreError();
  SMKI_RETURN_IF_ERROR(verifier.UseRevocationList(header.revocation_list, now));
  SMKI_ASSIGN_OR_RETURN(
      procedures::VotedDirection voted,
      procedures::AdmitDirection(*policy, verifier, header.direction, VotesOf(header), header.incident, now));
  const procedures::Direction& direction = voted.direction;
  if (direction.key != header.key) {
    return Refuse(Reason::kKEY_NOT_DIRECTED, fmt::format("{} directs the {} key; asked for is the {} key", direction.id,
                                                         direction.key, header.key));
  }
  SMKI_RETURN_IF_ERROR(CheckHistory(direction, voted.digest, *policy, journal.history()));

  procedures::Materials materials;
  for (const auto& [group, file] : bundle.populations) materials.populations.emplace(group, file);
  materials.certificates = bundle.certificates;
  SMKI_RETURN_IF_ERROR(procedures::CheckMaterials(*policy, direction, materials, now));

  const auto key_der = bundle.certificates.find(direction.key_certificate);
  if (key_der == bundle.certificates.end()) {
    return Refuse(Reason::kCERTIFICATE_DIGEST_MISMATCH, "the certificate of the directed key is missing");
  }
  SMKI_ASSIGN_OR_RETURN(pki::Certificate key_certificate, pki::Certificate::Parse(key_der->second));
  SMKI_ASSIGN_OR_RETURN(pki::PublicKey token_key, token->second->ReadPublicKey());
  SMKI_ASSIGN_OR_RETURN(const gbcs::Mode mode, ModeOf(direction.mode));
  if (mode == gbcs::Mode::kAnyByContingency) {
    // What the root carries is known only when the Symmetric Key is open: DiscloseIn holds it against the token then.
    SMKI_RETURN_IF_ERROR(CheckSymmetricToken(tokens, *policy, policy_digest, journal));
  } else if (token_key != *key_certificate.public_key) {
    return Refuse(Reason::kKEY_MISMATCH,
                  fmt::format("the token's key identifier is {}, the directed certificate's {}",
                              ToHex(token_key.identifier()), ToHex(key_certificate.public_key->identifier())));
  }
  if (journal.history().destroyed.contains(token_key.identifier())) {
    return Refuse(Reason::kKEY_RETIRED,
                  fmt::format("the {} key {} was destroyed", header.key, ToHex(token_key.identifier())));
  }
  // CheckDirection and CheckMaterials see to it that there is one.
  const Eui64 originator = direction.originator ? *direction.originator : *key_certificate.subject_eui;

  AdmittedDirection out{std::move(*policy),
                        policy_digest,
                        std::move(verifier),
                        std::move(voted.direction),
                        voted.digest,
                        header.ledger_sequence,
                        header.ledger_head,
                        std::move(voted.voters),
                        voted.newest_vote,
                        std::move(key_certificate),
                        std::move(token_key),
                        originator,
                        mode,
                        {},
                        {}};
  out.newest_evidence = std::max(out.newest_evidence, out.verifier.RevocationListTime().value_or(UtcTime{}));
  for (const procedures::DirectedGroup& group : out.direction.groups) {
    SMKI_ASSIGN_OR_RETURN(procedures::Population population,
                          procedures::ParsePopulation(bundle.populations.at(group.name)));
    out.populations.push_back(std::move(population));
    SMKI_ASSIGN_OR_RETURN(AdmittedGroup admitted,
                          MakeGroup(out.direction, group, mode, out.originator, bundle.certificates));
    out.groups.push_back(std::move(admitted));
  }
  return out;
}

}  // namespace smki::hsm
