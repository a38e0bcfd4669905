// A child process of a rehearsal: started with posix_spawn in a process group of its own, its output in files or pipes,
// never left behind.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace smki::sim {

struct ProcessExit {
  int code = 0;     // exit code, or 128 + signal
  std::string out;  // what it printed, if it was captured
  std::string err;
};

// From now on SIGINT and SIGTERM do not end this process: they are noted, and RunProcess returns kCancelled.
void CatchInterrupts();
bool Interrupted();
void ForgetInterrupt();

// Runs a program to its end and captures what it prints (at most 64 MiB each). `environment`: "NAME=value" lines added
// to ours.
StatusOr<ProcessExit> RunProcess(const std::vector<std::string>& command,
                                 const std::vector<std::string>& environment = {},
                                 std::optional<Millis> limit = std::nullopt);

// A server that runs until it is ended.
class Process {
 public:
  // Starts `command`, standard error appended to `log`, and waits until it prints a line that contains
  // `ready` on standard output (which goes on to `log` as well). It is ended when the thread that started it ends,
  // however that is. An error holds the last lines of the log.
  static StatusOr<std::unique_ptr<Process>> Start(const std::vector<std::string>& command,
                                                  const std::vector<std::string>& environment, const std::string& log,
                                                  const std::string& ready, Millis limit);
  ~Process();  // kills

  pid_t pid() const { return pid_; }
  // True until it has ended (collects the exit status when it has).
  bool Running();
  // SIGTERM, then SIGKILL after `grace`; waits. The exit code as in ProcessExit.
  int Stop(Millis grace);
  int Kill();
  // Waits for it to end by itself. The exit code, or nullopt after `limit`.
  std::optional<int> Wait(Millis limit);

 private:
  Process() = default;
  void PumpInto(const std::string& log, std::string printed);
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int out_ = -1;
  int stop_pump_ = -1;  // eventfd
  std::thread pump_;    // standard output to the log, so that the pipe never fills
  std::optional<int> exit_;
};

// The folder of the running program: its siblings are the other programs.
std::string OwnFolder();

}  // namespace smki::sim
