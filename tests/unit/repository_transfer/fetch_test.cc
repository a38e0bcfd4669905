#include "repository/transfer/fetch.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <future>

#include "base/file.h"
#include "pki/digest.h"
#include "server.h"

namespace smki::repository::transfer::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// SSH and SFTP around the content: key exchange, packet headers, listing.
constexpr uint64_t kAround = 96 << 10;
constexpr size_t kSize = 6 << 20;

using Result = FetchedFile::Result;

class FetchTest : public TransferTest {};

TEST_F(FetchTest, BringsListsDeltasAndTheNewestFullWhole) {
  PutGzip(*server_ / kFull, 300'000, 1);
  PutGzip(*server_ / "SMKIKR_FULL_2026-11-08.xml.gz", 1000, 2);
  PutGzip(*server_ / kDelta, 1, 3);
  PutGzip(*server_ / kList, 500, 4);
  uint64_t told = 0;
  FetchOptions options = Options();
  options.on_progress = [&](const FetchProgress& progress) {
    if (progress.file != kFull || progress.checking) return;
    EXPECT_GE(progress.done, told);
    EXPECT_EQ(progress.total, SizeOf(*server_ / kFull));
    told = progress.done;
  };
  const auto report = Fetch(options);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_TRUE(report->status.ok()) << report->status;
  std::vector<std::string> names;
  for (const FetchedFile& file : report->files) {
    names.push_back(file.name);
    EXPECT_EQ(file.result, Result::kFetched);
    EXPECT_EQ(file.sha256, pki::Sha256(ReadAll(*server_ / file.name)));
    EXPECT_EQ(ReadAll(To(file.name)), ReadAll(*server_ / file.name));
  }
  EXPECT_THAT(names, ElementsAre(kList, kDelta, kFull));
  EXPECT_EQ(told, SizeOf(*server_ / kFull));
  EXPECT_THAT(*PosixFiles().List(to_), ElementsAre(".fetch.lock", kDelta, kFull, kList));
}

TEST_F(FetchTest, GoesOnWhereverItWasCutAndAsksForNothingTwice) {
  PutGzip(*server_ / kFull, kSize);
  const uint64_t size = SizeOf(*server_ / kFull);
  const std::string content = ReadAll(*server_ / kFull);
  for (const uint64_t cut : {uint64_t{1}, uint64_t{2'000}, uint64_t{20'000}, uint64_t{100'000}, uint64_t{1'000'000},
                             uint64_t{3'333'333}, size - 70'000, size + 2'500}) {
    SCOPED_TRACE(fmt::format("cut at {}", cut));
    std::filesystem::remove_all(to_);
    server_->proxy.CutAt(cut);
    const FetchedFile broken = Only(Fetch(Options()));
    ASSERT_EQ(broken.status.code(), StatusCode::kUnavailable) << broken.status;
    EXPECT_THAT(Message(broken.status), ::testing::Not(HasSubstr("silent")));
    EXPECT_FALSE(Exists(To(kFull)));
    const uint64_t held = SizeOf(To(kFull) + ".part");
    EXPECT_GE(held + (4 << 20), cut) << "what had come was not kept";
    server_->proxy.Forget();
    const FetchedFile file = Only(Fetch(Options()));
    ASSERT_TRUE(file.status.ok()) << file.status;
    EXPECT_EQ(file.resumed_at, held);
    EXPECT_EQ(ReadAll(To(kFull)), content);
    EXPECT_LE(server_->proxy.down(), size - held + kAround);
    EXPECT_THAT(*PosixFiles().List(to_), ElementsAre(".fetch.lock", kFull));
  }
}

TEST_F(FetchTest, AServerThatIsKilledInTheMiddleAndStartedAgainIsConnectedToAgain) {
  PutGzip(*server_ / kFull, kSize);
  server_->proxy.At(Proxy::Way::kDown, 3'000'000, [this] {
    server_->Kill();
    server_->Start();
  });
  FetchOptions options = Options();
  options.reconnects = 3;
  const FetchedFile file = Only(Fetch(options));
  ASSERT_TRUE(file.status.ok()) << file.status;
  EXPECT_EQ(file.reconnects, 1);
  EXPECT_EQ(server_->proxy.connections(), 2);
  EXPECT_EQ(ReadAll(To(kFull)), ReadAll(*server_ / kFull));
  EXPECT_LE(server_->proxy.down(), SizeOf(*server_ / kFull) + (4 << 20));
}

TEST_F(FetchTest, AServerThatStaysAwayIsGivenUpAfterTheTriesItMayHave) {
  PutGzip(*server_ / kFull, kSize);
  server_->proxy.At(Proxy::Way::kDown, 200'000, [this] { server_->Kill(); });
  FetchOptions options = Options();
  options.reconnects = 3;
  const FetchedFile file = Only(Fetch(options));
  EXPECT_EQ(file.status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(Message(file.status), HasSubstr("tried 3 times more"));
  EXPECT_EQ(server_->proxy.connections(), 4);
  EXPECT_TRUE(Exists(To(kFull) + ".part"));
}

TEST_F(FetchTest, ATryThatBroughtMuchDoesNotCountAgainstTheLimit) {
  PutGzip(*server_ / kFull, kSize);
  int cuts = 0;
  std::function<void()> again = [&] {
    if (++cuts < 3) server_->proxy.At(Proxy::Way::kDown, 1'700'000, again);
  };
  server_->proxy.At(Proxy::Way::kDown, 1'700'000, again);
  FetchOptions options = Options();
  options.reconnects = 1;
  const FetchedFile file = Only(Fetch(options));
  ASSERT_TRUE(file.status.ok()) << file.status;
  EXPECT_EQ(file.reconnects, 3);
}

TEST_F(FetchTest, AServerThatFallsSilentIsNotWaitedForWithoutEnd) {
  PutGzip(*server_ / kFull, kSize);
  std::promise<void> release;
  server_->proxy.At(Proxy::Way::kDown, 500'000, [&] { release.get_future().wait(); });
  FetchOptions options = Options();
  options.patience.answer = Millis(700);
  const FetchedFile file = Only(Fetch(options));
  release.set_value();
  EXPECT_EQ(file.status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(Message(file.status), HasSubstr("silent"));
}

TEST_F(FetchTest, WhatIsHereIsNotFetchedAgainButAListAlwaysIs) {
  PutGzip(*server_ / kFull, kSize);
  PutGzip(*server_ / kList, 500, 1);
  ASSERT_TRUE(Fetch(Options())->status.ok());
  PutGzip(*server_ / kList, 500, 2);
  server_->proxy.Forget();
  const auto report = Fetch(Options());
  ASSERT_TRUE(report.ok() && report->status.ok()) << report.status();
  EXPECT_EQ(report->files[0].result, Result::kFetched);
  EXPECT_EQ(ReadAll(To(kList)), ReadAll(*server_ / kList));
  EXPECT_EQ(report->files[1].result, Result::kPresent);
  EXPECT_LE(server_->proxy.down(), kAround);
}

TEST_F(FetchTest, AnExpiredDeltaStaysInTheArchiveAndReachesTheFolder) {
  FetchOptions options = Options();
  options.archive = scratch_ / "archive";
  PutGzip(*server_ / kDelta, 1000, 1);
  ASSERT_TRUE(Fetch(options)->status.ok());
  std::filesystem::remove(*server_ / kDelta);
  const std::string next = "SMKIKR_DELT_2026-11-17.xml.gz";
  PutGzip(*server_ / next, 1000, 2);
  options.to = scratch_ / "other";
  const auto report = Fetch(options);
  ASSERT_TRUE(report.ok() && report->status.ok()) << report.status();
  EXPECT_THAT(report->from_archive, ElementsAre(kDelta, next));
  EXPECT_THAT(*PosixFiles().List(options.archive), ElementsAre(".fetch.lock", kDelta, next));
  EXPECT_THAT(*PosixFiles().List(options.to), ElementsAre(".fetch.lock", kDelta, next));
  EXPECT_EQ(ReadAll(options.to + "/" + kDelta), ReadAll(options.archive + "/" + kDelta));
}

TEST_F(FetchTest, ADeltaThatDiffersFromTheArchivesIsAnErrorByName) {
  FetchOptions options = Options();
  options.archive = scratch_ / "archive";
  PutGzip(*server_ / kDelta, 1000, 1);
  std::filesystem::create_directories(to_);
  PutGzip(To(kDelta), 900, 1);
  const auto report = Fetch(options);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(report->status), HasSubstr(To(kDelta)));
}

TEST_F(FetchTest, TwoAtOnceInOneFolderAreRefused) {
  PutGzip(*server_ / kFull, kSize);
  std::promise<void> reached, release;
  server_->proxy.At(
      Proxy::Way::kDown, 500'000,
      [&] {
        reached.set_value();
        release.get_future().wait();
      },
      Proxy::After::kGoOn);
  auto first = std::async(std::launch::async, [this] { return Only(Fetch(Options())); });
  reached.get_future().wait();
  const auto second = Fetch(Options());
  FetchOptions as_archive = Options();
  as_archive.to = scratch_ / "other";
  as_archive.archive = to_;
  const auto third = Fetch(as_archive);
  release.set_value();
  for (const auto& refused : {second, third}) {
    EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(Message(refused.status()), HasSubstr("another fetch works in " + to_));
  }
  EXPECT_TRUE(first.get().status.ok());
}

TEST_F(FetchTest, AfterAPowerCutOnlyWhatWasSyncedCounts) {
  PutGzip(*server_ / kFull, kSize);
  server_->proxy.CutAt(3'000'000);
  ASSERT_FALSE(Only(Fetch(Options())).status.ok());
  const std::string note = To(kFull) + ".part.json", part = To(kFull) + ".part";
  std::string text = ReadAll(note);
  const uint64_t held = SizeOf(part);
  const size_t synced = text.find(fmt::format("\"synced\":{}", held));
  ASSERT_NE(synced, text.npos) << text;
  // As it is found after one: the file is long enough, but its end is not what was written.
  text.replace(synced, fmt::format("\"synced\":{}", held).size(), fmt::format("\"synced\":{}", held / 2));
  const size_t boot = text.find("\"boot\":\"") + 8;
  text[boot] = text[boot] == '0' ? '1' : '0';
  WriteAll(note, text);
  std::filesystem::resize_file(part, held / 2);
  std::filesystem::resize_file(part, held);
  const FetchedFile file = Only(Fetch(Options()));
  ASSERT_TRUE(file.status.ok()) << file.status;
  EXPECT_EQ(file.resumed_at, held / 2);
  EXPECT_EQ(ReadAll(To(kFull)), ReadAll(*server_ / kFull));
}

TEST_F(FetchTest, NewKeysDuringATransferAndSmallerAnswersThanAskedForDoNotHarmIt) {
  server_ = std::make_unique<Server>("RekeyLimit 1M");
  PutGzip(*server_ / kFull, kSize);
  FetchOptions options = Options();
  options.shape = {1 << 20, 8};  // more than OpenSSH gives at once
  const FetchedFile file = Only(Fetch(options));
  ASSERT_TRUE(file.status.ok()) << file.status;
  EXPECT_EQ(ReadAll(To(kFull)), ReadAll(*server_ / kFull));
  EXPECT_THAT(server_->Log(), HasSubstr("rekey"));
}

}  // namespace
}  // namespace smki::repository::transfer::test
