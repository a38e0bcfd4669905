// A drafted Direction with everything it names by digest, as it lies in the evidence folder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "orchestrator/incident/book.h"
#include "procedures/direction.h"
#include "procedures/evidence/materials.h"

namespace smki::orchestrator {

struct Vote {
  std::string person;
  Bytes cms;
};
struct DirectedUse {
  std::string text;  // exact octets of the Direction
  Digest digest{};
  procedures::Direction direction;
  std::map<std::string, Bytes> populations;  // group -> file
  std::map<Digest, Bytes> certificates;      // SHA-256 -> DER
  std::vector<Vote> approvals;               // in the order they came

  procedures::Materials Materials() const;
};

// Names of artefacts.
inline constexpr char kDirectionArtefact[] = "direction";
inline constexpr char kPopulationPrefix[] = "population:";
inline constexpr char kCertificatePrefix[] = "certificate:";
inline constexpr char kApprovalPrefix[] = "approval:";

inline constexpr char kRejectionPrefix[] = "rejection:";

// Writes populations and certificates, then the Direction itself: once that is there, the draft is complete.
Status SaveDraft(IncidentBook& book, Incident& incident, const DirectedUse& use, const std::string& person);
// The newest draft and the approvals it has. kNotFound before there is one. Every file is checked against the ledger.
StatusOr<DirectedUse> LoadDirectedUse(const IncidentBook& book, const Incident& incident);

struct SignedRejection {
  std::string person;
  Bytes document, cms;
};
// The rejections of the newest draft, as the members signed them.
StatusOr<std::vector<SignedRejection>> LoadRejections(const IncidentBook& book, const Incident& incident);

}  // namespace smki::orchestrator
