// Part of check 10: Devices that were not reached by a directed key. Who commanded them is not asked; what each says
// over its own signature is read here again (ledger/proof_records.h).
#include <algorithm>
#include <set>

#include "base/file.h"
#include "cli/evidence.h"
#include "cli/text.h"
#include "gbcs/message.h"
#include "ledger/proof_records.h"
#include "ledger/record_log.h"
#include "repository/store/store.h"

namespace smki::cli {
namespace {

using ledger::ProofType;

constexpr char kStoreFile[] = "repository/repository.store";
constexpr char kFolder[] = "proof";
constexpr char kRecoveredOutput[] = "proven.recovered";

class ProofCheck {
 public:
  ProofCheck(Evidence& evidence, const repository::Store& store, std::string file)
      : evidence_(evidence), store_(store), file_(std::move(file)) {}

  // How many Devices the log proves.
  uint64_t Run() {
    const auto read = ledger::ReadRecordLog(PosixFiles(), evidence_.Path(file_), ledger::kProofKind,
                                            [&](const ledger::Record& record) { return Visit(record); });
    if (evidence_.Expect(file_, read.status()) && !begun_)
      evidence_.Find(file_, "it does not say where its Devices end");
    return proven_.size();
  }

 private:
  struct Cell {
    Eui64 organisation;
    std::array<uint8_t, 8> key{};
  };
  using Cells = std::map<gbcs::TrustAnchorCell, Cell>;

  Status Visit(const ledger::Record& record) {
    switch (static_cast<ProofType>(record.type)) {
      case ProofType::kScope:
        return TakeScope(record);
      case ProofType::kGroup:
        return TakeGroup(record.payload);
      case ProofType::kBegun: {
        SMKI_ASSIGN_OR_RETURN(const ledger::ProofBegun begun, ledger::DecodeProofBegun(record.payload));
        begun_ = begun.devices == group_of_.size();
        return OkStatus();
      }
      case ProofType::kResponse:
        TakeResponse(record);
        return OkStatus();
    }
    return DataLoss("record {} is of the unknown type {}", record.number, record.type);
  }

  Status TakeScope(const ledger::Record& record) {
    SMKI_ASSIGN_OR_RETURN(scope_, ledger::DecodeProofScope(record.payload));
    if (record.number != 0) return DataLoss("record {} is a second scope", record.number);
    if (scope_.incident != evidence_.report.incident) return DataLoss("it belongs to {}", scope_.incident);
    const auto mode = gbcs::ModeOfMessageCode(scope_.message_code);
    if (mode != gbcs::Mode::kSupplierBySupplier && mode != gbcs::Mode::kNetworkOperatorByNetworkOperator)
      return DataLoss("message code {:04X} is of no command by which a party replaces its own", scope_.message_code);
    mode_ = *mode;
    return OkStatus();
  }

  // What is to be held are certificates of the organisation that the notification names.
  Status TakeGroup(ByteSpan payload) {
    SMKI_ASSIGN_OR_RETURN(const ledger::ProofGroup group, ledger::DecodeProofGroup(payload));
    Cells cells;
    for (const ledger::ProofCell& one : group.cells) {
      const auto cell = gbcs::TrustAnchorCell::Parse(one.cell);
      SMKI_ASSIGN_OR_RETURN(const auto record, store_.ByDigest(one.certificate));
      if (!cell || !record) return DataLoss("the certificate for {} is not in the Repository", one.cell);
      SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::Parse(record->der));
      if (!certificate.subject_eui || certificate.subject_eui->ToString() != Notified("eui"))
        return DataLoss("the certificate for {} is not of {}", one.cell, Notified("eui"));
      cells[*cell] = {*certificate.subject_eui, certificate.public_key->identifier()};
    }
    if (cells.empty()) return DataLoss("a group has no cells: nothing would be proven");
    for (const Eui64 device : group.devices) {
      if (!group_of_.emplace(device, groups_.size()).second)
        return DataLoss("Device {} is in two groups", device.ToString());
    }
    groups_.push_back(std::move(cells));
    return OkStatus();
  }

  std::string Notified(const char* fact) const {
    const auto it = evidence_.notification.find(fact);
    return it == evidence_.notification.end() ? std::string() : it->second;
  }

  void TakeResponse(const ledger::Record& record) {
    const std::string where = fmt::format("{} record {}", file_, record.number);
    const auto response = ledger::DecodeProofResponse(record.payload);
    if (!evidence_.Expect(where, response.status())) return;
    const Status judged = Judge(*response);
    if (!judged.ok()) {
      evidence_.Find(where,
                     fmt::format("{} is counted as proven, but {}", response->device.ToString(), Message(judged)));
    } else if (!proven_.insert(response->device).second) {
      evidence_.Find(where, response->device.ToString() + " is counted twice");
    }
  }

  Status Judge(const ledger::ProofResponse& response) const {
    const auto group = group_of_.find(response.device);
    if (group == group_of_.end()) return NotFound("it is in no group");
    SMKI_ASSIGN_OR_RETURN(const gbcs::Message message, gbcs::ParseMessage(response.octets));
    const bool to_one_of_them =
        std::find(scope_.originators.begin(), scope_.originators.end(), message.recipient) != scope_.originators.end();
    if (message.cra != gbcs::Cra::kResponse || message.message_code != scope_.message_code ||
        message.originator != response.device || !to_one_of_them || message.mac || !message.signature)
      return DataLoss("its response is not one to such a command, signed by it alone");
    SMKI_RETURN_IF_ERROR(CheckSignature(response.device, message));
    SMKI_ASSIGN_OR_RETURN(const gbcs::ResponsePayload payload, gbcs::ParseResponsePayload(message.payload));
    if (!payload.outcome || payload.outcome->mode != mode_ || payload.outcome->seq_number != message.originator_counter)
      return DataLoss("its response tells no outcome of that command");
    return CheckCells(groups_[group->second], *payload.outcome);
  }

  Status CheckSignature(Eui64 device, const gbcs::Message& message) const {
    SMKI_ASSIGN_OR_RETURN(const std::vector<repository::CertificateRecord> records, store_.ByEui(device));
    const Bytes octets = gbcs::SignedOctets(message);
    for (const repository::CertificateRecord& record : records) {
      const auto certificate = pki::Certificate::Parse(record.der);
      if (record.kind != repository::CertificateKind::kDevice ||
          record.status != repository::CertificateStatus::kInUse || !certificate.ok() ||
          certificate->device_eui != device || (certificate->key_usage & pki::kDigitalSignature) == 0 ||
          !certificate->public_key->Verify(octets, *message.signature))
        continue;
      for (const pki::Certificate& authority : evidence_.verifier->DeviceAuthorities()) {
        if (pki::ValidatePath(*certificate, {}, pki::AnchorOf(authority), scope_.time).ok()) return OkStatus();
      }
    }
    return DataLoss("no In-Use certificate of it that chains to a Device authority verifies the response");
  }

  static Status CheckCells(const Cells& cells, const gbcs::ExecutionOutcome& outcome) {
    std::set<gbcs::TrustAnchorCell> told;
    for (const gbcs::ReplacementOutcome& one : outcome.outcomes) {
      const auto intended = cells.find(one.cell);
      if (intended == cells.end()) return DataLoss("{} was not to be replaced", one.cell.ToString());
      if (!told.insert(one.cell).second) return DataLoss("{} is told twice", one.cell.ToString());
      if (one.status != gbcs::StatusCode::kSuccess || one.replacing_ski != intended->second.key ||
          one.replacing_eui != intended->second.organisation)
        return DataLoss("{} does not hold the intended key", one.cell.ToString());
    }
    if (told.size() != cells.size()) return DataLoss("it tells {} of {} cells", told.size(), cells.size());
    return OkStatus();
  }

  Evidence& evidence_;
  const repository::Store& store_;
  const std::string file_;
  ledger::ProofScope scope_;
  gbcs::Mode mode_ = gbcs::Mode::kSupplierBySupplier;
  std::vector<Cells> groups_;
  std::map<Eui64, size_t> group_of_;
  std::set<Eui64> proven_;
  bool begun_ = false;
};

}  // namespace

std::string CheckProofs(Evidence& evidence) {
  std::vector<std::string> files;
  for (const std::string& name : evidence.List(kFolder)) files.push_back(std::string(kFolder) + "/" + name);
  const auto told = evidence.outputs.find(kRecoveredOutput);
  if (files.empty() && told == evidence.outputs.end()) return "";
  if (!evidence.verifier) {
    evidence.Find(kFolder, "cannot be judged without a trust policy");
    return "";
  }
  const auto store = repository::Store::Open(evidence.Path(kStoreFile));
  if (!evidence.Expect(kStoreFile, store.status())) return "";
  uint64_t proven = 0;
  for (const std::string& file : files) proven += ProofCheck(evidence, **store, file).Run();
  if (told != evidence.outputs.end() && told->second != fmt::format("{}", proven))
    evidence.Find(kFolder,
                  fmt::format("the ledger counts {} proven, the Devices' responses are {}", told->second, proven));
  return fmt::format("{} proven by their own responses", Count(proven));
}

}  // namespace smki::cli
