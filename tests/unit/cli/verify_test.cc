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

// The Direction came about by the Chair's casting vote.
template <typename F>
Spoiled Tied(F spoil) {
  Spoiled out;
  out.approvers = {"ann", "bob"};
  out.rejecting = {"cal", "eve"};
  spoil(out);
  return out;
}

TEST(CastingVote, ADirectionOfTheChairsVerifies) {
  const EvidenceStory story(Tied([](Spoiled&) {}));
  const VerifyReport report = Verify(story);
  EXPECT_EQ(report.verdict(), Verdict::kVerified) << Said(report);
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
        Lie{"CastWithoutAVote", Tied([](Spoiled& s) { s.cast_leaves_out = "eve"; }), 7, "CASTING_VOTE_OTHER_VOTES"},
        Lie{"CastByAMember", Tied([](Spoiled& s) { s.cast_signer = "pam"; }), 7, "CASTING_VOTE_NOT_BY_CHAIR"},
        Lie{"CastByAMemberAsTheLedgerSays", Tied([](Spoiled& s) { s.cast_signer = "pam"; }), 7,
            "the signature of cho does not hold"},
        Lie{"CastToReject", Tied([](Spoiled& s) { s.cast_decision = "reject"; }), 7, "DIRECTION_REJECTED"},
        Lie{"CastWithoutTie", Tied([](Spoiled& s) { s.rejecting = {"cal"}; }), 7, "CASTING_VOTE_WITHOUT_TIE"},
        Lie{"CastNotInTheFolder", Tied([](Spoiled& s) { s.cast_lost = true; }), 7,
            "the casting vote of cho is not in the folder"},
        Lie{"TiedWithoutCast", Tied([](Spoiled& s) { s.cast_lost = true; }), 7, "QUORUM_SHORT"},
        Lie{"RejecterRevokedBefore", Tied([](Spoiled& s) {
              s.revoked = "cal";
              s.revoked_later = -std::chrono::hours(1);
            }),
            7, "SIGNER_CERTIFICATE_REVOKED"},
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
        Lie{"SummaryCountsCommandsThatNeverArrived", With([](Spoiled& s) {
              s.answer_lost = true;
              s.summed_signatures = 2;
            }),
            9, "it counts 4 signatures, the signer's journal has 4, 2 of them lost on the way"},
        Lie{"SummaryCountsFewerThanArrived", With([](Spoiled& s) {
              s.answer_lost = true;
              s.summed_signatures = static_cast<uint64_t>(-1);
            }),
            9, "it counts 1 signatures, the signer's journal has 4, 2 of them lost on the way"},
        Lie{"CommandsLeftOutOfTheCampaignLog", With([](Spoiled& s) { s.answer_lost = s.outcome_all_the_same = true; }),
            9, "the campaign has the outcome of batch 2 and not its command for"},
        Lie{"ResponseByAStranger", With([](Spoiled& s) { s.response_by_stranger = true; }), 10,
            "no certificate of it in the Repository verifies the response"},
        Lie{"ACellThatFailed", With([](Spoiled& s) { s.cell_failed = true; }), 10, "answered noTrustAnchor"},
        Lie{"AnotherKeyInACell", With([](Spoiled& s) { s.other_key_in_cell = true; }), 10,
            "does not hold the intended key"},
        Lie{"AnotherVerbSigned", With([](Spoiled& s) {
              s.statement_verb = "done";
              s.statement_choice = "none";
            }),
            5, "its verb is 'decide'"},
        Lie{"AnotherWitnessThanSigned", With([](Spoiled& s) {
              s.false_alarm = s.deviates = true;
              s.deviation_kind = "deviation-requested", s.deviation_field = "witness", s.deviation_value = "XY";
            }),
            5, "its witness is 'XY'"},
        Lie{"AnotherDeviationThanSigned", With([](Spoiled& s) {
              s.false_alarm = s.deviates = true;
              s.deviation_kind = "deviation-requested", s.deviation_field = "deviation", s.deviation_value = "repeat";
            }),
            5, "its deviation is 'repeat'"},
        Lie{"AnotherReasonThanSigned", With([](Spoiled& s) {
              s.false_alarm = s.deviates = true;
              s.deviation_kind = "deviation-requested", s.deviation_field = "why", s.deviation_value = "no reason";
            }),
            5, "its text is 'no reason'"},
        Lie{"AnApprovalOfAnotherRequest", With([](Spoiled& s) {
              s.false_alarm = s.deviates = true;
              s.deviation_kind = "deviation-approved", s.deviation_field = "digest";
              s.deviation_value = std::string(64, 'a');
            }),
            5, "its choice is 'aaaa"},
        Lie{"ARequestOfAnotherDigest", With([](Spoiled& s) {
              s.false_alarm = s.deviates = true;
              s.deviation_kind = "deviation-requested", s.deviation_field = "digest";
              s.deviation_value = std::string(64, 'a');
            }),
            5, "its digest is 'aaaa"},
        Lie{"ApprovedByTheRequester", With([](Spoiled& s) {
              s.false_alarm = s.deviates = true;
              s.deviation_kind = "deviation-approved", s.deviation_field = "person", s.deviation_value = "leo";
            }),
            6, "asked for it, leo cannot approve it"},
        Lie{"SkippedWithoutADeviation", With([](Spoiled& s) {
              s.false_alarm = s.deviates = true;
              s.deviation_kind = "step-skipped", s.deviation_field = "deviation";
              s.deviation_value = std::string(64, 'a');
            }),
            6, "nobody asked for that deviation"},
        Lie{"AnotherChoiceSigned", With([](Spoiled& s) { s.statement_choice = "stop"; }), 5,
            "the signed statement says 'stop'"},
        Lie{"AnotherAnswerSigned", With([](Spoiled& s) { s.statement_factor = "it is harmless"; }), 5,
            "its factors are not answered as in the signed statement"},
        Lie{"OtherWordsSigned", With([](Spoiled& s) { s.statement_text = "never"; }), 5, "its text is ''"},
        Lie{"AnActTakenOut", With([](Spoiled& s) { s.act_taken_out = true; }), 5,
            "leo signed 'close', but no such act follows"},
        Lie{"AdmittedWithAnotherNonce", With([](Spoiled& s) { s.admitted_nonce = "other"; }), 7,
            "admitted with another id, environment, nonce or counters"},
        Lie{"ApproverRevokedBefore", With([](Spoiled& s) {
              s.revoked = "bob";
              s.revoked_later = Millis(-60000);
            }),
            7, "SIGNER_CERTIFICATE_REVOKED"},
        Lie{"RevocationListTooOld", With([](Spoiled& s) { s.list_issued_later = -std::chrono::hours(24); }), 7,
            "too old to say who was revoked"},
        Lie{"IntentWithoutDirection", With([](Spoiled& s) { s.false_alarm = s.intent_without_direction = true; }), 7,
            "signatures were asked for without an admitted Direction"},
        Lie{"IntentWithoutAdmission",
            With([](Spoiled& s) { s.false_alarm = s.never_admitted = s.intent_without_direction = true; }), 7,
            "signatures were asked for without an admitted Direction"},
        Lie{"AdmittedWithoutDirection", With([](Spoiled& s) { s.false_alarm = s.admitted_without_direction = true; }),
            7, "the signer admitted DIR-9, which is not in the folder"},
        Lie{"AnotherDirectionAdmittedToo",
            With([](Spoiled& s) { s.false_alarm = s.never_admitted = s.admitted_without_direction = true; }), 7,
            "the signer admitted DIR-9 for this incident too"},
        Lie{"CeremonyQuotesAnotherLedger", With([](Spoiled& s) { s.request_quotes.fill(9); }), 8,
            "request.txt: it quotes a ledger head that is not in the chain"},
        Lie{"CeremonyQuotesAnotherJournal", With([](Spoiled& s) { s.request_journal.fill(9); }), 8,
            "request.txt: it quotes another head of the signer's journal after 1 records"},
        Lie{"JournalRolledBack", With([](Spoiled& s) { s.told_records = 9; }), 8, "it was rolled back or cut"},
        Lie{"JournalEmptied", With([](Spoiled& s) {
              s.false_alarm = s.empty_journal = true;
              s.told_records = 2;
            }),
            8, "it was rolled back or cut"},
        Lie{"JournalMadeAnew", With([](Spoiled& s) { s.told_head.fill(9); }), 8,
            "it quotes another head of the signer's journal after"},
        Lie{"BurnedBeforeTheDirectionIsValid", With([](Spoiled& s) { s.burned_later = -std::chrono::hours(2); }), 8,
            "the Direction is valid from"},
        Lie{"BurnedAfterTheDirectionIsValid", With([](Spoiled& s) { s.burned_later = std::chrono::hours(24 * 8); }), 8,
            "the Direction is valid from"},
        Lie{"KeyOpenForTooLong", With([](Spoiled& s) { s.opened_earlier = std::chrono::hours(9); }), 8,
            "an activation lasts 8 hours"},
        Lie{"BurnedAfterAHalt", With([](Spoiled& s) {
              s.orders = {{"halt", "dee"}};
            }),
            8, "attempts were spent after a member had halted it"},
        Lie{"ResumedByTooFew", With([](Spoiled& s) {
              s.orders = {{"halt", "dee"}, {"resume", "ann"}, {"resume", "bob"}, {"resume", "ann"}};
            }),
            8, "attempts were spent after a member had halted it"},
        Lie{"ResumedByTwoOfOneOrganisation", With([](Spoiled& s) {
              s.orders = {{"halt", "eve"}, {"resume", "ann"}, {"resume", "bob"}, {"resume", "dee"}};
            }),
            8, "attempts were spent after a member had halted it"},
        Lie{"BurnedAfterAWithdrawal", With([](Spoiled& s) {
              s.orders = {{"withdraw", "ann"}, {"resume", "ann"}, {"resume", "bob"}, {"resume", "cal"}};
            }),
            8, "attempts were spent after the Direction had been withdrawn"},
        Lie{"OpenedAfterAHalt", With([](Spoiled& s) {
              s.orders = {{"halt", "dee"}};
              s.orders_before_opening = true;
            }),
            8, "the key was opened after a member had halted it"},
        Lie{"OrderOfAStranger", With([](Spoiled& s) {
              s.orders = {{"resume", "ann"}};
              s.order_signer = "leo";
            }),
            8, "the signature of ann does not hold"},
        Lie{"OrderOtherThanTheSignedOne", With([](Spoiled& s) {
              s.orders = {{"resume", "ann"}};
              s.order_signed_as = "halt";
            }),
            8, "the signed order is another one"},
        Lie{"ProvenByNobody", With([](Spoiled& s) { s.proven_device = Eui64(999); }), 10,
            "is taken for proven, but no response here proves it"},
        Lie{"OutcomeOfAnotherCommand", With([](Spoiled& s) { s.outcome_counter = 1; }), 10,
            "the outcome in its response is of another command"},
        Lie{"OutcomeOfAnotherMode", With([](Spoiled& s) { s.outcome_of_another_mode = true; }), 10,
            "the outcome in its response is of another command"},
        Lie{"ResponseOfAnotherCode", With([](Spoiled& s) { s.response_of_another_code = true; }), 10,
            "its response answers another command"},
        Lie{"ResponseWithAMac", With([](Spoiled& s) { s.response_with_mac = true; }), 10, "carries a MAC"},
        Lie{"AnotherOrganisationInACell", With([](Spoiled& s) { s.other_organisation_in_cell = true; }), 10,
            "holds a key of another organisation"},
        Lie{"ACellToldTwice", With([](Spoiled& s) { s.cell_told_twice = true; }), 10, "is told twice"},
        Lie{"ACellLeftOut", With([](Spoiled& s) { s.cell_left_out = true; }), 10, "is not told"},
        Lie{"ACellThatWasNotDirected", With([](Spoiled& s) { s.cell_beyond = true; }), 10,
            "networkOperator/keyAgreement/prePaymentTopUp was not directed"},
        Lie{"RecordedAsRefused", With([](Spoiled& s) { s.recorded_outcome = ledger::DeviceOutcome::kRefused; }), 10,
            "is counted refused, but it says recovered"},
        Lie{"CertificateNotInUse", With([](Spoiled& s) { s.device_certificate_revoked = true; }), 10,
            "is not In Use in the Repository"},
        Lie{"SummaryCountsMoreRecovered", With([](Spoiled& s) { s.summed_recovered = 1; }), 10,
            "the campaign log says otherwise"}),
    [](const auto& info) { return info.param.name; });

struct Honest {
  const char* name;
  Spoiled story;
};
void PrintTo(const Honest& honest, std::ostream* out) {
  *out << honest.name;
}

class EachHonestFolder : public ::testing::TestWithParam<Honest> {};

TEST_P(EachHonestFolder, IsVerified) {
  const EvidenceStory story(GetParam().story);
  const VerifyReport report = Verify(story);
  EXPECT_EQ(report.verdict(), Verdict::kVerified) << Said(report);
}

INSTANTIATE_TEST_SUITE_P(
    Evidence, EachHonestFolder,
    ::testing::Values(Honest{"ExportedAfterTheDirectionExpired",
                             With([](Spoiled& s) { s.list_issued_later = std::chrono::hours(24 * 40); })},
                      Honest{"ApproverRevokedAfterTheAdmission", With([](Spoiled& s) {
                               s.list_issued_later = std::chrono::hours(2);
                               s.revoked = "bob";
                               s.revoked_later = std::chrono::hours(1);
                             })},
                      Honest{"ClosedWithoutADirection", With([](Spoiled& s) { s.false_alarm = true; })},
                      Honest{"SkippedByADeviationOfTwo", With([](Spoiled& s) { s.false_alarm = s.deviates = true; })},
                      Honest{"ClosedBeforeTheSignerEverRan",
                             With([](Spoiled& s) { s.false_alarm = s.empty_journal = true; })},
                      Honest{"ClosedBeforeTheDirectionWasAdmitted",
                             With([](Spoiled& s) { s.false_alarm = s.never_admitted = true; })},
                      Honest{"SignedAndTheAnswerLost", With([](Spoiled& s) { s.answer_lost = true; })},
                      Honest{"HaltedAndResumedByAQuorum", With([](Spoiled& s) {
                               s.orders = {{"halt", "dee"}, {"resume", "ann"}, {"resume", "bob"}, {"resume", "cal"}};
                             })}),
    [](const auto& info) { return info.param.name; });

TEST(Reconciliation, SaysHowManySignaturesNeverArrived) {
  const VerifyReport report = Verify(EvidenceStory(With([](Spoiled& s) { s.answer_lost = true; })));
  EXPECT_EQ(report.signatures, 4u);
  EXPECT_EQ(report.recovered, 2u);
  EXPECT_THAT(report.checks.at(8).looked_at, HasSubstr(", 2 signatures whose answer was lost"));
}

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
    if (entry.is_regular_file() && file != "ledger.sqlite" && file != "ledger.sha256" && file != "checkpoint.note")
      files.push_back(file);
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
