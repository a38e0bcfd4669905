#include "ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "pki/digest.h"
#include "tests/unit/ledger/scratch.h"

namespace {
// What was synced and renamed, in order, by whoever it was.
std::vector<std::string> synced;

void NoteSync(int fd) {
  struct stat info {};
  ::fstat(fd, &info);
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd));
  synced.push_back((S_ISDIR(info.st_mode) ? "folder " : "file ") + path.filename().string());
}
}  // namespace

extern "C" {
int fdatasync(int fd) {
  NoteSync(fd);
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}
int fsync(int fd) {
  NoteSync(fd);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
int rename(const char* from, const char* to) noexcept {
  synced.push_back("rename " + std::filesystem::path(to).filename().string());
  return static_cast<int>(::syscall(SYS_rename, from, to));
}
}

namespace smki::ledger {
namespace {

using ::testing::HasSubstr;

constexpr UtcTime kStart{1'795'200'000'000};
constexpr size_t kEntries = 6;

void Sql(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  sqlite3_exec(database, "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK)
      << sql << ": " << (error ? error : "");
  sqlite3_free(error);
  sqlite3_close(database);
}

// In place and without a sync: these files only have to be read back by the same test.
void Overwrite(const std::string& path, const Bytes& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.write(AsText(bytes).data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::filesystem::resize_file(path, bytes.size());
}

NewEntry Note(const std::string& text) {
  return {"INC-1", "owen.operator", "note", ToBytes(AsBytes(text))};
}

class LedgerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> OpenLedger() {
    auto ledger = Ledger::Open(path_, clock_);
    EXPECT_TRUE(ledger.ok()) << ledger.status();
    return ledger.ok() ? std::move(*ledger) : nullptr;
  }
  void WriteSmallLedger() {
    const auto ledger = OpenLedger();
    for (size_t i = 0; i < kEntries; ++i) {
      ASSERT_TRUE(ledger->Append(Note("entry number " + std::to_string(i))).ok());
      clock_.Advance(std::chrono::seconds(1));
    }
  }
  // Opening and auditing must find the same.
  Status Verify() {
    const Status audit = VisitLedger(path_, nullptr);
    EXPECT_EQ(Ledger::Open(path_, clock_).status(), audit);
    return audit;
  }
  // Applies `sql` to a fresh copy of the ledger and expects the first bad entry to be named.
  void ExpectFoundAt(size_t entry, const std::string& sql) {
    const Bytes good = *PosixFiles().Read(path_, 1 << 24);
    Sql(path_, sql);
    const Status found = Verify();
    EXPECT_EQ(found.code(), StatusCode::kDataLoss) << sql;
    EXPECT_THAT(Message(found), HasSubstr(fmt::format("entry {}:", entry))) << sql;
    // The copy that Sql and Verify left behind has its own log files.
    PosixFiles().Remove(path_ + "-wal").IgnoreError();
    PosixFiles().Remove(path_ + "-shm").IgnoreError();
    Overwrite(path_, good);
  }

  Scratch scratch_;
  std::string path_ = scratch_ / "ledger.sqlite";
  ManualClock clock_{kStart};
};

TEST_F(LedgerTest, GivesBackWhatWasAppendedAndContinuesTheChain) {
  WriteSmallLedger();
  const auto ledger = OpenLedger();
  EXPECT_EQ(ledger->head().entries, kEntries);
  const auto entries = ledger->Read(0, 100);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), kEntries);
  Digest previous{};
  for (size_t i = 0; i < kEntries; ++i) {
    const Entry& entry = (*entries)[i];
    EXPECT_EQ(entry.sequence, i);
    EXPECT_EQ(entry.time, kStart + std::chrono::seconds(i));
    EXPECT_EQ(entry.incident, "INC-1");
    EXPECT_EQ(entry.person, "owen.operator");
    EXPECT_EQ(entry.kind, "note");
    EXPECT_EQ(AsText(entry.payload), "entry number " + std::to_string(i));
    EXPECT_EQ(entry.previous, previous);
    EXPECT_EQ(entry.hash, HashOf(entry));
    previous = entry.hash;
  }
  EXPECT_EQ(ledger->head().hash, previous);
  const auto part = ledger->Read(2, 3);
  ASSERT_TRUE(part.ok());
  ASSERT_EQ(part->size(), 3u);
  EXPECT_EQ(part->front().sequence, 2u);
  EXPECT_TRUE(ledger->Read(kEntries, 1)->empty());
}

TEST_F(LedgerTest, I2_ALedgerAndItsCopyAreDurableNamesIncluded) {
  const std::string path = scratch_ / "durable.sqlite", copy = scratch_ / "copy.sqlite";
  synced.clear();
  auto ledger = Ledger::Open(path, clock_);
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  const std::string folder = std::filesystem::path(path).parent_path().filename();
  EXPECT_THAT(synced, ::testing::Contains("folder " + folder));
  synced.clear();
  ASSERT_TRUE((*ledger)->CopyTo(PosixFiles(), copy).ok());
  const auto renamed = std::find(synced.begin(), synced.end(), "rename copy.sqlite");
  ASSERT_NE(renamed, synced.end());
  EXPECT_NE(std::find(synced.begin(), renamed, "file copy.sqlite.new"), renamed) << "its octets before its name";
  EXPECT_NE(std::find(renamed, synced.end(), "folder " + folder), synced.end());
}

TEST_F(LedgerTest, HashIsTheDocumentedOne) {
  const Entry entry{1, {2}, "i", "p", "k", {0xAB}, Digest{}, {}};
  Bytes text = ToBytes(AsBytes("smki ledger entry v1"));
  Append(text, *FromHex("0000000000000001"
                        "0000000000000002"
                        "0000000169"
                        "0000000170"
                        "000000016b"
                        "00000001ab"));
  Append(text, Digest{});
  EXPECT_EQ(HashOf(entry), pki::Sha256(text));
}

TEST_F(LedgerTest, ABatchIsAppendedWholeOrNotAtAll) {
  const auto ledger = OpenLedger();
  std::vector<NewEntry> batch = {Note("a"), Note("b"), Note("c")};
  const auto written = ledger->Append(batch);
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(written->size(), 3u);
  EXPECT_EQ(written->back().hash, ledger->head().hash);
  batch[2].payload.resize(kMaxPayload + 1);
  EXPECT_EQ(ledger->Append(batch).status().code(), StatusCode::kInvalidArgument);
  batch[2] = {"INC-1", "", "", {}};
  EXPECT_EQ(ledger->Append(batch).status().code(), StatusCode::kInvalidArgument);
  batch[2] = {std::string(257, 'x'), "", "note", {}};
  EXPECT_EQ(ledger->Append(batch).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ledger->head().entries, 3u);
  EXPECT_EQ(ledger->Read(0, 10)->size(), 3u);
  EXPECT_TRUE(ledger->Append(std::vector<NewEntry>{})->empty());
}

TEST_F(LedgerTest, I3_EveryChangedFieldIsFoundAndNamesItsEntry) {
  WriteSmallLedger();
  for (size_t i = 0; i < kEntries; ++i) {
    const std::string where = fmt::format(" WHERE sequence = {}", i);
    for (const char* change :
         {"time = time + 1", "incident = 'INC-2'", "person = ''", "kind = 'direction'", "payload = x''",
          "previous = randomblob(32)", "hash = randomblob(32)", "hash = x'00'", "previous = x''"}) {
      ExpectFoundAt(i, "UPDATE entry SET " + std::string(change) + where);
    }
  }
}

TEST_F(LedgerTest, I3_EveryBitFlipInAPayloadIsFound) {
  WriteSmallLedger();
  const std::string good = "entry number 3";
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    ExpectFoundAt(3, fmt::format("UPDATE entry SET payload = x'{}' WHERE sequence = 3", ToHex(AsBytes(bad))));
  }
}

TEST_F(LedgerTest, I3_EveryFlippedOctetOfTheFileIsFoundOrChangesNothing) {
  WriteSmallLedger();
  const Bytes good = *PosixFiles().Read(path_, 1 << 24);
  const auto read = [&](std::vector<Entry>& out) {
    return VisitLedger(path_, [&](const Entry& entry) {
      out.push_back(entry);
      return OkStatus();
    });
  };
  std::vector<Entry> expected;
  ASSERT_TRUE(read(expected).ok());
  ASSERT_EQ(expected.size(), kEntries);
  for (size_t at = 0; at < good.size(); ++at) {
    if (good[at] == 0 && at % 16 != 0) continue;  // free space, sampled
    Bytes bad = good;
    bad[at] ^= static_cast<uint8_t>(1 << (at % 8));
    Overwrite(path_, bad);
    std::vector<Entry> seen;
    if (!read(seen).ok()) continue;
    // Entries may at most vanish from the end, which a quoted head finds.
    ASSERT_LE(seen.size(), expected.size()) << at;
    for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i].hash, expected[i].hash) << at;
  }
}

TEST_F(LedgerTest, I3_EveryRemovedEntryIsFoundAtItsPlace) {
  WriteSmallLedger();
  for (size_t i = 0; i + 1 < kEntries; ++i) {
    ExpectFoundAt(i, fmt::format("DELETE FROM entry WHERE sequence = {}", i));
    ExpectFoundAt(i, fmt::format("DELETE FROM entry WHERE sequence = {0};"
                                 "UPDATE entry SET sequence = sequence - 1 WHERE sequence > {0}",
                                 i));
  }
}

TEST_F(LedgerTest, I3_SwappedEntriesAreFoundAtTheFirst) {
  WriteSmallLedger();
  for (size_t i = 0; i + 1 < kEntries; ++i) {
    ExpectFoundAt(i, fmt::format("UPDATE entry SET sequence = 1000 WHERE sequence = {0};"
                                 "UPDATE entry SET sequence = {0} WHERE sequence = {1};"
                                 "UPDATE entry SET sequence = {1} WHERE sequence = 1000",
                                 i, i + 1));
  }
}

TEST_F(LedgerTest, I3_AnEntryRewrittenWithItsHashBreaksTheNextLink) {
  WriteSmallLedger();
  Entry forged = OpenLedger()->Read(2, 1)->front();
  forged.person = "somebody.else";
  const std::string hash = ToHex(HashOf(forged));
  ExpectFoundAt(3, fmt::format("UPDATE entry SET person = 'somebody.else', hash = x'{}' WHERE sequence = 2", hash));
}

TEST_F(LedgerTest, I3_AnEntryDatedBeforeTheOneBeforeItIsFound) {
  WriteSmallLedger();
  Entry forged = OpenLedger()->Read(kEntries - 1, 1)->front();
  forged.time = kStart - Millis(1);
  ExpectFoundAt(kEntries - 1, fmt::format("UPDATE entry SET time = {}, hash = x'{}' WHERE sequence = {}",
                                          forged.time.ms, ToHex(HashOf(forged)), kEntries - 1));
}

TEST_F(LedgerTest, I3_ACutBelowAQuotedHeadShowsInTheHead) {
  WriteSmallLedger();
  const Head quoted = OpenLedger()->head();
  Sql(path_, fmt::format("DELETE FROM entry WHERE sequence >= {}", kEntries - 2));
  EXPECT_TRUE(Verify().ok());
  const Head cut = OpenLedger()->head();
  EXPECT_EQ(cut.entries, quoted.entries - 2);
  EXPECT_NE(cut.hash, quoted.hash);
}

TEST_F(LedgerTest, I3_AChangeUnderAnOpenLedgersFeetIsFoundOnRead) {
  for (uint8_t i = 0; i < 6; ++i) {  // more than SQLite keeps in memory
    ASSERT_TRUE(OpenLedger()->Append({"INC-1", "", "note", Bytes(kMaxPayload, i)}).ok());
  }
  const auto ledger = OpenLedger();
  Bytes file = *PosixFiles().Read(path_, 1 << 24);
  const auto payload_of_1 = std::search_n(file.begin(), file.end(), 2000, uint8_t{1});
  ASSERT_NE(payload_of_1, file.end());
  *payload_of_1 = 99;
  Overwrite(path_, file);
  EXPECT_TRUE(ledger->Read(0, 1).ok());
  const auto read = ledger->Read(0, 6);
  EXPECT_EQ(read.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(Message(read.status()), HasSubstr("entry 1:"));
}

TEST_F(LedgerTest, I10_RefusesAClockFarBehindTheNewestEntry) {
  WriteSmallLedger();
  const auto ledger = OpenLedger();
  const UtcTime newest = ledger->Read(kEntries - 1, 1)->front().time;
  clock_.SetWall(newest - std::chrono::minutes(5) - Millis(1));
  const auto refused = ledger->Append(Note("late"));
  EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), "CLOCK_IMPLAUSIBLE");
  EXPECT_EQ(ledger->head().entries, kEntries);
}

TEST_F(LedgerTest, I10_LiftsAClockALittleBehindToTheNewestEntry) {
  WriteSmallLedger();
  const auto ledger = OpenLedger();
  const UtcTime newest = ledger->Read(kEntries - 1, 1)->front().time;
  clock_.SetWall(newest - std::chrono::minutes(5));
  const auto lifted = ledger->Append(Note("a little late"));
  ASSERT_TRUE(lifted.ok()) << lifted.status();
  EXPECT_EQ(lifted->time, newest);
}

TEST_F(LedgerTest, I10_SaysSoWhenAnEntryCannotBeMadeDurableAndKeepsTheChain) {
  WriteSmallLedger();
  // A trigger stands for a disk that refuses the second entry of a batch.
  Sql(path_,
      "CREATE TRIGGER full BEFORE INSERT ON entry WHEN new.sequence = 7 BEGIN SELECT RAISE(FAIL, 'disk full'); END");
  const auto ledger = OpenLedger();
  const auto refused = ledger->Append(std::vector<NewEntry>{Note("six"), Note("seven")});
  EXPECT_EQ(ReasonOf(refused.status()), "AUDIT_NOT_DURABLE");
  EXPECT_EQ(ledger->head().entries, kEntries);
  EXPECT_TRUE(ledger->Append(Note("six")).ok());
  EXPECT_EQ(ledger->Read(0, 10)->size(), kEntries + 1);
}

TEST_F(LedgerTest, OneProcessHasItOpen) {
  const auto ledger = OpenLedger();
  ASSERT_TRUE(ledger->Append(Note("mine")).ok());
  EXPECT_EQ(Ledger::Open(path_, clock_).status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(LedgerTest, WhatWasAppendedSurvivesAKilledProcess) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto ledger = Ledger::Open(path_, clock_);
    if (ledger.ok() && (*ledger)->Append(Note("kept")).ok()) ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(OpenLedger()->head().entries, 1u);
}

TEST_F(LedgerTest, ACopyForEvidenceStandsAloneAndVerifies) {
  WriteSmallLedger();
  const std::string copy = scratch_ / "evidence.sqlite";
  const auto ledger = OpenLedger();
  ASSERT_TRUE(ledger->CopyTo(PosixFiles(), copy).ok());
  ASSERT_TRUE(ledger->Append(Note("later")).ok());
  ASSERT_TRUE(ledger->CopyTo(PosixFiles(), copy).ok()) << "a copy replaces the one before it";
  uint64_t seen = 0;
  ASSERT_TRUE(VisitLedger(copy, [&](const Entry& entry) {
                EXPECT_EQ(entry.sequence, seen++);
                return OkStatus();
              }).ok());
  EXPECT_EQ(seen, kEntries + 1);
  EXPECT_FALSE(PosixFiles().Exists(copy + "-wal"));
  EXPECT_FALSE(PosixFiles().Exists(copy + ".new"));
}

TEST_F(LedgerTest, RefusesAFileThatIsNoLedger) {
  EXPECT_EQ(VisitLedger(path_, nullptr).code(), StatusCode::kNotFound);
  ASSERT_TRUE(PosixFiles().WriteDurably(path_, AsBytes("this is no database, and it never was one")).ok());
  EXPECT_EQ(Verify().code(), StatusCode::kDataLoss);
  ASSERT_TRUE(PosixFiles().Remove(path_).ok());
  Sql(path_, "CREATE TABLE other(a)");
  EXPECT_EQ(Verify().code(), StatusCode::kDataLoss);
  Sql(path_, "PRAGMA application_id = 1397574476; PRAGMA user_version = 2");
  EXPECT_THAT(Message(Verify()), HasSubstr("format 2"));
}

TEST_F(LedgerTest, AVisitorsErrorEndsTheVisit) {
  WriteSmallLedger();
  int visits = 0;
  const Status status = VisitLedger(path_, [&](const Entry& entry) {
    ++visits;
    return entry.sequence == 2 ? Internal("enough") : OkStatus();
  });
  EXPECT_THAT(Message(status), HasSubstr("entry 2: enough"));
  EXPECT_EQ(visits, 3);
}

}  // namespace
}  // namespace smki::ledger
