// The auditor's ten checks: an honest folder passes, and each lie is found by the check that is for it.
#include "cli/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "evidence_story.h"

namespace smki::cli {
namespace {

using test::EvidenceStory;
using test::Spoiled;
using ::testing::HasSubstr;

VerifyReport Verify(const EvidenceStory& story) {
  auto report = VerifyEvidence(story.folder(), story.anchor());
  EXPECT_TRUE(report.ok()) << report.status();
  return *std::move(report);
}

std::string Said(const VerifyReport& report) {
  std::string out;
  for (const Finding& finding : report.findings)
    out += fmt::format("{} {}: {}\n", finding.check, finding.where, finding.what);
  return out;
}

// The first finding is of `check` and says `what`.
void ExpectFound(const VerifyReport& report, int check, const std::string& what) {
  EXPECT_EQ(report.verdict(), Verdict::kFindings);
  ASSERT_FALSE(report.findings.empty());
  for (const Finding& finding : report.findings) {
    if (finding.check == check && (finding.where + ": " + finding.what).find(what) != std::string::npos) return;
  }
  ADD_FAILURE() << "check " << check << " did not find \"" << what << "\"; found:\n" << Said(report);
}

struct Lie {
  const char* name;
  Spoiled spoiled;
  int check;
  const char* found;
};
void PrintTo(const Lie& lie, std::ostream* out) {
  *out << lie.name;
}
template <typename F>
Spoiled With(F spoil) {
  Spoiled out;
  spoil(out);
  return out;
}

class EachLie : public ::testing::TestWithParam<Lie> {};

TEST_P(EachLie, IsFoundByTheCheckThatIsForIt) {
  const EvidenceStory story(GetParam().spoiled);
  ExpectFound(Verify(story), GetParam().check, GetParam().found);
}

INSTANTIATE_TEST_SUITE_P(
    Evidence, EachLie,
    ::testing::Values(
        Lie{"GenesisOfAnotherPolicy", With([](Spoiled& s) { s.other_genesis_policy = true; }), 2,
            "entry 0: the ledger was begun under the policy"},
        Lie{"NotCountersigned", With([](Spoiled& s) { s.countersigned = false; }), 3,
            "the keyguard of the trust policy has not countersigned"},
        Lie{"EntryAfterCheckpoint", With([](Spoiled& s) { s.entry_after_checkpoint = true; }), 3,
            "lies after the last checkpoint"},
        Lie{"StatementByAnother", With([](Spoiled& s) { s.statement_signer = "ola"; }), 5,
            "the signature of leo does not hold"},
        Lie{"StatementOnAStalePage", With([](Spoiled& s) { s.statement_page = 1; }), 5, "it was made on page"},
        Lie{"ActWithoutStatement", With([](Spoiled& s) { s.no_statement = true; }), 5,
            "no signed statement stands before it"},
        Lie{"RunbookNotAllowed", With([](Spoiled& s) { s.runbook_not_allowed = true; }), 6,
            "does not allow a procedure"},
        Lie{"OneApprovalShort", With([](Spoiled& s) {
              s.approvers = {"ann", "bob"};
            }),
            7, "QUORUM_SHORT"},
        Lie{"TwoOfOneOrganisation", With([](Spoiled& s) {
              s.approvers = {"ann", "bob", "dee"};
            }),
            7, "APPROVAL_SAME_ORGANISATION"},
        Lie{"DraftedAgainstAnotherLedger", With([](Spoiled& s) { s.drafted_against.fill(9); }), 7, "not in the chain"},
        Lie{"CeremonyOfAStranger", With([](Spoiled& s) { s.ceremony_signed_by_stranger = true; }), 8,
            "not signed by the keyguard"},
        Lie{"OneCustodianShort", With([](Spoiled& s) { s.attendants = {"kim"}; }), 8, "opened with 1 custodians"},
        Lie{"StrangerAsCustodian", With([](Spoiled& s) {
              s.attendants = {"kim", "leo"};
            }),
            8, "opened with 1 custodians"},
        Lie{"DeviceOutsideThePopulation", With([](Spoiled& s) { s.burned_device = Eui64(999); }), 8,
            "is not in the directed group"},
        Lie{"CounterOutsideTheRange", With([](Spoiled& s) { s.burned_counter = 4000; }), 8,
            "outside the directed range"},
        Lie{"CounterUsedTwice", With([](Spoiled& s) { s.burned_counter = 1; }), 8, "was used before"},
        Lie{"AttemptBeyondTheLimit", With([](Spoiled& s) { s.burned_attempt = 3; }), 8, "beyond the directed limit"},
        Lie{"AnotherCommandSigned", With([](Spoiled& s) { s.other_command_signed = true; }), 8,
            "is not over the directed command"},
        Lie{"BurnWithoutIntent", With([](Spoiled& s) { s.burn_without_intent = true; }), 9,
            "without an intent in the ledger"},
        Lie{"OtherItemsAnnounced", With([](Spoiled& s) { s.other_items_announced = true; }), 9,
            "announced other Devices or attempts"},
        Lie{"CampaignNamesAnotherCounter", With([](Spoiled& s) { s.campaign_counter = 5; }), 9,
            "is not the one the signer signed"},
        Lie{"SummaryCountsMoreSignatures", With([](Spoiled& s) { s.summed_signatures = 1; }), 9,
            "it counts 5 signatures"},
        Lie{"ResponseByAStranger", With([](Spoiled& s) { s.response_by_stranger = true; }), 10,
            "no certificate of it in the Repository verifies the response"},
        Lie{"ACellThatFailed", With([](Spoiled& s) { s.cell_failed = true; }), 10, "answered noTrustAnchor"},
        Lie{"AnotherKeyInACell", With([](Spoiled& s) { s.other_key_in_cell = true; }), 10,
            "does not hold the intended key"},
        Lie{"SummaryCountsMoreRecovered", With([](Spoiled& s) { s.summed_recovered = 1; }), 10,
            "the campaign log says otherwise"}),
    [](const auto& info) { return info.param.name; });

// One honest folder for all tests that only touch files; each copies it.
class TouchedFolder : public ::testing::Test {
 protected:
  static const EvidenceStory& Honest() {
    static const EvidenceStory story;
    return story;
  }
  TouchedFolder() : folder_(scratch_ / "evidence") {
    std::filesystem::copy(Honest().folder(), folder_, std::filesystem::copy_options::recursive);
  }
  VerifyReport Verify() {
    auto report = VerifyEvidence(folder_, Honest().anchor());
    EXPECT_TRUE(report.ok()) << report.status();
    return *std::move(report);
  }
  // Flips one bit of the last octet, or of that at `offset`.
  void Touch(const std::string& file, int64_t offset = -1) {
    std::fstream io(folder_ + "/" + file, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(io.good()) << file;
    io.seekg(offset < 0 ? -1 : offset, offset < 0 ? std::ios::end : std::ios::beg);
    const auto at = io.tellg();
    const char octet = static_cast<char>(io.get() ^ 1);
    io.seekp(at);
    io.put(octet);
  }
  Scratch scratch_;
  std::string folder_;
};

TEST_F(TouchedFolder, I3_AnHonestFolderIsVerified) {
  const VerifyReport report = Verify();
  EXPECT_EQ(report.verdict(), Verdict::kVerified) << Said(report);
  EXPECT_EQ(report.checks.size(), static_cast<size_t>(kChecks));
  EXPECT_EQ(report.signatures, 4u);
  EXPECT_EQ(report.recovered, 4u);
  EXPECT_EQ(report.incident, "INC-1");
}

TEST_F(TouchedFolder, I3_WithoutAnAnchorItIsOnlySelfConsistent) {
  const auto report = VerifyEvidence(folder_, std::nullopt);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->verdict(), Verdict::kSelfConsistent);
}

TEST_F(TouchedFolder, I3_AnotherAnchorIsAFinding) {
  Digest other = Honest().anchor();
  other[0] ^= 1;
  const auto report = VerifyEvidence(folder_, other);
  ASSERT_TRUE(report.ok());
  ExpectFound(*report, 1, "the anchor says");
}

TEST_F(TouchedFolder, I3_EveryFileIsAccountedFor) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    const std::string file = std::filesystem::relative(entry.path(), folder_).string();
    if (entry.is_regular_file() && file != "ledger.sqlite" && file != "checkpoint.note") files.push_back(file);
  }
  EXPECT_GE(files.size(), 15u);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Touch(file);
    ExpectFound(Verify(), 4, file + " (entry ");
    Touch(file);  // as it was
  }
  EXPECT_EQ(Verify().verdict(), Verdict::kVerified);
}

TEST_F(TouchedFolder, I3_AMissingFileIsNamed) {
  std::filesystem::remove(folder_ + "/ceremony/CER-0123456789abcdef.request.txt");
  ExpectFound(Verify(), 4, "ceremony/CER-0123456789abcdef.request.txt");
}

TEST_F(TouchedFolder, I3_AFileThatNoEntryNamesIsFound) {
  std::ofstream(folder_ + "/direction/approvals/4-extra.cms") << "x";
  ExpectFound(Verify(), 4, "direction/approvals/4-extra.cms: no ledger entry names this file");
}

TEST_F(TouchedFolder, I3_ASymbolicLinkIsNoEvidence) {
  std::filesystem::create_symlink("/etc/hostname", folder_ + "/link");
  std::filesystem::create_symlink("itself", folder_ + "/itself");
  ExpectFound(Verify(), 4, "link: a symbolic link is no evidence");
  ExpectFound(Verify(), 4, "itself: a symbolic link is no evidence");
}

TEST_F(TouchedFolder, I3_ATouchedCheckpointIsFound) {
  Touch("checkpoint.note", 20);
  ExpectFound(Verify(), 3, "checkpoint.note");
}

TEST_F(TouchedFolder, I3_ATouchedLedgerNamesItsFirstBadEntry) {
  // An octet of a text that stands in one payload only.
  const std::string ledger = ToString(*PosixFiles().Read(folder_ + "/ledger.sqlite", 16 << 20));
  const size_t at = ledger.find("campaign/campaign.log");
  ASSERT_NE(at, std::string::npos);
  Touch("ledger.sqlite", static_cast<int64_t>(at));
  ExpectFound(Verify(), 2, "entry ");
}

TEST_F(TouchedFolder, AFolderWithoutLedgerIsNoEvidence) {
  EXPECT_EQ(VerifyEvidence(scratch_ / "nothing", std::nullopt).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace smki::cli
