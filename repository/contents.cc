#include "repository/contents.h"

#include <algorithm>
#include <numeric>

#include "pki/digest.h"
#include "repository/parallel.h"

namespace smki::repository {
namespace {

bool IsDeviceKind(CertificateKind kind) {
  return kind == CertificateKind::kDevice || kind == CertificateKind::kDeviceAuthority;
}

bool Same(ByteSpan a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool IsRoot(const pki::Certificate& certificate, const pki::TrustAnchor& root) {
  return *certificate.public_key == root.key && Same(certificate.subject, certificate.issuer) &&
         certificate.IsSignedBy(root.key);
}

}  // namespace

size_t Contents::Intern(Issuer issuer) {
  const auto [at, added] = issuer_index_.emplace(issuer, issuers_.size());
  if (added) issuers_.push_back(std::move(issuer));
  return at->second;
}

std::string Contents::Where(const Held& held) const {
  const std::string& file = sources_[held.first_source].name;
  const std::string serial = ToHex(held.stored.record.serial);
  if (held.line == 0) return fmt::format("{}: certificate {}", file, serial);
  return fmt::format("{}:line {}: record {}: certificate {}", file, held.line, held.number, serial);
}

Status Contents::Apply(CheckedRecord checked, FileAccount& account) {
  SMKI_CHECK(!sources_.empty());
  const size_t source = sources_.size() - 1;
  const bool before_full = sources_[source].before_full;
  CertificateRecord& record = checked.record;
  ++account.records;
  const auto [known, fresh] = by_serial_.emplace(ToString(record.serial), held_.size());
  // Until the deltas after the FULL come, what is not from a delta before it is from the FULL itself.
  const bool full_has_it = !fresh && !sources_[held_[known->second].first_source].before_full;
  if (before_full && !full_has_it && record.status == CertificateStatus::kInUse)
    record.status = CertificateStatus::kNotInUse;
  if (fresh) {
    const pki::Certificate& certificate = checked.certificate;
    Held held;
    held.sha256 = certificate.sha256();
    held.issuer = Intern({IsDeviceKind(record.kind), certificate.issuer, certificate.authority_key_identifier});
    held.tbs = pki::Sha256(certificate.tbs());
    held.signature = certificate.signature;
    held.first_source = held.last_source = source;
    held.number = checked.number;
    held.line = checked.line;
    held.stored = {std::move(record), certificate.not_before};
    if (certificate.is_ca) authorities_.push_back({held_.size(), std::move(checked.certificate)});
    held_.push_back(std::move(held));
    ++account.added;
    return OkStatus();
  }

  Held& held = held_[known->second];
  CertificateRecord& current = held.stored.record;
  const auto fault = [&](const std::string& what) {
    return DataLoss("{}:line {}: record {}: serial {} {}", sources_[source].name, checked.line, checked.number,
                    ToHex(current.serial), what);
  };
  if (current.der != record.der) {
    return fault(fmt::format("is another certificate in {}: one of the two files is wrong; fetch both again",
                             sources_[held.first_source].name));
  }
  const bool again = held.last_source == source;
  held.last_source = source;
  const bool same = current.status == record.status && current.manufacturing == record.manufacturing;
  if (same || (before_full && full_has_it)) {
    ++account.unchanged;
    return OkStatus();
  }
  if (again) return fault("stands in this file twice with different states; fetch it again");
  current.status = record.status;
  current.manufacturing = record.manufacturing;
  ++account.updated;
  return OkStatus();
}

Status Contents::VerifyAuthorities(const pki::TrustAnchor& organisation_root,
                                   const pki::TrustAnchor& device_root) const {
  for (const AuthorityCertificate& authority : authorities_) {
    const Held& held = held_[authority.held];
    const bool device = IsDeviceKind(held.stored.record.kind);
    const pki::TrustAnchor& root = device ? device_root : organisation_root;
    if (IsRoot(authority.certificate, root)) continue;
    // Its issuer may be an authority too, but no deeper: SMKI has a root and issuing authorities, and path validation
    // takes three.
    std::vector<pki::Certificate> issuers;
    for (const AuthorityCertificate& other : authorities_) {
      const pki::Certificate& certificate = other.certificate;
      if (&other != &authority && Same(certificate.subject, authority.certificate.issuer) && issuers.size() < 3 &&
          !IsRoot(certificate, root) && IsDeviceKind(held_[other.held].stored.record.kind) == device) {
        issuers.push_back(certificate);
      }
    }
    const pki::PathResult path = pki::ValidatePath(authority.certificate, issuers, root, std::nullopt);
    if (!path.ok()) {
      return DataLoss(
          "{}: this {} certificate does not chain to the {} root: {}; fetch the file again and check the root",
          Where(held), device ? "Device authority" : "organisation authority", device ? "Device" : "organisation",
          path.detail);
    }
    if ((authority.certificate.key_usage & pki::kKeyCertSign) == 0) {
      return DataLoss("{}: this authority's certificate does not allow signing certificates", Where(held));
    }
  }
  return OkStatus();
}

std::vector<std::vector<pki::PublicKey>> Contents::IssuerKeys(const pki::TrustAnchor& organisation_root,
                                                              const pki::TrustAnchor& device_root) const {
  std::vector<std::vector<pki::PublicKey>> keys(issuers_.size());
  for (size_t i = 0; i < issuers_.size(); ++i) {
    const Issuer& issuer = issuers_[i];
    const auto names = [&](ByteSpan name, ByteSpan identifier) {
      return Same(name, issuer.name) && (issuer.identifier.empty() || Same(identifier, issuer.identifier));
    };
    const pki::TrustAnchor& root = issuer.device ? device_root : organisation_root;
    if (names(root.name, root.identifier)) keys[i].push_back(root.key);
    for (const AuthorityCertificate& authority : authorities_) {
      const pki::Certificate& certificate = authority.certificate;
      const bool device = IsDeviceKind(held_[authority.held].stored.record.kind);
      if (device != issuer.device || !names(certificate.subject, certificate.subject_key_identifier)) continue;
      if (std::find(keys[i].begin(), keys[i].end(), *certificate.public_key) == keys[i].end()) {
        keys[i].push_back(*certificate.public_key);
      }
    }
  }
  return keys;
}

Status Contents::VerifyChains(const pki::TrustAnchor& organisation_root, const pki::TrustAnchor& device_root) const {
  SMKI_RETURN_IF_ERROR(VerifyAuthorities(organisation_root, device_root));
  const auto keys = IssuerKeys(organisation_root, device_root);
  return ForEachInParallel(held_.size(), [&](size_t i) -> Status {
    const Held& held = held_[i];
    if (held.stored.record.usage == schema::kAuthorityUsage) return OkStatus();
    const auto& candidates = keys[held.issuer];
    if (candidates.empty()) {
      return DataLoss("{}: none of the authorities in these files issued it; fetch the files again and check the root",
                      Where(held));
    }
    const bool ours = std::any_of(candidates.begin(), candidates.end(), [&](const pki::PublicKey& key) {
      return key.VerifyDigest(held.tbs, held.signature);
    });
    if (ours) return OkStatus();
    return DataLoss(
        "{}: it does not chain to its root: the signature is not its issuer's; fetch the file again. If it is the same "
        "then, the Repository was tampered with: tell the incident lead",
        Where(held));
  });
}

Status Contents::Visit(const std::function<Status(const Held&)>& visit) const {
  std::vector<size_t> order(held_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return store_format::KeyLess(held_[a].stored.record, held_[b].stored.record); });
  for (const size_t i : order) SMKI_RETURN_IF_ERROR(visit(held_[i]));
  return OkStatus();
}

}  // namespace smki::repository
