#include "sim/site.h"

#include "base/address.h"
#include "base/file.h"
#include "base/yaml.h"

namespace smki::sim {
namespace {

constexpr size_t kMaxSite = 64 * 1024;

}  // namespace

StatusOr<SimSite> ReadSimSite(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes text, PosixFiles().Read(path, kMaxSite));
  SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(AsText(text), path));
  SMKI_RETURN_IF_ERROR(
      root.CheckKeys({"listen", "tls", "fleet", "extracts", "authority", "pkcs11"}, {"faults", "broker"}));
  const std::string folder = DirectoryOf(path);
  const auto file = [&folder](const YamlNode& node, std::string_view key) -> StatusOr<std::string> {
    SMKI_ASSIGN_OR_RETURN(const std::string name, node.Text(key));
    return name[0] == '/' ? name : folder + "/" + name;
  };
  SimSite site;
  SMKI_ASSIGN_OR_RETURN(site.listen, ReadListenAddress(root, "listen"));
  SMKI_ASSIGN_OR_RETURN(site.fleet, file(root, "fleet"));
  SMKI_ASSIGN_OR_RETURN(site.extracts, file(root, "extracts"));
  if (!PosixFiles().List(site.extracts).ok()) {
    return root.Find("extracts")
        ->Wrong(fmt::format("'extracts': {} is no folder that can be read; the Repository's files are written there",
                            site.extracts));
  }

  SMKI_ASSIGN_OR_RETURN(const YamlNode* tls, root.Mapping("tls"));
  SMKI_RETURN_IF_ERROR(tls->CheckKeys({"authority", "certificate", "key"}));
  SMKI_ASSIGN_OR_RETURN(site.tls.authority, file(*tls, "authority"));
  SMKI_ASSIGN_OR_RETURN(site.tls.certificate, file(*tls, "certificate"));
  SMKI_ASSIGN_OR_RETURN(site.tls.key, file(*tls, "key"));

  SMKI_ASSIGN_OR_RETURN(const YamlNode* authority, root.Mapping("authority"));
  SMKI_RETURN_IF_ERROR(authority->CheckKeys({"state", "certificate", "token", "pin"}, {"next"}));
  SMKI_ASSIGN_OR_RETURN(site.authority.state, file(*authority, "state"));
  SMKI_ASSIGN_OR_RETURN(site.authority.certificate, file(*authority, "certificate"));
  SMKI_ASSIGN_OR_RETURN(site.authority.token, authority->Text("token"));
  SMKI_ASSIGN_OR_RETURN(site.authority.pin, file(*authority, "pin"));

  if (authority->Find("next") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(const YamlNode* next, authority->Mapping("next"));
    SMKI_RETURN_IF_ERROR(next->CheckKeys({"certificate", "token", "pin"}));
    SimSite::AuthorityKey& key = site.authority.next.emplace();
    SMKI_ASSIGN_OR_RETURN(key.certificate, file(*next, "certificate"));
    SMKI_ASSIGN_OR_RETURN(key.token, next->Text("token"));
    SMKI_ASSIGN_OR_RETURN(key.pin, file(*next, "pin"));
  }

  SMKI_ASSIGN_OR_RETURN(const YamlNode* pkcs11, root.Mapping("pkcs11"));
  SMKI_RETURN_IF_ERROR(pkcs11->CheckKeys({"module", "config"}));
  SMKI_ASSIGN_OR_RETURN(site.pkcs11_module, file(*pkcs11, "module"));
  SMKI_ASSIGN_OR_RETURN(site.pkcs11_config, file(*pkcs11, "config"));

  if (root.Find("broker") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(site.broker, file(root, "broker"));
  }
  if (root.Find("faults") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(const YamlNode* faults, root.Mapping("faults"));
    SMKI_ASSIGN_OR_RETURN(site.faults, Faults::Read(*faults));
  }
  return site;
}

}  // namespace smki::sim
