// At the end, over the ledger itself: its chain, every head that anybody quoted (I3), what people signed (I4), what it
// was begun with (I8, I9), and that no page a person was answered with told of something that is not in it (I2).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "smki/ledger/v1/ledger.pb.h"
#include "tests/simulation/check/facts.h"
#include "tests/simulation/check/journal_check.h"
#include "tests/simulation/check/ledger_reader.h"
#include "tests/simulation/check/orchestrator_check.h"
#include "tests/simulation/check/quotes.h"

namespace smki::simulation {

class LedgerCheck {
 public:
  LedgerCheck(Facts& facts, const JournalCheck& journal, const Quotes& quotes, const OrchestratorCheck& orchestrator)
      : facts_(facts), journal_(journal), quotes_(quotes), orchestrator_(orchestrator) {}

  void Run(const std::vector<LedgerEntry>& entries);

 private:
  // What happened in one incident so far.
  struct Incident {
    uint64_t events = 0;
    bool closed = false, paused = false;
    std::map<std::string, std::string> steps, starters;
    std::map<std::string, std::set<std::string>> voters;  // by step, since it was started
    std::set<std::string> directing;                      // steps that recorded a Direction's digest
    std::optional<Statement> statement;                   // signed, and not acted on yet
    struct Asked {
      std::string person, step;
      bool approved = false, done = false;
    };
    std::map<std::string, Asked> deviations;  // by digest
  };

  void Chain();
  void Genesis();
  void Heads();
  void Entry(const LedgerEntry& entry);
  void Statement_(const LedgerEntry& entry, Incident& incident);
  void Event(const LedgerEntry& entry, Incident& incident);
  void Act(const LedgerEntry& entry, Incident& incident, const std::string& step,
           const std::map<std::string, std::string>& fields);
  void Deviation(const LedgerEntry& entry, Incident& incident, const std::string& step,
                 const std::map<std::string, std::string>& fields);
  void Vote(const LedgerEntry& entry, Incident& incident, const std::string& step,
            const std::map<std::string, std::string>& fields);
  void Opened(const LedgerEntry& entry, const std::map<std::string, std::string>& fields);
  void Apply(Incident& incident, const LedgerEntry& entry, const std::string& step);
  void Checkpoint(const LedgerEntry& entry);
  void Keyguard(const LedgerEntry& entry);
  void Pages(uint64_t entries);
  void Page(const OrchestratorCheck::Page& page);
  template <typename... Args>
  void Say(const char* invariant, const LedgerEntry& entry, fmt::format_string<Args...> format, Args&&... args) {
    facts_.findings.Say(invariant, "ledger entry {} ({}): {}", entry.sequence, entry.kind,
                        fmt::format(format, std::forward<Args>(args)...));
  }

  Facts& facts_;
  const JournalCheck& journal_;
  const Quotes& quotes_;
  const OrchestratorCheck& orchestrator_;
  const std::vector<LedgerEntry>* entries_ = nullptr;
  std::map<std::string, Incident> incidents_;
  std::set<Digest> statements_;
};

}  // namespace smki::simulation
