// Check 8: what the signer wrote down, and that every signature is over exactly what was directed.
#include "base/file.h"
#include "cli/evidence.h"
#include "cli/text.h"
#include "ledger/record_log.h"
#include "pki/cms.h"
#include "pki/digest.h"
#include "procedures/documents.h"

namespace smki::cli {
namespace {

using ledger::JournalType;

constexpr char kJournalFile[] = "keyguard/journal.log";
constexpr char kSymmetricKeyFile[] = "direction/symmetric-key.bin";
constexpr Millis kMaxActivation = std::chrono::hours(8);  // ARCHITECTURE section 7
constexpr Millis kClockJump = std::chrono::minutes(5);    // further, and the signer closes the key
constexpr Millis kOneStep{1000};                          // a batch is judged, then written down

class JournalCheck {
 public:
  explicit JournalCheck(Evidence& evidence) : evidence_(evidence) {
    if (evidence.direction) direction_ = &*evidence.direction;
  }

  void Run() {
    ReadCeremonies();
    if (direction_ != nullptr) MakeTemplates();
    // No octet at all: the signer never ran. Whoever quotes one of its heads says otherwise.
    const auto octets = evidence_.Read(kJournalFile, kMaxEvidencePopulation);
    const bool never_ran = octets.ok() && octets->empty();
    const auto summary = never_ran
                             ? StatusOr<ledger::LogSummary>(ledger::LogSummary{})
                             : ledger::ReadRecordLog(PosixFiles(), evidence_.Path(kJournalFile), ledger::kJournalKind,
                                                     [&](const ledger::Record& record) { return Visit(record); });
    if (!evidence_.Expect(kJournalFile, summary.status())) return;
    CheckWitnesses();
    if (open_) Find(summary->records, "the key was never closed");
    if (direction_ != nullptr && evidence_.report.signatures > direction_->limits.total) {
      evidence_.Find(kJournalFile, fmt::format("{} signatures are more than the directed total of {}",
                                               evidence_.report.signatures, direction_->limits.total));
    }
    evidence_.LookedAt(
        fmt::format("{} records, {}", Count(summary->records), Count(evidence_.report.signatures, "signature")));
  }

 private:
  void Find(uint64_t record, const std::string& what) {
    evidence_.Find(fmt::format("journal record {}", record), what);
  }

  // Requests of the keyguard in the folder, by digest.
  void ReadCeremonies() {
    for (const std::string& name : evidence_.List("ceremony")) {
      const std::string suffix = ".request.txt";
      if (name.size() <= suffix.size() || name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
        continue;
      const std::string file = "ceremony/" + name;
      const auto text = evidence_.Read(file);
      const auto cms = evidence_.Read("ceremony/" + name.substr(0, name.size() - suffix.size()) + ".request.cms");
      if (!evidence_.Expect(file, text.status()) || !evidence_.Expect(file, cms.status())) continue;
      const auto request = procedures::ParseCeremonyRequest(AsText(*text));
      if (!evidence_.Expect(file, request.status())) continue;
      const pki::CmsVerdict verdict = pki::VerifyDetached(*text, *cms, evidence_.verifier->KeyguardCertificate());
      if (!verdict.ok()) evidence_.Find(file, "not signed by the keyguard of the trust policy: " + verdict.detail);
      if (request->policy != evidence_.report.policy) evidence_.Find(file, "it was made under another trust policy");
      if (request->direction != evidence_.direction_digest) evidence_.Find(file, "it is for another Direction");
      if (evidence_.sequence_of.count(request->ledger_head) == 0)
        evidence_.Find(file, "it quotes a ledger head that is not in the chain");
      witnesses_.push_back({file, request->journal_records, request->journal_head});
      ceremonies_.insert(pki::Sha256(*text));
    }
  }

  // The journal was not rolled back below, nor made anew after, any head that was quoted elsewhere (I3).
  void CheckWitnesses() {
    for (const auto& [entry, told] : evidence_.Of<ledger::v1::KeyguardRecord>("keyguard")) {
      Digest head{};
      if (told.journal_head().size() == head.size())
        std::copy(told.journal_head().begin(), told.journal_head().end(), head.begin());
      witnesses_.push_back({Evidence::EntryName(*entry), told.journal_records(), head});
    }
    for (const Witness& witness : witnesses_) {
      if (witness.records == 0) continue;
      if (witness.records > heads_.size()) {
        evidence_.Find(witness.where, fmt::format("it quotes {} records of the signer's journal, which has {}: it was "
                                                  "rolled back or cut",
                                                  witness.records, heads_.size()));
      } else if (heads_[witness.records - 1] != witness.head) {
        evidence_.Find(witness.where,
                       fmt::format("it quotes another head of the signer's journal after {} records", witness.records));
      }
    }
  }

  void MakeTemplates() {
    const auto key = evidence_.certificates.find(direction_->key_certificate);
    const auto originator = OriginatorOf(evidence_);
    if (key == evidence_.certificates.end() || !originator.ok()) {
      evidence_.Find("direction/certificates", "the certificate of the directed key is missing");
      return;
    }
    if (!FindKey(key->second)) return;
    for (const procedures::DirectedGroup& group : direction_->groups) {
      const auto payload = DirectedPayload(evidence_, group);
      if (!evidence_.Expect("group " + group.name, payload.status())) continue;
      auto made =
          gbcs::CommandTemplate::Make(*originator, *payload, direction_->counter_first, direction_->counter_last);
      if (evidence_.Expect("group " + group.name, made.status()))
        templates_.emplace(group.name, std::move(made).value());
    }
  }

  // What commands are verified with. Contingency: what the root carries, opened with what the commands disclosed.
  bool FindKey(const pki::Certificate& certificate) {
    if (direction_->key != "contingency") {
      key_ = certificate.public_key;
      return true;
    }
    if (!PosixFiles().Exists(evidence_.Path(kSymmetricKeyFile))) return false;  // nothing was signed
    auto symmetric = evidence_.Read(kSymmetricKeyFile);
    if (!evidence_.Expect(kSymmetricKeyFile, symmetric.status())) return false;
    if (!certificate.apex_key) {
      evidence_.Find("direction/certificates", "the directed root carries no contingency key");
      return false;
    }
    auto carried = pki::UnwrapApexKey(*certificate.apex_key, *symmetric);
    if (!evidence_.Expect(kSymmetricKeyFile, carried.status())) return false;
    evidence_.symmetric_key = *std::move(symmetric);
    key_ = *std::move(carried);
    return true;
  }

  // An error would end the visit: only the frame of a record is such an error.
  Status Visit(const ledger::Record& record) {
    heads_.push_back(record.head);
    switch (static_cast<JournalType>(record.type)) {
      case JournalType::kAttendance:
        return With(record, ledger::DecodeJournalAttendance(record.payload), &JournalCheck::Attendance);
      case JournalType::kOpened:
        return With(record, ledger::DecodeJournalOpened(record.payload), &JournalCheck::Opened);
      case JournalType::kBurn:
        return With(record, ledger::DecodeJournalBurn(record.payload), &JournalCheck::Burn);
      case JournalType::kSignatures:
        return With(record, ledger::DecodeJournalSignatures(record.payload), &JournalCheck::Signatures);
      case JournalType::kClosed:
        return With(record, ledger::DecodeJournalClosed(record.payload), &JournalCheck::Closed);
      case JournalType::kOrder:
        return With(record, ledger::DecodeJournalOrder(record.payload), &JournalCheck::Order);
      case JournalType::kDirection:
        return With(record, ledger::DecodeJournalDirection(record.payload), &JournalCheck::Direction);
      case JournalType::kProven:
        return With(record, ledger::DecodeJournalProven(record.payload), &JournalCheck::Proven);
      case JournalType::kRefusal:
        return With(record, ledger::DecodeJournalRefusal(record.payload), &JournalCheck::Refusal);
      case JournalType::kSymmetricRead:
        return With(record, ledger::DecodeJournalOpened(record.payload), &JournalCheck::SymmetricRead);
      case JournalType::kDestroyed:
        return With(record, ledger::DecodeJournalDestroyed(record.payload), &JournalCheck::Destroyed);
      case JournalType::kCustody:
        return OkStatus();
    }
    Find(record.number, fmt::format("a record of unknown type {}", record.type));
    return OkStatus();
  }
  template <typename T>
  Status With(const ledger::Record& record, const StatusOr<T>& decoded,
              void (JournalCheck::*check)(uint64_t, const T&)) {
    if (decoded.ok()) {
      (this->*check)(record.number, *decoded);
    } else {
      Find(record.number, Message(decoded.status()));
    }
    return OkStatus();
  }

  // What belongs to this incident's Direction. With no Direction nothing does: check 7 names what should not be there.
  bool IsOurs(const Digest& direction) const {
    return direction_ != nullptr && direction == evidence_.direction_digest;
  }

  void Direction(uint64_t, const ledger::JournalDirection&) {}  // check 7
  void Refusal(uint64_t, const ledger::JournalRefusal&) {}
  void Proven(uint64_t number, const ledger::JournalProven& proven) {
    if (!IsOurs(proven.direction)) return;
    for (const Eui64 device : proven.devices) evidence_.proven.emplace(device, number);
  }

  void Attendance(uint64_t, const ledger::JournalAttendance& attendance) {
    attended_[attendance.request].insert(attendance.person);
  }

  void Opened(uint64_t number, const ledger::JournalOpened& opened) {
    if (!IsOurs(opened.direction)) return;
    open_ = true;
    opened_ = opened.time;
    CheckStopped(number, "the key was opened");
    CheckCustodians(number, opened.request, direction_->key);
    if (direction_->key == "contingency" && !symmetric_read_)
      Find(number, "the contingency key was opened before its Symmetric Key was");
  }

  // I5: each key by a quorum of its own custodians, in a ceremony that is in the folder.
  void CheckCustodians(uint64_t number, const Digest& request, const std::string& key) {
    if (ceremonies_.count(request) == 0)
      Find(number, "the key was opened in a ceremony whose request is not in the folder");
    const procedures::KeyCustody* custody = evidence_.policy->FindKey(key);
    uint64_t custodians = 0;
    for (const std::string& person : attended_[request]) {
      for (const procedures::CustodianShare& share :
           custody == nullptr ? std::vector<procedures::CustodianShare>() : custody->custodians) {
        custodians += share.person == person ? 1 : 0;
      }
    }
    if (custody == nullptr || custodians < custody->threshold)
      Find(number, fmt::format("the key was opened with {} custodians of the {} key", custodians, key));
  }

  void SymmetricRead(uint64_t number, const ledger::JournalOpened& opened) {
    if (!IsOurs(opened.direction)) return;
    symmetric_read_ = true;
    CheckStopped(number, "the Symmetric Key was opened");
    CheckCustodians(number, opened.request, "symmetric");
  }

  void Destroyed(uint64_t, const ledger::JournalDestroyed& destroyed) {
    if (IsOurs(destroyed.direction)) destroyed_ = true;
  }

  void Closed(uint64_t, const ledger::JournalClosed& closed) {
    if (IsOurs(closed.direction)) open_ = false;
  }

  void Order(uint64_t number, const ledger::JournalOrder& order) {
    if (!IsOurs(order.direction)) return;
    const Status status = evidence_.CheckSignedBy(order.person, order.document, order.cms);
    if (!status.ok()) Find(number, Message(status));
    const auto document = procedures::ParsePmaOrder(AsText(order.document));
    if (!document.ok()) return Find(number, Message(document.status()));
    if (document->order != order.order || document->person != order.person || document->direction != order.direction ||
        document->environment != evidence_.policy->environment) {
      Find(number, fmt::format("the signed order is another one than the '{}' of {} that the record names",
                               Printable(order.order), Printable(order.person)));
    }
    const procedures::Seat* const seat = evidence_.policy->SeatOf(order.person);
    if (seat != nullptr && !order.seat.empty() && order.seat != seat->name) {
      Find(number, fmt::format("the order is recorded as the voice of seat {}; {} has seat {}", Printable(order.seat),
                               Printable(order.person), seat->name));
    }
    orders_.push_back({order.order, order.person, order.seat});
    standing_ = procedures::StandingAfter(orders_, *evidence_.policy);
  }

  void CheckStopped(uint64_t number, const std::string& what) {
    if (standing_ == procedures::Standing::kWithdrawn) {
      Find(number, what + " after the Direction had been withdrawn");
    } else if (standing_ == procedures::Standing::kHalted) {
      Find(number, what + " after a member had halted it, and no quorum had resumed it");
    }
  }

  void CheckBurnTime(uint64_t number, UtcTime time) {
    if (time < direction_->not_before || time > direction_->not_after + kOneStep) {
      Find(number, fmt::format("attempts were spent at {}; the Direction is valid from {} to {}", FormatTime(time),
                               FormatTime(direction_->not_before), FormatTime(direction_->not_after)));
    }
    if (open_ && (time > opened_ + kMaxActivation + kClockJump || time + kClockJump < opened_)) {
      Find(number, fmt::format("attempts were spent at {} with a key opened at {}: an activation lasts 8 hours",
                               FormatTime(time), FormatTime(opened_)));
    }
  }

  void Burn(uint64_t number, const ledger::JournalBurn& burn) {
    if (!IsOurs(burn.direction)) return;
    if (!open_) Find(number, "attempts were spent while the key was closed");
    if (destroyed_) Find(number, "attempts were spent after the end of the key");
    CheckStopped(number, "attempts were spent");
    CheckBurnTime(number, burn.time);
    if (evidence_.Quoted(burn.ledger_sequence, burn.ledger_head) == nullptr)
      Find(number, "it quotes a ledger head that is not in the chain");
    const auto population = evidence_.populations.find(burn.group);
    for (const ledger::JournalBurnItem& item : burn.items) {
      if (population == evidence_.populations.end() || !population->second.RankOf(item.device)) {
        Find(number, fmt::format("Device {} is not in the directed group {}", item.device.ToString(), burn.group));
      }
      if (item.counter < direction_->counter_first || item.counter > direction_->counter_last) {
        Find(number, fmt::format("counter {} is outside the directed range", item.counter));
      }
      if (!counters_.insert(item.counter).second) Find(number, fmt::format("counter {} was used before", item.counter));
      if (item.attempt == 0 || item.attempt > direction_->limits.attempts_per_device) {
        Find(number,
             fmt::format("attempt {} for {} is beyond the directed limit", item.attempt, item.device.ToString()));
      }
      JournalCommand command;
      command.counter = item.counter;
      command.record = number;
      if (!evidence_.commands.emplace(DeviceAttempt{item.device, item.attempt}, command).second) {
        Find(number, fmt::format("attempt {} for {} was spent before", item.attempt, item.device.ToString()));
      }
    }
    evidence_.burns[number] = {number, burn};
  }

  void Signatures(uint64_t number, const ledger::JournalSignatures& signatures) {
    const auto it = evidence_.burns.find(signatures.burn);
    if (it == evidence_.burns.end()) return;  // of another Direction
    const ledger::JournalBurn& burn = it->second.burn;
    if (signatures.signatures.size() != burn.items.size()) {
      Find(number, fmt::format("{} signatures for {} commands", signatures.signatures.size(), burn.items.size()));
      return;
    }
    const auto encoder = templates_.find(burn.group);
    for (size_t i = 0; i < burn.items.size(); ++i) {
      const ledger::JournalBurnItem& item = burn.items[i];
      JournalCommand& command = evidence_.commands[{item.device, item.attempt}];
      if (!command.is_signed) ++evidence_.report.signatures;
      command.is_signed = true;
      if (encoder == templates_.end() || item.counter < direction_->counter_first ||
          item.counter > direction_->counter_last)
        continue;
      Bytes octets = encoder->second.Encode(item.device, item.counter);
      if (!key_->Verify(gbcs::CommandTemplate::ToBeSigned(octets), signatures.signatures[i])) {
        Find(number, fmt::format("the signature for {} is not over the directed command", item.device.ToString()));
        continue;
      }
      gbcs::CommandTemplate::AppendSignature(octets, signatures.signatures[i]);
      command.command = pki::Sha256(octets);
    }
  }

  struct Witness {
    std::string where;
    uint64_t records = 0;
    Digest head{};
  };
  Evidence& evidence_;
  const procedures::Direction* direction_ = nullptr;
  std::vector<Witness> witnesses_;
  std::vector<Digest> heads_;  // of the journal, by record
  std::optional<pki::PublicKey> key_;
  bool symmetric_read_ = false, destroyed_ = false;
  std::map<std::string, gbcs::CommandTemplate> templates_;
  std::set<Digest> ceremonies_;
  std::map<Digest, std::set<std::string>> attended_;
  std::set<uint64_t> counters_;
  bool open_ = false;
  UtcTime opened_;
  std::vector<procedures::GivenOrder> orders_;
  procedures::Standing standing_ = procedures::Standing::kNone;
};

}  // namespace

StatusOr<Eui64> OriginatorOf(const Evidence& evidence) {
  if (evidence.direction->originator) return *evidence.direction->originator;
  const auto key = evidence.certificates.find(evidence.direction->key_certificate);
  if (key == evidence.certificates.end() || !key->second.subject_eui)
    return NotFound("the certificate of the directed key is missing");
  return *key->second.subject_eui;
}

StatusOr<gbcs::CommandPayload> DirectedPayload(const Evidence& evidence, const procedures::DirectedGroup& group) {
  const procedures::Direction& direction = *evidence.direction;
  const auto find = [&](const Digest& digest) -> StatusOr<Bytes> {
    const auto it = evidence.certificates.find(digest);
    if (it == evidence.certificates.end())
      return NotFound("the directed certificate {} is not in the folder", ToHex(digest));
    return it->second.der();
  };
  const bool recovery = direction.key == "recovery";
  gbcs::CommandPayload payload;
  payload.mode = recovery ? gbcs::Mode::kAnyExceptAbnormalRootByRecovery : gbcs::Mode::kAnyByContingency;
  payload.disapply_time_checks = !group.time_checks;
  payload.authorising_cell =
      recovery ? gbcs::TrustAnchorCell{gbcs::Role::kRecovery, gbcs::KeyUsage::kDigitalSignature,
                                       gbcs::CellUsage::kManagement}
               : gbcs::TrustAnchorCell{gbcs::Role::kRoot, gbcs::KeyUsage::kKeyCertSign, gbcs::CellUsage::kManagement};
  if (!recovery) payload.plaintext_symmetric_key = evidence.symmetric_key;
  payload.new_floor = group.authorising_floor;
  std::vector<gbcs::SeqNumberChange> changes;
  for (const procedures::DirectedFloor& floor : group.floors) {
    const auto cell = gbcs::TrustAnchorCell::Parse(floor.role + "/digitalSignature");
    if (!cell) return InvalidArgument("\"{}\" is no GBCS role", floor.role);
    gbcs::SeqNumberChange change{cell->role, floor.floor, {}};
    if (floor.prepayment_top_up) change.specialist.push_back({0, *floor.prepayment_top_up});
    changes.push_back(std::move(change));
  }
  if (!changes.empty()) payload.other_changes = std::move(changes);
  for (const procedures::DirectedReplacement& replacement : group.replacements) {
    const auto cell = gbcs::TrustAnchorCell::Parse(replacement.cell);
    if (!cell) return InvalidArgument("\"{}\" is no trust anchor cell", replacement.cell);
    SMKI_ASSIGN_OR_RETURN(Bytes der, find(replacement.certificate));
    payload.replacements.push_back({std::move(der), *cell});
  }
  for (const Digest& digest : group.path_certificates) {
    SMKI_ASSIGN_OR_RETURN(Bytes der, find(digest));
    payload.path_certificates.push_back(std::move(der));
  }
  return payload;
}

void CheckJournal(Evidence& evidence) {
  evidence.Begin(8, "journal");
  if ((!evidence.direction && !evidence.without_direction) || !evidence.verifier) {
    evidence.Find(kJournalFile, "cannot be judged without a Direction and a trust policy");
    return;
  }
  JournalCheck(evidence).Run();
}

}  // namespace smki::cli
