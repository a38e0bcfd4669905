// hierarchy.accept: what a key ceremony made is believed, and pinned, for this incident.
#include "orchestrator/actions/action.h"
#include "orchestrator/actions/hierarchy.h"
#include "pki/digest.h"
#include "procedures/evidence/key_ceremony.h"

namespace smki::orchestrator {
namespace {

constexpr char kRootArtefact[] = "hierarchy:root";
constexpr size_t kMaxFile = 64 * 1024, kMaxFiles = 600, kMaxSignatures = 16;

class AcceptAction : public Action {
 public:
  using Action::Action;

  void Start() override {
    const auto root = Accept(step().with.at("root"));
    if (!root.ok()) return Fail(root.status());
    Succeed(fmt::format("the new root is {}, SHA-256 {}", root->Describe(), ToHex(root->sha256())),
            {{"hierarchy.root", ToHex(root->sha256())}});
  }

 private:
  StatusOr<pki::Certificate> Accept(const std::string& id) {
    if (core().site.ceremonies.empty())
      return FailedPrecondition("the site file names no folder 'ceremonies' with the results of key ceremonies");
    folder_ = core().site.ceremonies + "/" + id;
    SMKI_ASSIGN_OR_RETURN(const Bytes text, Read("transcript.txt"));
    SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> names, core().outside.files.List(folder_ + "/signatures"));
    std::map<std::string, Bytes> signatures;
    for (const std::string& name : names) {
      if (signatures.size() == kMaxSignatures) break;
      SMKI_ASSIGN_OR_RETURN(signatures[name], Read("signatures/" + name));
    }
    std::vector<Bytes> witnesses;
    for (const auto& [name, cms] : signatures) witnesses.push_back(cms);
    const UtcTime now = core().Now();
    SMKI_ASSIGN_OR_RETURN(
        const procedures::KeyCeremonyTranscript transcript,
        procedures::CheckTranscript(core().policy(), core().trust.VerifierAt(now), AsText(text), witnesses, now));
    SMKI_ASSIGN_OR_RETURN(const auto files, ReadOutputs(transcript));
    SMKI_RETURN_IF_ERROR(procedures::CheckOutputs(transcript, files));
    SMKI_ASSIGN_OR_RETURN(pki::Certificate root, RootOf(transcript, files, id));
    SMKI_RETURN_IF_ERROR(Keep(id, text, signatures, files));
    SMKI_RETURN_IF_ERROR(core().book.AddArtefact(incident(), kRootArtefact, "hierarchy/root.der", root.der(), ""));
    return root;
  }

  StatusOr<Bytes> Read(const std::string& name) {
    auto octets = core().outside.files.Read(folder_ + "/" + name, kMaxFile);
    if (octets.ok()) return octets;
    return procedures::Refuse(procedures::Reason::kCEREMONY_OUTPUT_WRONG, Message(octets.status()));
  }

  StatusOr<std::map<std::string, Bytes>> ReadOutputs(const procedures::KeyCeremonyTranscript& transcript) {
    std::map<std::string, Bytes> files;
    for (const procedures::CeremonyOutput& output : transcript.outputs) {
      SMKI_ASSIGN_OR_RETURN(files[output.file], Read(output.file));
    }
    return files;
  }

  // The reviewed file is among the outputs: what was made is held against what was to be made.
  StatusOr<pki::Certificate> RootOf(const procedures::KeyCeremonyTranscript& transcript,
                                    const std::map<std::string, Bytes>& files, const std::string& id) {
    const auto wrong = [&](const std::string& what) {
      return procedures::Refuse(procedures::Reason::kCEREMONY_OUTPUT_WRONG,
                                fmt::format("key ceremony {}: {}", id, what));
    };
    const auto reviewed = files.find("ceremony.yaml"), certificate = files.find("certificate.pem");
    if (reviewed == files.end() || certificate == files.end())
      return wrong("ceremony.yaml and certificate.pem are its results");
    SMKI_ASSIGN_OR_RETURN(const procedures::KeyCeremonyPlan plan,
                          procedures::LoadKeyCeremony(AsText(reviewed->second), folder_ + "/ceremony.yaml"));
    if (plan.digest != transcript.ceremony || plan.id != id || transcript.id != id || plan.makes != "root-oca")
      return wrong("its reviewed file is another, or makes no Root OCA");
    SMKI_ASSIGN_OR_RETURN(pki::Certificate root, pki::Certificate::FromPem(AsText(certificate->second)));
    SMKI_RETURN_IF_ERROR(procedures::CheckAuthorityProfile(plan, root, root));
    if (ToHex(root.public_key->identifier()) != transcript.key_identifier)
      return wrong("its certificate is not of the key in its transcript");
    return root;
  }

  Status Keep(const std::string& id, ByteSpan text, const std::map<std::string, Bytes>& signatures,
              const std::map<std::string, Bytes>& files) {
    const std::string stem = "hierarchy/" + id + "/";
    const auto add = [&](const std::string& file, ByteSpan octets) {
      return core().book.AddArtefact(incident(), "key-ceremony:" + id + "/" + file, stem + file, octets, "");
    };
    SMKI_RETURN_IF_ERROR(add("transcript.txt", text));
    for (const auto& [name, cms] : signatures) SMKI_RETURN_IF_ERROR(add("signatures/" + name, cms));
    for (const auto& [name, octets] : files) SMKI_RETURN_IF_ERROR(add(name, octets));
    return OkStatus();
  }

  std::string folder_;
};

}  // namespace

StatusOr<std::optional<pki::Certificate>> AcceptedRoot(const IncidentBook& book, const Incident& incident) {
  const Artefact* const artefact = incident.Find(kRootArtefact);
  if (artefact == nullptr) return std::optional<pki::Certificate>();
  SMKI_ASSIGN_OR_RETURN(const Bytes der, book.ReadArtefact(incident, *artefact));
  SMKI_ASSIGN_OR_RETURN(pki::Certificate root, pki::Certificate::Parse(der));
  return std::optional(std::move(root));
}

std::unique_ptr<Action> MakeHierarchyAction(Action::Context context) {
  if (context.step.action != "hierarchy.accept") return nullptr;
  return std::make_unique<AcceptAction>(std::move(context));
}

}  // namespace smki::orchestrator
