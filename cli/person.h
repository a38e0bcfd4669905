// The person at this terminal: who they are by the trust policy, their keys, and the servers they talk to.
//
// Single-threaded. Servers are asked with a deadline; what they say is shown, never trusted.
#pragma once

#include <memory>
#include <string>

#include "cli/person_key.h"
#include "cli/site.h"
#include "pki/certificate.h"
#include "pki/key.h"
#include "procedures/documents.h"
#include "procedures/evidence/share.h"
#include "procedures/evidence/share_check.h"
#include "procedures/evidence/signed_document.h"
#include "procedures/policy.h"
#include "smki/keyguard/v1/keyguard.grpc.pb.h"
#include "smki/recovery/v1/recovery.grpc.pb.h"

namespace smki::cli {

inline constexpr Millis kCallDeadline{30000};

// closed | ceremony | open.
std::string StateWord(keyguard::v1::Status::State state);

class Person {
 public:
  // Reads site file and trust policy; keys are read only when something is to be signed or opened.
  static StatusOr<Person> Load(const std::string& site_file, const PinSource& pin = PinSource());

  const std::string& id() const { return site_.person; }
  const ClientSite& site() const { return site_; }
  const procedures::TrustPolicy& policy() const { return policy_; }
  const std::string& policy_text() const { return policy_text_; }
  const Digest& policy_digest() const { return policy_digest_; }
  // Null if the policy does not know this person.
  const procedures::Person* entry() const { return policy_.FindPerson(site_.person); }
  bool HasRole(const std::string& role) const { return entry() != nullptr && entry()->HasRole(role); }

  // The policy's verifier with the revocation list of the site, judged at `now`.
  StatusOr<procedures::PolicyVerifier> MakeVerifier(UtcTime now) const;

  // Detached CMS over `document` with this person's signing key, whose certificate must be the policy's.
  StatusOr<Bytes> Sign(ByteSpan document, const std::string& hint) const;
  // Shows this person's share of the key `request` asks for; procedures::CheckCeremonyRequest has accepted the request.
  StatusOr<procedures::PresentedShare> PresentShare(const procedures::CeremonyRequest& request,
                                                    std::string_view request_text) const;
  // The same with the share in `file`, under `policy`: for a share that is not in force yet.
  StatusOr<procedures::PresentedShare> PresentShare(const procedures::TrustPolicy& policy, const std::string& file,
                                                    const procedures::CeremonyRequest& request,
                                                    std::string_view request_text) const;

  // Opens the share in `file` with this person's agreement key and holds it against the trust policy; no server is
  // asked. Errors name the file.
  StatusOr<procedures::ShareCheck> CheckShare(const std::string& file) const {
    return CheckShare(file, policy_, policy_digest_);
  }
  StatusOr<procedures::ShareCheck> CheckShare(const std::string& file, const procedures::TrustPolicy& policy,
                                              const Digest& policy_digest) const;

  StatusOr<recovery::v1::Recovery::Stub*> Orchestrator();
  StatusOr<keyguard::v1::KeyguardPersons::Stub*> Keyguard();
  // Waits until the orchestrator answers again, or `patience` is over.
  bool AwaitOrchestrator(Millis patience);

 private:
  // Opened once: a PIN is asked once.
  StatusOr<pki::Signer*> SigningKey() const;

  ClientSite site_;
  PinSource pin_;
  mutable std::unique_ptr<pki::Signer> signing_key_;
  procedures::TrustPolicy policy_;
  std::string policy_text_;
  Digest policy_digest_{};
  std::shared_ptr<grpc::Channel> orchestrator_channel_;
  std::unique_ptr<recovery::v1::Recovery::Stub> orchestrator_;
  std::unique_ptr<keyguard::v1::KeyguardPersons::Stub> keyguard_;
};

}  // namespace smki::cli
