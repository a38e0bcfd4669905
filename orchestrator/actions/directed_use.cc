#include "orchestrator/actions/directed_use.h"

#include "pki/digest.h"

namespace smki::orchestrator {

procedures::Materials DirectedUse::Materials() const {
  procedures::Materials out;
  for (const auto& [group, file] : populations) out.populations[group] = file;
  out.certificates = certificates;
  return out;
}

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

StatusOr<DirectedUse> LoadDirectedUse(const IncidentBook& book, const Incident& incident) {
  const Artefact* direction = incident.Find(kDirectionArtefact);
  if (direction == nullptr) return NotFound("no Direction has been drafted in {} yet", incident.state.id);
  DirectedUse use;
  SMKI_ASSIGN_OR_RETURN(const Bytes text, book.ReadArtefact(incident, *direction));
  use.text = ToString(text);
  use.digest = direction->sha256;
  SMKI_ASSIGN_OR_RETURN(use.direction, procedures::ParseDirection(use.text));
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
  const std::string prefix = kApprovalPrefix;
  for (const Artefact& vote : incident.artefacts) {
    // Votes on an earlier draft are before this one in the ledger.
    if (vote.sequence < direction->sequence || vote.name.compare(0, prefix.size(), prefix) != 0) continue;
    SMKI_ASSIGN_OR_RETURN(Bytes cms, book.ReadArtefact(incident, vote));
    use.approvals.push_back({vote.name.substr(prefix.size()), std::move(cms)});
  }
  return use;
}

StatusOr<std::vector<SignedRejection>> LoadRejections(const IncidentBook& book, const Incident& incident) {
  std::vector<SignedRejection> out;
  const Artefact* direction = incident.Find(kDirectionArtefact);
  const std::string prefix = kRejectionPrefix;
  for (const Artefact& artefact : incident.artefacts) {
    if (direction == nullptr || artefact.sequence < direction->sequence || artefact.name.rfind(prefix, 0) != 0)
      continue;
    SMKI_ASSIGN_OR_RETURN(Bytes octets, book.ReadArtefact(incident, artefact));
    // The document lies before its signature.
    if (artefact.file.ends_with(".txt")) {
      out.push_back({artefact.name.substr(prefix.size()), std::move(octets), {}});
    } else if (!out.empty()) {
      out.back().cms = std::move(octets);
    }
  }
  return out;
}

}  // namespace smki::orchestrator
