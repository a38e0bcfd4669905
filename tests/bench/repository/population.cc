#include "tests/bench/repository/population.h"

#include <array>

#include "pki/digest.h"

namespace smki::bench {
namespace {

constexpr int64_t kDaySeconds = 86'400;
constexpr uint64_t kManufacturers = 16;
constexpr uint64_t kNumberGap = 37;  // between two numbers of one manufacturer, on average
constexpr uint64_t kFirstNumber = 0x10'0000'0000;
constexpr uint64_t kFirstNewNumber = 0x80'0000'0000;
constexpr int64_t kAuthorities = 4;
constexpr int64_t kAuthorityDays = 900;
constexpr int64_t kRootDays = kAuthorities * kAuthorityDays + 100;
// RemotePartyRole: supplier, network operator, otherUser; the rest are few (GBCS.md 1.4).
constexpr std::array<uint8_t, 10> kRoles = {0x02, 0x02, 0x02, 0x02, 0x02, 0x03, 0x03, 0x7F, 0x7F, 0x08};

UtcTime Midnight(int64_t day) {
  return {day * kDaySeconds * 1000};
}
UtcTime YearsLater(int64_t day, int years) {
  return Midnight(day) + std::chrono::hours(24) * (365 * years) - std::chrono::seconds(1);
}
Bytes Scalar(Random& random) {
  Bytes out = random.Take(32);
  out[0] &= 0x7F;  // below the order of P-256
  return out;
}
// Three octets as IEEE gives them to a manufacturer, ascending.
uint64_t Prefix(uint64_t manufacturer) {
  return 0x001C64 + manufacturer * 0x0B1D38;
}

struct Authority {
  Bytes scalar;
  pki::Certificate certificate;
};

StatusOr<Authority> MakeRoot(const pki::AuthoritySubject& subject, const std::string& policy, int64_t day,
                             Random& random) {
  Authority out{Scalar(random), {}};
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::FromScalar(out.scalar));
  SMKI_ASSIGN_OR_RETURN(
      out.certificate, pki::IssueAuthorityCertificate({&key, pki::AuthorityName(subject)}, subject, key.public_key(), 1,
                                                      policy, random.Take(16), Midnight(day), YearsLater(day, 50)));
  return out;
}

StatusOr<Authority> MakeIssuing(const Authority& root, const pki::AuthoritySubject& subject, const std::string& policy,
                                int64_t day, Random& random) {
  Authority out{Scalar(random), {}};
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey signer, pki::PrivateKey::FromScalar(root.scalar));
  SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::FromScalar(out.scalar));
  SMKI_ASSIGN_OR_RETURN(
      out.certificate, pki::IssueAuthorityCertificate({&signer, root.certificate.subject}, subject, key.public_key(), 0,
                                                      policy, random.Take(16), Midnight(day), YearsLater(day, 25)));
  return out;
}

StatusOr<pki::Certificate> MakeOrganisation(const pki::IssuerIdentity& issuer, uint64_t number, int64_t day,
                                            Random& random) {
  SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::FromScalar(Scalar(random)));
  const uint64_t party = number / 2;
  const uint8_t role = party == 0   ? 0x01  // recovery
                       : party == 1 ? 0x04  // access control broker
                                    : kRoles[party % kRoles.size()];
  const int64_t from = day - static_cast<int64_t>(random.Below(9 * 365));
  return pki::IssueOrganisationCertificate(issuer, {"", role, Eui64(0x90B3D51F31000000 + party)}, key.public_key(),
                                           number % 2 == 1 ? pki::kKeyAgreement : pki::kDigitalSignature,
                                           random.Take(16), Midnight(from), YearsLater(from, 10));
}

}  // namespace

uint64_t SeedOf(uint64_t seed, std::string_view purpose, uint64_t number) {
  const Digest digest = pki::Sha256(fmt::format("{} {} {}", seed, purpose, number));
  uint64_t out = 0;
  for (size_t i = 0; i < sizeof(out); ++i) out = out << 8 | digest[i];
  return out;
}

StatusOr<Population> Population::Make(uint64_t seed, uint64_t certificates, int64_t day, uint64_t organisations) {
  SeededRandom random(SeedOf(seed, "authorities", 0));
  Population out;
  out.seed = seed;
  out.certificates = certificates;
  out.day = day;
  const int64_t start = day - kRootDays;
  SMKI_ASSIGN_OR_RETURN(const Authority oca, MakeRoot({"ROCA", "00"}, pki::kOrganisationPolicy, start, random));
  SMKI_ASSIGN_OR_RETURN(const Authority issuing,
                        MakeIssuing(oca, {"OCA1", "07"}, pki::kOrganisationPolicy, start, random));
  SMKI_ASSIGN_OR_RETURN(const Authority dca, MakeRoot({"RDCA", ""}, pki::kDevicePolicy, start, random));
  out.root_oca = oca.certificate;
  out.root_oca_scalar = oca.scalar;
  out.issuing_oca = issuing.certificate;
  out.issuing_oca_scalar = issuing.scalar;
  out.root_dca = dca.certificate;
  for (int64_t i = 0; i < kAuthorities; ++i) {
    const int64_t first = day - (kAuthorities - i) * kAuthorityDays;
    SMKI_ASSIGN_OR_RETURN(Authority made,
                          MakeIssuing(dca, {fmt::format("DCA{}", i + 1), ""}, pki::kDevicePolicy, first, random));
    out.issuing_dca.push_back({std::move(made.scalar), std::move(made.certificate), first, kAuthorityDays});
  }
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::FromScalar(issuing.scalar));
  for (uint64_t i = 0; i < organisations; ++i) {
    SMKI_ASSIGN_OR_RETURN(pki::Certificate made, MakeOrganisation({&key, issuing.certificate.subject}, i, day, random));
    out.organisations.push_back(std::move(made));
  }
  return out;
}

Eui64 Population::DeviceAt(uint64_t index) const {
  const uint64_t each = (devices() + kManufacturers - 1) / kManufacturers;
  const uint64_t jitter = SeededRandom(seed ^ (index * 0x9E3779B97F4A7C15ull)).Below(kNumberGap);
  return Eui64(Prefix(index / each) << 40 | (kFirstNumber + index % each * kNumberGap + jitter));
}

Eui64 Population::NewDevice(uint64_t number) const {
  return Eui64(Prefix(number % kManufacturers) << 40 | (kFirstNewNumber + number));
}

std::vector<DeviceOrder> Population::Block(uint64_t block) const {
  SeededRandom random(SeedOf(seed, "ages", block));
  std::vector<DeviceOrder> out;
  const uint64_t first = block * kDevicesPerBlock;
  for (uint64_t i = first; i < std::min(first + kDevicesPerBlock, devices()); ++i) {
    const size_t authority = random.Below(issuing_dca.size());
    const int64_t from =
        issuing_dca[authority].first_day * kDaySeconds +
        static_cast<int64_t>(random.Below(static_cast<uint64_t>(issuing_dca[authority].days * kDaySeconds)));
    out.push_back({DeviceAt(i), false, authority, from});
    if (2 * i + 1 < certificates) out.push_back({DeviceAt(i), true, authority, from});
  }
  return out;
}

DeviceOrder Population::Issued(Eui64 device, bool agreement, int64_t on_day) const {
  return {device, agreement, issuing_dca.size() - 1, on_day * kDaySeconds};
}

StatusOr<RevocationLists> MakeLists(const Population& population, const pki::Certificate& revoked, int64_t day) {
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey root, pki::PrivateKey::FromScalar(population.root_oca_scalar));
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey issuing, pki::PrivateKey::FromScalar(population.issuing_oca_scalar));
  SMKI_ASSIGN_OR_RETURN(const pki::RevocationList arl, pki::IssueRevocationList({&root, population.root_oca.subject}, 1,
                                                                                Midnight(day), YearsLater(day, 1), {}));
  SMKI_ASSIGN_OR_RETURN(const pki::RevocationList crl,
                        pki::IssueRevocationList({&issuing, population.issuing_oca.subject}, 1, Midnight(day),
                                                 Midnight(day + 2), {{revoked.serial, Midnight(day), 1}}));
  return RevocationLists{crl.der, arl.der};
}

}  // namespace smki::bench
