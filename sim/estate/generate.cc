#include "sim/estate/generate.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "hsm/custody/provision.h"
#include "pki/digest.h"
#include "procedures/runbook.h"
#include "sim/authority/profile.h"
#include "sim/authority/token_key.h"
#include "sim/estate/devices.h"
#include "sim/estate/people.h"
#include "sim/estate/site_files.h"

namespace smki::sim {
namespace {

using hsm::pkcs11::Module;
using repository::CertificateKind;
using repository::CertificateStatus;

// The authority publishes a delta a day, of the day after its newest; none may be of the future. So many incidents may
// follow each other on one estate on the day it was made.
constexpr int kDaysInHand = 14;
constexpr int kFullAgeDays = kDeltas + kDaysInHand;
constexpr char kAppendixL[] = "appendix-l";
constexpr size_t kMaxRunbook = 1 << 20;
constexpr size_t kMaxRunbooks = 64;

// The procedures of Appendix L: the trust policy allows by digest those that use a key.
StatusOr<std::vector<procedures::Runbook>> ReadAppendixL(const std::string& runbooks) {
  const std::string folder = runbooks + "/" + kAppendixL;
  auto names = PosixFiles().List(folder);
  if (!names.ok())
    return WithContext(names.status(),
                       "the trust policy allows runbooks by their digests; name their folder with --runbooks");
  if (names->size() > kMaxRunbooks) return InvalidArgument("{} holds more than {} files", folder, kMaxRunbooks);
  std::sort(names->begin(), names->end());
  std::vector<procedures::Runbook> out;
  for (const std::string& name : *names) {
    if (!name.ends_with(".yaml")) continue;
    const std::string path = folder + "/" + name;
    SMKI_ASSIGN_OR_RETURN(const Bytes text, PosixFiles().Read(path, kMaxRunbook));
    SMKI_ASSIGN_OR_RETURN(procedures::Runbook runbook, procedures::LoadRunbook(AsText(text), path));
    out.push_back(std::move(runbook));
  }
  if (out.empty()) return NotFound("{} holds no runbook", folder);
  return out;
}

// Makes the estate, step by step; each step finds what the one before it made. One PKCS#11 module can be open at a
// time, and the authority's tokens and the keyguard's are in folders of their own.
class Generation {
 public:
  Generation(const GenerateOptions& options, EstateFolder folder, EstatePlan plan,
             std::vector<procedures::Runbook> runbooks, UtcTime now, Random& random)
      : options_(options),
        folder_(std::move(folder)),
        plan_(std::move(plan)),
        runbooks_(std::move(runbooks)),
        now_(now),
        random_(random) {}

  StatusOr<EstateFile> Run() {
    SMKI_RETURN_IF_ERROR(MakeFolders());
    Say("persons, contingency pair");
    SMKI_RETURN_IF_ERROR(MakeContingency());
    Say("authorities");
    SMKI_RETURN_IF_ERROR(MakeAuthorities());
    Say("trust policy, key tokens");
    SMKI_RETURN_IF_ERROR(MakePolicyAndTokens());
    Say("organisations and Devices");
    SMKI_RETURN_IF_ERROR(MakeFleet());
    Say("site files");
    return Finish();
  }

 private:
  void Say(const std::string& stage) const {
    if (options_.on_stage) options_.on_stage(stage);
  }
  UtcTime Today() const { return Midnight(now_); }

  Status MakeFolders() {
    for (const char* name :
         {"policy", "tls", "persons", "keyguard/tokens", "keyguard/data", "orchestrator/data/evidence",
          "authority/tokens", "authority/pins", "fleet", "repository/extracts", "parties"}) {
      SMKI_RETURN_IF_ERROR(folder_.MakeFolder(name));
    }
    for (const char* owner : {"authority", "keyguard"}) {
      SMKI_RETURN_IF_ERROR(folder_.Write(std::string(owner) + "/softhsm2.conf",
                                         hsm::pkcs11::SoftHsmConfig(folder_.Path(std::string(owner) + "/tokens"))));
    }
    return OkStatus();
  }
  StatusOr<std::shared_ptr<Module>> LoadModule(const char* owner) const {
    return Module::Load(options_.pkcs11_module.empty() ? kPkcs11Module : options_.pkcs11_module,
                        folder_.Path(std::string(owner) + "/softhsm2.conf"));
  }

  Status MakeAuthorities() {
    SMKI_ASSIGN_OR_RETURN(const std::shared_ptr<Module> module, LoadModule("authority"));
    SMKI_ASSIGN_OR_RETURN(hierarchy_, MakeHierarchy(folder_, *module, plan_.estate, Today(), apex_, random_));
    return OkStatus();
  }

  procedures::Environment Drill() const { return {"drill", plan_.estate}; }

  // The Root OCA carries the contingency key, the policy names that root, and the tokens are bound to the policy: so
  // the tokens are made first and bound last.
  Status MakeContingency() {
    SMKI_ASSIGN_OR_RETURN(people_, MakePeople(folder_, now_, random_));
    SMKI_ASSIGN_OR_RETURN(custodies_, MakeCustodies(Drill(), random_));
    SMKI_ASSIGN_OR_RETURN(const std::shared_ptr<Module> module, LoadModule("keyguard"));
    SMKI_ASSIGN_OR_RETURN(const pki::PublicKey key,
                          hsm::ProvisionToken(*module, TokenLabel("contingency", plan_.estate),
                                              custodies_->contingency.secret, Binding("contingency"), random_));
    SMKI_ASSIGN_OR_RETURN(const Secret symmetric,
                          hsm::ProvisionSymmetricToken(*module, TokenLabel("symmetric", plan_.estate),
                                                       custodies_->symmetric.secret, Binding("symmetric"), random_));
    SMKI_ASSIGN_OR_RETURN(apex_, pki::WrapApexKey(key, symmetric.span()));
    return OkStatus();
  }
  hsm::TokenBinding Binding(const std::string& key) const { return {Drill(), key, policy_version_, policy_digest_}; }

  // The policy commits to the shares, the tokens to the policy.
  Status MakePolicyAndTokens() {
    const procedures::TrustPolicy policy = MakePolicy(plan_, *people_, *custodies_, hierarchy_, runbooks_, now_);
    const std::string text = procedures::RenderPolicy(policy);
    SMKI_RETURN_IF_ERROR(WithContext(procedures::ParsePolicy(text).status(), "the trust policy just made"));
    policy_digest_ = pki::Sha256(text);
    policy_version_ = policy.version;
    SMKI_RETURN_IF_ERROR(folder_.Write("policy/trust-policy.yaml", text));
    for (const hsm::Custody* custody : {&custodies_->recovery, &custodies_->contingency, &custodies_->symmetric})
      SMKI_RETURN_IF_ERROR(WriteShares(folder_, *people_, *custody));

    SMKI_ASSIGN_OR_RETURN(const std::shared_ptr<Module> module, LoadModule("keyguard"));
    SMKI_ASSIGN_OR_RETURN(recovery_, hsm::ProvisionToken(*module, TokenLabel("recovery", plan_.estate),
                                                         custodies_->recovery.secret, Binding("recovery"), random_));
    SMKI_RETURN_IF_ERROR(hsm::BindToken(*module, TokenLabel("contingency", plan_.estate),
                                        custodies_->contingency.secret, Binding("contingency")));
    return hsm::BindToken(*module, TokenLabel("symmetric", plan_.estate), custodies_->symmetric.secret,
                          Binding("symmetric"));
  }

  Status MakeFleet() {
    SMKI_ASSIGN_OR_RETURN(const std::shared_ptr<Module> module, LoadModule("authority"));
    SMKI_ASSIGN_OR_RETURN(ExtractSet extracts, ExtractSet::Create(folder_.Path("repository/extracts"),
                                                                  Today() - kFullAgeDays * std::chrono::hours(24)));
    SMKI_ASSIGN_OR_RETURN(const auto issuing_oca, OpenKey(*module, hierarchy_.issuing_oca.token));
    const pki::IssuerIdentity oca{issuing_oca.get(), hierarchy_.issuing_oca.certificate.subject};
    SMKI_ASSIGN_OR_RETURN(const Organisations organisations,
                          MakeOrganisations(folder_, oca, *recovery_, extracts.DayOf(0), random_));
    SMKI_RETURN_IF_ERROR(Publish(organisations, oca, extracts));

    SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<FleetStore> fleet,
                          FleetStore::Create(folder_.Path("fleet/fleet.sqlite")));
    std::vector<std::unique_ptr<hsm::pkcs11::TokenSigner>> signers;
    std::vector<pki::Signer*> signer_list;
    for (int i = 0; i < std::max(1, options_.threads); ++i) {
      SMKI_ASSIGN_OR_RETURN(auto signer, OpenKey(*module, hierarchy_.issuing_dca.token));
      signer_list.push_back(signer.get());
      signers.push_back(std::move(signer));
    }
    SMKI_RETURN_IF_ERROR(MakeDevices(plan_, organisations, hierarchy_.root_oca.certificate, signer_list,
                                     hierarchy_.issuing_dca.certificate.subject, *fleet, extracts, random_));
    SMKI_RETURN_IF_ERROR(extracts.Finish());
    file_.full_date = extracts.DateOf(0);
    file_.last_delta_date = extracts.DateOf(kDeltas);
    file_.records = extracts.records();
    return OkStatus();
  }
  StatusOr<std::unique_ptr<hsm::pkcs11::TokenSigner>> OpenKey(Module& module, const std::string& token) const {
    return OpenAuthorityKey(module, token, folder_.Path("authority/pins/" + token + ".pin"));
  }

  // Authorities and organisations into the extracts and into the authority's own state, and the first Organisation CRL.
  Status Publish(const Organisations& organisations, const pki::IssuerIdentity& oca, ExtractSet& extracts) {
    SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<AuthorityState> state,
                          AuthorityState::Create(folder_.Path("authority/state.sqlite")));
    SMKI_ASSIGN_OR_RETURN(Transaction transaction, state->Begin());
    for (const PartyPlan& party : PlannedParties()) SMKI_RETURN_IF_ERROR(state->AddParty(party.party));
    const std::pair<const AuthorityKey*, CertificateKind> authorities[] = {
        {&hierarchy_.root_oca, CertificateKind::kOrganisationAuthority},
        {&hierarchy_.issuing_oca, CertificateKind::kOrganisationAuthority},
        {&hierarchy_.root_dca, CertificateKind::kDeviceAuthority},
        {&hierarchy_.issuing_dca, CertificateKind::kDeviceAuthority}};
    for (const auto& [authority, kind] : authorities) {
      SMKI_RETURN_IF_ERROR(extracts.Add(0, authority->certificate, kind, CertificateStatus::kInUse));
      SMKI_RETURN_IF_ERROR(state->AddCertificate(authority->certificate, kind, extracts.DateOf(0), Digest{}, "DCC"));
    }
    for (const Lodged& one : organisations.all) SMKI_RETURN_IF_ERROR(Publish(one, *state, extracts));
    SMKI_RETURN_IF_ERROR(state->Set(kLastDelta, extracts.DateOf(kDeltas)));
    SMKI_RETURN_IF_ERROR(transaction.Commit());

    struct Then : Clock {
      UtcTime now;
      UtcTime Now() override { return now; }
      std::chrono::nanoseconds SinceBoot() override { return {}; }
    } clock;
    clock.now = now_;
    return Authority(*state, oca, folder_.Path("repository/extracts"), clock, random_).PublishRevocationList().status();
  }
  static Status Publish(const Lodged& one, AuthorityState& state, ExtractSet& extracts) {
    SMKI_RETURN_IF_ERROR(extracts.Add(one.file, one.certificate, one.kind, CertificateStatus::kInUse));
    SMKI_RETURN_IF_ERROR(
        state.AddCertificate(one.certificate, one.kind, extracts.DateOf(one.file), Digest{}, one.subscriber));
    if (!one.changed_in) return OkStatus();
    SMKI_RETURN_IF_ERROR(extracts.Add(*one.changed_in, one.certificate, one.kind, one.status));
    return state.SetStatus(one.certificate.serial, one.status, extracts.DayOf(*one.changed_in),
                           extracts.DateOf(*one.changed_in));
  }

  StatusOr<EstateFile> Finish() {
    SMKI_ASSIGN_OR_RETURN(const Ports ports, FindPorts());
    std::error_code error;
    const std::string runbooks = std::filesystem::absolute(options_.runbooks, error).lexically_normal().string();
    SMKI_RETURN_IF_ERROR(WriteSiteFiles(folder_, plan_, hierarchy_, ports, runbooks));
    file_.id = plan_.estate;
    file_.environment = "drill";
    file_.seed = plan_.seed;
    file_.devices = plan_.devices;
    file_.bystanders = plan_.bystanders;
    file_.generated = now_;
    file_.policy = policy_digest_;
    file_.sim = fmt::format("127.0.0.1:{}", ports.sim);
    for (const PartyPlan& party : PlannedParties()) file_.parties.push_back(party.party);
    SMKI_RETURN_IF_ERROR(folder_.Write(kEstateFile, RenderEstate(file_)));
    return file_;
  }

  const GenerateOptions& options_;
  EstateFolder folder_;
  EstatePlan plan_;
  std::vector<procedures::Runbook> runbooks_;
  UtcTime now_;
  Random& random_;
  Hierarchy hierarchy_;
  std::optional<pki::PublicKey> recovery_;
  std::optional<People> people_;
  std::optional<KeyCustodies> custodies_;
  pki::WrappedApexKey apex_;
  uint64_t policy_version_ = 0;
  Digest policy_digest_{};
  EstateFile file_;
};

}  // namespace

StatusOr<EstateFile> Generate(const GenerateOptions& options, Clock& clock, Random& random) {
  const uint64_t bystanders = options.bystanders != 0 ? options.bystanders : options.devices / 10;
  if (options.devices == 0 || options.devices > kMaxPlanned || bystanders > kMaxPlanned) {
    return InvalidArgument("{} Devices and {} bystanders: from 1 to {} can be made", options.devices, bystanders,
                           kMaxPlanned);
  }
  SMKI_ASSIGN_OR_RETURN(std::vector<procedures::Runbook> runbooks, ReadAppendixL(options.runbooks));
  SMKI_ASSIGN_OR_RETURN(EstateFolder folder, EstateFolder::Create(options.out));
  return Generation(options, std::move(folder), PlanEstate(options.devices, bystanders, options.seed),
                    std::move(runbooks), clock.Now(), random)
      .Run();
}

}  // namespace smki::sim
