#include "procedures/evidence/signed_document.h"

#include <algorithm>
#include <set>
#include <utility>

#include "procedures/documents.h"

namespace smki::procedures {
namespace {

constexpr Millis kClockTolerance = std::chrono::minutes(5);

Status Incomplete(const std::string& what, const std::string& why) {
  return Refuse(Reason::kPOLICY_INCOMPLETE, fmt::format("{}: {}", what, why));
}

StatusOr<pki::Certificate> ParseNamed(const std::string& what, const Base64& der) {
  auto certificate = pki::Certificate::Parse(der.bytes);
  if (!certificate.ok()) return Incomplete(what, Message(certificate.status()));
  return certificate;
}

StatusOr<pki::Certificate> ParseIssued(const std::string& what, const Base64& der, const pki::Certificate& authority,
                                       pki::KeyUsageBits usage) {
  SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, ParseNamed(what, der));
  // Exactly one usage: a key that signs must not also open envelopes.
  if (certificate.key_usage != usage) {
    return Incomplete(what, usage == pki::kDigitalSignature ? "key usage must be digitalSignature only"
                                                            : "key usage must be keyAgreement only");
  }
  if (certificate.issuer != authority.subject || !certificate.IsSignedBy(*authority.public_key)) {
    return Incomplete(what, "not issued by the persons' authority");
  }
  return certificate;
}

Reason ReasonOfFault(pki::CmsFault fault) {
  switch (fault) {
    case pki::CmsFault::kNone:
    case pki::CmsFault::kMalformed:
      return Reason::kAPPROVAL_MALFORMED;
    case pki::CmsFault::kNotOneSigner:
      return Reason::kAPPROVAL_NOT_ONE_SIGNER;
    case pki::CmsFault::kNoSignedAttributes:
      return Reason::kAPPROVAL_NO_SIGNED_ATTRIBUTES;
    case pki::CmsFault::kNoSigningTime:
      return Reason::kAPPROVAL_NO_SIGNING_TIME;
    case pki::CmsFault::kOtherDigest:
      return Reason::kAPPROVAL_OTHER_ALGORITHM;
    case pki::CmsFault::kWrongCertificate:
      return Reason::kAPPROVAL_NOT_A_MEMBER;
    case pki::CmsFault::kDigestMismatch:
      return Reason::kAPPROVAL_DIGEST_MISMATCH;
    case pki::CmsFault::kBadSignature:
      return Reason::kAPPROVAL_BAD_SIGNATURE;
  }
  return Reason::kAPPROVAL_MALFORMED;
}

void Fault(SignatureFinding& finding, Reason reason, std::string detail) {
  finding.fault = reason;
  finding.detail = std::move(detail);
}

// The time and revocation of one signer's certificate.
void JudgeCertificate(SignatureFinding& finding, const pki::Certificate& certificate,
                      const pki::RevocationList& revoked, UtcTime now) {
  if (!certificate.IsValidAt(now) || !certificate.IsValidAt(finding.signing_time)) {
    Fault(finding, Reason::kSIGNER_CERTIFICATE_EXPIRED,
          fmt::format("the certificate of {} is valid from {} to {}; signed at {}, it is {}", finding.person,
                      FormatTime(certificate.not_before), FormatTime(certificate.not_after),
                      FormatTime(finding.signing_time), FormatTime(now)));
  } else if (revoked.Contains(certificate.serial)) {
    Fault(finding, Reason::kSIGNER_CERTIFICATE_REVOKED,
          fmt::format("the certificate of {}, serial {}, is revoked", finding.person, certificate.SerialHex()));
  }
}

}  // namespace

StatusOr<PolicyVerifier> PolicyVerifier::Make(const TrustPolicy& policy) {
  PolicyVerifier out;
  SMKI_ASSIGN_OR_RETURN(out.persons_authority_, ParseNamed("persons' authority", policy.persons_authority));
  const pki::Certificate& authority = *out.persons_authority_;
  if (!authority.is_ca ||
      (authority.key_usage & (pki::kKeyCertSign | pki::kCrlSign)) != (pki::kKeyCertSign | pki::kCrlSign)) {
    return Incomplete("persons' authority", "must be a CA with keyCertSign and cRLSign");
  }
  std::set<std::string> serials;  // by which a signer is found
  for (const Person& person : policy.persons) {
    const std::string what = "person " + person.id;
    SMKI_ASSIGN_OR_RETURN(
        pki::Certificate signing,
        ParseIssued(what + ", signing certificate", person.signing_certificate, authority, pki::kDigitalSignature));
    SMKI_ASSIGN_OR_RETURN(
        pki::Certificate agreement,
        ParseIssued(what + ", agreement certificate", person.agreement_certificate, authority, pki::kKeyAgreement));
    if (!serials.insert(signing.SerialHex()).second)
      return Incomplete(what, "another person has the same signing certificate");
    out.persons_.emplace(person.id, PersonCertificates{std::move(signing), std::move(agreement)});
  }
  SMKI_ASSIGN_OR_RETURN(
      out.keyguard_, ParseIssued("keyguard identity", policy.keyguard_certificate, authority, pki::kDigitalSignature));
  SMKI_ASSIGN_OR_RETURN(out.orchestrator_, ParseIssued("orchestrator identity", policy.orchestrator_certificate,
                                                       authority, pki::kDigitalSignature));
  SMKI_ASSIGN_OR_RETURN(out.organisation_root_, ParseNamed("organisation root", policy.organisation_root));
  if (!out.organisation_root_->is_ca) return Incomplete("organisation root", "must be a CA");
  for (const Base64& der : policy.device_authorities) {
    SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, ParseNamed("Device authority", der));
    if (!certificate.is_ca) return Incomplete("Device authority " + certificate.Describe(), "must be a CA");
    out.device_authorities_.push_back(std::move(certificate));
  }
  out.revocation_list_max_age_ = policy.revocation_list_max_age;
  return out;
}

std::string PolicyVerifier::RevocationListFault(const pki::RevocationList& list, UtcTime now) const {
  if (list.this_update > now + kClockTolerance)
    return fmt::format("issued at {}, but it is {}", FormatTime(list.this_update), FormatTime(now));
  if (now - list.this_update > revocation_list_max_age_) {
    return fmt::format("issued at {}; the trust policy allows an age of {}", FormatTime(list.this_update),
                       FormatDuration(revocation_list_max_age_));
  }
  if (list.next_update <= now) return fmt::format("its next update was due at {}", FormatTime(list.next_update));
  return "";
}

Status PolicyVerifier::UseRevocationList(ByteSpan crl_der, UtcTime now) {
  const auto stale = [](const std::string& why) { return Refuse(Reason::kREVOCATION_LIST_STALE, why); };
  auto list = pki::ParseRevocationList(crl_der);
  if (!list.ok()) return stale(Message(list.status()));
  if (list->issuer != persons_authority_->subject || !list->IsSignedBy(*persons_authority_->public_key)) {
    return stale("not issued by the persons' authority of the trust policy");
  }
  const std::string fault = RevocationListFault(*list, now);
  if (!fault.empty()) return stale(fault);
  if (revocation_list_ && list->this_update < revocation_list_->this_update) {
    return stale(fmt::format("issued at {}; one of {} is in use", FormatTime(list->this_update),
                             FormatTime(revocation_list_->this_update)));
  }
  revocation_list_ = *std::move(list);
  return OkStatus();
}

const std::pair<const std::string, PolicyVerifier::PersonCertificates>* PolicyVerifier::FindSigner(
    const pki::CmsSignerId& id) const {
  const auto it = std::find_if(persons_.begin(), persons_.end(), [&](const auto& person) {
    return person.second.signing.issuer == id.issuer && person.second.signing.serial == id.serial;
  });
  return it == persons_.end() ? nullptr : &*it;
}

SignatureFinding PolicyVerifier::VerifyHinted(ByteSpan document, ByteSpan cms, UtcTime now, std::string& hint) const {
  SignatureFinding finding;
  const std::string stale =
      revocation_list_ ? RevocationListFault(*revocation_list_, now) : "no revocation list was given";
  if (!stale.empty()) {
    Fault(finding, Reason::kREVOCATION_LIST_STALE, stale);
    return finding;
  }
  pki::CmsSignerId id;
  const pki::CmsVerdict form = pki::CheckDetachedForm(cms, &id);
  if (!form.ok()) {
    Fault(finding, ReasonOfFault(form.fault), form.detail);
    return finding;
  }
  const auto* signer = FindSigner(id);
  if (signer == nullptr) {
    Fault(finding, Reason::kAPPROVAL_NOT_A_MEMBER, "signed with a certificate of no person of the trust policy");
    return finding;
  }
  finding.person = signer->first;
  const pki::CmsVerdict verdict = pki::VerifyDetached(document, cms, signer->second.signing);
  finding.signing_time = verdict.signature.signing_time;
  hint = verdict.signature.hint;
  if (verdict.ok()) {
    JudgeCertificate(finding, signer->second.signing, *revocation_list_, now);
  } else {
    Fault(finding, ReasonOfFault(verdict.fault), verdict.detail);
  }
  return finding;
}

SignatureFinding PolicyVerifier::Verify(ByteSpan document, ByteSpan cms, UtcTime now,
                                        const std::string& expected_hint_prefix) const {
  std::string hint;
  SignatureFinding finding = VerifyHinted(document, cms, now, hint);
  if (!finding.fault && !hint.empty() && !hint.starts_with(expected_hint_prefix)) {
    Fault(finding, Reason::kAPPROVAL_OTHER_DOCUMENT,
          fmt::format("signed as '{}', expected '{}'", hint, expected_hint_prefix));
  }
  return finding;
}

SignatureFinding PolicyVerifier::VerifyApproval(const Direction& direction, ByteSpan direction_text, ByteSpan cms,
                                                UtcTime now) const {
  std::string hint;
  SignatureFinding finding = VerifyHinted(direction_text, cms, now, hint);
  const bool other_text = finding.fault == Reason::kAPPROVAL_DIGEST_MISMATCH;
  if ((finding.fault && !other_text) || hint.empty() || hint == ApprovalHint(direction.id)) return finding;
  if (hint.starts_with(kRejectionHint)) {
    Fault(finding, Reason::kAPPROVAL_IS_REJECTION, fmt::format("{} rejected it", finding.person));
  } else {
    Fault(finding, Reason::kAPPROVAL_OTHER_DOCUMENT,
          fmt::format("{} signed '{}', this is {}", finding.person, hint, direction.id));
  }
  return finding;
}

const pki::Certificate* PolicyVerifier::SigningCertificateOf(const std::string& person) const {
  const auto it = persons_.find(person);
  return it == persons_.end() ? nullptr : &it->second.signing;
}

const pki::Certificate* PolicyVerifier::AgreementCertificateOf(const std::string& person) const {
  const auto it = persons_.find(person);
  return it == persons_.end() ? nullptr : &it->second.agreement;
}

std::optional<UtcTime> PolicyVerifier::RevocationListTime() const {
  if (!revocation_list_) return std::nullopt;
  return revocation_list_->this_update;
}

}  // namespace smki::procedures
