// What a party does on its Devices with keys of its own, by way of the Access Control Broker: replacing its
// certificates (method-1), and the broker handing Devices over to a party again (method-2, SRV 6.21).
#pragma once

#include <string>

#include "base/status.h"
#include "base/time.h"

namespace smki::sim {

struct ReplaceOptions {
  Millis patience{1500};  // for the answers to one round of commands
  uint64_t rounds = 12;   // until the silent ones are given up
};

struct ReplaceResult {
  uint64_t devices = 0;   // that it set out to reach
  uint64_t answered = 0;  // reported that every cell was replaced; what it is worth is for others to prove
};

// Puts the new certificates of `party` (parties/PARTY/new-*) into its cells on every Device that the inventory lists as
// its own: mode 2 for a supplier, mode 3 for a network operator. Signed with the key of its current certificate; a
// Device that did not answer may have taken the new one already, so every second round is signed with the new key. An
// error if Devices stay silent.
StatusOr<ReplaceResult> ReplaceCertificates(const std::string& estate, const std::string& party,
                                            const ReplaceOptions& options = {});

// The same for a supplier whose cells hold the broker's certificates: the broker signs first, with its own key.
StatusOr<ReplaceResult> HandOver(const std::string& estate, const std::string& party,
                                 const ReplaceOptions& options = {});

}  // namespace smki::sim
