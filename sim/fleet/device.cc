#include "sim/fleet/device.h"

#include <algorithm>
#include <charconv>

#include "base/wire.h"
#include "pki/digest.h"
#include "pki/message_mac.h"
#include "sim/fleet/message_mac.h"

namespace smki::sim {
namespace {

using gbcs::StatusCode;
using gbcs::TrustAnchorCell;

constexpr TrustAnchorCell kRecoveryCell{gbcs::Role::kRecovery, gbcs::KeyUsage::kDigitalSignature,
                                        gbcs::CellUsage::kManagement};
constexpr TrustAnchorCell kRootCell{gbcs::Role::kRoot, gbcs::KeyUsage::kKeyCertSign, gbcs::CellUsage::kManagement};

constexpr TrustAnchorCell kAcbCell{gbcs::Role::kAccessControlBroker, gbcs::KeyUsage::kKeyAgreement,
                                   gbcs::CellUsage::kManagement};

// What is different for each mode that a Device serves here (GBCS.md 1.3, 2.1, 4.3, 4.5).
struct ModeRules {
  gbcs::Mode mode;
  TrustAnchorCell authorising;
  bool mac;       // goes by way of the Access Control Broker
  bool own_only;  // replaces no cell but the authorising role's
};
constexpr ModeRules kModes[] = {
    {gbcs::Mode::kSupplierBySupplier,
     {gbcs::Role::kSupplier, gbcs::KeyUsage::kDigitalSignature, gbcs::CellUsage::kManagement},
     true,
     true},
    {gbcs::Mode::kNetworkOperatorByNetworkOperator,
     {gbcs::Role::kNetworkOperator, gbcs::KeyUsage::kDigitalSignature, gbcs::CellUsage::kManagement},
     true,
     true},
    {gbcs::Mode::kAnyExceptAbnormalRootByRecovery, kRecoveryCell, false, false},
    {gbcs::Mode::kAnyByContingency, kRootCell, false, false},
};

const ModeRules* RulesOf(uint16_t message_code) {
  const auto* found = std::find_if(std::begin(kModes), std::end(kModes), [&](const ModeRules& rules) {
    return gbcs::MessageCodeOf(rules.mode) == message_code;
  });
  return found == std::end(kModes) ? nullptr : found;
}

struct Refusal {
  Discard discard;
  std::string detail;
};

struct Command {
  const ModeRules* rules = nullptr;
  gbcs::Message message;
  gbcs::CommandPayload payload;
};

// GBCS.md 4.2, steps 1 and 2.
std::optional<Refusal> ReadCommand(const DeviceState& state, ByteSpan octets, Command& out) {
  auto message = gbcs::ParseMessage(octets);
  if (!message.ok()) return Refusal{Discard::kNotAMessage, Message(message.status())};
  out.message = *std::move(message);
  const gbcs::Message& m = out.message;
  if (m.cra != gbcs::Cra::kCommand) {
    return Refusal{Discard::kNotACommand, fmt::format("the CRA Flag is {}", static_cast<int>(m.cra))};
  }
  if (m.recipient != state.eui) {
    return Refusal{Discard::kOtherDevice, fmt::format("the message is for {}", m.recipient.ToString())};
  }
  out.rules = RulesOf(m.message_code);
  if (out.rules == nullptr)
    return Refusal{Discard::kUnknownMessageCode, fmt::format("Message Code {:04X}", m.message_code)};
  if (m.mac && !out.rules->mac) return Refusal{Discard::kMacPresent, "modes 8 and 9 carry no MAC"};
  if (!m.mac && out.rules->mac) return Refusal{Discard::kMacMissing, "modes 2 and 3 carry the ACB's MAC"};
  auto payload = gbcs::ParseCommandPayload(m.payload);
  if (!payload.ok()) return Refusal{Discard::kNotAMessage, Message(payload.status())};
  out.payload = *std::move(payload);
  if (gbcs::MessageCodeOf(out.payload.mode) != m.message_code) {
    return Refusal{Discard::kModeMismatch,
                   fmt::format("mode {} in Message Code {:04X}", gbcs::Name(out.payload.mode), m.message_code)};
  }
  if (out.payload.execution_date_time)
    return Refusal{Discard::kFutureDated, "executionDateTime " + *out.payload.execution_date_time};
  return std::nullopt;
}

uint64_t CounterOf(const DeviceState& state, gbcs::Role role) {
  const auto found = state.counters.find(role);
  return found == state.counters.end() ? 0 : found->second.seq_number;
}

// Whose counter an accepted command of this mode moves.
gbcs::Role AuthorisingRole(gbcs::Mode mode) {
  return RulesOf(gbcs::MessageCodeOf(mode))->authorising.role;
}

// GBCS.md 4.6: out of the certificate in the root cell, with what the command discloses. Nobody can be named as its
// holder there, so the originator is not compared.
std::optional<Refusal> ContingencyKey(const DeviceState& state, const gbcs::CommandPayload& p,
                                      std::optional<pki::PublicKey>& out) {
  const auto root = state.cells.find(kRootCell);
  if (root == state.cells.end() || !root->second->certificate || !root->second->certificate->apex_key)
    return Refusal{Discard::kNoContingencyKey, "the root cell holds no contingency key"};
  if (!p.plaintext_symmetric_key) return Refusal{Discard::kNoContingencyKey, "the command discloses no Symmetric Key"};
  auto key = pki::UnwrapApexKey(*root->second->certificate->apex_key, *p.plaintext_symmetric_key);
  if (!key.ok()) return Refusal{Discard::kNoContingencyKey, Message(key.status())};
  out = *std::move(key);
  return std::nullopt;
}

// GBCS.md 4.2, step 3: the key that the KRP Signature must be of.
std::optional<Refusal> VerificationKey(const DeviceState& state, const Command& command,
                                       std::optional<pki::PublicKey>& out) {
  const gbcs::Message& m = command.message;
  const gbcs::CommandPayload& p = command.payload;
  const bool contingency = p.mode == gbcs::Mode::kAnyByContingency;
  const auto cell = state.cells.find(command.rules->authorising);
  if (cell == state.cells.end() || p.authorising_cell != cell->first) {
    return Refusal{Discard::kAuthorisingCell,
                   p.authorising_cell ? p.authorising_cell->ToString() : "no authorising cell is named"};
  }
  if (contingency) return ContingencyKey(state, p, out);
  if (m.originator != cell->second->eui) {
    return Refusal{Discard::kOriginator, fmt::format("from {}, the cell belongs to {}", m.originator.ToString(),
                                                     cell->second->eui.ToString())};
  }
  out = cell->second->key;
  return std::nullopt;
}

// Of the ACB's key in its own cell, whoever sent the command (GBCS.md 2.4).
std::optional<Refusal> CheckMac(const DeviceState& state, const gbcs::Message& m, const pki::PrivateKey* agreement) {
  const auto acb = state.cells.find(kAcbCell);
  if (acb == state.cells.end() || agreement == nullptr) return Refusal{Discard::kBadMac, "no keys to check it with"};
  if (!pki::SameMac(MacOf(m, *agreement, acb->second->key), *m.mac))
    return Refusal{Discard::kBadMac, "it is not the ACB's over this message"};
  return std::nullopt;
}

// GBCS.md 4.2, steps 3 to 5.
std::optional<Refusal> Authenticate(const DeviceState& state, const Command& command,
                                    const pki::PrivateKey* agreement) {
  const gbcs::Message& m = command.message;
  const gbcs::CommandPayload& p = command.payload;
  std::optional<pki::PublicKey> key;
  if (auto refusal = VerificationKey(state, command, key)) return refusal;
  if (p.seq_number != m.originator_counter) {
    return Refusal{Discard::kCounterMismatch,
                   fmt::format("{} in the payload, {} in the header", p.seq_number, m.originator_counter)};
  }
  const uint64_t last = CounterOf(state, AuthorisingRole(p.mode));
  if (p.seq_number <= last)
    return Refusal{Discard::kReplayed, fmt::format("counter {}, last accepted {}", p.seq_number, last)};
  for (const gbcs::Replacement& replacement : p.replacements) {
    if (command.rules->own_only && replacement.cell.role != command.rules->authorising.role)
      return Refusal{Discard::kOthersCell, replacement.cell.ToString()};
  }
  if (command.rules->mac) {
    if (auto refusal = CheckMac(state, m, agreement)) return refusal;
  }
  if (!m.signature) return Refusal{Discard::kBadSignature, "there is no KRP Signature"};
  if (!key->Verify(gbcs::SignedOctets(m), *m.signature)) {
    return Refusal{Discard::kBadSignature, "the KRP Signature does not verify with the authorising key"};
  }
  return std::nullopt;
}

// The RemotePartyRole in a certificate's OU, two hexadecimal digits (GBCS.md 6.2).
std::optional<gbcs::Role> RoleOf(const pki::Certificate& certificate) {
  const std::string& ou = certificate.subject_ou;
  uint8_t role = 0;
  const auto [end, error] = std::from_chars(ou.data(), ou.data() + ou.size(), role, 16);
  if (ou.size() != 2 || error != std::errc() || end != ou.data() + ou.size()) return std::nullopt;
  return static_cast<gbcs::Role>(role);
}

// GBCS.md 4.4: the cell's own role, or the ACB (before handover to the party), or a supplier where a loadController
// will be.
bool RoleFits(gbcs::Role cell, gbcs::Role certificate) {
  if (cell == certificate) return true;
  if (cell == gbcs::Role::kRoot) return false;
  return certificate == gbcs::Role::kAccessControlBroker ||
         (cell == gbcs::Role::kLoadController && certificate == gbcs::Role::kSupplier);
}

bool FitsCell(const pki::Certificate& certificate, const TrustAnchorCell& cell) {
  const std::optional<gbcs::Role> role = RoleOf(certificate);
  if (!role || !RoleFits(cell.role, *role)) return false;
  if ((certificate.key_usage & (1u << static_cast<unsigned>(cell.key_usage))) == 0) return false;
  // A root has no unique identifier; everyone else is known by it (GBCS.md 1.6, 6.2).
  return cell == kRootCell ? certificate.is_ca : !certificate.is_ca && certificate.subject_eui.has_value();
}

// Replaces cells one by one, each judged on its own (GBCS.md 4.4).
class Replacer {
 public:
  Replacer(DeviceState& state, const gbcs::CommandPayload& payload, UtcTime now, CertificateMemo& memo)
      : state_(state), payload_(payload), memo_(memo) {
    if (!payload.disapply_time_checks) time_ = now;
    for (const Bytes& der : payload.path_certificates) path_.push_back(memo.Parse(der));
  }

  std::vector<gbcs::ReplacementOutcome> Run() {
    std::vector<gbcs::ReplacementOutcome> outcomes(payload_.replacements.size());
    // What is replaced together with the root chains to the new one (GBCS.md 4.4), so the root goes first. The outcomes
    // keep the command's order.
    for (const bool root : {true, false}) {
      for (size_t i = 0; i < outcomes.size(); ++i) {
        if ((payload_.replacements[i].cell == kRootCell) == root) outcomes[i] = Replace(payload_.replacements[i]);
      }
    }
    return outcomes;
  }

 private:
  gbcs::ReplacementOutcome Replace(const gbcs::Replacement& replacement) {
    gbcs::ReplacementOutcome outcome;
    outcome.cell = replacement.cell;
    const auto cell = state_.cells.find(replacement.cell);
    if (cell == state_.cells.end()) {
      outcome.status = StatusCode::kTrustAnchorNotFound;
      return outcome;
    }
    outcome.existing_eui = cell->second->eui;
    outcome.existing_ski = cell->second->identifier;
    const AnchorPtr offered = memo_.Parse(replacement.certificate);
    outcome.status = Judge(offered, replacement.cell);
    if (outcome.status == StatusCode::kSuccess) cell->second = offered;
    outcome.replacing_eui = cell->second->eui;
    outcome.replacing_ski = cell->second->identifier;
    return outcome;
  }

  StatusCode Judge(const AnchorPtr& offered, const TrustAnchorCell& cell) {
    if (!offered || !FitsCell(*offered->certificate, cell)) return StatusCode::kBadCertificate;
    // Under contingency a new root has nothing to do with the old one, which nobody may believe (GBCS.md 4.5).
    if (cell == kRootCell && payload_.mode == gbcs::Mode::kAnyByContingency)
      return IsRoot(*offered->certificate) ? StatusCode::kSuccess : StatusCode::kBadCertificate;
    const auto root = state_.cells.find(kRootCell);
    if (root == state_.cells.end()) return StatusCode::kNoTrustAnchor;
    switch (memo_.ValidatePath(*offered, path_, *root->second, time_)) {
      case pki::PathFault::kNone:
        return StatusCode::kSuccess;
      case pki::PathFault::kNoTrustAnchor:
        return StatusCode::kNoTrustAnchor;
      default:
        return StatusCode::kBadCertificate;
    }
  }

  // Its own issuer, in date if dates are looked at, and with a contingency key of its own: without one this Device
  // could never be helped again.
  bool IsRoot(const pki::Certificate& certificate) const {
    return certificate.subject == certificate.issuer && certificate.IsSignedBy(*certificate.public_key) &&
           certificate.apex_key && (!time_ || certificate.IsValidAt(*time_));
  }

  DeviceState& state_;
  const gbcs::CommandPayload& payload_;
  CertificateMemo& memo_;
  std::optional<UtcTime> time_;
  std::vector<AnchorPtr> path_;
};

void Apply(DeviceState& state, const gbcs::SeqNumberChange& change) {
  RoleCounters& counters = state.counters[change.role];
  counters.seq_number = change.floor;
  for (const gbcs::SpecialistSeqNumber& one : change.specialist) counters.specialist[one.usage] = one.seq_number;
}

// GBCS.md 4.3: the authorising role's own change first, then the others in the command's order.
std::vector<gbcs::SeqNumberChange> ApplyFloors(DeviceState& state, const gbcs::CommandPayload& payload) {
  std::vector<gbcs::SeqNumberChange> changes;
  if (payload.new_floor) {
    changes.push_back({AuthorisingRole(payload.mode), *payload.new_floor,
                       payload.new_specialist_floors.value_or(std::vector<gbcs::SpecialistSeqNumber>())});
  }
  if (payload.other_changes)
    changes.insert(changes.end(), payload.other_changes->begin(), payload.other_changes->end());
  for (const gbcs::SeqNumberChange& change : changes) Apply(state, change);
  return changes;
}

// DLMS date-time with everything unspecified that the reference response leaves so (GBCS.md 2.5).
Bytes DlmsDateTime(UtcTime now) {
  const CivilTime t = ToCivil(now);
  WireWriter out;
  out.U16(static_cast<uint16_t>(t.year));
  out.U8(static_cast<uint8_t>(t.month));
  out.U8(static_cast<uint8_t>(t.day));
  out.U8(0xFF);  // day of week
  out.U8(static_cast<uint8_t>(t.hour));
  out.U8(static_cast<uint8_t>(t.minute));
  out.U8(static_cast<uint8_t>(t.second));
  out.U8(0x00);     // hundredths
  out.U16(0x8000);  // deviation from UTC
  out.U8(0xFF);     // clock status
  return out.Take();
}

StatusOr<Bytes> MakeResponse(const gbcs::Message& command, const gbcs::ExecutionOutcome& outcome, UtcTime now,
                             pki::Signer& key) {
  gbcs::Message response;
  response.cra = gbcs::Cra::kResponse;
  response.originator_counter = command.originator_counter;
  response.originator = command.recipient;
  response.recipient = command.originator;
  response.date_time = DlmsDateTime(now);
  response.message_code = command.message_code;
  // As real Devices write them (base/der.h).
  response.payload = gbcs::EncodeResponsePayload({outcome, DerLengths::kTwoOctets});
  SMKI_ASSIGN_OR_RETURN(response.signature, key.SignDigest(pki::Sha256(gbcs::SignedOctets(response))));
  return gbcs::EncodeMessage(response);
}

}  // namespace

std::string Name(Discard discard) {
  switch (discard) {
    case Discard::kNotAMessage:
      return "not a message";
    case Discard::kNotACommand:
      return "not a command";
    case Discard::kOtherDevice:
      return "for another Device";
    case Discard::kUnknownMessageCode:
      return "unknown Message Code";
    case Discard::kMacPresent:
      return "MAC where none may be";
    case Discard::kMacMissing:
      return "no MAC where one must be";
    case Discard::kOthersCell:
      return "cell of another role";
    case Discard::kBadMac:
      return "bad MAC";
    case Discard::kModeMismatch:
      return "mode and Message Code disagree";
    case Discard::kFutureDated:
      return "future-dated";
    case Discard::kNoContingencyKey:
      return "no contingency key";
    case Discard::kAuthorisingCell:
      return "wrong authorising cell";
    case Discard::kOriginator:
      return "originator is not the authorising party";
    case Discard::kCounterMismatch:
      return "counters disagree";
    case Discard::kReplayed:
      return "counter not above the last";
    case Discard::kBadSignature:
      return "bad signature";
  }
  return "unknown";
}

StatusOr<Processed> ProcessCommand(const DeviceState& state, ByteSpan message, UtcTime now, DeviceKeys keys,
                                   CertificateMemo& memo) {
  Processed out;
  out.state = state;
  Command command;
  std::optional<Refusal> refusal = ReadCommand(state, message, command);
  std::optional<pki::PrivateKey> agreement;
  if (!refusal && command.rules->mac && !keys.agreement.empty()) {
    SMKI_ASSIGN_OR_RETURN(agreement, pki::PrivateKey::FromScalar(keys.agreement));
  }
  if (!refusal) refusal = Authenticate(state, command, agreement ? &*agreement : nullptr);
  if (refusal) {
    out.discard = refusal->discard;
    out.detail = std::move(refusal->detail);
    return out;
  }
  const gbcs::CommandPayload& payload = command.payload;
  out.state.counters[AuthorisingRole(payload.mode)].seq_number = payload.seq_number;
  out.outcome.seq_number = payload.seq_number;
  out.outcome.mode = payload.mode;
  out.outcome.outcomes = Replacer(out.state, payload, now, memo).Run();
  out.outcome.changes = ApplyFloors(out.state, payload);
  SMKI_ASSIGN_OR_RETURN(out.response, MakeResponse(command.message, out.outcome, now, keys.signing));
  return out;
}

}  // namespace smki::sim
