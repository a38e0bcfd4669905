#include "hsm/signer/ceremony.h"

#include <algorithm>

#include "hsm/custody/shares.h"
#include "pki/cms.h"
#include "pki/digest.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {

constexpr char kCustodianRole[] = "key-custodian";

// I4: nobody acts in two conflicting roles in one incident.
Status CheckRoles(const std::string& person, const AdmittedDirection& admitted) {
  for (const procedures::RoleConflict& conflict : admitted.policy.conflicts) {
    if (conflict.a != kCustodianRole && conflict.b != kCustodianRole) continue;
    const std::string& other = conflict.a == kCustodianRole ? conflict.b : conflict.a;
    const procedures::Person* const known = admitted.policy.FindPerson(person);
    if (known == nullptr || !known->HasRole(other)) continue;
    if (admitted.approvers.contains(person) || admitted.direction.requested_by == person) {
      return Refuse(Reason::kROLE_CONFLICT, fmt::format("{} acted as {} for {} and cannot present a share", person,
                                                        other, admitted.direction.id));
    }
  }
  return OkStatus();
}

// Who signed it, in words of this ceremony.
Status JudgeSignature(const procedures::SignatureFinding& finding, const procedures::SharePresentation& presentation) {
  if (finding.fault == Reason::kAPPROVAL_NOT_A_MEMBER) return Refuse(Reason::kSHARE_FROM_STRANGER, finding.detail);
  const bool of_the_signer = finding.fault == Reason::kSIGNER_CERTIFICATE_EXPIRED ||
                             finding.fault == Reason::kSIGNER_CERTIFICATE_REVOKED ||
                             finding.fault == Reason::kREVOCATION_LIST_STALE;
  if (of_the_signer) return Refuse(*finding.fault, finding.detail);
  if (finding.fault) return Refuse(Reason::kSHARE_MALFORMED, "its signature: " + finding.detail);
  if (finding.person != presentation.person) {
    return Refuse(Reason::kSHARE_FROM_STRANGER, fmt::format("{} signed for {}", finding.person, presentation.person));
  }
  return OkStatus();
}

}  // namespace

StatusOr<Ceremony> Ceremony::Begin(const AdmittedDirection& admitted, const Journal& journal, pki::PrivateKey& identity,
                                   const pki::Certificate& identity_certificate, Random& random, UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Generate());
  Bytes serial = random.Take(16);
  serial[0] = static_cast<uint8_t>((serial[0] & 0x7F) | 0x40);  // positive, 16 octets
  const std::string id = "CER-" + ToHex(random.Take(8));
  const UtcTime start{now.ms / 1000 * 1000};
  SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate,
                        pki::SelfSignedAgreementCertificate(key, id, serial, start, start + kCeremonyLife));
  Ceremony out(std::move(key), std::move(certificate));
  procedures::CeremonyRequest& r = out.request_;
  r.environment = admitted.policy.environment;
  r.id = id;
  r.incident = admitted.direction.incident;
  r.direction = admitted.digest;
  r.direction_id = admitted.direction.id;
  r.key = admitted.direction.key;
  r.policy = admitted.policy_digest;
  r.policy_version = admitted.policy.version;
  r.threshold = admitted.custody().threshold;
  for (const procedures::Population& population : admitted.populations) r.devices += population.devices.size();
  r.total = admitted.direction.limits.total;
  r.keyguard_time = start;
  r.expires = start + kCeremonyLife;
  r.journal_records = journal.records();
  r.journal_head = journal.head();
  r.ledger_head = admitted.ledger_head;
  r.ceremony_certificate.bytes = out.certificate_.der();
  out.text_ = Render(r);
  out.digest_ = pki::Sha256(out.text_);
  SMKI_ASSIGN_OR_RETURN(out.signature_, pki::SignDetached(AsBytes(out.text_), identity, identity_certificate, now,
                                                          procedures::kCeremonyHint));
  return out;
}

Status Ceremony::CheckText(const procedures::SharePresentation& presentation, const PresentFrame& frame) const {
  if (presentation.environment != request_.environment) {
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("the presentation is of {}, this ceremony of {}", presentation.environment.ToString(),
                              request_.environment.ToString()));
  }
  if (presentation.request != digest_ || presentation.ceremony != request_.id || presentation.key != request_.key) {
    return Refuse(Reason::kSHARE_REPLAYED,
                  fmt::format("it was made for ceremony {}, this is {}", presentation.ceremony, request_.id));
  }
  if (presentation.envelope != pki::Sha256(frame.envelope)) {
    return Refuse(Reason::kSHARE_MALFORMED, "the envelope is not the one that the custodian signed for");
  }
  if (shares_.contains(presentation.person)) return Refuse(Reason::kSHARE_DUPLICATE, presentation.person);
  return OkStatus();
}

StatusOr<Ceremony::Presented> Ceremony::Judge(const PresentFrame& frame, const AdmittedDirection& admitted,
                                              UtcTime now) const {
  if (IsExpired(now))
    return Refuse(Reason::kCEREMONY_EXPIRED,
                  fmt::format("{} expired at {}", request_.id, FormatTime(request_.expires)));
  const auto presentation = procedures::ParseSharePresentation(frame.presentation);
  if (!presentation.ok()) return Refuse(Reason::kSHARE_MALFORMED, Message(presentation.status()));
  const procedures::KeyCustody& custody = admitted.custody();
  const bool is_custodian = std::any_of(custody.custodians.begin(), custody.custodians.end(),
                                        [&](const auto& share) { return share.person == presentation->person; });
  if (!is_custodian) {
    return Refuse(Reason::kSHARE_FROM_STRANGER,
                  fmt::format("{} is no custodian of the {} key", presentation->person, custody.key));
  }
  SMKI_RETURN_IF_ERROR(JudgeSignature(
      admitted.verifier.Verify(AsBytes(frame.presentation), frame.signature, now, procedures::kPresentationHint),
      *presentation));
  SMKI_RETURN_IF_ERROR(CheckText(*presentation, frame));
  SMKI_RETURN_IF_ERROR(CheckRoles(presentation->person, admitted));

  if (!key_) return Refuse(Reason::kNO_CEREMONY, "its key is forgotten; no more shares are needed");
  const auto opened = pki::OpenEnvelope(frame.envelope, *key_, certificate_);
  if (!opened.ok()) return Refuse(Reason::kSHARE_MALFORMED, Message(opened.status()));
  SMKI_ASSIGN_OR_RETURN(procedures::ShareRecord record, procedures::DecodeShareRecord(opened->span()));
  SMKI_RETURN_IF_ERROR(procedures::CheckShare(record, request_.environment, custody, presentation->person));
  return Presented{presentation->person, std::move(record.share)};
}

StatusOr<Secret> Ceremony::Combine() const {
  std::vector<const Secret*> shares;
  for (const auto& [person, share] : shares_) {
    if (shares.size() < request_.threshold) shares.push_back(&share);
  }
  return CombineShares(shares);
}

void Ceremony::Forget() {
  shares_.clear();
  key_.reset();
}

CeremonyFrame Ceremony::frame(bool open) const {
  CeremonyFrame out;
  out.request = text_;
  out.signature = signature_;
  out.presented.assign(presented_.begin(), presented_.end());
  out.threshold = static_cast<uint32_t>(request_.threshold);
  out.open = open;
  return out;
}

}  // namespace smki::hsm
