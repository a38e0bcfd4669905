#include "cli/site.h"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "base/yaml.h"
#include "hsm/pkcs11/uri.h"

namespace smki::cli {
namespace {

constexpr size_t kMaxKeyFile = 16 * 1024;
constexpr char kTokenScheme[] = "pkcs11:";

std::string Resolve(const std::string& folder, const std::string& path) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

StatusOr<KeyPairFiles> ReadKeyPair(const YamlNode& root, const char* key, const std::string& folder) {
  SMKI_ASSIGN_OR_RETURN(const YamlNode* node, root.Mapping(key));
  SMKI_RETURN_IF_ERROR(node->CheckKeys({"certificate", "key"}));
  KeyPairFiles out;
  SMKI_ASSIGN_OR_RETURN(out.certificate, node->Text("certificate"));
  SMKI_ASSIGN_OR_RETURN(out.key, node->Text("key"));
  out.certificate = Resolve(folder, out.certificate);
  if (!out.key.starts_with(kTokenScheme)) out.key = Resolve(folder, out.key);
  return out;
}

// Which keys may be in a token, and that the token can be found.
Status CheckTokenKeys(const YamlNode& root, ClientSite& site) {
  if (site.agree.key.starts_with(kTokenScheme)) {
    return InvalidArgument("{}: agree.key is in a token; a share can be opened only with a key in a file", site.file);
  }
  if (root.Find("pkcs11") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(const YamlNode* pkcs11, root.Mapping("pkcs11"));
    SMKI_RETURN_IF_ERROR(pkcs11->CheckKeys({"module"}));
    SMKI_ASSIGN_OR_RETURN(site.pkcs11_module, pkcs11->Text("module"));
  }
  if (!site.sign.key.starts_with(kTokenScheme)) return OkStatus();
  const auto uri = hsm::pkcs11::TokenUri::Parse(site.sign.key);
  if (!uri.ok()) return WithContext(uri.status(), site.file + ": sign.key");
  if (uri->object.empty())
    return InvalidArgument("{}: sign.key names no key in the token; add ;object=LABEL", site.file);
  if (site.pkcs11_module.empty()) {
    return InvalidArgument("{}: sign.key is in a token, and no library reaches it; add  pkcs11:  with  module: FILE",
                           site.file);
  }
  return OkStatus();
}

}  // namespace

StatusOr<Bytes> ReadInput(const std::string& path, size_t limit) {
  if (path != "-") return PosixFiles().Read(path, limit);
  Bytes out;
  uint8_t buffer[16 * 1024];
  for (size_t got; (got = std::fread(buffer, 1, sizeof buffer, stdin)) > 0;) {
    if (out.size() + got > limit)
      return Error(StatusCode::kResourceExhausted, "the standard input has more than {} octets", limit);
    out.insert(out.end(), buffer, buffer + got);
  }
  return out;
}

StatusOr<Secret> ReadKeyFile(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return PermissionDenied(
        "{} can be read by others; it is a private key: chmod 600 it, and think about who may have read it", path);
  }
  SMKI_ASSIGN_OR_RETURN(Bytes octets, PosixFiles().Read(path, kMaxKeyFile));
  return Secret(std::move(octets));
}

StatusOr<ClientSite> ReadClientSite(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes text, PosixFiles().Read(path, 64 * 1024));
  SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(AsText(text), path));
  SMKI_RETURN_IF_ERROR(root.CheckKeys({"person", "tls", "orchestrator", "keyguard", "policy", "sign"},
                                      {"agree", "shares", "revocationList", "pkcs11"}));
  const std::string folder = DirectoryOf(path);
  ClientSite site;
  site.file = path;
  SMKI_ASSIGN_OR_RETURN(site.person, root.Text("person"));
  SMKI_ASSIGN_OR_RETURN(site.orchestrator, root.Text("orchestrator"));
  SMKI_ASSIGN_OR_RETURN(site.keyguard, root.Text("keyguard"));
  SMKI_ASSIGN_OR_RETURN(const std::string policy, root.Text("policy"));
  site.policy = Resolve(folder, policy);
  site.revocation_list = DirectoryOf(site.policy) + "/persons.crl";
  if (root.Find("revocationList") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(const std::string list, root.Text("revocationList"));
    site.revocation_list = Resolve(folder, list);
  }
  SMKI_ASSIGN_OR_RETURN(const YamlNode* tls, root.Mapping("tls"));
  SMKI_RETURN_IF_ERROR(tls->CheckKeys({"authority", "certificate", "key"}));
  SMKI_ASSIGN_OR_RETURN(const std::string authority, tls->Text("authority"));
  SMKI_ASSIGN_OR_RETURN(const KeyPairFiles transport, [&]() -> StatusOr<KeyPairFiles> {
    KeyPairFiles out;
    SMKI_ASSIGN_OR_RETURN(out.certificate, tls->Text("certificate"));
    SMKI_ASSIGN_OR_RETURN(out.key, tls->Text("key"));
    return out;
  }());
  site.tls = {Resolve(folder, authority), Resolve(folder, transport.certificate), Resolve(folder, transport.key)};
  SMKI_ASSIGN_OR_RETURN(site.sign, ReadKeyPair(root, "sign", folder));
  if (root.Find("agree") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(site.agree, ReadKeyPair(root, "agree", folder));
  }
  if (root.Find("shares") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(const YamlNode* shares, root.Mapping("shares"));
    for (const auto& [key, node] : shares->entries()) {
      SMKI_ASSIGN_OR_RETURN(const std::string file, node.AsText());
      site.shares[key] = Resolve(folder, file);
    }
  }
  SMKI_RETURN_IF_ERROR(CheckTokenKeys(root, site));
  return site;
}

}  // namespace smki::cli
