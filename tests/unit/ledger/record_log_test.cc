#include "ledger/record_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/ledger/scratch.h"

namespace smki::ledger {
namespace {

using ::testing::HasSubstr;

constexpr char kKind[] = "test-log";
constexpr size_t kFileHeader = 8 + 4 + sizeof kKind - 1;
constexpr size_t kAroundPayload = 4 + 1 + 4 + 32;

// One file in memory, which can be damaged and can run out of space.
class MemoryFiles : public FileSystem {
 public:
  class File : public AppendFile {
   public:
    explicit File(MemoryFiles& files) : files_(files), size_(files.bytes.size()) {}
    Status Append(ByteSpan bytes) override {
      files_.bytes.resize(size_);
      const bool fits = files_.bytes.size() + bytes.size() <= files_.space;
      smki::Append(files_.bytes, fits ? bytes : bytes.first(bytes.size() / 2));
      if (!fits) return Error(StatusCode::kResourceExhausted, "no space");
      size_ = files_.bytes.size();
      return OkStatus();
    }
    void Sync() override { ++files_.syncs; }
    uint64_t size() const override { return size_; }
    StatusOr<Bytes> ReadAt(uint64_t offset, size_t count) const override {
      if (offset + count > size_) return Error(StatusCode::kOutOfRange, "beyond the end");
      const auto from = files_.bytes.begin() + static_cast<std::ptrdiff_t>(offset);
      Bytes out(from, from + static_cast<std::ptrdiff_t>(count));
      if (files_.misread >= offset && files_.misread < offset + count) {
        out[files_.misread - offset] ^= 1;
        files_.misread = SIZE_MAX;
      }
      return out;
    }
    Status Truncate(uint64_t size) override {
      if (files_.refuse_truncate) return Unavailable("cannot truncate");
      files_.bytes.resize(size);
      size_ = size;
      return OkStatus();
    }

   private:
    MemoryFiles& files_;
    uint64_t size_;
  };

  StatusOr<std::unique_ptr<AppendFile>> OpenAppend(const std::string&) override {
    return std::make_unique<File>(*this);
  }
  StatusOr<Bytes> Read(const std::string& path, size_t) override {
    if (path == "log") return bytes;
    return hint.empty() ? StatusOr<Bytes>(NotFound("no hint")) : StatusOr<Bytes>(hint);
  }
  Status WriteDurably(const std::string&, ByteSpan, bool) override { return Internal("not used"); }
  Status WriteHint(const std::string& path, ByteSpan octets) override {
    EXPECT_EQ(path, CommittedPathOf("log"));
    hint = ToBytes(octets);
    return OkStatus();
  }
  bool Exists(const std::string&) override { return true; }
  StatusOr<std::vector<std::string>> List(const std::string&) override { return Internal("not used"); }
  Status CreateDirectories(const std::string&) override { return Internal("not used"); }
  Status Rename(const std::string&, const std::string&) override { return Internal("not used"); }
  Status Remove(const std::string&) override { return Internal("not used"); }
  Status SyncDirectory(const std::string&) override { return Internal("not used"); }

  Bytes bytes, hint;
  size_t space = SIZE_MAX;
  bool refuse_truncate = false;
  size_t misread = SIZE_MAX;  // this octet is read wrong once
  int syncs = 0;
};

const std::vector<std::string> kPayloads = {"first", "", "third, a longer one", "4"};

MemoryFiles SmallLog() {
  MemoryFiles files;
  auto log = RecordLog::Open(files, "log", kKind, nullptr);
  EXPECT_TRUE(log.ok()) << log.status();
  for (size_t i = 0; i < kPayloads.size(); ++i)
    EXPECT_TRUE((*log)->Append(static_cast<uint8_t>(i + 1), AsBytes(kPayloads[i])).ok());
  (*log)->Sync();
  return files;
}

// Start of each record, and the end of the last.
std::vector<size_t> Boundaries() {
  std::vector<size_t> out = {kFileHeader};
  for (const std::string& payload : kPayloads) out.push_back(out.back() + kAroundPayload + payload.size());
  return out;
}

// Opens for writing and for auditing; both must find the same fault.
Status OpenAndAudit(MemoryFiles files) {
  const Status audit = ReadRecordLog(files, "log", kKind, nullptr).status();
  const Status open = RecordLog::Open(files, "log", kKind, nullptr).status();
  EXPECT_EQ(audit, open);
  return audit;
}

TEST(RecordLog, GivesBackEveryRecordInOrder) {
  MemoryFiles files = SmallLog();
  std::vector<std::string> seen;
  const auto visit = [&](const Record& record) {
    EXPECT_EQ(record.number, seen.size());
    EXPECT_EQ(record.type, seen.size() + 1);
    EXPECT_EQ(AsText(ByteSpan(files.bytes).subspan(record.payload_offset, record.payload.size())),
              AsText(record.payload));
    seen.push_back(ToString(record.payload));
    return OkStatus();
  };
  const auto log = RecordLog::Open(files, "log", kKind, visit);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(seen, kPayloads);
  EXPECT_EQ((*log)->records(), 4u);
  EXPECT_EQ((*log)->torn_octets(), 0u);
  seen.clear();
  const auto summary = ReadRecordLog(files, "log", kKind, visit);
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->head, (*log)->head());
  EXPECT_EQ(summary->records, 4u);
}

TEST(RecordLog, ContinuesTheChainAfterReopening) {
  MemoryFiles once = SmallLog();
  MemoryFiles twice = once;
  twice.bytes.resize(Boundaries()[2]);
  twice.hint.clear();
  const auto log = RecordLog::Open(twice, "log", kKind, nullptr);
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE((*log)->Append(3, AsBytes(kPayloads[2])).ok());
  const auto offset = (*log)->Append(4, AsBytes(kPayloads[3]));
  ASSERT_TRUE(offset.ok());
  EXPECT_EQ(twice.bytes, once.bytes);
  EXPECT_EQ(AsText(*(*log)->ReadAt(*offset, 1)), "4");
}

TEST(RecordLog, I3_EveryBitFlipIsFoundAndNamesItsRecord) {
  const MemoryFiles good = SmallLog();
  const std::vector<size_t> starts = Boundaries();
  for (size_t at = 0; at < good.bytes.size(); ++at) {
    size_t record = 0;
    while (at >= kFileHeader && at >= starts[record + 1]) ++record;
    for (int bit = 0; bit < 8; ++bit) {
      MemoryFiles bad = good;
      bad.bytes[at] ^= static_cast<uint8_t>(1 << bit);
      const Status found = OpenAndAudit(bad);
      ASSERT_EQ(found.code(), StatusCode::kDataLoss) << "octet " << at << " bit " << bit;
      const std::string expected = at < kFileHeader ? "is not a record log of kind" : fmt::format("record {} ", record);
      ASSERT_THAT(Message(found), HasSubstr(expected)) << "octet " << at << " bit " << bit;
    }
  }
}

TEST(RecordLog, I3_EveryRemovedRecordIsFoundAtItsPlace) {
  const MemoryFiles good = SmallLog();
  const std::vector<size_t> starts = Boundaries();
  for (size_t record = 0; record + 1 < kPayloads.size(); ++record) {
    MemoryFiles bad = good;
    bad.bytes.erase(bad.bytes.begin() + static_cast<std::ptrdiff_t>(starts[record]),
                    bad.bytes.begin() + static_cast<std::ptrdiff_t>(starts[record + 1]));
    const Status found = OpenAndAudit(bad);
    EXPECT_EQ(found.code(), StatusCode::kDataLoss);
    EXPECT_THAT(Message(found), HasSubstr(fmt::format("record {} ", record)));
  }
}

TEST(RecordLog, I3_SwappedRecordsAreFoundAtTheFirst) {
  const MemoryFiles good = SmallLog();
  const std::vector<size_t> starts = Boundaries();
  const auto part = [&](size_t i) {
    return Bytes(good.bytes.begin() + static_cast<std::ptrdiff_t>(starts[i]),
                 good.bytes.begin() + static_cast<std::ptrdiff_t>(starts[i + 1]));
  };
  for (size_t first = 0; first + 1 < kPayloads.size(); ++first) {
    MemoryFiles bad;
    bad.bytes.assign(good.bytes.begin(), good.bytes.begin() + static_cast<std::ptrdiff_t>(starts[first]));
    Append(bad.bytes, part(first + 1));
    Append(bad.bytes, part(first));
    for (size_t rest = first + 2; rest < kPayloads.size(); ++rest) Append(bad.bytes, part(rest));
    const Status found = OpenAndAudit(bad);
    EXPECT_EQ(found.code(), StatusCode::kDataLoss);
    EXPECT_THAT(Message(found), HasSubstr(fmt::format("record {} ", first)));
  }
}

TEST(RecordLog, CutsATornTailAndLosesNothingElse) {
  MemoryFiles good = SmallLog();
  good.hint.clear();
  const std::vector<size_t> starts = Boundaries();
  for (size_t size = 0; size < good.bytes.size(); ++size) {
    MemoryFiles torn = good;
    torn.bytes.resize(size);
    uint64_t whole = 0;
    while (whole < kPayloads.size() && starts[whole + 1] <= size) ++whole;
    const size_t kept = size < kFileHeader ? 0 : starts[whole];
    const auto log = RecordLog::Open(torn, "log", kKind, nullptr);
    ASSERT_TRUE(log.ok()) << size << ": " << log.status();
    ASSERT_EQ((*log)->records(), whole);
    ASSERT_EQ((*log)->torn_octets(), size - kept);
    // The cut is durable before anything is written over it.
    ASSERT_GT(torn.syncs, good.syncs);
    ASSERT_TRUE((*log)->Append(9, AsBytes("next")).ok());
    ASSERT_TRUE(ReadRecordLog(torn, "log", kKind, nullptr).ok());
  }
}

// A log whose first two records were synced, and the others appended.
MemoryFiles LogSyncedHalfWay() {
  MemoryFiles files;
  auto log = RecordLog::Open(files, "log", kKind, nullptr);
  EXPECT_TRUE(log.ok()) << log.status();
  for (size_t i = 0; i < kPayloads.size(); ++i) {
    EXPECT_TRUE((*log)->Append(static_cast<uint8_t>(i + 1), AsBytes(kPayloads[i])).ok());
    if (i == 1) (*log)->Sync();
  }
  return files;
}

TEST(RecordLog, I2_WhatIsMissingBelowTheCommittedLengthIsNamedAndNothingIsCut) {
  const MemoryFiles good = LogSyncedHalfWay();
  const std::vector<size_t> starts = Boundaries();
  for (size_t size = 0; size < good.bytes.size(); ++size) {
    MemoryFiles cut = good;
    cut.bytes.resize(size);
    const auto log = RecordLog::Open(cut, "log", kKind, nullptr);
    if (size >= starts[2]) {
      ASSERT_TRUE(log.ok()) << size << ": " << log.status();
      ASSERT_EQ((*log)->records(), size >= starts[3] ? 3u : 2u);
      continue;
    }
    ASSERT_EQ(log.status().code(), StatusCode::kDataLoss) << size;
    ASSERT_THAT(Message(log.status()), HasSubstr(fmt::format("record {} ", size >= starts[1] ? 1 : 0)));
    ASSERT_EQ(cut.bytes.size(), size);
  }
}

TEST(RecordLog, I2_WhateverAPowerCutLeavesAboveTheCommittedLengthIsCutOff) {
  const MemoryFiles good = LogSyncedHalfWay();
  const size_t committed = Boundaries()[2];
  for (size_t at = committed; at < good.bytes.size(); ++at) {
    for (const bool zeros : {true, false}) {
      MemoryFiles bad = good;
      if (zeros) {
        std::fill(bad.bytes.begin() + static_cast<std::ptrdiff_t>(at), bad.bytes.end(), uint8_t{0});
        if (bad.bytes == good.bytes) continue;
      } else {
        bad.bytes[at] ^= 1;
      }
      auto log = RecordLog::Open(bad, "log", kKind, nullptr);
      ASSERT_TRUE(log.ok()) << at << ": " << log.status();
      ASSERT_GE((*log)->records(), 2u);
      ASSERT_LT((*log)->records(), 4u);
      ASSERT_TRUE((*log)->Append(9, AsBytes("next")).ok());
      ASSERT_TRUE(ReadRecordLog(bad, "log", kKind, nullptr).ok());
    }
  }
  // Below, the same damage is refused by its record.
  MemoryFiles bad = good;
  bad.bytes[committed - 1] ^= 1;
  EXPECT_THAT(Message(RecordLog::Open(bad, "log", kKind, nullptr).status()), HasSubstr("record 1 "));
}

TEST(RecordLog, I2_WhatWasReadWrongOnceIsNotCutOff) {
  const MemoryFiles good = LogSyncedHalfWay();
  for (size_t at = Boundaries()[2]; at < good.bytes.size(); ++at) {
    MemoryFiles files = good;
    files.misread = at;
    const Status found = RecordLog::Open(files, "log", kKind, nullptr).status();
    ASSERT_EQ(found.code(), StatusCode::kUnavailable) << at << ": " << found;
    ASSERT_THAT(Message(found),
                HasSubstr(fmt::format("differ at octet {}", Boundaries()[at < Boundaries()[3] ? 2 : 3])));
    ASSERT_EQ(files.bytes, good.bytes);
    const auto log = RecordLog::Open(files, "log", kKind, nullptr);
    ASSERT_TRUE(log.ok()) << log.status();
    ASSERT_EQ((*log)->records(), 4u);
  }
}

TEST(RecordLog, AHintThatCannotBeReadProtectsLessAndHarmsNothing) {
  for (const size_t at : {size_t{0}, size_t{7}, size_t{8}, size_t{15}}) {
    MemoryFiles files = LogSyncedHalfWay();
    files.hint[at] ^= 1;
    EXPECT_TRUE(RecordLog::Open(files, "log", kKind, nullptr).ok());
  }
  MemoryFiles files = LogSyncedHalfWay();
  files.hint.resize(5);
  EXPECT_TRUE(RecordLog::Open(files, "log", kKind, nullptr).ok());
}

TEST(RecordLog, I2_WhatAnEarlierWriterDidNotSyncIsSyncedBeforeItCounts) {
  MemoryFiles files = LogSyncedHalfWay();
  const int syncs = files.syncs;
  const auto log = RecordLog::Open(files, "log", kKind, nullptr);
  ASSERT_TRUE(log.ok());
  EXPECT_EQ((*log)->records(), 4u);
  EXPECT_GT(files.syncs, syncs);
}

TEST(RecordLog, I3_ATornTailIsAnErrorForAuditors) {
  const MemoryFiles good = SmallLog();
  const std::vector<size_t> starts = Boundaries();
  for (size_t size = 0; size < good.bytes.size(); ++size) {
    MemoryFiles torn = good;
    torn.bytes.resize(size);
    const auto summary = ReadRecordLog(torn, "log", kKind, nullptr);
    if (std::find(starts.begin(), starts.end(), size) != starts.end()) {
      // Whole records are missing: only a witness of the head can tell.
      ASSERT_TRUE(summary.ok());
      ASSERT_NE(summary->head, ReadRecordLog(const_cast<MemoryFiles&>(good), "log", kKind, nullptr)->head);
    } else {
      ASSERT_EQ(summary.status().code(), StatusCode::kDataLoss) << size;
    }
  }
}

TEST(RecordLog, AFailedAppendLeavesNothingBehind) {
  MemoryFiles files = SmallLog();
  const Bytes before = files.bytes;
  auto log = RecordLog::Open(files, "log", kKind, nullptr);
  ASSERT_TRUE(log.ok());
  const Digest head = (*log)->head();
  files.space = before.size() + 60;
  EXPECT_FALSE((*log)->Append(5, Bytes(100, 7)).ok());
  EXPECT_EQ(files.bytes, before);
  EXPECT_EQ((*log)->head(), head);
  EXPECT_TRUE((*log)->Append(5, AsBytes("short")).ok());
  EXPECT_TRUE(ReadRecordLog(files, "log", kKind, nullptr).ok());
}

TEST(RecordLog, RefusesToGoOnOverARecordItCouldNotUndo) {
  MemoryFiles files = SmallLog();
  auto log = RecordLog::Open(files, "log", kKind, nullptr);
  ASSERT_TRUE(log.ok());
  files.space = files.bytes.size() + 60;
  files.refuse_truncate = true;
  EXPECT_FALSE((*log)->Append(5, Bytes(100, 7)).ok());
  files.space = SIZE_MAX;
  EXPECT_EQ((*log)->Append(5, AsBytes("short")).status().code(), StatusCode::kUnavailable);
}

TEST(RecordLog, RefusesARecordAboveItsLimit) {
  MemoryFiles files;
  auto log = RecordLog::Open(files, "log", kKind, nullptr);
  ASSERT_TRUE(log.ok());
  EXPECT_TRUE((*log)->Append(1, Bytes(kMaxRecord)).ok());
  EXPECT_EQ((*log)->Append(1, Bytes(kMaxRecord + 1)).status().code(), StatusCode::kInvalidArgument);
}

TEST(RecordLog, RefusesAnotherKindOfLog) {
  MemoryFiles files = SmallLog();
  EXPECT_EQ(RecordLog::Open(files, "log", "other-log", nullptr).status().code(), StatusCode::kDataLoss);
}

TEST(RecordLog, AVisitorsErrorEndsTheVisitAndNamesTheRecord) {
  MemoryFiles files = SmallLog();
  const auto visit = [](const Record& record) { return record.number == 2 ? Internal("no more") : OkStatus(); };
  EXPECT_THAT(Message(RecordLog::Open(files, "log", kKind, visit).status()), HasSubstr("record 2: no more"));
}

TEST(RecordLog, I2_ANewLogHasItsHeaderAndItsHintFromTheFirstMoment) {
  const Scratch scratch;
  const std::string path = scratch / "journal";
  ASSERT_TRUE(RecordLog::Open(PosixFiles(), path, kKind, nullptr).ok());
  const Bytes header = *PosixFiles().Read(path, 100);
  // What a power cut may leave above the header, and the hint as it was made.
  Bytes left = header;
  left.resize(200);
  ASSERT_TRUE(PosixFiles().WriteDurably(path, left).ok());
  const auto log = RecordLog::Open(PosixFiles(), path, kKind, nullptr);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ((*log)->torn_octets(), 200 - header.size());
}

TEST(RecordLog, WorksOnTheMachinesFileSystem) {
  const Scratch scratch;
  const std::string path = scratch / "journal";
  {
    auto log = RecordLog::Open(PosixFiles(), path, kKind, nullptr);
    ASSERT_TRUE(log.ok()) << log.status();
    // More than one read-ahead window, with a record across its border.
    for (int i = 0; i < 30; ++i) ASSERT_TRUE((*log)->Append(1, Bytes(100'000, static_cast<uint8_t>(i))).ok());
    (*log)->Sync();
  }
  uint8_t next = 0;
  auto log = RecordLog::Open(PosixFiles(), path, kKind, [&](const Record& record) {
    return record.payload.size() == 100'000 && record.payload.back() == next++ ? OkStatus() : Internal("wrong payload");
  });
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ((*log)->records(), 30u);
}

}  // namespace
}  // namespace smki::ledger
