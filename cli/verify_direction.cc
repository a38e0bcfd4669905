// Check 7: the Direction was one, when the key was opened for it.
#include <set>

#include "base/file.h"
#include "cli/evidence.h"
#include "cli/text.h"
#include "ledger/record_log.h"
#include "pki/digest.h"
#include "procedures/evidence/key_ceremony.h"
#include "procedures/evidence/materials.h"

namespace smki::cli {
namespace {

constexpr char kDirectionFile[] = "direction/direction.yaml";
constexpr char kJournalFile[] = "keyguard/journal.log";

// What the signer admitted for this incident, by its own journal. A journal that cannot be read is named by check 8.
std::vector<ledger::JournalDirection> Admissions(const Evidence& evidence) {
  std::vector<ledger::JournalDirection> out;
  (void)ledger::ReadRecordLog(PosixFiles(), evidence.Path(kJournalFile), ledger::kJournalKind,
                              [&](const ledger::Record& record) {
                                if (record.type != static_cast<uint8_t>(ledger::JournalType::kDirection))
                                  return OkStatus();
                                auto admitted = ledger::DecodeJournalDirection(record.payload);
                                if (admitted.ok() && admitted->incident == evidence.report.incident)
                                  out.push_back(std::move(admitted).value());
                                return OkStatus();
                              });
  return out;
}

// An incident whose Direction was never drafted, or never admitted, must have asked for no signature.
void CheckNothingAsked(Evidence& evidence) {
  for (const auto& [entry, intent] : evidence.Of<ledger::v1::CampaignIntent>("campaign.intent"))
    evidence.Find(Evidence::EntryName(*entry), "signatures were asked for without an admitted Direction");
  for (const auto& [entry, told] : evidence.Of<ledger::v1::KeyguardRecord>("keyguard")) {
    if (told.what() == "opened")
      evidence.Find(Evidence::EntryName(*entry), "a key was opened without an admitted Direction");
  }
}

// An incident may end before anything was directed: a false alarm. Then no entry and no file may speak of a Direction.
bool EndedWithoutDirection(Evidence& evidence) {
  if (PosixFiles().Exists(evidence.Path(kDirectionFile)) || evidence.entries.empty()) return false;
  for (const auto& [entry, artefact] : evidence.Of<ledger::v1::Artefact>("artefact")) {
    if (artefact.file() == kDirectionFile) return false;
  }
  evidence.LookedAt("no Direction, nothing signed");
  CheckNothingAsked(evidence);
  for (const ledger::JournalDirection& admitted : Admissions(evidence))
    evidence.Find(kJournalFile, fmt::format("the signer admitted {}, which is not in the folder", admitted.id));
  return true;
}

std::map<std::string, Bytes> ReadMaterials(Evidence& evidence) {
  std::map<std::string, Bytes> files;
  for (const procedures::DirectedGroup& group : evidence.direction->groups) {
    const std::string file = "direction/populations/" + group.name + ".pop";
    auto octets = evidence.Read(file, kMaxEvidencePopulation);
    if (!evidence.Expect(file, octets.status())) continue;
    auto population = procedures::ParsePopulation(*octets);
    if (!evidence.Expect(file, population.status())) continue;
    evidence.populations[group.name] = std::move(population).value();
    files[group.name] = std::move(octets).value();
  }
  for (const std::string& name : evidence.List("direction/certificates")) {
    const std::string file = "direction/certificates/" + name;
    const auto octets = evidence.Read(file);
    if (!evidence.Expect(file, octets.status())) continue;
    auto certificate = pki::Certificate::Parse(*octets);
    if (!evidence.Expect(file, certificate.status())) continue;
    const Digest digest = certificate->sha256();
    evidence.certificates.insert_or_assign(digest, std::move(certificate).value());
  }
  return files;
}

// The quorum is judged over the approvals that counted: one that came late, or too many, does not undo the others.
void Admit(Evidence& evidence) {
  if (!evidence.verifier || !evidence.revocations) return;  // named by check 1
  const UtcTime admitted = evidence.admitted->time;
  // A list issued after the admission tells more, not less; one too old would not have been relied on (I10).
  if (evidence.revocations->this_update + evidence.policy->revocation_list_max_age < admitted) {
    evidence.Find("policy/persons.crl",
                  fmt::format("issued at {}: too old to say who was revoked at the admission, {}",
                              FormatTime(evidence.revocations->this_update), FormatTime(admitted)));
  }
  evidence.Expect(kDirectionFile, procedures::JudgeDirection(*evidence.policy, *evidence.direction,
                                                             evidence.report.incident, admitted));
  evidence.Expect(kDirectionFile,
                  procedures::JudgeVotes(*evidence.policy, *evidence.direction, evidence.direction_digest,
                                         VotesAt(evidence, admitted), admitted));
}

// The signer wrote down the Direction that is in the folder, and no other.
void CheckAdmission(Evidence& evidence) {
  const ledger::JournalDirection& admitted = *evidence.admitted;
  const procedures::Direction& direction = *evidence.direction;
  if (admitted.id != direction.id || admitted.environment != direction.environment.ToString() ||
      admitted.nonce != direction.nonce || admitted.counter_first != direction.counter_first ||
      admitted.counter_last != direction.counter_last) {
    evidence.Find(kJournalFile, "the Direction was admitted with another id, environment, nonce or counters");
  }
  if (evidence.Quoted(admitted.ledger_sequence, admitted.ledger_head) == nullptr)
    evidence.Find(kJournalFile, "the Direction was admitted against a ledger head that is not in the chain");
}

// A root that a contingency Direction places came from a key ceremony that enough people have signed for.
void CheckCeremonyOf(Evidence& evidence, const pki::Certificate& root) {
  constexpr char kRoot[] = "hierarchy/root.der";
  const auto accepted = evidence.Read(kRoot);
  if (!evidence.Expect(kRoot, accepted.status())) return;
  if (*accepted != root.der()) return evidence.Find(kRoot, "the Direction places another root: " + root.Describe());
  for (const std::string& id : evidence.List("hierarchy")) {
    const std::string folder = "hierarchy/" + id;
    const auto text = evidence.Read(folder + "/transcript.txt");
    if (!text.ok()) continue;
    const auto transcript = procedures::ParseKeyCeremonyTranscript(AsText(*text));
    if (!evidence.Expect(folder, transcript.status())) continue;
    if (transcript->key_identifier != ToHex(root.public_key->identifier())) continue;
    std::map<std::string, Bytes> files;
    for (const procedures::CeremonyOutput& output : transcript->outputs) {
      if (auto octets = evidence.Read(folder + "/" + output.file); octets.ok()) files[output.file] = *std::move(octets);
    }
    evidence.Expect(folder, procedures::CheckOutputs(*transcript, files));
    if (transcript->environment != evidence.policy->environment)
      evidence.Find(folder, "the key ceremony is of " + transcript->environment.ToString());
    size_t witnesses = 0;
    for (const std::string& name : evidence.List(folder + "/signatures")) {
      const std::string person = name.substr(0, name.rfind(".cms"));
      const auto cms = evidence.Read(folder + "/signatures/" + name);
      witnesses += cms.ok() && evidence.CheckSignedBy(person, *text, *cms).ok() ? 1 : 0;
    }
    if (witnesses < procedures::kCeremonyWitnesses)
      evidence.Find(folder, fmt::format("the key ceremony is signed by {} of {} persons", witnesses,
                                        procedures::kCeremonyWitnesses));
    return;
  }
  evidence.Find("hierarchy", "no transcript of a key ceremony speaks of the new root");
}

void CheckNewRoots(Evidence& evidence) {
  if (evidence.direction->key != "contingency" || !evidence.verifier) return;
  std::set<Digest> looked_at;
  for (const procedures::DirectedGroup& group : evidence.direction->groups) {
    for (const procedures::DirectedReplacement& replacement : group.replacements) {
      if (!replacement.cell.starts_with("root/") || !looked_at.insert(replacement.certificate).second) continue;
      const auto root = evidence.certificates.find(replacement.certificate);
      if (root != evidence.certificates.end()) CheckCeremonyOf(evidence, root->second);
    }
  }
}

}  // namespace

void CheckDirectionAdmitted(Evidence& evidence) {
  evidence.Begin(7, "direction");
  evidence.without_direction = EndedWithoutDirection(evidence);
  if (evidence.without_direction) return;
  const auto text = evidence.Read(kDirectionFile, procedures::kMaxDocument);
  if (!evidence.Expect(kDirectionFile, text.status()) || !evidence.policy) return;
  evidence.direction_text = ToString(*text);
  evidence.direction_digest = pki::Sha256(*text);
  auto direction = procedures::ParseDirection(AsText(*text));
  if (!evidence.Expect(kDirectionFile, direction.status())) return;
  evidence.direction = std::move(direction).value();
  const std::map<std::string, Bytes> files = ReadMaterials(evidence);
  evidence.LookedAt(
      fmt::format("{}, {}", evidence.direction->id, Count(evidence.List("direction/approvals").size(), "approval")));
  CheckCastingVotes(evidence);
  CheckNewRoots(evidence);

  for (ledger::JournalDirection& admitted : Admissions(evidence)) {
    if (admitted.digest != evidence.direction_digest) {
      evidence.Find(kJournalFile, fmt::format("the signer admitted {} for this incident too, in other words",
                                              Printable(admitted.id)));
    } else if (!evidence.admitted) {
      evidence.admitted = std::move(admitted);
    }
  }
  if (!evidence.admitted) {
    evidence.LookedAt(evidence.direction->id + ", never admitted by the signer");
    CheckNothingAsked(evidence);
  } else {
    Admit(evidence);
    CheckAdmission(evidence);
    procedures::Materials materials;
    for (const auto& [group, file] : files) materials.populations[group] = file;
    for (const auto& [digest, certificate] : evidence.certificates) materials.certificates[digest] = certificate.der();
    evidence.Expect("direction", procedures::CheckMaterials(*evidence.policy, *evidence.direction, materials,
                                                            evidence.admitted->time));
  }
  if (evidence.Quoted(evidence.direction->ledger_sequence, evidence.direction->ledger_head) == nullptr) {
    evidence.Find(kDirectionFile, "it was drafted against a ledger head that is not in the chain");
  }
}

}  // namespace smki::cli
