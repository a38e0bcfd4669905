// Where documents meet cryptography: who signed this document, and does the trust policy let them.
//
// Used by the signer, the orchestrator and the command line alike, so that all three come to the same judgement.
// No I/O and no clock. A PolicyVerifier may be read from several threads once it has its revocation list.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "pki/certificate.h"
#include "pki/cms.h"
#include "procedures/direction.h"
#include "procedures/policy.h"
#include "procedures/quorum.h"

namespace smki::procedures {

class PolicyVerifier {
 public:
  // Parses every certificate of `policy`. POLICY_INCOMPLETE if one is malformed, has the wrong key usage (persons:
  // digitalSignature and keyAgreement, one each; identities: digitalSignature), was not issued by the persons'
  // authority, stands for two persons, or if an authority cannot issue. Keeps no reference to `policy`.
  static StatusOr<PolicyVerifier> Make(const TrustPolicy& policy);

  // Takes the persons' revocation list into use. REVOCATION_LIST_STALE unless it is signed by the persons' authority,
  // was issued no later than `now` + 5 min and no longer ago than the policy allows, and its nextUpdate lies ahead.
  // A list older than the one in use is refused too.
  Status UseRevocationList(ByteSpan crl_der, UtcTime now);

  // Who signed exactly these octets. The signer is looked up among the persons' signing certificates of the policy,
  // never among certificates that the signature brings. A hint, if there is one, must begin with
  // `expected_hint_prefix`. Fails closed: without a revocation list that is still fresh at `now`, nobody signed
  // anything (I10).
  SignatureFinding Verify(ByteSpan document, ByteSpan cms, UtcTime now, const std::string& expected_hint_prefix) const;

  // An approval of `direction`, whose exact text is `direction_text`. Tells a rejection and an approval of
  // another Direction apart from an altered text, by the signed hint.
  SignatureFinding VerifyApproval(const Direction& direction, ByteSpan direction_text, ByteSpan cms, UtcTime now) const;

  // Null if the policy has no such person.
  const pki::Certificate* SigningCertificateOf(const std::string& person) const;
  const pki::Certificate* AgreementCertificateOf(const std::string& person) const;
  const pki::Certificate& KeyguardCertificate() const { return *keyguard_; }
  const pki::Certificate& OrchestratorCertificate() const { return *orchestrator_; }
  const pki::Certificate& PersonsAuthority() const { return *persons_authority_; }
  const pki::Certificate& OrganisationRoot() const { return *organisation_root_; }
  const std::vector<pki::Certificate>& DeviceAuthorities() const { return device_authorities_; }
  // Issue time of the revocation list in use: the signer's clock may not be behind it.
  std::optional<UtcTime> RevocationListTime() const;

 private:
  struct PersonCertificates {
    pki::Certificate signing, agreement;
  };
  PolicyVerifier() = default;
  // Why `list` may not be relied on at `now`; empty if it may.
  std::string RevocationListFault(const pki::RevocationList& list, UtcTime now) const;
  const std::pair<const std::string, PersonCertificates>* FindSigner(const pki::CmsSignerId& id) const;
  SignatureFinding VerifyHinted(ByteSpan document, ByteSpan cms, UtcTime now, std::string& hint) const;

  std::map<std::string, PersonCertificates> persons_;
  std::optional<pki::Certificate> keyguard_, orchestrator_, persons_authority_, organisation_root_;
  std::vector<pki::Certificate> device_authorities_;
  Millis revocation_list_max_age_{0};
  std::optional<pki::RevocationList> revocation_list_;
};

}  // namespace smki::procedures
