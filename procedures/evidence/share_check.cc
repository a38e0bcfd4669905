#include "procedures/evidence/share_check.h"

#include <algorithm>

#include "procedures/evidence/share.h"

namespace smki::procedures {
namespace {

constexpr Millis kClockTolerance = std::chrono::minutes(5);

const CustodianShare* FindCustodian(const KeyCustody& custody, const std::string& person) {
  const auto it = std::find_if(custody.custodians.begin(), custody.custodians.end(),
                               [&](const CustodianShare& share) { return share.person == person; });
  return it == custody.custodians.end() ? nullptr : &*it;
}

StatusOr<const KeyCustody*> CustodyOf(const TrustPolicy& policy, const std::string& key) {
  const KeyCustody* const custody = policy.FindKey(key);
  if (custody == nullptr) return Refuse(Reason::kSHARE_WRONG, fmt::format("the trust policy knows no key '{}'", key));
  return custody;
}

}  // namespace

StatusOr<ShareCheck> CheckShareAtHome(const TrustPolicy& policy, const Digest& policy_digest, const std::string& person,
                                      ByteSpan envelope, const pki::PrivateKey& agreement_key,
                                      const pki::Certificate& agreement_certificate, UtcTime now) {
  const auto octets = pki::OpenEnvelope(envelope, agreement_key, agreement_certificate);
  if (!octets.ok()) {
    return Refuse(Reason::kSHARE_MALFORMED,
                  fmt::format("it cannot be opened with {}'s agreement key: {}", person, Message(octets.status())));
  }
  SMKI_ASSIGN_OR_RETURN(const ShareRecord record, DecodeShareRecord(octets->span()));
  SMKI_ASSIGN_OR_RETURN(const KeyCustody* custody, CustodyOf(policy, record.key));
  SMKI_RETURN_IF_ERROR(CheckShare(record, policy.environment, *custody, person));
  const CustodianShare& mine = *FindCustodian(*custody, person);
  ShareCheck check;
  check.environment = policy.environment;
  check.key = record.key;
  check.person = person;
  check.index = mine.index;
  check.threshold = custody->threshold;
  check.custodians = custody->custodians.size();
  check.commitment = mine.commitment;
  check.policy_version = policy.version;
  check.policy = policy_digest;
  check.time = {now.ms / 1000 * 1000};
  return check;
}

StatusOr<ShareCheck> VerifyShareCheck(const TrustPolicy& policy, const PolicyVerifier& verifier, std::string_view text,
                                      ByteSpan cms, UtcTime now) {
  const auto parsed = ParseShareCheck(text);
  if (!parsed.ok()) return Refuse(Reason::kBAD_REQUEST, Message(parsed.status()));
  const ShareCheck& check = *parsed;
  if (check.environment != policy.environment) {  // I8
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("the check is of {}, the trust policy of {}", check.environment.ToString(),
                              policy.environment.ToString()));
  }
  const SignatureFinding finding = verifier.Verify(AsBytes(text), cms, now, kShareCheckHint);
  if (finding.fault) return Refuse(*finding.fault, finding.detail);
  if (finding.person != check.person) {
    return Refuse(Reason::kSHARE_FROM_STRANGER, fmt::format("{} signed for {}", finding.person, check.person));
  }
  const Millis apart =
      check.time > finding.signing_time ? check.time - finding.signing_time : finding.signing_time - check.time;
  if (apart > kClockTolerance || check.time > now + kClockTolerance) {
    return Refuse(Reason::kBAD_REQUEST,
                  fmt::format("the check is dated {}, was signed at {}, and it is {}", FormatTime(check.time),
                              FormatTime(finding.signing_time), FormatTime(now)));
  }
  SMKI_ASSIGN_OR_RETURN(const KeyCustody* custody, CustodyOf(policy, check.key));
  const CustodianShare* const custodian = FindCustodian(*custody, check.person);
  if (custodian == nullptr) {
    return Refuse(Reason::kSHARE_FROM_STRANGER,
                  fmt::format("{} is no custodian of the {} key any more", check.person, check.key));
  }
  if (check.commitment != custodian->commitment) {
    return Refuse(Reason::kSHARE_WRONG,
                  fmt::format("{} checked another share than the one that trust policy version {} commits to",
                              check.person, policy.version));
  }
  return check;
}

}  // namespace smki::procedures
