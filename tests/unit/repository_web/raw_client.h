// A client of the service that sends exactly what it is told, and a server to send it to. Every wait is for the socket
// or for a line of the access log; kPatience only ends a test that has failed already.
#pragma once

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "repository/web/schema.h"
#include "repository/web/server.h"
#include "tests/unit/repository_web/list_store.h"

namespace smki::repository::web {

inline constexpr Millis kPatience{30'000};
inline constexpr Millis kSoon{40};  // a limit that a test wants broken

struct HttpReply {
  int status = 0;  // 0: the connection ended before a whole answer
  std::string head, body;
};

class RawClient {
 public:
  // `receive_buffer`: octets the kernel keeps for us; 0: as it likes.
  explicit RawClient(const std::string& address, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const size_t colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  // False if the other side takes no more.
  bool Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // True once the other side has ended the connection or sent something.
  bool Readable(Millis within = kPatience) {
    pollfd wait{fd_, POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(within.count())) > 0;
  }
  // `bodiless`: the answer to HEAD.
  HttpReply Read(bool bodiless = false) {
    HttpReply out;
    size_t head = std::string::npos;
    while ((head = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return out;
    }
    out.head = pending_.substr(0, head + 2);
    pending_.erase(0, head + 4);
    size_t size = 0;
    if (const size_t at = out.head.find("Content-Length: "); at != std::string::npos && !bodiless) {
      size = std::stoul(out.head.substr(at + 16));
    }
    while (pending_.size() < size) {
      if (!Receive()) return out;
    }
    out.body = pending_.substr(0, size);
    pending_.erase(0, size);
    out.status = std::stoi(out.head.substr(out.head.find(' ') + 1));
    return out;
  }
  HttpReply Ask(const std::string& request) { return Send(request) ? Read() : HttpReply{}; }
  // Reads to the end; true if it came without another octet.
  bool Ended() {
    const bool nothing = pending_.empty();
    pending_.clear();
    while (Receive()) {
    }
    return nothing && pending_.empty() && !timed_out_;
  }

 private:
  bool Receive() {
    if (!Readable()) {
      ADD_FAILURE() << "nothing came and the connection stayed open";
      timed_out_ = true;
      return false;
    }
    char piece[65536];
    const ssize_t n = ::recv(fd_, piece, sizeof piece, 0);
    if (n <= 0) return false;
    pending_.append(piece, static_cast<size_t>(n));
    return true;
  }

  const int fd_;
  bool connected_ = false, timed_out_ = false;
  std::string pending_;
};

inline std::string Post(std::string_view path, const std::string& body, const std::string& more = "") {
  return fmt::format("POST {} HTTP/1.1\r\nHost: r\r\nContent-Type: application/xml\r\n{}Content-Length: {}\r\n\r\n{}",
                     path, more, body.size(), body);
}
inline const std::string kHealth = "GET /health HTTP/1.1\r\nHost: r\r\n\r\n";

// The access log in memory.
class Recorder : public AccessLog {
 public:
  bool Write(const Access& access) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(access);
    more_.notify_all();
    return takes_lines;
  }
  void Flush() override {}
  smki::Status Reopen() override { return OkStatus(); }
  // The first `count` lines, once they are there.
  std::vector<Access> Lines(size_t count) {
    std::unique_lock lock(mutex_);
    more_.wait_for(lock, kPatience, [&] { return lines_.size() >= count; });
    EXPECT_GE(lines_.size(), count);
    return lines_;
  }
  bool takes_lines = true;

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<Access> lines_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    options_.listen = "127.0.0.1:0";
    options_.store = [this] { return store_; };
    options_.access_log = &access_;
    // A test lowers the one limit it is about; no other may do its work.
    ServerLimits& limits = options_.limits;
    for (Millis* limit : {&limits.request_time, &limits.idle_time, &limits.answer_time}) *limit = kPatience * 10;
    limits.linger_time = kSoon;  // clients here stay till their test ends
    options_.log = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      log_ += line + "\n";
    };
  }
  void Start() {
    auto server = Server::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  std::string address() const { return server_->address(); }
  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  std::shared_ptr<ListStore> store_ = std::make_shared<ListStore>(
      std::vector<CertificateRecord>{Device(kMeter, "4df56e92"), Organisation(kSupplier, "469afec2", 2)});
  Recorder access_;
  ServerOptions options_;
  std::mutex mutex_;
  std::string log_;
  std::unique_ptr<Server> server_;  // ends first
};

}  // namespace smki::repository::web
