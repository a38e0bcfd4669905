#include "sim/fleet/certificate_memo.h"

#include <utility>
#include <vector>

#include "pki/digest.h"

namespace smki::sim {

AnchorPtr Anchor::FromCertificate(pki::Certificate certificate) {
  pki::PublicKey key = *certificate.public_key;
  const pki::KeyIdentifier identifier = key.identifier();
  const Eui64 eui = certificate.subject_eui.value_or(Eui64());
  return std::make_shared<const Anchor>(Anchor{std::move(key), identifier, eui, std::move(certificate)});
}

AnchorPtr Anchor::FromKey(pki::PublicKey key) {
  const pki::KeyIdentifier identifier = key.identifier();
  return std::make_shared<const Anchor>(Anchor{std::move(key), identifier, Eui64(), std::nullopt});
}

pki::TrustAnchor Anchor::AsTrustAnchor() const {
  return certificate ? pki::AnchorOf(*certificate) : pki::TrustAnchor{key, Bytes(), identifier};
}

AnchorPtr CertificateMemo::Parse(ByteSpan der) {
  const Digest digest = pki::Sha256(der);
  const auto known = parsed_.find(digest);
  if (known != parsed_.end()) return known->second;
  auto certificate = pki::Certificate::Parse(der);
  AnchorPtr anchor = certificate.ok() ? Anchor::FromCertificate(*std::move(certificate)) : nullptr;
  if (parsed_.size() == kMaxEntries) parsed_.clear();
  parsed_.emplace(digest, anchor);
  return anchor;
}

pki::PathFault CertificateMemo::ValidatePath(const Anchor& end, std::span<const AnchorPtr> path, const Anchor& root,
                                             std::optional<UtcTime> time) {
  // Time enters the result only through which of the certificates are in date.
  std::string key;
  const auto add = [&](const pki::Certificate& certificate) {
    key += AsText(certificate.sha256());
    key += !time ? '-' : certificate.IsValidAt(*time) ? 'v' : 'x';
  };
  add(*end.certificate);
  for (const AnchorPtr& one : path) {
    if (one) add(*one->certificate);
  }
  key += AsText(root.key.point());
  key += root.certificate ? AsText(root.certificate->sha256()) : "";
  const auto known = paths_.find(key);
  if (known != paths_.end()) return known->second;

  std::vector<pki::Certificate> intermediates;
  for (const AnchorPtr& one : path) {
    if (one) intermediates.push_back(*one->certificate);
  }
  const pki::PathFault fault = pki::ValidatePath(*end.certificate, intermediates, root.AsTrustAnchor(), time).fault;
  if (paths_.size() == kMaxEntries) paths_.clear();
  paths_.emplace(std::move(key), fault);
  return fault;
}

}  // namespace smki::sim
