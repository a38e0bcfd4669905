#include "hsm/material/key_ceremony.h"

#include <algorithm>
#include <map>

#include "base/yaml.h"
#include "hsm/custody/provision.h"
#include "hsm/custody/shares.h"
#include "pki/cms.h"
#include "pki/digest.h"
#include "procedures/evidence/key_ceremony.h"

namespace smki::hsm {
namespace {

using procedures::KeyCeremonyPlan;
using procedures::KeyCeremonyTranscript;
using procedures::Reason;
using procedures::Refuse;

constexpr size_t kMaxFile = 64 * 1024;
constexpr size_t kSerialOctets = 16;
constexpr int kRootPathLength = 1, kIssuingPathLength = 0;
constexpr char kAuthorityKeyLabel[] = "authority";
constexpr char kTranscript[] = "transcript.txt";
constexpr char kReviewed[] = "ceremony.yaml", kCertificate[] = "certificate.pem", kPublicKey[] = "public-key.der";
constexpr char kApexAlgorithm[] = "apex-key.algorithm.der", kApexWrapped[] = "apex-key.wrapped.bin";

UtcTime Midnight(UtcTime time) {
  CivilTime civil = ToCivil(time);
  civil.hour = civil.minute = civil.second = 0;
  return FromCivil(civil);
}

UtcTime YearsAfter(UtcTime day, uint64_t years) {
  CivilTime civil = ToCivil(day);
  civil.year += static_cast<int>(years);
  return FromCivil(civil);
}

// One ceremony, from its reviewed file to its transcript.
class Holding {
 public:
  Holding(const CeremonySite& site, FileSystem& files, Clock& clock, Random& random)
      : site_(site), files_(files), clock_(clock), random_(random) {}

  StatusOr<CeremonyResult> Run(const std::string& reviewed_file) {
    SMKI_ASSIGN_OR_RETURN(const Bytes reviewed, files_.Read(reviewed_file, kMaxFile));
    SMKI_ASSIGN_OR_RETURN(plan_, procedures::LoadKeyCeremony(AsText(reviewed), reviewed_file));
    SMKI_ASSIGN_OR_RETURN(const Bytes policy, files_.Read(site_.policy, procedures::kMaxPolicy));
    SMKI_ASSIGN_OR_RETURN(policy_, procedures::ParsePolicy(AsText(policy)));
    policy_digest_ = pki::Sha256(policy);
    folder_ = site_.results + "/" + plan_.id;
    if (files_.Exists(folder_)) {
      return Error(StatusCode::kAlreadyExists,
                   "{} is there: a ceremony's results are never written over. Next: give the new one another id",
                   folder_);
    }
    started_ = UtcTime{clock_.Now().ms / 1000 * 1000};
    SMKI_RETURN_IF_ERROR(files_.CreateDirectories(folder_));
    SMKI_RETURN_IF_ERROR(Write(kReviewed, reviewed));
    SMKI_RETURN_IF_ERROR(Make());
    return Conclude();
  }

 private:
  std::string LabelOf(const std::string& token) const { return token + "-" + policy_.environment.estate; }

  Status Make() {
    const bool authority = plan_.makes == "root-oca" || plan_.makes == "issuing-oca";
    SMKI_ASSIGN_OR_RETURN(
        module_, pkcs11::Module::Load(site_.module, authority ? site_.authorities_config : site_.keyguard_config));
    if (plan_.makes == "root-oca") return MakeRoot();
    if (plan_.makes == "issuing-oca") return MakeIssuing();
    if (plan_.makes == "recovery") return MakePair("recovery", *plan_.custody);
    return MakeContingency();
  }

  // --- Pairs with custodians ---

  Status MakePair(const std::string& key, const procedures::CeremonyCustody& asked) {
    SMKI_ASSIGN_OR_RETURN(const Custody custody, MakeShares(key, asked));
    SMKI_ASSIGN_OR_RETURN(key_, ProvisionToken(*module_, LabelOf(plan_.token), custody.secret, Binding(key), random_));
    return Write(kPublicKey, key_->spki());
  }

  Status MakeContingency() {
    SMKI_RETURN_IF_ERROR(MakePair("contingency", *plan_.custody));
    SMKI_ASSIGN_OR_RETURN(const Custody custody, MakeShares("symmetric", *plan_.symmetric_custody));
    SMKI_ASSIGN_OR_RETURN(const Secret symmetric,
                          ProvisionSymmetricToken(*module_, LabelOf(plan_.symmetric_token), custody.secret,
                                                  Binding("symmetric"), random_));
    SMKI_ASSIGN_OR_RETURN(const pki::WrappedApexKey apex, pki::WrapApexKey(*key_, symmetric.span()));
    SMKI_RETURN_IF_ERROR(Write(kApexAlgorithm, apex.algorithm));
    SMKI_RETURN_IF_ERROR(Write(kApexWrapped, apex.wrapped));
    // Read again, as a Device will one day: nobody can look inside without the Symmetric Key, which is closed then.
    SMKI_ASSIGN_OR_RETURN(const pki::WrappedApexKey written, ReadApexKey(plan_.id));
    SMKI_ASSIGN_OR_RETURN(const pki::PublicKey carried, pki::UnwrapApexKey(written, symmetric.span()));
    if (carried != *key_) return DataLoss("the wrapped contingency key is not the one in the token");
    return OkStatus();
  }

  TokenBinding Binding(const std::string& key) const {
    return {policy_.environment, key, policy_.version, policy_digest_};
  }

  // The new shares, each to its custodian alone, and what commits to them for the next trust policy.
  StatusOr<Custody> MakeShares(const std::string& key, const procedures::CeremonyCustody& asked) {
    const procedures::KeyCustody* const like = policy_.FindKey(asked.custodians_of);
    if (like == nullptr)
      return FailedPrecondition("the trust policy names no custodians of the {} key", asked.custodians_of);
    std::vector<std::string> persons;
    for (const procedures::CustodianShare& share : like->custodians) persons.push_back(share.person);
    if (asked.threshold > persons.size())
      return FailedPrecondition("a threshold of {} with {} custodians", asked.threshold, persons.size());
    SMKI_ASSIGN_OR_RETURN(Custody custody, MakeCustody(policy_.environment, key, persons,
                                                       static_cast<uint8_t>(asked.threshold), random_));
    std::string commitments = fmt::format("key {} threshold {}\n", key, asked.threshold);
    for (const procedures::ShareRecord& share : custody.shares) {
      const procedures::Person& person = *policy_.FindPerson(share.person);
      SMKI_ASSIGN_OR_RETURN(const auto certificate, pki::Certificate::Parse(person.agreement_certificate.bytes));
      const Secret record = procedures::EncodeShareRecord(share);
      SMKI_ASSIGN_OR_RETURN(const Bytes envelope, pki::Envelop(record.span(), certificate));
      SMKI_RETURN_IF_ERROR(Write(fmt::format("shares/{}-{}.cms", key, share.person), envelope));
      commitments += fmt::format("{} {} {}\n", share.index, share.person, ToHex(procedures::CommitmentOf(share)));
    }
    SMKI_RETURN_IF_ERROR(Write(fmt::format("shares/{}-commitments.txt", key), AsBytes(commitments)));
    return custody;
  }

  // --- Authorities ---

  Status MakeRoot() {
    SMKI_ASSIGN_OR_RETURN(const pki::WrappedApexKey apex, ReadApexKey(plan_.carries));
    SMKI_ASSIGN_OR_RETURN(const auto signer, MakeAuthorityToken());
    return Certify({signer.get(), pki::AuthorityName(Subject())}, kRootPathLength, &apex);
  }

  Status MakeIssuing() {
    SMKI_ASSIGN_OR_RETURN(const CeremonyResult made, ReadKeyCeremony(site_, plan_.issuer, files_));
    SMKI_ASSIGN_OR_RETURN(issuer_, ReadCertificate(made.folder));
    SMKI_ASSIGN_OR_RETURN(const auto root, OpenAuthority(made.transcript.token));
    if (root->public_key() != *issuer_->public_key)
      return FailedPrecondition("token {} does not hold the key of {}", made.transcript.token, issuer_->Describe());
    SMKI_ASSIGN_OR_RETURN(const auto signer, MakeAuthorityToken());
    return Certify({root.get(), issuer_->subject}, kIssuingPathLength, nullptr);
  }

  pki::AuthoritySubject Subject() const { return {plan_.common_name, plan_.organisational_unit}; }

  Status Certify(const pki::IssuerIdentity& issuer, int path_length, const pki::WrappedApexKey* apex) {
    Bytes serial = random_.Take(kSerialOctets);
    serial[0] = static_cast<uint8_t>((serial[0] & 0x3F) | 0x40);
    const UtcTime start = Midnight(started_);
    SMKI_ASSIGN_OR_RETURN(
        const pki::Certificate certificate,
        pki::IssueAuthorityCertificate(issuer, Subject(), *key_, path_length, pki::kOrganisationPolicy, serial, start,
                                       YearsAfter(start, plan_.years) - std::chrono::seconds(1), apex));
    SMKI_RETURN_IF_ERROR(Write(kCertificate, AsBytes(certificate.ToPem())));
    SMKI_ASSIGN_OR_RETURN(const pki::Certificate written, ReadCertificate(folder_));
    return procedures::CheckAuthorityProfile(plan_, written, issuer_ ? *issuer_ : written);
  }

  // Nobody keeps the SO PIN. The user PIN lies where this site keeps its authorities' PINs.
  StatusOr<std::unique_ptr<pkcs11::TokenSigner>> MakeAuthorityToken() {
    const std::string label = LabelOf(plan_.token);
    const Secret so_pin = PinOf(Secret(random_.Take(kPinSecret))), pin = PinOf(Secret(random_.Take(kPinSecret)));
    SMKI_ASSIGN_OR_RETURN(const pkcs11::Slot slot, module_->InitToken(label, so_pin));
    {
      SMKI_ASSIGN_OR_RETURN(const auto session, slot.OpenSession(pkcs11::Access::kReadWrite));
      SMKI_RETURN_IF_ERROR(session->LoginSecurityOfficer(so_pin));
      SMKI_RETURN_IF_ERROR(session->InitPin(pin));
      SMKI_RETURN_IF_ERROR(session->Logout());
      SMKI_RETURN_IF_ERROR(session->Login(pin));
      SMKI_ASSIGN_OR_RETURN(key_, session->GenerateKeyPair(kAuthorityKeyLabel));
    }
    SMKI_RETURN_IF_ERROR(files_.WriteDurably(site_.authorities_pins + "/" + label + ".pin", pin.span(), true));
    return pkcs11::TokenSigner::Open(slot, pin, kAuthorityKeyLabel);
  }

  StatusOr<std::unique_ptr<pkcs11::TokenSigner>> OpenAuthority(const std::string& label) {
    SMKI_ASSIGN_OR_RETURN(Bytes octets, files_.Read(site_.authorities_pins + "/" + label + ".pin", kMaxFile));
    const Secret pin(std::move(octets));
    pkcs11::TokenUri uri;
    SMKI_ASSIGN_OR_RETURN(uri, pkcs11::TokenUri::Parse("pkcs11:token=" + label));
    SMKI_ASSIGN_OR_RETURN(const pkcs11::Slot slot, module_->FindToken(uri));
    return pkcs11::TokenSigner::Open(slot, pin, kAuthorityKeyLabel);
  }

  StatusOr<pki::WrappedApexKey> ReadApexKey(const std::string& id) {
    const std::string folder = site_.results + "/" + id;
    // That of another ceremony must be whole and as its transcript says.
    if (id != plan_.id) SMKI_RETURN_IF_ERROR(ReadKeyCeremony(site_, id, files_).status());
    pki::WrappedApexKey out;
    SMKI_ASSIGN_OR_RETURN(out.algorithm, files_.Read(folder + "/" + kApexAlgorithm, kMaxFile));
    SMKI_ASSIGN_OR_RETURN(out.wrapped, files_.Read(folder + "/" + kApexWrapped, kMaxFile));
    return out;
  }

  StatusOr<pki::Certificate> ReadCertificate(const std::string& folder) {
    SMKI_ASSIGN_OR_RETURN(const Bytes pem, files_.Read(folder + "/" + kCertificate, kMaxFile));
    return pki::Certificate::FromPem(AsText(pem));
  }

  // --- Results ---

  Status Write(const std::string& name, ByteSpan octets) {
    const std::string path = folder_ + "/" + name;
    if (files_.Exists(path)) return Error(StatusCode::kAlreadyExists, "{} is there already", path);
    SMKI_RETURN_IF_ERROR(files_.CreateDirectories(DirectoryOf(path)));
    SMKI_RETURN_IF_ERROR(files_.WriteDurably(path, octets));
    SMKI_ASSIGN_OR_RETURN(const Bytes written, files_.Read(path, kMaxFile));
    if (!std::equal(written.begin(), written.end(), octets.begin(), octets.end()))
      return DataLoss("{} does not hold what was written", path);
    outputs_[name] = pki::Sha256(written);
    return OkStatus();
  }

  StatusOr<CeremonyResult> Conclude() {
    KeyCeremonyTranscript transcript;
    transcript.environment = policy_.environment;
    transcript.id = plan_.id;
    transcript.ceremony = plan_.digest;
    transcript.makes = plan_.makes;
    transcript.token = LabelOf(plan_.token);
    transcript.key_identifier = ToHex(key_->identifier());
    transcript.started = started_;
    transcript.ended = std::max(started_, UtcTime{clock_.Now().ms / 1000 * 1000});
    for (const auto& [file, sha256] : outputs_) transcript.outputs.push_back({file, sha256});
    SMKI_RETURN_IF_ERROR(files_.WriteDurably(folder_ + "/" + kTranscript, AsBytes(procedures::Render(transcript))));
    return ReadKeyCeremony(site_, plan_.id, files_);
  }

  const CeremonySite& site_;
  FileSystem& files_;
  Clock& clock_;
  Random& random_;
  KeyCeremonyPlan plan_;
  procedures::TrustPolicy policy_;
  Digest policy_digest_{};
  std::string folder_;
  UtcTime started_;
  std::shared_ptr<pkcs11::Module> module_;
  std::optional<pki::PublicKey> key_;
  std::optional<pki::Certificate> issuer_;
  std::map<std::string, Digest> outputs_;
};

StatusOr<std::string> PathIn(const YamlNode& node, const char* key, const std::string& folder) {
  SMKI_ASSIGN_OR_RETURN(std::string text, node.Text(key));
  return text[0] == '/' ? text : folder + "/" + text;
}

}  // namespace

StatusOr<CeremonySite> ReadCeremonySite(FileSystem& files, const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes text, files.Read(path, kMaxFile));
  SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(AsText(text), path));
  SMKI_RETURN_IF_ERROR(root.CheckKeys({"policy", "results", "module", "authorities", "keyguard"}));
  const std::string folder = DirectoryOf(path);
  CeremonySite site;
  SMKI_ASSIGN_OR_RETURN(site.policy, PathIn(root, "policy", folder));
  SMKI_ASSIGN_OR_RETURN(site.results, PathIn(root, "results", folder));
  SMKI_ASSIGN_OR_RETURN(site.module, PathIn(root, "module", folder));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* authorities, root.Mapping("authorities"));
  SMKI_RETURN_IF_ERROR(authorities->CheckKeys({"config", "pins"}));
  SMKI_ASSIGN_OR_RETURN(site.authorities_config, PathIn(*authorities, "config", folder));
  SMKI_ASSIGN_OR_RETURN(site.authorities_pins, PathIn(*authorities, "pins", folder));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* keyguard, root.Mapping("keyguard"));
  SMKI_RETURN_IF_ERROR(keyguard->CheckKeys({"config"}));
  SMKI_ASSIGN_OR_RETURN(site.keyguard_config, PathIn(*keyguard, "config", folder));
  return site;
}

StatusOr<CeremonyResult> HoldKeyCeremony(const CeremonySite& site, const std::string& reviewed_file, FileSystem& files,
                                         Clock& clock, Random& random) {
  return Holding(site, files, clock, random).Run(reviewed_file);
}

StatusOr<CeremonyResult> ReadKeyCeremony(const CeremonySite& site, const std::string& id, FileSystem& files) {
  CeremonyResult out;
  out.folder = site.results + "/" + id;
  SMKI_ASSIGN_OR_RETURN(const Bytes text, files.Read(out.folder + "/" + kTranscript, kMaxFile));
  SMKI_ASSIGN_OR_RETURN(out.transcript, procedures::ParseKeyCeremonyTranscript(AsText(text)));
  std::map<std::string, Bytes> results;
  for (const procedures::CeremonyOutput& output : out.transcript.outputs) {
    auto octets = files.Read(out.folder + "/" + output.file, kMaxFile);
    if (!octets.ok()) return Refuse(Reason::kCEREMONY_OUTPUT_WRONG, Message(octets.status()));
    results[output.file] = *std::move(octets);
  }
  SMKI_RETURN_IF_ERROR(procedures::CheckOutputs(out.transcript, results));
  return out;
}

StatusOr<std::string> SignKeyCeremony(const CeremonySite& site, const std::string& id, const std::string& person,
                                      pki::Signer& key, const std::string& certificate_file, FileSystem& files,
                                      Clock& clock) {
  SMKI_ASSIGN_OR_RETURN(const CeremonyResult made, ReadKeyCeremony(site, id, files));
  SMKI_ASSIGN_OR_RETURN(const Bytes pem, files.Read(certificate_file, kMaxFile));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::FromPem(AsText(pem)));
  const std::string text = procedures::Render(made.transcript);
  SMKI_ASSIGN_OR_RETURN(const Bytes cms,
                        pki::SignDetached(AsBytes(text), key, certificate, clock.Now(), procedures::kKeyCeremonyHint));
  const std::string path = fmt::format("{}/signatures/{}.cms", made.folder, person);
  if (files.Exists(path)) return Error(StatusCode::kAlreadyExists, "{} has signed already: {}", person, path);
  SMKI_RETURN_IF_ERROR(files.CreateDirectories(DirectoryOf(path)));
  SMKI_RETURN_IF_ERROR(files.WriteDurably(path, cms));
  return path;
}

}  // namespace smki::hsm
