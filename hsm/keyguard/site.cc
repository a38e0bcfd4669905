#include "hsm/keyguard/site.h"

#include "base/address.h"
#include "base/yaml.h"
#include "hsm/pkcs11/uri.h"

namespace smki::hsm {
namespace {

constexpr size_t kMaxSite = 64 * 1024;
constexpr size_t kMaxKeys = 8;

class Paths {
 public:
  explicit Paths(std::string folder) : folder_(std::move(folder)) {}
  Status Read(const YamlNode& node, const char* key, std::string& out) const {
    SMKI_ASSIGN_OR_RETURN(out, node.Text(key));
    if (out[0] != '/') out = folder_ + "/" + out;
    return OkStatus();
  }

 private:
  std::string folder_;
};

Status ReadKeys(const YamlNode& root, std::vector<NamedKey>& out) {
  SMKI_ASSIGN_OR_RETURN(const YamlNode* keys, root.Sequence("keys"));
  if (keys->items().empty() || keys->items().size() > kMaxKeys)
    return keys->Wrong(fmt::format("expected 1 to {} keys", kMaxKeys));
  for (const YamlNode& item : keys->items()) {
    SMKI_RETURN_IF_ERROR(item.CheckKeys({"name", "token"}));
    NamedKey key;
    SMKI_ASSIGN_OR_RETURN(key.name, item.Text("name"));
    if (key.name != "recovery" && key.name != "contingency" && key.name != "symmetric") {
      return item.Find("name")->Wrong(fmt::format("expected recovery, contingency or symmetric, found '{}'", key.name));
    }
    SMKI_ASSIGN_OR_RETURN(key.uri, item.Text("token"));
    const auto uri = pkcs11::TokenUri::Parse(key.uri);
    if (!uri.ok()) return item.Find("token")->Wrong(Message(uri.status()));
    for (const NamedKey& other : out) {
      if (other.name == key.name) return item.Wrong("key " + key.name + " is named twice");
    }
    out.push_back(std::move(key));
  }
  return OkStatus();
}

}  // namespace

StatusOr<KeyguardSite> ReadKeyguardSite(FileSystem& files, const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes text, files.Read(path, kMaxSite));
  SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(AsText(text), path));
  SMKI_RETURN_IF_ERROR(root.CheckKeys(
      {"listen", "personsListen", "tls", "policy", "identity", "data", "signer", "pkcs11", "keys"}, {"signerUser"}));
  const Paths paths(DirectoryOf(path));
  KeyguardSite site;
  SMKI_ASSIGN_OR_RETURN(site.listen, ReadListenAddress(root, "listen"));
  SMKI_ASSIGN_OR_RETURN(site.persons_listen, ReadListenAddress(root, "personsListen"));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* tls, root.Mapping("tls"));
  SMKI_RETURN_IF_ERROR(tls->CheckKeys({"authority", "certificate", "key"}));
  SMKI_RETURN_IF_ERROR(paths.Read(*tls, "authority", site.tls.authority));
  SMKI_RETURN_IF_ERROR(paths.Read(*tls, "certificate", site.tls.certificate));
  SMKI_RETURN_IF_ERROR(paths.Read(*tls, "key", site.tls.key));
  SMKI_RETURN_IF_ERROR(paths.Read(root, "policy", site.policy));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* identity, root.Mapping("identity"));
  SMKI_RETURN_IF_ERROR(identity->CheckKeys({"certificate", "key"}));
  SMKI_RETURN_IF_ERROR(paths.Read(*identity, "certificate", site.identity_certificate));
  SMKI_RETURN_IF_ERROR(paths.Read(*identity, "key", site.identity_key));
  SMKI_RETURN_IF_ERROR(paths.Read(root, "data", site.data));
  SMKI_ASSIGN_OR_RETURN(site.signer, root.Text("signer"));
  if (site.signer != "auto") SMKI_RETURN_IF_ERROR(paths.Read(root, "signer", site.signer));
  if (root.Find("signerUser") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(site.signer_user, root.Text("signerUser"));
  }
  SMKI_ASSIGN_OR_RETURN(const YamlNode* pkcs11, root.Mapping("pkcs11"));
  SMKI_RETURN_IF_ERROR(pkcs11->CheckKeys({"module"}, {"config"}));
  SMKI_RETURN_IF_ERROR(paths.Read(*pkcs11, "module", site.module));
  if (pkcs11->Find("config") != nullptr) SMKI_RETURN_IF_ERROR(paths.Read(*pkcs11, "config", site.softhsm_config));
  SMKI_RETURN_IF_ERROR(ReadKeys(root, site.keys));
  return site;
}

}  // namespace smki::hsm
