// What the Device Certificates of one issuer and usage have in common is learnt from one that ReadCertificate accepted;
// the next one like it is compared octet for octet, and only what may differ is read: serial number, begin, key, key
// identifier, EUI-64 and signature. Five times as fast, with the same outcome: what does not compare goes the long way
// (tests/unit/repository/certificate_template_test.cc). Private to this room. Not thread-safe.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "repository/profile/certificate_view.h"

namespace smki::repository {

class CertificateTemplates {
 public:
  CertificateTemplates();
  ~CertificateTemplates();
  CertificateTemplates(const CertificateTemplates&) = delete;
  CertificateTemplates& operator=(const CertificateTemplates&) = delete;

  // As ReadCertificate.
  std::optional<Fault> Read(ByteSpan der, CertificateView& out);
  // How many went the short way.
  uint64_t matched() const { return matched_; }

 private:
  struct Template;
  void Learn(const CertificateView& view);

  static constexpr size_t kMost = 16;  // issuers, usages, and lengths of serial numbers
  std::vector<std::unique_ptr<Template>> templates_;
  size_t last_ = 0;    // the one that matched last
  size_t oldest_ = 0;  // the one to be replaced next
  uint64_t matched_ = 0;
};

}  // namespace smki::repository
