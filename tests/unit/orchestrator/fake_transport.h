// The other side of the core's calls, in the same process: real serialised messages, no network. A method without an
// answer is UNAVAILABLE, as a server that is away.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/transport.h"

namespace smki::orchestrator::test {

class FakeTransport : public Transport {
 public:
  using Answer = std::function<StatusOr<std::string>(const std::string& request)>;
  using UploadAnswer = std::function<StatusOr<std::string>(const std::vector<std::string>& messages)>;

  explicit FakeTransport(Executor& executor) : executor_(executor) {}

  // `f` takes the parsed request and gives StatusOr<Response>.
  template <typename Request, typename F>
  void On(const std::string& method, F f) {
    answers_[method] = [f](const std::string& octets) -> StatusOr<std::string> {
      Request request;
      SMKI_CHECK(request.ParseFromString(octets));
      auto response = f(request);
      if (!response.ok()) return response.status();
      return response->SerializeAsString();
    };
  }
  void OnUpload(const std::string& method, UploadAnswer answer) { uploads_[method] = std::move(answer); }
  void Drop(const std::string& method) { answers_.erase(method); }

  void Call(const std::string& method, std::string request, Millis, Reply reply) override {
    const auto it = answers_.find(method);
    StatusOr<std::string> answer =
        it == answers_.end() ? StatusOr<std::string>(Unavailable("{}: nobody answers", method)) : it->second(request);
    executor_.PostAfter(latency, [reply = std::move(reply), answer = std::move(answer)] { reply(answer); });
  }
  void Upload(const std::string& method, std::vector<std::string> messages, Millis, Reply reply) override {
    const auto it = uploads_.find(method);
    StatusOr<std::string> answer =
        it == uploads_.end() ? StatusOr<std::string>(Unavailable("{}: nobody answers", method)) : it->second(messages);
    executor_.PostAfter(latency, [reply = std::move(reply), answer = std::move(answer)] { reply(answer); });
  }
  std::unique_ptr<Watch> Open(const std::string& method, std::string request, OnMessage on_message,
                              OnEnd on_end) override {
    auto stream = std::make_shared<Stream>(Stream{std::move(on_message), std::move(on_end), true});
    streams_[method] = stream;
    executor_.Post([this, method, request] {
      if (on_open_.count(method) > 0) on_open_[method](request);
    });
    return std::make_unique<Handle>(stream);
  }
  // Runs when a stream of this method is opened, with the request.
  void OnOpen(const std::string& method, std::function<void(const std::string&)> f) { on_open_[method] = std::move(f); }
  // To the newest stream of this method.
  void Push(const std::string& method, std::string message) {
    const auto stream = streams_[method].lock();
    if (stream == nullptr) return;
    executor_.Post([stream, message = std::move(message)] {
      if (stream->open) stream->on_message(message);
    });
  }
  void End(const std::string& method, Status status) {
    const auto stream = streams_[method].lock();
    if (stream == nullptr) return;
    executor_.Post([stream, status] {
      if (stream->open) stream->on_end(status);
    });
  }

  Millis latency{1};

 private:
  struct Stream {
    OnMessage on_message;
    OnEnd on_end;
    bool open = true;
  };
  class Handle : public Watch {
   public:
    explicit Handle(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
    ~Handle() override { stream_->open = false; }

   private:
    std::shared_ptr<Stream> stream_;
  };

  Executor& executor_;
  std::map<std::string, Answer> answers_;
  std::map<std::string, UploadAnswer> uploads_;
  std::map<std::string, std::weak_ptr<Stream>> streams_;
  std::map<std::string, std::function<void(const std::string&)>> on_open_;
};

}  // namespace smki::orchestrator::test
