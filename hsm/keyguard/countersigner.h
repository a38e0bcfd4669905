// The keyguard's memory of the ledger (I3): it signs a checkpoint only if none newer, and no other of the same length,
// was signed before.
#pragma once

#include <mutex>
#include <string>

#include "base/file.h"
#include "ledger/checkpoint.h"
#include "pki/certificate.h"
#include "pki/key.h"
#include "procedures/environment.h"

namespace smki::hsm {

// Any thread.
class Countersigner {
 public:
  struct Parts {
    FileSystem& files;
    std::string path;               // of the newest checkpoint signed
    pki::PrivateKey identity;       // the keyguard's
    std::string name;               // its Common Name
    pki::Certificate orchestrator;  // who must have signed first
    procedures::Environment environment;
  };
  static StatusOr<std::unique_ptr<Countersigner>> Make(Parts parts);

  // Returns the line to append. What it signs is durable before it returns. BAD_REQUEST if the note is malformed, not
  // signed by the orchestrator or of another environment; JOURNAL_ROLLED_BACK if the ledger is older than one seen, or
  // another.
  StatusOr<std::string> Countersign(std::string_view note);
  // The newest head signed.
  ledger::Head newest() const;
  // JOURNAL_ROLLED_BACK if a ledger with this head is older than the newest signed, or another.
  Status CheckNotBehind(const ledger::Head& head) const;

 private:
  explicit Countersigner(Parts parts) : parts_(std::move(parts)) {}
  Status Compare(const ledger::Head& head) const;  // holding mutex_

  mutable std::mutex mutex_;
  Parts parts_;
  ledger::Head newest_;
};

}  // namespace smki::hsm
