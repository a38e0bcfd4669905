#include "repository/web/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  EXPECT_EQ(Lines(scratch / "access.log").size(), 2000u);
}

TEST(AccessLogTest, GoesOnInANewFileAfterARotation) {
  Scratch scratch;
  const std::string path = scratch / "access.log";
  const auto log = AccessLog::Open(path);
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_TRUE((*log)->Write(Example()));
  std::filesystem::rename(path, path + ".1");
  ASSERT_TRUE((*log)->Reopen().ok());
  ASSERT_TRUE((*log)->Write(Example()));
  EXPECT_EQ(Lines(path).size(), 1u);
  EXPECT_EQ(Lines(path + ".1").size(), 1u);
  const auto again = AccessLog::Open(path);
  ASSERT_TRUE((*again)->Write(Example()));
  EXPECT_EQ(Lines(path).size(), 2u) << "an old log is gone on with";
}

TEST(AccessLogTest, AFullDiskIsNoticed) {
  const auto log = AccessLog::Open("/dev/full");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_FALSE((*log)->Write(Example()));
}

TEST(AccessLogTest, AFolderThatIsNotThereIsSaid) {
  EXPECT_THAT(Message(AccessLog::Open("/nowhere/access.log").status()),
              ::testing::HasSubstr("cannot open the access log /nowhere/access.log"));
}

}  // namespace
}  // namespace smki::repository::web
