#include "sim/program/adopt.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "sim/authority/authority.h"
#include "sim/authority/profile.h"
#include "sim/authority/token_key.h"
#include "sim/estate/estate_file.h"
#include "sim/estate/plan.h"
#include "sim/site.h"

namespace smki::sim {
namespace {

using repository::CertificateKind;

constexpr size_t kMaxFile = 64 * 1024;
constexpr char kSite[] = "/sim.yaml";
constexpr char kBefore[] = "pkcs11:\n";

StatusOr<pki::Certificate> ReadCertificate(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(path, kMaxFile));
  return pki::Certificate::FromPem(AsText(pem));
}

// Into sim.yaml, at the end of its authority section.
Status NameNext(const std::string& estate, const std::string& certificate, const std::string& token) {
  const std::string path = estate + kSite;
  SMKI_ASSIGN_OR_RETURN(const Bytes octets, PosixFiles().Read(path, kMaxFile));
  std::string text = ToString(octets);
  const size_t at = text.find(kBefore);
  if (at == std::string::npos) return DataLoss("{} has no section pkcs11", path);
  text.insert(
      at, fmt::format("  next:\n    certificate: {}\n    token: \"pkcs11:token={}\"\n    pin: authority/pins/{}.pin\n",
                      certificate, token, token));
  return PosixFiles().WriteDurably(path, AsBytes(text));
}

}  // namespace

Status AdoptHierarchy(const std::string& estate, const NewHierarchyNames& names) {
  SMKI_ASSIGN_OR_RETURN(const SimSite site, ReadSimSite(estate + kSite));
  if (site.authority.next) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(const EstateFile file, ReadEstate(estate));
  const std::string ceremonies = estate + "/ceremonies/";
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate root, ReadCertificate(ceremonies + names.root + "/certificate.pem"));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate issuing,
                        ReadCertificate(ceremonies + names.issuing + "/certificate.pem"));
  SMKI_ASSIGN_OR_RETURN(const Bytes recovery_spki,
                        PosixFiles().Read(ceremonies + names.recovery + "/public-key.der", kMaxFile));
  SMKI_ASSIGN_OR_RETURN(const pki::PublicKey recovery, pki::PublicKey::FromSpki(recovery_spki));
  const PartyPlan* const party = FindPartyPlan("recovery");

  const std::string token = fmt::format("smki-{}-{}", names.issuing, file.id);
  SMKI_ASSIGN_OR_RETURN(const auto module, hsm::pkcs11::Module::Load(site.pkcs11_module, site.pkcs11_config));
  SMKI_ASSIGN_OR_RETURN(const auto key, OpenAuthorityKey(*module, "pkcs11:token=" + token,
                                                         fmt::format("{}/authority/pins/{}.pin", estate, token)));
  const Validity validity = OrganisationValidity(SystemClock().Now());
  SMKI_ASSIGN_OR_RETURN(
      const pki::Certificate certificate,
      pki::IssueOrganisationCertificate({key.get(), issuing.subject}, {"", party->party.role, party->party.eui},
                                        recovery, pki::kDigitalSignature, NewSerial(SystemRandom()),
                                        validity.not_before, validity.not_after));
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<AuthorityState> state, AuthorityState::Open(site.authority.state));
  SMKI_ASSIGN_OR_RETURN(Transaction transaction, state->Begin());
  SMKI_RETURN_IF_ERROR(state->AddCertificate(root, CertificateKind::kOrganisationAuthority, "", Digest{}, "DCC"));
  SMKI_RETURN_IF_ERROR(state->AddCertificate(issuing, CertificateKind::kOrganisationAuthority, "", Digest{}, "DCC"));
  SMKI_RETURN_IF_ERROR(
      state->AddCertificate(certificate, CertificateKind::kOrganisation, "", Digest{}, party->party.id));
  SMKI_RETURN_IF_ERROR(transaction.Commit());
  return NameNext(estate, fmt::format("ceremonies/{}/certificate.pem", names.issuing), token);
}

}  // namespace smki::sim
