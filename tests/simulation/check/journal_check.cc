#include "tests/simulation/check/journal_check.h"

#include <algorithm>

#include "pki/digest.h"
#include "tests/simulation/check/gbcs_reader.h"

namespace smki::simulation {

uint64_t JournalCheck::Attempts::outstanding() const {
  return static_cast<uint64_t>(
      std::count_if(spent.begin(), spent.end(), [&](const auto& one) { return !proven.contains(one.first); }));
}

void JournalCheck::Update(UtcTime now) {
  const auto file = facts_.world.durable(facts_.world.journal_path);
  if (file) {
    Take(*file, now);
  } else if (!log_.octets().empty()) {
    facts_.findings.Say("I2", "the signer's journal is gone; {} records of it were durable", log_.records());
  }
}

void JournalCheck::Take(ByteSpan file, UtcTime now) {
  if (broken_) return;
  const auto records = log_.Read(file);
  if (!records.ok()) {
    broken_ = true;
    facts_.findings.Say("I2", "the signer's journal: {}", Message(records.status()));
    return;
  }
  for (const LogRecord& raw : *records) {
    number_ = raw.number;
    const auto record = ReadJournalRecord(raw);
    if (record.ok()) {
      Apply(raw, *record, now);
    } else {
      Say("I3", "{}", Message(record.status()));
    }
  }
}

void JournalCheck::Apply(const LogRecord& raw, const JournalRecord& record, UtcTime now) {
  if (raw.type != kSignatures) {
    if (record.time < last_) Say("I10", "its time {} is before the record before it", FormatTimeMillis(record.time));
    last_ = std::max(last_, record.time);
    newest_ = std::max({newest_, record.time, record.newest_evidence});
  }
  switch (raw.type) {
    case kAdmitted:
      return Admitted(record, now);
    case kAttendance:
      return Attendance(record);
    case kOpened:
      return Opened(record, now);
    case kBurn:
      return Burn(raw.number, record, now);
    case kSignatures:
      return Signatures(record);
    case kProven:
      return Proven(record);
    case kClosed:
      if (open_ && *open_ == record.digest) open_.reset();
      return;
    case kOrder:
      return Order(record);
    case kCustody:
      if (record.text == "changing" || record.text == "changed") facts_.successions.insert({record.from, record.to});
      return;
    default:
      return;
  }
}

void JournalCheck::Admitted(const JournalRecord& record, UtcTime now) {
  const std::string where = fmt::format("journal record {}", number_);
  admissions_.Admitted(record.digest, now, where);
  attempts_[record.digest].admitted = true;
  const auto nonce = nonces_.emplace(record.nonce, record.digest);
  if (nonce.first->second != record.digest) Say("I1", "nonce {} was used by another Direction", record.nonce);
  for (const auto& [digest, range] : ranges_) {
    if (digest != record.digest && record.first <= range.second && range.first <= record.last)
      Say("I1", "counters {} to {} overlap those of Direction {}", record.first, record.last, Short(digest));
  }
  ranges_[record.digest] = {record.first, record.last};
  quotes_.Ledger(where, record.ledger_sequence, record.ledger_head);
  if (!admissions_.Quoted(record.digest, record.ledger_sequence, record.ledger_head))
    Say("I3", "it quotes ledger entry {}, which no Prepare of this Direction named", record.ledger_sequence);
  const Use* const use = facts_.FindUse(record.digest);
  if (use == nullptr) return;
  const Direction& d = use->direction;
  if (record.id != d.id || record.incident != d.incident || record.nonce != d.nonce || record.first != d.first ||
      record.last != d.last || record.environment != d.environment + "/" + d.estate) {
    Say("I1", "it admits {} with another id, incident, environment, nonce or counters", d.id);
  }
}

void JournalCheck::Attendance(const JournalRecord& record) {
  if (!attended_[record.digest].insert(record.person).second)
    Say("I4", "the share of {} is counted twice in one ceremony", record.person);
  if (!facts_.HasPresented(record.person, record.digest))
    Say("I5", "{} is said to have shown a share for request {}, and has not", record.person, Short(record.digest));
}

void JournalCheck::Opened(const JournalRecord& record, UtcTime now) {
  const Use* const use = facts_.FindUse(record.digest);
  open_ = record.digest;
  Attempts& at = attempts_[record.digest];
  at.opened = record.time;
  at.opened_true = facts_.TrueTime(now);
  at.burned_in_activation = 0;
  if (record.epoch != epoch_ + 1) Say("I3", "activation {} follows activation {}", record.epoch, epoch_);
  epoch_ = record.epoch;
  if (const std::string why = Stopped(record.digest); !why.empty()) Say("I1", "the key was opened, but {}", why);
  if (!opened_by_.emplace(record.request, record.digest).second)
    Say("I5", "the shares of one ceremony opened the key twice");
  if (!at.admitted || use == nullptr) {
    Say("I1", "the key was opened for Direction {}, which is not admitted", Short(record.digest));
    return;
  }
  const auto key = use->policy->keys.find(use->direction.key);
  uint64_t custodians = 0;
  for (const std::string& person : attended_[record.request]) {
    const bool holds = key != use->policy->keys.end() &&
                       std::count(key->second.custodians.begin(), key->second.custodians.end(), person) > 0;
    custodians += holds ? 1 : 0;
  }
  if (key == use->policy->keys.end() || custodians < key->second.threshold)
    Say("I5", "the key was opened with the shares of {} custodians", custodians);
}

void JournalCheck::Burn(uint64_t number, const JournalRecord& record, UtcTime now) {
  quotes_.Burn(number, record);
  const Use* const use = facts_.FindUse(record.digest);
  Attempts& at = attempts_[record.digest];
  if (use == nullptr || !at.admitted) {
    Say("I1", "attempts are spent under Direction {}, which is not admitted", Short(record.digest));
    return;
  }
  if (!IsOpen(record.digest)) Say("I5", "attempts are spent while the key is closed");
  if (const std::string why = Stopped(record.digest); !why.empty()) Say("I1", "attempts are spent, but {}", why);
  if (record.items.empty() || record.items.size() > 1024) Say("I1", "a batch of {}", record.items.size());
  BurnTime(*use, at, record);
  for (const simulation::BurnItem& item : record.items) BurnItem(*use, at, record, item);
  Rate(*use, at, now);
}

void JournalCheck::BurnTime(const Use& use, const Attempts& at, const JournalRecord& record) {
  const Direction& d = use.direction;
  if (record.time < d.not_before || record.time > d.not_after + kStep)
    Say("I1", "attempts are spent at {}; {} is valid from {} to {}", FormatTime(record.time), d.id,
        FormatTime(d.not_before), FormatTime(d.not_after));
  if (IsOpen(use.digest) && record.time > at.opened + kActivation + kClockTolerance)
    Say("I5", "attempts are spent at {} with a key opened at {}", FormatTime(record.time), FormatTime(at.opened));
}

void JournalCheck::BurnItem(const Use& use, Attempts& at, const JournalRecord& record,
                            const simulation::BurnItem& item) {
  const Direction& d = use.direction;
  const Group* const group = d.Find(record.group);
  const auto population = use.populations.find(record.group);
  const std::string who = fmt::format("{} attempt {}", item.device.ToString(), item.attempt);
  if (group == nullptr || population == use.populations.end() || !population->second.devices.contains(item.device)) {
    Say("I1", "{} is not in the directed group '{}'", who, record.group);
    return;
  }
  if (item.counter < d.first || item.counter > d.last) Say("I1", "{}: counter {} is not directed", who, item.counter);
  uint32_t& spent = at.spent[item.device];
  if (item.attempt != spent + 1 || item.attempt > d.attempts)
    Say("I1", "{} is spent after attempt {}; {} are directed", who, spent, d.attempts);
  const bool fresh = spent == 0;
  spent = std::max(spent, item.attempt);
  if (++at.burned > d.total) Say("I1", "{} attempts are spent, {} are directed", at.burned, d.total);
  ++at.burned_in_activation;
  if (fresh && at.outstanding() > d.outstanding)
    Say("I1", "{}: {} Devices are outstanding, {} are directed", who, at.outstanding(), d.outstanding);
  Command command{&use, record.group, item.device, item.attempt, item.counter, number_, {}, {}, {}};
  auto octets = DirectedOctets(*group, use.certificates, use.originator, item.device, item.counter);
  if (!octets.ok()) {
    Say("I1", "{}: what is directed cannot be written: {}", who, Message(octets.status()));
    return;
  }
  command.octets = std::move(octets).value();
  facts_.octets_to_counter[pki::Sha256(command.octets)] = item.counter;
  burns_[number_].push_back(item.counter);
  if (!facts_.commands.emplace(item.counter, std::move(command)).second)
    Say("I1", "{}: counter {} was given before", who, item.counter);
}

// The directed rate, with a second of it in advance.
void JournalCheck::Rate(const Use& use, Attempts& at, UtcTime now) {
  if (!facts_.world.true_time) return;
  const auto open_for = facts_.TrueTime(now) - at.opened_true;
  const double most =
      static_cast<double>(use.direction.rate) * (1.0 + static_cast<double>(open_for.count()) / 1000) + 1;
  if (static_cast<double>(at.burned_in_activation) > most)
    Say("I1", "{} attempts in {} ms; {} a second are directed", at.burned_in_activation, open_for.count(),
        use.direction.rate);
}

void JournalCheck::Signatures(const JournalRecord& record) {
  const auto burn = burns_.find(record.burn);
  if (burn == burns_.end() || burn->second.size() != record.signatures.size()) {
    Say("I2", "{} signatures for burn {}, which is not one of so many", record.signatures.size(), record.burn);
    return;
  }
  if (!signed_burns_.insert(record.burn).second) Say("I2", "burn {} is signed a second time", record.burn);
  for (size_t i = 0; i < record.signatures.size(); ++i) {
    Command& command = facts_.commands.at(burn->second[i]);
    if (!command.recorded) ++attempts_[command.use->digest].signatures;
    if (!command.recorded) command.recorded = record.signatures[i];
    if (!command.use->key || !command.use->key->Verify(command.octets, record.signatures[i]))
      Say("I1", "the signature for {} is not over the directed command", command.Describe());
  }
}

void JournalCheck::Proven(const JournalRecord& record) {
  Attempts& at = attempts_[record.digest];
  for (Eui64 device : record.devices) {
    at.proven.insert(device);
    if (!devices_.HoldsDirected(record.digest, device))
      Say("I6", "{} is taken for proven, and never said so", device.ToString());
  }
}

void JournalCheck::Order(const JournalRecord& record) {
  orders_.insert(pki::Sha256(record.document));
  const auto order = ReadOrder(AsText(record.document));
  const Policy& policy = facts_.policy();
  if (!order.ok()) return Say("I4", "it holds no order: {}", Message(order.status()));
  if (order->order != record.text || order->person != record.person || order->direction != record.digest)
    Say("I4", "it names another order than the document in it");
  if (order->environment != policy.environment || order->estate != policy.estate)
    Say("I8", "the order is of {}/{}", order->environment, order->estate);
  if (!facts_.HasSigned(order->person, record.document) || policy.SeatOf(order->person) == nullptr) {
    Say("I4", "nobody with a seat signed this order to {} as {}", order->order, order->person);
    return;
  }
  Attempts& at = attempts_[record.digest];
  if (order->order == "halt") {
    at.halted = true;
    at.halted_at = order->time;
    at.resuming.clear();
  } else if (order->order == "withdraw") {
    at.withdrawing.insert(order->person);
  } else if (order->order == "resume" && order->time >= at.halted_at) {
    at.resuming.insert(order->person);
    if (CountVotes(policy, at.resuming) >= policy.needed) at.halted = false;
  }
}

std::string JournalCheck::Stopped(const Digest& direction) const {
  const auto found = attempts_.find(direction);
  if (found == attempts_.end()) return "";
  std::set<std::string> seats;
  for (const std::string& person : found->second.withdrawing) seats.insert(facts_.policy().SeatOf(person)->name);
  if (seats.size() >= facts_.policy().withdrawals_needed) return "the Direction is withdrawn";
  return found->second.halted ? "the Direction is halted" : "";
}

bool JournalCheck::HasOrder(ByteSpan document) const {
  return orders_.contains(pki::Sha256(document));
}

bool JournalCheck::HasAttendance(const Digest& request, const std::string& person) const {
  return Attended(request).contains(person);
}

std::set<std::string> JournalCheck::Attended(const Digest& request) const {
  const auto found = attended_.find(request);
  return found == attended_.end() ? std::set<std::string>() : found->second;
}

bool JournalCheck::IsProven(const Digest& direction, Eui64 device) const {
  const auto found = attempts_.find(direction);
  return found != attempts_.end() && found->second.proven.contains(device);
}

uint64_t JournalCheck::signatures(const Digest& direction) const {
  const auto found = attempts_.find(direction);
  return found == attempts_.end() ? 0 : found->second.signatures;
}

}  // namespace smki::simulation
