#include "hsm/signer/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/disk.h"
#include "tests/unit/hsm/soft_token.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;

const UtcTime kNow{1795230000000};
constexpr Digest kDirection{1}, kOther{2};

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    journal_.reset();
    auto journal = Journal::Open(PosixFiles(), folder_ / "journal");
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
  }
  void AppendDirection(const Digest& digest, const std::string& nonce, uint64_t first, uint64_t last,
                       UtcTime time = kNow) {
    ledger::JournalDirection d;
    d.time = time;
    d.digest = digest;
    d.id = "DIR-1";
    d.environment = "drill/estate-7";
    d.nonce = nonce;
    d.counter_first = first;
    d.counter_last = last;
    ASSERT_TRUE(journal_->Append(d).ok());
  }

  test::TempFolder folder_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, I2_HistoryIsAFoldOverItsRecords) {
  AppendDirection(kDirection, "nonce-1", 100, 199);
  AppendDirection(kOther, "nonce-2", 300, 399);
  ASSERT_TRUE(journal_->Append(ledger::JournalOpened{kNow, kDirection, {}, 4}).ok());
  const uint64_t burn =
      *journal_->Append(ledger::JournalBurn{kNow, kDirection, "esme", 0, {}, {{Eui64(1), 1, 100}, {Eui64(2), 1, 101}}});
  ledger::JournalSignatures signatures{burn, {{}, {}}};
  signatures.signatures[1].fill(0x5A);
  const uint64_t offset = *journal_->Append(signatures);
  ASSERT_TRUE(journal_->Append(ledger::JournalProven{kNow, kDirection, {Eui64(1)}}).ok());
  const auto check = [&] {
    const History& h = journal_->history();
    EXPECT_EQ(h.nonces.at("nonce-2"), kOther);
    EXPECT_EQ(h.newest_direction, kOther);
    EXPECT_EQ(h.HighestCounter(), 399u);
    EXPECT_EQ(h.epoch, 4u);
    EXPECT_EQ(h.open, kDirection);
    EXPECT_EQ(h.Find(kDirection)->signatures, 2u);
    EXPECT_EQ(h.Find(kDirection)->proven, 1u);
    EXPECT_EQ((*journal_->ReadSignature(offset + 64))[0], 0x5A);
  };
  check();
  const Digest head = journal_->head();
  Reopen();
  check();
  EXPECT_EQ(journal_->head(), head);
  ASSERT_TRUE(journal_->Append(ledger::JournalClosed{kNow, kDirection, "done"}).ok());
  EXPECT_EQ(journal_->history().open, std::nullopt);
}

TEST_F(JournalTest, I10_TimesNeverGoBack) {
  AppendDirection(kDirection, "nonce-1", 100, 199, kNow);
  ASSERT_TRUE(journal_->Append(ledger::JournalOpened{kNow - std::chrono::minutes(3), kDirection, {}, 1}).ok());
  EXPECT_EQ(journal_->history().newest, kNow);
  Reopen();
  EXPECT_EQ(journal_->history().newest, kNow);
}

TEST_F(JournalTest, I10_RefusalsAreBoundedAndCounted) {
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(journal_->RecordRefusal("KEY_CLOSED", "no", kNow).ok());
  EXPECT_EQ(journal_->records(), 100u);
  ASSERT_TRUE(journal_->RecordRefusal("NO_DIRECTION", "no", kNow).ok());
  EXPECT_EQ(journal_->records(), 101u);
  // A minute later the count of the rest is recorded, and the new one.
  ASSERT_TRUE(journal_->RecordRefusal("KEY_CLOSED", "no", kNow + std::chrono::minutes(1)).ok());
  EXPECT_EQ(journal_->records(), 103u);
  EXPECT_EQ(journal_->history().refusal_counts.at("KEY_CLOSED"), 251u);
  Reopen();
  EXPECT_EQ(journal_->history().refusal_counts.at("KEY_CLOSED"), 251u);
  EXPECT_EQ(journal_->history().refusals, 252u);
}

TEST_F(JournalTest, I10_CountsNotYetRecordedAreFlushed) {
  for (int i = 0; i < 120; ++i) ASSERT_TRUE(journal_->RecordRefusal("KEY_CLOSED", "no", kNow).ok());
  ASSERT_TRUE(journal_->FlushRefusals(kNow).ok());
  EXPECT_EQ(journal_->history().refusals, 120u);
}

TEST_F(JournalTest, I2_SignaturesWithoutTheirBurnAreDamage) {
  {
    auto log = *ledger::RecordLog::Open(PosixFiles(), folder_ / "bad", ledger::kJournalKind, nullptr);
    ASSERT_TRUE(
        log->Append(static_cast<uint8_t>(ledger::JournalType::kSignatures), Encode(ledger::JournalSignatures{0, {{}}}))
            .ok());
  }
  EXPECT_EQ(Journal::Open(PosixFiles(), folder_ / "bad").status().code(), StatusCode::kDataLoss);
}

TEST_F(JournalTest, UnknownRecordsAreDamage) {
  {
    auto log = *ledger::RecordLog::Open(PosixFiles(), folder_ / "bad", ledger::kJournalKind, nullptr);
    ASSERT_TRUE(log->Append(99, Bytes{1}).ok());
  }
  EXPECT_EQ(Journal::Open(PosixFiles(), folder_ / "bad").status().code(), StatusCode::kDataLoss);
}

TEST_F(JournalTest, I10_GivesTheHeadAfterEachRecord) {
  AppendDirection(kDirection, "nonce-1", 100, 199);
  const Digest first = journal_->head();
  AppendDirection(kOther, "nonce-2", 300, 399);
  EXPECT_EQ(*journal_->HeadAfter(1), first);
  EXPECT_EQ(*journal_->HeadAfter(2), journal_->head());
  Reopen();
  EXPECT_EQ(*journal_->HeadAfter(1), first);
}

TEST_F(JournalTest, I10_WhatCannotBeWrittenIsNotInTheHistory) {
  ::smki::test::Disk disk;
  auto journal = *Journal::Open(disk, folder_ / "full");
  disk.full = true;
  EXPECT_TRUE(
      IsRefusal(journal->Append(ledger::JournalOpened{kNow, kDirection, {}, 1}).status(), Reason::kAUDIT_NOT_DURABLE));
  EXPECT_EQ(journal->history().open, std::nullopt);
  EXPECT_EQ(journal->records(), 0u);
}

TEST_F(JournalTest, I4_AnOrderKeepsTheSeatItWasGivenFor) {
  procedures::TrustPolicy policy;  // nobody has a seat in it any more
  policy.withdrawals_needed = 2;
  const auto withdraw = [&](const std::string& person, const std::string& seat) {
    ASSERT_TRUE(journal_->Append(ledger::JournalOrder{kNow, "withdraw", person, kDirection, {1}, {2}, seat}).ok());
    journal_->Sync();
    Reopen();
  };
  const auto standing = [&] { return journal_->history().Find(kDirection)->JudgeOrders(policy, "DIR-1"); };
  withdraw("anna.pma", "large-supplier-1");
  withdraw("felix.pma", "large-supplier-1");
  EXPECT_TRUE(standing().ok()) << "one seat, one voice";
  withdraw("bruno.pma", "large-supplier-2");
  EXPECT_TRUE(IsRefusal(standing(), Reason::kDIRECTION_WITHDRAWN));
}

}  // namespace
}  // namespace smki::hsm
