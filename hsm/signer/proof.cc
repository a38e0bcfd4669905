#include "hsm/signer/proof.h"

#include <algorithm>

#include "procedures/reason.h"

namespace smki::hsm {
namespace {

constexpr size_t kMaxResponse = 16 * 1024;

template <typename... Args>
Status Invalid(const ProofItem& proof, fmt::format_string<Args...> format, Args&&... args) {
  return procedures::Refuse(procedures::Reason::kPROOF_INVALID,
                            proof.device.ToString() + ": " + fmt::format(format, std::forward<Args>(args)...));
}

Status CheckDeviceCertificate(const ProofItem& proof, const pki::Certificate& certificate,
                              const AdmittedDirection& admitted, UtcTime now) {
  if (certificate.device_eui != proof.device) return Invalid(proof, "the certificate is of another Device");
  if ((certificate.key_usage & pki::kDigitalSignature) == 0)
    return Invalid(proof, "the certificate is not for signatures");
  std::string why = "no Device authority of the trust policy issued its certificate";
  for (const pki::Certificate& authority : admitted.verifier.DeviceAuthorities()) {
    if (authority.subject != certificate.issuer) continue;
    const pki::PathResult path = pki::ValidatePath(certificate, {}, pki::AnchorOf(authority), now);
    if (path.ok()) return OkStatus();
    why = path.detail;
  }
  return Invalid(proof, "{}", why);
}

Status CheckOutcome(const ProofItem& proof, const gbcs::ExecutionOutcome& outcome, const AdmittedGroup& group,
                    gbcs::Mode mode, uint64_t counter) {
  if (outcome.mode != mode || outcome.seq_number != counter) return Invalid(proof, "the outcome is of another command");
  for (const DirectedCell& directed : group.cells) {
    const auto reported = std::find_if(outcome.outcomes.begin(), outcome.outcomes.end(),
                                       [&](const gbcs::ReplacementOutcome& o) { return o.cell == directed.cell; });
    if (reported == outcome.outcomes.end()) return Invalid(proof, "it says nothing of {}", directed.cell.ToString());
    if (reported->status != gbcs::StatusCode::kSuccess || reported->replacing_ski != directed.key_identifier) {
      return Invalid(proof, "{}: {}, it holds key {}, directed is {}", directed.cell.ToString(),
                     gbcs::Name(reported->status), ToHex(reported->replacing_ski), ToHex(directed.key_identifier));
    }
  }
  return OkStatus();
}

}  // namespace

Status CheckProof(const ProofItem& proof, const AdmittedDirection& admitted, const Gate& gate, UtcTime now) {
  if (proof.response.size() > kMaxResponse) return Invalid(proof, "a response of {} octets", proof.response.size());
  const auto message = gbcs::ParseMessage(proof.response);
  if (!message.ok()) return Invalid(proof, "{}", Message(message.status()));
  if (message->cra != gbcs::Cra::kResponse || message->message_code != gbcs::MessageCodeOf(admitted.mode)) {
    return Invalid(proof, "it is no response to a command of this mode");
  }
  if (message->originator != proof.device || message->recipient != admitted.originator) {
    return Invalid(proof, "the response is from {} to {}", message->originator.ToString(),
                   message->recipient.ToString());
  }
  const auto group = gate.GroupOfIssued(proof.device, message->originator_counter);
  if (!group) return Invalid(proof, "counter {} was not given to this Device", message->originator_counter);

  const auto certificate = pki::Certificate::Parse(proof.certificate);
  if (!certificate.ok()) return Invalid(proof, "its certificate: {}", Message(certificate.status()));
  SMKI_RETURN_IF_ERROR(CheckDeviceCertificate(proof, *certificate, admitted, now));
  if (!message->signature || !certificate->public_key->Verify(gbcs::SignedOctets(*message), *message->signature)) {
    return Invalid(proof, "the response's signature does not verify");
  }
  const auto payload = gbcs::ParseResponsePayload(message->payload);
  if (!payload.ok()) return Invalid(proof, "{}", Message(payload.status()));
  if (!payload->outcome) return Invalid(proof, "the response carries no outcome");
  return CheckOutcome(proof, *payload->outcome, admitted.groups[*group], admitted.mode, message->originator_counter);
}

}  // namespace smki::hsm
