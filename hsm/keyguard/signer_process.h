// The signer as a child process, and the one thread that talks to it.
//
// There is always one child; each serves at most one activation. When an activation ends, its child ends and the next,
// with empty memory, takes its place. What such a child had not read yet is given to its successor. When a child dies
// unexpectedly, everything it had not answered fails with KEY_CLOSED; its journal survives (I5).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "hsm/signer/frames.h"

namespace smki::hsm {

class SignerProcess {
 public:
  // The payload of kOk, or the error. Runs on the I/O thread; must not block.
  using Reply = std::function<void(StatusOr<Bytes>)>;

  // Starts the first child and waits until it is configured; its complaint (token, identity, journal) is the error.
  static StatusOr<std::unique_ptr<SignerProcess>> Start(const std::string& program, ConfigureFrame configuration);
  // Ends the child in order, waiting a few seconds at most; requests not answered by then fail.
  ~SignerProcess();

  // Sends `frames`, of which only the last has an answer. Any thread. Bounded: kUnavailable when too much is waiting.
  void Call(std::vector<Bytes> frames, Reply reply);
  void Call(Bytes frame, Reply reply) { Call(std::vector<Bytes>{std::move(frame)}, std::move(reply)); }

 private:
  struct Impl;
  explicit SignerProcess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace smki::hsm
