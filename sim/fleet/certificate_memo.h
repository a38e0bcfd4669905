// What a Trust Anchor Cell holds, and path validation remembered.
//
// A campaign carries the same few certificates to every Device. Parsing and path validation are pure functions of the
// octets (and of which certificates are in date), so their results are kept by digest. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/time.h"
#include "pki/certificate.h"

namespace smki::sim {

// The contents of one cell. The root of the reference messages is known by its key alone (GBCS.md 6.4), so a
// certificate is not always there. Immutable and shared: a fleet holds each of them once.
struct Anchor {
  pki::PublicKey key;
  pki::KeyIdentifier identifier{};  // subjectKeyIdentifier
  Eui64 eui;                        // subject unique identifier; zero for a root
  std::optional<pki::Certificate> certificate;

  static std::shared_ptr<const Anchor> FromCertificate(pki::Certificate certificate);
  static std::shared_ptr<const Anchor> FromKey(pki::PublicKey key);
  // For path validation, if this is a root. A key without certificate accepts any issuer name.
  pki::TrustAnchor AsTrustAnchor() const;
};
using AnchorPtr = std::shared_ptr<const Anchor>;

class CertificateMemo {
 public:
  // The certificate as a cell's contents; null if it is malformed.
  AnchorPtr Parse(ByteSpan der);
  // pki::ValidatePath. Malformed path certificates are passed as null and play no part.
  pki::PathFault ValidatePath(const Anchor& end, std::span<const AnchorPtr> path, const Anchor& root,
                              std::optional<UtcTime> time);

 private:
  // A hostile sender could fill these; at the bound they start afresh.
  static constexpr size_t kMaxEntries = 4096;
  std::map<Digest, AnchorPtr> parsed_;
  std::map<std::string, pki::PathFault> paths_;
};

}  // namespace smki::sim
