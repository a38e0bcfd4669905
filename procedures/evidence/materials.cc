#include "procedures/evidence/materials.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "pki/certificate.h"
#include "procedures/population.h"
#include "procedures/reason.h"

namespace smki::procedures {
namespace {

// GBCS.md 1.4: role in the OU of a certificate, and the words of a cell. GBCS.md 4.4: the ACB's certificates may stand
// in supplier and network operator cells (method 2), a supplier's in load controller cells.
struct CellRole {
  const char* word;
  const char* ou;
  const char* also;
};
constexpr CellRole kCellRoles[] = {
    {"recovery", "01", ""},          {"supplier", "02", "04"},
    {"networkOperator", "03", "04"}, {"accessControlBroker", "04", ""},
    {"transitionalCoS", "05", ""},   {"wanProvider", "06", ""},
    {"loadController", "08", "02"},
};

bool RoleFits(const std::string& role, const std::string& ou) {
  for (const CellRole& r : kCellRoles) {
    if (role == r.word) return ou == r.ou || (*r.also != '\0' && ou == r.also);
  }
  return false;
}

// "supplier/keyAgreement/prePaymentTopUp" -> {"supplier", "keyAgreement"}
std::pair<std::string, std::string> RoleAndUsage(const std::string& cell) {
  const size_t slash = cell.find('/');
  const std::string rest = cell.substr(slash + 1);
  return {cell.substr(0, slash), rest.substr(0, rest.find('/'))};
}

class MaterialCheck {
 public:
  MaterialCheck(const TrustPolicy& policy, const Direction& direction, const Materials& materials, UtcTime now)
      : policy_(policy), direction_(direction), materials_(materials), now_(now) {}

  Status Run() {
    SMKI_RETURN_IF_ERROR(CheckPopulations());
    auto root = pki::Certificate::Parse(policy_.organisation_root.bytes);
    if (!root.ok()) return Refuse(Reason::kPOLICY_INCOMPLETE, "organisation root: " + Message(root.status()));
    SMKI_ASSIGN_OR_RETURN(const pki::Certificate key, CheckKeyCertificate());
    for (const DirectedGroup& group : direction_.groups) SMKI_RETURN_IF_ERROR(CheckCertificates(group, *root));
    return CheckKeyPath(key, *root);
  }

 private:
  Status CheckPopulations() {
    std::vector<Population> populations;
    for (const DirectedGroup& group : direction_.groups) {
      const auto file = materials_.populations.find(group.name);
      if (file == materials_.populations.end()) {
        return Refuse(Reason::kPOPULATION_DIGEST_MISMATCH,
                      fmt::format("the population file of group {} is missing", group.name));
      }
      SMKI_ASSIGN_OR_RETURN(Population population, ParsePopulation(file->second));
      if (population.environment != direction_.environment) {  // I8
        return Refuse(Reason::kENVIRONMENT_MISMATCH,
                      fmt::format("the population of group {} is for {}, the Direction for {}", group.name,
                                  population.environment.ToString(), direction_.environment.ToString()));
      }
      const Digest digest = PopulationDigest(file->second);
      if (digest != group.population_digest || population.group != group.name ||
          population.devices.size() != group.population_count) {
        return Refuse(Reason::kPOPULATION_DIGEST_MISMATCH,
                      fmt::format("group {}: directed are {} Devices with digest {}; the file is for group {} and "
                                  "holds {} with digest {}",
                                  group.name, group.population_count, ToHex(group.population_digest), population.group,
                                  population.devices.size(), ToHex(digest)));
      }
      populations.push_back(std::move(population));
    }
    std::vector<const Population*> all;
    all.reserve(populations.size());
    for (const Population& population : populations) all.push_back(&population);
    return CheckDisjoint(all);
  }

  StatusOr<pki::Certificate> Find(const Digest& digest, const std::string& where) const {
    const auto it = materials_.certificates.find(digest);
    if (it == materials_.certificates.end()) {
      return Refuse(Reason::kCERTIFICATE_DIGEST_MISMATCH,
                    fmt::format("{}: no certificate with SHA-256 {}", where, ToHex(digest)));
    }
    auto certificate = pki::Certificate::Parse(it->second);
    if (!certificate.ok())
      return Refuse(Reason::kCERTIFICATE_NOT_FOR_CELL, where + ": " + Message(certificate.status()));
    if (certificate->sha256() != digest) {
      return Refuse(Reason::kCERTIFICATE_DIGEST_MISMATCH,
                    fmt::format("{}: directed is {}, found {}", where, ToHex(digest), ToHex(certificate->sha256())));
    }
    const std::string key = ToHex(certificate->public_key->identifier());
    if (std::find(policy_.retired.begin(), policy_.retired.end(), key) != policy_.retired.end())
      return Refuse(Reason::kKEY_RETIRED, fmt::format("{}: {} has key {}", where, certificate->Describe(), key));
    return certificate;
  }

  // A recovery command is verified with the recovery cell (GBCS.md 4.2): role 01, digitalSignature, and an EUI-64 to
  // be the Business Originator ID. No cell holds the contingency key: the root that Devices hold carries it (4.6).
  StatusOr<pki::Certificate> CheckKeyCertificate() const {
    const std::string where = fmt::format("certificate of the {} key", direction_.key);
    SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, Find(direction_.key_certificate, where));
    const bool authorises =
        direction_.key == "contingency"
            ? certificate.der() == policy_.organisation_root.bytes && certificate.apex_key.has_value()
            : certificate.subject_ou == "01" && certificate.key_usage == pki::kDigitalSignature &&
                  certificate.subject_eui.has_value();
    if (authorises) return certificate;
    return Refuse(Reason::kCERTIFICATE_NOT_FOR_CELL,
                  fmt::format("{}: {} cannot authorise commands", where, certificate.Describe()));
  }

  // The key's issuers are not directed, only handed over with the rest: what counts is that they end at the root.
  Status CheckKeyPath(const pki::Certificate& certificate, const pki::Certificate& root) const {
    if (direction_.key != "recovery") return OkStatus();
    const bool timed = std::any_of(direction_.groups.begin(), direction_.groups.end(),
                                   [](const DirectedGroup& group) { return group.time_checks; });
    const pki::PathResult result = pki::ValidatePath(certificate, IssuersOf(certificate), pki::AnchorOf(root),
                                                     timed ? std::optional<UtcTime>(now_) : std::nullopt);
    if (!result.ok())
      return Refuse(Reason::kCERTIFICATE_PATH_INVALID, fmt::format("certificate of the {} key: {}: {}", direction_.key,
                                                                   certificate.Describe(), result.detail));
    return OkStatus();
  }

  // Candidates for its path, by name and key identifier, at most as many as a path may have.
  std::vector<pki::Certificate> IssuersOf(const pki::Certificate& certificate) const {
    std::vector<pki::Certificate> out;
    Bytes issuer = certificate.issuer, key = certificate.authority_key_identifier;
    for (bool found = true; found && out.size() < pki::kMaxIntermediates;) {
      found = false;
      for (const auto& [digest, der] : materials_.certificates) {
        auto candidate = pki::Certificate::Parse(der);
        if (!candidate.ok() || candidate->subject != issuer || candidate->issuer == issuer) continue;
        if (candidate->subject_key_identifier != key) continue;
        issuer = candidate->issuer;
        key = candidate->authority_key_identifier;
        out.push_back(std::move(*candidate));
        found = true;
        break;
      }
    }
    return out;
  }

  Status CheckCertificates(const DirectedGroup& group, const pki::Certificate& policy_root) const {
    std::vector<pki::Certificate> path;
    for (const Digest& digest : group.path_certificates) {
      SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, Find(digest, fmt::format("group {}, path", group.name)));
      path.push_back(std::move(certificate));
    }
    pki::TrustAnchor anchor = pki::AnchorOf(policy_root);
    std::vector<std::pair<const DirectedReplacement*, pki::Certificate>> replacements;
    for (const DirectedReplacement& r : group.replacements) {
      const std::string where = fmt::format("group {}, {}", group.name, r.cell);
      SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, Find(r.certificate, where));
      if (RoleAndUsage(r.cell).first == "root") {
        SMKI_RETURN_IF_ERROR(CheckRoot(where, certificate));
        // GBCS.md 3.3 (d): what is replaced beside the root chains to the new root.
        anchor = pki::AnchorOf(certificate);
        continue;
      }
      replacements.emplace_back(&r, std::move(certificate));
    }
    SMKI_RETURN_IF_ERROR(CheckPath(group, path, policy_root, anchor));
    std::map<std::string, Eui64> organisation_of_role;
    for (const auto& [replacement, certificate] : replacements) {
      const std::string where = fmt::format("group {}, {}", group.name, replacement->cell);
      SMKI_RETURN_IF_ERROR(CheckFits(where, replacement->cell, certificate, organisation_of_role));
      const pki::PathResult result =
          pki::ValidatePath(certificate, path, anchor, group.time_checks ? std::optional<UtcTime>(now_) : std::nullopt);
      if (!result.ok())
        return Refuse(Reason::kCERTIFICATE_PATH_INVALID,
                      fmt::format("{}: {}: {}", where, certificate.Describe(), result.detail));
    }
    return OkStatus();
  }

  // Under contingency the new root answers to nobody but itself, and carries the next contingency key: without one its
  // Devices could never be helped again.
  Status CheckRoot(const std::string& where, const pki::Certificate& certificate) const {
    const auto unfit = [&](const char* why) {
      return Refuse(Reason::kCERTIFICATE_NOT_FOR_CELL, fmt::format("{}: {}: {}", where, certificate.Describe(), why));
    };
    if (!certificate.is_ca || (certificate.key_usage & pki::kKeyCertSign) == 0) return unfit("not a CA certificate");
    if (direction_.key != "contingency") return OkStatus();
    if (certificate.issuer != certificate.subject || !certificate.IsSignedBy(*certificate.public_key))
      return unfit("not signed by itself");
    if (!certificate.apex_key) return unfit("it carries no contingency key");
    if (certificate.der() == policy_.organisation_root.bytes) return unfit("Devices hold it already");
    return OkStatus();
  }

  // Every path certificate goes into the command: none that leads nowhere, or is no authority, goes along.
  Status CheckPath(const DirectedGroup& group, const std::vector<pki::Certificate>& path,
                   const pki::Certificate& policy_root, const pki::TrustAnchor& anchor) const {
    const std::optional<UtcTime> time = group.time_checks ? std::optional<UtcTime>(now_) : std::nullopt;
    for (const pki::Certificate& certificate : path) {
      std::string why;
      if (!certificate.is_ca || (certificate.key_usage & pki::kKeyCertSign) == 0) {
        why = "it is no certification authority";
      } else if (certificate.issuer == certificate.subject) {
        why = "it is its own issuer";
      } else if (const pki::PathResult to_anchor = pki::ValidatePath(certificate, path, anchor, time);
                 !to_anchor.ok() && !pki::ValidatePath(certificate, path, pki::AnchorOf(policy_root), time).ok()) {
        why = to_anchor.detail;
      }
      if (!why.empty()) {
        return Refuse(Reason::kCERTIFICATE_PATH_INVALID,
                      fmt::format("group {}, path: {}: {}", group.name, certificate.Describe(), why));
      }
    }
    return OkStatus();
  }

  static Status CheckFits(const std::string& where, const std::string& cell, const pki::Certificate& certificate,
                          std::map<std::string, Eui64>& organisation_of_role) {
    const auto not_for = [&](const std::string& why) {
      return Refuse(Reason::kCERTIFICATE_NOT_FOR_CELL, fmt::format("{}: {}: {}", where, certificate.Describe(), why));
    };
    const auto [role, usage] = RoleAndUsage(cell);
    // A CA's key usage is refused below: exactly one usage, and not keyCertSign.
    if (!certificate.subject_eui) return not_for("not an Organisation Certificate");
    if (!RoleFits(role, certificate.subject_ou)) return not_for(fmt::format("its role is {}", certificate.subject_ou));
    if (certificate.key_usage != (usage == "keyAgreement" ? pki::kKeyAgreement : pki::kDigitalSignature)) {
      return not_for(fmt::format("its key usage is not {}", usage));
    }
    // One party holds a role on a Device: never one supplier's signature key beside another's agreement key.
    const auto [known, added] = organisation_of_role.emplace(role, *certificate.subject_eui);
    if (!added && known->second != *certificate.subject_eui) {
      return not_for(fmt::format("other {} cells get certificates of {}", role, known->second.ToString()));
    }
    return OkStatus();
  }

  const TrustPolicy& policy_;
  const Direction& direction_;
  const Materials& materials_;
  UtcTime now_;
};

}  // namespace

Status CheckMaterials(const TrustPolicy& policy, const Direction& direction, const Materials& materials, UtcTime now) {
  return MaterialCheck(policy, direction, materials, now).Run();
}

}  // namespace smki::procedures
