// Checks 1 to 3: the anchor, the chain, and who vouched for its head.
#include "base/file.h"
#include "cli/evidence.h"
#include "cli/text.h"
#include "ledger/checkpoint.h"
#include "pki/digest.h"

namespace smki::cli {
namespace {

constexpr char kPolicyFile[] = "policy/trust-policy.yaml";
constexpr char kRevocationFile[] = "policy/persons.crl";
constexpr char kNoteFile[] = "checkpoint.note";

void ReadRevocations(Evidence& evidence) {
  const auto octets = evidence.Read(kRevocationFile);
  if (!evidence.Expect(kRevocationFile, octets.status())) return;
  auto list = pki::ParseRevocationList(*octets);
  if (!evidence.Expect(kRevocationFile, list.status())) return;
  const pki::Certificate& authority = evidence.verifier->PersonsAuthority();
  if (list->issuer != authority.subject || !list->IsSignedBy(*authority.public_key)) {
    evidence.Find(kRevocationFile, "not issued by the persons' authority of the trust policy");
    return;
  }
  evidence.revocations = std::move(list).value();
}

// The first three lines of a note are signed by `certificate`'s key under some name.
bool SignedBy(const ledger::SignedNote& note, const pki::Certificate& certificate) {
  for (const ledger::NoteSignature& signature : note.signatures) {
    if (ledger::IsSignedBy(note, signature.name, *certificate.public_key)) return true;
  }
  return false;
}

// After the last checkpoint only its own record may come: what is later is not vouched for.
void CheckTail(Evidence& evidence, const std::string& note, uint64_t vouched) {
  for (size_t i = vouched; i < evidence.entries.size(); ++i) {
    const ledger::Entry& entry = evidence.entries[i];
    ledger::v1::CheckpointRecord record;
    if (entry.kind != "checkpoint") {
      evidence.Find(Evidence::EntryName(entry), entry.kind + " lies after the last checkpoint: nobody vouches for it");
    } else if (!record.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size())) ||
               record.note() != note) {
      evidence.Find(Evidence::EntryName(entry), std::string("it records another checkpoint than ") + kNoteFile);
    }
  }
}

}  // namespace

void CheckPolicy(Evidence& evidence, const std::optional<Digest>& anchor) {
  evidence.Begin(1, "policy");
  const auto text = evidence.Read(kPolicyFile, procedures::kMaxPolicy);
  if (!evidence.Expect(kPolicyFile, text.status())) return;
  evidence.report.policy = pki::Sha256(*text);
  evidence.report.anchored = anchor.has_value();
  evidence.LookedAt("SHA-256 " + ToHex(evidence.report.policy).substr(0, 16) +
                    (anchor ? ", anchored" : ", no anchor given"));
  if (anchor && *anchor != evidence.report.policy) {
    evidence.Find(kPolicyFile,
                  fmt::format("its SHA-256 is {}, the anchor says {}", ToHex(evidence.report.policy), ToHex(*anchor)));
  }
  auto policy = procedures::ParsePolicy(AsText(*text));
  if (!evidence.Expect(kPolicyFile, policy.status())) return;
  evidence.policy = std::move(policy).value();
  auto verifier = procedures::PolicyVerifier::Make(*evidence.policy);
  if (!evidence.Expect(kPolicyFile, verifier.status())) return;
  evidence.verifier = std::move(verifier).value();
  ReadRevocations(evidence);
}

void CheckChain(Evidence& evidence) {
  evidence.Begin(2, "chain");
  const Status status = ledger::VisitLedger(evidence.Path("ledger.sqlite"), [&](const ledger::Entry& entry) -> Status {
    if (!evidence.entries.empty() && entry.time < evidence.entries.back().time) {
      evidence.Find(Evidence::EntryName(entry), "it is dated before the entry before it");
    }
    evidence.sequence_of[entry.hash] = entry.sequence;
    evidence.entries.push_back(entry);
    return OkStatus();
  });
  evidence.Expect(fmt::format("entry {}", evidence.entries.size()), status);
  evidence.report.entries = evidence.entries.size();
  evidence.LookedAt(Count(evidence.entries.size()) + " entries");
  if (evidence.entries.empty()) {
    evidence.Find("ledger.sqlite", "the ledger is empty");
    return;
  }
  evidence.report.head = evidence.entries.back().hash;
  // One ledger may tell of several incidents; the folder is that of the newest entry, its checkpoint.
  for (const ledger::Entry& entry : evidence.entries) {
    if (!entry.incident.empty()) evidence.report.incident = entry.incident;
  }
  const auto genesis = evidence.Of<ledger::v1::Genesis>("genesis");
  if (genesis.size() != 1 || genesis.front().first->sequence != 0) {
    evidence.Find("entry 0", "the ledger does not begin with its only genesis");
    return;
  }
  const ledger::v1::Genesis& first = genesis.front().second;
  if (!Same(evidence.report.policy, first.policy_digest())) {
    evidence.Find("entry 0", fmt::format("the ledger was begun under the policy {}, not the one in the folder",
                                         ToHex(AsBytes(first.policy_digest()))));
  }
  if (evidence.policy && (first.environment() != evidence.policy->environment.kind ||
                          first.estate() != evidence.policy->environment.estate)) {
    evidence.Find("entry 0", fmt::format("it belongs to {}/{}, the policy to {}", first.environment(), first.estate(),
                                         evidence.policy->environment.ToString()));
  }
}

void CheckCheckpoint(Evidence& evidence) {
  evidence.Begin(3, "checkpoint");
  const auto text = evidence.Read(kNoteFile);
  if (!evidence.Expect(kNoteFile, text.status())) return;
  const auto note = ledger::ParseSignedNote(AsText(*text));
  if (!evidence.Expect(kNoteFile, note.status())) return;
  const ledger::Head& head = note->checkpoint.head;
  evidence.LookedAt(fmt::format("over {} entries, {} signatures", Count(head.entries), note->signatures.size()));
  if (evidence.policy) {
    const std::string origin = "smki-ledger/" + evidence.policy->environment.ToString();
    if (note->checkpoint.origin != origin)
      evidence.Find(kNoteFile, fmt::format("it is about {}, not {}", note->checkpoint.origin, origin));
  }
  if (evidence.verifier) {
    if (!SignedBy(*note, evidence.verifier->OrchestratorCertificate()))
      evidence.Find(kNoteFile, "the orchestrator of the trust policy has not signed it");
    if (!SignedBy(*note, evidence.verifier->KeyguardCertificate()))
      evidence.Find(kNoteFile, "the keyguard of the trust policy has not countersigned it");
  }
  if (head.entries == 0 || head.entries > evidence.entries.size()) {
    evidence.Find(kNoteFile, fmt::format("it vouches for {} entries; the ledger has {}: the end was cut off",
                                         head.entries, evidence.entries.size()));
    return;
  }
  if (evidence.entries[head.entries - 1].hash != head.hash) {
    evidence.Find(Evidence::EntryName(evidence.entries[head.entries - 1]),
                  "its hash is not the one the checkpoint vouches for");
  }
  CheckTail(evidence, ToString(*text), head.entries);
}

}  // namespace smki::cli
