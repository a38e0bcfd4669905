// How the core calls another process. Messages are serialised protobuf; method names are gRPC's full names
// ("/smki.keyguard.v1.Keyguard/Sign"). proto/rpc has the gRPC one and typed calls; simulations put the
// other side in the same process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace smki {

class Transport {
 public:
  using Reply = std::function<void(StatusOr<std::string>)>;
  using OnMessage = std::function<void(std::string)>;
  using OnEnd = std::function<void(Status)>;

  // Ends its stream when destroyed; no callback runs after that.
  class Watch {
   public:
    virtual ~Watch() = default;
  };

  virtual ~Transport() = default;
  // Sends one request; `reply` runs once on the core's thread, with kDeadlineExceeded after `deadline`.
  // Core's thread only.
  virtual void Call(const std::string& method, std::string request, Millis deadline, Reply reply) = 0;
  // A client stream: all of `messages` in order, then one reply as for Call. Core's thread only.
  virtual void Upload(const std::string& method, std::vector<std::string> messages, Millis deadline, Reply reply) = 0;
  // A server stream: `on_message` for each message in order, then `on_end` once. Core's thread only.
  virtual std::unique_ptr<Watch> Open(const std::string& method, std::string request, OnMessage on_message,
                                      OnEnd on_end) = 0;
};

}  // namespace smki
