#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "house.h"
#include "ledger/campaign_records.h"
#include "ledger/checkpoint.h"
#include "ledger/record_log.h"
#include "pki/digest.h"
#include "procedures/documents.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using test::House;

// What a restart must not change.
std::string Frozen(recovery::v1::IncidentView view) {
  view.mutable_progress()->clear_per_second();
  view.mutable_progress()->clear_remaining_ms();
  for (auto& step : *view.mutable_steps()) step.clear_waiting_for();  // what an action waits for is of the moment
  return view.DebugString();
}

TEST(Incident, OpenedFromANotificationItShowsTheFirstSteps) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  const Status opened = house.Open();
  ASSERT_TRUE(opened.ok()) << opened;
  const recovery::v1::IncidentView view = house.View();
  EXPECT_EQ(view.state(), "open");
  EXPECT_EQ(view.runbook(), "method-3");
  EXPECT_EQ(view.notification().organisation(), test::kSupplier.value());
  EXPECT_EQ(house.Step("report-received").status(), "ready");
  EXPECT_EQ(house.Step("direction").status(), "blocked");
  EXPECT_FALSE(house.Step("direction").waiting_for().empty());
}

TEST(Incident, TheSameRequestAgainOpensNothingMore) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  ASSERT_TRUE(house.Open().ok());
  ASSERT_TRUE(house.Open().ok());
  EXPECT_EQ(house.Entries("incident.incident-opened").size(), 1u);
}

TEST(Incident, I9_RunsTheRunbookItWasOpenedWith) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  ASSERT_TRUE(house.Open().ok());
  std::ofstream(house.Folder() + "/runbook.yaml", std::ios::app) << "# a comment\n";
  EXPECT_FALSE(house.Start().ok());
}

TEST(Incident, I2_ReplayedItIsTheSame) {
  House house;
  house.ReachCampaign();
  const std::string before = Frozen(house.View());
  ASSERT_TRUE(house.Start().ok());
  EXPECT_EQ(Frozen(house.View()), before);
}

TEST(Incident, MethodThreeFromNotificationToEvidence) {
  House house;
  house.behaviour[Eui64(0x00DB123456000003)].silent = true;
  house.Finish();
  const recovery::v1::IncidentView view = house.View();
  EXPECT_EQ(view.state(), "closed") << house.View().DebugString();
  EXPECT_EQ(view.progress().recovered(), 5u);
  EXPECT_EQ(view.progress().silent(), 1u);
  EXPECT_EQ(house.ceremonies, 1);
  EXPECT_EQ(house.revoked.size(), 2u);  // the old signing and agreement certificates
  EXPECT_EQ(view.evidence(), house.Folder());
  for (const char* file :
       {"ledger.sqlite", "ledger.sha256", "checkpoint.note", "report.md", "report.json", "runbook.yaml",
        "direction/direction.yaml", "direction/approvals/1-ann.cms", "campaign/campaign.log", "keyguard/journal.log",
        "repository/repository.store", "policy/trust-policy.yaml", "policy/persons.crl"}) {
    EXPECT_TRUE(PosixFiles().Exists(house.Folder() + "/" + file)) << file;
  }
  std::ifstream report(house.Folder() + "/report.json");
  const auto told = nlohmann::json::parse(report);
  EXPECT_EQ(told["devices"]["recovered"], 5);
  EXPECT_EQ(told["state"], "closed");
  EXPECT_EQ(told["phases"].size(), 3u);
}

TEST(Incident, EveryNamedFileIsWhatTheLedgerSays) {
  House house;
  house.Finish();
  std::map<std::string, std::string> newest;
  for (const ledger::Entry& entry : house.Entries("artefact")) {
    ledger::v1::Artefact artefact;
    ASSERT_TRUE(artefact.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size())));
    newest[artefact.file()] = artefact.sha256();
  }
  size_t files = 0;
  for (const auto& it : std::filesystem::recursive_directory_iterator(house.Folder())) {
    if (it.is_directory()) continue;
    const std::string file = std::filesystem::relative(it.path(), house.Folder()).string();
    if (file == "ledger.sqlite" || file == "ledger.sha256" || file == "checkpoint.note") continue;
    ++files;
    ASSERT_EQ(newest.count(file), 1u) << file;
    EXPECT_EQ(newest[file], ToString(pki::Sha256(*PosixFiles().Read(it.path().string(), 1 << 28)))) << file;
  }
  EXPECT_EQ(files, newest.size());
}

TEST(Incident, WhatACrashLeftUnnamedIsNotInTheEvidence) {
  House house;
  house.ReachCampaign();
  std::ofstream(house.Folder() + "/direction/votes/9-nobody.cms") << "torn";
  ASSERT_TRUE(house.Act("leo", "decide", "proceed", "proceed").ok());
  house.Settle(Millis(10000));
  ASSERT_TRUE(house.Act("leo", "done", "review").ok());
  ASSERT_TRUE(house.Act("leo", "close", "none").ok());
  EXPECT_FALSE(PosixFiles().Exists(house.Folder() + "/direction/votes/9-nobody.cms"));
}

TEST(Incident, AnExportThatWasInterruptedIsFinishedAtTheNextStart) {
  House house;
  house.keyguard.Drop("/smki.keyguard.v1.Keyguard/Countersign");
  house.Finish();
  EXPECT_EQ(house.View().evidence(), "");
  house.keyguard.On<keyguard::v1::CountersignRequest>(
      "/smki.keyguard.v1.Keyguard/Countersign",
      [&](const keyguard::v1::CountersignRequest& request) -> StatusOr<keyguard::v1::CountersignResponse> {
        const auto note = test::Must(ledger::ParseSignedNote(request.checkpoint()));
        keyguard::v1::CountersignResponse response;
        response.set_signature_line(
            test::Must(ledger::SignatureLine(note.body, "keyguard", house.people.KeyOf("keyguard"))));
        return response;
      });
  ASSERT_TRUE(house.Start().ok());
  house.Settle(Millis(3000));
  EXPECT_EQ(house.View().evidence(), house.Folder());
}

// --- I8, I10 ---

TEST(Incident, I8_ALedgerOfAnotherEstateIsRefused) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  house.people.policy.environment.estate = "estate-8";
  ASSERT_TRUE(
      PosixFiles().WriteDurably(house.site.policy, AsBytes(procedures::RenderPolicy(house.people.policy))).ok());
  EXPECT_TRUE(IsRefusal(house.Start(), Reason::kENVIRONMENT_MISMATCH));
}

TEST(Incident, I10_ALedgerBegunUnderAnotherPolicyIsRefused) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  house.people.policy.approvals_needed = 2;
  ASSERT_TRUE(
      PosixFiles().WriteDurably(house.site.policy, AsBytes(procedures::RenderPolicy(house.people.policy))).ok());
  EXPECT_TRUE(IsRefusal(house.Start(), Reason::kPOLICY_DIGEST_MISMATCH));
}

TEST(Incident, I10_AnIdentityThePolicyDoesNotNameIsRefused) {
  House house;
  const pki::PrivateKey other = test::Must(pki::PrivateKey::Generate());
  ASSERT_TRUE(PosixFiles().WriteDurably(house.site.identity_key, other.ToPem().span(), true).ok());
  EXPECT_TRUE(IsRefusal(house.Start(), Reason::kPOLICY_INCOMPLETE));
}

TEST(Incident, I10_WithAStaleRevocationListNobodyActs) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  house.clock.Advance(std::chrono::hours(48));
  EXPECT_TRUE(IsRefusal(house.Open(), Reason::kREVOCATION_LIST_STALE));
}

TEST(Incident, AProcedureThePolicyDoesNotAllowIsNotOpened) {
  House house;
  house.people.policy.allowed[0].digest.fill(1);
  ASSERT_TRUE(
      PosixFiles().WriteDurably(house.site.policy, AsBytes(procedures::RenderPolicy(house.people.policy))).ok());
  ASSERT_TRUE(house.Start().ok());
  EXPECT_TRUE(IsRefusal(house.Open(), Reason::kPROCEDURE_NOT_ALLOWED));
  EXPECT_EQ(house.RefusalsOf("PROCEDURE_NOT_ALLOWED"), 1u);
}

// --- waiting for the certificates ---

TEST(Direction, RefusedUntilTheRepositoryHasTheNewCertificates) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  ASSERT_TRUE(house.Open().ok());
  ASSERT_TRUE(house.Act("leo", "done", "report-received").ok());
  ASSERT_TRUE(house.Act("ola", "done", "confirm-compromise").ok());
  ASSERT_TRUE(house.Act("leo", "done", "notify-pma").ok());
  ASSERT_TRUE(house.Act("ola", "done", "new-certificates").ok());
  ASSERT_TRUE(house.Act("leo", "decide", "guidance", "direct").ok());
  house.Settle(Millis(5000));
  EXPECT_EQ(house.Step("rebuild-repository").status(), "done") << house.Step("rebuild-repository").result();
  EXPECT_EQ(house.Step("certificates-lodged").status(), "running") << house.Step("apply-delta").result();
  const Status refused = house.Act("leo", "start", "direction");
  EXPECT_TRUE(IsRefusal(refused, Reason::kCERTIFICATES_NOT_IN_REPOSITORY)) << refused;
  EXPECT_EQ(house.RefusalsOf("CERTIFICATES_NOT_IN_REPOSITORY"), 1u);
  house.LodgeNewCertificates();
  house.Settle(Millis(2000));
  EXPECT_EQ(house.Step("certificates-lodged").status(), "done");
  ASSERT_TRUE(house.Act("leo", "start", "direction").ok());
  house.Settle(Millis(1000));
  EXPECT_TRUE(house.core->GetDirection("ann", "").ok());
}

// --- opening ---

TEST(Opening, AReusedRequestIdNeverHidesAnotherRequest) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  const auto first = house.SendOpening("leo", house.Opening("leo"));
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(first->already_open());
  const auto again = house.SendOpening("leo", house.Opening("leo"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->already_open());
  auto other = house.Opening("leo");
  other.mutable_notification()->set_party("supplier-b");
  other.mutable_notification()->set_organisation(test::kOtherSupplier.value());
  const Status refused = house.SendOpening("leo", other).status();
  EXPECT_TRUE(IsRefusal(refused, Reason::kBAD_REQUEST)) << refused;
  EXPECT_NE(Message(refused).find(first->incident()), std::string::npos) << refused;
  EXPECT_TRUE(IsRefusal(house.SendOpening("ola", house.Opening("ola")).status(), Reason::kBAD_REQUEST));
  EXPECT_EQ(house.Entries("incident.incident-opened").size(), 1u);
}

TEST(Opening, AnotherPartysEuiIsRefusedAndSaysWhoseItIs) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  auto request = house.Opening("leo");
  request.mutable_notification()->set_organisation(test::kOtherSupplier.value());
  const Status refused = house.SendOpening("leo", request).status();
  EXPECT_TRUE(IsRefusal(refused, Reason::kWRONG_PARTY)) << refused;
  EXPECT_NE(Message(refused).find("supplier-b"), std::string::npos) << refused;
  request.mutable_notification()->set_organisation(0x90B3D51F30990000);
  EXPECT_TRUE(IsRefusal(house.SendOpening("leo", request).status(), Reason::kWRONG_PARTY));
  EXPECT_EQ(house.Entries("incident.incident-opened").size(), 0u);
  EXPECT_EQ(house.RefusalsOf("WRONG_PARTY"), 2u);
}

TEST(Opening, WithTheAuthorityAwayTheDraftRefusesAnotherPartysEui) {
  House house;
  house.parties = {{test::kSupplier.value(), "supplier-b"}};
  house.estate.Drop("/smki.estate.v1.CertificateAuthority/FindParty");
  ASSERT_TRUE(house.Start().ok());
  ASSERT_TRUE(house.Open().ok());
  house.ServeParties();
  house.DriveToDirection();
  EXPECT_EQ(house.Step("direction").status(), "failed");
  EXPECT_NE(house.Step("direction").result().find("WRONG_PARTY"), std::string::npos)
      << house.Step("direction").result();
  EXPECT_FALSE(house.core->GetDirection("ann", "").ok());
}

TEST(Opening, WithoutAnIncidentTheReaderIsToldHowOneBegins) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  const Status none = house.core->GetIncident("leo", "").status();
  EXPECT_NE(Message(none).find("Next: "), std::string::npos) << none;
  EXPECT_NE(Message(none).find("smkictl incident open"), std::string::npos) << none;
}

// --- what people say ---

TEST(Words, TheTextOfADecisionIsInFactorWatchViewAndReport) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  ASSERT_TRUE(house.Open().ok());
  house.guidance = "factor 1: grave, factor 2: six Devices";
  house.DriveToDirection();
  const auto direction =
      test::Must(procedures::ParseDirection(test::Must(house.core->GetDirection("ann", "")).direction()));
  const auto factor = std::find_if(direction.factors.begin(), direction.factors.end(),
                                   [](const auto& f) { return f.id == "guidance"; });
  ASSERT_NE(factor, direction.factors.end());
  EXPECT_EQ(factor->answer.text, "leo: direct: " + house.guidance);
  EXPECT_EQ(house.Step("guidance").text(), house.guidance);
  bool watched = false;
  for (const auto& event : test::Must(house.core->ReadEvents("ann", "", 0, 1000)).events)
    watched = watched || event.text() == "guidance: direct: " + house.guidance;
  EXPECT_TRUE(watched);
  ASSERT_TRUE(house.Start().ok());
  EXPECT_EQ(house.Step("guidance").text(), house.guidance);
  for (const char* member : {"ann", "bob", "cal"}) ASSERT_TRUE(house.Vote(member).ok());
  house.Settle(Millis(5000));
  ASSERT_TRUE(house.Act("leo", "decide", "proceed", "proceed", "the canary is well").ok());
  house.Settle(Millis(10000));
  ASSERT_TRUE(house.Act("leo", "done", "review").ok());
  ASSERT_TRUE(house.Act("leo", "close", "none", "none", "all Devices answer").ok());
  const std::string report = ToString(test::Must(PosixFiles().Read(house.Folder() + "/report.md", 1 << 20)));
  for (const std::string& said : {house.guidance, std::string("the canary is well"), std::string("all Devices answer")})
    EXPECT_NE(report.find(said), std::string::npos) << said;
  EXPECT_EQ(house.View().closed_text(), "all Devices answer");
}

TEST(Words, AnEmptyTextIsNoEvidenceAndNoReason) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  ASSERT_TRUE(house.Open().ok());
  for (const auto& [verb, step] : std::vector<std::pair<std::string, std::string>>{
           {"done", "report-received"}, {"decide", "guidance"}, {"pause", "none"}, {"close", "none"}}) {
    for (const char* text : {"", "  "}) {
      const Status refused = house.Act("leo", verb, step, verb == "decide" ? "direct" : "none", text);
      EXPECT_TRUE(IsRefusal(refused, Reason::kBAD_REQUEST)) << verb << ": " << refused;
      EXPECT_NE(Message(refused).find("needs a text"), std::string::npos) << refused;
    }
  }
  EXPECT_EQ(house.Step("report-received").status(), "ready");
}

TEST(Words, ARejectionIsSeenByEverybodyAtOnceWithItsReason) {
  House house;
  house.ReachDirection();
  EXPECT_TRUE(IsRefusal(house.Reject("ann", " "), Reason::kBAD_REQUEST));
  EXPECT_EQ(house.View().rejections_size(), 0);
  ASSERT_TRUE(house.Reject("ann", "the serial numbers are not the ones the party read out").ok());
  const auto check = [&] {
    const recovery::v1::IncidentView view = house.View();
    ASSERT_EQ(view.rejections_size(), 1);
    EXPECT_EQ(view.rejections(0).person(), "ann");
    EXPECT_EQ(view.rejections(0).reason(), "the serial numbers are not the ones the party read out");
    const recovery::v1::DirectionView direction = test::Must(house.core->GetDirection("bob", ""));
    ASSERT_EQ(direction.rejections_size(), 1);
    const auto document = test::Must(procedures::ParseRejection(direction.rejections(0).document()));
    EXPECT_EQ(document.person, "ann");
    EXPECT_FALSE(direction.rejections(0).signature().empty());
  };
  check();
  ASSERT_TRUE(house.Start().ok());
  check();
}

// --- ending what was a mistake ---

TEST(Closing, AFalseAlarmEndsWithoutAnybodyAttestingWhatIsNotSo) {
  House house;
  ASSERT_TRUE(house.Start().ok());
  ASSERT_TRUE(house.Open().ok());
  ASSERT_TRUE(house.Act("leo", "done", "report-received").ok());
  house.Settle(Millis(3000));
  ASSERT_TRUE(house.Act("leo", "close", "none", "none", "the party says its keys are safe").ok());
  house.Settle(Millis(3000));
  const recovery::v1::IncidentView view = house.View();
  EXPECT_EQ(view.state(), "closed");
  EXPECT_EQ(view.closed_result(), "stopped");
  EXPECT_EQ(view.evidence(), house.Folder());
  EXPECT_EQ(house.Step("new-certificates").status(), "blocked");
}

TEST(Closing, WhatWaitsForVotesOrCertificatesStopsWaiting) {
  House house;
  house.ReachDirection();
  ASSERT_TRUE(house.Act("leo", "close", "none", "none", "the party withdraws its report").ok());
  EXPECT_EQ(house.View().state(), "closed");
  EXPECT_FALSE(house.Vote("ann").ok());
  const size_t entries = house.Entries().size();
  house.Settle(std::chrono::hours(1));
  EXPECT_LE(house.Entries().size(), entries + 1);  // the refusal of the vote
}

TEST(Closing, I5_OnceACeremonyHasBegunTheKeyComesFirst) {
  House house;
  house.custodians_present = false;
  house.ReachCampaign();
  ASSERT_EQ(house.Step("ceremony").status(), "running");
  EXPECT_TRUE(IsRefusal(house.Act("leo", "close", "none", "none", "enough"), Reason::kSTEP_NOT_READY));
}

// --- the key ---

TEST(Ceremony, I5_AKeyguardThatEndedMeanwhileIsPreparedAgain) {
  House house;
  house.custodians_present = false;
  house.ReachCampaign();
  EXPECT_EQ(house.ceremonies, 1);
  EXPECT_EQ(house.Step("ceremony").status(), "running");
  house.keyguard_status.Clear();  // it has started anew and knows of no ceremony
  house.custodians_present = true;
  house.Settle(Millis(5000));
  EXPECT_EQ(house.ceremonies, 2);
  EXPECT_EQ(house.Step("canary").status(), "done") << house.Step("canary").result();
  for (const char* id : {"CER-0000000000000001", "CER-0000000000000002"}) {
    EXPECT_TRUE(PosixFiles().Exists(house.Folder() + "/ceremony/" + id + ".request.cms"));
  }
}

TEST(Ceremony, I5_ACrashOfTheKeyguardDuringTheCampaignCostsOneMoreCeremony) {
  House house(12);
  house.ReachCampaign();
  house.keyguard_status.Clear();
  ASSERT_TRUE(house.Act("leo", "decide", "proceed", "proceed").ok());
  house.Settle(Millis(10000));
  EXPECT_EQ(house.ceremonies, 2);
  EXPECT_EQ(house.Step("campaign").status(), "done");
  EXPECT_EQ(house.View().progress().recovered(), 12u);
}

TEST(Ceremony, TheKeyguardsRefusalIsTheStepsResult) {
  House house;
  house.prepare_error = procedures::Refuse(Reason::kNONCE_REPLAYED, "seen before");
  house.ReachCampaign();
  EXPECT_EQ(house.Step("ceremony").status(), "failed");
  EXPECT_EQ(house.RefusalsOf("NONCE_REPLAYED"), 1u);
}

TEST(Campaign, TheCanaryMustSucceedBeforeTheMainWave) {
  House house;
  for (const auto& device : house.devices) house.behaviour[Eui64(device.eui())].fail_all = true;
  house.ReachCampaign();
  house.Settle(Millis(10000));
  EXPECT_EQ(house.Step("canary").status(), "failed");
  EXPECT_EQ(house.View().progress().refused(), 2u);  // nobody else was touched
}

TEST(Campaign, I2_ARestartBetweenTheWavesGoesOn) {
  House house;
  house.ReachCampaign();
  ASSERT_TRUE(house.Start().ok());
  ASSERT_TRUE(house.Act("leo", "decide", "proceed", "proceed").ok());
  house.Settle(Millis(10000));
  EXPECT_EQ(house.View().progress().recovered(), 6u);
  EXPECT_EQ(house.commands.size(), 6u);
}

TEST(Campaign, I10_AfterItsLogHadFailedTheStepStartedAgainGoesOnFromTheLogAndEnds) {
  House house;
  house.ReachCampaign();
  // Both groups' commands are delivered, and then there is no room to say so; nobody has answered yet.
  int deliveries = 0;
  house.on_deliver = [&] {
    if (++deliveries == 2) house.disk.full_for_appends = 2;
    for (const auto& device : house.devices) house.behaviour[Eui64(device.eui())].silent = true;
  };
  ASSERT_TRUE(house.Act("leo", "decide", "proceed", "proceed").ok());
  ASSERT_EQ(deliveries, 2);
  ASSERT_EQ(house.Step("campaign").status(), "failed");
  EXPECT_NE(house.Step("campaign").result().find("AUDIT_NOT_DURABLE"), std::string::npos)
      << house.Step("campaign").result();
  EXPECT_EQ(house.View().progress().recovered(), 2u);
  house.on_deliver = nullptr;
  house.behaviour.clear();
  ASSERT_TRUE(house.Act("leo", "start", "campaign").ok());
  house.Settle(Millis(10000));
  EXPECT_EQ(house.Step("campaign").status(), "done") << house.Step("campaign").DebugString();
  EXPECT_EQ(house.View().progress().recovered(), 6u);
  EXPECT_EQ(house.commands.size(), 6u) << "nobody needed a second attempt";
}

// --- a wave that was given up ---

// The newest summary counts what the log holds, and names it: the auditor compares the two.
void ExpectSummedFromItsLog(House& house, const std::string& wave, uint64_t recovered) {
  const auto log = ledger::ReadRecordLog(PosixFiles(), house.Folder() + "/campaign/campaign.log", ledger::kCampaignKind,
                                         [](const ledger::Record&) { return OkStatus(); });
  ASSERT_TRUE(log.ok()) << log.status();
  const ledger::Entry entry = house.Entries("campaign.summary").back();
  ledger::v1::CampaignSummary summary;
  ASSERT_TRUE(summary.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size())));
  EXPECT_EQ(summary.wave(), wave);
  EXPECT_EQ(summary.recovered(), recovered);
  EXPECT_EQ(summary.log_records(), log->records);
  EXPECT_EQ(summary.log_head(), ToString(log->head));
}

uint64_t RecoveredInReport(House& house) {
  std::ifstream report(house.Folder() + "/report.json");
  return nlohmann::json::parse(report)["devices"]["recovered"];
}

// The PMA halts the key in the middle of the main wave; its step fails.
void ReachAHaltedWave(House& house) {
  house.ReachCampaign();
  house.on_deliver = [&house] {
    house.keyguard_status.Clear();
    house.prepare_error = procedures::Refuse(Reason::kKEY_HALTED, "by ann");
  };
  ASSERT_TRUE(house.Act("leo", "decide", "proceed", "proceed").ok());
  house.Settle(Millis(5000));
  ASSERT_EQ(house.Step("campaign").status(), "failed");
  const uint64_t recovered = house.View().progress().recovered();
  ASSERT_GT(recovered, 2u) << "more than the canary";
  ASSERT_LT(recovered, 12u);
}

TEST(GivenUp, TheReportAndTheSummaryCountWhatTheLogOfTheWaveHolds) {
  House house(12);
  ReachAHaltedWave(house);
  const uint64_t recovered = house.View().progress().recovered();
  const procedures::Deviation skip = {procedures::DeviationKind::kSkip, "campaign", "", "", "halted by the PMA", "WB"};
  ASSERT_TRUE(house.Ask("ola", skip).ok());
  ASSERT_TRUE(house.Approve("leo").ok());
  house.Settle(Millis(5000));
  ASSERT_EQ(house.Step("report").status(), "done") << house.Step("report").result();
  EXPECT_EQ(RecoveredInReport(house), recovered);
  ExpectSummedFromItsLog(house, "main", recovered);
  ASSERT_TRUE(house.Act("leo", "done", "review").ok());
  ASSERT_TRUE(house.Act("leo", "close", "none").ok());
  house.Settle(Millis(3000));
  EXPECT_EQ(house.View().evidence(), house.Folder());
  EXPECT_EQ(RecoveredInReport(house), recovered);
  ExpectSummedFromItsLog(house, "main", recovered);
  EXPECT_EQ(house.Entries("campaign.summary").size(), 2u) << "one for each wave";
}

TEST(Campaign, WhatItsLogTookAfterTheReportIsSummedBeforeTheExport) {
  House house;
  house.ReachCampaign();
  ASSERT_TRUE(house.Act("leo", "decide", "proceed", "stop").ok());
  house.Settle(Millis(5000));
  ASSERT_EQ(house.Step("report").status(), "done") << house.Step("report").result();
  estate::v1::ResponseBatch late;
  late.add_responses()->set_sequence(1000);
  late.mutable_responses(0)->set_device(house.devices.back().eui());  // a bystander
  house.estate.Push(test::kResponses, late.SerializeAsString());
  ASSERT_TRUE(house.Act("leo", "done", "review").ok());
  ASSERT_TRUE(house.Act("leo", "close", "none").ok());
  house.Settle(Millis(3000));
  EXPECT_EQ(house.View().evidence(), house.Folder());
  ExpectSummedFromItsLog(house, "canary", 2);
  EXPECT_EQ(house.Entries("campaign.summary").size(), 2u) << "one of the wave, and one of what came late";
}

// --- a ledger that can take nothing now ---

size_t OutcomesOf(House& house, const std::string& step) {
  size_t out = 0;
  for (const ledger::Entry& entry : house.Entries("action.outcome")) {
    ledger::v1::ActionRecord record;
    EXPECT_TRUE(record.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size())));
    out += record.step() == step ? 1 : 0;
  }
  return out;
}

TEST(FullLedger, I2_WhatCameOfAStepIsRecordedOnceThereIsRoomAndTheIncidentGoesOn) {
  House house;
  house.ReachDirection();
  house.FillLedgerFor(std::chrono::seconds(30),
                      "new.kind = 'action.outcome' AND "
                      "instr(new.payload, CAST('keyguard.prepare' AS BLOB)) > 0");
  for (const char* member : {"ann", "bob", "cal"}) ASSERT_TRUE(house.Vote(member).ok());
  house.Settle(Millis(10000));
  EXPECT_EQ(house.ceremonies, 1);
  EXPECT_EQ(house.keyguard_status.state(), keyguard::v1::Status::OPEN);
  EXPECT_EQ(house.Step("ceremony").status(), "running");
  EXPECT_EQ(OutcomesOf(house, "ceremony"), 0u);
  house.Settle(std::chrono::seconds(30));
  EXPECT_EQ(house.Step("ceremony").status(), "done") << house.Step("ceremony").result();
  EXPECT_EQ(house.Step("canary").status(), "done") << house.Step("canary").result();
  EXPECT_EQ(OutcomesOf(house, "ceremony"), 1u);
  EXPECT_EQ(house.ceremonies, 1) << "what was done is not done again";
}

TEST(FullLedger, I2_AStepThatCouldNotBeginBeginsOnceThereIsRoom) {
  House house;
  house.ReachDirection();
  house.FillLedgerFor(std::chrono::seconds(30), "new.kind = 'action.intent'");
  for (const char* member : {"ann", "bob", "cal"}) ASSERT_TRUE(house.Vote(member).ok());
  house.Settle(Millis(10000));
  EXPECT_EQ(house.Step("direction").status(), "done");
  EXPECT_EQ(house.Step("ceremony").status(), "ready");
  EXPECT_EQ(house.ceremonies, 0) << "no intent, no effect";
  house.Settle(std::chrono::seconds(30));
  EXPECT_EQ(house.Step("canary").status(), "done") << house.Step("canary").result();
  EXPECT_EQ(house.ceremonies, 1);
}

// Restarts again and again while the incident runs: every step is resumed or was done.
TEST(Incident, I2_RestartedAtEveryMomentItEndsTheSame) {
  House house;
  house.ReachDirection();
  for (const char* member : {"ann", "bob", "cal"}) {
    ASSERT_TRUE(house.Start().ok());
    ASSERT_TRUE(house.Vote(member).ok());
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(house.Start().ok());
    house.Settle(Millis(7 * i));
  }
  house.Settle(Millis(5000));
  ASSERT_TRUE(house.Act("leo", "decide", "proceed", "proceed").ok()) << house.View().DebugString();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(house.Start().ok());
    house.Settle(Millis(3 * i));
  }
  house.Settle(Millis(10000));
  ASSERT_TRUE(house.Act("leo", "done", "review").ok()) << house.View().DebugString();
  ASSERT_TRUE(house.Act("leo", "close", "none").ok());
  EXPECT_EQ(house.View().progress().recovered(), 6u);
  EXPECT_EQ(house.commands.size(), 6u);
}

}  // namespace
}  // namespace smki::orchestrator
