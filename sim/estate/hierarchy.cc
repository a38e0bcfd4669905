#include "sim/estate/hierarchy.h"

#include "sim/authority/authority.h"
#include "sim/authority/profile.h"
#include "sim/authority/token_key.h"

namespace smki::sim {
namespace {

using hsm::pkcs11::Access;
using hsm::pkcs11::Module;
using hsm::pkcs11::TokenSigner;

// DOMAIN.md section 5: lifetimes in years; 6.3: an Issuing OCA is already some years old when an estate is young.
constexpr int kRootYears = 50;
constexpr int kIssuingYears = 25;
constexpr int kAgeYears = 3;

// A token with a key pair in it. Nobody keeps the SO PIN; in a drill the user PIN lies in a file.
StatusOr<std::unique_ptr<TokenSigner>> MakeToken(const EstateFolder& folder, Module& module, const std::string& label,
                                                 Random& random) {
  const Secret so_pin = NewPin(random);
  const Secret pin = NewPin(random);
  SMKI_ASSIGN_OR_RETURN(const hsm::pkcs11::Slot slot, module.InitToken(label, so_pin));
  {
    SMKI_ASSIGN_OR_RETURN(const auto session, slot.OpenSession(Access::kReadWrite));
    SMKI_RETURN_IF_ERROR(session->LoginSecurityOfficer(so_pin));
    SMKI_RETURN_IF_ERROR(session->InitPin(pin));
    SMKI_RETURN_IF_ERROR(session->Logout());
    SMKI_RETURN_IF_ERROR(session->Login(pin));
    SMKI_RETURN_IF_ERROR(session->GenerateKeyPair(kAuthorityKeyLabel).status());
  }
  SMKI_RETURN_IF_ERROR(folder.WriteSecret("authority/pins/" + label + ".pin", pin));
  return TokenSigner::Open(slot, pin, kAuthorityKeyLabel);
}

struct Pair {
  AuthorityKey root, issuing;
};

StatusOr<Pair> MakePair(const EstateFolder& folder, Module& module, const std::string& estate, const std::string& kind,
                        const pki::AuthoritySubject& root_subject, const pki::AuthoritySubject& issuing_subject,
                        const std::string& policy, UtcTime day, const pki::WrappedApexKey* apex, Random& random) {
  Pair out;
  out.root.token = fmt::format("smki-root-{}-{}", kind, estate);
  out.issuing.token = fmt::format("smki-issuing-{}-{}", kind, estate);
  SMKI_ASSIGN_OR_RETURN(const auto root_key, MakeToken(folder, module, out.root.token, random));
  SMKI_ASSIGN_OR_RETURN(const auto issuing_key, MakeToken(folder, module, out.issuing.token, random));
  const pki::IssuerIdentity root{root_key.get(), pki::AuthorityName(root_subject)};
  const UtcTime start = AddYears(day, -kAgeYears);
  SMKI_ASSIGN_OR_RETURN(
      out.root.certificate,
      pki::IssueAuthorityCertificate(root, root_subject, root_key->public_key(), 1, policy, NewSerial(random), start,
                                     AddYears(start, kRootYears) - std::chrono::seconds(1), apex));
  SMKI_ASSIGN_OR_RETURN(
      out.issuing.certificate,
      pki::IssueAuthorityCertificate(root, issuing_subject, issuing_key->public_key(), 0, policy, NewSerial(random),
                                     start, AddYears(start, kIssuingYears) - std::chrono::seconds(1)));
  SMKI_RETURN_IF_ERROR(folder.Write(fmt::format("authority/root-{}.pem", kind), out.root.certificate.ToPem()));
  SMKI_RETURN_IF_ERROR(folder.Write(fmt::format("authority/issuing-{}.pem", kind), out.issuing.certificate.ToPem()));
  if (kind == "oca") {
    // Nothing is revoked yet; the list is valid for twelve months (DOMAIN.md section 5).
    SMKI_ASSIGN_OR_RETURN(const pki::RevocationList arl, pki::IssueRevocationList(root, 1, day, AddYears(day, 1), {}));
    SMKI_RETURN_IF_ERROR(folder.Write(std::string("repository/extracts/") + kOrganisationArlFile, Gzip(arl.der)));
  }
  return out;
}

}  // namespace

StatusOr<Hierarchy> MakeHierarchy(const EstateFolder& folder, Module& module, const std::string& estate, UtcTime day,
                                  const pki::WrappedApexKey& apex, Random& random) {
  SMKI_ASSIGN_OR_RETURN(
      Pair oca, MakePair(folder, module, estate, "oca", {"Root OCA " + estate, "00"}, {"Issuing OCA " + estate, "07"},
                         pki::kOrganisationPolicy, day, &apex, random));
  SMKI_ASSIGN_OR_RETURN(Pair dca, MakePair(folder, module, estate, "dca", {"Root DCA " + estate, ""},
                                           {"Issuing DCA " + estate, ""}, pki::kDevicePolicy, day, nullptr, random));
  return Hierarchy{std::move(oca.root), std::move(oca.issuing), std::move(dca.root), std::move(dca.issuing)};
}

}  // namespace smki::sim
