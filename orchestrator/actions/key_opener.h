// Gets the key opened: hands the keyguard everything the Direction needs, keeps its signed ceremony request as
// evidence, and waits until the custodians' quorum has presented. If the keyguard ends meanwhile, it prepares again:
// one more ceremony (I5).
//
// Core's thread only. Nothing runs after it is destroyed.
#pragma once

#include <functional>
#include <string>

#include "orchestrator/actions/directed_use.h"
#include "orchestrator/core.h"
#include "orchestrator/lifeline.h"
#include "smki/keyguard/v1/keyguard.pb.h"

namespace smki::orchestrator {

class KeyOpener {
 public:
  using Done = std::function<void(Status)>;

  KeyOpener(Core& core, Incident& incident) : core_(core), incident_(incident) {}

  // `done` runs once, with OK when the keyguard says that the key is open for this incident's Direction, or with the
  // keyguard's refusal. What the network does is waited out. If it runs already, only `done` is replaced.
  void Open(Done done);
  bool running() const { return static_cast<bool>(done_); }
  // The key is not needed any more: what is still under way asks for nothing, and `done` does not run (I5).
  void Stop();
  // "2 of 3 custodians (kira.custodian, liam.custodian) in ceremony CER-..."; empty if nothing is waited for.
  const std::string& waiting_for() const { return waiting_for_; }

 private:
  void Look();
  void OnStatus(const keyguard::v1::Status& status);
  // JOURNAL_ROLLED_BACK if the keyguard's journal does not go on from what our ledger knows of it, or our ledger not
  // from what the keyguard was shown of it.
  Status CheckWitnesses(const keyguard::v1::Status& status) const;
  void Prepare();
  Status OnCeremony(const keyguard::v1::Ceremony& ceremony);
  Status RecordOpened(const keyguard::v1::Status& status);
  void Finish(const Status& status);
  template <typename F>
  void After(Millis delay, F f) {
    core_.outside.executor.PostAfter(delay, lifeline_.Guard(std::move(f)));
  }

  Core& core_;
  Incident& incident_;
  Done done_;
  std::optional<DirectedUse> use_;
  std::string waiting_for_;
  Lifeline lifeline_;
};

// A ledger entry of kind "keyguard".
ledger::NewEntry KeyguardEntry(const Incident& incident, const std::string& what, const keyguard::v1::Status& status,
                               const std::string& detail);

}  // namespace smki::orchestrator
