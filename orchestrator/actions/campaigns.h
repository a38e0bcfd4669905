// The campaigns of the incidents, each kept from its first wave on.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "orchestrator/actions/key_opener.h"
#include "orchestrator/campaign/campaign.h"
#include "orchestrator/core.h"

namespace smki::orchestrator {

// What contingency commands disclosed (docs/formats/evidence.md).
inline constexpr char kSymmetricKeyArtefact[] = "symmetric-key";
inline constexpr char kSymmetricKeyFile[] = "direction/symmetric-key.bin";

class Campaigns {
 public:
  struct Running {
    std::unique_ptr<KeyOpener> opener;  // the campaign's callbacks may use it
    std::unique_ptr<Campaign> campaign;
  };

  // Opens the incident's campaign from its log, or begins one.
  StatusOr<Running*> For(Core& core, Incident& incident);
  // Takes no more answers and says in the ledger what the log holds, if the newest summary does not: a wave that was
  // given up has none of its own. For incidents whose campaign is over; nothing to do if there was none.
  Status Conclude(Core& core, Incident& incident);
  // Null if it was not opened in this process.
  const Running* Find(const std::string& incident) const;
  void Forget(const std::string& incident) { running_.erase(incident); }

 private:
  std::map<std::string, Running> running_;
};

// Where the log of an incident's campaign lies: in the evidence folder from the beginning.
std::string CampaignLogOf(const Incident& incident);
inline constexpr char kCampaignLogFile[] = "campaign/campaign.log";

}  // namespace smki::orchestrator
