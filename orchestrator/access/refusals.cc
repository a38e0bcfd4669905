#include "orchestrator/access/refusals.h"

#include "orchestrator/incident/event_codec.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

constexpr Millis kMinute = std::chrono::minutes(1);
constexpr size_t kMaxDetail = 500;

ledger::NewEntry Entry(const std::string& incident, const std::string& person, const std::string& reason,
                       const std::string& detail, const std::string& method, uint64_t count) {
  ledger::v1::RefusalRecord record;
  record.set_reason(reason);
  record.set_detail(procedures::CleanText(detail.substr(0, kMaxDetail)).text);
  record.set_method(method);
  record.set_count(count);
  return MakeEntry(incident, person, "refusal", record);
}

}  // namespace

void Refusals::Record(const std::string& incident, const std::string& person, const std::string& method,
                      const Status& status) {
  const std::string reason = ReasonOf(status);
  if (!procedures::ReasonFromCode(reason)) return;
  Minute& minute = minutes_[reason];
  const auto now = clock_.SinceBoot();
  if (minute.singly == 0 || now - minute.begin >= kMinute) {
    Flush(reason);
    minute = {now, 0, 0, incident};
  }
  if (minute.singly < kSinglyInMinute) {
    ++minute.singly;
    std::vector<ledger::NewEntry> entries;
    entries.push_back(Entry(incident, person, reason, Message(status), method, 1));
    (void)book_.Append(std::move(entries));  // the answer is no either way
    return;
  }
  if (minute.counted++ == 0) executor_.PostAfter(kMinute, lifeline_.Guard([this, reason] { Flush(reason); }));
}

void Refusals::Flush(const std::string& reason) {
  Minute& minute = minutes_[reason];
  if (minute.counted == 0) return;
  std::vector<ledger::NewEntry> entries;
  entries.push_back(Entry(minute.incident, "", reason, "", "", minute.counted));
  minute.counted = 0;
  (void)book_.Append(std::move(entries));
}

}  // namespace smki::orchestrator
