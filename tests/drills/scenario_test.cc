// Each procedure of Appendix L that can be rehearsed, start to finish, as `./dev drill --scenario NAME` does it.
#include <fstream>
#include <functional>
#include <sstream>

#include "base/file.h"
#include "ledger/proof_records.h"
#include "ledger/record_log.h"
#include "sim/scenario/scenarios.h"
#include "tests/drills/drill.h"

namespace smki::test {
namespace {

using nlohmann::json;

constexpr char kDrillDevices[] = "40";
constexpr Millis kLimit{240'000};

class ScenarioDrill : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "smki-scenario-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    std::error_code ignored;
    if (!HasFailure()) std::filesystem::remove_all(folder_, ignored);
    if (HasFailure()) std::cerr << "the estate and its logs are kept in " << folder_ << "\n";
  }
  static std::string SmkiSim() { return BuildFolder() + "/bin/smki-sim"; }

  // The drill's result, after every check held.
  json Rehearse(const std::string& scenario) {
    const auto exit = sim::RunProcess({SmkiSim(), "drill", "--scenario", scenario, "--devices", kDrillDevices, "--out",
                                       folder_ + "/drill", "--runbooks", "runbooks", "--output", "json"},
                                      {}, kLimit);
    EXPECT_TRUE(exit.ok()) << Message(exit.status());
    if (!exit.ok()) return {};
    EXPECT_EQ(exit->code, 0) << exit->out << exit->err;
    json result = json::parse(exit->out, nullptr, false);
    EXPECT_EQ(result["scenario"], scenario);
    EXPECT_EQ(result["result"], "passed") << result.dump(2);
    return result;
  }
  static json Report(const json& result) {
    std::ifstream file(result["evidence"].get<std::string>() + "/report.json");
    return json::parse(file, nullptr, false);
  }
  static std::string StatusOf(const json& report, const std::string& step) {
    for (const json& one : report["steps"]) {
      if (one["id"] == step) return one["status"];
    }
    return "no such step";
  }
  // What `smkictl ledger verify` finds in the evidence.
  std::string Findings(const std::string& evidence) {
    const auto exit =
        sim::RunProcess({BuildFolder() + "/bin/smkictl", "--output", "json", "ledger", "verify", evidence}, {}, kLimit);
    EXPECT_TRUE(exit.ok()) << Message(exit.status());
    return exit.ok() ? json::parse(exit->out, nullptr, false)["findings"].dump() : "";
  }
  // Writes the proof log anew, as `change` alters each response.
  static void Rewrite(const std::string& path, const std::vector<std::pair<uint8_t, Bytes>>& records,
                      const std::function<void(ledger::ProofResponse&)>& change) {
    std::filesystem::remove(path);
    const auto log = Must("log", ledger::RecordLog::Open(PosixFiles(), path, ledger::kProofKind,
                                                         [](const ledger::Record&) { return OkStatus(); }));
    for (const auto& [type, payload] : records) {
      Bytes written = payload;
      if (type == static_cast<uint8_t>(ledger::ProofType::kResponse)) {
        ledger::ProofResponse response = Must("response", ledger::DecodeProofResponse(payload));
        change(response);
        written = Encode(response);
      }
      Must("record", log->Append(type, written));
    }
    log->Sync();
    std::filesystem::remove(ledger::CommittedPathOf(path));
  }
  // The file's digest would tell as well; here it is asked whether the verifier believes what it reads.
  void ExpectAForgedProofIsFound(const json& result) {
    const std::string evidence = result["evidence"], path = evidence + "/proof/proven.log";
    std::vector<std::pair<uint8_t, Bytes>> records;
    Must("log", ledger::ReadRecordLog(PosixFiles(), path, ledger::kProofKind, [&](const ledger::Record& record) {
           records.emplace_back(record.type, ToBytes(record.payload));
           return OkStatus();
         }));
    EXPECT_EQ(Findings(evidence), "[]");
    Rewrite(path, records, [](ledger::ProofResponse& response) { response.octets.back() ^= 1; });
    EXPECT_NE(Findings(evidence).find("verifies the response"), std::string::npos) << Findings(evidence);
    std::optional<ledger::ProofResponse> first;
    Rewrite(path, records, [&](ledger::ProofResponse& response) {
      if (first) response.octets = first->octets;
      if (!first) first = response;
    });
    EXPECT_NE(Findings(evidence).find("is not one to such a command"), std::string::npos) << Findings(evidence);
    first.reset();
    Rewrite(path, records, [&](ledger::ProofResponse& response) {
      if (!first) first = response;
      response = *first;
    });
    EXPECT_NE(Findings(evidence).find("is counted twice"), std::string::npos) << Findings(evidence);
    records.pop_back();
    Rewrite(path, records, [](ledger::ProofResponse&) {});
    EXPECT_NE(Findings(evidence).find("the ledger counts 40 proven"), std::string::npos) << Findings(evidence);
  }
  static bool Checked(const json& result, const std::string& name) {
    for (const json& check : result["checks"]) {
      if (check["name"] == name) return check["held"];
    }
    return false;
  }

  std::string folder_;
};

TEST_F(ScenarioDrill, Method1IsTheSubscribersOwnWorkAndProvenByItsDevices) {
  const json result = Rehearse("method-1");
  EXPECT_TRUE(Checked(result, "no key of the DCC signed anything")) << result.dump(2);
  EXPECT_TRUE(Checked(result, "every Device has proven whose it is now")) << result.dump(2);
  EXPECT_TRUE(Checked(result, "every Device holds the new keys, says the Device")) << result.dump(2);
  EXPECT_EQ(StatusOf(Report(result), "revoke-old"), "done");
  const std::string told =
      ToString(Must("report", PosixFiles().Read(result["evidence"].get<std::string>() + "/report.md", 1 << 20)));
  EXPECT_NE(told.find("40 of 40 Devices, commanded by others, have proven"), std::string::npos) << told;
  ExpectAForgedProofIsFound(result);
}

TEST_F(ScenarioDrill, Method2HandsTheDevicesOverFromTheBroker) {
  const json result = Rehearse("method-2");
  EXPECT_TRUE(Checked(result, "every Device has proven whose it is now")) << result.dump(2);
  EXPECT_TRUE(Checked(result, "the inventory lists every Device under supplier-a, Recovered")) << result.dump(2);
  EXPECT_GE(result["keyguard"]["signatures"], 40);
}

TEST_F(ScenarioDrill, Method3PlacesTheSubscribersNewCertificates) {
  const json result = Rehearse("method-3");
  EXPECT_TRUE(Checked(result, "every Device holds the new keys, says the Device")) << result.dump(2);
  EXPECT_EQ(StatusOf(Report(result), "revoke-old"), "done");
}

TEST_F(ScenarioDrill, FurtherUseHandsTheDevicesToTheSuccessorAndRevokesNothing) {
  const json result = Rehearse("further-use");
  EXPECT_TRUE(Checked(result, "every Device holds the keys of supplier-b, says the Device")) << result.dump(2);
  EXPECT_TRUE(Checked(result, "the inventory lists every Device under supplier-b, Recovered")) << result.dump(2);
  const json report = Report(result);
  EXPECT_EQ(report["notification"]["successor"], "supplier-b");
  EXPECT_EQ(StatusOf(report, "revoke-old"), "skipped");
  EXPECT_EQ(StatusOf(report, "publish-crl"), "skipped");
  EXPECT_FALSE(report["outputs"].contains("revoked")) << report["outputs"].dump(2);
}

// Both orders of the steps: new root and everything under it on every Device, the old pair's end, one journal.
class ContingencyDrill : public ScenarioDrill, public ::testing::WithParamInterface<const char*> {};

TEST_P(ContingencyDrill, ReplacesTheRootOnEveryDeviceAndEndsTheOldPair) {
  const json result = Rehearse(GetParam());
  EXPECT_TRUE(Checked(result, "every Device holds the new root and certificates under it only, says the Device"))
      << result.dump(2);
  EXPECT_TRUE(Checked(result, "the evidence verifies offline")) << result.dump(2);
  const json report = Report(result);
  EXPECT_EQ(StatusOf(report, "destroy-old"), "done");
  EXPECT_EQ(StatusOf(report, "revoke-old"), "done");
  EXPECT_TRUE(report["outputs"].contains("hierarchy.root")) << report["outputs"].dump(2);
  const std::string evidence = result["evidence"];
  EXPECT_TRUE(PosixFiles().Exists(evidence + "/direction/symmetric-key.bin")) << "what the commands disclosed";
  EXPECT_TRUE(PosixFiles().Exists(evidence + "/hierarchy/root-oca-2/transcript.txt"));
}
INSTANTIATE_TEST_SUITE_P(InEitherOrder, ContingencyDrill, ::testing::Values("contingency", "contingency-prepared"));

TEST_F(ScenarioDrill, AnUnknownScenarioIsAnsweredWithTheKnownOnes) {
  const auto exit = sim::RunProcess(
      {SmkiSim(), "drill", "--scenario", "method-4", "--out", folder_ + "/drill", "--runbooks", "runbooks"}, {},
      kLimit);
  ASSERT_TRUE(exit.ok()) << Message(exit.status());
  EXPECT_NE(exit->code, 0);
  for (const sim::Scenario& scenario : sim::Scenarios())
    EXPECT_NE(exit->err.find(scenario.name), std::string::npos) << exit->err;
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/drill")) << "nothing was begun";
}

class FurtherUse : public Drill {
 protected:
  void SetUp() override {
    Drill::SetUp();
    rehearsal_->mutable_options().scenario = *sim::FindScenario("further-use");
    const Status started = rehearsal_->StartServers();
    ASSERT_TRUE(started.ok()) << Message(started);
  }
  // What the lead is told who opens an incident so.
  std::string Refusal(const std::string& runbook, const std::vector<std::string>& more) {
    std::vector<std::string> command = {"incident", "open",         "--runbook",      runbook,
                                        "--party",  "supplier-a",   "--organisation", "90-B3-D5-1F-30-01-00-00",
                                        "--what",   "it has failed"};
    command.insert(command.end(), more.begin(), more.end());
    const auto exit = rehearsal_->Act(rehearsal_->lead, command);
    EXPECT_TRUE(exit.ok() && exit->code != 0) << "it was opened";
    return exit.ok() ? OnOneLine(exit->err) : "";
  }
  // A terminal's lines end anywhere.
  static std::string OnOneLine(const std::string& text) {
    std::istringstream words(text);
    std::string out, word;
    while (words >> word) out += (out.empty() ? "" : " ") + word;
    return out;
  }
};

TEST_F(FurtherUse, ANotificationNamesASuccessorWhereTheRunbookHasAPlaceForItAndOnlyThere) {
  const std::vector<std::string> supplier_b = {"--successor", "supplier-b", "--successor-organisation",
                                               "90-B3-D5-1F-30-03-00-00"};
  EXPECT_NE(Refusal("further-use", {}).find("name it with --successor"), std::string::npos);
  EXPECT_NE(Refusal("method-3", supplier_b).find("open it without a successor"), std::string::npos);
  EXPECT_NE(Refusal("further-use", {"--successor", "supplier-b", "--successor-organisation", "90-B3-D5-1F-30-02-00-00"})
                .find("belongs to network-a"),
            std::string::npos);
  EXPECT_NE(Refusal("further-use", {"--successor", "network-a", "--successor-organisation", "90-B3-D5-1F-30-02-00-00"})
                .find("network-a is no supplier"),
            std::string::npos);
  EXPECT_NE(Refusal("further-use", {"--successor", "supplier-a", "--successor-organisation", "90-B3-D5-1F-30-01-00-00"})
                .find("cannot succeed itself"),
            std::string::npos);
}

TEST_F(FurtherUse, RevokesWhenThePmaHasNotDelayedIt) {
  rehearsal_->choices["revocation"] = "revoke";
  ASSERT_TRUE(rehearsal_->Open().ok());
  const Status driven = rehearsal_->Drive();
  ASSERT_TRUE(driven.ok()) << Message(driven);
  ExpectRecovered();
  EXPECT_EQ(rehearsal_->page().StepStatus("revoke-old"), "done");
  EXPECT_EQ(rehearsal_->page().status["outputs"]["revoked"], "3") << "two keyAgreement, one digitalSignature";
}

// Mode 3: the same procedure for a party that supplies nobody.
TEST_F(Drill, Method1ServesANetworkOperatorToo) {
  sim::Scenario scenario = *sim::FindScenario("method-1");
  scenario.party = scenario.holder = "network-a";
  scenario.organisation = "90-B3-D5-1F-30-02-00-00";
  for (sim::PartyAct& act : scenario.acts) act.party = "network-a";
  rehearsal_->mutable_options().scenario = scenario;
  ASSERT_TRUE(rehearsal_->StartServers().ok());
  ASSERT_TRUE(rehearsal_->Open().ok());
  const Status driven = rehearsal_->Drive();
  ASSERT_TRUE(driven.ok()) << Message(driven);
  const json& outputs = rehearsal_->page().status["outputs"];
  EXPECT_EQ(outputs["proven.recovered"], outputs["proven.devices"]) << outputs.dump(2);
  EXPECT_NE(outputs["proven.devices"], "0");
  EXPECT_EQ(outputs["revoked"], "2") << "one digitalSignature, one keyAgreement";
  const auto verified = rehearsal_->VerifyEvidence();
  ASSERT_TRUE(verified.ok()) << Message(verified.status());
  EXPECT_EQ((*verified)["verdict"], "verified") << verified->dump(2);
}

TEST_F(Drill, Method2LeavesTheDevicesWithTheBrokerUntilTheHandover) {
  rehearsal_->mutable_options().scenario = *sim::FindScenario("method-2");
  ASSERT_TRUE(rehearsal_->StartServers().ok());
  ASSERT_TRUE(rehearsal_->Open().ok());
  const Status driven = rehearsal_->Drive("close-key");
  ASSERT_TRUE(driven.ok()) << Message(driven);
  const json fleet = Must("fleet", rehearsal_->VerifyFleet());
  const json between = {{"RecoveryCompleteACBCredentials", kDevices}};
  EXPECT_EQ(fleet["statuses"], between) << fleet.dump(2);
  EXPECT_EQ(fleet["recovered"], 0);
  const json& progress = rehearsal_->page().status["progress"];
  EXPECT_EQ(progress["recovered"], kDevices) << "proven by the Devices: they hold the broker's certificates";
}

// The party says that it cannot: nothing is revoked, and the report is written.
TEST_F(Drill, Method1EndsInAReportWhenThePartyCannotReplaceAll) {
  sim::Scenario scenario = *sim::FindScenario("method-1");
  scenario.acts.pop_back();  // it replaces nothing
  rehearsal_->mutable_options().scenario = scenario;
  rehearsal_->choices["outcome"] = "cannot-replace";
  ASSERT_TRUE(rehearsal_->StartServers().ok());
  ASSERT_TRUE(rehearsal_->Open().ok());
  const Status driven = rehearsal_->Drive();
  ASSERT_TRUE(driven.ok()) << Message(driven);
  EXPECT_EQ(rehearsal_->page().StepStatus("proven"), "skipped");
  EXPECT_EQ(rehearsal_->page().StepStatus("revoke-old"), "skipped");
  EXPECT_EQ(rehearsal_->page().StepStatus("report"), "done");
  const auto verified = rehearsal_->VerifyEvidence();
  ASSERT_TRUE(verified.ok()) << Message(verified.status());
  EXPECT_EQ((*verified)["verdict"], "verified") << verified->dump(2);
}

}  // namespace
}  // namespace smki::test
