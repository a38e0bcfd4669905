// How a person stands in canonical text: in the trust policy, and in what appoints them. Included only by the .cc of a
// document.
#pragma once

#include "procedures/canonical_archive.h"
#include "procedures/policy.h"

namespace smki::procedures {

template <typename Archive>
void PersonFields(Archive& a, Person& p) {
  a.Field("id", p.id);
  a.Field("name", p.name);
  a.Field("organisation", p.organisation);
  a.Values("roles", p.roles);
  a.Field("signingCertificate", p.signing_certificate);
  a.Field("agreementCertificate", p.agreement_certificate);
}

}  // namespace smki::procedures
