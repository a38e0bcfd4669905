// The store exchanged while it is served, with real stores.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/unit/repository/small_pki.h"
#include "tests/unit/repository_web/raw_client.h"

namespace smki::repository::web {
namespace {

using ::testing::HasSubstr;

class SwapTest : public RepositoryTest {
 protected:
  // A Repository whose one Device has `certificates` of them.
  void Build(int certificates) {
    std::vector<CertificateRecord> records = pki_.Authorities();
    while (static_cast<int>(devices_.size()) < certificates) devices_.push_back(pki_.Device(kMeter));
    records.insert(records.end(), devices_.begin(), devices_.begin() + certificates);
    std::error_code ignored;
    std::filesystem::remove_all(extracts_, ignored);
    ASSERT_TRUE(PosixFiles().CreateDirectories(extracts_).ok());
    Publish(true, "2026-11-15", records);
    const auto built = Rebuild(options_);
    ASSERT_TRUE(built.ok()) << built.status();
  }
  // Looks at its path only when told to.
  void Serve() {
    const Log log = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      log_.push_back(line);
      logged_.notify_all();
    };
    auto store = CurrentStore::Open(options_.store, kPatience * 10, log);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::move(*store);
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    options.store = [this] { return store_->Get(); };
    auto server = Server::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  std::string LogLine(size_t number) {
    std::unique_lock lock(mutex_);
    logged_.wait_for(lock, kPatience, [&] { return log_.size() >= number; });
    return log_.size() >= number ? log_[number - 1] : "no such line";
  }
  static size_t Results(const HttpReply& reply) {
    size_t count = 0;
    for (size_t at = reply.body.find("<Result>"); at != std::string::npos; at = reply.body.find("<Result>", at + 1))
      ++count;
    return reply.status == 200 ? count : 0;
  }
  size_t Asked() {
    RawClient client(server_->address());
    return Results(client.Ask(Post(kSearchPath, DeviceSearch())));
  }

  std::vector<CertificateRecord> devices_;
  std::mutex mutex_;
  std::condition_variable logged_;
  std::vector<std::string> log_;
  std::unique_ptr<CurrentStore> store_;
  std::unique_ptr<Server> server_;
};

TEST_F(SwapTest, NoRequestIsLostWhenTheStoreIsExchanged) {
  Build(1);
  Serve();
  std::atomic<int> under_way{0};
  std::atomic<size_t> wrong{0}, fresh{0};
  const auto ask_until_fresh = [&] {
    RawClient client(server_->address());
    size_t before = 1;
    for (bool first = true; before < 2; first = false) {
      const size_t found = Results(client.Ask(Post(kSearchPath, DeviceSearch())));
      if (first) ++under_way;
      if (found < before || found > 2) {
        ++wrong;
        return;
      }
      before = found;
    }
    // On the same connection it stays so.
    for (int i = 0; i < 20; ++i) wrong += Results(client.Ask(Post(kSearchPath, DeviceSearch()))) != 2;
    ++fresh;
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(ask_until_fresh);
  Build(2);
  while (under_way < 4 && wrong == 0) std::this_thread::yield();
  store_->Look();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(fresh, 4u);
  EXPECT_THAT(LogLine(1), HasSubstr("now serving " + options_.store + ": 6 certificates"));
}

TEST_F(SwapTest, TheOldStoreServesOnWhenTheNewOneDoesNotOpen) {
  Build(1);
  Serve();
  std::string damaged = ReadText(options_.store);
  damaged[damaged.size() - 10] ^= 1;
  std::ofstream(options_.store + ".bad", std::ios::binary) << damaged;
  std::filesystem::rename(options_.store + ".bad", options_.store);
  store_->Look();
  EXPECT_THAT(LogLine(1), HasSubstr("stays in service"));
  EXPECT_EQ(Asked(), 1u);
  std::filesystem::remove(options_.store);
  store_->Look();
  EXPECT_THAT(LogLine(2), HasSubstr("there is no Repository store"));
  EXPECT_EQ(Asked(), 1u);
  Build(2);
  store_->Look();
  EXPECT_THAT(LogLine(3), HasSubstr("now serving"));
  EXPECT_EQ(Asked(), 2u);
  EXPECT_EQ(log_.size(), 3u);
}

TEST_F(SwapTest, ThePathIsLookedAtWithoutBeingTold) {
  Build(1);
  auto store = CurrentStore::Open(options_.store, Millis(5), [this](const std::string& line) {
    const std::lock_guard lock(mutex_);
    log_.push_back(line);
    logged_.notify_all();
  });
  ASSERT_TRUE(store.ok()) << store.status();
  Build(3);
  EXPECT_THAT(LogLine(1), HasSubstr("now serving"));
  EXPECT_EQ((*store)->Get()->ByEui(Eui64(kMeter))->size(), 3u);
}

TEST_F(SwapTest, WhoHoldsTheOldStoreGoesOnWithIt) {
  Build(1);
  Serve();
  const std::shared_ptr<const Store> old = store_->Get();
  Build(2);
  store_->Look();
  LogLine(1);
  EXPECT_EQ(old->ByEui(Eui64(kMeter))->size(), 1u);
  EXPECT_EQ(store_->Get()->ByEui(Eui64(kMeter))->size(), 2u);
}

TEST_F(SwapTest, ThereMustBeAStoreToBeginWith) {
  EXPECT_EQ(CurrentStore::Open(options_.store, Millis(5), nullptr).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace smki::repository::web
