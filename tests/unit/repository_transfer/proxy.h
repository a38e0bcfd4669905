// Between client and server: counts octets, and at a chosen one does something and cuts the connection, so that "in the
// middle of a transfer" is the same place every time.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace smki::repository::transfer::test {

class Proxy {
 public:
  Proxy();
  ~Proxy();  // a waiting `then` must have returned
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const { return port_; }
  void Target(int port) { target_ = port; }

  enum class Way { kDown, kUp };  // down: from the server to the client
  enum class After { kCut, kGoOn };
  // Once, when exactly `octets` have passed that way since this call: runs `then` on the proxy's thread, then cuts.
  void At(Way way, uint64_t octets, std::function<void()> then, After after = After::kCut);
  void CutAt(uint64_t octets) {
    At(Way::kDown, octets, [] {});
  }

  uint64_t down() const { return down_; }
  uint64_t up() const { return up_; }
  int connections() const { return connections_; }
  void Forget() { down_ = up_ = 0, connections_ = 0; }

 private:
  struct Plan {
    Way way;
    uint64_t left;
    std::function<void()> then;
    After after;
  };
  void Run();
  void Serve(int client);
  // False when the connection has ended.
  bool Pass(int from, int to, Way way);

  int listener_ = -1, port_ = 0;
  int stop_ = -1;
  std::atomic<int> target_{0}, connections_{0};
  std::atomic<uint64_t> down_{0}, up_{0};
  std::mutex mutex_;
  std::optional<Plan> plan_;
  std::thread thread_;
};

// A port of 127.0.0.1 that is free now.
int FreePort();

}  // namespace smki::repository::transfer::test
