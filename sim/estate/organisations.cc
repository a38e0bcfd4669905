#include "sim/estate/organisations.h"

#include <algorithm>
#include <cctype>

#include "sim/authority/profile.h"

namespace smki::sim {
namespace {

using repository::CertificateStatus;

constexpr Millis kDay = std::chrono::hours(24);
constexpr Millis kCurrentAge = 400 * kDay;
constexpr Millis kEarlierAge = 2000 * kDay;

class Maker {
 public:
  Maker(const EstateFolder& folder, const pki::IssuerIdentity& issuer, UtcTime day, Random& random)
      : folder_(folder), issuer_(issuer), day_(day), random_(random) {}

  Status MakeParty(const PartyPlan& plan, const pki::PublicKey& recovery) {
    for (const gbcs::TrustAnchorCell& cell : plan.cells) {
      // Nothing in a certificate says which keyAgreement cell it is for: the younger one serves prepayment top-up.
      const bool top_up = cell.cell_usage == gbcs::CellUsage::kPrePaymentTopUp;
      const Millis age = top_up ? kCurrentAge - kDay : kCurrentAge;
      if (plan.key_in_token) {
        SMKI_RETURN_IF_ERROR(Lodge(plan, cell, recovery, age));
      } else {
        SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Generate());
        SMKI_RETURN_IF_ERROR(Lodge(plan, cell, key.public_key(), age));
        SMKI_RETURN_IF_ERROR(folder_.WriteSecret(Stem(plan, cell) + ".key.pem", key.ToPem()));
      }
      out_.current[plan.party.id].emplace(cell, out_.all.back().certificate);
      SMKI_RETURN_IF_ERROR(folder_.Write(Stem(plan, cell) + ".crt.pem", out_.all.back().certificate.ToPem()));
    }
    return OkStatus();
  }

  // An earlier generation, whose end a delta tells of.
  Status MakeEarlier(const char* party, int changed_in, CertificateStatus status) {
    const PartyPlan& plan = *FindPartyPlan(party);
    SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Generate());
    SMKI_RETURN_IF_ERROR(Lodge(plan, plan.cells.front(), key.public_key(), kEarlierAge));
    out_.all.back().changed_in = changed_in;
    out_.all.back().status = status;
    return OkStatus();
  }

  Organisations Take() { return std::move(out_); }

 private:
  static std::string Stem(const PartyPlan& plan, const gbcs::TrustAnchorCell& cell) {
    return "parties/" + plan.party.id + "/" + FileWord(cell);
  }
  Status Lodge(const PartyPlan& plan, const gbcs::TrustAnchorCell& cell, const pki::PublicKey& key, Millis age) {
    const Validity validity = OrganisationValidity(day_ - age);
    SMKI_ASSIGN_OR_RETURN(
        pki::Certificate certificate,
        pki::IssueOrganisationCertificate(issuer_, {"", static_cast<uint8_t>(plan.role), plan.party.eui}, key,
                                          static_cast<pki::KeyUsageBits>(1u << static_cast<unsigned>(cell.key_usage)),
                                          NewSerial(random_), validity.not_before, validity.not_after));
    Lodged lodged;
    lodged.certificate = std::move(certificate);
    lodged.subscriber = plan.party.id;
    out_.all.push_back(std::move(lodged));
    return OkStatus();
  }

  const EstateFolder& folder_;
  const pki::IssuerIdentity& issuer_;
  UtcTime day_;
  Random& random_;
  Organisations out_;
};

}  // namespace

StatusOr<Organisations> MakeOrganisations(const EstateFolder& folder, const pki::IssuerIdentity& issuing_oca,
                                          const pki::PublicKey& recovery, UtcTime day, Random& random) {
  Maker maker(folder, issuing_oca, day, random);
  for (const PartyPlan& party : PlannedParties()) {
    SMKI_RETURN_IF_ERROR(folder.MakeFolder("parties/" + party.party.id));
    SMKI_RETURN_IF_ERROR(maker.MakeParty(party, recovery));
  }
  SMKI_RETURN_IF_ERROR(maker.MakeEarlier("network-a", 3, CertificateStatus::kNotInUse));
  SMKI_RETURN_IF_ERROR(maker.MakeEarlier("acb", 5, CertificateStatus::kRevoked));
  return maker.Take();
}

}  // namespace smki::sim
