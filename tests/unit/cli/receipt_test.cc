// A custodian's receipt of the keyguard's journal (docs/formats/receipt.md).
#include "cli/receipt.h"

#include <gtest/gtest.h>

#include "procedures/reason.h"

namespace smki::cli {
namespace {

using procedures::IsRefusal;
using procedures::Reason;

keyguard::v1::Status StatusWith(uint64_t records, uint64_t epoch) {
  keyguard::v1::Status status;
  status.set_environment("drill");
  status.set_estate("estate-7");
  status.set_journal_records(records);
  status.set_journal_head(std::string(32, 'h'));
  status.set_journal_head_seen(std::string(32, 'h'));
  status.set_epoch(epoch);
  status.set_time_ms(1'795'000'000'000);
  return status;
}

Receipt Kept() {
  return *ReceiptOf(StatusWith(118, 4), Digest{9});
}

TEST(ReceiptTest, ReadsWhatItWrites) {
  const auto read = ParseReceipt(Render(Kept()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Render(*read), Render(Kept()));
  EXPECT_EQ(read->journal_records, 118u);
  EXPECT_FALSE(ParseReceipt(Render(Kept()) + "\n").ok());
}

TEST(ReceiptTest, AcceptsAJournalThatGoesOn) {
  EXPECT_TRUE(CheckReceipt(Kept(), StatusWith(118, 4)).ok());
  EXPECT_TRUE(CheckReceipt(Kept(), StatusWith(200, 5)).ok());
}

TEST(ReceiptTest, I10_RefusesAShorterJournal) {
  EXPECT_TRUE(IsRefusal(CheckReceipt(Kept(), StatusWith(117, 4)), Reason::kJOURNAL_ROLLED_BACK));
}

TEST(ReceiptTest, I10_RefusesAnotherJournalOfTheSameLengthOrLonger) {
  keyguard::v1::Status status = StatusWith(118, 4);
  status.set_journal_head_seen(std::string(32, 'x'));
  EXPECT_TRUE(IsRefusal(CheckReceipt(Kept(), status), Reason::kJOURNAL_ROLLED_BACK));
  status = StatusWith(300, 9);
  status.clear_journal_head_seen();
  EXPECT_TRUE(IsRefusal(CheckReceipt(Kept(), status), Reason::kJOURNAL_ROLLED_BACK));
}

TEST(ReceiptTest, I10_RefusesFewerActivations) {
  EXPECT_TRUE(IsRefusal(CheckReceipt(Kept(), StatusWith(118, 3)), Reason::kJOURNAL_ROLLED_BACK));
}

TEST(ReceiptTest, KeepsNothingFromAStatusWithoutHeads) {
  keyguard::v1::Status status = StatusWith(1, 1);
  status.clear_journal_head();
  EXPECT_FALSE(ReceiptOf(status, Digest{}).ok());
}

}  // namespace
}  // namespace smki::cli
