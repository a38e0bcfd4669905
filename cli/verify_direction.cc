// Check 7: the Direction was one, when the key was opened for it.
#include <algorithm>

#include "base/file.h"
#include "cli/evidence.h"
#include "cli/text.h"
#include "ledger/record_log.h"
#include "pki/digest.h"
#include "procedures/evidence/materials.h"

namespace smki::cli {
namespace {

constexpr char kDirectionFile[] = "direction/direction.yaml";
constexpr char kJournalFile[] = "keyguard/journal.log";

// When the signer admitted it, by its own journal.
void FindAdmission(Evidence& evidence) {
  (void)ledger::ReadRecordLog(
      PosixFiles(), evidence.Path(kJournalFile), ledger::kJournalKind, [&](const ledger::Record& record) {
        if (record.type != static_cast<uint8_t>(ledger::JournalType::kDirection)) return OkStatus();
        const auto admitted = ledger::DecodeJournalDirection(record.payload);
        if (admitted.ok() && admitted->digest == evidence.direction_digest && !evidence.admitted)
          evidence.admitted = *admitted;
        return OkStatus();
      });
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

std::vector<Bytes> ReadApprovals(Evidence& evidence) {
  std::vector<Bytes> approvals;
  for (const std::string& name : evidence.List("direction/approvals")) {
    auto octets = evidence.Read("direction/approvals/" + name);
    if (evidence.Expect("direction/approvals/" + name, octets.status())) approvals.push_back(std::move(octets).value());
  }
  return approvals;
}

// The quorum is judged over the approvals that counted: one that came late, or too many, does not undo the others.
void Admit(Evidence& evidence, const std::vector<Bytes>& approvals) {
  const UtcTime opened = evidence.admitted->time;
  const auto octets = evidence.Read("policy/persons.crl");
  if (!octets.ok() || !evidence.verifier) return;  // named by check 1
  procedures::PolicyVerifier verifier = *evidence.verifier;
  // A list issued after the admission tells more, not less: then it is all judged at the list's time.
  const UtcTime judged = evidence.revocations ? std::max(opened, evidence.revocations->this_update) : opened;
  if (!evidence.Expect("policy/persons.crl", verifier.UseRevocationList(*octets, judged))) return;
  evidence.Expect(kDirectionFile,
                  procedures::AdmitDirection(*evidence.policy, verifier, AsBytes(evidence.direction_text), approvals,
                                             evidence.report.incident, judged)
                      .status());
}

}  // namespace

void CheckDirectionAdmitted(Evidence& evidence) {
  evidence.Begin(7, "direction");
  const auto text = evidence.Read(kDirectionFile, procedures::kMaxDocument);
  if (!evidence.Expect(kDirectionFile, text.status()) || !evidence.policy) return;
  evidence.direction_text = ToString(*text);
  evidence.direction_digest = pki::Sha256(*text);
  auto direction = procedures::ParseDirection(AsText(*text));
  if (!evidence.Expect(kDirectionFile, direction.status())) return;
  evidence.direction = std::move(direction).value();
  const std::map<std::string, Bytes> files = ReadMaterials(evidence);
  const std::vector<Bytes> approvals = ReadApprovals(evidence);
  evidence.LookedAt(fmt::format("{}, {}", evidence.direction->id, Count(approvals.size(), "approval")));

  FindAdmission(evidence);
  if (!evidence.admitted) {
    evidence.Find(kJournalFile, "the signer never admitted this Direction");
  } else {
    Admit(evidence, approvals);
    if (evidence.Quoted(evidence.admitted->ledger_sequence, evidence.admitted->ledger_head) == nullptr) {
      evidence.Find(kJournalFile, "the Direction was admitted against a ledger head that is not in the chain");
    }
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
