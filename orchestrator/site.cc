#include "orchestrator/site.h"

#include <filesystem>

#include "base/address.h"
#include "base/yaml.h"

namespace smki::orchestrator {
namespace {

constexpr size_t kMaxSite = 64 * 1024;

class SiteReader {
 public:
  explicit SiteReader(const std::string& folder) : folder_(std::filesystem::absolute(folder).string()) {}

  StatusOr<std::string> Path(const YamlNode& node, std::string_view key) const {
    SMKI_ASSIGN_OR_RETURN(const std::string text, node.Text(key));
    return (std::filesystem::path(folder_) / text).lexically_normal().string();
  }
  std::string PlaceOf(const YamlNode& node, std::string_view key) const { return Message(node.Find(key)->Wrong("")); }

 private:
  std::string folder_;
};

Status OptionalNumber(const YamlNode& node, std::string_view key, uint64_t min, uint64_t max, uint64_t& out) {
  if (node.Find(key) == nullptr) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(out, node.Number(key, min, max));
  return OkStatus();
}

Status OptionalDuration(const YamlNode& node, std::string_view key, Millis min, Millis max, Millis& out) {
  if (node.Find(key) == nullptr) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(out, node.Duration(key));
  if (out < min || out > max) {
    return node.Find(key)->Wrong(
        fmt::format("'{}' must be from {} to {}", key, FormatDuration(min), FormatDuration(max)));
  }
  return OkStatus();
}

Status ReadCampaign(const YamlNode& node, CampaignSettings& out) {
  SMKI_RETURN_IF_ERROR(node.CheckKeys(
      {}, {"batch", "canary", "canaryPercent", "responseTimeout", "resendsPerAttempt", "window", "batchesInFlight"}));
  SMKI_RETURN_IF_ERROR(OptionalNumber(node, "batch", 1, 1024, out.batch));
  SMKI_RETURN_IF_ERROR(OptionalNumber(node, "canary", 1, 100000, out.canary));
  SMKI_RETURN_IF_ERROR(OptionalNumber(node, "canaryPercent", 0, 100, out.canary_percent));
  SMKI_RETURN_IF_ERROR(
      OptionalDuration(node, "responseTimeout", Millis(10), std::chrono::hours(24 * 7), out.response_timeout));
  SMKI_RETURN_IF_ERROR(OptionalNumber(node, "resendsPerAttempt", 0, 100, out.resends_per_attempt));
  SMKI_RETURN_IF_ERROR(OptionalNumber(node, "window", 1, 1000000, out.window));
  return OptionalNumber(node, "batchesInFlight", 1, 16, out.batches_in_flight);
}

Status ReadDirection(const YamlNode& node, DirectionSettings& out) {
  SMKI_RETURN_IF_ERROR(node.CheckKeys({}, {"validity", "attemptsPerDevice", "outstanding", "ratePerSecond",
                                           "keyOrganisation", "contingencyOriginator", "organisations"}));
  SMKI_RETURN_IF_ERROR(
      OptionalDuration(node, "validity", std::chrono::hours(1), std::chrono::hours(24 * 30), out.validity));
  SMKI_RETURN_IF_ERROR(OptionalNumber(node, "attemptsPerDevice", 1, 10, out.attempts_per_device));
  SMKI_RETURN_IF_ERROR(OptionalNumber(node, "ratePerSecond", 1, 1000000, out.rate_per_second));
  if (node.Find("outstanding") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(out.outstanding, node.Number("outstanding", 1, 100000000));
  }
  if (node.Find("keyOrganisation") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(out.key_organisation, node.Eui("keyOrganisation"));
  }
  if (node.Find("contingencyOriginator") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(out.contingency_originator, node.Eui("contingencyOriginator"));
  }
  if (node.Find("organisations") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(const YamlNode* organisations, node.Mapping("organisations"));
    SMKI_RETURN_IF_ERROR(organisations->CheckKeys(
        {}, {"recovery", "accessControlBroker", "transitionalCoS", "wanProvider", "loadController"}));
    for (auto& [role, eui] : out.dcc_organisations) {
      if (organisations->Find(role) == nullptr) continue;
      SMKI_ASSIGN_OR_RETURN(eui, organisations->Eui(role));
    }
  }
  return OkStatus();
}

}  // namespace

StatusOr<Site> ReadSite(FileSystem& files, const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes text, files.Read(path, kMaxSite));
  SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(AsText(text), path));
  SMKI_RETURN_IF_ERROR(root.CheckKeys({"listen", "tls", "policy", "revocationList", "identity", "data", "runbooks",
                                       "repository", "keyguard", "estate", "evidence"},
                                      {"campaign", "direction", "ceremonies"}));
  const SiteReader reader(DirectoryOf(path));
  Site site;
  SMKI_ASSIGN_OR_RETURN(site.listen, ReadListenAddress(root, "listen"));
  SMKI_ASSIGN_OR_RETURN(site.keyguard, ReadAddress(root, "keyguard"));
  SMKI_ASSIGN_OR_RETURN(site.estate, ReadAddress(root, "estate"));
  SMKI_ASSIGN_OR_RETURN(site.policy, reader.Path(root, "policy"));
  SMKI_ASSIGN_OR_RETURN(site.revocation_list, reader.Path(root, "revocationList"));
  SMKI_ASSIGN_OR_RETURN(site.data, reader.Path(root, "data"));
  SMKI_ASSIGN_OR_RETURN(site.runbooks, reader.Path(root, "runbooks"));
  SMKI_ASSIGN_OR_RETURN(site.evidence, reader.Path(root, "evidence"));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* tls, root.Mapping("tls"));
  SMKI_RETURN_IF_ERROR(tls->CheckKeys({"authority", "certificate", "key"}));
  SMKI_ASSIGN_OR_RETURN(site.tls.authority, reader.Path(*tls, "authority"));
  SMKI_ASSIGN_OR_RETURN(site.tls.certificate, reader.Path(*tls, "certificate"));
  SMKI_ASSIGN_OR_RETURN(site.tls.key, reader.Path(*tls, "key"));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* identity, root.Mapping("identity"));
  SMKI_RETURN_IF_ERROR(identity->CheckKeys({"certificate", "key"}));
  SMKI_ASSIGN_OR_RETURN(site.identity_certificate, reader.Path(*identity, "certificate"));
  SMKI_ASSIGN_OR_RETURN(site.identity_key, reader.Path(*identity, "key"));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* repository, root.Mapping("repository"));
  SMKI_RETURN_IF_ERROR(repository->CheckKeys({"extracts", "store"}));
  SMKI_ASSIGN_OR_RETURN(site.extracts, reader.Path(*repository, "extracts"));
  SMKI_ASSIGN_OR_RETURN(site.store, reader.Path(*repository, "store"));
  for (const char* key : {"runbooks", "revocationList"}) site.places[key] = reader.PlaceOf(root, key);
  for (const char* key : {"certificate", "key"}) site.places[key] = reader.PlaceOf(*identity, key);
  site.places["extracts"] = reader.PlaceOf(*repository, "extracts");
  if (root.Find("ceremonies") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(site.ceremonies, reader.Path(root, "ceremonies"));
  }
  if (root.Find("campaign") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(const YamlNode* campaign, root.Mapping("campaign"));
    SMKI_RETURN_IF_ERROR(ReadCampaign(*campaign, site.campaign));
  }
  if (root.Find("direction") != nullptr) {
    SMKI_ASSIGN_OR_RETURN(const YamlNode* direction, root.Mapping("direction"));
    SMKI_RETURN_IF_ERROR(ReadDirection(*direction, site.direction));
  }
  return site;
}

}  // namespace smki::orchestrator
