// What is wrong with the files, the folder, the disk or the server, and what is left afterwards.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "server.h"

namespace smki::repository::transfer::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kSize = 6 << 20;
constexpr int64_t kTime = 1'700'000'000;

class HostileTest : public TransferTest {
 protected:
  // One file is fetched up to about here, then the line is cut.
  void FetchUntil(uint64_t octets) {
    server_->proxy.CutAt(octets);
    const Status status = Only(Fetch(Options())).status;
    ASSERT_EQ(status.code(), StatusCode::kUnavailable) << status;
    ASSERT_THAT(Message(status), Not(HasSubstr("silent")));  // a cut line is noticed, not waited for
    ASSERT_GT(SizeOf(To(kFull) + ".part"), 0u);
  }
};

TEST_F(HostileTest, ADamagedFileNeverGetsItsNameAndTheOthersCome) {
  PutGzip(*server_ / kDelta, 200'000);
  PutGzip(*server_ / kFull, 1000);
  const std::string whole = ReadAll(*server_ / kDelta);
  std::string flipped = whole;
  flipped[150'000] = static_cast<char>(flipped[150'000] ^ 4);
  for (const std::string& damaged : {flipped, whole.substr(0, whole.size() - 1), whole + "x"}) {
    WriteAll(*server_ / kDelta, damaged);
    std::filesystem::remove_all(to_);
    const auto report = Fetch(Options());
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->status.code(), StatusCode::kDataLoss);
    EXPECT_THAT(Message(report->status),
                AllOf(HasSubstr(kDelta), HasSubstr("damaged/" + std::string(kDelta) + ".damaged")));
    EXPECT_THAT(*PosixFiles().List(to_), ElementsAre(".fetch.lock", kFull, "damaged"));
    EXPECT_EQ(ReadAll(To("damaged/") + kDelta + ".damaged"), damaged);
  }
  WriteAll(*server_ / kDelta, whole);
  ASSERT_TRUE(Fetch(Options())->status.ok());
  EXPECT_EQ(ReadAll(To(kDelta)), whole);
}

TEST_F(HostileTest, AFileThatWasRenamedOnTheServerIsDamagedToo) {
  PutGzip(*server_ / kFull, 1000);
  std::filesystem::rename(*server_ / kFull, *server_ / "SMKIKR_FULL_2026-11-22.xml.gz");
  EXPECT_THAT(Message(Only(Fetch(Options())).status), HasSubstr("holds a file named SMKIKR_FULL_2026-11-15.xml"));
}

TEST_F(HostileTest, WhatIsAnotherFileNowIsStartedAfresh) {
  for (const bool same_size : {true, false}) {
    SCOPED_TRACE(same_size);
    std::filesystem::remove_all(to_);
    PutGzip(*server_ / kFull, kSize, 1);
    SetTime(*server_ / kFull, kTime);
    FetchUntil(3'000'000);
    PutGzip(*server_ / kFull, same_size ? kSize : kSize + 1, 2);
    SetTime(*server_ / kFull, same_size ? kTime + 1 : kTime);
    const FetchedFile file = Only(Fetch(Options()));
    ASSERT_TRUE(file.status.ok()) << file.status;
    EXPECT_EQ(file.resumed_at, 0u);
    EXPECT_EQ(ReadAll(To(kFull)), ReadAll(*server_ / kFull));
  }
}

TEST_F(HostileTest, APartWithoutAGoodNoteIsStartedAfresh) {
  PutGzip(*server_ / kFull, kSize);
  const std::string note = To(kFull) + ".part.json";
  for (const char* text : {"", "{", "[]", "{\"size\":1}", "{\"size\":\"x\",\"mtime\":0,\"synced\":0,\"boot\":1}"}) {
    std::filesystem::remove_all(to_);
    FetchUntil(1'000'000);
    WriteAll(note, text);
    const FetchedFile file = Only(Fetch(Options()));
    EXPECT_TRUE(file.status.ok()) << file.status;
    EXPECT_EQ(file.resumed_at, 0u) << text;
  }
}

TEST_F(HostileTest, AFileThatGrowsShrinksOrIsReplacedWhileItIsFetchedDoesNotGetItsName) {
  const std::function<void()> changes[] = {
      [this] { std::filesystem::resize_file(*server_ / kFull, SizeOf(*server_ / kFull) + 1000); },
      [this] { std::filesystem::resize_file(*server_ / kFull, 100); }, [this] { SetTime(*server_ / kFull, kTime + 7); },
      // The last octets come from the file that was opened, but its name means another one now.
      [this] {
        PutGzip(*server_ / "Other.gz", kSize + 5, 9);
        std::filesystem::rename(*server_ / "Other.gz", *server_ / kFull);
      }};
  for (const auto& change : changes) {
    std::filesystem::remove_all(to_);
    PutGzip(*server_ / kFull, kSize);
    SetTime(*server_ / kFull, kTime);
    server_->proxy.At(Proxy::Way::kDown, 1'000'000, change, Proxy::After::kGoOn);
    const FetchedFile file = Only(Fetch(Options()));
    EXPECT_EQ(file.status.code(), StatusCode::kFailedPrecondition) << file.status;
    EXPECT_THAT(Message(file.status), HasSubstr("changed on the server"));
    EXPECT_FALSE(Exists(To(kFull)));
  }
}

TEST_F(HostileTest, APublishedFileOfAnotherSizeIsAnErrorByName) {
  PutGzip(*server_ / kFull, 1000);
  std::filesystem::create_directories(to_);
  WriteAll(To(kFull), "ours");
  const FetchedFile file = Only(Fetch(Options()));
  EXPECT_EQ(file.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(file.status), AllOf(HasSubstr(kFull), HasSubstr("a published file does not change")));
  EXPECT_EQ(ReadAll(To(kFull)), "ours");
}

TEST_F(HostileTest, AFileLargerThanAnySuchFileIsNotEvenBegun) {
  PutGzip(*server_ / kFull, kSize);
  FetchOptions options = Options();
  options.max_file = 1000;
  EXPECT_THAT(Message(Only(Fetch(options)).status), HasSubstr("more than the 1000"));
  EXPECT_FALSE(Exists(To(kFull) + ".part"));
}

TEST_F(HostileTest, AFolderWithTooManyFilesOrNoneOfOursIsNotTheRepositorys) {
  EXPECT_EQ(Fetch(Options()).status().code(), StatusCode::kNotFound);
  for (size_t i = 0; i <= kMaxFiles; ++i) WriteAll(*server_ / std::to_string(i), "");
  EXPECT_EQ(Fetch(Options()).status().code(), StatusCode::kResourceExhausted);
}

TEST_F(HostileTest, AFolderOrAFifoUnderAFilesNameIsNotRead) {
  std::filesystem::create_directories(*server_ / kFull);
  std::filesystem::create_symlink(".", *server_ / kDelta);
  const FetchedFile file = Only(Fetch(Options()));
  EXPECT_THAT(Message(file.status), HasSubstr("is no file"));
}

// A small file system of its own; only root can make one.
class SmallDisk {
 public:
  SmallDisk(const std::string& at, int megabytes) : at_(at) {
    std::filesystem::create_directories(at);
    mounted_ = ::mount("tmpfs", at.c_str(), "tmpfs", 0, fmt::format("size={}m", megabytes).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  const std::string at_;
  bool mounted_ = false;
};

TEST_F(HostileTest, WithoutRoomNothingIsBegun) {
  const SmallDisk disk(to_, 18);  // some megabytes are kept free
  if (!disk.mounted()) GTEST_SKIP() << "a small tmpfs cannot be mounted here: " << std::strerror(errno);
  PutGzip(*server_ / kFull, kSize);
  const auto report = Fetch(Options());
  EXPECT_EQ(report.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(report.status()), HasSubstr("has room for"));
  EXPECT_FALSE(Exists(To(kFull) + ".part"));
}

TEST_F(HostileTest, ADiskThatFillsUpOnTheWayKeepsWhatHasComeAndItGoesOnLater) {
  const SmallDisk disk(to_, 26);
  if (!disk.mounted()) GTEST_SKIP() << "a small tmpfs cannot be mounted here: " << std::strerror(errno);
  PutGzip(*server_ / kFull, kSize);
  server_->proxy.At(
      Proxy::Way::kDown, 1'000'000, [this] { WriteAll(To("filler"), std::string(26 << 20, 'x')); },
      Proxy::After::kGoOn);
  const FetchedFile full = Only(Fetch(Options()));
  EXPECT_EQ(full.status.code(), StatusCode::kResourceExhausted) << full.status;
  EXPECT_FALSE(Exists(To(kFull)));
  std::filesystem::remove(To("filler"));
  const FetchedFile file = Only(Fetch(Options()));
  ASSERT_TRUE(file.status.ok()) << file.status;
  EXPECT_GT(file.resumed_at, 0u);
  EXPECT_EQ(ReadAll(To(kFull)), ReadAll(*server_ / kFull));
}

}  // namespace
}  // namespace smki::repository::transfer::test
