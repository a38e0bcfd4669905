// Making certificates, in the profiles of GBCS.md section 6. Every certificate made is parsed again before it is
// returned.
#include "pki/certificate.h"
#include "pki/der_parts.h"

namespace smki::pki {
namespace {

// Everything that differs between the profiles: subject and, in their order, extensions.
struct Profile {
  DerWriter subject;
  DerWriter extensions;
};

StatusOr<Bytes> SerialContents(ByteSpan serial16) {
  if (serial16.size() != 16) {
    return InvalidArgument("a serial number must be given as 16 random octets, not {}", serial16.size());
  }
  Bytes serial = ToBytes(serial16);
  // Positive, and 16 octets in its shortest form.
  serial[0] &= 0x7F;
  if (serial[0] == 0) serial[0] = 1;
  return serial;
}

StatusOr<Certificate> Issue(const IssuerIdentity& issuer, const Profile& profile, const PublicKey& key,
                            ByteSpan serial16, UtcTime not_before, UtcTime not_after) {
  SMKI_ASSIGN_OR_RETURN(const Bytes serial, SerialContents(serial16));
  if (not_after < not_before) {
    return InvalidArgument("the certificate would end at {}, before it begins at {}", FormatTime(not_after),
                           FormatTime(not_before));
  }
  DerWriter version;
  version.Unsigned(2);
  DerWriter validity;
  WriteTime(validity, not_before);
  WriteTime(validity, not_after);
  DerWriter extensions;
  extensions.Wrap(der::kSequence, profile.extensions);

  DerWriter tbs;
  tbs.Wrap(der::Context(0, true), version);
  tbs.Value(der::kInteger, serial);
  WriteEcdsaWithSha256(tbs);
  tbs.Raw(issuer.name);
  tbs.Wrap(der::kSequence, validity);
  tbs.Wrap(der::kSequence, profile.subject);
  tbs.Raw(key.spki());
  tbs.Wrap(der::Context(3, true), extensions);
  SMKI_ASSIGN_OR_RETURN(const Bytes encoded, SignTbs(tbs, *issuer.signer));
  auto certificate = Certificate::Parse(encoded);
  if (!certificate.ok()) return WithContext(certificate.status(), "the certificate asked for would not be acceptable");
  return certificate;
}

KeyIdentifier IdentifierOf(const IssuerIdentity& issuer) {
  return issuer.signer->public_key().identifier();
}

void WritePolicies(DerWriter& extensions, const std::string& policy) {
  DerWriter identifier;
  identifier.Oid(policy);
  DerWriter information;
  information.Wrap(der::kSequence, identifier);
  DerWriter value;
  value.Wrap(der::kSequence, information);
  WriteExtension(extensions, oid::kCertificatePolicies, true, value);
}

void WriteBasicConstraints(DerWriter& extensions, int path_length) {
  DerWriter constraints;
  constraints.Value(der::kBoolean, Bytes{0xFF});
  if (path_length >= 0) constraints.Unsigned(static_cast<uint64_t>(path_length));
  DerWriter value;
  value.Wrap(der::kSequence, constraints);
  WriteExtension(extensions, oid::kBasicConstraints, true, value);
}

// RFC 5934 section 9; not critical.
void WriteApexKey(DerWriter& extensions, const WrappedApexKey& apex_key) {
  DerWriter parts;
  parts.Raw(apex_key.algorithm);
  parts.Value(der::kOctetString, apex_key.wrapped);
  DerWriter value;
  value.Wrap(der::kSequence, parts);
  WriteExtension(extensions, oid::kWrappedApexKey, false, value);
}

// hwType of GBCS Devices in the test PKI; GBCS.md 6.5.
constexpr char kDeviceHardwareType[] = "1.2.826.0.1.8641679.1.2.2.1";

void WriteDeviceName(DerWriter& extensions, Eui64 device) {
  DerWriter module_parts;
  module_parts.Oid(kDeviceHardwareType);
  module_parts.Value(der::kOctetString, device.bytes());
  DerWriter module;
  module.Wrap(der::kSequence, module_parts);
  DerWriter other_name;
  other_name.Value(der::kOid, oid::kHardwareModuleName);
  other_name.Wrap(der::Context(0, true), module);
  DerWriter names;
  names.Wrap(der::Context(0, true), other_name);
  DerWriter value;
  value.Wrap(der::kSequence, names);
  WriteExtension(extensions, oid::kSubjectAltName, true, value);
}

void WriteTlsNames(DerWriter& extensions) {
  DerWriter purposes;
  purposes.Oid("1.3.6.1.5.5.7.3.1");  // serverAuth
  purposes.Oid("1.3.6.1.5.5.7.3.2");  // clientAuth
  DerWriter usage;
  usage.Wrap(der::kSequence, purposes);
  WriteExtension(extensions, oid::kExtendedKeyUsage, false, usage);
  DerWriter names;
  names.Text(der::Context(2, false), "localhost");
  names.Value(der::Context(7, false), Bytes{127, 0, 0, 1});
  DerWriter value;
  value.Wrap(der::kSequence, names);
  WriteExtension(extensions, oid::kSubjectAltName, false, value);
}

}  // namespace

Bytes AuthorityName(const AuthoritySubject& subject) {
  DerWriter rdns;
  if (!subject.organisational_unit.empty()) {
    WriteRdn(rdns, oid::kOrganisationalUnit, der::kPrintableString, AsBytes(subject.organisational_unit));
  }
  WriteRdn(rdns, oid::kCommonName, der::kPrintableString, AsBytes(subject.common_name));
  DerWriter name;
  name.Wrap(der::kSequence, rdns);
  return name.Take();
}

StatusOr<Certificate> IssueOrganisationCertificate(const IssuerIdentity& issuer, const OrganisationSubject& subject,
                                                   const PublicKey& key, KeyUsageBits usage, ByteSpan serial16,
                                                   UtcTime not_before, UtcTime not_after) {
  Profile profile;
  WriteOrganisationSubject(profile.subject, subject);
  const KeyIdentifier own = key.identifier();
  const KeyIdentifier authority = IdentifierOf(issuer);
  WriteExtension(profile.extensions, oid::kKeyUsage, true, KeyUsageValue(usage));
  WriteKeyIdentifierExtensions(profile.extensions, &own, nullptr);
  WritePolicies(profile.extensions, kOrganisationPolicy);
  WriteKeyIdentifierExtensions(profile.extensions, nullptr, &authority);
  return Issue(issuer, profile, key, serial16, not_before, not_after);
}

StatusOr<Certificate> IssueDeviceCertificate(const IssuerIdentity& issuer, Eui64 device, const PublicKey& key,
                                             KeyUsageBits usage, ByteSpan serial16, UtcTime not_before) {
  Profile profile;
  const KeyIdentifier own = key.identifier();
  const KeyIdentifier authority = IdentifierOf(issuer);
  WriteExtension(profile.extensions, oid::kKeyUsage, true, KeyUsageValue(usage));
  WriteKeyIdentifierExtensions(profile.extensions, &own, nullptr);
  WriteDeviceName(profile.extensions, device);
  WritePolicies(profile.extensions, kDevicePolicy);
  WriteKeyIdentifierExtensions(profile.extensions, nullptr, &authority);
  return Issue(issuer, profile, key, serial16, not_before, NoExpiry());
}

StatusOr<Certificate> IssueAuthorityCertificate(const IssuerIdentity& issuer, const AuthoritySubject& subject,
                                                const PublicKey& key, int path_length, const std::string& policy,
                                                ByteSpan serial16, UtcTime not_before, UtcTime not_after,
                                                const WrappedApexKey* apex_key) {
  Profile profile;
  const Bytes name = AuthorityName(subject);
  DerReader whole(name);
  SMKI_ASSIGN_OR_RETURN(const DerValue rdns, whole.Next());
  profile.subject.Raw(rdns.content);
  const KeyIdentifier own = key.identifier();
  const KeyIdentifier authority = IdentifierOf(issuer);
  const bool root = name == issuer.name;
  if (root != (key == issuer.signer->public_key())) {
    return InvalidArgument(
        "an authority that is its own issuer must have the same name and the same key as its issuer");
  }
  WriteExtension(profile.extensions, oid::kKeyUsage, true, KeyUsageValue(kKeyCertSign | kCrlSign));
  WriteBasicConstraints(profile.extensions, path_length);
  WritePolicies(profile.extensions, policy);
  WriteKeyIdentifierExtensions(profile.extensions, &own, root ? nullptr : &authority);
  if (apex_key != nullptr) WriteApexKey(profile.extensions, *apex_key);
  return Issue(issuer, profile, key, serial16, not_before, not_after);
}

StatusOr<Certificate> IssuePersonCertificate(const IssuerIdentity& issuer, const std::string& id,
                                             const std::string& organisation, const PublicKey& key, KeyUsageBits usage,
                                             ByteSpan serial16, UtcTime not_before, UtcTime not_after, bool tls) {
  Profile profile;
  WriteRdn(profile.subject, oid::kOrganisation, der::kUtf8String, AsBytes(organisation));
  WriteRdn(profile.subject, oid::kCommonName, der::kUtf8String, AsBytes(id));
  const KeyIdentifier own = key.identifier();
  const KeyIdentifier authority = IdentifierOf(issuer);
  WriteExtension(profile.extensions, oid::kKeyUsage, true, KeyUsageValue(usage));
  WriteKeyIdentifierExtensions(profile.extensions, &own, nullptr);
  if (tls) WriteTlsNames(profile.extensions);
  WritePolicies(profile.extensions, kPersonPolicy);
  WriteKeyIdentifierExtensions(profile.extensions, nullptr, &authority);
  return Issue(issuer, profile, key, serial16, not_before, not_after);
}

StatusOr<Certificate> SelfSignedAgreementCertificate(PrivateKey& key, const std::string& common_name, ByteSpan serial16,
                                                     UtcTime not_before, UtcTime not_after) {
  Profile profile;
  WriteRdn(profile.subject, oid::kCommonName, der::kUtf8String, AsBytes(common_name));
  DerWriter name;
  name.Wrap(der::kSequence, profile.subject);
  const KeyIdentifier own = key.public_key().identifier();
  WriteExtension(profile.extensions, oid::kKeyUsage, true, KeyUsageValue(kKeyAgreement));
  WriteKeyIdentifierExtensions(profile.extensions, &own, nullptr);
  return Issue({&key, name.bytes()}, profile, key.public_key(), serial16, not_before, not_after);
}

}  // namespace smki::pki
