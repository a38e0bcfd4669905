#include "orchestrator/campaign/judge.h"

#include <algorithm>

#include "gbcs/message.h"

namespace smki::orchestrator {
namespace {

StatusOr<pki::Certificate> Find(const std::map<Digest, Bytes>& certificates, const Digest& digest,
                                const std::string& what) {
  const auto it = certificates.find(digest);
  if (it == certificates.end()) {
    return InvalidArgument("{}: the certificate {} is not among the Direction's materials", what, ToHex(digest));
  }
  auto parsed = pki::Certificate::Parse(it->second);
  if (!parsed.ok()) return WithContext(parsed.status(), what);
  return parsed;
}

StatusOr<gbcs::Mode> ModeOf(const std::string& name) {
  for (gbcs::Mode mode : {gbcs::Mode::kAnyExceptAbnormalRootByRecovery, gbcs::Mode::kAnyByContingency}) {
    if (gbcs::Name(mode) == name) return mode;
  }
  return InvalidArgument("mode '{}': a campaign runs anyExceptAbnormalRootByRecovery or anyByContingency", name);
}

Status Nothing(const char* reason, const std::string& detail) {
  return WithReason(InvalidArgument("{}", detail), reason);
}

// Empty if the cell is as intended.
std::string FaultOf(const GroupIntent::Cell& intended, const gbcs::ReplacementOutcome& reported) {
  if (reported.status != gbcs::StatusCode::kSuccess) return "cell-" + gbcs::Name(reported.status);
  if (reported.replacing_ski != intended.key || reported.replacing_eui != intended.organisation)
    return "cell-other-key";
  return "";
}

}  // namespace

StatusOr<GroupIntent> IntentOf(const procedures::Direction& direction, const procedures::DirectedGroup& group,
                               const std::map<Digest, Bytes>& certificates) {
  GroupIntent intent;
  SMKI_ASSIGN_OR_RETURN(intent.mode, ModeOf(direction.mode));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate key, Find(certificates, direction.key_certificate, "key certificate"));
  const std::optional<Eui64> originator = direction.originator ? direction.originator : key.subject_eui;
  if (!originator) return InvalidArgument("key certificate {}: names no organisation (EUI-64)", key.Describe());
  intent.originator = *originator;
  for (const procedures::DirectedReplacement& replacement : group.replacements) {
    const auto cell = gbcs::TrustAnchorCell::Parse(replacement.cell);
    if (!cell) return InvalidArgument("group {}: '{}' is no trust anchor cell", group.name, replacement.cell);
    SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate,
                          Find(certificates, replacement.certificate, group.name + " " + replacement.cell));
    // GBCS.md 1.6: a root certificate carries no EUI-64; the Device reports eight zero octets.
    intent.cells.push_back({*cell, certificate.public_key->identifier(), certificate.subject_eui.value_or(Eui64())});
  }
  return intent;
}

StatusOr<ReadResponse> ReadRecoveryResponse(ByteSpan octets, const GroupIntent& intent, Eui64 device) {
  auto message = gbcs::ParseMessage(octets);
  if (!message.ok()) return Nothing("malformed", Message(message.status()));
  if (message->cra != gbcs::Cra::kResponse || message->message_code != gbcs::MessageCodeOf(intent.mode)) {
    return Nothing("not-a-response", fmt::format("message code 0x{:04X} is no response to {}", message->message_code,
                                                 gbcs::Name(intent.mode)));
  }
  if (message->originator != device) {
    return Nothing("other-device", fmt::format("the gateway names {}, the message {}", device.ToString(),
                                               message->originator.ToString()));
  }
  if (message->recipient != intent.originator) {
    return Nothing("not-a-response", "addressed to " + message->recipient.ToString());
  }
  // GBCS.md 2.5: signed by the Device, no MAC. What is not signed proves nothing.
  if (!message->signature || message->mac) return Nothing("not-a-response", "not signed by the Device alone");
  auto payload = gbcs::ParseResponsePayload(message->payload);
  if (!payload.ok()) return Nothing("malformed", Message(payload.status()));
  if (!payload->outcome) return Nothing("not-a-response", "accepted, but nothing was executed");
  if (payload->outcome->mode != intent.mode || payload->outcome->seq_number != message->originator_counter) {
    return Nothing("not-a-response", "the outcome's mode or counter is not that of the message");
  }
  return ReadResponse{std::move(*message), std::move(*payload->outcome)};
}

bool IsSignedBy(const ReadResponse& response, const pki::PublicKey& device_key) {
  return device_key.Verify(gbcs::SignedOctets(response.message), *response.message.signature);
}

Judgement Judge(const GroupIntent& intent, const gbcs::ExecutionOutcome& outcome) {
  std::string first_fault;
  size_t as_intended = 0;
  const auto note = [&first_fault](const std::string& fault) {
    if (first_fault.empty()) first_fault = fault;
  };
  for (const GroupIntent::Cell& intended : intent.cells) {
    const gbcs::ReplacementOutcome* reported = nullptr;
    size_t times = 0;
    for (const gbcs::ReplacementOutcome& one : outcome.outcomes) {
      if (one.cell != intended.cell) continue;
      reported = &one;
      ++times;
    }
    if (times != 1) {
      note(times == 0 ? "cell-not-reported" : "cell-reported-twice");
      continue;
    }
    const std::string fault = FaultOf(intended, *reported);
    if (fault.empty()) {
      ++as_intended;
    } else {
      note(fault);
    }
  }
  const bool beyond =
      std::any_of(outcome.outcomes.begin(), outcome.outcomes.end(), [&](const gbcs::ReplacementOutcome& one) {
        return std::none_of(intent.cells.begin(), intent.cells.end(),
                            [&](const auto& cell) { return cell.cell == one.cell; });
      });
  if (beyond) note("cell-out-of-scope");
  if (first_fault.empty()) return {ledger::DeviceOutcome::kRecovered, ""};
  return {as_intended > 0 ? ledger::DeviceOutcome::kHalfReplaced : ledger::DeviceOutcome::kRefused, first_fault};
}

}  // namespace smki::orchestrator
