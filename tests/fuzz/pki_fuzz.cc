// Certificates, requests, revocation lists and detached CMS, any octets: no crash, no over-read; what is accepted keeps
// the octets that came in.
#include <cstdlib>

#include "pki/certificate.h"
#include "pki/cms.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace smki;
  const ByteSpan der(data, size);
  const auto certificate = pki::Certificate::Parse(der);
  if (certificate.ok()) {
    if (certificate->der() != ToBytes(der) || certificate->Describe().empty()) std::abort();
    (void)certificate->IsSignedBy(*certificate->public_key);
    (void)pki::ValidatePath(*certificate, {&*certificate, 1}, pki::AnchorOf(*certificate), std::nullopt);
    (void)pki::VerifyDetached(der, der, *certificate);
  }
  if (const auto list = pki::ParseRevocationList(der); list.ok()) (void)list->Contains(Bytes{1});
  (void)pki::ParseCertificateRequest(der);
  pki::CmsSignerId signer;
  (void)pki::CheckDetachedForm(der, &signer);
  return 0;
}
