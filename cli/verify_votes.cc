// Part of check 7: who voted on the Direction, and how.
#include "cli/evidence.h"
#include "cli/text.h"
#include "pki/cms.h"
#include "pki/digest.h"
#include "procedures/documents.h"

namespace smki::cli {
namespace {

using procedures::Reason;
using procedures::SignatureFinding;

constexpr char kApprovals[] = "direction/approvals/";
constexpr char kRejections[] = "direction/rejections/";
constexpr char kCasting[] = "direction/casting/";

SignatureFinding Faulty(SignatureFinding finding, Reason reason, const std::string& detail) {
  finding.fault = reason;
  finding.detail = detail;
  return finding;
}

// The person of the policy whose certificate `cms` names, and that certificate; null if there is none.
const pki::Certificate* FindSigner(const Evidence& evidence, ByteSpan cms, SignatureFinding& finding) {
  pki::CmsSignerId signer;
  const pki::CmsVerdict form = pki::CheckDetachedForm(cms, &signer);
  if (!form.ok()) {
    finding = Faulty(finding, Reason::kAPPROVAL_MALFORMED, form.detail);
    return nullptr;
  }
  for (const procedures::Person& person : evidence.policy->persons) {
    const pki::Certificate* own = evidence.verifier->SigningCertificateOf(person.id);
    if (own == nullptr || own->issuer != signer.issuer || own->serial != signer.serial) continue;
    finding.person = person.id;
    return own;
  }
  finding =
      Faulty(finding, Reason::kAPPROVAL_NOT_A_MEMBER, "signed with a certificate of no person of the trust policy");
  return nullptr;
}

// Who signed `document`, judged as of the admission.
SignatureFinding SignedAt(const Evidence& evidence, ByteSpan document, ByteSpan cms, const std::string& hint,
                          UtcTime admitted) {
  SignatureFinding finding;
  const pki::Certificate* const certificate = FindSigner(evidence, cms, finding);
  if (certificate == nullptr) return finding;
  const pki::CmsVerdict verdict = pki::VerifyDetached(document, cms, *certificate);
  finding.signing_time = verdict.signature.signing_time;
  if (!verdict.ok()) return Faulty(finding, Reason::kAPPROVAL_BAD_SIGNATURE, finding.person + ": " + verdict.detail);
  if (!verdict.signature.hint.empty() && verdict.signature.hint != hint) {
    return Faulty(finding, Reason::kAPPROVAL_OTHER_DOCUMENT,
                  fmt::format("{} signed '{}'", finding.person, verdict.signature.hint));
  }
  if (!certificate->IsValidAt(finding.signing_time) || !certificate->IsValidAt(admitted)) {
    return Faulty(finding, Reason::kSIGNER_CERTIFICATE_EXPIRED,
                  fmt::format("the certificate of {} was not valid when it signed at {}, or at the admission at {}",
                              finding.person, FormatTime(finding.signing_time), FormatTime(admitted)));
  }
  for (const pki::Revoked& revoked : evidence.revocations->revoked) {
    if (revoked.serial != certificate->serial || revoked.time > admitted) continue;
    return Faulty(finding, Reason::kSIGNER_CERTIFICATE_REVOKED,
                  fmt::format("the certificate of {} was revoked at {}, the admission was at {}", finding.person,
                              FormatTime(revoked.time), FormatTime(admitted)));
  }
  return finding;
}

// The signed documents of a sub-folder: "1-anna.pma.txt" with "1-anna.pma.cms".
std::vector<procedures::SignedText> ReadSigned(Evidence& evidence, const std::string& folder) {
  std::vector<procedures::SignedText> out;
  for (const std::string& name : evidence.List(folder)) {
    if (!name.ends_with(".txt")) continue;
    const auto text = evidence.Read(folder + name, procedures::kMaxDocument);
    const std::string signature = folder + name.substr(0, name.size() - 4) + ".cms";
    const auto cms = evidence.Read(signature);
    if (evidence.Expect(folder + name, text.status()) && evidence.Expect(signature, cms.status()))
      out.push_back({ToString(*text), *cms});
  }
  return out;
}

}  // namespace

procedures::Votes VotesAt(Evidence& evidence, UtcTime admitted) {
  procedures::Votes out;
  for (const std::string& name : evidence.List(kApprovals)) {
    const auto cms = evidence.Read(kApprovals + name);
    if (!evidence.Expect(kApprovals + name, cms.status())) continue;
    out.approvals.push_back({pki::Sha256(*cms), SignedAt(evidence, AsBytes(evidence.direction_text), *cms,
                                                         procedures::ApprovalHint(evidence.direction->id), admitted)});
  }
  for (const procedures::SignedText& no : ReadSigned(evidence, kRejections)) {
    const auto rejection = procedures::ParseRejection(no.text);
    // Of an earlier draft, perhaps: those of this one say so.
    if (!rejection.ok() || rejection->direction != evidence.direction_digest) continue;
    SignatureFinding finding = SignedAt(evidence, AsBytes(no.text), no.cms, procedures::kRejectionHint, admitted);
    if (!finding.fault && finding.person != rejection->person)
      finding = Faulty(finding, Reason::kNOT_PERMITTED, "it is signed by " + finding.person);
    out.rejections.push_back({pki::Sha256(no.text), std::move(finding)});
  }
  for (const procedures::SignedText& cast : ReadSigned(evidence, kCasting)) {
    auto document = procedures::ParseCastingVote(cast.text);
    if (!document.ok() || document->direction != evidence.direction_digest) continue;
    if (out.cast) evidence.Find(kCasting, "there are two casting votes on " + evidence.direction->id);
    out.cast = procedures::Cast{
        *std::move(document), SignedAt(evidence, AsBytes(cast.text), cast.cms, procedures::kCastingVoteHint, admitted)};
  }
  return out;
}

void CheckCastingVotes(Evidence& evidence) {
  const std::vector<procedures::SignedText> casts = ReadSigned(evidence, kCasting);
  for (const auto& [entry, event] : evidence.Of<ledger::v1::IncidentEvent>("incident.casting-vote-recorded")) {
    std::map<std::string, std::string> fields;
    for (const auto& field : event.fields()) fields[field.key()] = field.value();
    Status found = NotFound("the casting vote of {} is not in the folder", Printable(entry->person));
    for (const procedures::SignedText& cast : casts) {
      const auto document = procedures::ParseCastingVote(cast.text);
      if (!document.ok() || document->person != entry->person || ToHex(document->direction) != fields["digest"] ||
          document->decision != fields["decision"])
        continue;
      found = evidence.CheckSignedBy(entry->person, AsBytes(cast.text), cast.cms);
    }
    evidence.Expect(Evidence::EntryName(*entry), found);
  }
}

}  // namespace smki::cli
