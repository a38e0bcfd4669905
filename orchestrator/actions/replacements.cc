#include "orchestrator/actions/replacements.h"

#include <algorithm>

#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

UtcTime MidnightOf(UtcTime time) {
  CivilTime civil = ToCivil(time);
  civil.hour = civil.minute = civil.second = 0;
  return FromCivil(civil);
}

// Elder first.
bool Elder(const pki::Certificate& a, const pki::Certificate& b) {
  return a.not_before != b.not_before ? a.not_before < b.not_before : a.serial < b.serial;
}

Status Missing(const char* which, const char* usage, size_t old_ones) {
  return procedures::Refuse(
      procedures::Reason::kCERTIFICATES_NOT_IN_REPOSITORY,
      fmt::format("no {} {} certificate of the organisation is In Use ({} old ones are)", which, usage, old_ones));
}

// An organisation's certificates of one role, on either side of the day of the compromise.
struct Sorted {
  std::vector<pki::Certificate> candidates;  // In Use, on a key of their own
  std::vector<pki::Certificate> old;         // In Use
};

StatusOr<Sorted> Sort(const std::vector<repository::CertificateRecord>& records, UtcTime day, gbcs::Role role) {
  Sorted out;
  std::vector<pki::PublicKey> old_keys;
  std::vector<pki::Certificate> younger;
  for (const repository::CertificateRecord& record : records) {
    if (record.kind != repository::CertificateKind::kOrganisation || record.role != static_cast<uint8_t>(role))
      continue;
    SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::Parse(record.der));
    const bool in_use = record.status == repository::CertificateStatus::kInUse;
    if (certificate.not_before < day) {
      old_keys.push_back(*certificate.public_key);
      if (in_use) out.old.push_back(std::move(certificate));
    } else if (in_use) {
      younger.push_back(std::move(certificate));
    }
  }
  std::sort(younger.begin(), younger.end(), Elder);
  for (pki::Certificate& certificate : younger) {
    const bool known = std::find(old_keys.begin(), old_keys.end(), *certificate.public_key) != old_keys.end();
    (known ? out.old : out.candidates).push_back(std::move(certificate));
  }
  return out;
}

// One certificate for each cell of `role`, from candidates that are sorted by age.
StatusOr<CellCertificates> Distribute(const Sorted& sorted, gbcs::Role role, const char* which) {
  std::vector<const pki::Certificate*> signing, agreement;
  for (const pki::Certificate& certificate : sorted.candidates) {
    if ((certificate.key_usage & pki::kDigitalSignature) != 0) {
      signing.push_back(&certificate);
    } else if ((certificate.key_usage & pki::kKeyAgreement) != 0) {
      agreement.push_back(&certificate);
    }
  }
  if (signing.empty()) return Missing(which, "digitalSignature", sorted.old.size());
  if (agreement.empty()) return Missing(which, "keyAgreement", sorted.old.size());
  const bool supplier = role == gbcs::Role::kSupplier;
  const auto cell = [role](gbcs::KeyUsage usage, gbcs::CellUsage place = gbcs::CellUsage::kManagement) {
    return gbcs::TrustAnchorCell{role, usage, place}.ToString();
  };
  const size_t management = agreement.size() - (supplier && agreement.size() >= 2 ? 2 : 1);
  CellCertificates out;
  out.emplace(cell(gbcs::KeyUsage::kDigitalSignature), *signing.back());
  out.emplace(cell(gbcs::KeyUsage::kKeyAgreement), *agreement[management]);
  if (supplier) out.emplace(cell(gbcs::KeyUsage::kKeyAgreement, gbcs::CellUsage::kPrePaymentTopUp), *agreement.back());
  return out;
}

}  // namespace

gbcs::Role RoleOf(const std::vector<repository::CertificateRecord>& records) {
  const bool supplier = std::any_of(records.begin(), records.end(), [](const repository::CertificateRecord& record) {
    return record.kind == repository::CertificateKind::kOrganisation &&
           record.role == static_cast<uint8_t>(gbcs::Role::kSupplier);
  });
  return supplier ? gbcs::Role::kSupplier : gbcs::Role::kNetworkOperator;
}

StatusOr<OrganisationCertificates> ChooseReplacements(const std::vector<repository::CertificateRecord>& records,
                                                      UtcTime compromised, gbcs::Role role) {
  SMKI_ASSIGN_OR_RETURN(Sorted sorted, Sort(records, MidnightOf(compromised), role));
  OrganisationCertificates out;
  SMKI_ASSIGN_OR_RETURN(out.replacements, Distribute(sorted, role, "new"));
  out.replaced = std::move(sorted.old);
  return out;
}

StatusOr<std::vector<pki::Certificate>> ReplacedCertificates(const std::vector<repository::CertificateRecord>& records,
                                                             UtcTime compromised, gbcs::Role role) {
  SMKI_ASSIGN_OR_RETURN(Sorted sorted, Sort(records, MidnightOf(compromised), role));
  return std::move(sorted.old);
}

StatusOr<CellCertificates> ChooseCurrent(const std::vector<repository::CertificateRecord>& records,
                                         gbcs::Role held_by) {
  SMKI_ASSIGN_OR_RETURN(const Sorted sorted, Sort(records, UtcTime{0}, held_by));
  return Distribute(sorted, gbcs::Role::kSupplier, "current");
}

}  // namespace smki::orchestrator
