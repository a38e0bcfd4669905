#include "cli/verify.h"

#include "base/file.h"
#include "cli/evidence.h"
#include "pki/cms.h"
#include "pki/digest.h"

namespace smki::cli {

std::string Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kVerified:
      return "verified";
    case Verdict::kSelfConsistent:
      return "self-consistent";
    case Verdict::kFindings:
      return "findings";
  }
  return "findings";
}

Verdict VerifyReport::verdict() const {
  if (finding_count > 0) return Verdict::kFindings;
  return anchored ? Verdict::kVerified : Verdict::kSelfConsistent;
}

StatusOr<Bytes> Evidence::Read(const std::string& relative, size_t limit) const {
  return PosixFiles().Read(Path(relative), limit);
}

std::vector<std::string> Evidence::List(const std::string& relative) const {
  auto names = PosixFiles().List(Path(relative));
  return names.ok() ? *names : std::vector<std::string>();
}

void Evidence::Begin(int number, const std::string& name) {
  SMKI_CHECK(static_cast<size_t>(number) == report.checks.size() + 1);
  report.checks.push_back({name, "", 0});
}

void Evidence::Find(const std::string& where, const std::string& what) {
  ++report.checks.back().findings;
  ++report.finding_count;
  if (report.findings.size() < kMaxFindings)
    report.findings.push_back({static_cast<int>(report.checks.size()), where, what});
}

bool Evidence::Expect(const std::string& where, const Status& status) {
  if (!status.ok()) Find(where, Message(status));
  return status.ok();
}

Status Evidence::CheckSignedBy(const std::string& person, ByteSpan document, ByteSpan cms) const {
  const pki::Certificate* certificate = verifier ? verifier->SigningCertificateOf(person) : nullptr;
  if (certificate == nullptr) return NotFound("the trust policy knows no signing certificate of \"{}\"", person);
  const pki::CmsVerdict verdict = pki::VerifyDetached(document, cms, *certificate);
  if (!verdict.ok()) return DataLoss("the signature of {} does not hold: {}", person, verdict.detail);
  if (!certificate->IsValidAt(verdict.signature.signing_time)) {
    return DataLoss("the certificate of {} was not valid when it was used at {}", person,
                    FormatTime(verdict.signature.signing_time));
  }
  if (!revocations) return DataLoss("without a revocation list no signature counts");
  for (const pki::Revoked& revoked : revocations->revoked) {
    if (revoked.serial == certificate->serial && revoked.time <= verdict.signature.signing_time) {
      return DataLoss("the certificate of {} was revoked at {}, before it was used", person, FormatTime(revoked.time));
    }
  }
  return OkStatus();
}

const ledger::Entry* Evidence::Quoted(uint64_t sequence, const Digest& hash) const {
  const auto it = sequence_of.find(hash);
  // A head is quoted by its newest entry's sequence or by the count of entries, which is one more.
  if (it == sequence_of.end() || (it->second != sequence && it->second + 1 != sequence)) return nullptr;
  return &entries[it->second];
}

StatusOr<VerifyReport> VerifyEvidence(const std::string& folder, const std::optional<Digest>& anchor) {
  if (!PosixFiles().Exists(folder + "/ledger.sqlite")) {
    return NotFound("{} is no evidence folder: it has no ledger.sqlite", folder);
  }
  Evidence evidence;
  evidence.folder = folder;
  CheckPolicy(evidence, anchor);
  CheckChain(evidence);
  CheckCheckpoint(evidence);
  CheckFiles(evidence);
  CheckStatements(evidence);
  CheckProcedure(evidence);
  CheckDirectionAdmitted(evidence);
  CheckJournal(evidence);
  CheckReconciliation(evidence);
  CheckDevices(evidence);
  return std::move(evidence.report);
}

}  // namespace smki::cli
