#include "cli/person.h"

#include "base/clock.h"
#include "base/file.h"
#include "pki/cms.h"
#include "pki/digest.h"

namespace smki::cli {
namespace {

constexpr size_t kMaxShareFile = 64 * 1024;

StatusOr<pki::Certificate> ReadCertificate(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(path, 64 * 1024));
  auto certificate = pki::Certificate::FromPem(AsText(pem));
  if (!certificate.ok()) return WithContext(certificate.status(), path);
  return certificate;
}

}  // namespace

std::string StateWord(keyguard::v1::Status::State state) {
  switch (state) {
    case keyguard::v1::Status::CLOSED:
      return "closed";
    case keyguard::v1::Status::CEREMONY:
      return "ceremony";
    case keyguard::v1::Status::OPEN:
      return "open";
    default:
      return "unknown";
  }
}

StatusOr<Person> Person::Load(const std::string& site_file, const PinSource& pin) {
  Person out;
  out.pin_ = pin;
  SMKI_ASSIGN_OR_RETURN(out.site_, ReadClientSite(site_file));
  SMKI_ASSIGN_OR_RETURN(const Bytes policy, PosixFiles().Read(out.site_.policy, procedures::kMaxPolicy));
  auto parsed = procedures::ParsePolicy(AsText(policy));
  if (!parsed.ok()) return WithContext(parsed.status(), out.site_.policy);
  out.policy_ = std::move(parsed).value();
  out.policy_text_ = ToString(policy);
  out.policy_digest_ = pki::Sha256(policy);
  return out;
}

StatusOr<procedures::PolicyVerifier> Person::MakeVerifier(UtcTime now) const {
  SMKI_ASSIGN_OR_RETURN(procedures::PolicyVerifier verifier, procedures::PolicyVerifier::Make(policy_));
  SMKI_ASSIGN_OR_RETURN(const Bytes list, PosixFiles().Read(site_.revocation_list, 1 << 20));
  SMKI_RETURN_IF_ERROR(verifier.UseRevocationList(list, now));
  return verifier;
}

StatusOr<pki::Signer*> Person::SigningKey() const {
  if (signing_key_ == nullptr) {
    SMKI_ASSIGN_OR_RETURN(signing_key_, OpenSigningKey(site_, pin_));
  }
  return signing_key_.get();
}

StatusOr<Bytes> Person::Sign(ByteSpan document, const std::string& hint) const {
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, ReadCertificate(site_.sign.certificate));
  if (entry() == nullptr) {
    return FailedPrecondition("the trust policy {} knows no person \"{}\"; check `person` in {}", site_.policy, id(),
                              site_.file);
  }
  if (entry()->signing_certificate.bytes != certificate.der()) {
    return FailedPrecondition(
        "{} is not the signing certificate the trust policy has for {}; nobody would accept the signature",
        site_.sign.certificate, id());
  }
  SMKI_ASSIGN_OR_RETURN(pki::Signer * key, SigningKey());
  return pki::SignDetached(document, *key, certificate, SystemClock().Now(), hint);
}

StatusOr<procedures::PresentedShare> Person::PresentShare(const procedures::CeremonyRequest& request,
                                                          std::string_view request_text) const {
  const auto share = site_.shares.find(request.key);
  if (share == site_.shares.end()) {
    return FailedPrecondition("{} names no share of the {} key; add it under `shares`", site_.file, request.key);
  }
  return PresentShare(policy_, share->second, request, request_text);
}

StatusOr<procedures::PresentedShare> Person::PresentShare(const procedures::TrustPolicy& policy,
                                                          const std::string& file,
                                                          const procedures::CeremonyRequest& request,
                                                          std::string_view request_text) const {
  if (site_.agree.key.empty()) return FailedPrecondition("{} names no `agree` key for {}", site_.file, id());
  SMKI_ASSIGN_OR_RETURN(const Bytes envelope, PosixFiles().Read(file, kMaxShareFile));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate agreement_certificate, ReadCertificate(site_.agree.certificate));
  SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey agreement_key, ReadPrivateKey(site_.agree.key));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate signing_certificate, ReadCertificate(site_.sign.certificate));
  SMKI_ASSIGN_OR_RETURN(pki::Signer * signing_key, SigningKey());
  const procedures::CustodianKeys keys{agreement_key, agreement_certificate, *signing_key, signing_certificate};
  auto shown = procedures::PresentShare(policy, request, request_text, id(), envelope, keys, SystemClock().Now());
  if (!shown.ok()) return WithContext(shown.status(), "your share in " + file);
  return shown;
}

StatusOr<procedures::ShareCheck> Person::CheckShare(const std::string& file, const procedures::TrustPolicy& policy,
                                                    const Digest& policy_digest) const {
  if (site_.agree.key.empty()) {
    return FailedPrecondition("{} names no `agree` key for {}, and a share opens with nothing else. Next: add it",
                              site_.file, id());
  }
  SMKI_ASSIGN_OR_RETURN(const Bytes envelope, PosixFiles().Read(file, kMaxShareFile));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, ReadCertificate(site_.agree.certificate));
  SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey key, ReadPrivateKey(site_.agree.key));
  auto check =
      procedures::CheckShareAtHome(policy, policy_digest, id(), envelope, key, certificate, SystemClock().Now());
  if (!check.ok()) return WithContext(check.status(), file);
  return check;
}

StatusOr<recovery::v1::Recovery::Stub*> Person::Orchestrator() {
  if (orchestrator_ == nullptr) {
    SMKI_ASSIGN_OR_RETURN(const rpc::TlsMaterial tls, rpc::ReadTls(site_.tls));
    orchestrator_channel_ = rpc::MakeChannel(site_.orchestrator, tls, rpc::kOrchestratorServer);
    orchestrator_ = recovery::v1::Recovery::NewStub(orchestrator_channel_);
  }
  return orchestrator_.get();
}

StatusOr<keyguard::v1::KeyguardPersons::Stub*> Person::Keyguard() {
  if (keyguard_ == nullptr) {
    SMKI_ASSIGN_OR_RETURN(const rpc::TlsMaterial tls, rpc::ReadTls(site_.tls));
    keyguard_ = keyguard::v1::KeyguardPersons::NewStub(rpc::MakeChannel(site_.keyguard, tls, rpc::kKeyguardServer));
  }
  return keyguard_.get();
}

bool Person::AwaitOrchestrator(Millis patience) {
  return orchestrator_channel_ != nullptr &&
         orchestrator_channel_->WaitForConnected(std::chrono::system_clock::now() + patience);
}

}  // namespace smki::cli
