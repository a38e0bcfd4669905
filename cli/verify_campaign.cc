// Checks 9 and 10: journal, ledger and campaign log tell one story; and every recovered Device said so itself (I6).
#include <functional>
#include <set>

#include "base/file.h"
#include "cli/evidence.h"
#include "cli/text.h"
#include "gbcs/message.h"
#include "ledger/campaign_records.h"
#include "ledger/record_log.h"
#include "pki/digest.h"
#include "repository/store/store.h"

namespace smki::cli {
namespace {

using ledger::CampaignType;
using ledger::DeviceOutcome;

constexpr char kCampaignFile[] = "campaign/campaign.log";
constexpr char kStoreFile[] = "repository/repository.store";

// The digest of what was asked for, as the ledger's intent has it.
Digest ItemsDigest(const std::vector<ledger::JournalBurnItem>& items) {
  pki::MerkleTree tree;
  for (const ledger::JournalBurnItem& item : items) {
    Bytes leaf;
    const auto eui = item.device.bytes();
    Append(leaf, eui);
    for (int shift = 24; shift >= 0; shift -= 8) leaf.push_back(static_cast<uint8_t>(item.attempt >> shift));
    tree.AddLeaf(leaf);
  }
  return tree.Root();
}

// I2: no attempt was spent that the ledger had not announced.
void CheckIntents(Evidence& evidence) {
  std::map<uint64_t, ledger::v1::CampaignIntent> intents;
  for (auto& [entry, intent] : evidence.Of<ledger::v1::CampaignIntent>("campaign.intent"))
    intents[entry->sequence] = intent;
  for (const auto& [number, record] : evidence.burns) {
    const std::string where = fmt::format("journal record {}", number);
    const ledger::Entry* quoted = evidence.Quoted(record.burn.ledger_sequence, record.burn.ledger_head);
    const auto intent = quoted == nullptr ? intents.end() : intents.find(quoted->sequence);
    if (intent == intents.end()) {
      evidence.Find(where, "attempts were spent without an intent in the ledger");
      continue;
    }
    const ledger::v1::CampaignIntent& announced = intent->second;
    if (announced.group() != record.burn.group || !Same(evidence.direction_digest, announced.direction_digest()) ||
        announced.items() < record.burn.items.size()) {
      evidence.Find(where, fmt::format("{} announced something else", Evidence::EntryName(*quoted)));
    } else if (announced.items() == record.burn.items.size() &&
               !Same(ItemsDigest(record.burn.items), announced.items_digest())) {
      evidence.Find(where, fmt::format("{} announced other Devices or attempts", Evidence::EntryName(*quoted)));
    }
  }
}

Status VisitCampaign(Evidence& evidence, const std::function<void(const ledger::Record&)>& visit,
                     ledger::LogSummary* summary = nullptr) {
  const auto read = ledger::ReadRecordLog(PosixFiles(), evidence.Path(kCampaignFile), ledger::kCampaignKind,
                                          [&](const ledger::Record& record) {
                                            visit(record);
                                            return OkStatus();
                                          });
  if (read.ok() && summary != nullptr) *summary = *read;
  return read.status();
}

void CheckSigned(Evidence& evidence, const ledger::Record& record, std::set<DeviceAttempt>& received) {
  const std::string where = fmt::format("campaign record {}", record.number);
  const auto batch = ledger::DecodeCampaignSigned(record.payload);
  if (!evidence.Expect(where, batch.status())) return;
  for (const ledger::CampaignSignedItem& item : batch->items) {
    received.emplace(item.device, item.attempt);
    const auto command = evidence.commands.find({item.device, item.attempt});
    if (command == evidence.commands.end() || !command->second.is_signed) {
      evidence.Find(
          where, fmt::format("the signer's journal knows no attempt {} for {}", item.attempt, item.device.ToString()));
    } else if (command->second.counter != item.counter || command->second.command != item.command) {
      evidence.Find(where, fmt::format("the command for {} is not the one the signer signed", item.device.ToString()));
    }
  }
}

// How many signatures the campaign never had: the keyguard's answer was lost, and the key closed or the Device
// recovered before it was asked for again. Such a batch was announced and has no outcome; every other signature must
// have arrived.
uint64_t CheckUnreceived(Evidence& evidence, const std::set<DeviceAttempt>& received) {
  std::set<uint64_t> with_outcome;  // batches
  for (const auto& [entry, batch] : evidence.Of<ledger::v1::CampaignBatch>("campaign.batch"))
    with_outcome.insert(batch.batch());
  std::map<uint64_t, uint64_t> batch_of;  // by the intent's sequence
  for (const auto& [entry, intent] : evidence.Of<ledger::v1::CampaignIntent>("campaign.intent"))
    batch_of[entry->sequence] = intent.batch();
  uint64_t out = 0;
  for (const auto& [number, record] : evidence.burns) {
    const auto batch = batch_of.find(record.burn.ledger_sequence);
    const bool ended = batch != batch_of.end() && with_outcome.count(batch->second) > 0;
    for (const ledger::JournalBurnItem& item : record.burn.items) {
      const DeviceAttempt attempt{item.device, item.attempt};
      const auto command = evidence.commands.find(attempt);
      if (command == evidence.commands.end() || !command->second.is_signed || received.count(attempt) > 0) continue;
      ++out;
      if (ended) {
        evidence.Find(fmt::format("journal record {}", number),
                      fmt::format("the campaign has the outcome of batch {} and not its command for {}, attempt {}",
                                  batch->second, item.device.ToString(), item.attempt));
      }
    }
  }
  return out;
}

// No Direction was admitted, or none was used, and no file says otherwise: then there is nothing to reconcile.
bool NothingSigned(const Evidence& evidence) {
  return (evidence.without_direction || (evidence.direction && evidence.commands.empty())) &&
         !PosixFiles().Exists(evidence.Path(kCampaignFile));
}

struct Totals {
  uint64_t recovered = 0, half_replaced = 0, refused = 0, silent = 0;
};

}  // namespace

void CheckReconciliation(Evidence& evidence) {
  evidence.Begin(9, "reconciliation");
  if (NothingSigned(evidence)) return evidence.LookedAt("nothing signed");
  if (!evidence.direction) {
    evidence.Find(kCampaignFile, "cannot be judged without a Direction");
    return;
  }
  CheckIntents(evidence);
  const auto summaries = evidence.Of<ledger::v1::CampaignSummary>("campaign.summary");
  ledger::LogSummary log;
  uint64_t listed = 0;
  std::set<DeviceAttempt> received;
  const Status read = VisitCampaign(
      evidence,
      [&](const ledger::Record& record) {
        if (record.type == static_cast<uint8_t>(CampaignType::kSigned)) CheckSigned(evidence, record, received);
        ++listed;
      },
      &log);
  if (!evidence.Expect(kCampaignFile, read)) return;
  const uint64_t unreceived = CheckUnreceived(evidence, received);
  evidence.LookedAt(
      fmt::format("{} batches, {} campaign records{}", Count(evidence.burns.size()), Count(listed),
                  unreceived == 0 ? "" : fmt::format(", {} whose answer was lost", Count(unreceived, "signature"))));
  if (summaries.empty()) {
    evidence.Find("ledger.sqlite", "the campaign has no summary");
    return;
  }
  const auto& [entry, summary] = summaries.back();
  const std::string where = Evidence::EntryName(*entry);
  if (summary.signatures() + unreceived != evidence.report.signatures) {
    evidence.Find(where, fmt::format("it counts {} signatures, the signer's journal has {}, {} of them lost on the way",
                                     summary.signatures(), evidence.report.signatures, unreceived));
  }
  if (summary.log_records() != log.records || !Same(log.head, summary.log_head())) {
    evidence.Find(where, "the campaign log is not the one it was summed from");
  }
  evidence.report.devices = summary.total();
}

namespace {

class DeviceCheck {
 public:
  DeviceCheck(Evidence& evidence, const repository::Store& store)
      : evidence_(evidence),
        store_(store),
        mode_(evidence.direction->key == "recovery" ? gbcs::Mode::kAnyExceptAbnormalRootByRecovery
                                                    : gbcs::Mode::kAnyByContingency) {
    if (const auto originator = OriginatorOf(evidence); originator.ok()) originator_ = *originator;
    for (const auto& [name, population] : evidence.populations) {
      for (const Eui64 device : population.devices) group_of_[device] = evidence.direction->FindGroup(name);
    }
  }

  void Visit(const ledger::Record& record) {
    const std::string where = fmt::format("campaign record {}", record.number);
    if (record.type == static_cast<uint8_t>(CampaignType::kSigned)) {
      if (const auto batch = ledger::DecodeCampaignSigned(record.payload); batch.ok()) {
        for (const ledger::CampaignSignedItem& item : batch->items) devices_[item.device].attempt = item.attempt;
      }
    } else if (record.type == static_cast<uint8_t>(CampaignType::kResponse)) {
      const auto response = ledger::DecodeCampaignResponse(record.payload);
      if (!evidence_.Expect(where, response.status())) return;
      Fold(*response);
      const auto outcome = Judge(*response);
      if (!outcome.ok()) {
        evidence_.Find(where, fmt::format("{} is counted {}, but {}", response->device.ToString(),
                                          Name(response->outcome), Message(outcome.status())));
      } else if (outcome->outcome != response->outcome) {
        evidence_.Find(where, fmt::format("{} is counted {}, but it says {}{}", response->device.ToString(),
                                          Name(response->outcome), Name(outcome->outcome),
                                          outcome->fault.empty() ? "" : ": " + outcome->fault));
      } else if (outcome->outcome == DeviceOutcome::kRecovered) {
        recovered_.insert(response->device);
      }
    } else if (record.type == static_cast<uint8_t>(CampaignType::kEnded)) {
      const auto ended = ledger::DecodeCampaignEnded(record.payload);
      if (!evidence_.Expect(where, ended.status())) return;
      Device& device = devices_[ended->device];
      if (!device.ended) device.outcome = ended->outcome;
      device.ended = true;
    }
  }

  // The signer opens limits further only for what Devices said (the canary): it saw no proof that is not here.
  void CheckProven() {
    for (const auto& [device, record] : evidence_.proven) {
      if (recovered_.count(device) == 0) {
        evidence_.Find(fmt::format("journal record {}", record),
                       fmt::format("{} is taken for proven, but no response here proves it", device.ToString()));
      }
    }
  }

  Totals Count() const {
    Totals totals;
    for (const auto& [eui, device] : devices_) {
      if (!device.ended) continue;
      totals.recovered += device.outcome == DeviceOutcome::kRecovered ? 1 : 0;
      totals.half_replaced += device.outcome == DeviceOutcome::kHalfReplaced ? 1 : 0;
      totals.refused += device.outcome == DeviceOutcome::kRefused ? 1 : 0;
      totals.silent += device.outcome == DeviceOutcome::kSilent ? 1 : 0;
    }
    return totals;
  }

 private:
  struct Device {
    uint32_t attempt = 0;  // newest that was signed
    bool ended = false;
    DeviceOutcome outcome = DeviceOutcome::kNone;
  };
  struct Judged {
    DeviceOutcome outcome = DeviceOutcome::kNone;
    std::string fault;  // of the first cell that is not as directed
  };

  // A proof of recovery always counts, also a late one; any other answer only while the Device has attempts to come.
  void Fold(const ledger::CampaignResponse& response) {
    Device& device = devices_[response.device];
    const bool recovered = response.outcome == DeviceOutcome::kRecovered;
    if (device.ended && !recovered) return;
    device.outcome = response.outcome;
    device.ended = recovered || device.attempt >= evidence_.direction->limits.attempts_per_device;
  }

  // I6: what the Device itself says, over its own signature, to a command that was signed for it.
  StatusOr<Judged> Judge(const ledger::CampaignResponse& response) {
    const auto group = group_of_.find(response.device);
    if (group == group_of_.end() || group->second == nullptr) return NotFound("it is in no directed group");
    const auto command = evidence_.commands.find({response.device, response.attempt});
    if (command == evidence_.commands.end() || !command->second.is_signed ||
        command->second.counter != response.counter) {
      return NotFound("no signed command has counter {} for it", response.counter);
    }
    SMKI_ASSIGN_OR_RETURN(const gbcs::Message message, gbcs::ParseMessage(response.octets));
    if (message.cra != gbcs::Cra::kResponse || message.message_code != gbcs::MessageCodeOf(mode_) ||
        message.originator != response.device || message.recipient != originator_ ||
        message.originator_counter != response.counter) {
      return DataLoss("its response answers another command");
    }
    if (message.mac) return DataLoss("its response carries a MAC: it is not signed by the Device alone");
    SMKI_RETURN_IF_ERROR(CheckSignature(response.device, message, response.time));
    SMKI_ASSIGN_OR_RETURN(const gbcs::ResponsePayload payload, gbcs::ParseResponsePayload(message.payload));
    if (!payload.outcome) return DataLoss("its response tells no outcome");
    if (payload.outcome->mode != mode_ || payload.outcome->seq_number != response.counter)
      return DataLoss("the outcome in its response is of another command");
    return JudgeCells(*group->second, *payload.outcome);
  }

  Status CheckSignature(Eui64 device, const gbcs::Message& message, UtcTime time) {
    if (!message.signature) return DataLoss("its response is not signed");
    SMKI_ASSIGN_OR_RETURN(const std::vector<repository::CertificateRecord> records, store_.ByEui(device));
    const Bytes octets = gbcs::SignedOctets(message);
    for (const repository::CertificateRecord& record : records) {
      if (record.kind != repository::CertificateKind::kDevice || record.usage != "DS") continue;
      const auto certificate = pki::Certificate::Parse(record.der);
      if (!certificate.ok() || certificate->device_eui != device ||
          (certificate->key_usage & pki::kDigitalSignature) == 0 ||
          !certificate->public_key->Verify(octets, *message.signature))
        continue;
      if (record.status != repository::CertificateStatus::kInUse)
        return DataLoss("the certificate that verifies its response is not In Use in the Repository");
      if (!Chains(*certificate, time))
        return DataLoss("its certificate does not chain to a Device authority of the trust policy");
      return OkStatus();
    }
    return DataLoss("no certificate of it in the Repository verifies the response");
  }

  bool Chains(const pki::Certificate& certificate, UtcTime time) const {
    for (const pki::Certificate& authority : evidence_.verifier->DeviceAuthorities()) {
      if (pki::ValidatePath(certificate, {}, pki::AnchorOf(authority), time).ok()) return true;
    }
    return false;
  }

  // Every directed cell told once, with success and the directed key of the directed organisation, and no other cell.
  StatusOr<Judged> JudgeCells(const procedures::DirectedGroup& group, const gbcs::ExecutionOutcome& outcome) const {
    std::map<std::string, std::vector<const gbcs::ReplacementOutcome*>> told;
    for (const gbcs::ReplacementOutcome& cell : outcome.outcomes) told[cell.cell.ToString()].push_back(&cell);
    Judged out;
    size_t held = 0;
    for (const procedures::DirectedReplacement& replacement : group.replacements) {
      const auto certificate = evidence_.certificates.find(replacement.certificate);
      if (certificate == evidence_.certificates.end())
        return NotFound("the directed certificate for {} is not in the folder", replacement.cell);
      std::string fault = FaultOf(told[replacement.cell], certificate->second);
      held += fault.empty() ? 1 : 0;
      told.erase(replacement.cell);
      if (out.fault.empty() && !fault.empty()) out.fault = replacement.cell + " " + fault;
    }
    if (out.fault.empty() && !told.empty()) out.fault = told.begin()->first + " was not directed";
    out.outcome = out.fault.empty() ? DeviceOutcome::kRecovered
                  : held > 0        ? DeviceOutcome::kHalfReplaced
                                    : DeviceOutcome::kRefused;
    return out;
  }

  // Empty if the cell holds the key of `directed`. The root names no organisation: eight zero octets.
  static std::string FaultOf(const std::vector<const gbcs::ReplacementOutcome*>& told,
                             const pki::Certificate& directed) {
    if (told.size() != 1) return told.empty() ? "is not told" : "is told twice";
    const gbcs::ReplacementOutcome& cell = *told.front();
    if (cell.status != gbcs::StatusCode::kSuccess) return "answered " + Name(cell.status);
    if (cell.replacing_ski != directed.public_key->identifier()) return "does not hold the intended key";
    if (cell.replacing_eui != directed.subject_eui.value_or(Eui64())) return "holds a key of another organisation";
    return "";
  }

  Evidence& evidence_;
  const repository::Store& store_;
  Eui64 originator_;
  const gbcs::Mode mode_;
  std::set<Eui64> recovered_;  // by a response that proves it
  std::map<Eui64, const procedures::DirectedGroup*> group_of_;
  std::map<Eui64, Device> devices_;
};

}  // namespace

void CheckDevices(Evidence& evidence) {
  evidence.Begin(10, "devices");
  const std::string proofs = CheckProofs(evidence);
  if (NothingSigned(evidence)) return evidence.LookedAt(proofs.empty() ? "no Device was touched" : proofs);
  if (!evidence.direction || !evidence.verifier) {
    evidence.Find(kCampaignFile, "cannot be judged without a Direction and a trust policy");
    return;
  }
  const auto store = repository::Store::Open(evidence.Path(kStoreFile));
  if (!evidence.Expect(kStoreFile, store.status())) return;
  DeviceCheck check(evidence, **store);
  if (!VisitCampaign(evidence, [&](const ledger::Record& record) { check.Visit(record); }).ok())
    return;  // named by check 9
  check.CheckProven();
  const Totals totals = check.Count();
  evidence.report.recovered = totals.recovered;
  evidence.LookedAt(fmt::format("{} recovered, {} half-replaced, {} refused, {} silent{}", Count(totals.recovered),
                                Count(totals.half_replaced), Count(totals.refused), Count(totals.silent),
                                proofs.empty() ? "" : "; " + proofs));
  const auto summaries = evidence.Of<ledger::v1::CampaignSummary>("campaign.summary");
  if (summaries.empty()) return;  // named by check 9
  const auto& [entry, summary] = summaries.back();
  if (summary.recovered() != totals.recovered || summary.half_replaced() != totals.half_replaced ||
      summary.refused() != totals.refused || summary.silent() != totals.silent) {
    evidence.Find(
        Evidence::EntryName(*entry),
        fmt::format("it counts {} recovered, {} half-replaced, {} refused, {} silent; the campaign log says otherwise",
                    summary.recovered(), summary.half_replaced(), summary.refused(), summary.silent()));
  }
}

}  // namespace smki::cli
