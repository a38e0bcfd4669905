#include "cli/brief.h"

#include <set>

#include "gbcs/credentials.h"
#include "pki/digest.h"
#include "procedures/documents.h"
#include "procedures/evidence/materials.h"
#include "procedures/population.h"

namespace smki::cli {
namespace {

using procedures::DirectedGroup;
using repository::CertificateRecord;
using repository::CertificateStatus;

class Computation {
 public:
  explicit Computation(const BriefInputs& inputs) : inputs_(inputs), brief_(std::make_unique<Brief>()) {}

  StatusOr<std::unique_ptr<Brief>> Run() {
    SMKI_ASSIGN_OR_RETURN(brief_->direction, procedures::ParseDirection(AsText(inputs_.direction)));
    brief_->digest = pki::Sha256(inputs_.direction);
    brief_->approvals_needed = inputs_.policy->approvals_needed;
    if (inputs_.store != nullptr) {
      brief_->repository_given = true;
      brief_->repository = inputs_.store->summary();
    }
    for (const Bytes& der : inputs_.certificates) given_[pki::Sha256(der)] = der;
    SMKI_ASSIGN_OR_RETURN(const BriefCell key, Look(brief_->direction.key_certificate, ""));
    brief_->key_certificate = key.certificate;
    for (const DirectedGroup& group : brief_->direction.groups) SMKI_RETURN_IF_ERROR(Add(group));
    Judge();
    SMKI_RETURN_IF_ERROR(DrawSample());
    AddKindsAndOwners(*brief_);
    brief_->cannot = CannotDo(*brief_);
    AddFactors(inputs_, *brief_);
    AddEarlier(inputs_, *brief_);
    AddWarnings(inputs_, *brief_);
    return std::move(brief_);
  }

 private:
  Status Add(const DirectedGroup& directed) {
    BriefGroup group;
    group.directed = &directed;
    SMKI_RETURN_IF_ERROR(AddPopulation(directed, group));
    for (const procedures::DirectedReplacement& replacement : directed.replacements) {
      SMKI_ASSIGN_OR_RETURN(BriefCell cell, Look(replacement.certificate, replacement.cell));
      SMKI_RETURN_IF_ERROR(AddOld(cell));
      group.cells.push_back(std::move(cell));
    }
    for (const Digest& digest : directed.path_certificates) {
      SMKI_ASSIGN_OR_RETURN(BriefCell cell, Look(digest, ""));
      group.path.push_back(std::move(cell));
    }
    brief_->devices += directed.population_count;
    brief_->groups.push_back(std::move(group));
    return OkStatus();
  }

  Status AddPopulation(const DirectedGroup& directed, BriefGroup& group) {
    const auto file = inputs_.populations.find(directed.name);
    if (file == inputs_.populations.end()) return OkStatus();
    group.population_given = true;
    auto population = procedures::ParsePopulation(file->second);
    if (!population.ok()) return OkStatus();
    group.population_equal = procedures::PopulationDigest(file->second) == directed.population_digest &&
                             population->devices.size() == directed.population_count &&
                             population->group == directed.name &&
                             population->environment == brief_->direction.environment;
    if (population->devices.empty()) return OkStatus();
    group.first = population->devices.front();
    group.last = population->devices.back();
    for (const Eui64 device : population->devices) {
      SMKI_ASSIGN_OR_RETURN(const std::string serial, CertificateOf(device));
      if (!serial.empty()) ++group.with_certificate;
    }
    if (group.population_equal) devices_.emplace_back(directed.name, std::move(population->devices));
    return OkStatus();
  }

  // The serial of the Device's In-Use digitalSignature certificate; empty if the Repository shows none.
  StatusOr<std::string> CertificateOf(Eui64 device) const {
    if (inputs_.store == nullptr) return std::string();
    SMKI_ASSIGN_OR_RETURN(const std::vector<CertificateRecord> records, inputs_.store->ByEui(device));
    for (const CertificateRecord& record : records) {
      if (record.kind == repository::CertificateKind::kDevice && record.status == CertificateStatus::kInUse &&
          record.usage == "DS")
        return ToHex(record.serial);
    }
    return std::string();
  }

  // Every Device is as likely as any other.
  Status DrawSample() {
    uint64_t all = 0;
    for (const auto& [group, devices] : devices_) all += devices.size();
    std::set<uint64_t> drawn;
    while (drawn.size() < std::min<uint64_t>(kSampled, all)) drawn.insert(inputs_.random->Below(all));
    for (uint64_t at : drawn) {
      auto group = devices_.begin();
      for (; at >= group->second.size(); ++group) at -= group->second.size();
      const Eui64 device = group->second[at];
      SMKI_ASSIGN_OR_RETURN(std::string serial, CertificateOf(device));
      brief_->sample.push_back({device, group->first, std::move(serial)});
    }
    return OkStatus();
  }

  // The Repository's certificate of this digest, else the one handed over.
  StatusOr<BriefCell> Look(const Digest& digest, const std::string& cell) {
    BriefCell out;
    out.cell = cell;
    out.digest = digest;
    Bytes der;
    if (inputs_.store != nullptr) {
      SMKI_ASSIGN_OR_RETURN(const std::optional<CertificateRecord> record, inputs_.store->ByDigest(digest));
      if (record) {
        out.repository = {true, record->status == CertificateStatus::kInUse, record->lodged};
        der = record->der;
      }
    }
    if (const auto given = given_.find(digest); der.empty() && given != given_.end()) der = given->second;
    if (auto certificate = pki::Certificate::Parse(der); certificate.ok() && certificate->sha256() == digest) {
      known_[digest] = certificate->der();
      out.certificate = std::move(certificate).value();
    }
    return out;
  }

  Status AddOld(BriefCell& cell) {
    const auto place = gbcs::TrustAnchorCell::Parse(cell.cell);
    if (inputs_.store == nullptr || !cell.certificate || !cell.certificate->subject_eui || !place) return OkStatus();
    SMKI_ASSIGN_OR_RETURN(const std::vector<CertificateRecord> records,
                          inputs_.store->ByEui(*cell.certificate->subject_eui));
    std::set<Digest> directed;
    for (const DirectedGroup& group : brief_->direction.groups) {
      for (const auto& replacement : group.replacements) directed.insert(replacement.certificate);
    }
    for (const CertificateRecord& record : records) {
      if (record.kind != repository::CertificateKind::kOrganisation || record.status != CertificateStatus::kInUse)
        continue;
      auto old = pki::Certificate::Parse(record.der);
      if (!old.ok() || directed.count(old->sha256()) != 0) continue;
      if (old->key_usage != cell.certificate->key_usage || old->subject_ou != cell.certificate->subject_ou) continue;
      cell.old.push_back(std::move(old).value());
    }
    return OkStatus();
  }

  void Judge() {
    const procedures::Direction& direction = brief_->direction;
    const std::string incident = inputs_.incident.empty() ? direction.incident : inputs_.incident;
    brief_->allowed = procedures::JudgeDirection(*inputs_.policy, direction, incident, inputs_.now);
    procedures::Materials materials;
    for (const auto& [group, file] : inputs_.populations) {
      if (direction.FindGroup(group) != nullptr) materials.populations[group] = file;
    }
    materials.certificates = known_;
    materials.certificates.insert(given_.begin(), given_.end());  // the key's issuers are not directed
    brief_->materials = procedures::CheckMaterials(*inputs_.policy, direction, materials, inputs_.now);
    for (const auto& [document, cms] : inputs_.rejections) Reject(document, cms);
    if (inputs_.verifier == nullptr) return;
    for (const Bytes& cms : inputs_.approvals) {
      const procedures::SignatureFinding finding =
          inputs_.verifier->VerifyApproval(direction, inputs_.direction, cms, inputs_.now);
      brief_->approvals.push_back({finding.person, finding.signing_time,
                                   finding.fault ? std::string(procedures::TextOf(*finding.fault).code) : "",
                                   finding.detail});
    }
  }

  // A member's no, as they signed it.
  void Reject(const Bytes& document, const Bytes& cms) {
    const auto rejection = procedures::ParseRejection(AsText(document));
    if (!rejection.ok() || rejection->direction != brief_->digest) return;  // says nothing about this Direction
    BriefRejection out{rejection->person, rejection->reason.text, ""};
    if (inputs_.verifier == nullptr) {
      out.fault = "its signature could not be judged";
    } else {
      const procedures::SignatureFinding finding =
          inputs_.verifier->Verify(document, cms, inputs_.now, procedures::kRejectionHint);
      if (finding.fault) out.fault = finding.detail;
      if (!finding.fault && finding.person != rejection->person) out.fault = "it was signed by " + finding.person;
    }
    brief_->rejections.push_back(std::move(out));
  }

  const BriefInputs& inputs_;
  std::unique_ptr<Brief> brief_;
  std::map<Digest, Bytes> given_;                                    // by true digest
  std::vector<std::pair<std::string, std::vector<Eui64>>> devices_;  // of groups with the directed population
  std::map<Digest, Bytes> known_;  // shown by the Repository or handed over, digest checked
};

}  // namespace

bool Brief::grave() const {
  for (const Warning& warning : warnings) {
    if (warning.grave) return true;
  }
  return false;
}

StatusOr<std::unique_ptr<Brief>> ComputeBrief(const BriefInputs& inputs) {
  return Computation(inputs).Run();
}

}  // namespace smki::cli
