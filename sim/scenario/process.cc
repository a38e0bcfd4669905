#include "sim/scenario/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/clock.h"

extern char** environ;

namespace smki::sim {
namespace {

constexpr size_t kMaxCapture = 64 << 20;
constexpr char kSetpriv[] = "/usr/bin/setpriv";  // util-linux, on every Debian machine

std::atomic<bool> interrupted{false};

struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) == 0) {
      read_end = ends[0];
      write_end = ends[1];
    }
  }
  ~Pipe() {
    CloseWrite();
    if (read_end >= 0) ::close(read_end);
  }
  void CloseWrite() {
    if (write_end >= 0) ::close(write_end);
    write_end = -1;
  }
  int TakeRead() {
    const int fd = read_end;
    read_end = -1;
    return fd;
  }
};

// Starts `command` with the given standard output and error (-1: an append to `log`).
StatusOr<pid_t> Spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment, int out,
                      int err, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<std::string> variables = environment;
  for (char** v = environ; *v != nullptr; ++v) {
    const std::string variable = *v;
    const std::string name = variable.substr(0, variable.find('=') + 1);
    bool replaced = false;
    for (const std::string& added : environment) replaced = replaced || added.rfind(name, 0) == 0;
    if (!replaced) variables.push_back(variable);
  }
  std::vector<char*> envp;
  for (const std::string& variable : variables) envp.push_back(const_cast<char*>(variable.c_str()));
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (out >= 0) posix_spawn_file_actions_adddup2(&actions, out, 1);
  if (err >= 0) posix_spawn_file_actions_adddup2(&actions, err, 2);
  if (err < 0) posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return Unavailable("cannot start {}: {}", command[0], std::strerror(error));
  return pid;
}

int ExitCodeOf(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string LastLines(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

// Time left of `limit`, in poll's milliseconds.
class Deadline {
 public:
  explicit Deadline(std::optional<Millis> limit) : limit_(limit), start_(SystemClock().SinceBoot()) {}
  int Left() const {
    if (!limit_) return -1;
    const auto left = *limit_ - std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start_);
    return left.count() < 0 ? 0 : static_cast<int>(left.count());
  }

 private:
  std::optional<Millis> limit_;
  std::chrono::nanoseconds start_;
};

}  // namespace

void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}
bool Interrupted() {
  return interrupted;
}
void ForgetInterrupt() {
  interrupted = false;
}

StatusOr<ProcessExit> RunProcess(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                                 std::optional<Millis> limit) {
  Pipe out, err;
  SMKI_ASSIGN_OR_RETURN(const pid_t pid, Spawn(command, environment, out.write_end, err.write_end, ""));
  out.CloseWrite();
  err.CloseWrite();
  ProcessExit result;
  const Deadline deadline(limit);
  pollfd polls[2] = {{out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}};
  std::string* texts[2] = {&result.out, &result.err};
  bool in_time = true;
  while (polls[0].fd >= 0 || polls[1].fd >= 0) {
    if (Interrupted()) break;
    const int ready = ::poll(polls, 2, deadline.Left());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      in_time = false;
      break;
    }
    for (int i = 0; i < 2; ++i) {
      if (polls[i].fd < 0 || polls[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t n = ::read(polls[i].fd, buffer, sizeof buffer);
      if (n > 0 && texts[i]->size() < kMaxCapture) texts[i]->append(buffer, static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno != EINTR)) polls[i].fd = -1;
    }
  }
  if (!in_time || Interrupted()) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (Interrupted()) return Error(StatusCode::kCancelled, "interrupted");
  if (!in_time) return Error(StatusCode::kDeadlineExceeded, "{} did not end within {} ms", command[0], limit->count());
  result.code = ExitCodeOf(status);
  return result;
}

StatusOr<std::unique_ptr<Process>> Process::Start(const std::vector<std::string>& command,
                                                  const std::vector<std::string>& environment, const std::string& log,
                                                  const std::string& ready, Millis limit) {
  Pipe out;
  std::vector<std::string> bound = {kSetpriv, "--pdeathsig", "TERM", "--"};
  if (::access(kSetpriv, X_OK) != 0) bound.clear();
  bound.insert(bound.end(), command.begin(), command.end());
  SMKI_ASSIGN_OR_RETURN(const pid_t pid, Spawn(bound, environment, out.write_end, -1, log));
  out.CloseWrite();
  std::unique_ptr<Process> process(new Process);
  process->pid_ = pid;
  process->pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  process->out_ = out.TakeRead();
  std::string printed;
  const Deadline deadline(limit);
  while (printed.find(ready) == std::string::npos) {
    pollfd poll{process->out_, POLLIN, 0};
    const int n = ::poll(&poll, 1, deadline.Left());
    if (n < 0 && errno == EINTR) continue;
    char buffer[4096];
    const ssize_t got = n > 0 ? ::read(process->out_, buffer, sizeof buffer) : 0;
    if (got <= 0) {
      const bool ended = n > 0;
      process->Kill();
      return Unavailable("{} {}: {}{}", command[0], ended ? "ended before it was ready" : "was not ready in time",
                         printed, LastLines(log));
    }
    printed.append(buffer, static_cast<size_t>(got));
  }
  process->PumpInto(log, std::move(printed));
  return process;
}

void Process::PumpInto(const std::string& log, std::string printed) {
  stop_pump_ = ::eventfd(0, EFD_CLOEXEC);
  pump_ = std::thread([this, log, text = std::move(printed)]() mutable {
    std::ofstream out(log, std::ios::binary | std::ios::app);
    pollfd polls[2] = {{out_, POLLIN, 0}, {stop_pump_, POLLIN, 0}};
    while (true) {
      out << text << std::flush;
      while (::poll(polls, 2, -1) < 0 && errno == EINTR) {
      }
      char buffer[4096];
      const ssize_t got = polls[0].revents != 0 ? ::read(out_, buffer, sizeof buffer) : 0;
      if (got <= 0) return;
      text.assign(buffer, static_cast<size_t>(got));
    }
  });
}

Process::~Process() {
  Kill();
  if (pump_.joinable()) {
    const uint64_t one = 1;
    (void)!::write(stop_pump_, &one, sizeof one);
    pump_.join();
  }
  if (stop_pump_ >= 0) ::close(stop_pump_);
  if (pidfd_ >= 0) ::close(pidfd_);
  if (out_ >= 0) ::close(out_);
}

bool Process::Running() {
  return !Wait(Millis(0)).has_value();
}

std::optional<int> Process::Wait(Millis limit) {
  if (exit_) return exit_;
  const Deadline deadline(limit);
  while (true) {
    int status = 0;
    const pid_t got = ::waitpid(pid_, &status, WNOHANG);
    if (got == pid_) {
      exit_ = ExitCodeOf(status);
      return exit_;
    }
    if (got < 0 && errno != EINTR) {
      exit_ = 128;
      return exit_;
    }
    pollfd poll{pidfd_, POLLIN, 0};
    const int left = deadline.Left();
    if (left == 0) return std::nullopt;
    ::poll(&poll, 1, left);
  }
}

int Process::Kill() {
  if (exit_) return *exit_;
  ::kill(-pid_, SIGKILL);
  return *Wait(Millis(60'000));
}

int Process::Stop(Millis grace) {
  if (exit_) return *exit_;
  ::kill(pid_, SIGTERM);
  if (const auto code = Wait(grace)) return *code;
  return Kill();
}

std::string OwnFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

}  // namespace smki::sim
