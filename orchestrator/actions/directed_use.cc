#include "orchestrator/actions/directed_use.h"

#include <utility>

#include "pki/digest.h"

namespace smki::orchestrator {

procedures::Materials DirectedUse::Materials() const {
  procedures::Materials out;
  for (const auto& [group, file] : populations) out.populations[group] = file;
  out.certificates = certificates;
  return out;
}

procedures::SignedVotes DirectedUse::Votes() const {
  procedures::SignedVotes out;
  for (const Vote& vote : approvals) out.approvals.push_back(vote.cms);
  for (const Vote& vote : rejections) out.rejections.push_back({vote.text, vote.cms});
  if (cast) out.cast = procedures::SignedText{cast->text, cast->cms};
  return out;
}

namespace {

// Those after `draft` in the ledger: votes on an earlier one are before it.
Status LoadVotes(const IncidentBook& book, const Incident& incident, uint64_t draft, DirectedUse& use) {
  std::string written;  // a document lies before its signature
  for (const Artefact& artefact : incident.artefacts) {
    if (artefact.sequence < draft) continue;
    for (const std::string prefix : {kApprovalPrefix, kRejectionPrefix, kCastPrefix}) {
      if (!artefact.name.starts_with(prefix)) continue;
      SMKI_ASSIGN_OR_RETURN(Bytes octets, book.ReadArtefact(incident, artefact));
      if (artefact.file.ends_with(".txt")) {
        written = ToString(octets);
        continue;
      }
      Vote vote{artefact.name.substr(prefix.size()), std::exchange(written, ""), std::move(octets)};
      if (prefix == kCastPrefix) {
        use.cast = std::move(vote);
      } else {
        (prefix == kApprovalPrefix ? use.approvals : use.rejections).push_back(std::move(vote));
      }
    }
  }
  return OkStatus();
}

}  // namespace

Status SaveDraft(IncidentBook& book, Incident& incident, const DirectedUse& use, const std::string& person) {
  for (const auto& [group, file] : use.populations) {
    SMKI_RETURN_IF_ERROR(
        book.AddArtefact(incident, kPopulationPrefix + group, "direction/populations/" + group + ".pop", file, ""));
  }
  for (const auto& [digest, der] : use.certificates) {
    SMKI_RETURN_IF_ERROR(book.AddArtefact(incident, kCertificatePrefix + ToHex(digest),
                                          "direction/certificates/" + ToHex(digest) + ".der", der, ""));
  }
  return book.AddArtefact(incident, kDirectionArtefact, "direction/direction.yaml", AsBytes(use.text), person);
}

StatusOr<DirectedUse> LoadDirection(const IncidentBook& book, const Incident& incident) {
  const Artefact* direction = incident.Find(kDirectionArtefact);
  if (direction == nullptr) return NotFound("no Direction has been drafted in {} yet", incident.state.id);
  DirectedUse use;
  SMKI_ASSIGN_OR_RETURN(const Bytes text, book.ReadArtefact(incident, *direction));
  use.text = ToString(text);
  use.digest = direction->sha256;
  SMKI_ASSIGN_OR_RETURN(use.direction, procedures::ParseDirection(use.text));
  SMKI_RETURN_IF_ERROR(LoadVotes(book, incident, direction->sequence, use));
  return use;
}

StatusOr<DirectedUse> LoadDirectedUse(const IncidentBook& book, const Incident& incident) {
  SMKI_ASSIGN_OR_RETURN(DirectedUse use, LoadDirection(book, incident));
  const auto certificate = [&](const Digest& digest) -> Status {
    const Artefact* artefact = incident.Find(kCertificatePrefix + ToHex(digest));
    if (artefact == nullptr) return DataLoss("certificate {} of the Direction is not in the evidence", ToHex(digest));
    SMKI_ASSIGN_OR_RETURN(use.certificates[digest], book.ReadArtefact(incident, *artefact));
    return OkStatus();
  };
  SMKI_RETURN_IF_ERROR(certificate(use.direction.key_certificate));
  for (const procedures::DirectedGroup& group : use.direction.groups) {
    const Artefact* artefact = incident.Find(kPopulationPrefix + group.name);
    if (artefact == nullptr) return DataLoss("the population of group {} is not in the evidence", group.name);
    SMKI_ASSIGN_OR_RETURN(use.populations[group.name], book.ReadArtefact(incident, *artefact));
    for (const procedures::DirectedReplacement& replacement : group.replacements)
      SMKI_RETURN_IF_ERROR(certificate(replacement.certificate));
    for (const Digest& path : group.path_certificates) SMKI_RETURN_IF_ERROR(certificate(path));
  }
  return use;
}

}  // namespace smki::orchestrator
