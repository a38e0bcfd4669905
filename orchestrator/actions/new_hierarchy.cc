#include "orchestrator/actions/new_hierarchy.h"

#include <algorithm>

#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

constexpr size_t kMaxGroups = 64;  // of a Direction

Status NotThere(const std::string& what) {
  return procedures::Refuse(procedures::Reason::kCERTIFICATES_NOT_IN_REPOSITORY, what);
}

bool IsOf(const pki::Certificate& certificate, const gbcs::TrustAnchorCell& cell) {
  const auto usage = static_cast<pki::KeyUsageBits>(1u << static_cast<unsigned>(cell.key_usage));
  return certificate.key_usage == usage && certificate.subject_ou == fmt::format("{:02X}", static_cast<int>(cell.role));
}

}  // namespace

StatusOr<NewHierarchy> NewHierarchy::Find(const repository::Store& store, pki::Certificate root,
                                          const DirectionSettings& settings) {
  NewHierarchy out(store, std::move(root), settings);
  SMKI_ASSIGN_OR_RETURN(const auto authorities, store.Authorities());
  for (const repository::CertificateRecord& record : authorities) {
    if (record.kind != repository::CertificateKind::kOrganisationAuthority ||
        record.status != repository::CertificateStatus::kInUse)
      continue;
    SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::Parse(record.der));
    if (certificate.issuer == out.root_.subject && certificate.subject != certificate.issuer &&
        certificate.IsSignedBy(*out.root_.public_key))
      out.issuers_.push_back(std::move(certificate));
  }
  if (out.issuers_.empty())
    return NotThere(fmt::format("the Repository has no Issuing OCA under {}", out.root_.Describe()));
  return out;
}

bool NewHierarchy::Issued(const pki::Certificate& certificate) const {
  return std::any_of(issuers_.begin(), issuers_.end(), [&](const pki::Certificate& issuer) {
    return certificate.issuer == issuer.subject &&
           certificate.authority_key_identifier == issuer.subject_key_identifier;
  });
}

StatusOr<const std::vector<pki::Certificate>*> NewHierarchy::CertificatesOf(Eui64 organisation) {
  const auto known = known_.find(organisation);
  if (known != known_.end()) return &known->second;
  std::vector<pki::Certificate> out;
  SMKI_ASSIGN_OR_RETURN(const auto records, store_->ByEui(organisation));
  for (const repository::CertificateRecord& record : records) {
    if (record.kind != repository::CertificateKind::kOrganisation ||
        record.status != repository::CertificateStatus::kInUse)
      continue;
    SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::Parse(record.der));
    if (Issued(certificate)) out.push_back(std::move(certificate));
  }
  std::sort(out.begin(), out.end(), [](const pki::Certificate& a, const pki::Certificate& b) {
    return a.not_before != b.not_before ? a.not_before < b.not_before : a.serial < b.serial;
  });
  return &known_.emplace(organisation, std::move(out)).first->second;
}

StatusOr<pki::Certificate> NewHierarchy::CertificateFor(const gbcs::TrustAnchorCell& cell, Eui64 organisation) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<pki::Certificate>* all, CertificatesOf(organisation));
  std::vector<const pki::Certificate*> fitting;
  for (const pki::Certificate& certificate : *all) {
    if (IsOf(certificate, cell)) fitting.push_back(&certificate);
  }
  if (fitting.empty()) {
    return NotThere(fmt::format("{} has no certificate for {} under {}", organisation.ToString(), cell.ToString(),
                                root_.Describe()));
  }
  const bool elder = cell.role == gbcs::Role::kSupplier && cell.key_usage == gbcs::KeyUsage::kKeyAgreement &&
                     cell.cell_usage == gbcs::CellUsage::kManagement && fitting.size() >= 2;
  return *fitting[fitting.size() - (elder ? 2 : 1)];
}

// Whose certificate belongs into the cell: its supplier's, its network operator's, or the DCC's own.
StatusOr<Eui64> NewHierarchy::HolderOf(const gbcs::TrustAnchorCell& cell, const estate::v1::Device& device) const {
  if (cell.role == gbcs::Role::kSupplier) return Eui64(device.supplier());
  if (cell.role == gbcs::Role::kNetworkOperator) return Eui64(device.network_operator());
  const auto own = settings_->dcc_organisations.find(gbcs::Name(cell.role));
  if (own != settings_->dcc_organisations.end()) return own->second;
  return FailedPrecondition("the site file names no organisation for {} cells (direction.organisations)",
                            gbcs::Name(cell.role));
}

StatusOr<std::vector<HierarchyGroup>> NewHierarchy::GroupsOf(const std::vector<estate::v1::Device>& devices) {
  std::map<std::pair<std::string, std::vector<std::string>>, HierarchyGroup> groups;
  for (const estate::v1::Device& device : devices) {
    std::vector<std::string> what(device.cells().begin(), device.cells().end());
    if (what.empty()) continue;  // a Device without Trust Anchor Cells, as an in-home display
    std::sort(what.begin(), what.end());
    what.erase(std::unique(what.begin(), what.end()), what.end());
    // Its cells and whose they are: Devices alike in both get the same commands.
    std::vector<std::string> key = what;
    const auto has = [&](const char* role) {
      return std::any_of(what.begin(), what.end(), [&](const std::string& cell) { return cell.starts_with(role); });
    };
    if (has("supplier/")) key.push_back(Eui64(device.supplier()).ToString());
    if (has("networkOperator/")) key.push_back(Eui64(device.network_operator()).ToString());
    HierarchyGroup& group = groups[{device.device_type(), std::move(key)}];
    group.devices.push_back(Eui64(device.eui()));
    if (group.devices.size() > 1) continue;
    if (groups.size() > kMaxGroups)
      return FailedPrecondition(
          "the Devices need more than {} groups: one for each type, supplier and network operator", kMaxGroups);
    group.device_type = device.device_type();
    group.supplier = Eui64(device.supplier());
    group.network_operator = Eui64(device.network_operator());
    for (const std::string& text : what) {
      const auto cell = gbcs::TrustAnchorCell::Parse(text);
      if (!cell) return FailedPrecondition("the Inventory names the cell '{}', which is none", text);
      if (cell->role == gbcs::Role::kRoot) {
        group.replacements.emplace(text, root_);
        continue;
      }
      SMKI_ASSIGN_OR_RETURN(const Eui64 holder, HolderOf(*cell, device));
      SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, CertificateFor(*cell, holder));
      group.replacements.emplace(text, std::move(certificate));
    }
  }
  std::vector<HierarchyGroup> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  if (out.empty()) return FailedPrecondition("the Inventory lists no Device with Trust Anchor Cells");
  return out;
}

}  // namespace smki::orchestrator
