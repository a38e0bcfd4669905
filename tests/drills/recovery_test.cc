// A whole recovery, and what must hold of its evidence afterwards.
#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "tests/drills/drill.h"

namespace smki::test {
namespace {

class Recovery : public Drill {
 protected:
  void SetUp() override {
    Drill::SetUp();
    const Status started = rehearsal_->StartServers();
    ASSERT_TRUE(started.ok()) << Message(started);
    const Status opened = rehearsal_->Open();
    ASSERT_TRUE(opened.ok()) << Message(opened);
  }
};

TEST_F(Recovery, I6_EveryDeviceOfTheCompromisedSupplierIsRecoveredAndNoOther) {
  const Status driven = rehearsal_->Drive();
  ASSERT_TRUE(driven.ok()) << Message(driven);
  ExpectRecovered();
  const auto& progress = rehearsal_->page().status["progress"];
  EXPECT_EQ(progress["recovered"], kDevices) << progress.dump();
  EXPECT_EQ(progress["total"], kDevices);
}

// The incident team pauses and the key stays open; one PMA member halts and it is closed; going on takes the quorum and
// a ceremony.
TEST_F(Drill, I5_PauseKeepsTheKeyOpenHaltClosesItAndResumingTakesTheQuorumAndACeremony) {
  // A canary that leaves Devices for the main wave, which needs the key again.
  const std::string site = rehearsal_->Path("orchestrator/orchestrator.yaml");
  std::string text = ToString(Must("reading", PosixFiles().Read(site, 64 * 1024)));
  const size_t at = text.find("canary: 25");
  ASSERT_NE(at, std::string::npos);
  ASSERT_TRUE(PosixFiles().WriteDurably(site, AsBytes(text.replace(at, 10, "canary: 5"))).ok());
  ASSERT_TRUE(rehearsal_->StartServers().ok());
  ASSERT_TRUE(rehearsal_->Open().ok());
  ASSERT_TRUE(rehearsal_->Drive("canary").ok());
  const auto act = [&](const std::string& person, const std::vector<std::string>& arguments) {
    const auto exit = rehearsal_->Act(person, arguments);
    return exit.ok() ? exit->code : -1;
  };
  const auto key = [&] {
    return Must("keyguard status", rehearsal_->Ask("anna.pma", {"keyguard", "status"}))["state"];
  };
  ASSERT_EQ(act(rehearsal_->lead, {"incident", "pause", "--text", "a call from the supplier"}), 0);
  EXPECT_EQ(key(), "open");
  EXPECT_EQ(act(rehearsal_->lead, {"incident", "decide", "proceed", "proceed", "--text", "not now"}), 1);
  ASSERT_EQ(act("elena.pma", {"direction", "halt", "--reason", "wrong Devices, they say"}), 0);
  EXPECT_EQ(key(), "closed");
  const nlohmann::json acts = Must("direction votes", rehearsal_->Ask("anna.pma", {"direction", "votes"}));
  EXPECT_EQ(acts["orders"], "halted");
  EXPECT_EQ(acts["acts"].back()["person"], "elena.pma");
  EXPECT_EQ(acts["acts"].back()["reason"], "wrong Devices, they say");
  ASSERT_EQ(act(rehearsal_->lead, {"incident", "resume", "--text", "the call is over"}), 0);
  for (const char* member : {"anna.pma", "bruno.pma", "carla.pma"})
    ASSERT_EQ(act(member, {"direction", "resume", "--reason", "they were right"}), 0) << member;
  EXPECT_EQ(key(), "closed") << "a quorum lets it be opened, custodians open it";
  const Status driven = rehearsal_->Drive();
  ASSERT_TRUE(driven.ok()) << Message(driven);
  ExpectRecovered();
  size_t requests = 0;
  for (const auto& file : std::filesystem::directory_iterator(rehearsal_->EvidenceFolder() + "/ceremony"))
    requests += file.path().extension() == ".cms" ? 1 : 0;
  EXPECT_EQ(requests, 2u);
}

// Two approve, two reject, the Chair decides: through smkictl, the orchestrator and the signer to the evidence, which
// verifies with our tool and with the auditor's own.
TEST_F(Recovery, I1_OnATieTheChairDecidesAndEverybodySeesWhoVotedHow) {
  const auto act = [&](const std::string& person, const std::vector<std::string>& arguments) {
    const auto exit = rehearsal_->Act(person, arguments);
    return exit.ok() ? exit->code : -1;
  };
  rehearsal_->members = {"anna.pma", "bruno.pma"};
  bool cast = false;
  rehearsal_->on_page = [&](const sim::Page& page) {
    if (cast || page.status["steps"].dump().find("2 of 3 approvals") == std::string::npos) return;
    cast = true;
    const std::vector<std::string> decide = {"direction", "cast", "--for", "approve", "--reason", "keys are in use"};
    EXPECT_EQ(act("clara.chair", decide), 1) << "there is no tie yet";
    for (const char* member : {"carla.pma", "dario.pma"})
      EXPECT_EQ(act(member, {"direction", "reject", "--reason", "too many Devices"}), 0) << member;
    std::vector<std::string> confirmed = decide;
    confirmed.push_back("--yes");
    EXPECT_EQ(act("elena.pma", confirmed), 1) << "she is not the Chair";
    EXPECT_EQ(act("clara.chair", confirmed), 0);
    EXPECT_EQ(act("elena.pma", {"direction", "sign", "--yes", "key,procedure,devices,cells,validity,limits"}), 1)
        << "it is decided";
  };
  const Status driven = rehearsal_->Drive();
  ASSERT_TRUE(driven.ok()) << Message(driven);
  ASSERT_TRUE(cast);
  const nlohmann::json acts = Must("direction votes", rehearsal_->Ask("ada.auditor", {"direction", "votes"}));
  EXPECT_EQ(acts["votes"], "directed") << acts.dump(2);
  ASSERT_EQ(acts["acts"].size(), 5u) << acts.dump(2);
  for (const nlohmann::json& one : acts["acts"]) EXPECT_EQ(one["counts"], true) << one.dump(2);
  EXPECT_EQ(acts["acts"][4]["person"], "clara.chair");
  EXPECT_EQ(acts["acts"][4]["what"], "cast approve");
  EXPECT_EQ(Must("incident status", rehearsal_->Ask("lena.lead", {"incident", "status"}))["pma"], acts);
  ExpectRecovered();
  const std::string auditor =
      "bash tests/audit/auditor.sh " + rehearsal_->EvidenceFolder() + " " + rehearsal_->anchor();
  EXPECT_EQ(std::system((auditor + " > " + folder_ + "/auditor.txt 2>&1").c_str()), 0)
      << ToString(*PosixFiles().Read(folder_ + "/auditor.txt", 1 << 20));
}

TEST_F(Recovery, I3_EveryTamperedEvidenceFileIsFoundOffline) {
  ASSERT_TRUE(rehearsal_->Drive().ok());
  ExpectRecovered();
  const std::string evidence = rehearsal_->EvidenceFolder();
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(evidence)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  ASSERT_GE(files.size(), 10u);
  for (const std::string& file : files) {
    const std::string kept = folder_ + "/kept";
    std::filesystem::copy_file(file, kept, std::filesystem::copy_options::overwrite_existing);
    std::fstream change(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(file) / 2);
    change.seekg(middle);
    const char octet = static_cast<char>(change.get() ^ 0x10);
    change.seekp(middle);
    change.put(octet);
    change.close();
    const auto verified = rehearsal_->VerifyEvidence();
    EXPECT_TRUE(!verified.ok() || (*verified)["verdict"] != "verified") << file << " was altered and nobody noticed";
    std::filesystem::copy_file(kept, file, std::filesystem::copy_options::overwrite_existing);
  }
  const auto verified = rehearsal_->VerifyEvidence();
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ((*verified)["verdict"], "verified");
}

TEST_F(Recovery, I3_WithoutAnAnchorTheVerdictIsSelfConsistentNotVerified) {
  ASSERT_TRUE(rehearsal_->Drive().ok());
  const auto result =
      rehearsal_->Run("smkictl", {"ledger", "verify", rehearsal_->EvidenceFolder(), "--output", "json"});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(nlohmann::json::parse(result->out)["verdict"], "self-consistent");
}

TEST_F(Recovery, TheDirectionIsNotDraftedBeforeTheStoreHasTheNewCertificates) {
  ASSERT_TRUE(rehearsal_->Drive("rebuild-repository").ok());
  const auto refused = rehearsal_->Act("lena.lead", {"incident", "start", "direction", "--output", "json"});
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->code, 1);
  EXPECT_NE((refused->out + refused->err).find("CERTIFICATES_NOT_IN_REPOSITORY"), std::string::npos)
      << refused->out << refused->err;
  EXPECT_NE((refused->out + refused->err).find("certificates-lodged"), std::string::npos)
      << "it names the missing prerequisite";
}

TEST_F(Recovery, AFalseAlarmIsClosedWithItsReason) {
  const auto wrong = rehearsal_->Act("lena.lead", {"incident", "open", "--runbook", "method-3", "--party", "supplier-a",
                                                   "--organisation", "90-B3-D5-1F-30-03-00-00", "--what", "a test"});
  ASSERT_TRUE(wrong.ok());
  EXPECT_EQ(wrong->code, 1);
  EXPECT_NE(wrong->err.find("WRONG_PARTY"), std::string::npos) << wrong->err;
  EXPECT_NE(wrong->err.find("supplier-b"), std::string::npos) << wrong->err;
  ASSERT_TRUE(rehearsal_->Drive("report-received").ok());
  for (int tries = 0; tries < 50; ++tries) {  // the rebuild must end first
    const auto closed =
        rehearsal_->Act("lena.lead", {"incident", "close", "--text", "the party says that its keys are safe"});
    ASSERT_TRUE(closed.ok());
    if (closed->code == 0) break;
  }
  const auto list = rehearsal_->Ask("ada.auditor", {"incident", "list"});
  ASSERT_TRUE(list.ok()) << Message(list.status());
  EXPECT_EQ((*list)["incidents"][0]["closed"], "stopped") << list->dump();
  ASSERT_TRUE(rehearsal_->Drive().ok());
  const auto verified = rehearsal_->VerifyEvidence();
  ASSERT_TRUE(verified.ok()) << Message(verified.status());
  EXPECT_EQ((*verified)["verdict"], "verified") << "nothing was directed, nothing signed: " << verified->dump(2);
  std::ifstream report(rehearsal_->EvidenceFolder() + "/report.md");
  const std::string told((std::istreambuf_iterator<char>(report)), std::istreambuf_iterator<char>());
  EXPECT_NE(told.find("the party says that its keys are safe"), std::string::npos) << told;
}

TEST_F(Recovery, I4_NobodyActsOnAStalePage) {
  ASSERT_TRUE(rehearsal_->Drive("report-received").ok());
  const auto refused = rehearsal_->Act(
      "owen.operator", {"incident", "done", "confirm-compromise", "--text", "called back", "--expect", "0"});
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->code, 1);
  EXPECT_NE((refused->out + refused->err).find("STALE_PAGE"), std::string::npos) << refused->out << refused->err;
}

TEST_F(Recovery, I4_AStepBelongsToItsRole) {
  const auto refused = rehearsal_->Act("ada.auditor", {"incident", "done", "report-received", "--text", "I was here"});
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->code, 1);
  EXPECT_NE((refused->out + refused->err).find("WRONG_ACTOR"), std::string::npos) << refused->out << refused->err;
}

}  // namespace
}  // namespace smki::test
