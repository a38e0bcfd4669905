// The keyguard's services with a real smki-signer child and a real SoftHSM token, through gRPC with mutual TLS.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "hsm/custody/provision.h"
#include "hsm/keyguard/service.h"
#include "hsm/keyguard/translate.h"
#include "ledger/record_log.h"
#include "pki/digest.h"
#include "procedures/custody_change.h"
#include "procedures/reason.h"
#include "proto/rpc/channel.h"
#include "proto/rpc/server.h"
#include "smki/keyguard/v1/keyguard.grpc.pb.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using test::Must;
using test::TestEstate;

constexpr Millis kDeadline = std::chrono::seconds(20);
constexpr size_t kTestUploadOctets = 1 << 20;

std::string SignerProgram() {
  return SMKI_SIGNER_PROGRAM;
}

class KeyguardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    {
      test::SoftHsm hsm(folder_);
      config_ = hsm.config();
      const TokenBinding binding{estate_.policy.environment, "recovery", estate_.policy.version,
                                 pki::Sha256(estate_.PolicyText())};
      estate_.UseRecoveryKey(Must(ProvisionToken(hsm.module(), "smki-recovery-estate-7",
                                                 estate_.custody.at("recovery").secret, binding, SystemRandom())));
    }
    PutFile("identity.crt", AsBytes(estate_.keyguard.certificate.ToPem()));
    PutFile("identity.key", estate_.keyguard.key.ToPem().span());
    Start();
  }

  void Start() {
    const Secret key_pem = estate_.keyguard.key.ToPem();
    countersigner_ = Must(Countersigner::Make({PosixFiles(), folder_ / "newest-checkpoint",
                                               Must(pki::PrivateKey::FromPem(AsText(key_pem.span()))), "keyguard",
                                               estate_.orchestrator.certificate, estate_.policy.environment}));
    ConfigureFrame& configuration = configuration_;
    configuration.module = test::kSoftHsm;
    configuration.softhsm_config = config_;
    configuration.journal = folder_ / "signer-journal";
    configuration.identity_certificate = folder_ / "identity.crt";
    configuration.identity_key = folder_ / "identity.key";
    configuration.keys = {{"recovery", "pkcs11:token=smki-recovery-estate-7"}};
    configuration.policy = ToBytes(AsBytes(estate_.PolicyText()));
    signer_ = Must(SignerProcess::Start(SignerProgram(), configuration));
    keyguard_service_ = MakeKeyguardService(*signer_, *countersigner_, configuration.journal, kTestUploadOctets);
    persons_service_ = MakePersonsService(*signer_, {"kira.custodian", "liam.custodian", "mona.custodian", "anna.pma"});
    server_ = Must(rpc::Server::Start("127.0.0.1:0", Tls("keyguard"), {keyguard_service_.get()}));
    persons_server_ = Must(rpc::Server::Start("127.0.0.1:0", Tls("keyguard"), {persons_service_.get()}));
  }
  void Stop() {
    persons_server_.reset();
    server_.reset();
    signer_.reset();
  }
  void TearDown() override { Stop(); }

  void PutFile(const std::string& name, ByteSpan octets) {
    ASSERT_TRUE(PosixFiles().WriteDurably(folder_ / name, octets, true).ok());
  }

  rpc::TlsMaterial Tls(const std::string& id) {
    const test::Identity identity = estate_.MakeTransport(id);
    return {estate_.persons_authority.certificate.ToPem(), identity.certificate.ToPem(),
            ToString(identity.key.ToPem().span())};
  }
  std::unique_ptr<kg::Keyguard::Stub> Orchestrator(const std::string& as = "orchestrator") {
    return kg::Keyguard::NewStub(rpc::MakeChannel(server_->address(), Tls(as)));
  }
  std::unique_ptr<kg::KeyguardPersons::Stub> Person(const std::string& as) {
    return kg::KeyguardPersons::NewStub(rpc::MakeChannel(persons_server_->address(), Tls(as)));
  }

  StatusOr<kg::Ceremony> Prepare(kg::Keyguard::Stub& stub) {
    const Bundle bundle = estate_.MakeBundle();
    grpc::ClientContext context;
    kg::PrepareResponse response;
    const auto writer = stub.Prepare(&context, &response);
    kg::PrepareRequest first;
    kg::PrepareHeader& header = *first.mutable_header();
    header.set_incident(bundle.header.incident);
    header.set_key(bundle.header.key);
    header.set_direction(ToString(bundle.header.direction));
    for (const Bytes& approval : bundle.header.approvals) header.add_approvals(ToString(approval));
    header.set_policy(ToString(bundle.header.policy));
    header.set_revocation_list(ToString(bundle.header.revocation_list));
    header.set_ledger_head(std::string(32, '\0'));
    writer->Write(first);
    for (const auto& [group, octets] : bundle.populations) {
      kg::PrepareRequest part;
      part.mutable_population()->set_group(group);
      part.mutable_population()->set_octets(ToString(octets));
      writer->Write(part);
    }
    for (const auto& [digest, der] : bundle.certificates) {
      kg::PrepareRequest part;
      part.set_certificate(ToString(der));
      writer->Write(part);
    }
    writer->WritesDone();
    SMKI_RETURN_IF_ERROR(rpc::FromGrpc(writer->Finish()));
    return response.ceremony();
  }

  // A stream without its header.
  StatusOr<kg::Ceremony> PrepareOnlyPart() {
    grpc::ClientContext context;
    kg::PrepareResponse response;
    const auto writer = Orchestrator()->Prepare(&context, &response);
    kg::PrepareRequest part;
    part.set_certificate("DER");
    writer->Write(part);
    writer->WritesDone();
    SMKI_RETURN_IF_ERROR(rpc::FromGrpc(writer->Finish()));
    return response.ceremony();
  }

  StatusOr<kg::Ceremony> Present(const std::string& person, const kg::Ceremony& ceremony) {
    CeremonyFrame frame;
    frame.request = ceremony.request();
    const PresentFrame made = estate_.Presentation(person, frame);
    kg::PresentShareRequest request;
    request.set_presentation(made.presentation);
    request.set_signature(ToString(made.signature));
    request.set_envelope(ToString(made.envelope));
    kg::PresentShareResponse response;
    SMKI_RETURN_IF_ERROR(
        rpc::CallAndWait(*Person(person), &kg::KeyguardPersons::Stub::PresentShare, request, response, kDeadline));
    return response.ceremony();
  }

  ::smki::Status Open() {
    SMKI_ASSIGN_OR_RETURN(kg::Ceremony ceremony, Prepare(*Orchestrator()));
    for (const char* person : {"kira.custodian", "liam.custodian", "mona.custodian"}) {
      SMKI_ASSIGN_OR_RETURN(ceremony, Present(person, ceremony));
    }
    return ceremony.open() ? OkStatus() : Internal("not open");
  }

  kg::SignRequest SignRequest(const std::string& group, size_t from, size_t count, uint32_t attempt = 1) {
    kg::SignRequest request;
    request.set_direction_digest(ToString(estate_.DirectionDigest()));
    request.set_group(group);
    request.set_ledger_head(std::string(32, '\0'));
    for (size_t i = 0; i < count; ++i) {
      kg::SignItem& item = *request.add_items();
      item.set_device(estate_.populations.at(group).devices[from + i].value());
      item.set_attempt(attempt);
    }
    return request;
  }
  StatusOr<kg::SignResponse> Sign(const kg::SignRequest& request, const std::string& as = "orchestrator") {
    kg::SignResponse response;
    SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*Orchestrator(as), &kg::Keyguard::Stub::Sign, request, response, kDeadline));
    return response;
  }
  kg::Status GetStatus() {
    kg::Status response;
    const ::smki::Status status =
        rpc::CallAndWait(*Orchestrator(), &kg::Keyguard::Stub::GetStatus, kg::GetStatusRequest(), response, kDeadline);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }
  ::smki::Status Close() {
    kg::CloseRequest request;
    request.set_direction_digest(ToString(estate_.DirectionDigest()));
    kg::CloseResponse response;
    return rpc::CallAndWait(*Orchestrator(), &kg::Keyguard::Stub::Close, request, response, kDeadline);
  }

  TestEstate estate_{SystemClock().Now()};
  test::TempFolder folder_;
  std::string config_;
  ConfigureFrame configuration_;
  std::unique_ptr<Countersigner> countersigner_;
  std::unique_ptr<SignerProcess> signer_;
  std::unique_ptr<grpc::Service> keyguard_service_, persons_service_;
  std::unique_ptr<rpc::Server> server_, persons_server_;
};

TEST_F(KeyguardTest, I5_OpensSignsAndClosesThroughTheProcessBoundary) {
  const ::smki::Status opened = Open();
  ASSERT_TRUE(opened.ok()) << opened;
  EXPECT_EQ(GetStatus().state(), kg::Status::OPEN);
  const auto response = Sign(SignRequest("esme", 0, 20));
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->commands_size(), 20);
  const pki::PublicKey& key = *estate_.certificates.at("recovery").public_key;
  for (const kg::SignedCommand& command : response->commands()) {
    EXPECT_EQ(command.refusal(), "");
    const gbcs::Message message = Must(gbcs::ParseMessage(AsBytes(command.command())));
    EXPECT_TRUE(key.Verify(gbcs::SignedOctets(message), *message.signature));
  }
  ASSERT_TRUE(Close().ok());
  EXPECT_EQ(GetStatus().state(), kg::Status::CLOSED);
  EXPECT_TRUE(IsRefusal(Sign(SignRequest("esme", 20, 1)).status(), Reason::kKEY_CLOSED));
  // Again, with what was signed still known.
  ASSERT_TRUE(Open().ok());
  const auto again = Sign(SignRequest("esme", 0, 20));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->SerializeAsString(), response->SerializeAsString());
}

TEST_F(KeyguardTest, I4_OnlyTheOrchestratorAndPersonsOfThePolicyMayCall) {
  EXPECT_TRUE(IsRefusal(Sign(SignRequest("esme", 0, 1), "anna.pma").status(), Reason::kNOT_PERMITTED));
  EXPECT_TRUE(IsRefusal(Prepare(*Orchestrator("sim")).status(), Reason::kNOT_PERMITTED));
  kg::Status response;
  EXPECT_TRUE(IsRefusal(rpc::CallAndWait(*Person("stranger"), &kg::KeyguardPersons::Stub::GetStatus,
                                         kg::GetStatusRequest(), response, kDeadline),
                        Reason::kNOT_PERMITTED));
  EXPECT_EQ(GetStatus().refusals(), 3u);
}

TEST_F(KeyguardTest, I4_WhomAnAdmittedChangeAppointsMayFetchTheirShareAndNobodyElseUnknown) {
  const auto fetch = [&](const std::string& as) {
    kg::Custody custody;
    return rpc::CallAndWait(*Person(as), &kg::KeyguardPersons::Stub::GetCustody, kg::GetCustodyRequest(), custody,
                            kDeadline);
  };
  EXPECT_TRUE(IsRefusal(fetch("nel.new"), Reason::kNOT_PERMITTED));
  procedures::CustodyChange change;
  change.id = "CUS-1";
  change.environment = estate_.policy.environment;
  change.key = "recovery";
  change.change = "appoint";
  change.policy_version = estate_.policy.version;
  change.policy = pki::Sha256(estate_.PolicyText());
  change.threshold = 2;
  change.custodians = {"kira.custodian", "liam.custodian", "nel.new"};
  const test::Identity sign = estate_.IssueFor("nel.new", pki::kDigitalSignature);
  const test::Identity agree = estate_.IssueFor("nel.new", pki::kKeyAgreement);
  change.persons = {
      {"nel.new", {"Nel New"}, "org-nel", {"key-custodian"}, {sign.certificate.der()}, {agree.certificate.der()}}};
  change.requested_by = "lena.lead";
  change.nonce = std::string(32, 'e');
  change.drafted = UtcTime{estate_.clock.Now().ms / 1000 * 1000} - std::chrono::hours(2);
  change.not_after = change.drafted + std::chrono::hours(24);
  change.rationale = {"a test"};
  kg::BeginCustodyChangeRequest request;
  request.set_change(Render(change));
  for (const char* member : {"anna.pma", "carla.pma", "dario.pma"}) {
    request.add_approvals(ToString(estate_.Approve(member, request.change(), "smki custody change CUS-1")));
  }
  request.set_policy(estate_.PolicyText());
  request.set_revocation_list(ToString(estate_.RevocationList()));
  kg::BeginCustodyChangeResponse response;
  const auto begun = rpc::CallAndWait(*Person("anna.pma"), &kg::KeyguardPersons::Stub::BeginCustodyChange, request,
                                      response, kDeadline);
  ASSERT_TRUE(begun.ok()) << begun;
  const auto fetched = fetch("nel.new");
  EXPECT_TRUE(fetched.ok()) << fetched;
  EXPECT_TRUE(IsRefusal(fetch("stranger"), Reason::kNOT_PERMITTED));
}

TEST_F(KeyguardTest, I1_RefusesRequestsThatAreOutOfShape) {
  kg::SignRequest large = SignRequest("esme", 0, 1);
  for (size_t i = 0; i < kMaxBatch; ++i) *large.add_items() = large.items(0);
  EXPECT_TRUE(IsRefusal(Sign(large).status(), Reason::kBATCH_TOO_LARGE));
  kg::SignRequest no_digest = SignRequest("esme", 0, 1);
  no_digest.clear_direction_digest();
  EXPECT_TRUE(IsRefusal(Sign(no_digest).status(), Reason::kBAD_REQUEST));
  EXPECT_TRUE(IsRefusal(PrepareOnlyPart().status(), Reason::kBAD_REQUEST));
  EXPECT_EQ(GetStatus().refusals(), 3u);
}

TEST_F(KeyguardTest, I3_ExportsAJournalThatVerifies) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Sign(SignRequest("gpf", 0, 3)).ok());
  const kg::Status status = GetStatus();
  grpc::ClientContext context;
  const auto reader = Orchestrator()->ExportJournal(&context, kg::ExportJournalRequest());
  Bytes octets;
  kg::JournalChunk chunk;
  while (reader->Read(&chunk)) Append(octets, AsBytes(chunk.octets()));
  ASSERT_TRUE(reader->Finish().ok());
  PutFile("exported", octets);
  const auto summary = ledger::ReadRecordLog(PosixFiles(), folder_ / "exported", ledger::kJournalKind, nullptr);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->records, status.journal_records());
  EXPECT_EQ(ToString(summary->head), status.journal_head());
}

TEST_F(KeyguardTest, I3_CountersignsTheOrchestratorsCheckpoint) {
  const std::string body = ledger::RenderCheckpoint({"smki-ledger/drill/estate-7", {9, Digest{1}}});
  kg::CountersignRequest request;
  request.set_checkpoint(body + "\n" + Must(ledger::SignatureLine(body, "orchestrator", estate_.orchestrator.key)));
  kg::CountersignResponse response;
  const ::smki::Status status =
      rpc::CallAndWait(*Orchestrator(), &kg::Keyguard::Stub::Countersign, request, response, kDeadline);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(ledger::IsSignedBy(Must(ledger::ParseSignedNote(request.checkpoint() + response.signature_line())),
                                 "keyguard", *estate_.keyguard.certificate.public_key));
}

TEST_F(KeyguardTest, I3_PreparesForNoLedgerThatEndsBeforeOneCountersigned) {
  const std::string body = ledger::RenderCheckpoint({"smki-ledger/drill/estate-7", {9, Digest{1}}});
  const auto line = countersigner_->Countersign(
      body + "\n" + Must(ledger::SignatureLine(body, "orchestrator", estate_.orchestrator.key)));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(GetStatus().ledger_sequence(), 8u);
  EXPECT_EQ(GetStatus().ledger_head(), ToString(Digest{1}));
  EXPECT_TRUE(IsRefusal(Prepare(*Orchestrator()).status(), Reason::kJOURNAL_ROLLED_BACK));
  EXPECT_EQ(GetStatus().refusals(), 1u);
}

TEST_F(KeyguardTest, I5_TheSignerRunsAsAUserOfItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  constexpr uint32_t kNobody = 65534;
  Stop();
  std::filesystem::remove(folder_ / "signer-journal.lock");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path()))
    ASSERT_EQ(::chown(entry.path().c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(::chown(folder_.path().c_str(), kNobody, kNobody), 0);
  configuration_.user = configuration_.group = kNobody;
  Start();
  std::map<std::string, std::string> facts;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "children");
    int child = 0;
    if (!(in >> child)) continue;
    std::ifstream status("/proc/" + std::to_string(child) + "/status");
    for (std::string line; std::getline(status, line);)
      facts[line.substr(0, line.find(':'))] = line.substr(line.find(':') + 1);
  }
  EXPECT_EQ(facts["Uid"], "\t65534\t65534\t65534\t65534");
  EXPECT_EQ(facts["Gid"], "\t65534\t65534\t65534\t65534");
  EXPECT_EQ(facts["Groups"].find_first_of("0123456789"), std::string::npos) << facts["Groups"];
  EXPECT_EQ(facts["CapEff"], "\t0000000000000000");
  const ::smki::Status opened = Open();
  ASSERT_TRUE(opened.ok()) << opened;
  ASSERT_TRUE(Sign(SignRequest("esme", 0, 3)).ok());
  ASSERT_TRUE(Close().ok());
}

TEST_F(KeyguardTest, SaysWhyTheSignerCannotStart) {
  Stop();
  ConfigureFrame configuration = configuration_;
  configuration.keys = {{"recovery", "pkcs11:token=another"}};
  const auto started = SignerProcess::Start(SignerProgram(), configuration);
  EXPECT_THAT(Message(started.status()), ::testing::HasSubstr("no token 'another'"));
  EXPECT_FALSE(SignerProcess::Start("/nowhere/smki-signer", configuration_).ok());
}

TEST_F(KeyguardTest, I5_AnIdentityKeyThatOthersMayReadIsNotUsed) {
  Stop();
  const std::string key = folder_ / "identity.key";
  for (const mode_t mode : {0640, 0604, 0620}) {
    ASSERT_EQ(::chmod(key.c_str(), mode), 0);
    const auto started = SignerProcess::Start(SignerProgram(), configuration_);
    EXPECT_THAT(Message(started.status()),
                ::testing::HasSubstr(key + ": others may read this private key; run: chmod 600"));
  }
  ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
  EXPECT_TRUE(SignerProcess::Start(SignerProgram(), configuration_).ok());
}

// I10: uploads that never end fill the memory of nobody, and those that end make room.
TEST_F(KeyguardTest, I10_AllUploadsTogetherHoldNoMoreThanOneMay) {
  const auto stub = Orchestrator();
  const auto begin = [&](grpc::ClientContext& context, kg::PrepareResponse& response) {
    auto writer = stub->Prepare(&context, &response);
    kg::PrepareRequest header;
    header.mutable_header()->set_ledger_head(std::string(32, '\0'));
    writer->Write(header);
    kg::PrepareRequest part;
    part.mutable_population()->set_octets(std::string(kTestUploadOctets * 2 / 3, 'p'));
    writer->Write(part);
    return writer;
  };
  grpc::ClientContext stalled;
  kg::PrepareResponse never;
  const auto holding = begin(stalled, never);
  // When the keyguard has read what the first holds is its own affair: another is tried until it has.
  ::smki::Status status;
  for (int i = 0; i < 100 && Message(status).find("being handed over are larger than 1048576") == std::string::npos;
       ++i) {
    grpc::ClientContext context;
    kg::PrepareResponse response;
    const auto writer = begin(context, response);
    writer->WritesDone();
    status = rpc::FromGrpc(writer->Finish());
  }
  EXPECT_THAT(Message(status), ::testing::HasSubstr("the materials being handed over are larger than 1048576 octets"));
  stalled.TryCancel();
  EXPECT_FALSE(holding->Finish().ok());
  EXPECT_TRUE(Open().ok()) << "there is room again";
}

// I2, I5: wherever the signer is killed, the key is closed, and after one more ceremony the same attempts end in the
// same commands.
class KilledSigner : public KeyguardTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void TearDown() override {
    ::unsetenv("SMKI_FAIL_POINT");
    KeyguardTest::TearDown();
  }
};

TEST_P(KilledSigner, I2_GoesOnWhereItWas) {
  ASSERT_TRUE(Open().ok());
  const auto before = Sign(SignRequest("esme", 0, 5));
  ASSERT_TRUE(before.ok()) << before.status();
  Stop();
  ::setenv("SMKI_FAIL_POINT", GetParam(), 1);
  Start();
  // One of these steps is the last thing that the first signer does.
  bool killed = !Open().ok();
  if (!killed) killed = !Sign(SignRequest("esme", 3, 5)).ok();
  ASSERT_TRUE(killed);
  EXPECT_EQ(GetStatus().state(), kg::Status::CLOSED);

  const ::smki::Status opened = Open();
  ASSERT_TRUE(opened.ok()) << opened;
  const auto after = Sign(SignRequest("esme", 0, 8));
  ASSERT_TRUE(after.ok()) << after.status();
  const pki::PublicKey& key = *estate_.certificates.at("recovery").public_key;
  for (int i = 0; i < 8; ++i) {
    const kg::SignedCommand& command = after->commands(i);
    EXPECT_EQ(command.counter(), estate_.direction.counter_first + static_cast<uint64_t>(i));
    const gbcs::Message message = Must(gbcs::ParseMessage(AsBytes(command.command())));
    EXPECT_TRUE(key.Verify(gbcs::SignedOctets(message), *message.signature));
    if (i < 5) {
      EXPECT_EQ(command.SerializeAsString(), before->commands(i).SerializeAsString());
    }
  }
  EXPECT_EQ(GetStatus().signatures(), 8u);
}

INSTANTIATE_TEST_SUITE_P(FailPoints, KilledSigner,
                         ::testing::Values("signer.prepare.journalled", "signer.present.journalled",
                                           "signer.burn.before-sync", "signer.burn.synced", "signer.sign.done",
                                           "signer.signatures.synced"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

}  // namespace
}  // namespace smki::hsm
