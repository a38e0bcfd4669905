// Who acts in a drill, and what they act with: persons with their keys, transport identities, the trust policy, and the
// custodians' shares of the two keys.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "hsm/custody/shares.h"
#include "pki/certificate.h"
#include "procedures/policy.h"
#include "procedures/runbook.h"
#include "sim/estate/folder.h"
#include "sim/estate/hierarchy.h"
#include "sim/estate/plan.h"

namespace smki::sim {

// An issuer whose key is software: persons' certificates and transport certificates are a drill's own.
struct SoftAuthority {
  pki::PrivateKey key;
  pki::Certificate certificate;
  Bytes name;
  pki::IssuerIdentity identity() { return {&key, name}; }
};
StatusOr<SoftAuthority> MakeSoftAuthority(const std::string& common_name, UtcTime now, Random& random);

struct PersonCertificates {
  pki::Certificate sign;
  pki::Certificate agree;
};
struct People {
  SoftAuthority persons_authority;
  std::map<std::string, PersonCertificates> persons;
  pki::Certificate keyguard;  // identities that sign
  pki::Certificate orchestrator;
};
// Writes tls/, persons/ID/*.pem, policy/persons.crl, and the identities of keyguard and orchestrator.
StatusOr<People> MakePeople(const EstateFolder& folder, UtcTime now, Random& random);

// One custodian set for each key (I5).
struct KeyCustodies {
  hsm::Custody recovery, contingency;
};
StatusOr<KeyCustodies> MakeCustodies(const procedures::Environment& environment, Random& random);
// persons/ID/share-KEY.cms, each enveloped to its custodian's agreement certificate.
Status WriteShares(const EstateFolder& folder, const People& people, const hsm::Custody& custody);

std::string TokenLabel(const std::string& key, const std::string& estate);
procedures::TrustPolicy MakePolicy(const EstatePlan& plan, const People& people, const KeyCustodies& custodies,
                                   const Hierarchy& hierarchy, const std::vector<procedures::Runbook>& runbooks,
                                   UtcTime now);

}  // namespace smki::sim
