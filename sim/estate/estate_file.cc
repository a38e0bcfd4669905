#include "sim/estate/estate_file.h"

#include "base/file.h"
#include "base/yaml.h"

namespace smki::sim {
namespace {

constexpr size_t kMaxFile = 64 * 1024;

StatusOr<Party> ReadParty(const YamlNode& node) {
  SMKI_RETURN_IF_ERROR(node.CheckKeys({"id", "eui", "role"}));
  Party party;
  SMKI_ASSIGN_OR_RETURN(party.id, node.Text("id"));
  SMKI_ASSIGN_OR_RETURN(party.eui, node.Eui("eui"));
  SMKI_ASSIGN_OR_RETURN(const uint64_t role, node.Number("role", 0, 255));
  party.role = static_cast<uint8_t>(role);
  return party;
}

}  // namespace

const Party* EstateFile::FindParty(const std::string& party) const {
  for (const Party& one : parties) {
    if (one.id == party) return &one;
  }
  return nullptr;
}

std::string RenderEstate(const EstateFile& e) {
  std::string out = fmt::format(
      "# A drill's estate, made by smki-sim generate. Not an input of any server.\n"
      "id: {}\nenvironment: {}\nseed: {}\ndevices: {}\nbystanders: {}\ngenerated: {}\nfull: {}\nlastDelta: "
      "{}\nrecords: {}\n"
      "policy: {}\nsim: {}\nparties:\n",
      e.id, e.environment, e.seed, e.devices, e.bystanders, FormatTime(e.generated), e.full_date, e.last_delta_date,
      e.records, ToHex(e.policy), e.sim);
  for (const Party& party : e.parties) {
    out += fmt::format("  - id: {}\n    eui: {}\n    role: {}\n", party.id, party.eui.ToString(), party.role);
  }
  return out;
}

StatusOr<EstateFile> ReadEstate(const std::string& folder) {
  const std::string path = folder + "/" + kEstateFile;
  const auto text = PosixFiles().Read(path, kMaxFile);
  if (!text.ok()) return WithContext(text.status(), folder + " is no whole estate; make one with smki-sim generate");
  SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(AsText(*text), path));
  SMKI_RETURN_IF_ERROR(root.CheckKeys({"id", "environment", "seed", "devices", "bystanders", "generated", "full",
                                       "lastDelta", "records", "policy", "sim", "parties"}));
  EstateFile out;
  SMKI_ASSIGN_OR_RETURN(out.id, root.Text("id"));
  SMKI_ASSIGN_OR_RETURN(out.environment, root.Text("environment"));
  SMKI_ASSIGN_OR_RETURN(out.seed, root.Number("seed", 0, UINT64_MAX));
  SMKI_ASSIGN_OR_RETURN(out.devices, root.Number("devices", 0, UINT64_MAX));
  SMKI_ASSIGN_OR_RETURN(out.bystanders, root.Number("bystanders", 0, UINT64_MAX));
  SMKI_ASSIGN_OR_RETURN(out.generated, root.Time("generated"));
  SMKI_ASSIGN_OR_RETURN(out.full_date, root.Text("full"));
  SMKI_ASSIGN_OR_RETURN(out.last_delta_date, root.Text("lastDelta"));
  SMKI_ASSIGN_OR_RETURN(out.records, root.Number("records", 0, UINT64_MAX));
  SMKI_ASSIGN_OR_RETURN(out.policy, root.Sha256("policy"));
  SMKI_ASSIGN_OR_RETURN(out.sim, root.Text("sim"));
  SMKI_ASSIGN_OR_RETURN(const YamlNode* parties, root.Sequence("parties"));
  for (const YamlNode& node : parties->items()) {
    SMKI_ASSIGN_OR_RETURN(Party party, ReadParty(node));
    out.parties.push_back(std::move(party));
  }
  return out;
}

}  // namespace smki::sim
