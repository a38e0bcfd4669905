// I3 through the command itself: whatever is done to the ledger of a small evidence folder, `smkictl ledger verify
// FOLDER --anchor DIGEST` says so and names the first bad entry.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "evidence_story.h"
#include "ledger/checkpoint.h"
#include "pki/digest.h"
#include "terminal.h"

namespace smki::cli {
namespace {

using ::testing::HasSubstr;

constexpr char kCreate[] =
    "PRAGMA application_id = 1397574476; PRAGMA user_version = 1; CREATE TABLE entry(sequence INTEGER PRIMARY KEY, "
    "time INTEGER NOT NULL, incident TEXT NOT NULL, person TEXT NOT NULL, kind TEXT NOT NULL, payload BLOB NOT NULL, "
    "previous BLOB NOT NULL, hash BLOB NOT NULL) STRICT;";

// The folder of an incident that was closed before anything was directed: the smallest there is.
class TamperedLedger : public ::testing::Test {
 protected:
  static test::EvidenceStory& Honest() {
    static test::EvidenceStory story([] {
      test::Spoiled spoiled;
      spoiled.false_alarm = true;
      return spoiled;
    }());
    return story;
  }
  TamperedLedger() : folder_(scratch_ / "evidence"), file_(folder_ + "/ledger.sqlite") {
    std::filesystem::copy(Honest().folder(), folder_, std::filesystem::copy_options::recursive);
    const Status read = ledger::VisitLedger(file_, [this](const ledger::Entry& entry) {
      entries_.push_back(entry);
      return OkStatus();
    });
    EXPECT_TRUE(read.ok()) << read;
  }
  test::Answer Verify() { return test::Smkictl({"ledger", "verify", folder_, "--anchor", ToHex(Honest().anchor())}); }
  void ExpectFirst(const std::string& where, const std::string& what) {
    const test::Answer answer = Verify();
    EXPECT_EQ(answer.code, 1) << what;
    EXPECT_THAT(answer.out, HasSubstr("the first: " + where)) << what;
  }
  void Write(const std::string& path, ByteSpan octets) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(AsText(octets).data(), static_cast<std::streamsize>(octets.size()));
  }
  // As an insider would who knows all formats: another ledger, and the digest of its file.
  void WriteLedger(const std::vector<ledger::Entry>& entries) {
    std::filesystem::remove(file_);
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &database), SQLITE_OK);
    std::string sql = std::string("PRAGMA synchronous = OFF; BEGIN; COMMIT;") + kCreate + "BEGIN;";
    for (const ledger::Entry& e : entries) {
      sql += fmt::format(
          "INSERT INTO entry VALUES({},{},CAST(x'{}' AS TEXT),CAST(x'{}' AS TEXT),CAST(x'{}' AS TEXT),"
          "x'{}',x'{}',x'{}');",
          e.sequence, e.time.ms, ToHex(AsBytes(e.incident)), ToHex(AsBytes(e.person)), ToHex(AsBytes(e.kind)),
          ToHex(e.payload), ToHex(e.previous), ToHex(e.hash));
    }
    char* error = nullptr;
    ASSERT_EQ(sqlite3_exec(database, (sql + "COMMIT;").c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(database);
    const Bytes octets = *PosixFiles().Read(file_, 1 << 24);
    Write(folder_ + "/ledger.sha256", AsBytes(ToHex(pki::Sha256(octets)) + "  ledger.sqlite\n"));
  }
  // Makes the chain whole again from entry `from` on.
  static std::vector<ledger::Entry> Rehashed(std::vector<ledger::Entry> entries, size_t from) {
    for (size_t i = from; i < entries.size(); ++i) {
      entries[i].sequence = i;
      entries[i].previous = i == 0 ? Digest{} : entries[i - 1].hash;
      entries[i].hash = ledger::HashOf(entries[i]);
    }
    return entries;
  }
  // The note over `entries`, signed anew by the orchestrator; the keyguard's old countersignature is kept.
  void ResignAsOrchestrator(const std::vector<ledger::Entry>& entries) {
    const std::string old = ToString(*PosixFiles().Read(folder_ + "/checkpoint.note", 1 << 16));
    const std::string body =
        ledger::RenderCheckpoint({"smki-ledger/drill/estate-7", {entries.size(), entries.back().hash}});
    const std::string line = *ledger::SignatureLine(body, "orchestrator", Honest().people().KeyOf("orchestrator"));
    Write(folder_ + "/checkpoint.note", AsBytes(body + "\n" + line + old.substr(old.rfind("\u2014 keyguard"))));
  }

  Scratch scratch_;
  std::string folder_, file_;
  std::vector<ledger::Entry> entries_;
};

TEST_F(TamperedLedger, AnUntouchedOneIsVerifiedAlsoWhenItsFileWasWrittenAnew) {
  EXPECT_EQ(Verify().code, 0);
  WriteLedger(entries_);
  const test::Answer answer = Verify();
  EXPECT_EQ(answer.code, 0) << answer.out;
  EXPECT_GE(entries_.size(), 8u);
}

TEST_F(TamperedLedger, I3_AFlippedBitIsFoundWhereverItIsInTheFile) {
  const Bytes good = *PosixFiles().Read(file_, 1 << 24);
  const Bytes digest = *PosixFiles().Read(folder_ + "/ledger.sha256", 1 << 10);
  // In every octet takes minutes (CTest's test I3_AFlippedBitIsFoundInEveryOctet, label long); otherwise in every one
  // of SQLite's header and a sample of the others.
  const bool every = std::getenv("SMKI_EVERY_OCTET") != nullptr;
  for (size_t at = 0; at < good.size(); ++at) {
    if (!every && at >= 100 && at % (good[at] == 0 ? 64 : 8) != 0) continue;
    Bytes bad = good;
    bad[at] ^= static_cast<uint8_t>(1 << (at / 8 % 8));
    Write(file_, bad);
    const test::Answer answer = Verify();
    ASSERT_EQ(answer.code, 1) << "octet " << at << "\n" << answer.out;
  }
  Write(file_, good);
  for (size_t at = 0; at < digest.size(); ++at) {
    Bytes bad = digest;
    bad[at] ^= static_cast<uint8_t>(1 << (at % 8));
    Write(folder_ + "/ledger.sha256", bad);
    ASSERT_EQ(Verify().code, 1) << "octet " << at << " of ledger.sha256";
  }
}

TEST_F(TamperedLedger, I3_EveryDeletionIsFoundAtItsPlace) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto entries = entries_;
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
    WriteLedger(entries);
    // The last one leaves a whole chain, below the head that the note quotes.
    ExpectFirst(i + 1 < entries_.size() ? fmt::format("entry {}", i) : "checkpoint.note", fmt::format("without {}", i));
  }
}

TEST_F(TamperedLedger, I3_EverySwapIsFoundAtTheFirstOfTheTwo) {
  for (size_t i = 0; i + 1 < entries_.size(); ++i) {
    auto entries = entries_;
    std::swap(entries[i], entries[i + 1]);
    std::swap(entries[i].sequence, entries[i + 1].sequence);
    WriteLedger(entries);
    ExpectFirst(fmt::format("entry {}", i), fmt::format("{} and {} swapped", i, i + 1));
  }
}

TEST_F(TamperedLedger, I3_EveryCutBelowTheQuotedHeadIsFound) {
  for (size_t kept = 1; kept < entries_.size(); ++kept) {
    WriteLedger({entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(kept)});
    const test::Answer answer = Verify();
    EXPECT_EQ(answer.code, 1) << kept << " entries kept";
    EXPECT_THAT(answer.out, HasSubstr("it vouches for 10 entries; the ledger has")) << kept << " entries kept";
  }
}

TEST_F(TamperedLedger, I3_EveryEntryMadeAnewWithAWholeChainIsFoundByTheHeadThatWasQuoted) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto entries = entries_;
    entries[i].person += "x";
    WriteLedger(Rehashed(entries, i));
    const test::Answer answer = Verify();
    EXPECT_EQ(answer.code, 1) << i;
    EXPECT_THAT(answer.out, HasSubstr("its hash is not the one the checkpoint vouches for")) << i;
  }
}

TEST_F(TamperedLedger, I3_AnInsiderWithTheOrchestratorsKeyIsFoundByTheKeyguardsMissingCountersignature) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto entries = entries_;
    entries[i].person += "x";
    entries = Rehashed(entries, i);
    WriteLedger(entries);
    ResignAsOrchestrator(entries);
    const test::Answer answer = Verify();
    EXPECT_EQ(answer.code, 1) << i;
    EXPECT_THAT(answer.out, HasSubstr("the keyguard of the trust policy has not countersigned it")) << i;
  }
}

}  // namespace
}  // namespace smki::cli
