#include "repository/build/authorities.h"

#include <algorithm>

#include "pki/digest.h"

namespace smki::repository {
namespace {

constexpr size_t kWorthTables = 256;  // signatures seen of one issuer

bool Same(ByteSpan a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool IsDeviceKind(CertificateKind kind) {
  return kind == CertificateKind::kDevice || kind == CertificateKind::kDeviceAuthority;
}

bool IsRoot(const pki::Certificate& certificate, const pki::TrustAnchor& root) {
  return *certificate.public_key == root.key && Same(certificate.subject, certificate.issuer) &&
         certificate.IsSignedBy(root.key);
}

Issuer::EntryKey EntryKeyOf(const pki::Certificate& certificate) {
  Issuer::EntryKey out{};
  ByteSpan serial = certificate.serial;
  while (!serial.empty() && serial.front() == 0) serial = serial.subspan(1);
  std::copy(serial.begin(), serial.end(), out.begin() + 20 - static_cast<ptrdiff_t>(serial.size()));
  const Digest name = pki::Sha256(certificate.issuer);
  std::copy_n(name.begin(), 8, out.begin() + 20);
  return out;
}

std::vector<pki::TrustAnchor> With(const pki::TrustAnchor& first, std::vector<pki::TrustAnchor> more) {
  more.insert(more.begin(), first);
  return more;
}

}  // namespace

void Issuer::Verify(std::span<const pki::IssuerVerifier::Claim> claims, std::span<uint8_t> valid) const {
  if (seen_.fetch_add(claims.size()) + claims.size() >= kWorthTables) {
    std::call_once(made_, [this] {
      auto verifier = pki::IssuerVerifier::Create(key_);
      if (verifier.ok()) verifier_ = *std::move(verifier);
    });
    if (verifier_) return verifier_->Verify(claims, valid);
  }
  for (size_t i = 0; i < claims.size(); ++i) valid[i] = key_.VerifyDigest(claims[i].digest, claims[i].signature);
}

Authorities::Authorities(const RebuildOptions& options)
    : roots_{With(options.organisation_root, options.more_organisation_roots), {options.device_root}} {
  for (const bool device : {false, true}) {
    for (const pki::TrustAnchor& root : RootsOf(device)) {
      by_name_[{device, root.name}].push_back(
          {ToBytes(root.identifier), std::make_shared<Issuer>(root.key, Issuer::EntryKey{}, Digest{})});
    }
  }
}

// With mutex_ held.
bool Authorities::Trust(Known& known) {
  for (const pki::TrustAnchor& root : RootsOf(known.device)) {
    if (!IsRoot(known.certificate, root)) continue;
    known.issuer = std::make_shared<Issuer>(root.key, Issuer::EntryKey{}, Digest{});
    return true;
  }
  // Its issuer may be an authority too, but no deeper: SMKI has a root and issuing authorities, and path validation
  // takes three.
  const auto is_root = [&](const pki::Certificate& certificate) {
    return std::any_of(RootsOf(known.device).begin(), RootsOf(known.device).end(),
                       [&](const pki::TrustAnchor& root) { return IsRoot(certificate, root); });
  };
  std::vector<pki::Certificate> between;
  for (const Known& other : known_) {
    if (other.issuer && other.device == known.device && Same(other.certificate.subject, known.certificate.issuer) &&
        between.size() < pki::kMaxIntermediates && !is_root(other.certificate))
      between.push_back(other.certificate);
  }
  const bool chains =
      std::any_of(RootsOf(known.device).begin(), RootsOf(known.device).end(), [&](const pki::TrustAnchor& root) {
        return pki::ValidatePath(known.certificate, between, root, std::nullopt).ok();
      });
  if (!chains) return false;
  known.issuer = std::make_shared<Issuer>(*known.certificate.public_key, EntryKeyOf(known.certificate),
                                          known.certificate.sha256());
  by_name_[{known.device, known.certificate.subject}].push_back(
      {known.certificate.subject_key_identifier, known.issuer});
  return true;
}

void Authorities::Add(const CertificateView& view) {
  const Digest digest = pki::Sha256(view.der);
  const std::unique_lock lock(mutex_);
  if (known_.size() == kMost || by_digest_.count(digest) != 0) return;
  auto certificate = pki::Certificate::Parse(view.der);
  if (!certificate.ok()) return;
  by_digest_[digest] = known_.size();
  known_.push_back({*std::move(certificate), IsDeviceKind(view.kind), nullptr});
  Trust(known_.back());
}

void Authorities::Conclude() {
  const std::unique_lock lock(mutex_);
  for (bool more = true; more;) {
    more = false;
    for (Known& known : known_) more = (!known.issuer && Trust(known)) || more;
  }
}

bool Authorities::IsTrusted(const CertificateView& view) const {
  const std::shared_lock lock(mutex_);
  const auto at = by_digest_.find(pki::Sha256(view.der));
  return at != by_digest_.end() && known_[at->second].issuer != nullptr;
}

Issuers Authorities::Find(const CertificateView& view) const {
  const std::shared_lock lock(mutex_);
  Issuers out;
  const auto at = by_name_.find({IsDeviceKind(view.kind), ToBytes(view.issuer)});
  if (at == by_name_.end()) return out;
  for (const Named& named : at->second) {
    if (view.authority_key_identifier.empty() || Same(view.authority_key_identifier, named.identifier))
      out.push_back(named.issuer);
  }
  return out;
}

}  // namespace smki::repository
