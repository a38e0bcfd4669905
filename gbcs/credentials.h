// CS02b UpdateSecurityCredentials: the payloads that replace a Device's trust anchors (GBCS 13.3.5.11; GBCS.md section
// 1).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/der.h"
#include "base/eui64.h"
#include "base/status.h"
#include "gbcs/message.h"

namespace smki::gbcs {

enum class Role : uint8_t {
  kRoot = 0,
  kRecovery = 1,
  kSupplier = 2,
  kNetworkOperator = 3,
  kAccessControlBroker = 4,
  kTransitionalCos = 5,
  kWanProvider = 6,
  kIssuingAuthority = 7,
  kLoadController = 8,
  kOther = 127,
};
enum class KeyUsage : uint8_t {
  kDigitalSignature = 0,
  kKeyAgreement = 4,
  kKeyCertSign = 5,
  kCrlSign = 6
};  // RFC 5280 bit
enum class CellUsage : uint8_t { kManagement = 0, kPrePaymentTopUp = 1 };
enum class Mode : uint8_t {
  kRootBySupplier = 0,
  kRootByWanProvider = 1,
  kSupplierBySupplier = 2,
  kNetworkOperatorByNetworkOperator = 3,
  kAccessControlBrokerByAcb = 4,
  kWanProviderByWanProvider = 5,
  kTransCosByTransCos = 6,
  kSupplierByTransCos = 7,
  kAnyExceptAbnormalRootByRecovery = 8,
  kAnyByContingency = 9,
  kLoadControllerByLoadController = 10,
  kLoadControllerBySupplier = 11,
};
enum class StatusCode : uint8_t {
  kSuccess = 0,
  kBadCertificate = 5,
  kNoTrustAnchor = 10,
  kInsufficientMemory = 17,
  kContingencyPublicKeyDecrypt = 22,
  kTrustAnchorNotFound = 25,
  kResourcesBusy = 30,
  kOther = 127,
};
// GBCS words: "supplier", "digitalSignature", "anyExceptAbnormalRootByRecovery", "noTrustAnchor"; "unknown (N)" for
// other values.
std::string Name(Role);
std::string Name(KeyUsage);
std::string Name(CellUsage);
std::string Name(Mode);
std::string Name(StatusCode);
// The Message Code of a mode (GBCS.md 1.3), and back; 0 for a mode that has none.
uint16_t MessageCodeOf(Mode mode);
std::optional<Mode> ModeOfMessageCode(uint16_t code);

struct TrustAnchorCell {
  Role role = Role::kRoot;
  KeyUsage key_usage = KeyUsage::kDigitalSignature;
  CellUsage cell_usage = CellUsage::kManagement;
  friend auto operator<=>(const TrustAnchorCell&, const TrustAnchorCell&) = default;

  // "supplier/digitalSignature", "supplier/keyAgreement/prePaymentTopUp": the form used in Directions and messages.
  std::string ToString() const;
  static std::optional<TrustAnchorCell> Parse(std::string_view text);
};

struct SpecialistSeqNumber {
  uint64_t usage = 0;  // prepaymentTopUp(0)
  uint64_t seq_number = 0;
  friend bool operator==(const SpecialistSeqNumber&, const SpecialistSeqNumber&) = default;
};
struct SeqNumberChange {
  Role role = Role::kRoot;
  uint64_t floor = 0;
  std::vector<SpecialistSeqNumber> specialist;  // empty: the field is absent
  friend bool operator==(const SeqNumberChange&, const SeqNumberChange&) = default;
};
struct Replacement {
  Bytes certificate;  // whole X.509 DER, opaque here
  TrustAnchorCell cell;
  friend bool operator==(const Replacement&, const Replacement&) = default;
};

struct CommandPayload {
  Mode mode = Mode::kAnyExceptAbnormalRootByRecovery;
  std::optional<Bytes> plaintext_symmetric_key;                           // [0]
  bool disapply_time_checks = false;                                      // [1] disapply(1), absent when applied
  std::optional<TrustAnchorCell> authorising_cell;                        // [2]
  uint64_t seq_number = 0;                                                // [3]
  std::optional<uint64_t> new_floor;                                      // [4]
  std::optional<std::vector<SpecialistSeqNumber>> new_specialist_floors;  // [5]
  std::optional<std::vector<SeqNumberChange>> other_changes;              // [6]
  std::vector<Replacement> replacements;
  std::vector<Bytes> path_certificates;            // whole X.509 DER
  std::optional<std::string> execution_date_time;  // YYYYMMDDhhmmssZ
  DerLengths lengths = DerLengths::kMinimal;       // how the payload is, or will be, written
  friend bool operator==(const CommandPayload&, const CommandPayload&) = default;
};

struct ReplacementOutcome {
  TrustAnchorCell cell;
  StatusCode status = StatusCode::kSuccess;
  Eui64 existing_eui;
  std::array<uint8_t, 8> existing_ski{};
  Eui64 replacing_eui;
  std::array<uint8_t, 8> replacing_ski{};  // what the cell holds now
  friend bool operator==(const ReplacementOutcome&, const ReplacementOutcome&) = default;
};
struct ExecutionOutcome {
  uint64_t seq_number = 0;
  Mode mode = Mode::kAnyExceptAbnormalRootByRecovery;
  std::vector<SeqNumberChange> changes;
  std::vector<ReplacementOutcome> outcomes;
  friend bool operator==(const ExecutionOutcome&, const ExecutionOutcome&) = default;
};
struct ResponsePayload {
  std::optional<ExecutionOutcome> outcome;  // absent: future-dated or cancellation
  DerLengths lengths = DerLengths::kMinimal;
  friend bool operator==(const ResponsePayload&, const ResponsePayload&) = default;
};
struct AlertPayload {
  uint64_t alert_code = 0;  // 0x8F66 actioned, 0x8F67 not
  std::string execution_date_time;
  ExecutionOutcome outcome;
  DerLengths lengths = DerLengths::kMinimal;
  friend bool operator==(const AlertPayload&, const AlertPayload&) = default;
};

// The executionDateTime that cancels a pending future-dated command, and the alert codes that tell how one ended.
inline constexpr char kCancellation[] = "99991231235959Z";
inline constexpr uint64_t kFutureDatedActioned = 0x8F66;
inline constexpr uint64_t kFutureDatedNotActioned = 0x8F67;

inline constexpr size_t kMaxReplacements = 32;
inline constexpr size_t kMaxPathCertificates = 3;   // DUIS
inline constexpr size_t kMaxSeqNumberChanges = 32;  // and as many specialist numbers in each
inline constexpr size_t kMaxSymmetricKey = 64;      // octets; the real size is not public

// Encode(Parse(b)) == b for every b that parses: DEFAULT values written out, INTEGERs not in their shortest form, sizes
// and counts beyond the limits above and octets behind the payload are errors that name the octet. Lengths from 128 to
// 255 may be written in either of two ways, the same throughout a payload (base/der.h, docs/formats/gbcs-messages.md).
// Roles, modes, usages and status codes without a name here are read as numbers up to 255: what to think of them is the
// caller's.
StatusOr<CommandPayload> ParseCommandPayload(ByteSpan octets);
Bytes EncodeCommandPayload(const CommandPayload& payload);
StatusOr<ResponsePayload> ParseResponsePayload(ByteSpan octets);
Bytes EncodeResponsePayload(const ResponsePayload& payload);
StatusOr<AlertPayload> ParseAlertPayload(ByteSpan octets);
Bytes EncodeAlertPayload(const AlertPayload& payload);

// --- What the signer uses: one template a group, many Devices. ---

// A recovery or contingency command with holes for target and counter. Counters must have the constant DER
// length of `first_counter`. Encode touches only the holes, so a batch costs a copy each (ARCHITECTURE section 3).
class CommandTemplate {
 public:
  // `payload.seq_number` is ignored. Refuses payloads that are no mode 8 or 9 command, or whose message would exceed
  // kMaxMessage.
  static StatusOr<CommandTemplate> Make(Eui64 originator, CommandPayload payload, uint64_t first_counter,
                                        uint64_t last_counter);

  // Mode 9: puts the Symmetric Key where the payload given to Make had another of the same size, which stands in for it
  // as long as the key is closed. kInvalidArgument for another size or mode.
  Status SetSymmetricKey(ByteSpan key);

  // The command without its signature: from tag DF through the last payload octet. To be signed is
  // everything after the first octet. The counter must lie in [first, last].
  Bytes Encode(Eui64 target, uint64_t counter) const;
  // Appends 40 || signature: the whole message.
  static void AppendSignature(Bytes& command, const Signature& signature);
  static ByteSpan ToBeSigned(ByteSpan command) { return command.subspan(1); }
  size_t size() const { return octets_.size(); }

 private:
  Bytes octets_;
  size_t header_counter_ = 0, target_ = 0, payload_counter_ = 0;  // offsets of the holes
  size_t payload_counter_size_ = 0;
  size_t symmetric_key_ = 0, symmetric_key_size_ = 0;  // mode 9
  uint64_t first_ = 0, last_ = 0;
};

}  // namespace smki::gbcs
