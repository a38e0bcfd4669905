// What ReadCertificate accepts, pki::Certificate::Parse accepts too, and both see the same.
#pragma once

#include "base/der.h"
#include "pki/certificate.h"
#include "repository/profile/certificate_view.h"

namespace smki::repository {

inline bool SameOctets(ByteSpan a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

inline void CheckSameCertificate(const CertificateView& view) {
  const auto parsed = pki::Certificate::Parse(view.der);
  SMKI_CHECK(parsed.ok());
  SMKI_CHECK(SameOctets(view.tbs, parsed->tbs()));
  SMKI_CHECK(SameOctets(view.serial, parsed->serial));
  SMKI_CHECK(SameOctets(view.issuer, parsed->issuer));
  SMKI_CHECK(SameOctets(view.subject, parsed->subject));
  SMKI_CHECK(AsText(view.common_name) == parsed->subject_cn);
  SMKI_CHECK(AsText(view.organisational_unit) == parsed->subject_ou);
  SMKI_CHECK(view.subject_eui == parsed->subject_eui);
  SMKI_CHECK(view.device_eui == parsed->device_eui);
  SMKI_CHECK(view.not_before == parsed->not_before);
  SMKI_CHECK(view.not_after == parsed->not_after);
  SMKI_CHECK(view.key_usage == parsed->key_usage);
  SMKI_CHECK(view.is_ca == parsed->is_ca);
  SMKI_CHECK(view.path_length == parsed->path_length.value_or(-1));
  SMKI_CHECK(SameOctets(view.subject_key_identifier, parsed->subject_key_identifier));
  SMKI_CHECK(SameOctets(view.authority_key_identifier, parsed->authority_key_identifier));
  SMKI_CHECK(parsed->policies.size() == (view.policy.empty() ? 0 : 1));
  SMKI_CHECK(view.policy.empty() || OidText(view.policy) == parsed->policies.front());
  SMKI_CHECK(view.signature == parsed->signature);
}

}  // namespace smki::repository
