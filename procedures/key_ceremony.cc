#include "procedures/key_ceremony.h"

#include <algorithm>
#include <set>

#include "base/yaml.h"
#include "pki/digest.h"
#include "procedures/canonical_archive.h"

namespace smki::procedures {
namespace {

constexpr size_t kMaxOutputs = 600;
constexpr uint64_t kMaxYears = 50;  // DOMAIN section 5: a Root OCA's
constexpr uint64_t kMaxThreshold = 255;

StatusOr<std::string> OneOf(const YamlNode& node, std::string_view key, std::initializer_list<std::string_view> words) {
  SMKI_ASSIGN_OR_RETURN(std::string text, node.Text(key));
  if (std::find(words.begin(), words.end(), text) != words.end()) return text;
  return node.Find(key)->Wrong(fmt::format("'{}' must be one of {}", key, fmt::join(words, ", ")));
}

StatusOr<std::string> Name(const YamlNode& node, std::string_view key) {
  SMKI_ASSIGN_OR_RETURN(std::string text, node.Text(key));
  const bool plain = text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                     });
  if (plain) return text;
  return node.Find(key)->Wrong(fmt::format("'{}' must be up to 32 small letters, digits and '-'", key));
}

StatusOr<CeremonyCustody> ReadCustody(const YamlNode& spec, std::string_view key) {
  SMKI_ASSIGN_OR_RETURN(const YamlNode* node, spec.Mapping(key));
  SMKI_RETURN_IF_ERROR(node->CheckKeys({"threshold", "custodiansOf"}));
  CeremonyCustody out;
  SMKI_ASSIGN_OR_RETURN(out.threshold, node->Number("threshold", 2, kMaxThreshold));
  SMKI_ASSIGN_OR_RETURN(out.custodians_of, OneOf(*node, "custodiansOf", {"recovery", "contingency", "symmetric"}));
  return out;
}

Status ReadAuthority(const YamlNode& spec, KeyCeremonyPlan& out) {
  SMKI_ASSIGN_OR_RETURN(const YamlNode* subject, spec.Mapping("subject"));
  SMKI_RETURN_IF_ERROR(subject->CheckKeys({"commonName", "organisationalUnit"}));
  SMKI_ASSIGN_OR_RETURN(out.common_name, subject->Text("commonName"));
  SMKI_ASSIGN_OR_RETURN(out.organisational_unit,
                        OneOf(*subject, "organisationalUnit", {out.makes == "root-oca" ? "00" : "07"}));
  SMKI_ASSIGN_OR_RETURN(out.years, spec.Number("years", 1, kMaxYears));
  return OkStatus();
}

Status ReadSpec(const YamlNode& spec, KeyCeremonyPlan& out) {
  SMKI_ASSIGN_OR_RETURN(out.makes, OneOf(spec, "makes", {"contingency", "root-oca", "issuing-oca", "recovery"}));
  if (out.makes == "contingency") {
    SMKI_RETURN_IF_ERROR(spec.CheckKeys({"makes", "token", "symmetricToken", "custody", "symmetricCustody"}));
    SMKI_ASSIGN_OR_RETURN(out.symmetric_token, Name(spec, "symmetricToken"));
    SMKI_ASSIGN_OR_RETURN(out.symmetric_custody, ReadCustody(spec, "symmetricCustody"));
  } else if (out.makes == "recovery") {
    SMKI_RETURN_IF_ERROR(spec.CheckKeys({"makes", "token", "custody"}));
  } else if (out.makes == "root-oca") {
    SMKI_RETURN_IF_ERROR(spec.CheckKeys({"makes", "token", "subject", "years", "carries"}));
    SMKI_ASSIGN_OR_RETURN(out.carries, Name(spec, "carries"));
  } else {
    SMKI_RETURN_IF_ERROR(spec.CheckKeys({"makes", "token", "subject", "years", "issuer"}));
    SMKI_ASSIGN_OR_RETURN(out.issuer, Name(spec, "issuer"));
  }
  SMKI_ASSIGN_OR_RETURN(out.token, Name(spec, "token"));
  if (out.makes == "root-oca" || out.makes == "issuing-oca") return ReadAuthority(spec, out);
  SMKI_ASSIGN_OR_RETURN(out.custody, ReadCustody(spec, "custody"));
  return OkStatus();
}

}  // namespace

StatusOr<KeyCeremonyPlan> LoadKeyCeremony(std::string_view text, const std::string& file) {
  SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, file));
  SMKI_RETURN_IF_ERROR(root.CheckKeys({"apiVersion", "kind", "metadata", "spec"}));
  SMKI_RETURN_IF_ERROR(OneOf(root, "apiVersion", {"smki.recovery/v1"}).status());
  SMKI_RETURN_IF_ERROR(OneOf(root, "kind", {"KeyCeremony"}).status());
  KeyCeremonyPlan out;
  SMKI_ASSIGN_OR_RETURN(const YamlNode* metadata, root.Mapping("metadata"));
  SMKI_RETURN_IF_ERROR(metadata->CheckKeys({"id", "version", "title", "source"}));
  SMKI_ASSIGN_OR_RETURN(out.id, Name(*metadata, "id"));
  SMKI_ASSIGN_OR_RETURN(out.title, metadata->Text("title"));
  SMKI_RETURN_IF_ERROR(metadata->Text("version").status());
  SMKI_RETURN_IF_ERROR(metadata->Text("source").status());
  SMKI_ASSIGN_OR_RETURN(const YamlNode* spec, root.Mapping("spec"));
  SMKI_RETURN_IF_ERROR(ReadSpec(*spec, out));
  out.digest = pki::Sha256(text);
  return out;
}

template <typename A>
void Fields(A& a, KeyCeremonyTranscript& d) {
  a.Header("KeyCeremonyTranscript");
  EnvironmentField(a, d.environment);
  a.Field("id", d.id);
  a.Field("ceremony", d.ceremony);
  a.Field("makes", d.makes);
  a.Field("token", d.token);
  a.Field("keyIdentifier", d.key_identifier);
  a.Field("started", d.started);
  a.Field("ended", d.ended);
  a.List("outputs", d.outputs, [](A& b, CeremonyOutput& o) {
    b.Field("file", o.file);
    b.Field("sha256", o.sha256);
  });
}

namespace {

Status CheckRules(const KeyCeremonyTranscript& d) {
  if (!d.environment.IsKnownKind()) return InvalidArgument("environment.kind must be production, drill or test");
  const auto key = FromHex(d.key_identifier);
  if (!key || key->size() != 8 || ToHex(*key) != d.key_identifier)
    return InvalidArgument("keyIdentifier must be 16 hexadecimal digits, found '{}'", d.key_identifier);
  if (d.ended < d.started) return InvalidArgument("it ended before it started");
  if (d.outputs.empty() || d.outputs.size() > kMaxOutputs)
    return InvalidArgument("'outputs' must list 1 to {} files, found {}", kMaxOutputs, d.outputs.size());
  for (size_t i = 0; i < d.outputs.size(); ++i) {
    const std::string& file = d.outputs[i].file;
    if (file.starts_with('/') || file.find("..") != std::string::npos)
      return InvalidArgument("output '{}' lies outside the folder", file);
    if (i > 0 && d.outputs[i - 1].file >= file) return InvalidArgument("'outputs' must stand in increasing order");
  }
  return OkStatus();
}

}  // namespace

std::string Render(const KeyCeremonyTranscript& transcript) {
  return RenderCanonical(transcript);
}

StatusOr<KeyCeremonyTranscript> ParseKeyCeremonyTranscript(std::string_view text) {
  SMKI_ASSIGN_OR_RETURN(KeyCeremonyTranscript out, ParseCanonical<KeyCeremonyTranscript>(text, kMaxDocument));
  SMKI_RETURN_IF_ERROR(CheckRules(out));
  return out;
}

}  // namespace smki::procedures
