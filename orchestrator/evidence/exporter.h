// Completes the evidence folder of a closed incident (docs/formats/evidence.md): what lies elsewhere is copied in and
// named in the ledger, the keyguard exports its journal, orchestrator and keyguard sign the head, the ledger itself
// comes last.
//
// Core's thread only. Does nothing after it is destroyed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ledger/checkpoint.h"
#include "orchestrator/core.h"
#include "orchestrator/lifeline.h"

namespace smki::orchestrator {

class Exporter {
 public:
  Exporter(Core& core, Incident& incident, std::function<void()> done)
      : core_(core), incident_(incident), done_(std::move(done)) {}

  // Runs until the folder is complete, then calls `done`. What fails, because the keyguard is away or the disk is full,
  // is tried again from the start.
  void Start();

  // Its two texts for people, as far as the incident has come.
  static Status WriteReport(Core& core, Incident& incident);
  // Trust policy and revocation list.
  static Status WritePolicy(Core& core, Incident& incident);
  // True if nothing is left to do for this closed incident.
  static bool IsComplete(Core& core, const Incident& incident);

 private:
  Status WriteFiles();
  Status RemoveStrays();
  Status CopyIn(const std::string& name, const std::string& from, const std::string& file);
  Status NameFile(const std::string& name, const std::string& file);
  void FetchJournal();
  Status KeepJournal();
  Status NameReport();
  void Sign();
  Status Seal(const std::string& note);
  void Again(const Status& why);
  template <typename F>
  auto Guard(F f) const {
    return lifeline_.Guard(std::move(f));
  }

  Core& core_;
  Incident& incident_;
  std::function<void()> done_;
  std::unique_ptr<Transport::Watch> stream_;
  std::unique_ptr<AppendFile> journal_;
  Status journal_status_;
  uint64_t reported_ = 0;  // entries of the ledger when the report was last named
  Millis delay_{1000};     // before the next try
  Lifeline lifeline_;
};

}  // namespace smki::orchestrator
