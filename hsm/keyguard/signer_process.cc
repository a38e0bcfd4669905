#include "hsm/keyguard/signer_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <deque>
#include <future>
#include <thread>

#include "procedures/reason.h"

extern char** environ;

namespace smki::hsm {
namespace {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

constexpr size_t kReadSize = 1 << 20;
constexpr size_t kMaxInFlight = 8;  // enough to keep the key busy while answers travel
constexpr size_t kMaxWaiting = 1024;
constexpr int kSocketBuffer = 4 << 20;
constexpr int kChildFd = 3;
constexpr auto kRestartDelay = std::chrono::seconds(1);
constexpr auto kEndGrace = std::chrono::seconds(5);

Status FromErrno(const std::string& what, int error) {
  return Unavailable("{}: {}", what, std::strerror(error));
}

bool StartsWith(const char* entry, std::string_view start) {
  return std::string_view(entry).starts_with(start);
}

// Of our environment the child gets what says where SoftHSM is configured, and fail points of tests: no search path, no
// LD_PRELOAD. A fail point that has killed one child must not kill its successors too.
std::vector<char*> ChildEnvironment(bool with_fail_point) {
  std::vector<char*> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const bool needed = StartsWith(*entry, "SOFTHSM2_CONF=") || StartsWith(*entry, "SMKI_");
    if (!needed || (!with_fail_point && StartsWith(*entry, "SMKI_FAIL_POINT="))) continue;
    out.push_back(*entry);
  }
  out.push_back(nullptr);
  return out;
}

struct Spawned {
  pid_t pid = -1;
  int fd = -1;
};

StatusOr<Spawned> Spawn(const std::string& program, bool with_fail_point) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return FromErrno("socketpair", errno);
  for (const int fd : fds) {
    // Best effort; larger buffers save wake-ups.
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, fds[1], kChildFd);
  sigset_t none, ours;
  ::sigemptyset(&none);
  ::sigemptyset(&ours);
  for (const int signal : {SIGTERM, SIGINT, SIGPIPE}) ::sigaddset(&ours, signal);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &ours);
  // A group of its own: an interrupt at the terminal reaches the keyguard, which ends the child in order.
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string argument0 = program, argument1 = "--fd", argument2 = std::to_string(kChildFd);
  char* arguments[] = {argument0.data(), argument1.data(), argument2.data(), nullptr};
  std::vector<char*> environment = ChildEnvironment(with_fail_point);
  Spawned out;
  const int error = ::posix_spawn(&out.pid, program.c_str(), &actions, &attributes, arguments, environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  ::close(fds[1]);
  if (error != 0) {
    ::close(fds[0]);
    return FromErrno("the signer " + program + " cannot be started", error);
  }
  out.fd = fds[0];
  return out;
}

}  // namespace

struct SignerProcess::Impl {
  struct Request {
    std::vector<Bytes> frames;
    Reply reply;
  };

  Impl(std::string the_program, ConfigureFrame the_configuration)
      : program(std::move(the_program)), configuration(std::move(the_configuration)) {}

  // --- Everything below runs on the I/O thread. ---

  Status StartChild() {
    auto spawned = Spawn(program, with_fail_point);
    if (!spawned.ok()) return spawned.status();
    pid = spawned->pid;
    configured = false;
    reader = FrameReader();
    socket.emplace(io, asio::local::stream_protocol(), spawned->fd);
    // In front of everything that waits: the child wants it first.
    waiting.push_front({{MakeFrame(FrameType::kConfigure, configuration)},
                        [this](StatusOr<Bytes> answer) { OnConfigured(answer.status()); }});
    configuring = true;
    Read();
    Send();
    return OkStatus();
  }

  void OnConfigured(const Status& status) {
    configuring = false;
    configured = status.ok();
    if (started) {
      started(status);
      started = nullptr;
    } else if (!status.ok()) {
      spdlog::error("the signer cannot start: {}", Message(status));
    }
    if (status.ok()) Send();
  }

  void Read() {
    const std::span<uint8_t> room = reader.Room(kReadSize);
    socket->async_read_some(asio::buffer(room.data(), room.size()),
                            [this, child = child_number](const boost::system::error_code& error, size_t size) {
                              if (child != child_number) return;
                              if (error) {
                                OnChildEnd();
                                return;
                              }
                              reader.Filled(size);
                              if (TakeAnswers()) Read();
                            });
  }

  // False when the child had to be given up.
  bool TakeAnswers() {
    while (true) {
      auto frame = reader.Next();
      const bool good = frame.ok() && (!*frame || !in_flight.empty());
      if (!good) {
        ::kill(pid, SIGKILL);
        OnChildEnd();
        return false;
      }
      if (!*frame) return true;
      Request request = std::move(in_flight.front());
      in_flight.pop_front();
      Send();
      request.reply(ResultOf(**frame));
    }
  }

  static StatusOr<Bytes> ResultOf(Frame& frame) {
    if (frame.type == FrameType::kOk) return std::move(frame.payload);
    const auto error = DecodePayload<ErrorFrame>(frame.payload);
    if (frame.type != FrameType::kError || !error.ok()) return Internal("the signer's answer makes no sense");
    return StatusOf(*error);
  }

  void Send() {
    if (writing || !socket || in_flight.size() >= kMaxInFlight || waiting.empty()) return;
    if (configuring && !in_flight.empty()) return;
    writing = true;
    in_flight.push_back(std::move(waiting.front()));
    waiting.pop_front();
    std::vector<asio::const_buffer> buffers;
    for (const Bytes& frame : in_flight.back().frames) buffers.emplace_back(frame.data(), frame.size());
    asio::async_write(*socket, buffers, [this, child = child_number](const boost::system::error_code&, size_t) {
      if (child != child_number) return;
      writing = false;
      Send();  // an error shows in Read, too
    });
  }

  void OnChildEnd() {
    socket.reset();
    writing = false;
    ++child_number;
    int result = 0;
    while (::waitpid(pid, &result, 0) < 0 && errno == EINTR) {
    }
    pid = -1;
    const bool orderly = WIFEXITED(result) && WEXITSTATUS(result) == 0;
    if (WIFSIGNALED(result)) with_fail_point = false;
    if (WIFSIGNALED(result) && WTERMSIG(result) == SIGSYS) {
      spdlog::critical(
          "the signer asked the kernel for what it must not have and was ended; look who is in this machine");
    }
    if (configured && !orderly && !stopping) spdlog::error("the signer ended unexpectedly; the key is closed");
    std::deque<Request> unanswered;
    unanswered.swap(in_flight);
    while (!unanswered.empty()) {
      Request request = std::move(unanswered.back());
      unanswered.pop_back();
      // An orderly child answered all that it read: its successor takes the rest as if nothing had been sent.
      if (!stopping && configured && (orderly || IsHarmless(request))) {
        waiting.push_front(std::move(request));
      } else {
        request.reply(procedures::Refuse(procedures::Reason::kKEY_CLOSED, "the signer ended unexpectedly"));
      }
    }
    if (!stopping) Restart(!configured);
    if (stopping && stopped) stopped();
  }

  // May be asked twice.
  static bool IsHarmless(const Request& request) {
    const auto type = static_cast<FrameType>(request.frames[0][4]);
    return type == FrameType::kStatus || type == FrameType::kGetCeremony || type == FrameType::kRefusal;
  }

  void Restart(bool later) {
    if (!first_child_ok) return;  // Start reports why
    if (!later && StartChild().ok()) return;
    for (Request& request : waiting) request.reply(Unavailable("the signer cannot start; see the keyguard's log"));
    waiting.clear();
    timer.expires_after(kRestartDelay);
    timer.async_wait([this](const boost::system::error_code& error) {
      if (!error && !stopping) Restart(false);
    });
  }

  void Accept(Request request) {
    if (stopping || (pid < 0 && !socket)) {
      request.reply(Unavailable("the signer is not running; try again in a moment"));
    } else if (waiting.size() >= kMaxWaiting) {
      request.reply(Unavailable("{} requests are waiting for the signer already; send fewer at once", waiting.size()));
    } else {
      waiting.push_back(std::move(request));
      Send();
    }
  }

  const std::string program;
  const ConfigureFrame configuration;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::steady_timer timer{io};
  std::optional<Socket> socket;
  pid_t pid = -1;
  uint64_t child_number = 0;  // whose handlers these are
  FrameReader reader;
  std::deque<Request> waiting, in_flight;
  bool writing = false;
  bool configuring = false;
  bool configured = false;
  bool first_child_ok = false;
  bool stopping = false;
  bool with_fail_point = true;
  std::function<void(Status)> started;
  std::function<void()> stopped;
  std::thread thread;
};

StatusOr<std::unique_ptr<SignerProcess>> SignerProcess::Start(const std::string& program,
                                                              ConfigureFrame configuration) {
  auto impl = std::make_unique<Impl>(program, std::move(configuration));
  Impl* const p = impl.get();
  std::promise<Status> first;
  asio::post(p->io, [p, &first] {
    p->started = [p, &first](const Status& status) {
      p->first_child_ok = status.ok();
      first.set_value(status);
    };
    const Status spawned = p->StartChild();
    if (!spawned.ok()) p->OnConfigured(spawned);
  });
  p->thread = std::thread([p] { p->io.run(); });
  auto out = std::unique_ptr<SignerProcess>(new SignerProcess(std::move(impl)));
  SMKI_RETURN_IF_ERROR(first.get_future().get());
  return out;
}

SignerProcess::SignerProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SignerProcess::~SignerProcess() {
  Impl* const p = impl_.get();
  auto ended = std::make_shared<std::promise<void>>();
  auto future = ended->get_future();
  asio::post(p->io, [p, ended] {
    p->stopping = true;
    p->stopped = [ended] { ended->set_value(); };
    if (p->pid < 0) {
      ended->set_value();
    } else if (p->socket) {
      // The child sees the end of its requests, closes the key in order and ends.
      boost::system::error_code ignored;
      p->socket->shutdown(Socket::shutdown_send, ignored);
    }
  });
  if (future.wait_for(kEndGrace) != std::future_status::ready) {
    asio::post(p->io, [p] {
      if (p->pid > 0) ::kill(p->pid, SIGKILL);
    });
    future.wait_for(kEndGrace);
  }
  p->work.reset();
  p->io.stop();
  p->thread.join();
}

void SignerProcess::Call(std::vector<Bytes> frames, Reply reply) {
  asio::post(impl_->io, [p = impl_.get(), request = Impl::Request{std::move(frames), std::move(reply)}]() mutable {
    p->Accept(std::move(request));
  });
}

}  // namespace smki::hsm
