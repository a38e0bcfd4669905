#include "sim/estate/people.h"

#include "pki/cms.h"
#include "pki/digest.h"
#include "sim/authority/profile.h"

namespace smki::sim {
namespace {

using procedures::TrustPolicy;

constexpr Millis kDay = std::chrono::hours(24);
constexpr int kPersonYears = 2;
constexpr uint8_t kThreshold = 3;
constexpr uint64_t kApprovals = 3;
// Long enough that an estate can be put aside for a month and used again.
constexpr Millis kListLife = 31 * kDay;

struct Identity {
  pki::PrivateKey key;
  pki::Certificate certificate;
};

// Since yesterday, so that clocks may differ.
UtcTime ValidSince(UtcTime now) {
  return Midnight(now) - kDay;
}

StatusOr<Identity> MakeIdentity(SoftAuthority& issuer, const std::string& id, const std::string& organisation,
                                pki::KeyUsageBits usage, bool tls, UtcTime start, Random& random) {
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Generate());
  SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate,
                        pki::IssuePersonCertificate(issuer.identity(), id, organisation, key.public_key(), usage,
                                                    NewSerial(random), start, AddYears(start, kPersonYears), tls));
  return Identity{std::move(key), std::move(certificate)};
}

Status MakeTransport(const EstateFolder& folder, SoftAuthority& authority, const std::string& id,
                     const std::string& stem, UtcTime now, Random& random) {
  SMKI_ASSIGN_OR_RETURN(const Identity tls, MakeIdentity(authority, id, "smki-drill", pki::kDigitalSignature, true,
                                                         ValidSince(now), random));
  return folder.WriteIdentity(stem, tls.certificate, tls.key);
}

StatusOr<PersonCertificates> MakePerson(const EstateFolder& folder, SoftAuthority& authority, const PersonPlan& person,
                                        UtcTime now, Random& random) {
  const std::string& id = person.id;
  const UtcTime start = person.expired ? AddYears(ValidSince(now), -kPersonYears) : ValidSince(now);
  SMKI_ASSIGN_OR_RETURN(Identity sign,
                        MakeIdentity(authority, id, person.organisation, pki::kDigitalSignature, false, start, random));
  SMKI_ASSIGN_OR_RETURN(Identity agree,
                        MakeIdentity(authority, id, person.organisation, pki::kKeyAgreement, false, start, random));
  SMKI_RETURN_IF_ERROR(folder.WriteIdentity("persons/" + id + "/sign", sign.certificate, sign.key));
  SMKI_RETURN_IF_ERROR(folder.WriteIdentity("persons/" + id + "/agree", agree.certificate, agree.key));
  return PersonCertificates{std::move(sign.certificate), std::move(agree.certificate)};
}

StatusOr<pki::Certificate> MakeServiceIdentity(const EstateFolder& folder, SoftAuthority& authority,
                                               const std::string& id, UtcTime now, Random& random) {
  SMKI_ASSIGN_OR_RETURN(Identity sign,
                        MakeIdentity(authority, id, "DCC", pki::kDigitalSignature, false, ValidSince(now), random));
  SMKI_RETURN_IF_ERROR(folder.WriteIdentity(id + "/identity", sign.certificate, sign.key));
  return std::move(sign.certificate);
}

procedures::KeyCustody CustodyEntry(const std::string& key, const std::string& estate, const hsm::Custody& custody) {
  procedures::KeyCustody out;
  out.key = key;
  out.token = TokenLabel(key, estate);
  out.threshold = kThreshold;
  for (const procedures::ShareRecord& share : custody.shares) {
    out.custodians.push_back({share.person, share.index, procedures::CommitmentOf(share)});
  }
  return out;
}

// SMKI PMA, DOMAIN.md section 1: the voting seats and two alternates; the Chair has none.
std::vector<procedures::Seat> Seats() {
  return {{"large-supplier-1", "anna.pma", {"felix.pma"}},
          {"large-supplier-2", "bruno.pma", {}},
          {"small-supplier", "carla.pma", {}},
          {"networks", "dario.pma", {}},
          {"security-sub-committee", "elena.pma", {"hugo.pma"}},
          {"technical-sub-committee", "greta.pma", {}}};
}

std::vector<procedures::RoleConflict> Conflicts() {
  std::vector<procedures::RoleConflict> out;
  for (const char* member : {"pma-member", "pma-alternate", "pma-chair"}) {
    for (const char* other : {"key-custodian", "incident-lead", "incident-operator"}) out.push_back({member, other});
  }
  out.push_back({"key-custodian", "incident-lead"});
  return out;
}

}  // namespace

StatusOr<SoftAuthority> MakeSoftAuthority(const std::string& common_name, UtcTime now, Random& random) {
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Generate());
  const pki::AuthoritySubject subject{common_name, ""};
  const UtcTime start = Midnight(now) - kDay;
  Bytes name = pki::AuthorityName(subject);
  SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate,
                        pki::IssueAuthorityCertificate({&key, name}, subject, key.public_key(), 0, pki::kPersonPolicy,
                                                       NewSerial(random), start, AddYears(start, kPersonYears)));
  return SoftAuthority{std::move(key), std::move(certificate), std::move(name)};
}

StatusOr<People> MakePeople(const EstateFolder& folder, UtcTime now, Random& random) {
  SMKI_ASSIGN_OR_RETURN(SoftAuthority transport, MakeSoftAuthority("Drill transport CA", now, random));
  SMKI_RETURN_IF_ERROR(folder.Write("tls/ca.pem", transport.certificate.ToPem()));
  SMKI_RETURN_IF_ERROR(folder.WriteSecret("tls/ca.key.pem", transport.key.ToPem()));
  for (const char* service : {"orchestrator", "keyguard", "sim"}) {
    SMKI_RETURN_IF_ERROR(MakeTransport(folder, transport, service, std::string("tls/") + service, now, random));
  }
  for (const PartyPlan& party : PlannedParties()) {
    SMKI_RETURN_IF_ERROR(MakeTransport(folder, transport, party.party.id, "tls/" + party.party.id, now, random));
  }

  SMKI_ASSIGN_OR_RETURN(SoftAuthority authority, MakeSoftAuthority("Drill persons CA", now, random));
  SMKI_RETURN_IF_ERROR(folder.WriteSecret("policy/persons-authority.key.pem", authority.key.ToPem()));
  SMKI_RETURN_IF_ERROR(folder.Write("policy/persons-authority.crt.pem", authority.certificate.ToPem()));
  std::map<std::string, PersonCertificates> persons;
  for (const PersonPlan& person : PlannedPersons()) {
    SMKI_RETURN_IF_ERROR(folder.MakeFolder("persons/" + person.id));
    SMKI_RETURN_IF_ERROR(MakeTransport(folder, transport, person.id, "persons/" + person.id + "/tls", now, random));
    SMKI_ASSIGN_OR_RETURN(PersonCertificates certificates, MakePerson(folder, authority, person, now, random));
    persons.emplace(person.id, std::move(certificates));
  }
  SMKI_ASSIGN_OR_RETURN(const pki::RevocationList none,
                        pki::IssueRevocationList(authority.identity(), 1, now, now + kListLife, {}));
  SMKI_RETURN_IF_ERROR(folder.Write("policy/persons.crl", none.der));
  SMKI_ASSIGN_OR_RETURN(pki::Certificate keyguard, MakeServiceIdentity(folder, authority, "keyguard", now, random));
  SMKI_ASSIGN_OR_RETURN(pki::Certificate orchestrator,
                        MakeServiceIdentity(folder, authority, "orchestrator", now, random));
  return People{std::move(authority), std::move(persons), std::move(keyguard), std::move(orchestrator)};
}

StatusOr<KeyCustodies> MakeCustodies(const procedures::Environment& environment, Random& random) {
  const std::vector<std::string> custodians = PlannedCustodians();
  SMKI_ASSIGN_OR_RETURN(hsm::Custody recovery,
                        hsm::MakeCustody(environment, "recovery", custodians, kThreshold, random));
  SMKI_ASSIGN_OR_RETURN(hsm::Custody contingency,
                        hsm::MakeCustody(environment, "contingency", custodians, kThreshold, random));
  return KeyCustodies{std::move(recovery), std::move(contingency)};
}

Status WriteShares(const EstateFolder& folder, const People& people, const hsm::Custody& custody) {
  for (const procedures::ShareRecord& share : custody.shares) {
    const Secret record = procedures::EncodeShareRecord(share);
    SMKI_ASSIGN_OR_RETURN(const Bytes envelope, pki::Envelop(record.span(), people.persons.at(share.person).agree));
    SMKI_RETURN_IF_ERROR(folder.Write(fmt::format("persons/{}/share-{}.cms", share.person, share.key), envelope));
  }
  return OkStatus();
}

std::string TokenLabel(const std::string& key, const std::string& estate) {
  return fmt::format("smki-{}-{}", key, estate);
}

TrustPolicy MakePolicy(const EstatePlan& plan, const People& people, const KeyCustodies& custodies,
                       const Hierarchy& hierarchy, const std::vector<procedures::Runbook>& runbooks, UtcTime now) {
  TrustPolicy policy;
  policy.version = 1;
  policy.environment = {"drill", plan.estate};
  policy.issued = UtcTime{now.ms / 1000 * 1000};
  policy.approvals_needed = kApprovals;
  policy.withdrawals_needed = 1;
  policy.one_vote_per_organisation = true;
  policy.chair = "clara.chair";
  policy.seats = Seats();
  for (const PersonPlan& planned : PlannedPersons()) {
    procedures::Person person;
    person.id = planned.id;
    person.name = {planned.name};
    person.organisation = planned.organisation;
    person.roles = planned.roles;
    person.signing_certificate = {people.persons.at(planned.id).sign.der()};
    person.agreement_certificate = {people.persons.at(planned.id).agree.der()};
    policy.persons.push_back(std::move(person));
  }
  policy.keys = {CustodyEntry("recovery", plan.estate, custodies.recovery),
                 CustodyEntry("contingency", plan.estate, custodies.contingency)};
  for (const procedures::Runbook& runbook : runbooks) {
    if (runbook.key == "recovery") policy.allowed.push_back({runbook.id, runbook.digest, runbook.key, {runbook.mode}});
  }
  policy.conflicts = Conflicts();
  policy.keyguard_certificate = {people.keyguard.der()};
  policy.orchestrator_certificate = {people.orchestrator.der()};
  policy.persons_authority = {people.persons_authority.certificate.der()};
  policy.revocation_list_max_age = kListLife;
  policy.organisation_root = {hierarchy.root_oca.certificate.der()};
  policy.device_authorities = {{hierarchy.root_dca.certificate.der()}, {hierarchy.issuing_dca.certificate.der()}};
  // A drill starts at the second version, so that the first can be tried again (POLICY_TOO_OLD).
  policy.previous = pki::Sha256(procedures::RenderPolicy(policy));
  policy.version = 2;
  return policy;
}

}  // namespace smki::sim
