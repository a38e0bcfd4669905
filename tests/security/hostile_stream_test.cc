// A taken orchestrator's streams: out of order, broken off, stalled, too large, too many.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <list>
#include <optional>

#include "procedures/canonical.h"
#include "procedures/policy.h"
#include "proto/rpc/status.h"
#include "tests/security/hostile.h"

namespace smki::test {
namespace {

using Parts = std::vector<kg::PrepareRequest>;

const char kEsme[] = "supplier-a-esme";

std::string RefusalOf(const StatusOr<kg::SignResponse>& response) {
  return response.ok() ? response->commands(0).refusal() : ReasonOf(response.status());
}

class StreamAttacks : public Attacks {};

TEST_P(StreamAttacks, I10_IsRepelled) {
  ExpectRepelled(GetParam());
}

// --- Uploads of another shape ---

Attack Upload(const std::string& name, const std::string& code, const std::string& says,
              const std::function<void(Parts&, TakenOrchestrator&)>& bend) {
  return {name, code, says, [bend](TakenOrchestrator& host) {
            Parts parts = Keyguard::Parts(host.MakeBundle());
            bend(parts, host);
            return host.keyguard().Prepare(parts).status();
          }};
}
Attack Header(const std::string& name, const std::string& says, const std::function<void(kg::PrepareHeader&)>& bend) {
  return Upload(name, "BAD_REQUEST", says,
                [bend](Parts& parts, TakenOrchestrator&) { bend(*parts[0].mutable_header()); });
}

// The first population of an upload, cut into parts of `size` octets.
Parts Cut(const Parts& parts, size_t size) {
  Parts out;
  const kg::PopulationPart& whole = parts[1].population();
  for (size_t at = 0; at < whole.octets().size(); at += size) {
    kg::PopulationPart& part = *out.emplace_back().mutable_population();
    part.set_group(whole.group());
    part.set_octets(whole.octets().substr(at, size));
  }
  return out;
}
void ReplacePopulation(Parts& parts, const Parts& by) {
  parts.erase(parts.begin() + 1);
  parts.insert(parts.begin() + 1, by.begin(), by.end());
}

const Attack kShapes[] = {
    Upload("NothingAtAll", "BAD_REQUEST", "nothing was handed over",
           [](Parts& parts, TakenOrchestrator&) { parts.clear(); }),
    Upload("APartBeforeTheHeader", "BAD_REQUEST", "the header comes first, and once",
           [](Parts& parts, TakenOrchestrator&) { std::swap(parts[0], parts[1]); }),
    Upload("ASecondHeader", "BAD_REQUEST", "the header comes first, and once",
           [](Parts& parts, TakenOrchestrator&) { parts.push_back(parts[0]); }),
    Upload("TheHeaderOfAnApprovedDirectionBehindAnothers", "BAD_REQUEST", "the header comes first, and once",
           [](Parts& parts, TakenOrchestrator& host) {
             parts.insert(parts.begin() + 2, Keyguard::Parts(host.honest())[0]);
           }),
    Upload("APartWithoutContent", "BAD_REQUEST", "a part without content",
           [](Parts& parts, TakenOrchestrator&) { parts.emplace_back(); }),
    Upload("APopulationPartOverOneMiB", "BAD_REQUEST", "a population part is larger than 1 MiB",
           [](Parts& parts, TakenOrchestrator&) {
             parts[1].mutable_population()->set_octets(std::string((1 << 20) + 1, 'p'));
           }),
    Upload("APopulationBackwards", "POPULATION_MALFORMED", "",
           [](Parts& parts, TakenOrchestrator&) {
             Parts cut = Cut(parts, 50);
             std::reverse(cut.begin(), cut.end());
             ReplacePopulation(parts, cut);
           }),
    Upload("APartOfAPopulationTwice", "POPULATION_MALFORMED", "",
           [](Parts& parts, TakenOrchestrator&) { parts.push_back(parts[1]); }),
    Upload("APopulationWithoutAName", "POPULATION_DIGEST_MISMATCH", "is missing",
           [](Parts& parts, TakenOrchestrator&) { parts[1].mutable_population()->clear_group(); }),
    // Judged whole, however it came: what is refused is that another Direction is open.
    Upload("OneOctetAtATime", "WRONG_DIRECTION", "is prepared",
           [](Parts& parts, TakenOrchestrator&) { ReplacePopulation(parts, Cut(parts, 1)); }),
    Upload("PartsOfTwoPopulationsMixed", "WRONG_DIRECTION", "is prepared",
           [](Parts& parts, TakenOrchestrator&) {
             const Parts cut = Cut(parts, 40);
             ReplacePopulation(parts, {cut.begin(), cut.begin() + 1});
             parts.insert(parts.end(), cut.begin() + 1, cut.end());
           }),
    Upload("MoreCertificatesThanAnyDirectionNames", "BAD_REQUEST", "the materials of the Direction are too large",
           [](Parts& parts, TakenOrchestrator&) {
             for (int i = 0; i < 64 * 40 + 1; ++i)
               parts.emplace_back().set_certificate("certificate " + std::to_string(i));
           }),
    Header("ALongIncident", "'incident'", [](kg::PrepareHeader& h) { h.set_incident(std::string(4001, 'i')); }),
    Header("ALongKey", "'key'", [](kg::PrepareHeader& h) { h.set_key(std::string(4001, 'k')); }),
    Header("ADirectionOver64KiB", "'direction'",
           [](kg::PrepareHeader& h) { h.set_direction(std::string(procedures::kMaxDocument + 1, 'd')); }),
    Header("APolicyOverItsLimit", "'policy'",
           [](kg::PrepareHeader& h) { h.set_policy(std::string(procedures::kMaxPolicy + 1, 'p')); }),
    Header("ARevocationListOverOneMiB", "'revocation_list'",
           [](kg::PrepareHeader& h) { h.set_revocation_list(std::string((1 << 20) + 1, 'r')); }),
    Header("SixtyFiveApprovals", "'approvals' has 65",
           [](kg::PrepareHeader& h) {
             while (h.approvals_size() < 65) h.add_approvals("a");
           }),
    Header("AnApprovalOver64KiB", "'approvals' has 65537",
           [](kg::PrepareHeader& h) { h.set_approvals(0, std::string(64 * 1024 + 1, 'a')); }),
    Header("ALedgerHeadThatIsNoDigest", "'ledger_head'",
           [](kg::PrepareHeader& h) { h.mutable_ledger_head()->pop_back(); }),
};

// --- Uploads that do not come to an end ---

// An upload in the test's own hands.
class HalfUpload {
 public:
  HalfUpload(TakenOrchestrator& host, std::optional<Millis> deadline = std::nullopt)
      : stub_(host.keyguard().OrchestratorStub("orchestrator")) {
    if (deadline) context_.set_deadline(std::chrono::system_clock::now() + *deadline);
    writer_ = stub_->Prepare(&context_, &response_);
  }
  void Send(const Parts& parts) {
    for (const kg::PrepareRequest& part : parts) writer_->Write(part);
  }
  Status Cancel() {
    context_.TryCancel();
    return rpc::FromGrpc(writer_->Finish());
  }
  Status End() {
    writer_->WritesDone();
    return rpc::FromGrpc(writer_->Finish());
  }
  Status Await() { return rpc::FromGrpc(writer_->Finish()); }

 private:
  std::unique_ptr<kg::Keyguard::Stub> stub_;
  grpc::ClientContext context_;
  kg::PrepareResponse response_;
  std::unique_ptr<grpc::ClientWriter<kg::PrepareRequest>> writer_;
};

constexpr char kBrokenOff[] = "was broken off; nothing of it was judged";

// No refusal may tell of a Direction that was never judged.
Attack Break(const std::string& name, const std::function<Status(TakenOrchestrator&)>& attempt) {
  return {name, "", "",
          [attempt](TakenOrchestrator& host) {
            const uint64_t lines = host.LogLines(kBrokenOff);
            const uint64_t refusals = SMKI_MUST(host.keyguard().GetStatus()).refusals();
            const Status answer = attempt(host);
            EXPECT_TRUE(host.LogGrows(kBrokenOff, lines));
            EXPECT_EQ(SMKI_MUST(host.keyguard().GetStatus()).refusals(), refusals) << "a refusal of what nobody judged";
            return answer;
          },
          kBrokenOff};
}

Parts FirstHalf(TakenOrchestrator& host) {
  Parts parts = Keyguard::Parts(host.MakeBundle());
  parts.resize(2);
  return parts;
}

const Attack kUnfinished[] = {
    Break("BrokenOffBehindTheHeader",
          [](TakenOrchestrator& host) {
            HalfUpload upload(host);
            upload.Send({Keyguard::Parts(host.MakeBundle())[0]});
            return upload.Cancel();
          }),
    Break("BrokenOffHalfWay",
          [](TakenOrchestrator& host) {
            HalfUpload upload(host);
            upload.Send(FirstHalf(host));
            return upload.Cancel();
          }),
    Break("BrokenOffWhenAllButTheEndWasSaid",
          [](TakenOrchestrator& host) {
            // Complete, but never ended: were it judged, a ceremony would begin.
            EXPECT_TRUE(host.keyguard().Close(host.honest()).ok());
            HalfUpload upload(host);
            upload.Send(Keyguard::Parts(host.honest()));
            const Status answer = upload.Cancel();
            EXPECT_EQ(SMKI_MUST(host.keyguard().GetStatus()).state(), kg::Status::CLOSED);
            return answer;
          }),
    Break("StalledUntilItsDeadline",
          [](TakenOrchestrator& host) {
            HalfUpload upload(host, Millis(300));
            upload.Send(FirstHalf(host));
            return upload.Await();
          }),
    Break("StalledWhileOthersAreServed",
          [](TakenOrchestrator& host) {
            HalfUpload upload(host);
            upload.Send(FirstHalf(host));
            host.ExpectUnharmed();
            return upload.Cancel();
          }),
    Break("AHundredStalledAtOnce",
          [](TakenOrchestrator& host) {
            const Parts half = FirstHalf(host);
            std::list<HalfUpload> uploads;
            for (int i = 0; i < 100; ++i) uploads.emplace_back(host).Send(half);
            host.ExpectUnharmed();
            Status last;
            for (HalfUpload& upload : uploads) last = upload.Cancel();
            return last;
          }),
    {"ASecondHeaderAndGone", "BAD_REQUEST", "",
     [](TakenOrchestrator& host) {
       // Who breaks off does not escape the record of what was refused before. Whether the keyguard has read the
       // second header when the end comes is a race; of many tries it wins some.
       const uint64_t before = host.keyguard().Refusals("BAD_REQUEST");
       const kg::PrepareRequest header = Keyguard::Parts(host.MakeBundle())[0];
       for (int i = 0; i < 50 && host.keyguard().Refusals("BAD_REQUEST") == before; ++i) {
         HalfUpload upload(host);
         upload.Send({header, header});
         SMKI_MUST(host.keyguard().GetStatus());
         upload.Cancel().IgnoreError();
       }
       return WithReason(FailedPrecondition("gone"), "BAD_REQUEST");
     }},
    {"TwoUploadsInterleaved", "WRONG_INCIDENT", "",
     [](TakenOrchestrator& host) {
       Bundle foreign = host.honest();
       foreign.incident = "INC-ANOTHER";
       const Parts good = Keyguard::Parts(host.honest()), bad = Keyguard::Parts(foreign);
       HalfUpload first(host), second(host);
       for (size_t i = 0; i < good.size(); ++i) {
         first.Send({good[i]});
         second.Send({bad[i]});
       }
       const Status refused = second.End();
       const Status answered = first.End();
       EXPECT_TRUE(answered.ok()) << "one upload spoilt another: " << Message(answered);
       return refused;
     }},
    {"SignWhileAnUploadIsUnderWay", "", "",
     [](TakenOrchestrator& host) {
       HalfUpload upload(host);
       upload.Send(FirstHalf(host));
       EXPECT_EQ(RefusalOf(host.keyguard().Sign(host.honest(), kEsme, {{host.NextDevice(), 1}})), "");
       upload.Cancel().IgnoreError();
       return OkStatus();
     }},
};

// --- Too much ---

// A client that keeps no limit of its own.
std::unique_ptr<kg::Keyguard::Stub> UnlimitedStub(TakenOrchestrator& host) {
  const Estate& estate = host.estate();
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  arguments.SetMaxSendMessageSize(-1);
  const grpc::SslCredentialsOptions tls{estate.Read("tls/ca.pem"), estate.Read("tls/orchestrator.key.pem"),
                                        estate.Read("tls/orchestrator.crt.pem")};
  return kg::Keyguard::NewStub(
      grpc::CreateCustomChannel(host.keyguard().listen(), grpc::SslCredentials(tls), arguments));
}

// gRPC itself turns these away, before anything of ours has seen them: the caller is told, the keyguard is as before.
Attack TurnedAway(const std::string& name, grpc::StatusCode code,
                  const std::function<grpc::Status(TakenOrchestrator&)>& attempt) {
  return {name, "", "", [code, attempt](TakenOrchestrator& host) -> Status {
            const grpc::Status status = attempt(host);
            EXPECT_EQ(status.error_code(), code) << status.error_message();
            return OkStatus();
          }};
}

const Attack kTooMuch[] = {
    TurnedAway("ASignRequestOver16MiB", grpc::StatusCode::RESOURCE_EXHAUSTED,
               [](TakenOrchestrator& host) {
                 kg::SignRequest request;
                 request.set_group(std::string(17 << 20, 'g'));
                 const auto stub = UnlimitedStub(host);
                 grpc::ClientContext context;
                 kg::SignResponse response;
                 return stub->Sign(&context, request, &response);
               }),
    TurnedAway("ASmallMessageThatUnpacksTo64MiB", grpc::StatusCode::RESOURCE_EXHAUSTED,
               [](TakenOrchestrator& host) {
                 kg::SignRequest request;
                 request.set_group(std::string(64 << 20, 'g'));
                 const auto stub = UnlimitedStub(host);
                 grpc::ClientContext context;
                 context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
                 kg::SignResponse response;
                 return stub->Sign(&context, request, &response);
               }),
    TurnedAway("AMegabyteOfMetadata", grpc::StatusCode::RESOURCE_EXHAUSTED,
               [](TakenOrchestrator& host) {
                 grpc::ClientContext context;
                 context.AddMetadata("x-padding", std::string(1 << 20, 'm'));
                 kg::SignResponse response;
                 return UnlimitedStub(host)->Sign(&context, {}, &response);
               }),
    {"TenThousandRefusals", "", "",
     [](TakenOrchestrator& host) -> Status {
       const kg::Status before = SMKI_MUST(host.keyguard().GetStatus());
       const uint64_t counted = host.keyguard().Refusals("DEVICE_NOT_IN_GROUP");
       const std::vector<std::pair<Eui64, uint32_t>> batch(1000, {Eui64(666), 1});
       for (int i = 0; i < 10; ++i)
         EXPECT_EQ(RefusalOf(host.keyguard().Sign(host.honest(), kEsme, batch)), "DEVICE_NOT_IN_GROUP");
       EXPECT_LE(SMKI_MUST(host.keyguard().GetStatus()).journal_records(), before.journal_records() + 100)
           << "the journal grows with every refusal";
       host.ExpectUnharmed();
       // Counted all the same: the count is written at the latest when the key closes.
       const Status closed = host.keyguard().Close(host.honest());
       EXPECT_EQ(host.keyguard().Refusals("DEVICE_NOT_IN_GROUP"), counted + 10'000);
       return closed;
     }},
};

INSTANTIATE_TEST_SUITE_P(Shapes, StreamAttacks, ::testing::ValuesIn(kShapes), NameOf);
INSTANTIATE_TEST_SUITE_P(Unfinished, StreamAttacks, ::testing::ValuesIn(kUnfinished), NameOf);
INSTANTIATE_TEST_SUITE_P(TooMuch, StreamAttacks, ::testing::ValuesIn(kTooMuch), NameOf);

}  // namespace
}  // namespace smki::test
