// I3: who quoted which head, kept until the end shows whether ledger and journal contain it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/simulation/check/findings.h"
#include "tests/simulation/check/log_reader.h"

namespace smki::simulation {

class Quotes {
 public:
  struct OfLedger {
    std::string where;
    std::optional<uint64_t> sequence;  // of the entry whose hash it is; unknown: any
    Digest head{};
  };
  struct OfJournal {
    std::string where;
    uint64_t records = 0;
    Digest head{};
  };
  struct OfBurn {
    uint64_t number = 0;
    JournalRecord record;
  };

  void Ledger(const std::string& where, std::optional<uint64_t> sequence, const Digest& head) {
    if (known_.insert({sequence.value_or(UINT64_MAX), head}).second) ledger_.push_back({where, sequence, head});
  }
  void Journal(const std::string& where, uint64_t records, const Digest& head) {
    if (records > 0 && known_of_journal_.insert({records, head}).second) journal_.push_back({where, records, head});
  }
  void Burn(uint64_t number, const JournalRecord& record) {
    burns_.push_back({number, record});
    Ledger(fmt::format("journal record {}", number), record.ledger_sequence, record.ledger_head);
  }

  // Said by an intruder: nobody promises that the ledger has it.
  void Stolen(uint64_t sequence, const Digest& head) { stolen_.insert({sequence, head}); }
  bool IsStolen(const OfLedger& quote) const {
    return stolen_.contains({quote.sequence.value_or(UINT64_MAX), quote.head});
  }

  const std::vector<OfLedger>& ledger() const { return ledger_; }
  const std::vector<OfJournal>& journal() const { return journal_; }
  const std::vector<OfBurn>& burns() const { return burns_; }

 private:
  std::vector<OfLedger> ledger_;
  std::vector<OfJournal> journal_;
  std::vector<OfBurn> burns_;
  std::set<std::pair<uint64_t, Digest>> stolen_;
  std::set<std::pair<uint64_t, Digest>> known_, known_of_journal_;  // who quoted it first is enough
};

}  // namespace smki::simulation
