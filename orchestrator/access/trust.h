// What the orchestrator believes: the trust policy, whoever it names, and the orchestrator's own identity.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "orchestrator/site.h"
#include "pki/key.h"
#include "procedures/evidence/signed_document.h"
#include "procedures/policy.h"

namespace smki::orchestrator {

class Trust {
 public:
  // Reads policy and identity. Refuses an identity that is not the one the policy names (POLICY_INCOMPLETE).
  static StatusOr<std::unique_ptr<Trust>> Load(const Site& site, FileSystem& files);

  const procedures::TrustPolicy& policy() const { return policy_; }
  const std::string& policy_text() const { return policy_text_; }
  const Digest& policy_digest() const { return policy_digest_; }
  pki::Signer& identity() { return *identity_; }
  // The verifier, with the revocation list as it lies on disk now: a list that arrived since is taken into use at once.
  // A list that cannot be used leaves the old one in place, which then goes stale by itself (I10).
  const procedures::PolicyVerifier& VerifierAt(UtcTime now);
  const Bytes& revocation_list() const { return revocation_list_; }

 private:
  Trust(FileSystem& files, std::string list_path) : files_(files), list_path_(std::move(list_path)) {}

  FileSystem& files_;
  std::string list_path_;
  std::string policy_text_;
  Digest policy_digest_{};
  procedures::TrustPolicy policy_;
  std::optional<procedures::PolicyVerifier> verifier_;
  std::optional<pki::PrivateKey> identity_;
  Bytes revocation_list_;
};

}  // namespace smki::orchestrator
