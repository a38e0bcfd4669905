// I1, I2, I5 in what is durable of the signer's journal: it only grows, and every record in it is one that the records
// before it, the documents and the people allow.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/simulation/check/admission.h"
#include "tests/simulation/check/device_check.h"
#include "tests/simulation/check/facts.h"
#include "tests/simulation/check/log_reader.h"
#include "tests/simulation/check/quotes.h"

namespace smki::simulation {

class JournalCheck {
 public:
  JournalCheck(Facts& facts, Admissions& admissions, DeviceCheck& devices, Quotes& quotes)
      : facts_(facts), admissions_(admissions), devices_(devices), quotes_(quotes) {}

  // Takes in what has become durable.
  void Update(UtcTime now);
  // The same over a file, at the end.
  void Take(ByteSpan file, UtcTime now);

  // I1: why nothing may be signed under this Direction; empty if nothing is against it.
  std::string Stopped(const Digest& direction) const;
  bool IsOpen(const Digest& direction) const { return open_ && *open_ == direction; }
  bool HasOrder(ByteSpan document) const;
  bool HasAttendance(const Digest& request, const std::string& person) const;
  std::set<std::string> Attended(const Digest& request) const;
  const GrowingLog& log() const { return log_; }
  UtcTime newest() const { return newest_; }
  uint64_t signatures(const Digest& direction) const;
  bool IsProven(const Digest& direction, Eui64 device) const;

 private:
  struct Attempts {
    bool admitted = false, halted = false;
    UtcTime halted_at, opened;
    UtcTime opened_true;
    std::set<std::string> withdrawing, resuming;  // persons
    std::map<Eui64, uint32_t> spent;
    std::set<Eui64> proven;
    uint64_t burned = 0, signatures = 0, burned_in_activation = 0;
    uint64_t outstanding() const;
  };

  void Apply(const LogRecord& raw, const JournalRecord& record, UtcTime now);
  void Admitted(const JournalRecord& record, UtcTime now);
  void Attendance(const JournalRecord& record);
  void Opened(const JournalRecord& record, UtcTime now);
  void Burn(uint64_t number, const JournalRecord& record, UtcTime now);
  void BurnTime(const Use& use, const Attempts& at, const JournalRecord& record);
  void BurnItem(const Use& use, Attempts& at, const JournalRecord& record, const simulation::BurnItem& item);
  void Rate(const Use& use, Attempts& at, UtcTime now);
  void Signatures(const JournalRecord& record);
  void Proven(const JournalRecord& record);
  void Order(const JournalRecord& record);
  template <typename... Args>
  void Say(const char* invariant, fmt::format_string<Args...> format, Args&&... args) {
    facts_.findings.Say(invariant, "journal record {}: {}", number_, fmt::format(format, std::forward<Args>(args)...));
  }

  Facts& facts_;
  Admissions& admissions_;
  DeviceCheck& devices_;
  Quotes& quotes_;
  GrowingLog log_{"signer-journal"};
  bool broken_ = false;
  uint64_t number_ = 0, epoch_ = 0;
  UtcTime newest_, last_;
  std::map<Digest, Attempts> attempts_;
  std::map<std::string, Digest> nonces_;
  std::map<Digest, std::pair<uint64_t, uint64_t>> ranges_;
  std::map<Digest, std::set<std::string>> attended_;  // by request
  std::map<Digest, Digest> opened_by_;                // request -> Direction
  std::optional<Digest> open_;
  std::map<uint64_t, std::vector<uint64_t>> burns_;  // record -> counters
  std::set<uint64_t> signed_burns_;
  std::set<Digest> orders_;
};

}  // namespace smki::simulation
