#include "orchestrator/actions/replacements.h"

#include <algorithm>

#include "gbcs/credentials.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

constexpr uint8_t kSupplierRole = static_cast<uint8_t>(gbcs::Role::kSupplier);

UtcTime MidnightOf(UtcTime time) {
  CivilTime civil = ToCivil(time);
  civil.hour = civil.minute = civil.second = 0;
  return FromCivil(civil);
}

// Elder first.
bool Elder(const pki::Certificate& a, const pki::Certificate& b) {
  return a.not_before != b.not_before ? a.not_before < b.not_before : a.serial < b.serial;
}

Status Missing(const char* usage, size_t old_ones) {
  return procedures::Refuse(
      procedures::Reason::kCERTIFICATES_NOT_IN_REPOSITORY,
      fmt::format("no new {} certificate of the organisation is In Use ({} old ones are)", usage, old_ones));
}

}  // namespace

StatusOr<OrganisationCertificates> ChooseReplacements(const std::vector<repository::CertificateRecord>& records,
                                                      UtcTime compromised) {
  const UtcTime day = MidnightOf(compromised);
  OrganisationCertificates out;
  std::vector<pki::PublicKey> old_keys;
  std::vector<pki::Certificate> candidates;
  for (const repository::CertificateRecord& record : records) {
    if (record.kind != repository::CertificateKind::kOrganisation || record.role != kSupplierRole) continue;
    SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::Parse(record.der));
    const bool in_use = record.status == repository::CertificateStatus::kInUse;
    if (certificate.not_before < day) {
      old_keys.push_back(*certificate.public_key);
      if (in_use) out.replaced.push_back(std::move(certificate));
    } else if (in_use) {
      candidates.push_back(std::move(certificate));
    }
  }
  std::sort(candidates.begin(), candidates.end(), Elder);
  std::vector<pki::Certificate> signing, agreement;
  for (pki::Certificate& certificate : candidates) {
    if (std::find(old_keys.begin(), old_keys.end(), *certificate.public_key) != old_keys.end()) {
      out.replaced.push_back(std::move(certificate));
    } else if ((certificate.key_usage & pki::kDigitalSignature) != 0) {
      signing.push_back(std::move(certificate));
    } else if ((certificate.key_usage & pki::kKeyAgreement) != 0) {
      agreement.push_back(std::move(certificate));
    }
  }
  if (signing.empty()) return Missing("digitalSignature", out.replaced.size());
  if (agreement.empty()) return Missing("keyAgreement", out.replaced.size());
  out.replacements.emplace(kSupplierSigning, signing.back());
  out.replacements.emplace(kSupplierAgreement, agreement[agreement.size() >= 2 ? agreement.size() - 2 : 0]);
  out.replacements.emplace(kSupplierTopUp, agreement.back());
  return out;
}

}  // namespace smki::orchestrator
