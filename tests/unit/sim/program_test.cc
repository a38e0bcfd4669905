// The staff of a party against a served estate, and the truth about the fleet.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "proto/rpc/server.h"
#include "sim/authority/token_key.h"
#include "sim/estate/generate.h"
#include "sim/network/estate_service.h"
#include "sim/program/fleet_report.h"
#include "sim/program/supplier.h"
#include "sim/site.h"
#include "tests/unit/sim/small_fleet.h"

namespace smki::sim {
namespace {

constexpr uint64_t kDevices = 10;
constexpr char kParty[] = "supplier-a";

// An estate and, while the object lives, its services in this process.
class ServedEstate {
 public:
  explicit ServedEstate(const std::string& folder) {
    const SimSite site = Must(ReadSimSite(folder + "/sim.yaml"));
    module_ = Must(hsm::pkcs11::Module::Load(site.pkcs11_module, site.pkcs11_config));
    key_ = Must(OpenAuthorityKey(*module_, site.authority.token, site.authority.pin));
    issuing_ = Must(pki::Certificate::FromPem(AsText(Must(PosixFiles().Read(site.authority.certificate, 1 << 16)))));
    state_ = Must(AuthorityState::Open(site.authority.state));
    fleet_ = Must(FleetStore::Open(site.fleet));
    authority_ = std::make_unique<Authority>(*state_, pki::IssuerIdentity{key_.get(), issuing_.subject}, site.extracts,
                                             SystemClock(), SystemRandom());
    gateway_ = std::make_unique<Gateway>(*fleet_, executor_, SystemClock(), site.faults);
    service_ = std::make_unique<EstateService>(*gateway_, *fleet_, *authority_, executor_);
    server_ = Must(rpc::Server::Start(site.listen, Must(rpc::ReadTls(site.tls)), service_->services()));
    core_ = std::thread([this] { executor_.Run(); });
  }
  ~ServedEstate() {
    server_->Shutdown(Millis(100));
    executor_.Stop();
    core_.join();
  }

 private:
  std::shared_ptr<hsm::pkcs11::Module> module_;
  std::unique_ptr<hsm::pkcs11::TokenSigner> key_;
  pki::Certificate issuing_;
  std::unique_ptr<AuthorityState> state_;
  std::unique_ptr<FleetStore> fleet_;
  AsioExecutor executor_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<EstateService> service_;
  std::unique_ptr<rpc::Server> server_;
  std::thread core_;
};

class Staff : public testing::Test {
 protected:
  Staff() {
    GenerateOptions options;
    options.out = folder / "estate";
    options.devices = kDevices;
    options.runbooks = "runbooks";
    Must(Generate(options, SystemClock(), SystemRandom()));
  }
  std::string Path(const std::string& name) { return folder / ("estate/" + name); }
  nlohmann::json Report() { return nlohmann::json::parse(Must(FleetReportJson(Path(""), kParty, kParty))); }
  // Puts certificates into the cells of a Device, as its commands would.
  void Replace(FleetStore& fleet, Eui64 eui, std::span<const NewCertificate> certificates) {
    DeviceState state = Must(fleet.Load(eui))->device.state;
    for (const NewCertificate& one : certificates) state.cells[one.cell] = Anchor::FromCertificate(one.certificate);
    Transaction transaction = Must(fleet.Begin());
    ASSERT_TRUE(fleet.CountTransmission(eui).ok());
    ASSERT_TRUE(fleet.SaveState(state).ok());
    ASSERT_TRUE(fleet.Commit(std::move(transaction)).ok());
  }

  TemporaryFolder folder;
};

TEST_F(Staff, GetsNewCertificatesForItsCellsAndTheSameOnesAgain) {
  const ServedEstate served(Path(""));
  const NewCertificates first = Must(MakeNewCertificates(Path(""), kParty));
  ASSERT_EQ(first.certificates.size(), 3u);
  EXPECT_THAT(first.delta, testing::HasSubstr("SMKIKR_DELT_"));
  for (const NewCertificate& one : first.certificates) {
    EXPECT_EQ(one.certificate.subject_eui, kSupplierParty) << one.cell.ToString();
    EXPECT_EQ(one.certificate.key_usage, 1u << static_cast<unsigned>(one.cell.key_usage));
  }
  const NewCertificates again = Must(MakeNewCertificates(Path(""), kParty));
  EXPECT_EQ(again.delta, "");
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(again.certificates[i].certificate, first.certificates[i].certificate);
  EXPECT_EQ(Must(ReadNewCertificates(Path(""), kParty)).size(), 3u);
}

TEST_F(Staff, IsToldWhenNobodyServesAndWhenThePartyIsUnknown) {
  EXPECT_THAT(Message(MakeNewCertificates(Path(""), "supplier-z").status()),
              testing::HasSubstr("estate.yaml lists them"));
  EXPECT_THAT(Message(MakeNewCertificates(Path(""), "recovery").status()), testing::HasSubstr("token"));
}

TEST_F(Staff, TellsRecoveredHalfReplacedUnchangedAndTouchedBystandersApart) {
  std::vector<NewCertificate> fresh;
  {
    const ServedEstate served(Path(""));
    fresh = Must(MakeNewCertificates(Path(""), kParty)).certificates;
  }
  EXPECT_EQ(Report()["unchanged"], kDevices);
  EXPECT_EQ(Report()["recovered"], 0);
  EXPECT_EQ(Report()["touched_bystanders"], 0);
  {
    const auto fleet = Must(FleetStore::Open(Path("fleet/fleet.sqlite")));
    const auto own = Must(fleet->List(Eui64(), 100, kSupplierParty));
    Replace(*fleet, own[0].enrolment.eui, fresh);
    Replace(*fleet, own[1].enrolment.eui, std::span(fresh).first(2));
    const auto others = Must(fleet->List(Eui64(), 100, Eui64(0x90B3D51F30030000)));
    Replace(*fleet, others[0].enrolment.eui, fresh);
  }
  const nlohmann::json report = Report();
  EXPECT_EQ(report["devices"], kDevices);
  EXPECT_EQ(report["recovered"], 1);
  EXPECT_EQ(report["half_replaced"], 1);
  EXPECT_EQ(report["unchanged"], kDevices - 2);
  EXPECT_EQ(report["bystanders"], 8);
  EXPECT_EQ(report["touched_bystanders"], 1);
  const std::string identifier = ToHex(fresh[2].certificate.public_key->identifier());
  EXPECT_EQ(report["suppliers"][kParty]["cells"][fresh[2].cell.ToString()][identifier], 1);
}

}  // namespace
}  // namespace smki::sim
