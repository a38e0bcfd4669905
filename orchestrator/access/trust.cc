#include "orchestrator/access/trust.h"

#include <sys/stat.h>

#include "pki/digest.h"

namespace smki::orchestrator {
namespace {
constexpr size_t kMaxList = 1 << 20;
constexpr size_t kMaxPem = 64 * 1024;
}  // namespace

StatusOr<std::unique_ptr<Trust>> Trust::Load(const Site& site, FileSystem& files) {
  std::unique_ptr<Trust> trust(new Trust(files, site.revocation_list));
  SMKI_ASSIGN_OR_RETURN(const Bytes text, files.Read(site.policy, procedures::kMaxPolicy));
  trust->policy_text_ = ToString(text);
  trust->policy_digest_ = pki::Sha256(text);
  auto policy = procedures::ParsePolicy(trust->policy_text_);
  if (!policy.ok()) return WithContext(policy.status(), site.policy);
  trust->policy_ = std::move(policy).value();
  auto verifier = procedures::PolicyVerifier::Make(trust->policy_);
  if (!verifier.ok()) return WithContext(verifier.status(), site.policy);
  trust->verifier_.emplace(std::move(verifier).value());

  struct stat info {};
  if (::stat(site.identity_key.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return FailedPrecondition("{}: others may read this private key; run: chmod 600 {}", site.identity_key,
                              site.identity_key);
  }
  SMKI_ASSIGN_OR_RETURN(Bytes pem, files.Read(site.identity_key, kMaxPem));
  auto key = pki::PrivateKey::FromPem(AsText(pem));
  Zeroise(pem);
  if (!key.ok()) return WithContext(key.status(), site.identity_key);
  trust->identity_.emplace(std::move(key).value());
  if (trust->identity_->public_key() != *trust->verifier_->OrchestratorCertificate().public_key) {
    return procedures::Refuse(
        procedures::Reason::kPOLICY_INCOMPLETE,
        fmt::format("{} is not the key of the orchestrator's certificate in {}", site.identity_key, site.policy));
  }
  return trust;
}

const procedures::PolicyVerifier& Trust::VerifierAt(UtcTime now) {
  auto list = files_.Read(list_path_, kMaxList);
  if (list.ok() && *list != revocation_list_ && verifier_->UseRevocationList(*list, now).ok())
    revocation_list_ = std::move(*list);
  return *verifier_;
}

}  // namespace smki::orchestrator
