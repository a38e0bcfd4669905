// A taken orchestrator lies to people: it shows a member something else than what is to be signed, and stands between
// people and the keyguard under its own genuine transport certificate. Their own smkictl finds it out.
#include <grpcpp/server_context.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/yaml.h"
#include "procedures/documents.h"
#include "procedures/evidence/share.h"
#include "proto/rpc/server.h"
#include "sim/scenario/process.h"
#include "smki/recovery/v1/recovery.grpc.pb.h"
#include "tests/harness/keyguard.h"

namespace smki::test {
namespace {

namespace rv = smki::recovery::v1;
constexpr Millis kPatience{20'000};
constexpr char kEverything[] = "key,procedure,devices,cells,validity,limits";  // that a member consents to

rpc::TlsMaterial TlsOf(const Estate& estate, const std::string& server) {
  const std::string stem = estate.Path("tls/" + server);
  return SMKI_MUST(rpc::ReadTls({estate.Path("tls/ca.pem"), stem + ".crt.pem", stem + ".key.pem"}));
}

sim::ProcessExit Smkictl(const Estate& estate, const std::string& person, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {Program("smkictl"), "--site", estate.Path("persons/" + person + "/client.yaml")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return SMKI_MUST(sim::RunProcess(command, {}, kPatience));
}

std::string AddressIn(const Estate& estate, const std::string& person, const std::string& server) {
  const std::string file = "persons/" + person + "/client.yaml";
  return SMKI_MUST(SMKI_MUST(ParseYaml(estate.Read(file), file)).Text(server));
}

// --- The brief ---

// The orchestrator's service as its new owner runs it.
class LyingOrchestrator : public rv::Recovery::Service {
 public:
  grpc::Status GetDirection(grpc::ServerContext*, const rv::GetDirectionRequest*, rv::DirectionView* view) override {
    *view = shown;
    return grpc::Status::OK;
  }
  grpc::Status SubmitVote(grpc::ServerContext*, const rv::SubmitVoteRequest* vote, rv::IncidentView*) override {
    votes.push_back(*vote);
    return grpc::Status::OK;
  }
  rv::DirectionView shown;
  std::vector<rv::SubmitVoteRequest> votes;
};

class LyingBrief : public ::testing::Test {
 protected:
  void SetUp() override {
    estate_ = Estate::Copy();
    bundle_ = estate_->MakeBundle();
    Show(bundle_);
    server_ = SMKI_MUST(rpc::Server::Start(AddressIn(*estate_, "dario.pma", "orchestrator"),
                                           TlsOf(*estate_, "orchestrator"), {&orchestrator_}));
  }

  void Show(const Bundle& bundle) {
    rv::DirectionView& view = orchestrator_.shown;
    view.Clear();
    view.set_direction(bundle.text);
    for (const Bytes& approval : bundle.approvals) view.add_approvals(ToString(approval));
    for (const auto& [group, file] : bundle.populations) {
      rv::Blob& blob = *view.add_populations();
      blob.set_name(group);
      blob.set_octets(ToString(file));
    }
    for (const Bytes& der : bundle.certificates) {
      rv::Blob& blob = *view.add_certificates();
      blob.set_name(ToHex(pki::Sha256(der)));
      blob.set_octets(ToString(der));
    }
  }
  nlohmann::json Review(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--output", "json", "direction", "review"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const sim::ProcessExit exit = Smkictl(*estate_, "dario.pma", arguments);
    EXPECT_EQ(exit.code, 0) << exit.err;
    return nlohmann::json::parse(exit.out, nullptr, false);
  }
  static std::string Stops(const nlohmann::json& brief) {
    std::string out;
    for (const auto& warning : brief.at("warnings")) {
      if (warning.at("grave").get<bool>()) out += warning.at("text").get<std::string>() + "\n";
    }
    return out;
  }
  // Shown this, the brief says stop, and why. Shown the truth, it does not say so.
  void ExpectStop(const std::string& why, const std::vector<std::string>& more = {}) {
    const rv::DirectionView lie = orchestrator_.shown;
    EXPECT_NE(Stops(Review(more)).find(why), std::string::npos) << Stops(Review(more));
    Show(bundle_);
    EXPECT_EQ(Stops(Review()).find(why), std::string::npos) << "it says so of what is true, too";
    orchestrator_.shown = lie;
  }

  std::unique_ptr<Estate> estate_;
  Bundle bundle_;
  LyingOrchestrator orchestrator_;
  std::unique_ptr<rpc::Server> server_;
};

TEST_F(LyingBrief, I1_OtherDevicesThanDirectedAreShown) {
  estate_->SetPopulation(bundle_, 0, {TestDevice(8, 1), TestDevice(8, 2)}, /*redirect=*/false);
  Show(bundle_);
  bundle_ = estate_->MakeBundle();
  ExpectStop("Group supplier-a-esme: the population file is not the directed one");
}

TEST_F(LyingBrief, I1_NoDevicesAreShown) {
  orchestrator_.shown.clear_populations();
  ExpectStop("nobody here can say which Devices are meant");
}

TEST_F(LyingBrief, I1_PopulationsAreShownUnderEachOthersNames) {
  std::swap(*orchestrator_.shown.mutable_populations(0)->mutable_octets(),
            *orchestrator_.shown.mutable_populations(1)->mutable_octets());
  ExpectStop("the population file is not the directed one");
}

TEST_F(LyingBrief, I1_AnotherCertificateIsShownUnderTheDirectedDigest) {
  const pki::Certificate other = estate_->Organisation(Eui64(0x90B3D51F30030000), 2, pki::kDigitalSignature);
  orchestrator_.shown.mutable_certificates(1)->set_octets(ToString(other.der()));
  ExpectStop("supplier/digitalSignature: the certificate could not be shown by anybody");
}

TEST_F(LyingBrief, I8_ADirectionOfAnotherEnvironmentIsShown) {
  Bundle other = bundle_;
  other.direction.environment.kind = "production";
  estate_->Reapprove(other);
  Show(other);
  ExpectStop("The trust policy does not allow it");
}

TEST_F(LyingBrief, I9_AnotherProcedureIsShown) {
  Bundle other = bundle_;
  other.direction.procedure_digest[0] ^= 1;
  estate_->Reapprove(other);
  Show(other);
  ExpectStop("The trust policy does not allow it");
}

TEST_F(LyingBrief, I1_TheDirectionOfAnotherIncidentIsShown) {
  ExpectStop("WRONG_INCIDENT", {"--incident", "INC-TEST-9999"});
}

TEST_F(LyingBrief, I1_ATextWithSomethingBetweenTheLinesIsNotRead) {
  orchestrator_.shown.set_direction("# All is well.\n" + bundle_.text);
  const sim::ProcessExit exit = Smkictl(*estate_, "dario.pma", {"direction", "review"});
  EXPECT_NE(exit.code, 0);
  EXPECT_NE(exit.err.find("DIRECTION_NOT_CANONICAL"), std::string::npos) << exit.err;
}

TEST_F(LyingBrief, I4_ApprovalsThatAreNoneAreNotCounted) {
  // It claims that all have approved and that one suffices; what it shows are approvals of another Direction.
  orchestrator_.shown.clear_approvals();
  const Bundle other = estate_->MakeBundle(2);
  for (const Bytes& approval : other.approvals) orchestrator_.shown.add_approvals(ToString(approval));
  orchestrator_.shown.set_approvals_needed(1);
  for (const char* person : {"anna.pma", "bruno.pma", "carla.pma"}) orchestrator_.shown.add_approved_by(person);
  const sim::ProcessExit exit = Smkictl(*estate_, "dario.pma", {"direction", "review"});
  EXPECT_NE(exit.out.find("0 of 3"), std::string::npos) << exit.out << exit.err;
  Show(bundle_);
  EXPECT_NE(Smkictl(*estate_, "dario.pma", {"direction", "review"}).out.find("3 of 3"), std::string::npos);
}

TEST_F(LyingBrief, I1_OneDirectionIsShownToBeReadAndAnotherToBeSigned) {
  const std::string read = ToHex(bundle_.digest()).substr(0, 16);
  Bundle worse = bundle_;
  worse.direction.limits.total += 1;
  estate_->Reapprove(worse);
  Show(worse);
  const sim::ProcessExit exit =
      Smkictl(*estate_, "dario.pma", {"direction", "sign", "--digest", read, "--yes", kEverything});
  EXPECT_NE(exit.code, 0);
  EXPECT_NE(exit.err.find("nothing was signed"), std::string::npos) << exit.err;
  EXPECT_TRUE(orchestrator_.votes.empty());
  // And what was read is what is signed.
  Show(bundle_);
  EXPECT_EQ(Smkictl(*estate_, "dario.pma", {"direction", "sign", "--digest", read, "--yes", kEverything}).code, 0);
  EXPECT_EQ(orchestrator_.votes.size(), 1u);
}

// --- Between people and the keyguard ---

// A relay on the way to the keyguard's own listener. It has a genuine transport certificate: the orchestrator's.
class Relay : public kg::KeyguardPersons::Service {
 public:
  grpc::Status GetCeremony(grpc::ServerContext*, const kg::GetCeremonyRequest*, kg::Ceremony* out) override {
    *out = shown;
    return grpc::Status::OK;
  }
  grpc::Status PresentShare(grpc::ServerContext*, const kg::PresentShareRequest* share,
                            kg::PresentShareResponse* out) override {
    shares.push_back(*share);
    *out->mutable_ceremony() = shown;
    return grpc::Status::OK;
  }
  grpc::Status GetStatus(grpc::ServerContext*, const kg::GetStatusRequest*, kg::Status* out) override {
    *out = status;
    return grpc::Status::OK;
  }
  grpc::Status Order(grpc::ServerContext*, const kg::OrderRequest*, kg::OrderResponse* out) override {
    out->mutable_status()->set_state(kg::Status::CLOSED);
    return grpc::Status::OK;
  }
  kg::Ceremony shown;
  kg::Status status;
  std::vector<kg::PresentShareRequest> shares;
};

class LyingRelay : public ::testing::Test {
 protected:
  void SetUp() override {
    estate_ = Estate::Copy();
    keyguard_ = Keyguard::Start(*estate_);
    bundle_ = estate_->MakeBundle();
    genuine_ = SMKI_MUST(keyguard_->Prepare(bundle_));
    relay_.shown = genuine_;
    relay_.status = SMKI_MUST(keyguard_->GetStatus());
  }
  // With the transport key of this server.
  void StandBetween(const std::string& as) {
    server_ = SMKI_MUST(rpc::Server::Start("127.0.0.1:0", TlsOf(*estate_, as), {&relay_}));
    for (const char* person : {"kira.custodian", "dario.pma"}) {
      const std::string file = std::string("persons/") + person + "/client.yaml";
      std::string site = estate_->Read(file);
      const std::string real = AddressIn(*estate_, person, "keyguard");
      site.replace(site.find(real), real.size(), server_->address());
      estate_->Write(file, site);
    }
  }
  // Her tool refuses, and no share has left it.
  void ExpectNoShare() {
    const sim::ProcessExit exit = Smkictl(*estate_, "kira.custodian", {"ceremony", "present"});
    EXPECT_NE(exit.code, 0) << exit.out;
    EXPECT_EQ(exit.err.find("the server at this address is"), std::string::npos) << exit.err;
    EXPECT_TRUE(relay_.shares.empty()) << "a share was shown to the relay";
  }
  std::string DirectionFile() {
    estate_->Write("direction.txt", bundle_.text);
    return estate_->Path("direction.txt");
  }
  std::string WithItsOwnKey() {
    procedures::CeremonyRequest request = SMKI_MUST(procedures::ParseCeremonyRequest(genuine_.request()));
    pki::PrivateKey own = SMKI_MUST(pki::PrivateKey::Generate());
    const UtcTime now = SystemClock().Now();
    request.ceremony_certificate.bytes =
        SMKI_MUST(pki::SelfSignedAgreementCertificate(own, request.id, Bytes(16, 0x11), now - Millis(1000),
                                                      now + Millis(1'000'000)))
            .der();
    return procedures::Render(request);
  }

  std::unique_ptr<Estate> estate_;
  std::unique_ptr<Keyguard> keyguard_;
  Bundle bundle_;
  kg::Ceremony genuine_;
  Relay relay_;
  std::unique_ptr<rpc::Server> server_;
};

TEST_F(LyingRelay, I5_ACeremonyKeyOfTheRelaysOwnGetsNoShare) {
  StandBetween("keyguard");  // even if it has stolen that, too
  relay_.shown.set_request(WithItsOwnKey());
  ExpectNoShare();
}

TEST_F(LyingRelay, I5_ACeremonyRequestSignedByTheOrchestratorGetsNoShare) {
  StandBetween("keyguard");  // even if it has stolen that, too
  const std::string request = WithItsOwnKey();
  pki::PrivateKey key = SMKI_MUST(pki::PrivateKey::FromPem(estate_->Read("orchestrator/identity.key.pem")));
  relay_.shown.set_request(request);
  relay_.shown.set_signature(
      ToString(SMKI_MUST(pki::SignDetached(AsBytes(request), key, estate_->Certificate("orchestrator/identity.crt.pem"),
                                           SystemClock().Now(), procedures::kCeremonyHint))));
  ExpectNoShare();
}

TEST_F(LyingRelay, I5_TheGenuineRequestGetsAShareThatTheRelayCannotRead) {
  StandBetween("keyguard");
  EXPECT_EQ(Smkictl(*estate_, "kira.custodian", {"ceremony", "present"}).code, 0);
  ASSERT_EQ(relay_.shares.size(), 1u);
  // It is for this ceremony's key, which only the signer has: handed on, it counts there.
  EXPECT_TRUE(keyguard_->Present("kira.custodian", relay_.shares[0]).ok());
}

// It would swallow a halt and say that the key is closed.
TEST_F(LyingRelay, I5_AHaltIsNotGivenToARelay) {
  StandBetween("orchestrator");
  const sim::ProcessExit exit =
      Smkictl(*estate_, "dario.pma", {"direction", "halt", "--file", DirectionFile(), "--reason", "stop"});
  EXPECT_NE(exit.code, 0) << exit.out;
  EXPECT_EQ(exit.out.find("ordered"), std::string::npos) << exit.out;
  EXPECT_NE(exit.err.find("nothing was sent to it"), std::string::npos) << exit.err;
}

// A status of yesterday, when the key was closed, replayed while it is open.
TEST_F(LyingRelay, I3_AStaleStatusIsNotShown) {
  StandBetween("orchestrator");
  relay_.status = SMKI_MUST(keyguard_->GetStatus());
  relay_.status.set_state(kg::Status::CLOSED);
  const sim::ProcessExit exit = Smkictl(*estate_, "dario.pma", {"keyguard", "status"});
  EXPECT_NE(exit.code, 0) << exit.out;
  EXPECT_NE(exit.err.find("nothing was sent to it"), std::string::npos) << exit.err;
}

}  // namespace
}  // namespace smki::test
