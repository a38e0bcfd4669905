#include "repository/web/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/unit/ledger/scratch.h"

namespace smki::repository::web {
namespace {

using nlohmann::json;

std::vector<json> Lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<json> out;
  for (std::string line; std::getline(file, line);) out.push_back(json::parse(line));
  return out;
}

Access Example() {
  return {UtcTime{1795269194678},         "127.0.0.1:5", "POST", "/services/certificatesearch", "1795269194-cc", 200,
          std::chrono::microseconds(123), 456,           ""};
}

TEST(AccessLogTest, ALineIsOneJsonObject) {
  Scratch scratch;
  const auto log = AccessLog::Open(scratch / "access.log");
  ASSERT_TRUE(log.ok()) << log.status();
  Access dropped = Example();
  dropped.path = "/\"\n\x01\xFF" + std::string(9000, 'x');
  dropped.dropped = "the request was not complete in time";
  ASSERT_TRUE((*log)->Write(Example()));
  ASSERT_TRUE((*log)->Write(dropped));
  (*log)->Flush();
  const std::vector<json> lines = Lines(scratch / "access.log");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], json::parse(R"({"time":"2026-11-21T13:53:14.678Z","peer":"127.0.0.1:5","method":"POST",
    "path":"/services/certificatesearch","status":200,"audit_reference":"1795269194-cc","microseconds":123,"octets":456})"));
  EXPECT_EQ(lines[1]["dropped"], dropped.dropped);
  EXPECT_EQ(lines[1]["path"], "/\"???" + std::string(59, 'x')) << "bounded, printable";
}

TEST(AccessLogTest, LinesOfManyThreadsStayWhole) {
  Scratch scratch;
  const auto log = AccessLog::Open(scratch / "access.log");
  ASSERT_TRUE(log.ok()) << log.status();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 500; ++j) (*log)->Write(Example());
    });
  }
  for (std::thread& thread : threads) thread.join();
  (*log)->Flush();
  EXPECT_EQ(Lines(scratch / "access.log").size(), 2000u);
}

TEST(AccessLogTest, GoesOnInANewFileAfterARotation) {
  Scratch scratch;
  const std::string path = scratch / "access.log";
  const auto log = AccessLog::Open(path);
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_TRUE((*log)->Write(Example()));
  (*log)->Flush();
  std::filesystem::rename(path, path + ".1");
  ASSERT_TRUE((*log)->Reopen().ok());
  ASSERT_TRUE((*log)->Write(Example()));
  (*log)->Flush();
  EXPECT_EQ(Lines(path).size(), 1u);
  EXPECT_EQ(Lines(path + ".1").size(), 1u);
  ASSERT_TRUE((*AccessLog::Open(path))->Write(Example()));  // its end writes what is left
  EXPECT_EQ(Lines(path).size(), 2u) << "an old log is gone on with";
}

TEST(AccessLogTest, AFullDiskIsNoticed) {
  const auto log = AccessLog::Open("/dev/full");
  ASSERT_TRUE(log.ok()) << log.status();
  (*log)->Write(Example());
  (*log)->Flush();
  EXPECT_FALSE((*log)->Write(Example()));
}

TEST(AccessLogTest, ADiskThatTakesNothingHoldsNoRequestUpAndIsNoticed) {
  Scratch scratch;
  const std::string path = scratch / "access.log";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDWR | O_CLOEXEC);  // and never reads
  {
    const auto log = AccessLog::Open(path);
    ASSERT_TRUE(log.ok()) << log.status();
    size_t taken = 0;
    while (taken <= 2 * kMaxUnwritten && (*log)->Write(Example())) taken += 200;
    EXPECT_GT(taken, kMaxUnwritten / 2);
    EXPECT_LE(taken, 2 * kMaxUnwritten) << "what is unwritten has no bound";
    std::thread drain([&] {
      char piece[65536] = {};
      for (ssize_t n = 1; n > 0 && piece[n - 1] != '!';) n = ::read(reader, piece, sizeof piece);
    });
    (*log)->Flush();
    EXPECT_EQ(::write(reader, "!", 1), 1);
    drain.join();
  }
  ::close(reader);
}

TEST(AccessLogTest, AFolderThatIsNotThereIsSaid) {
  EXPECT_THAT(Message(AccessLog::Open("/nowhere/access.log").status()),
              ::testing::HasSubstr("cannot open the access log /nowhere/access.log"));
}

}  // namespace
}  // namespace smki::repository::web
