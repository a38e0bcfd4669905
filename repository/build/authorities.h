// Who may have issued what, while a Repository is rebuilt: the pinned roots, and below them the authorities whose
// certificates the files hold. Private to this room. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "pki/certificate.h"
#include "pki/issuer_verifier.h"
#include "repository/profile/certificate_view.h"
#include "repository/rebuild.h"

namespace smki::repository {

// One trusted authority's key.
class Issuer {
 public:
  // `own` is the key of its certificate's entry in the store (repository/store/entry.h), `certificate` the SHA-256 of
  // its DER; of a root both are zeros.
  using EntryKey = std::array<uint8_t, 28>;
  Issuer(pki::PublicKey key, EntryKey own, const Digest& certificate)
      : key_(std::move(key)), own_(own), certificate_(certificate) {}
  const pki::PublicKey& key() const { return key_; }
  const EntryKey& own() const { return own_; }
  const Digest& certificate() const { return certificate_; }
  // As pki::IssuerVerifier::Verify; few signatures are verified singly, since its tables cost as much as some hundred.
  void Verify(std::span<const pki::IssuerVerifier::Claim> claims, std::span<uint8_t> valid) const;

 private:
  const pki::PublicKey key_;
  const EntryKey own_;
  const Digest certificate_;
  mutable std::atomic<size_t> seen_ = 0;
  mutable std::once_flag made_;
  mutable std::unique_ptr<pki::IssuerVerifier> verifier_;
};

using Issuers = std::vector<std::shared_ptr<const Issuer>>;

class Authorities {
 public:
  // Of `options` only the pinned roots are used.
  explicit Authorities(const RebuildOptions& options);

  static constexpr size_t kMost = 4096;  // SMKI has a dozen

  // An authority's certificate was met. Trusted from now on if it chains to its root through what is known already.
  // Those behind the first kMost are left out: the builder refuses files with so many.
  void Add(const CertificateView& view);
  // Those that came before their issuers: no more are coming.
  void Conclude();
  // Whether it chains to its root; before Conclude() a false may become true.
  bool IsTrusted(const CertificateView& view) const;
  // Those that can have issued `view`, an organisation's or Device's certificate, by name, key identifier and
  // hierarchy. Empty: none that is trusted so far.
  Issuers Find(const CertificateView& view) const;

 private:
  struct Key {
    bool device;
    Bytes name;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Known {
    pki::Certificate certificate;
    bool device;
    std::shared_ptr<const Issuer> issuer;  // null: not trusted
  };
  bool Trust(Known& known);

  const std::vector<pki::TrustAnchor>& RootsOf(bool device) const { return roots_[device ? 1 : 0]; }

  const std::vector<pki::TrustAnchor> roots_[2];  // organisations, Devices
  mutable std::shared_mutex mutex_;               // of what follows
  std::vector<Known> known_;
  std::map<Digest, size_t> by_digest_;  // SHA-256 of the DER: index into known_
  struct Named {
    Bytes identifier;
    std::shared_ptr<const Issuer> issuer;
  };
  std::map<Key, std::vector<Named>> by_name_;
};

}  // namespace smki::repository
