// A small estate, made as a drill makes it: tokens, policy, shares, certificates, extracts, fleet.
#include "sim/estate/generate.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "base/yaml.h"
#include "hsm/custody/binding.h"
#include "hsm/custody/shares.h"
#include "hsm/pkcs11/module.h"
#include "pki/cms.h"
#include "pki/digest.h"
#include "procedures/evidence/share.h"
#include "procedures/policy.h"
#include "repository/rebuild.h"
#include "sim/estate/plan.h"
#include "sim/estate/site_files.h"
#include "sim/fleet/cells.h"
#include "sim/fleet/fleet_store.h"
#include "sim/site.h"
#include "tests/unit/sim/small_fleet.h"

namespace smki::sim {
namespace {

constexpr uint64_t kDevices = 30;

class Estate : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder();
    GenerateOptions options;
    options.out = *folder / "estate";
    options.devices = kDevices;
    options.seed = 7;
    options.runbooks = "runbooks";
    file = new EstateFile(Must(Generate(options, SystemClock(), SystemRandom())));
  }
  static void TearDownTestSuite() {
    delete file;
    delete folder;
  }
  static std::string Path(const std::string& name) { return *folder / ("estate/" + name); }
  static std::string Text(const std::string& name) { return ToString(Must(PosixFiles().Read(Path(name), 1 << 20))); }
  static pki::Certificate Pem(const std::string& name) { return Must(pki::Certificate::FromPem(Text(name))); }
  static procedures::TrustPolicy Policy() { return Must(procedures::ParsePolicy(Text("policy/trust-policy.yaml"))); }

  static TemporaryFolder* folder;
  static EstateFile* file;
};
TemporaryFolder* Estate::folder = nullptr;
EstateFile* Estate::file = nullptr;

TEST_F(Estate, HasATrustPolicyWhoseDigestIsTheAnchor) {
  const procedures::TrustPolicy policy = Policy();
  EXPECT_EQ(pki::Sha256(Text("policy/trust-policy.yaml")), file->policy);
  EXPECT_EQ(policy.environment.ToString(), "drill/estate-7");
  EXPECT_EQ(policy.persons.size(), PlannedPersons().size());
  std::map<std::string, Digest> allowed;
  for (const procedures::AllowedUse& use : policy.allowed) {
    if (use.key == "recovery") allowed[use.procedure] = use.digest;
  }
  for (const char* procedure : {"method-2", "method-3", "further-use"}) {
    const std::string file = std::string("runbooks/appendix-l/") + procedure + ".yaml";
    EXPECT_EQ(allowed[procedure], pki::Sha256(Must(PosixFiles().Read(file, 1 << 20)))) << file;
  }
  EXPECT_FALSE(allowed.contains("method-1")) << "it uses no key";
  EXPECT_EQ(policy.organisation_root.bytes, Pem("authority/root-oca.pem").der());
}

TEST_F(Estate, ReadsBackItsEstateFile) {
  const EstateFile read = Must(ReadEstate(Path("")));
  EXPECT_EQ(read.id, "estate-7");
  EXPECT_EQ(read.devices, kDevices);
  EXPECT_EQ(read.policy, file->policy);
  ASSERT_NE(read.FindParty("supplier-a"), nullptr);
  EXPECT_EQ(read.FindParty("supplier-a")->eui.ToString(), "90-B3-D5-1F-30-01-00-00");
}

TEST_F(Estate, KeepsEverySecretFromOthers) {
  int secrets = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Path(""))) {
    const std::string name = entry.path().filename().string();
    const bool secret = name.find(".key.pem") != std::string::npos || name.find(".pin") != std::string::npos;
    if (!entry.is_regular_file() || !secret) continue;
    ++secrets;
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << entry.path();
  }
  EXPECT_GT(secrets, 50);
}

TEST_F(Estate, HasTheRecoveryKeyInATokenThatAThresholdOfCustodiansOpens) {
  const procedures::TrustPolicy policy = Policy();
  const auto* custody = policy.FindKey("recovery");
  ASSERT_NE(custody, nullptr);
  std::vector<procedures::ShareRecord> records;
  for (const procedures::CustodianShare& custodian : custody->custodians) {
    const std::string home = "persons/" + custodian.person + "/";
    const pki::PrivateKey key = Must(pki::PrivateKey::FromPem(Text(home + "agree.key.pem")));
    const Secret record =
        Must(pki::OpenEnvelope(AsBytes(Text(home + "share-recovery.cms")), key, Pem(home + "agree.crt.pem")));
    records.push_back(Must(procedures::DecodeShareRecord(record.span())));
    EXPECT_TRUE(procedures::CheckShare(records.back(), policy.environment, *custody, custodian.person).ok());
  }
  ASSERT_EQ(records.size(), 5u);
  const Secret secret = Must(hsm::CombineShares({&records[4].share, &records[0].share, &records[2].share}));

  const auto module = Must(hsm::pkcs11::Module::Load(kPkcs11Module, Path("keyguard/softhsm2.conf")));
  const auto slot = Must(module->FindToken(Must(hsm::pkcs11::TokenUri::Parse(custody->token))));
  const auto signer = Must(hsm::pkcs11::TokenSigner::Open(slot, hsm::PinOf(secret), "recovery"));
  // It is the key of the Organisation Certificate that Devices hold in their recovery cell.
  EXPECT_EQ(signer->public_key(), *Pem("parties/recovery/recovery-digitalSignature.crt.pem").public_key);
  // The token obeys this policy, of this environment (I8).
  const auto session = Must(slot.OpenSession(hsm::pkcs11::Access::kReadOnly));
  const auto bindings = Must(session->ReadData(hsm::kBindingLabel));
  ASSERT_EQ(bindings.size(), 1u);
  const hsm::TokenBinding binding = Must(hsm::ParseTokenBinding(AsText(bindings[0])));
  EXPECT_EQ(binding.environment, policy.environment);
  EXPECT_EQ(binding.policy, file->policy);
  EXPECT_EQ(binding.policy_version, policy.version);
  const Digest digest = pki::Sha256("challenge");
  EXPECT_TRUE(signer->public_key().VerifyDigest(digest, Must(signer->SignDigest(digest))));
  EXPECT_FALSE(PosixFiles().Exists(Path("parties/recovery/recovery-digitalSignature.key.pem")));
}

TEST_F(Estate, HasARepositoryThatCanBeRebuiltAndKnowsEveryDeviceByItsOwnKey) {
  repository::RebuildOptions options{.extracts = Path("repository/extracts"),
                                     .store = *folder / "repository.store",
                                     .target_date = "",
                                     .organisation_root = pki::AnchorOf(Pem("authority/root-oca.pem")),
                                     .device_root = pki::AnchorOf(Pem("authority/root-dca.pem"))};
  const auto report = Must(repository::Rebuild(options));
  EXPECT_EQ(report.files.size(), 8u);
  EXPECT_EQ(report.summary.authorities(), 4u);
  const auto store = Must(repository::Store::Open(options.store));
  const auto fleet = Must(FleetStore::OpenReadOnly(Path("fleet/fleet.sqlite")));
  uint64_t devices = 0;
  std::vector<Eui64> euis;
  ASSERT_TRUE(fleet->ForEach([&](const FleetDevice& device) { euis.push_back(device.enrolment.eui); }).ok());
  for (const Eui64 eui : euis) {
    ++devices;
    const pki::PublicKey key = Must(fleet->Load(eui))->key.public_key();
    bool found = false;
    for (const auto& record : Must(store->ByEui(eui))) {
      found = found || (record.status == repository::CertificateStatus::kInUse && record.usage == "DS" &&
                        *Must(pki::Certificate::Parse(record.der)).public_key == key);
    }
    EXPECT_TRUE(found) << eui.ToString();
  }
  EXPECT_EQ(devices, kDevices + 8);
}

TEST_F(Estate, GivesEveryDeviceTheCellsOfItsTypeAndParties) {
  const auto fleet = Must(FleetStore::OpenReadOnly(Path("fleet/fleet.sqlite")));
  const pki::Certificate supplier_a = Pem("parties/supplier-a/supplier-digitalSignature.crt.pem");
  const pki::Certificate supplier_b = Pem("parties/supplier-b/supplier-digitalSignature.crt.pem");
  const auto cell = *gbcs::TrustAnchorCell::Parse("supplier/digitalSignature");
  ASSERT_TRUE(fleet
                  ->ForEach([&](const FleetDevice& device) {
                    const DeviceType* type = FindDeviceType(device.state.type);
                    ASSERT_NE(type, nullptr) << device.state.type;
                    ASSERT_EQ(device.state.cells.size(), type->cells.size()) << type->name;
                    for (const gbcs::TrustAnchorCell& each : type->cells)
                      EXPECT_EQ(device.state.cells.count(each), 1u) << type->name;
                    if (!type->HasCellOf(gbcs::Role::kSupplier)) return;
                    const bool own = device.enrolment.supplier == file->FindParty("supplier-a")->eui;
                    EXPECT_EQ(*device.state.cells.at(cell)->certificate, own ? supplier_a : supplier_b);
                  })
                  .ok());
}

TEST_F(Estate, HasSiteFilesThatAreRead) {
  const SimSite site = Must(ReadSimSite(Path("sim.yaml")));
  EXPECT_EQ(site.listen, file->sim);
  EXPECT_TRUE(PosixFiles().Exists(site.fleet));
  EXPECT_TRUE(PosixFiles().Exists(site.authority.pin));
  for (const char* name :
       {"keyguard/keyguard.yaml", "orchestrator/orchestrator.yaml", "persons/kira.custodian/client.yaml"}) {
    EXPECT_TRUE(ParseYaml(Text(name), name).ok()) << name;
  }
}

TEST_F(Estate, IsNeverWrittenOver) {
  GenerateOptions options;
  options.out = Path("");
  options.devices = 1;
  options.runbooks = "runbooks";
  EXPECT_EQ(Generate(options, SystemClock(), SystemRandom()).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST(EstateOptions, NeedTheRunbookThatThePolicyAllows) {
  TemporaryFolder folder;
  GenerateOptions options;
  options.out = folder / "estate";
  options.devices = 1;
  options.runbooks = folder / "nowhere";
  EXPECT_THAT(Message(Generate(options, SystemClock(), SystemRandom()).status()), testing::HasSubstr("--runbooks"));
  EXPECT_FALSE(PosixFiles().Exists(options.out));
}

}  // namespace
}  // namespace smki::sim
