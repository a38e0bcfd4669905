// Asking the custodians of one key to open it for one Direction, or to change its custody: a fresh key, a signed
// request, and the shares that come.
//
// Not thread-safe. A Ceremony ends with its object: shares, ceremony key and what was combined are zeroised.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/random.h"
#include "hsm/signer/admission.h"
#include "pki/key.h"
#include "procedures/evidence/share.h"

namespace smki::hsm {

// A request may be answered for this long.
inline constexpr Millis kCeremonyLife = std::chrono::hours(1);

// For what, under which policy, the custodians of which key are asked. Lives no longer than what it refers to.
struct AskedFor {
  const procedures::TrustPolicy& policy;
  const procedures::PolicyVerifier& verifier;
  const std::set<std::string>& approvers;
  Digest policy_digest{};
  std::string incident, id, key, requested_by;  // `id` of the Direction or the custody change
  Digest digest{};                              // of its text
  uint64_t devices = 0, total = 0;
  Digest ledger_head{};
  const procedures::KeyCustody& custody() const { return *policy.FindKey(key); }
};
// `key`: the directed one, or that of the Symmetric Key which its commands disclose.
AskedFor AskedForBy(const AdmittedDirection& admitted, const std::string& key);

class Ceremony {
 public:
  // Makes the ceremony key and the request, signed by the keyguard's identity.
  static StatusOr<Ceremony> Begin(const AskedFor& asked, const Journal& journal, pki::PrivateKey& identity,
                                  const pki::Certificate& identity_certificate, Random& random, UtcTime now);

  // Judges one presentation. Returns the custodian whose share it is, and the share; nothing is counted before Accept,
  // so that attendance can be made durable first.
  struct Presented {
    std::string person;
    Secret share;
  };
  StatusOr<Presented> Judge(const PresentFrame& frame, const AskedFor& asked, UtcTime now) const;
  void Accept(Presented presented) {
    presented_.insert(presented.person);
    shares_.emplace(std::move(presented.person), std::move(presented.share));
  }

  size_t count() const { return shares_.size(); }
  bool complete() const { return shares_.size() >= request_.threshold; }
  // The token's secret, from a threshold of shares.
  StatusOr<Secret> Combine() const;
  // Zeroises the shares and the ceremony key, which have done their work. Who presented is still known; nothing more
  // can be judged, accepted or combined.
  void Forget();

  const procedures::CeremonyRequest& request() const { return request_; }
  const Digest& request_digest() const { return digest_; }
  bool IsExpired(UtcTime now) const { return now > request_.expires; }
  CeremonyFrame frame(bool open) const;

 private:
  Ceremony(pki::PrivateKey key, pki::Certificate certificate)
      : key_(std::move(key)), certificate_(std::move(certificate)) {}
  Status CheckText(const procedures::SharePresentation& presentation, const PresentFrame& frame) const;

  std::optional<pki::PrivateKey> key_;
  pki::Certificate certificate_;
  procedures::CeremonyRequest request_;
  std::string text_;
  Digest digest_{};
  Bytes signature_;
  std::map<std::string, Secret> shares_;  // by person
  std::set<std::string> presented_;
};

}  // namespace smki::hsm
