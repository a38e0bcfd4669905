#include "people.h"

#include <algorithm>

#include "base/der.h"
#include "base/random.h"
#include "pki/digest.h"
#include "sample.h"

namespace smki::procedures::test {
namespace {

template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) CheckFailed(Message(value.status()).c_str(), __FILE__, __LINE__);
  return std::move(value).value();
}

const UtcTime kFrom = Now() - std::chrono::hours(24 * 30);
const UtcTime kTo = Now() + std::chrono::hours(24 * 300);
constexpr char kEcdsaWithSha256[] = "1.2.840.10045.4.3.2";

Bytes Serial() {
  Bytes out = SystemRandom().Take(16);
  out[0] = 0x11;
  return out;
}

Bytes Algorithm(const char* oid) {
  DerWriter inner, out;
  inner.Oid(oid);
  out.Wrap(der::kSequence, inner);
  return out.Take();
}

Bytes Attribute(const char* oid, uint8_t tag, ByteSpan value) {
  DerWriter inner, set, out;
  inner.Value(tag, value);
  DerWriter fields;
  fields.Oid(oid);
  fields.Wrap(der::kSet, inner);
  out.Wrap(der::kSequence, fields);
  return out.Take();
}

}  // namespace

pki::Certificate Patched(const pki::Certificate& certificate, const std::string& from, const std::string& to) {
  const Bytes before = FromHex(from).value(), after = FromHex(to).value();
  Bytes der = certificate.der();
  const auto at = std::search(der.begin(), der.end(), before.begin(), before.end());
  if (at == der.end() || before.size() != after.size()) CheckFailed(from.c_str(), __FILE__, __LINE__);
  std::copy(after.begin(), after.end(), at);
  return Must(pki::Certificate::Parse(der));
}

People::People() : policy(SamplePolicy()), authority_key(Must(pki::PrivateKey::Generate())) {
  const pki::AuthoritySubject subject{"Persons", "PA"};
  authority = {&authority_key, pki::AuthorityName(subject)};
  policy.persons_authority.bytes = Must(pki::IssueAuthorityCertificate(authority, subject, authority_key.public_key(),
                                                                       0, pki::kPersonPolicy, Serial(), kFrom, kTo))
                                       .der();
  for (Person& person : policy.persons) {
    keys_.emplace(person.id, Must(pki::PrivateKey::Generate()));
    const pki::PrivateKey agreement = Must(pki::PrivateKey::Generate());
    person.signing_certificate.bytes =
        Issue(person.id, pki::kDigitalSignature, KeyOf(person.id).public_key(), kFrom, kTo).der();
    person.agreement_certificate.bytes = Issue(person.id, pki::kKeyAgreement, agreement.public_key(), kFrom, kTo).der();
  }
  for (const char* identity : {"keyguard", "orchestrator"}) keys_.emplace(identity, Must(pki::PrivateKey::Generate()));
  policy.keyguard_certificate.bytes =
      Issue("keyguard", pki::kDigitalSignature, KeyOf("keyguard").public_key(), kFrom, kTo).der();
  policy.orchestrator_certificate.bytes =
      Issue("orchestrator", pki::kDigitalSignature, KeyOf("orchestrator").public_key(), kFrom, kTo).der();
  // Any authority will do until an Estate brings its own root.
  policy.organisation_root = policy.persons_authority;
  policy.device_authorities = {policy.persons_authority};
}

pki::Certificate People::Issue(const std::string& person, pki::KeyUsageBits usage, const pki::PublicKey& key,
                               UtcTime from, UtcTime to) {
  return Must(pki::IssuePersonCertificate(authority, person, "org", key, usage, Serial(), from, to, false));
}

Bytes People::Sign(const std::string& person, ByteSpan document, const std::string& hint) {
  return Sign(person, document, hint, Now() - std::chrono::minutes(5));
}

Bytes People::Sign(const std::string& person, ByteSpan document, const std::string& hint, UtcTime time) {
  const Base64& der =
      person == "keyguard" ? policy.keyguard_certificate : policy.FindPerson(person)->signing_certificate;
  return Must(pki::SignDetached(document, KeyOf(person), Must(pki::Certificate::Parse(der.bytes)), time, hint));
}

Bytes People::SignOddly(const std::string& person, ByteSpan document, const CmsForm& form) {
  const pki::Certificate certificate =
      Must(pki::Certificate::Parse(policy.FindPerson(person)->signing_certificate.bytes));
  std::vector<Bytes> attributes;
  DerWriter data_oid;
  data_oid.Oid("1.2.840.113549.1.7.1");
  const DerValue data = Must(DerReader(data_oid.bytes()).Next());
  attributes.push_back(Attribute("1.2.840.113549.1.9.3", der::kOid, data.content));
  attributes.push_back(Attribute("1.2.840.113549.1.9.4", der::kOctetString, pki::Sha256(document)));
  if (form.signing_time)
    attributes.push_back(Attribute("1.2.840.113549.1.9.5", der::kUtcTime, AsBytes("261121025500Z")));
  std::sort(attributes.begin(), attributes.end(), [](const Bytes& a, const Bytes& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  });
  DerWriter attribute_set, to_sign;
  for (const Bytes& attribute : attributes) attribute_set.Raw(attribute);
  to_sign.Wrap(der::kSet, attribute_set);
  const pki::RawSignature signature = Must(KeyOf(person).Sign(form.attributes ? ByteSpan(to_sign.bytes()) : document));

  const Bytes digest_algorithm = Algorithm(form.sha256 ? "2.16.840.1.101.3.4.2.1" : "2.16.840.1.101.3.4.2.2");
  DerWriter sid, signer_fields, signer, signers;
  sid.Raw(certificate.issuer);
  sid.Value(der::kInteger, certificate.serial);
  signer_fields.Unsigned(1);
  signer_fields.Wrap(der::kSequence, sid);
  signer_fields.Raw(digest_algorithm);
  if (form.attributes) signer_fields.Wrap(der::Context(0, true), attribute_set);
  signer_fields.Raw(Algorithm(kEcdsaWithSha256));
  signer_fields.Value(der::kOctetString, pki::SignatureToDer(signature));
  signer.Wrap(der::kSequence, signer_fields);
  for (int i = 0; i < form.signers; ++i) signers.Raw(signer.bytes());

  DerWriter digests, content, signed_data_fields, signed_data, info_fields, info;
  digests.Raw(digest_algorithm);
  content.Raw(data_oid.bytes());
  signed_data_fields.Unsigned(1);
  signed_data_fields.Wrap(der::kSet, digests);
  signed_data_fields.Wrap(der::kSequence, content);
  signed_data_fields.Wrap(der::kSet, signers);
  signed_data.Wrap(der::kSequence, signed_data_fields);
  info_fields.Oid("1.2.840.113549.1.7.2");
  info_fields.Wrap(der::Context(0, true), signed_data);
  info.Wrap(der::kSequence, info_fields);
  return info.Take();
}

Bytes People::RevocationList(std::vector<std::string> revoked, UtcTime issued, UtcTime next) {
  std::vector<pki::Revoked> list;
  for (const std::string& person : revoked) {
    list.push_back(
        {Must(pki::Certificate::Parse(policy.FindPerson(person)->signing_certificate.bytes)).serial, issued, 1});
  }
  return Must(pki::IssueRevocationList(authority, 1, issued, next, std::move(list))).der;
}

Bytes People::FreshList(std::vector<std::string> revoked) {
  return RevocationList(std::move(revoked), Now() - std::chrono::hours(1), Now() + std::chrono::hours(24));
}

PolicyVerifier People::Verifier(std::vector<std::string> revoked) {
  PolicyVerifier out = Must(PolicyVerifier::Make(policy));
  SMKI_CHECK(out.UseRevocationList(FreshList(std::move(revoked)), Now()).ok());
  return out;
}

Estate::Estate(People& people)
    : direction(SampleDirection()),
      root_key(Must(pki::PrivateKey::Generate())),
      issuing_key(Must(pki::PrivateKey::Generate())) {
  const pki::AuthoritySubject root_subject{"Root", "00"}, issuing_subject{"Issuing", "07"};
  root = {&root_key, pki::AuthorityName(root_subject)};
  issuing = {&issuing_key, pki::AuthorityName(issuing_subject)};
  people.policy.organisation_root.bytes =
      Must(pki::IssueAuthorityCertificate(root, root_subject, root_key.public_key(), 1, pki::kOrganisationPolicy,
                                          Serial(), kFrom, kTo))
          .der();
  issuing_certificate_ = Must(pki::IssueAuthorityCertificate(root, issuing_subject, issuing_key.public_key(), 0,
                                                             pki::kOrganisationPolicy, Serial(), kFrom, kTo));
  const Eui64 supplier(0x90B3D51F30010000);
  direction.key_certificate = Add(Organisation(1, Eui64(0x90B3D51F30000001), pki::kDigitalSignature));
  for (size_t i = 0; i < direction.groups.size(); ++i) {
    DirectedGroup& group = direction.groups[i];
    group.path_certificates = {Add(*issuing_certificate_)};
    for (DirectedReplacement& replacement : group.replacements) {
      const bool signs = replacement.cell == "supplier/digitalSignature";
      replacement.certificate = Add(Organisation(2, supplier, signs ? pki::kDigitalSignature : pki::kKeyAgreement));
    }
    SetPopulation(i, {direction.environment, group.name, {Eui64(10 * i + 1), Eui64(10 * i + 2)}});
  }
}

pki::Certificate Estate::Organisation(uint8_t role, Eui64 eui, pki::KeyUsageBits usage) {
  const pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  return Must(
      pki::IssueOrganisationCertificate(issuing, {"", role, eui}, key.public_key(), usage, Serial(), kFrom, kTo));
}

void Estate::Direct(const std::string& cell, const pki::Certificate& certificate) {
  std::vector<DirectedReplacement>& replacements = direction.groups[0].replacements;
  const Digest digest = Add(certificate);
  for (DirectedReplacement& replacement : replacements) {
    if (replacement.cell == cell) {
      replacement.certificate = digest;
      return;
    }
  }
  replacements.push_back({cell, digest});
}

Digest Estate::Add(const pki::Certificate& certificate) {
  certificates[certificate.sha256()] = certificate.der();
  return certificate.sha256();
}

void Estate::SetPopulation(size_t group, Population population) {
  const Bytes file = EncodePopulation(population);
  direction.groups[group].population_count = population.devices.size();
  direction.groups[group].population_digest = PopulationDigest(file);
  populations[direction.groups[group].name] = file;
}

Materials Estate::materials() const {
  Materials out;
  for (const auto& [group, file] : populations) out.populations[group] = file;
  out.certificates = certificates;
  return out;
}

}  // namespace smki::procedures::test
