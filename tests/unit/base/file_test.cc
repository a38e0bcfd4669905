#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

// The test program's own sync calls come before the C library's: they note what base/ does, in order, and can fail.
namespace {
std::vector<std::string>* calls = nullptr;
bool syncs_fail = false;

std::string NameOf(int fd) {
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).filename().string();
}
int Noted(const char* call, int fd, long number) {
  if (calls != nullptr) calls->push_back(std::string(call) + " " + NameOf(fd));
  if (syncs_fail) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(number, fd));
}
}  // namespace

extern "C" {
int fdatasync(int fd) {
  return Noted("fdatasync", fd, SYS_fdatasync);
}
int fsync(int fd) {
  return Noted("fsync", fd, SYS_fsync);
}
int rename(const char* from, const char* to) noexcept {
  if (calls != nullptr) calls->push_back("rename " + std::filesystem::path(to).filename().string());
  return static_cast<int>(::syscall(SYS_rename, from, to));
}
}

namespace smki {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "smki_file_XXXXXX";
    SMKI_CHECK(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    calls = &calls_;
  }
  ~FileTest() override {
    calls = nullptr;
    std::filesystem::remove_all(folder_);
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string FolderName() const { return std::filesystem::path(folder_).filename().string(); }
  std::string TextOf(const std::string& name) { return ToString(files_.Read(Path(name), 1000).value()); }
  int ModeOf(const std::string& name) const {
    struct stat info {};
    return ::stat(Path(name).c_str(), &info) == 0 ? static_cast<int>(info.st_mode & 0777) : -1;
  }

  FileSystem& files_ = PosixFiles();
  std::string folder_;
  std::vector<std::string> calls_;
};

TEST_F(FileTest, I2_WriteDurablySyncsTheFileThenRenamesThenSyncsTheFolder) {
  ASSERT_TRUE(files_.WriteDurably(Path("a"), AsBytes("text")).ok());
  EXPECT_THAT(calls_, ElementsAre("fdatasync a.new", "rename a", "fsync " + FolderName()));
  EXPECT_EQ(TextOf("a"), "text");
}

TEST_F(FileTest, WriteDurablyReplacesAndLeavesNothingElse) {
  ASSERT_TRUE(files_.WriteDurably(Path("a"), AsBytes("a longer text")).ok());
  ASSERT_TRUE(files_.WriteDurably(Path("a"), AsBytes("short")).ok());
  EXPECT_EQ(TextOf("a"), "short");
  EXPECT_THAT(*files_.List(folder_), ElementsAre("a"));
}

TEST_F(FileTest, SecretsAreForTheirOwnerOnlyAlsoAfterACrashLeftATemporaryFile) {
  const mode_t before = ::umask(022);
  ASSERT_TRUE(files_.WriteDurably(Path("public"), AsBytes("x")).ok());
  ASSERT_TRUE(files_.WriteDurably(Path("secret.new"), AsBytes("left by a crash")).ok());
  ASSERT_TRUE(files_.WriteDurably(Path("secret"), AsBytes("x"), true).ok());
  EXPECT_EQ(ModeOf("public"), 0644);
  EXPECT_EQ(ModeOf("secret"), 0600);
  ::umask(before);
}

TEST_F(FileTest, WriteDurablyTellsWhatFailed) {
  const Status status = files_.WriteDurably(Path("missing/a"), AsBytes("x"));
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(Message(status), HasSubstr("missing/a.new"));
}

TEST_F(FileTest, I2_OpeningForAppendMakesTheNameDurableEveryTime) {
  { ASSERT_TRUE(files_.OpenAppend(Path("log")).ok()); }
  EXPECT_THAT(calls_, ElementsAre("fsync " + FolderName()));
  EXPECT_EQ(ModeOf("log"), 0600);
  { ASSERT_TRUE(files_.OpenAppend(Path("log")).ok()); }
  EXPECT_THAT(calls_, ElementsAre("fsync " + FolderName(), "fsync " + FolderName()));
}

TEST_F(FileTest, I2_EveryFolderMadeIsDurableBeforeTheNextIsMadeInIt) {
  ASSERT_TRUE(files_.CreateDirectories(Path("a/b")).ok());
  EXPECT_THAT(calls_, ::testing::IsSupersetOf({"fsync " + FolderName(), std::string("fsync a")}));
  ASSERT_FALSE(calls_.empty());
  EXPECT_EQ(calls_.back(), "fsync a");
  calls_.clear();
  // Who made it may have ended before its name was durable.
  ASSERT_TRUE(files_.CreateDirectories(Path("a/b/")).ok());
  EXPECT_THAT(calls_, ElementsAre("fsync a"));
  ASSERT_TRUE(files_.WriteDurably(Path("file"), AsBytes("x")).ok());
  EXPECT_THAT(Message(files_.CreateDirectories(Path("file"))), HasSubstr("is no folder"));
  EXPECT_FALSE(files_.CreateDirectories(Path("file/c")).ok());
}

TEST_F(FileTest, AHintIsReplacedInPlaceAndNeverSynced) {
  ASSERT_TRUE(files_.WriteHint(Path("hint"), AsBytes("first")).ok());
  ASSERT_TRUE(files_.WriteHint(Path("hint"), AsBytes("third")).ok());
  EXPECT_EQ(TextOf("hint"), "third");
  EXPECT_THAT(calls_, ::testing::IsEmpty());
  EXPECT_FALSE(files_.WriteHint(Path("hint"), Bytes(kMaxHint + 1)).ok());
}

TEST_F(FileTest, AppendReadAtTruncateAndReopen) {
  {
    auto log = files_.OpenAppend(Path("log")).value();
    ASSERT_TRUE(log->Append(AsBytes("one")).ok());
    ASSERT_TRUE(log->Append(AsBytes("two")).ok());
    EXPECT_EQ(log->size(), 6u);
    EXPECT_EQ(ToString(log->ReadAt(2, 3).value()), "etw");
    EXPECT_EQ(log->ReadAt(4, 3).status().code(), StatusCode::kOutOfRange);
    EXPECT_EQ(log->ReadAt(UINT64_MAX, 2).status().code(), StatusCode::kOutOfRange);
    calls_.clear();
    log->Sync();
    EXPECT_THAT(calls_, ElementsAre("fdatasync log"));
  }
  auto log = files_.OpenAppend(Path("log")).value();
  EXPECT_EQ(log->size(), 6u);
  ASSERT_TRUE(log->Truncate(3).ok());
  ASSERT_TRUE(log->Append(AsBytes("2")).ok());
  EXPECT_EQ(TextOf("log"), "one2");
}

TEST_F(FileTest, AFileCutBehindOurBackIsDataLoss) {
  auto log = files_.OpenAppend(Path("log")).value();
  ASSERT_TRUE(log->Append(AsBytes("one")).ok());
  ASSERT_EQ(::truncate(Path("log").c_str(), 1), 0);
  EXPECT_EQ(log->ReadAt(0, 3).status().code(), StatusCode::kDataLoss);
}

TEST_F(FileTest, AFailedAppendLeavesTheSize) {
  auto full = files_.OpenAppend("/dev/full").value();
  EXPECT_EQ(full->Append(AsBytes("x")).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(full->size(), 0u);
}

TEST_F(FileTest, I10_AFailedSyncEndsTheProcess) {
  auto log = files_.OpenAppend(Path("log")).value();
  EXPECT_DEATH(
      {
        syncs_fail = true;
        log->Sync();
      },
      "syncing .*log failed: Input/output error. The process ends");
  EXPECT_DEATH(
      {
        syncs_fail = true;
        (void)files_.WriteDurably(Path("a"), AsBytes("x"));
      },
      "syncing .*a.new failed");
  EXPECT_DEATH(
      {
        syncs_fail = true;
        (void)files_.SyncDirectory(folder_);
      },
      "syncing .* failed");
  EXPECT_FALSE(files_.Exists(Path("a"))) << "what could not be synced was not renamed into place";
}

TEST_F(FileTest, ReadHasALimitAndTellsAnAbsentFile) {
  ASSERT_TRUE(files_.WriteDurably(Path("a"), Bytes(100)).ok());
  EXPECT_EQ(files_.Read(Path("a"), 100).value().size(), 100u);
  EXPECT_EQ(files_.Read(Path("a"), 99).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(files_.Read(Path("b"), 99).status().code(), StatusCode::kNotFound);
}

TEST_F(FileTest, ListIsSortedAndRemoveAndRenameWork) {
  for (const char* name : {"c", "a", "b"}) ASSERT_TRUE(files_.WriteDurably(Path(name), {}).ok());
  EXPECT_THAT(*files_.List(folder_), ElementsAre("a", "b", "c"));
  ASSERT_TRUE(files_.Remove(Path("a")).ok());
  ASSERT_TRUE(files_.Rename(Path("b"), Path("d")).ok());
  EXPECT_THAT(*files_.List(folder_), ElementsAre("c", "d"));
  EXPECT_EQ(files_.Remove(Path("a")).code(), StatusCode::kNotFound);
  EXPECT_FALSE(files_.List(Path("none")).ok());
}

TEST_F(FileTest, CreateDirectoriesMakesAllAndIsIdempotent) {
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(files_.CreateDirectories(Path("x/y/z")).ok());
  EXPECT_TRUE(files_.Exists(Path("x/y/z")));
}

TEST(DirectoryOfTest, IsThePartBeforeTheLastSlash) {
  EXPECT_EQ(DirectoryOf("a/b/c"), "a/b");
  EXPECT_EQ(DirectoryOf("c"), ".");
  EXPECT_EQ(DirectoryOf("/c"), "/");
}

}  // namespace
}  // namespace smki
