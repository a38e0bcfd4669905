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
Status CheckRoles(const std::string& person, const AskedFor& asked) {
  for (const procedures::RoleConflict& conflict : asked.policy.conflicts) {
    if (conflict.a != kCustodianRole && conflict.b != kCustodianRole) continue;
    const std::string& other = conflict.a == kCustodianRole ? conflict.b : conflict.a;
    const procedures::Person* const known = asked.policy.FindPerson(person);
    if (known == nullptr || !known->HasRole(other)) continue;
    if (asked.approvers.contains(person) || asked.requested_by == person) {
      return Refuse(Reason::kROLE_CONFLICT,
                    fmt::format("{} acted as {} for {} and cannot present a share", person, other, asked.id));
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
  if (finding.fault) return Refuse(Reason::kSHARE_MALFORMED, presentation.person + "'s signature: " + finding.detail);
  if (finding.person != presentation.person) {
    return Refuse(Reason::kSHARE_FROM_STRANGER, fmt::format("{} signed for {}", finding.person, presentation.person));
  }
  return OkStatus();
}

}  // namespace

AskedFor AskedForBy(const AdmittedDirection& admitted, const std::string& key) {
  const procedures::Direction& d = admitted.direction;
  AskedFor out{admitted.policy,
               admitted.verifier,
               admitted.voters,
               admitted.policy_digest,
               d.incident,
               d.id,
               key,
               d.requested_by,
               admitted.digest,
               0,
               d.limits.total,
               admitted.ledger_head};
  for (const procedures::Population& population : admitted.populations) out.devices += population.devices.size();
  return out;
}

StatusOr<Ceremony> Ceremony::Begin(const AskedFor& asked, const Journal& journal, pki::PrivateKey& identity,
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
  r.environment = asked.policy.environment;
  r.id = id;
  r.incident = asked.incident;
  r.direction = asked.digest;
  r.direction_id = asked.id;
  r.key = asked.key;
  r.policy = asked.policy_digest;
  r.policy_version = asked.policy.version;
  r.threshold = asked.custody().threshold;
  r.devices = asked.devices;
  r.total = asked.total;
  r.keyguard_time = start;
  r.expires = start + kCeremonyLife;
  r.journal_records = journal.records();
  r.journal_head = journal.head();
  r.ledger_head = asked.ledger_head;
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
                  fmt::format("{}'s presentation is of {}, this ceremony of {}", presentation.person,
                              presentation.environment.ToString(), request_.environment.ToString()));
  }
  if (presentation.request != digest_ || presentation.ceremony != request_.id || presentation.key != request_.key) {
    return Refuse(Reason::kSHARE_REPLAYED, fmt::format("{}'s presentation was made for ceremony {}, this is {}",
                                                       presentation.person, presentation.ceremony, request_.id));
  }
  if (presentation.envelope != pki::Sha256(frame.envelope)) {
    return Refuse(Reason::kSHARE_MALFORMED,
                  fmt::format("the envelope is not the one that {} signed for", presentation.person));
  }
  if (shares_.contains(presentation.person)) return Refuse(Reason::kSHARE_DUPLICATE, presentation.person);
  return OkStatus();
}

StatusOr<Ceremony::Presented> Ceremony::Judge(const PresentFrame& frame, const AskedFor& asked, UtcTime now) const {
  const auto presentation = procedures::ParseSharePresentation(frame.presentation);
  if (!presentation.ok()) return Refuse(Reason::kSHARE_MALFORMED, Message(presentation.status()));
  if (IsExpired(now)) {
    return Refuse(Reason::kCEREMONY_EXPIRED, fmt::format("{}'s share for {}, which expired at {}", presentation->person,
                                                         request_.id, FormatTime(request_.expires)));
  }
  const procedures::KeyCustody& custody = asked.custody();
  const bool is_custodian = std::any_of(custody.custodians.begin(), custody.custodians.end(),
                                        [&](const auto& share) { return share.person == presentation->person; });
  if (!is_custodian) {
    return Refuse(Reason::kSHARE_FROM_STRANGER,
                  fmt::format("{} is no custodian of the {} key", presentation->person, custody.key));
  }
  SMKI_RETURN_IF_ERROR(JudgeSignature(
      asked.verifier.Verify(AsBytes(frame.presentation), frame.signature, now, procedures::kPresentationHint),
      *presentation));
  SMKI_RETURN_IF_ERROR(CheckText(*presentation, frame));
  SMKI_RETURN_IF_ERROR(CheckRoles(presentation->person, asked));

  if (!key_) return Refuse(Reason::kNO_CEREMONY, "its key is forgotten; no more shares are needed");
  const auto opened = pki::OpenEnvelope(frame.envelope, *key_, certificate_);
  if (!opened.ok()) {
    return Refuse(Reason::kSHARE_MALFORMED,
                  fmt::format("{}'s envelope: {}", presentation->person, Message(opened.status())));
  }
  auto record = procedures::DecodeShareRecord(opened->span());
  if (!record.ok()) {
    return Refuse(Reason::kSHARE_MALFORMED, fmt::format("what {}'s envelope holds is no share", presentation->person));
  }
  SMKI_RETURN_IF_ERROR(procedures::CheckShare(*record, request_.environment, custody, presentation->person));
  return Presented{presentation->person, std::move(record->share)};
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
