// At the end: journal, ledger and campaign log tell one story (I2); the Devices that were reported recovered are (I6);
// and the evidence folder is what the ledger says it is (I3).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "smki/ledger/v1/ledger.pb.h"
#include "tests/simulation/check/device_check.h"
#include "tests/simulation/check/journal_check.h"
#include "tests/simulation/check/keyguard_check.h"
#include "tests/simulation/check/ledger_reader.h"
#include "tests/simulation/check/quotes.h"

namespace smki::simulation {

class Reconciliation {
 public:
  Reconciliation(Facts& facts, const JournalCheck& journal, const KeyguardCheck& keyguard, const DeviceCheck& devices,
                 const Quotes& quotes)
      : facts_(facts), journal_(journal), keyguard_(keyguard), devices_(devices), quotes_(quotes) {}

  void Run(const std::vector<LedgerEntry>& entries, const Checks::End& end);
  // Direction and Device of all that are reported recovered.
  const std::set<std::pair<Digest, Eui64>>& recovered() const { return recovered_; }

 private:
  struct Totals {
    uint64_t recovered = 0, half_replaced = 0, refused = 0, silent = 0;
    bool operator==(const Totals&) const = default;
  };
  struct Device {
    uint32_t attempt = 0;
    bool ended = false;
    uint8_t outcome = kNone;
  };

  const LedgerEntry* Intent(uint64_t sequence, const Digest& head) const;
  void Intents();
  void Burns();
  void Batches();
  void Campaign(const std::string& incident, ByteSpan file, const Checks::End& end);
  void Record(const LogRecord& raw, const CampaignRecord& record, const Digest& direction,
              std::map<Eui64, Device>& devices);
  void Response(const LogRecord& raw, const CampaignRecord& record, const Use* use, Device& device);
  uint64_t Lost();
  void Summaries(const std::string& incident, const GrowingLog& log, const Totals& totals, const Digest& direction,
                 bool closed);
  void Evidence(const Checks::End& end);
  void EvidenceFiles(const std::string& folder, const std::string& incident);
  void Report(const std::string& text, const std::string& incident);

  Facts& facts_;
  const JournalCheck& journal_;
  const KeyguardCheck& keyguard_;
  const DeviceCheck& devices_;
  const Quotes& quotes_;
  const std::vector<LedgerEntry>* entries_ = nullptr;
  std::set<std::pair<Digest, Eui64>> recovered_;
  std::map<std::string, uint64_t> recovered_count_;  // by incident, as its campaign log says
  std::set<std::pair<Eui64, uint32_t>> received_;  // commands that the campaign had: Device and attempt
};

// A whole file; nullopt if it is not there.
std::optional<Bytes> ReadWholeFile(const std::string& path);

}  // namespace smki::simulation
