#include "tests/unit/gbcs/golden_cases.h"

#include <fstream>
#include <iterator>

namespace smki::gbcs {
namespace {

constexpr Eui64 kDevice(0x00DB1234567890A0);
constexpr Eui64 kCommunicationsHub(0x00DB1234567890A2);
constexpr Eui64 kRecovery(0x90B3D51F300A0001);
constexpr Eui64 kSupplier(0x90B3D51F300A0002);
constexpr Eui64 kBroker(0x90B3D51F300A0004);
constexpr Eui64 kTransitionalCos(0x90B3D51F300A0005);
constexpr Eui64 kContingency(0x70B3D51F300017FF);

constexpr TrustAnchorCell kRootCell{Role::kRoot, KeyUsage::kKeyCertSign, CellUsage::kManagement};
constexpr TrustAnchorCell kRecoveryCell{Role::kRecovery, KeyUsage::kDigitalSignature, CellUsage::kManagement};
constexpr TrustAnchorCell kSupplierDs{Role::kSupplier, KeyUsage::kDigitalSignature, CellUsage::kManagement};
constexpr TrustAnchorCell kSupplierKa{Role::kSupplier, KeyUsage::kKeyAgreement, CellUsage::kManagement};
constexpr TrustAnchorCell kSupplierTopUp{Role::kSupplier, KeyUsage::kKeyAgreement, CellUsage::kPrePaymentTopUp};
constexpr TrustAnchorCell kBrokerKa{Role::kAccessControlBroker, KeyUsage::kKeyAgreement, CellUsage::kManagement};
constexpr TrustAnchorCell kTransCosDs{Role::kTransitionalCos, KeyUsage::kDigitalSignature, CellUsage::kManagement};
constexpr TrustAnchorCell kLoadControllerDs{Role::kLoadController, KeyUsage::kDigitalSignature, CellUsage::kManagement};

Bytes Certificate(const std::string& name) {
  return GoldenOctets("certificate-" + name);
}

// Recognisable, not meaningful: 40 41 42 ...
template <typename Array>
Array Counting(uint8_t first) {
  Array out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(first + i);
  return out;
}
const auto kSignature = Counting<Signature>(0x40);
const auto kMac = Counting<Mac>(0xC0);
// 2026-11-21 03:04:05, the other fields not specified.
const Bytes kDateTime = {0x07, 0xEA, 0x0B, 0x15, 0xFF, 0x03, 0x04, 0x05, 0x00, 0x80, 0x00, 0xFF};

class Cases {
 public:
  void Add(const std::string& name, Message message, AnyPayload payload) {
    message.payload = Encode(payload);
    out_.push_back({name, std::move(message), std::move(payload)});
  }
  std::vector<GoldenCase> Take() { return std::move(out_); }

 private:
  std::vector<GoldenCase> out_;
};

Message Command(Mode mode, Eui64 originator, uint64_t counter) {
  Message m;
  m.cra = Cra::kCommand;
  m.originator_counter = counter;
  m.originator = originator;
  m.recipient = kDevice;
  m.message_code = MessageCodeOf(mode);
  m.signature = kSignature;
  return m;
}

Message ResponseTo(Message m) {
  m.cra = Cra::kResponse;
  std::swap(m.originator, m.recipient);
  m.date_time = kDateTime;
  m.mac.reset();
  m.signature = kSignature;
  return m;
}

ReplacementOutcome Outcome(const TrustAnchorCell& cell, Eui64 eui, StatusCode status = StatusCode::kSuccess) {
  ReplacementOutcome out;
  out.cell = cell;
  out.status = status;
  out.existing_eui = out.replacing_eui = eui;
  out.existing_ski = Counting<std::array<uint8_t, 8>>(0x41);
  // On failure the cell still holds what it held.
  out.replacing_ski = status == StatusCode::kSuccess ? Counting<std::array<uint8_t, 8>>(0x4A) : out.existing_ski;
  return out;
}

CommandPayload RecoveryPayload() {
  CommandPayload p;
  p.mode = Mode::kAnyExceptAbnormalRootByRecovery;
  p.disapply_time_checks = true;
  p.authorising_cell = kRecoveryCell;
  p.seq_number = 0x0000'0199'0000'0001;
  p.new_floor = 0x0000'0199'0000'0001;
  p.other_changes = {{Role::kSupplier, 1000, {{0, 2000}}}, {Role::kAccessControlBroker, 128, {}}};
  p.replacements = {{Certificate("recovery-ds"), kRecoveryCell},
                    {Certificate("supplier-ds"), kSupplierDs},
                    {Certificate("supplier-ka"), kSupplierKa},
                    {Certificate("supplier-topup-ka"), kSupplierTopUp},
                    {Certificate("broker-ka"), kBrokerKa}};
  p.path_certificates = {Certificate("issuing")};
  return p;
}

CommandPayload SupplierPayload() {
  CommandPayload p;
  p.mode = Mode::kSupplierBySupplier;
  p.authorising_cell = kSupplierDs;
  p.seq_number = 1001;
  p.new_floor = 0;
  p.new_specialist_floors = {{0, 0}};
  p.replacements = {{Certificate("supplier-ds"), kSupplierDs}};
  p.path_certificates = {Certificate("issuing")};
  return p;
}

void AddCommands(Cases& cases) {
  cases.Add("recovery-command", Command(Mode::kAnyExceptAbnormalRootByRecovery, kRecovery, 0x0000'0199'0000'0001),
            RecoveryPayload());

  // Nothing optional, the smallest and the largest counter.
  CommandPayload plain = RecoveryPayload();
  plain.disapply_time_checks = false;
  plain.new_floor.reset();
  plain.other_changes.reset();
  plain.replacements.resize(1);
  plain.seq_number = 0;
  cases.Add("recovery-command-plain-counter-0", Command(Mode::kAnyExceptAbnormalRootByRecovery, kRecovery, 0), plain);
  plain.seq_number = 0x7FFF'FFFF'FFFF'FFFF;
  cases.Add("recovery-command-plain-counter-max",
            Command(Mode::kAnyExceptAbnormalRootByRecovery, kRecovery, plain.seq_number), plain);

  // A control of 128 to 255 octets: the only place of a command where the two ways of writing lengths differ.
  CommandPayload wide = RecoveryPayload();
  wide.replacements.resize(1);
  wide.other_changes->assign(16, {Role::kNetworkOperator, 0x7F, {}});
  cases.Add("recovery-command-wide-control",
            Command(Mode::kAnyExceptAbnormalRootByRecovery, kRecovery, wide.seq_number), wide);
  wide.lengths = DerLengths::kTwoOctets;
  cases.Add("recovery-command-wide-control-two-octet-lengths",
            Command(Mode::kAnyExceptAbnormalRootByRecovery, kRecovery, wide.seq_number), wide);

  CommandPayload contingency;
  contingency.mode = Mode::kAnyByContingency;
  contingency.plaintext_symmetric_key = Bytes(32, 0x5A);
  contingency.authorising_cell = kRootCell;
  contingency.seq_number = 5000;
  contingency.new_floor = 0;
  contingency.other_changes = {{Role::kRecovery, 0, {}}};
  contingency.replacements = {{Certificate("root"), kRootCell}, {Certificate("recovery-ds"), kRecoveryCell}};
  contingency.path_certificates = {Certificate("issuing")};
  cases.Add("contingency-command", Command(Mode::kAnyByContingency, kContingency, 5000), contingency);

  Message wrapped = Command(Mode::kSupplierBySupplier, kSupplier, 1001);
  wrapped.mac = kMac;
  cases.Add("supplier-command-mac", wrapped, SupplierPayload());
  CommandPayload dated = SupplierPayload();
  dated.execution_date_time = "20300115000000Z";
  cases.Add("supplier-command-future-dated-mac", wrapped, dated);
  dated.execution_date_time = kCancellation;
  cases.Add("supplier-command-cancellation-mac", wrapped, dated);

  // The broker replaces its own credentials: no authorising cell, and on a meter only the MAC, no signature.
  CommandPayload broker;
  broker.mode = Mode::kAccessControlBrokerByAcb;
  broker.seq_number = 1300;
  broker.replacements = {{Certificate("broker-ka"), kBrokerKa}};
  broker.path_certificates = {Certificate("issuing")};
  Message mac_only = Command(Mode::kAccessControlBrokerByAcb, kBroker, 1300);
  mac_only.signature.reset();
  mac_only.mac = kMac;
  cases.Add("broker-command-mac-only", mac_only, broker);

  CommandPayload change;
  change.mode = Mode::kSupplierByTransCos;
  change.authorising_cell = kTransCosDs;
  change.seq_number = 6001;
  change.other_changes = {{Role::kSupplier, 7, {{0, 8}}}};
  change.replacements = {{Certificate("supplier-ds"), kSupplierDs}, {Certificate("supplier-ka"), kSupplierKa}};
  change.path_certificates = {Certificate("issuing"), Certificate("root")};
  // Each size of other-information: 10, 18 and 26 octets.
  Message supplementary = Command(Mode::kSupplierByTransCos, kTransitionalCos, 6001);
  Append(supplementary.supplementary, kSupplier.bytes());
  cases.Add("change-of-supplier-command-other-information-10", supplementary, change);
  Append(supplementary.supplementary, Eui64(1002).bytes());
  cases.Add("change-of-supplier-command-other-information-18", supplementary, change);
  Append(supplementary.supplementary, Eui64(1003).bytes());
  cases.Add("change-of-supplier-command-other-information-26", supplementary, change);

  // CS02g: modes that came later, with supplier certificates in load controller cells.
  CommandPayload load;
  load.mode = Mode::kLoadControllerBySupplier;
  load.authorising_cell = kSupplierDs;
  load.seq_number = 9000;
  load.replacements = {{Certificate("supplier-ds"), kLoadControllerDs}};
  load.path_certificates = {Certificate("issuing")};
  cases.Add("load-controller-command", Command(Mode::kLoadControllerBySupplier, kSupplier, 9000), load);
}

void AddResponsesAndAlerts(Cases& cases) {
  const Message recovery =
      ResponseTo(Command(Mode::kAnyExceptAbnormalRootByRecovery, kRecovery, 0x0000'0199'0000'0001));
  ExecutionOutcome outcome;
  outcome.seq_number = 0x0000'0199'0000'0001;
  outcome.mode = Mode::kAnyExceptAbnormalRootByRecovery;
  outcome.changes = {{Role::kRecovery, 0x0000'0199'0000'0001, {}},
                     {Role::kSupplier, 1000, {{0, 2000}}},
                     {Role::kAccessControlBroker, 128, {}}};
  outcome.outcomes = {Outcome(kRecoveryCell, kRecovery), Outcome(kSupplierDs, kSupplier),
                      Outcome(kSupplierKa, kSupplier), Outcome(kSupplierTopUp, kSupplier), Outcome(kBrokerKa, kBroker)};
  cases.Add("recovery-response", recovery, ResponsePayload{outcome, DerLengths::kMinimal});

  // Three lengths from 128 to 255, written both ways.
  ExecutionOutcome half = outcome;
  half.changes = {};
  half.outcomes = {Outcome(kSupplierDs, kSupplier), Outcome(kSupplierKa, kSupplier, StatusCode::kNoTrustAnchor),
                   Outcome(kSupplierTopUp, kSupplier)};
  cases.Add("recovery-response-half-replaced", recovery, ResponsePayload{half, DerLengths::kMinimal});
  cases.Add("recovery-response-half-replaced-two-octet-lengths", recovery,
            ResponsePayload{half, DerLengths::kTwoOctets});
  half.outcomes = {Outcome(kSupplierDs, kSupplier, StatusCode::kBadCertificate)};
  cases.Add("recovery-response-one-cell", recovery, ResponsePayload{half, DerLengths::kMinimal});

  ExecutionOutcome contingency;
  contingency.seq_number = 5000;
  contingency.mode = Mode::kAnyByContingency;
  contingency.changes = {{Role::kRoot, 0, {}}, {Role::kRecovery, 0, {}}};
  contingency.outcomes = {Outcome(kRootCell, Eui64()), Outcome(kRecoveryCell, kRecovery)};
  cases.Add("contingency-response", ResponseTo(Command(Mode::kAnyByContingency, kContingency, 5000)),
            ResponsePayload{contingency, DerLengths::kMinimal});

  cases.Add("supplier-response-accepted-only", ResponseTo(Command(Mode::kSupplierBySupplier, kSupplier, 1001)),
            ResponsePayload{});

  Message alert = ResponseTo(Command(Mode::kSupplierBySupplier, kSupplier, 2000));
  alert.cra = Cra::kAlert;
  alert.date_time.clear();
  alert.message_code = kFutureDatedAlertCode;
  ExecutionOutcome dated;
  dated.seq_number = 1001;
  dated.mode = Mode::kSupplierBySupplier;
  dated.changes = {{Role::kSupplier, 0, {{0, 0}}}};
  dated.outcomes = {Outcome(kSupplierDs, kSupplier)};
  cases.Add("alert-actioned", alert,
            AlertPayload{kFutureDatedActioned, "20300115000000Z", dated, DerLengths::kMinimal});
  dated.outcomes.push_back(Outcome(kSupplierKa, kSupplier, StatusCode::kInsufficientMemory));
  cases.Add("alert-not-actioned-two-octet-lengths", alert,
            AlertPayload{kFutureDatedNotActioned, "20300115000000Z", dated, DerLengths::kTwoOctets});
}

void AddCredentialDetails(Cases& cases) {
  Message command;
  command.cra = Cra::kCommand;
  command.originator_counter = 1301;
  command.originator = kBroker;
  command.recipient = kCommunicationsHub;
  command.message_code = kCs02aCode;
  command.mac = kMac;
  const CredentialDetailsCommand ask{
      kBrokerKa, {Role::kRoot, Role::kSupplier, Role::kWanProvider}, DerLengths::kMinimal};
  cases.Add("details-command-mac-only", command, ask);

  const auto ski = Counting<std::array<uint8_t, 8>>(0x41);
  CredentialDetailsResponse answer;
  answer.roles = {{Role::kRoot, StatusCode::kSuccess,
                   HeldCredentials{0, {{KeyUsage::kKeyCertSign, CellUsage::kManagement, Eui64(), ski}}}},
                  {Role::kSupplier, StatusCode::kSuccess,
                   HeldCredentials{1001,
                                   {{KeyUsage::kDigitalSignature, CellUsage::kManagement, kSupplier, ski},
                                    {KeyUsage::kKeyAgreement, CellUsage::kManagement, kSupplier, ski},
                                    {KeyUsage::kKeyAgreement, CellUsage::kPrePaymentTopUp, kSupplier, ski}}}},
                  {Role::kWanProvider, StatusCode::kTrustAnchorNotFound, std::nullopt}};
  Message response = ResponseTo(command);
  cases.Add("details-response-signed", response, answer);
  response.signature.reset();
  response.mac = kMac;
  answer.lengths = DerLengths::kTwoOctets;
  cases.Add("details-response-mac-only-two-octet-lengths", response, answer);
}

template <typename Payload>
StatusOr<AnyPayload> Any(StatusOr<Payload> parsed) {
  if (!parsed.ok()) return parsed.status();
  return AnyPayload(*std::move(parsed));
}

struct Encoder {
  Bytes operator()(const CommandPayload& p) const { return EncodeCommandPayload(p); }
  Bytes operator()(const ResponsePayload& p) const { return EncodeResponsePayload(p); }
  Bytes operator()(const AlertPayload& p) const { return EncodeAlertPayload(p); }
  Bytes operator()(const CredentialDetailsCommand& p) const { return EncodeCredentialDetailsCommand(p); }
  Bytes operator()(const CredentialDetailsResponse& p) const { return EncodeCredentialDetailsResponse(p); }
};

struct Parser {
  ByteSpan octets;
  StatusOr<AnyPayload> operator()(const CommandPayload&) const { return Any(ParseCommandPayload(octets)); }
  StatusOr<AnyPayload> operator()(const ResponsePayload&) const { return Any(ParseResponsePayload(octets)); }
  StatusOr<AnyPayload> operator()(const AlertPayload&) const { return Any(ParseAlertPayload(octets)); }
  StatusOr<AnyPayload> operator()(const CredentialDetailsCommand&) const {
    return Any(ParseCredentialDetailsCommand(octets));
  }
  StatusOr<AnyPayload> operator()(const CredentialDetailsResponse&) const {
    return Any(ParseCredentialDetailsResponse(octets));
  }
};

}  // namespace

Bytes Encode(const AnyPayload& payload) {
  return std::visit(Encoder{}, payload);
}
StatusOr<AnyPayload> ParseLike(const AnyPayload& kind, ByteSpan octets) {
  return std::visit(Parser{octets}, kind);
}

Bytes ReadHexFile(const std::string& path) {
  std::ifstream file(path);
  std::string digits;
  for (const char c : std::string(std::istreambuf_iterator<char>(file), {})) {
    if (c != ' ' && c != '\n' && c != '\r') digits.push_back(c);
  }
  const auto octets = FromHex(digits);
  SMKI_CHECK(octets && !octets->empty());
  return *octets;
}

Bytes GoldenOctets(const std::string& name) {
  return ReadHexFile("tests/unit/gbcs/golden/" + name + ".hex");
}

std::vector<GoldenCase> GoldenCases() {
  Cases cases;
  AddCommands(cases);
  AddResponsesAndAlerts(cases);
  AddCredentialDetails(cases);
  return cases.Take();
}

}  // namespace smki::gbcs
