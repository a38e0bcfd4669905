#include "procedures/evidence/key_ceremony.h"

#include <algorithm>
#include <set>

#include "pki/digest.h"

namespace smki::procedures {
namespace {

bool Same(ByteSpan a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

constexpr int kRootPathLength = 1, kIssuingPathLength = 0;
constexpr size_t kSerialOctets = 16;

template <typename... Args>
Status Wrong(fmt::format_string<Args...> format, Args&&... args) {
  return Refuse(Reason::kCEREMONY_OUTPUT_WRONG, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

StatusOr<KeyCeremonyTranscript> CheckTranscript(const TrustPolicy& policy, const PolicyVerifier& verifier,
                                                std::string_view text, std::span<const Bytes> signatures, UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(KeyCeremonyTranscript transcript, ParseKeyCeremonyTranscript(text));
  if (transcript.environment != policy.environment) {  // I8
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("key ceremony {} is of {}, the trust policy of {}", transcript.id,
                              transcript.environment.ToString(), policy.environment.ToString()));
  }
  std::set<std::string> witnesses;
  std::string fault;
  for (const Bytes& cms : signatures) {
    const SignatureFinding finding = verifier.Verify(AsBytes(text), cms, now, kKeyCeremonyHint);
    if (!finding.fault && policy.FindPerson(finding.person) != nullptr) {
      witnesses.insert(finding.person);
    } else if (fault.empty()) {
      fault = "; " + finding.detail;
    }
  }
  if (witnesses.size() >= kCeremonyWitnesses) return transcript;
  return Refuse(Reason::kCEREMONY_NOT_WITNESSED,
                fmt::format("key ceremony {} is signed by {} of {} persons{}", transcript.id, witnesses.size(),
                            kCeremonyWitnesses, fault));
}

Status CheckOutputs(const KeyCeremonyTranscript& transcript, const std::map<std::string, Bytes>& files) {
  for (const CeremonyOutput& output : transcript.outputs) {
    const auto file = files.find(output.file);
    if (file == files.end()) return Wrong("key ceremony {}: {} is missing", transcript.id, output.file);
    if (pki::Sha256(file->second) != output.sha256)
      return Wrong("key ceremony {}: {} was altered", transcript.id, output.file);
  }
  if (files.size() != transcript.outputs.size())
    return Wrong("key ceremony {}: {} files, its transcript names {}", transcript.id, files.size(),
                 transcript.outputs.size());
  return OkStatus();
}

Status CheckAuthorityProfile(const KeyCeremonyPlan& plan, const pki::Certificate& certificate,
                             const pki::Certificate& issuer) {
  const bool root = plan.makes == "root-oca";
  const std::string what = certificate.Describe();
  if (certificate.subject != pki::AuthorityName({plan.common_name, plan.organisational_unit}))
    return Wrong("{}: its subject is not {}", what, plan.common_name);
  if (certificate.issuer != issuer.subject || !certificate.IsSignedBy(*issuer.public_key))
    return Wrong("{}: it is not signed by {}", what, issuer.Describe());
  if (!certificate.is_ca || certificate.path_length != (root ? kRootPathLength : kIssuingPathLength))
    return Wrong("{}: basicConstraints", what);
  if (certificate.key_usage != (pki::kKeyCertSign | pki::kCrlSign)) return Wrong("{}: keyUsage", what);
  if (certificate.policies != std::vector<std::string>{pki::kOrganisationPolicy})
    return Wrong("{}: certificatePolicies", what);
  if (certificate.serial.size() != kSerialOctets || (certificate.serial[0] & 0x80) != 0)
    return Wrong("{}: serialNumber", what);
  const pki::KeyIdentifier own = certificate.public_key->identifier(), above = issuer.public_key->identifier();
  if (!Same(certificate.subject_key_identifier, own)) return Wrong("{}: subjectKeyIdentifier", what);
  const bool may_be_absent = root && certificate.authority_key_identifier.empty();  // GBCS.md 6.4
  if (!may_be_absent && !Same(certificate.authority_key_identifier, above))
    return Wrong("{}: authorityKeyIdentifier", what);
  CivilTime end = ToCivil(certificate.not_before);
  end.year += static_cast<int>(plan.years);
  if (certificate.not_after != FromCivil(end) - std::chrono::seconds(1))
    return Wrong("{}: it is not valid for {} years less a second", what, plan.years);
  if (certificate.apex_key.has_value() != root)
    return Wrong("{}: {}", what, root ? "it carries no contingency key" : "it carries a contingency key");
  return OkStatus();
}

}  // namespace smki::procedures
