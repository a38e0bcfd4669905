// estate.v1 over real gRPC with mutual TLS: who may call what, and that the stream of responses can be resumed.
#include "sim/network/estate_service.h"

#include <gmock/gmock.h>

#include <thread>

#include "proto/rpc/channel.h"
#include "proto/rpc/server.h"
#include "sim/authority/profile.h"
#include "sim/estate/people.h"
#include "sim/network/estate_calls.h"
#include "smki/estate/v1/estate.grpc.pb.h"
#include "smki/recovery/v1/recovery.grpc.pb.h"
#include "tests/unit/sim/small_fleet.h"

namespace smki::sim {
namespace {

namespace v1 = smki::estate::v1;

constexpr Millis kDeadline{10'000};

class Service : public testing::Test {
 protected:
  Service()
      : fleet(Must(FleetStore::Create(folder / "fleet.sqlite"))),
        state(Must(AuthorityState::Create(folder / "state.sqlite"))) {
    small.Fill(*fleet, 5);
    EXPECT_TRUE(state->AddParty({"supplier-a", kSupplierParty, 2}).ok());
    EXPECT_TRUE(state->AddParty({"supplier-b", Eui64(0x90B3D51F30030000), 2}).ok());
    EXPECT_TRUE(state->Set(kLastDelta, "2026-11-20").ok());
    authority = std::make_unique<Authority>(*state, small.pki.issuing_issuer, folder.path(), clock, SystemRandom());
    gateway = std::make_unique<Gateway>(*fleet, executor, clock, Faults{});
    service = std::make_unique<EstateService>(*gateway, *fleet, *authority, executor, &small.broker_key);
    server = Must(rpc::Server::Start("127.0.0.1:0", Tls("sim"), service->services()));
    core = std::thread([this] { executor.Run(); });
  }
  ~Service() override {
    server->Shutdown(Millis(100));
    executor.Stop();
    core.join();
  }

  rpc::TlsMaterial Tls(const std::string& name) {
    const pki::PrivateKey key = Must(pki::PrivateKey::Generate());
    const UtcTime now = SystemClock().Now();
    const pki::Certificate certificate = Must(pki::IssuePersonCertificate(
        transport.identity(), name, "test", key.public_key(), pki::kDigitalSignature, NewSerial(SystemRandom()),
        now - std::chrono::hours(1), now + std::chrono::hours(1), true));
    return {transport.certificate.ToPem(), certificate.ToPem(), ToString(key.ToPem().span())};
  }
  std::shared_ptr<grpc::Channel> Connect(const std::string& name) {
    return rpc::MakeChannel(server->address(), Tls(name));
  }

  Status Deliver(v1::DeviceGateway::Stub& stub, int device, uint64_t counter, v1::DeliverResponse& response) {
    v1::DeliverRequest request;
    v1::Command* command = request.add_commands();
    command->set_device(SmallFleet::Device(device).value());
    const Bytes octets = small.Command(device, counter);
    command->set_message(octets.data(), octets.size());
    return rpc::CallAndWait(stub, &v1::DeviceGateway::Stub::Deliver, request, response, kDeadline);
  }
  Status Send(const std::string& caller, const Bytes& octets, v1::DeliverResponse& response) {
    const auto stub = v1::AccessControlBroker::NewStub(Connect(caller));
    v1::DeliverRequest request;
    v1::Command* command = request.add_commands();
    command->set_device(SmallFleet::Device(1).value());
    command->set_message(octets.data(), octets.size());
    return rpc::CallAndWait(*stub, &v1::AccessControlBroker::Stub::Send, request, response, kDeadline);
  }
  // The next `count` responses after `after`.
  std::vector<v1::Response> ReadResponses(v1::DeviceGateway::Stub& stub, uint64_t after, size_t count) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    v1::ResponsesRequest request;
    request.set_after_sequence(after);
    const auto reader = stub.Responses(&context, request);
    std::vector<v1::Response> out;
    v1::ResponseBatch batch;
    while (out.size() < count && reader->Read(&batch))
      out.insert(out.end(), batch.responses().begin(), batch.responses().end());
    context.TryCancel();
    while (reader->Read(&batch)) {
    }
    (void)reader->Finish();
    return out;
  }

  TemporaryFolder folder;
  SmallFleet small;
  SoftAuthority transport = Must(MakeSoftAuthority("Test transport CA", SystemClock().Now(), SystemRandom()));
  ManualClock clock{kTestNow};
  AsioExecutor executor;
  std::unique_ptr<FleetStore> fleet;
  std::unique_ptr<AuthorityState> state;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<EstateService> service;
  std::unique_ptr<rpc::Server> server;
  std::thread core;
};

TEST_F(Service, DeliversForTheOrchestratorAndStreamsResponsesFromWhereItLeftOff) {
  const auto stub = v1::DeviceGateway::NewStub(Connect("orchestrator"));
  v1::DeliverResponse delivered;
  ASSERT_TRUE(Deliver(*stub, 1, 1, delivered).ok());
  EXPECT_EQ(delivered.accepted(), 1u);
  ASSERT_TRUE(Deliver(*stub, 2, 2, delivered).ok());
  const auto both = ReadResponses(*stub, 0, 2);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].device(), SmallFleet::Device(1).value());
  EXPECT_EQ(both[1].sequence(), 2u);
  const auto rest = ReadResponses(*stub, 1, 1);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].device(), SmallFleet::Device(2).value());
}

TEST_F(Service, SendsAResponseToAStreamThatWasOpenBefore) {
  const auto channel = Connect("orchestrator");
  const auto stub = v1::DeviceGateway::NewStub(channel);
  std::vector<v1::Response> got;
  std::thread reader([&] { got = ReadResponses(*stub, 0, 1); });
  v1::DeliverResponse delivered;
  EXPECT_TRUE(Deliver(*stub, 3, 1, delivered).ok());
  reader.join();
  ASSERT_EQ(got.size(), 1u);
}

TEST_F(Service, NamesUnknownDevices) {
  const auto stub = v1::DeviceGateway::NewStub(Connect("orchestrator"));
  v1::DeliverResponse delivered;
  ASSERT_TRUE(Deliver(*stub, 99, 1, delivered).ok());
  EXPECT_EQ(delivered.accepted(), 0u);
  ASSERT_EQ(delivered.unknown_size(), 1);
}

TEST_F(Service, LetsNobodyButTheOrchestratorNearTheDevices) {
  const auto stub = v1::DeviceGateway::NewStub(Connect("supplier-a"));
  v1::DeliverResponse delivered;
  EXPECT_EQ(Deliver(*stub, 1, 1, delivered).code(), absl::StatusCode::kPermissionDenied);
  const auto person = v1::DeviceGateway::NewStub(Connect("lena.lead"));
  EXPECT_TRUE(ReadResponses(*person, 0, 1).empty());
}

TEST_F(Service, SendsAPartysOwnCommandWithTheBrokersMacAndGivesItTheAnswer) {
  const auto orchestrator = v1::DeviceGateway::NewStub(Connect("orchestrator"));
  v1::DeliverResponse delivered;
  ASSERT_TRUE(Deliver(*orchestrator, 2, 1, delivered).ok()) << "an answer that is not the party's to read";
  const Status sent = Send("supplier-a", small.PreCommand(1, 1), delivered);
  ASSERT_TRUE(sent.ok()) << Message(sent);
  EXPECT_EQ(delivered.accepted(), 1u);
  const auto party = v1::DeviceGateway::NewStub(Connect("supplier-a"));
  const auto answers = ReadResponses(*party, 0, 1);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].device(), SmallFleet::Device(1).value());
  const gbcs::Message answer = Must(gbcs::ParseMessage(AsBytes(answers[0].message())));
  EXPECT_EQ(answer.recipient, kSupplierParty);
  EXPECT_TRUE(small.keys[1].Verify(gbcs::SignedOctets(answer), *answer.signature));
}

TEST_F(Service, AddsItsMacToNoCommandButAPartysOwnForItsOwnDevice) {
  v1::DeliverResponse delivered;
  const Bytes octets = small.PreCommand(1, 1);
  EXPECT_EQ(Send("lena.lead", octets, delivered).code(), absl::StatusCode::kPermissionDenied) << "she is no party";
  EXPECT_EQ(Send("supplier-b", octets, delivered).code(), absl::StatusCode::kPermissionDenied)
      << "supplier-a has signed it";
  gbcs::Message foreign = Must(gbcs::ParseMessage(octets));
  foreign.originator = Eui64(0x90B3D51F30030000);
  EXPECT_EQ(Send("supplier-b", gbcs::EncodeMessage(foreign), delivered).code(), absl::StatusCode::kPermissionDenied)
      << "it is supplier-a's Device";
  EXPECT_EQ(Send("supplier-a", small.PreCommand(2, 1), delivered).code(), absl::StatusCode::kInvalidArgument)
      << "it is addressed to another Device than it is sent to";
}

TEST_F(Service, LetsNobodyButTheOrchestratorRevoke) {
  const auto stub = v1::CertificateAuthority::NewStub(Connect("supplier-a"));
  v1::RevokeResponse revoked;
  EXPECT_EQ(
      rpc::CallAndWait(*stub, &v1::CertificateAuthority::Stub::Revoke, v1::RevokeRequest(), revoked, kDeadline).code(),
      absl::StatusCode::kPermissionDenied);
  v1::PublishRevocationListResponse list;
  EXPECT_EQ(rpc::CallAndWait(*stub, &v1::CertificateAuthority::Stub::PublishRevocationList,
                             v1::PublishRevocationListRequest(), list, kDeadline)
                .code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(Service, IssuesForAPartyAndPublishes) {
  const auto stub = v1::CertificateAuthority::NewStub(Connect("supplier-a"));
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  const Bytes csr = Must(pki::MakeCertificateRequest(key, {"", 2, kSupplierParty}, pki::kDigitalSignature));
  v1::SubmitRequestRequest request;
  request.set_request(csr.data(), csr.size());
  request.set_subscriber("supplier-a");
  v1::SubmitRequestResponse issued;
  ASSERT_TRUE(rpc::CallAndWait(*stub, &v1::CertificateAuthority::Stub::SubmitRequest, request, issued, kDeadline).ok());
  EXPECT_EQ(*Must(pki::Certificate::Parse(AsBytes(issued.certificate()))).public_key, key.public_key());
  v1::PublishDeltaResponse delta;
  ASSERT_TRUE(rpc::CallAndWait(*stub, &v1::CertificateAuthority::Stub::PublishDelta, v1::PublishDeltaRequest(), delta,
                               kDeadline)
                  .ok());
  EXPECT_EQ(delta.file(), "SMKIKR_DELT_2026-11-21.xml.gz");
}

TEST_F(Service, TellsWhoseEuiItIs) {
  const auto stub = v1::CertificateAuthority::NewStub(Connect("orchestrator"));
  v1::FindPartyRequest request;
  request.set_organisation(kSupplierParty.value());
  v1::FindPartyResponse found;
  ASSERT_TRUE(rpc::CallAndWait(*stub, &v1::CertificateAuthority::Stub::FindParty, request, found, kDeadline).ok());
  EXPECT_EQ(found.party(), "supplier-a");
  request.set_organisation(kSupplierParty.value() + 1);
  ASSERT_TRUE(rpc::CallAndWait(*stub, &v1::CertificateAuthority::Stub::FindParty, request, found, kDeadline).ok());
  EXPECT_EQ(found.party(), "");
}

TEST_F(Service, AWrongServerIsNamedWithItsAddress) {
  const auto stub = recovery::v1::Recovery::NewStub(Connect("lena.lead"));
  recovery::v1::IncidentView view;
  const Status wrong = rpc::CallAndWait(*stub, &recovery::v1::Recovery::Stub::GetIncident,
                                        recovery::v1::GetIncidentRequest(), view, kDeadline);
  EXPECT_THAT(Message(wrong), testing::HasSubstr(server->address()));
  EXPECT_THAT(Message(wrong), testing::HasSubstr("another server"));
  EXPECT_THAT(Message(wrong), testing::HasSubstr("Next: "));
}

TEST_F(Service, ListsTheInventoryPageByPage) {
  const auto stub = v1::Inventory::NewStub(Connect("orchestrator"));
  v1::ListDevicesRequest request;
  request.set_limit(3);
  v1::ListDevicesResponse page;
  ASSERT_TRUE(rpc::CallAndWait(*stub, &v1::Inventory::Stub::ListDevices, request, page, kDeadline).ok());
  EXPECT_EQ(page.devices_size(), 3);
  EXPECT_TRUE(page.more());
  EXPECT_EQ(page.devices(0).device_type(), "ESME");
  EXPECT_THAT(page.devices(0).cells(), testing::Contains("supplier/digitalSignature"));
  request.set_after(page.devices(2).eui());
  v1::ListDevicesResponse last;
  ASSERT_TRUE(rpc::CallAndWait(*stub, &v1::Inventory::Stub::ListDevices, request, last, kDeadline).ok());
  EXPECT_EQ(last.devices_size(), 2);
  EXPECT_FALSE(last.more());
  request.set_limit(kMaxListed + 1);
  EXPECT_EQ(rpc::CallAndWait(*stub, &v1::Inventory::Stub::ListDevices, request, last, kDeadline).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace smki::sim
