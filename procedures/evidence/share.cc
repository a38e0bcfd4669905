#include "procedures/evidence/share.h"

#include <algorithm>

#include "base/wire.h"
#include "pki/digest.h"
#include "procedures/reason.h"

namespace smki::procedures {
namespace {

constexpr std::string_view kMagic = "SMKISHR1";

Bytes WithoutSalt(const ShareRecord& record) {
  WireWriter out;
  out.Fixed(AsBytes(kMagic));
  out.Text(record.environment.kind);
  out.Text(record.environment.estate);
  out.Text(record.key);
  out.Text(record.person);
  out.U8(record.index);
  out.Octets(record.share.span());
  return out.Take();
}

const CustodianShare* FindCustodian(const KeyCustody& custody, const std::string& person) {
  const auto it = std::find_if(custody.custodians.begin(), custody.custodians.end(),
                               [&](const CustodianShare& share) { return share.person == person; });
  return it == custody.custodians.end() ? nullptr : &*it;
}

}  // namespace

Secret EncodeShareRecord(const ShareRecord& record) {
  Bytes start = WithoutSalt(record);
  // Sized first: a vector that grows would leave the share behind in freed memory.
  Bytes out(start.size() + record.salt.size());
  std::copy(start.begin(), start.end(), out.begin());
  std::copy(record.salt.span().begin(), record.salt.span().end(), out.begin() + static_cast<ptrdiff_t>(start.size()));
  Zeroise(start);
  return Secret(std::move(out));
}

StatusOr<ShareRecord> DecodeShareRecord(ByteSpan octets) {
  if (octets.size() > kMaxShareRecord) return Refuse(Reason::kSHARE_MALFORMED, "the share record is too large");
  WireReader in(octets);
  const ByteSpan magic = in.Fixed(kMagic.size());
  ShareRecord record;
  record.environment.kind = in.Text();
  record.environment.estate = in.Text();
  record.key = in.Text();
  record.person = in.Text();
  record.index = in.U8();
  record.share = Secret(ToBytes(in.Octets()));
  record.salt = Secret(ToBytes(in.Fixed(kShareSalt)));
  const Status end = in.Finish("the share record");
  if (!end.ok()) return Refuse(Reason::kSHARE_MALFORMED, Message(end));
  if (AsText(magic) != kMagic || record.share.empty() || record.index == 0) {
    return Refuse(Reason::kSHARE_MALFORMED, "this is no share record");
  }
  return record;
}

Digest CommitmentOf(const ShareRecord& record) {
  Bytes start = WithoutSalt(record);
  const Digest commitment = pki::HmacSha256(record.salt.span(), start);
  Zeroise(start);
  return commitment;
}

Status CheckShare(const ShareRecord& record, const Environment& environment, const KeyCustody& custody,
                  const std::string& person) {
  const CustodianShare* const custodian = FindCustodian(custody, person);
  if (custodian == nullptr) {
    return Refuse(Reason::kSHARE_FROM_STRANGER, fmt::format("{} is no custodian of the {} key", person, custody.key));
  }
  if (record.environment != environment) {
    return Refuse(Reason::kSHARE_WRONG, fmt::format("{}'s share belongs to {}, not to {}", person,
                                                    record.environment.ToString(), environment.ToString()));
  }
  if (record.key != custody.key || record.person != person || record.index != custodian->index) {
    return Refuse(Reason::kSHARE_WRONG,
                  fmt::format("the share is number {} of the {} key, held by {}; expected is number {} "
                              "of the {} key, held by {}",
                              record.index, record.key, record.person, custodian->index, custody.key, person));
  }
  if (!ConstantTimeEqual(CommitmentOf(record), custodian->commitment)) {
    return Refuse(Reason::kSHARE_WRONG,
                  fmt::format("{}'s share does not match the commitment in the trust policy", person));
  }
  return OkStatus();
}

StatusOr<CeremonyRequest> CheckCeremonyRequest(const TrustPolicy& policy, std::string_view policy_text,
                                               std::string_view request_text, ByteSpan cms, const std::string& person,
                                               UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate keyguard, pki::Certificate::Parse(policy.keyguard_certificate.bytes));
  const pki::CmsVerdict verdict = pki::VerifyDetached(AsBytes(request_text), cms, keyguard);
  if (!verdict.ok()) {
    return Refuse(Reason::kNOT_PERMITTED, "this ceremony request is not signed by the keyguard of the trust policy: " +
                                              verdict.detail + ". Show no share to it");
  }
  const auto parsed = ParseCeremonyRequest(request_text);
  if (!parsed.ok()) return Refuse(Reason::kBAD_REQUEST, Message(parsed.status()));
  const CeremonyRequest& request = *parsed;
  if (request.environment != policy.environment) {
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("the request is for {}, the trust policy for {}", request.environment.ToString(),
                              policy.environment.ToString()));
  }
  if (request.policy_version < policy.version) {
    return Refuse(Reason::kPOLICY_TOO_OLD, fmt::format("the keyguard uses trust policy version {}, yours is version {}",
                                                       request.policy_version, policy.version));
  }
  if (request.policy != pki::Sha256(policy_text)) {
    return Refuse(Reason::kPOLICY_DIGEST_MISMATCH, fmt::format("the keyguard uses trust policy {}, yours is {}",
                                                               ToHex(request.policy), ToHex(pki::Sha256(policy_text))));
  }
  const KeyCustody* const custody = policy.FindKey(request.key);
  if (custody == nullptr || FindCustodian(*custody, person) == nullptr) {
    return Refuse(Reason::kSHARE_FROM_STRANGER, fmt::format("{} is no custodian of the {} key", person, request.key));
  }
  if (request.threshold != custody->threshold) {
    return Refuse(Reason::kBAD_REQUEST, fmt::format("the request names a threshold of {}, the trust policy {}",
                                                    request.threshold, custody->threshold));
  }
  if (now > request.expires) {
    return Refuse(Reason::kCEREMONY_EXPIRED, "the request expired at " + FormatTime(request.expires));
  }
  return request;
}

StatusOr<PresentedShare> PresentShare(const TrustPolicy& policy, const CeremonyRequest& request,
                                      std::string_view request_text, const std::string& person, ByteSpan share_envelope,
                                      const CustodianKeys& keys, UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(const Secret record_octets,
                        pki::OpenEnvelope(share_envelope, keys.agreement_key, keys.agreement_certificate));
  SMKI_ASSIGN_OR_RETURN(const ShareRecord record, DecodeShareRecord(record_octets.span()));
  const KeyCustody* const custody = policy.FindKey(request.key);
  if (custody == nullptr)
    return Refuse(Reason::kPOLICY_INCOMPLETE, "the trust policy knows no key '" + request.key + "'");
  SMKI_RETURN_IF_ERROR(CheckShare(record, policy.environment, *custody, person));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate ceremony, pki::Certificate::Parse(request.ceremony_certificate.bytes));

  PresentedShare out;
  SMKI_ASSIGN_OR_RETURN(out.envelope, pki::Envelop(record_octets.span(), ceremony));
  SharePresentation presentation;
  presentation.environment = request.environment;
  presentation.ceremony = request.id;
  presentation.request = pki::Sha256(request_text);
  presentation.key = request.key;
  presentation.person = person;
  presentation.envelope = pki::Sha256(out.envelope);
  presentation.time = now;
  out.document = Render(presentation);
  SMKI_ASSIGN_OR_RETURN(out.signature, pki::SignDetached(AsBytes(out.document), keys.signing_key,
                                                         keys.signing_certificate, now, kPresentationHint));
  return out;
}

}  // namespace smki::procedures
