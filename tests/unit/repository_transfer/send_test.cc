#include "repository/transfer/send.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "server.h"

namespace smki::repository::transfer::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Result = SentFile::Result;

class SendTest : public TransferTest {
 protected:
  SendOptions ToSend(const std::vector<std::string>& names) const {
    SendOptions out;
    out.access = server_->MakeAccess();
    for (const std::string& name : names) out.files.push_back(scratch_ / name);
    return out;
  }
  static Status StatusOf(const StatusOr<SendReport>& report) { return report.ok() ? report->status : report.status(); }
  std::vector<std::string> There() const { return *PosixFiles().List(server_->folder()); }
};

TEST_F(SendTest, PublishesFilesWholeAndLeavesNothingElse) {
  PutGzip(scratch_ / kFull, 3 << 20);
  PutGzip(scratch_ / kList, 10);
  const auto report = Send(ToSend({kFull, kList}));
  ASSERT_TRUE(StatusOf(report).ok()) << StatusOf(report);
  EXPECT_THAT(There(), ElementsAre(kFull, kList));
  EXPECT_EQ(ReadAll(*server_ / kFull), ReadAll(scratch_ / kFull));
  const auto again = Send(ToSend({kFull}));
  ASSERT_TRUE(StatusOf(again).ok());
  EXPECT_EQ(again->files[0].result, Result::kPresent);
}

TEST_F(SendTest, CutInTheMiddleNoFileHasItsNameAndTheNextRunBringsIt) {
  PutGzip(scratch_ / kFull, 3 << 20);
  server_->proxy.At(Proxy::Way::kUp, 1'000'000, [] {});
  EXPECT_EQ(StatusOf(Send(ToSend({kFull}))).code(), StatusCode::kUnavailable);
  EXPECT_THAT(There(), ElementsAre("." + std::string(kFull) + ".part"));
  server_->proxy.At(Proxy::Way::kUp, 2'000'000, [this] {
    server_->Kill();
    server_->Start();
  });
  EXPECT_EQ(StatusOf(Send(ToSend({kFull}))).code(), StatusCode::kUnavailable);
  EXPECT_FALSE(Exists(*server_ / kFull));
  ASSERT_TRUE(StatusOf(Send(ToSend({kFull}))).ok());
  EXPECT_THAT(There(), ElementsAre(kFull));
}

TEST_F(SendTest, AnotherFileOfThatNameIsLeftAloneUnlessItIsAList) {
  for (const char* name : {kFull, kList}) {
    PutGzip(scratch_ / name, 1000, 1);
    PutGzip(*server_ / name, 1000, 2);  // of the same size
  }
  const std::string before = ReadAll(*server_ / kFull);
  EXPECT_EQ(StatusOf(Send(ToSend({kFull}))).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadAll(*server_ / kFull), before);
  ASSERT_TRUE(StatusOf(Send(ToSend({kList}))).ok());
  EXPECT_EQ(ReadAll(*server_ / kList), ReadAll(scratch_ / kList));
  PutGzip(*server_ / kFull, 999, 1);
  EXPECT_THAT(Message(StatusOf(Send(ToSend({kFull})))), HasSubstr(kFull));
}

TEST_F(SendTest, AServerWithoutOpenSshsExtensionsGetsItsListReplacedToo) {
  server_ = std::make_unique<Server>("Subsystem sftp internal-sftp -P posix-rename,fsync");
  PutGzip(scratch_ / kList, 1000, 1);
  PutGzip(*server_ / kList, 1000, 2);
  PutGzip(scratch_ / kFull, 1000, 1);
  ASSERT_TRUE(StatusOf(Send(ToSend({kList, kFull}))).ok());
  EXPECT_EQ(ReadAll(*server_ / kList), ReadAll(scratch_ / kList));
  EXPECT_THAT(There(), ElementsAre(kFull, kList));
}

TEST_F(SendTest, WhatTheServerDidNotKeepAsItWasSentDoesNotGetItsName) {
  PutGzip(scratch_ / kFull, 3 << 20);
  const std::string part = *server_ / ("." + std::string(kFull) + ".part");
  const std::function<void()> longer = [&] { std::filesystem::resize_file(part, (3 << 20) + 5'000); };
  const std::function<void()> other_octet = [&] {
    std::fstream file(part, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(100);
    const int octet = file.get();
    file.seekp(100);
    file.put(static_cast<char>(octet ^ 1));
  };
  for (const bool verify : {false, true}) {
    // Every write waits for its answer, so what was sent long before is in the file.
    server_->proxy.At(Proxy::Way::kUp, 2 << 20, verify ? other_octet : longer, Proxy::After::kGoOn);
    SendOptions options = ToSend({kFull});
    options.verify = verify;
    const Status status = StatusOf(Send(options));
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
    EXPECT_THAT(Message(status), HasSubstr("is not what was sent"));
    EXPECT_FALSE(Exists(*server_ / kFull));
  }
}

TEST_F(SendTest, ADamagedOrMisnamedFileIsNotSentAtAll) {
  WriteAll(scratch_ / kFull, "no gzip");
  WriteAll(scratch_ / "notes.txt", "");
  EXPECT_EQ(StatusOf(Send(ToSend({kFull}))).code(), StatusCode::kDataLoss);
  EXPECT_EQ(StatusOf(Send(ToSend({"notes.txt"}))).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(StatusOf(Send(ToSend({kDelta}))).code(), StatusCode::kNotFound);
  EXPECT_EQ(server_->proxy.connections(), 0);
}

TEST_F(SendTest, RemovesDeltasOlderThanSevenDaysOnlyWhenAsked) {
  const std::string old = "SMKIKR_DELT_2026-11-12.xml.gz", kept = "SMKIKR_DELT_2026-11-13.xml.gz";
  for (const std::string& name : {old, kept, std::string("SMKIKR_FULL_2026-11-01.xml.gz")}) PutGzip(*server_ / name, 1);
  PutGzip(scratch_ / "SMKIKR_DELT_2026-11-20.xml.gz", 1);
  SendOptions options = ToSend({"SMKIKR_DELT_2026-11-20.xml.gz"});
  ASSERT_TRUE(StatusOf(Send(options)).ok());
  EXPECT_TRUE(Exists(*server_ / old));
  options.expire_deltas = "2026-11-20";
  const auto report = Send(options);
  ASSERT_TRUE(StatusOf(report).ok()) << StatusOf(report);
  EXPECT_THAT(report->expired, ElementsAre(old));
  EXPECT_THAT(There(), ElementsAre(kept, "SMKIKR_DELT_2026-11-20.xml.gz", "SMKIKR_FULL_2026-11-01.xml.gz"));
}

}  // namespace
}  // namespace smki::repository::transfer::test
