#include "orchestrator/campaign/device_certificates.h"

namespace smki::orchestrator {
namespace {

constexpr size_t kCertificatesTried = 4;

}  // namespace

std::vector<pki::Certificate> DeviceCertificates(const repository::Store& store, Eui64 device) {
  std::vector<pki::Certificate> out;
  const auto records = store.ByEui(device);
  if (!records.ok()) return out;
  for (const repository::CertificateRecord& record : *records) {
    if (record.kind != repository::CertificateKind::kDevice || record.status != repository::CertificateStatus::kInUse ||
        record.usage != "DS")
      continue;
    auto certificate = pki::Certificate::Parse(record.der);
    if (!certificate.ok() || certificate->device_eui != device ||
        (certificate->key_usage & pki::kDigitalSignature) == 0)
      continue;
    out.push_back(std::move(*certificate));
    if (out.size() == kCertificatesTried) break;
  }
  return out;
}

}  // namespace smki::orchestrator
