// A drafted Direction with everything it names by digest, as it lies in the evidence folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/incident/book.h"
#include "procedures/direction.h"
#include "procedures/evidence/materials.h"
#include "procedures/evidence/votes.h"

namespace smki::orchestrator {

// A person's approval, or their document with its signature.
struct Vote {
  std::string person;
  std::string text;  // empty: it is over the Direction itself
  Bytes cms;
};
struct DirectedUse {
  std::string text;  // exact octets of the Direction
  Digest digest{};
  procedures::Direction direction;
  std::map<std::string, Bytes> populations;  // group -> file
  std::map<Digest, Bytes> certificates;      // SHA-256 -> DER
  std::vector<Vote> approvals, rejections;   // in the order they came
  std::optional<Vote> cast;                  // of the Chair

  procedures::Materials Materials() const;
  procedures::SignedVotes Votes() const;
};

// Names of artefacts.
inline constexpr char kDirectionArtefact[] = "direction";
inline constexpr char kPopulationPrefix[] = "population:";
inline constexpr char kCertificatePrefix[] = "certificate:";
inline constexpr char kApprovalPrefix[] = "approval:";

inline constexpr char kRejectionPrefix[] = "rejection:";
inline constexpr char kCastPrefix[] = "casting-vote:";

// Writes populations and certificates, then the Direction itself: once that is there, the draft is complete.
Status SaveDraft(IncidentBook& book, Incident& incident, const DirectedUse& use, const std::string& person);
// The newest draft and the votes on it, nothing else. kNotFound before there is one. Every file is checked against the
// ledger.
StatusOr<DirectedUse> LoadDirection(const IncidentBook& book, const Incident& incident);
// With populations and certificates.
StatusOr<DirectedUse> LoadDirectedUse(const IncidentBook& book, const Incident& incident);

}  // namespace smki::orchestrator
