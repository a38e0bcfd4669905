// What a site file names must be there and be what it is named for, before anybody is told that the server is ready.
#include <algorithm>

#include "orchestrator/site.h"
#include "pki/certificate.h"

namespace smki::orchestrator {
namespace {

constexpr size_t kMaxPem = 64 * 1024;
constexpr size_t kMaxList = 1 << 20;

class Check {
 public:
  Check(FileSystem& files, const Site& site) : files_(files), site_(site) {}

  Status Run() const {
    SMKI_RETURN_IF_ERROR(Runbooks());
    if (!files_.List(site_.extracts).ok()) {
      return Wrong("extracts", fmt::format("{} is no folder that can be read; it must be the one the SMKIKR files of "
                                           "the Repository arrive in",
                                           site_.extracts));
    }
    SMKI_RETURN_IF_ERROR(RevocationList());
    return Identity();
  }

 private:
  Status Wrong(const std::string& key, const std::string& message) const {
    const auto place = site_.places.find(key);
    return InvalidArgument("{}'{}': {}", place == site_.places.end() ? "" : place->second, key, message);
  }

  Status Runbooks() const {
    const auto folders = files_.List(site_.runbooks);
    if (!folders.ok()) return Wrong("runbooks", site_.runbooks + " is no folder that can be read");
    for (const std::string& folder : *folders) {
      const auto names = files_.List(site_.runbooks + "/" + folder);
      if (!names.ok()) continue;
      if (std::any_of(names->begin(), names->end(), [](const std::string& name) { return name.ends_with(".yaml"); }))
        return OkStatus();
    }
    return Wrong("runbooks", site_.runbooks + " has no sub-folder with a runbook, such as appendix-l/method-3.yaml");
  }

  Status RevocationList() const {
    const auto octets = files_.Read(site_.revocation_list, kMaxList);
    if (!octets.ok()) return Wrong("revocationList", Message(octets.status()));
    const auto list = pki::ParseRevocationList(*octets);
    if (!list.ok()) {
      return Wrong("revocationList",
                   fmt::format("{} is no revocation list in DER: {}", site_.revocation_list, Message(list.status())));
    }
    return OkStatus();
  }

  Status Identity() const {
    const auto pem = files_.Read(site_.identity_certificate, kMaxPem);
    if (!pem.ok()) return Wrong("certificate", Message(pem.status()));
    const auto certificate = pki::Certificate::FromPem(AsText(*pem));
    if (!certificate.ok()) {
      return Wrong("certificate", fmt::format("{} is no certificate in PEM: {}", site_.identity_certificate,
                                              Message(certificate.status())));
    }
    auto octets = files_.Read(site_.identity_key, kMaxPem);
    if (!octets.ok()) return Wrong("key", Message(octets.status()));
    const Secret secret(std::move(*octets));
    const auto key = pki::PrivateKey::FromPem(AsText(secret.span()));
    if (!key.ok()) return Wrong("key", fmt::format("{}: {}", site_.identity_key, Message(key.status())));
    if (key->public_key() != *certificate->public_key) {
      return Wrong("certificate", fmt::format("{} is not the certificate of the key {}", site_.identity_certificate,
                                              site_.identity_key));
    }
    return OkStatus();
  }

  FileSystem& files_;
  const Site& site_;
};

}  // namespace

Status CheckSite(FileSystem& files, const Site& site) {
  return Check(files, site).Run();
}

}  // namespace smki::orchestrator
