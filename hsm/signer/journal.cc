#include "hsm/signer/journal.h"

#include <algorithm>

namespace smki::hsm {

using ledger::JournalType;
using procedures::Reason;

namespace {

constexpr uint64_t kRefusalsPerMinute = 100;
constexpr Millis kMinute = std::chrono::minutes(1);
constexpr size_t kSignatureSize = 64;
constexpr size_t kMaxDetail = 500;

}  // namespace

uint64_t History::HighestCounter() const {
  uint64_t highest = 0;
  for (const auto& [digest, direction] : directions) highest = std::max(highest, direction.admitted.counter_last);
  return highest;
}

const DirectionHistory* History::Find(const Digest& direction) const {
  const auto it = directions.find(direction);
  return it == directions.end() ? nullptr : &it->second;
}

const ledger::JournalCustody* History::UnfinishedCustody(const std::string& key) const {
  const auto it = unfinished_custody.find(key);
  return it == unfinished_custody.end() ? nullptr : &it->second;
}

Status DirectionHistory::JudgeOrders(const procedures::TrustPolicy& policy, const std::string& id) const {
  std::vector<procedures::GivenOrder> given;
  given.reserve(orders.size());
  for (const ledger::JournalOrder& order : orders) given.push_back({order.order, order.person, order.seat});
  return procedures::JudgeOrders(given, policy, id);
}

StatusOr<std::unique_ptr<Journal>> Journal::Open(FileSystem& files, const std::string& path) {
  auto journal = std::unique_ptr<Journal>(new Journal());
  SMKI_ASSIGN_OR_RETURN(journal->log_,
                        ledger::RecordLog::Open(files, path, ledger::kJournalKind,
                                                [&](const ledger::Record& r) { return journal->Apply(r); }));
  return journal;
}

void Journal::SeenLedger(uint64_t sequence, const Digest& head) {
  if (history_.ledger_head && sequence <= history_.ledger_sequence) return;
  history_.ledger_sequence = sequence;
  history_.ledger_head = head;
}

Status Journal::Apply(const ledger::Record& r) {
  const RecordPlace place{r.number, r.payload_offset, static_cast<uint32_t>(r.payload.size()),
                          static_cast<JournalType>(r.type)};
  head_offsets_.push_back(r.payload_offset + r.payload.size());
  end_ = head_offsets_.back() + sizeof(Digest);
  switch (place.type) {
    case JournalType::kDirection: {
      SMKI_ASSIGN_OR_RETURN(const auto d, ledger::DecodeJournalDirection(r.payload));
      Seen(d.time);
      Seen(d.newest_evidence);
      SeenLedger(d.ledger_sequence, d.ledger_head);
      history_.nonces.emplace(d.nonce, d.digest);
      history_.newest_direction = d.digest;
      history_.directions[d.digest].admitted = d;
      return OkStatus();
    }
    case JournalType::kAttendance: {
      SMKI_ASSIGN_OR_RETURN(const auto a, ledger::DecodeJournalAttendance(r.payload));
      Seen(a.time);
      return OkStatus();
    }
    case JournalType::kOpened: {
      SMKI_ASSIGN_OR_RETURN(const auto o, ledger::DecodeJournalOpened(r.payload));
      Seen(o.time);
      history_.epoch = std::max(history_.epoch, o.epoch);
      history_.open = o.direction;
      history_.directions[o.direction].opened = true;
      return OkStatus();
    }
    case JournalType::kBurn: {
      SMKI_ASSIGN_OR_RETURN(const auto b, ledger::DecodeJournalBurn(r.payload));
      Seen(b.time);
      SeenLedger(b.ledger_sequence, b.ledger_head);
      history_.directions[b.direction].places.push_back(place);
      unsigned_burns_.emplace(r.number, b.direction);
      return OkStatus();
    }
    case JournalType::kSignatures: {
      SMKI_ASSIGN_OR_RETURN(const auto s, ledger::DecodeJournalSignatures(r.payload));
      const auto burn = unsigned_burns_.find(s.burn);
      if (burn == unsigned_burns_.end()) return DataLoss("signatures of record {}, which is no unsigned burn", s.burn);
      DirectionHistory& direction = history_.directions[burn->second];
      direction.places.push_back(place);
      direction.signatures += s.signatures.size();
      unsigned_burns_.erase(burn);
      return OkStatus();
    }
    case JournalType::kProven: {
      SMKI_ASSIGN_OR_RETURN(const auto p, ledger::DecodeJournalProven(r.payload));
      Seen(p.time);
      DirectionHistory& direction = history_.directions[p.direction];
      direction.places.push_back(place);
      direction.proven += p.devices.size();
      return OkStatus();
    }
    case JournalType::kClosed: {
      SMKI_ASSIGN_OR_RETURN(const auto c, ledger::DecodeJournalClosed(r.payload));
      Seen(c.time);
      history_.directions[c.direction].closed_because = c.why;
      history_.open.reset();
      return OkStatus();
    }
    case JournalType::kRefusal: {
      SMKI_ASSIGN_OR_RETURN(const auto f, ledger::DecodeJournalRefusal(r.payload));
      Seen(f.time);
      history_.refusals += f.count;
      history_.refusal_counts[f.reason] += f.count;
      return OkStatus();
    }
    case JournalType::kOrder: {
      SMKI_ASSIGN_OR_RETURN(auto o, ledger::DecodeJournalOrder(r.payload));
      Seen(o.time);
      history_.directions[o.direction].orders.push_back(std::move(o));
      return OkStatus();
    }
    case JournalType::kSymmetricRead: {
      SMKI_ASSIGN_OR_RETURN(const auto o, ledger::DecodeJournalOpened(r.payload));
      Seen(o.time);
      return OkStatus();
    }
    case JournalType::kDestroyed: {
      SMKI_ASSIGN_OR_RETURN(const auto d, ledger::DecodeJournalDestroyed(r.payload));
      Seen(d.time);
      history_.destroyed.insert(d.identifier);
      history_.directions[d.direction].ends_key = true;
      return OkStatus();
    }
    case JournalType::kCustody: {
      SMKI_ASSIGN_OR_RETURN(auto c, ledger::DecodeJournalCustody(r.payload));
      Seen(c.time);
      Seen(c.newest_evidence);
      history_.nonces.emplace(c.nonce, c.change);
      if (c.stage == "changing") {
        history_.unfinished_custody[c.key] = std::move(c);
      } else if (c.stage == "changed" || c.stage == "abandoned") {
        const auto unfinished = history_.unfinished_custody.find(c.key);
        // One that was abandoned before it touched the token leaves an earlier one as it is.
        if (unfinished != history_.unfinished_custody.end() && unfinished->second.to == c.to) {
          history_.unfinished_custody.erase(unfinished);
        }
        if (c.stage == "changed") history_.succession[c.from] = std::move(c);
      }
      return OkStatus();
    }
  }
  return DataLoss("record type {} is unknown to this version", r.type);
}

StatusOr<uint64_t> Journal::Write(JournalType type, const Bytes& payload) {
  const uint64_t number = log_->records();
  const auto offset = log_->Append(static_cast<uint8_t>(type), payload);
  if (!offset.ok()) return procedures::Refuse(Reason::kAUDIT_NOT_DURABLE, Message(offset.status()));
  const Status applied = Apply({number, static_cast<uint8_t>(type), payload, *offset});
  SMKI_CHECK(applied.ok());  // what this process wrote, it can read
  return number;
}

StatusOr<uint64_t> Journal::Append(ledger::JournalDirection record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kDirection, Encode(record));
}
StatusOr<uint64_t> Journal::Append(ledger::JournalAttendance record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kAttendance, Encode(record));
}
StatusOr<uint64_t> Journal::Append(ledger::JournalOpened record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kOpened, Encode(record));
}
StatusOr<uint64_t> Journal::Append(ledger::JournalBurn record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kBurn, Encode(record));
}
StatusOr<uint64_t> Journal::Append(ledger::JournalProven record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kProven, Encode(record));
}
StatusOr<uint64_t> Journal::Append(ledger::JournalClosed record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kClosed, Encode(record));
}
StatusOr<uint64_t> Journal::Append(ledger::JournalOrder record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kOrder, Encode(record));
}
StatusOr<uint64_t> Journal::Append(ledger::JournalCustody record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kCustody, Encode(record));
}
StatusOr<uint64_t> Journal::Append(ledger::JournalDestroyed record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kDestroyed, Encode(record));
}
StatusOr<uint64_t> Journal::AppendSymmetricRead(ledger::JournalOpened record) {
  record.time = Lifted(record.time);
  return Write(JournalType::kSymmetricRead, Encode(record));
}
StatusOr<uint64_t> Journal::Append(const ledger::JournalSignatures& record) {
  SMKI_RETURN_IF_ERROR(Write(JournalType::kSignatures, Encode(record)).status());
  // The signatures are the last octets of the payload, so they end where the head begins.
  return head_offsets_.back() - record.signatures.size() * kSignatureSize;
}

Status Journal::RecordRefusal(const std::string& reason, const std::string& detail, UtcTime now) {
  RefusalWindow& window = windows_[reason];
  if (now < window.start || now - window.start >= kMinute) {
    SMKI_RETURN_IF_ERROR(FlushWindow(reason, window, now));
    window.start = now;
  }
  if (window.recorded >= kRefusalsPerMinute) {
    ++window.counted;
    return OkStatus();
  }
  ++window.recorded;
  ledger::JournalRefusal record;
  record.time = Lifted(now);
  record.reason = reason;
  record.detail = detail.substr(0, kMaxDetail);
  return Write(JournalType::kRefusal, Encode(record)).status();
}

Status Journal::FlushWindow(const std::string& reason, RefusalWindow& window, UtcTime now) {
  const uint64_t counted = window.counted;
  window = {};
  if (counted == 0) return OkStatus();
  ledger::JournalRefusal record;
  record.time = Lifted(now);
  record.reason = reason;
  record.detail = "more than 100 in a minute; only counted";
  record.count = counted;
  return Write(JournalType::kRefusal, Encode(record)).status();
}

Status Journal::FlushRefusals(UtcTime now) {
  for (auto& [reason, window] : windows_) SMKI_RETURN_IF_ERROR(FlushWindow(reason, window, now));
  return OkStatus();
}

Status Journal::Replay(const Digest& direction, Gate& gate) const {
  const DirectionHistory* const history = history_.Find(direction);
  if (history == nullptr) return OkStatus();
  for (const RecordPlace& place : history->places) {
    SMKI_ASSIGN_OR_RETURN(const Bytes payload, log_->ReadAt(place.offset, place.size));
    Status applied;
    if (place.type == JournalType::kBurn) {
      SMKI_ASSIGN_OR_RETURN(const auto burn, ledger::DecodeJournalBurn(payload));
      applied = gate.ApplyBurn(place.number, burn);
    } else if (place.type == JournalType::kSignatures) {
      SMKI_ASSIGN_OR_RETURN(const auto signatures, ledger::DecodeJournalSignatures(payload));
      const size_t count = signatures.signatures.size();
      applied = gate.ApplySignatures(signatures.burn, count, place.offset + place.size - count * kSignatureSize);
    } else {
      SMKI_ASSIGN_OR_RETURN(const auto proven, ledger::DecodeJournalProven(payload));
      applied = gate.ApplyProven(proven.devices);
    }
    if (!applied.ok()) return WithContext(applied, fmt::format("journal record {}", place.number));
  }
  return OkStatus();
}

StatusOr<pki::RawSignature> Journal::ReadSignature(uint64_t offset) const {
  SMKI_ASSIGN_OR_RETURN(const Bytes octets, log_->ReadAt(offset, kSignatureSize));
  pki::RawSignature out{};
  std::copy(octets.begin(), octets.end(), out.begin());
  return out;
}

StatusOr<Digest> Journal::HeadAfter(uint64_t records) const {
  SMKI_CHECK(records >= 1 && records <= head_offsets_.size());
  SMKI_ASSIGN_OR_RETURN(const Bytes octets, log_->ReadAt(head_offsets_[records - 1], sizeof(Digest)));
  Digest out{};
  std::copy(octets.begin(), octets.end(), out.begin());
  return out;
}

}  // namespace smki::hsm
