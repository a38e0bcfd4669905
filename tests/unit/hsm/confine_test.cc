// What the signer's process may and may not ask of the kernel, each tried in a process of its own.
#include "hsm/signer/confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/lock.h"
#include "base/random.h"
#include "tests/unit/hsm/soft_token.h"

namespace smki::hsm {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#elif defined(__has_feature)
constexpr bool kInstrumented = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kInstrumented = false;
#endif

constexpr int kNotConfined = 90;
constexpr int kFailed = 91;

// How a process ends that confines itself and then calls `act`, which says whether it got what it wanted.
int ResultOf(const std::function<bool()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!ConfineProcess().ok()) ::_exit(kNotConfined);
    ::_exit(act() ? 0 : kFailed);
  }
  int result = 0;
  EXPECT_EQ(::waitpid(child, &result, 0), child);
  return result;
}

struct Call {
  const char* name;
  std::function<bool()> act;
};
void PrintTo(const Call& call, std::ostream* out) {
  *out << call.name;
}

class Forbidden : public ::testing::TestWithParam<Call> {};

TEST_P(Forbidden, I5_EndsTheProcess) {
  if (kInstrumented) GTEST_SKIP() << "instrumented builds are not confined";
  const int result = ResultOf(GetParam().act);
  ASSERT_TRUE(WIFSIGNALED(result)) << "it ended with status " << WEXITSTATUS(result);
  EXPECT_EQ(WTERMSIG(result), SIGSYS);
}

// The raw call, so that nothing the C library does before it decides.
template <typename... A>
Call Raw(const char* name, long number, A... arguments) {
  return {name, [=] { return ::syscall(number, arguments...) >= 0; }};
}

const char kTrue[] = "/bin/true";

std::vector<Call> ForbiddenCalls() {
  std::vector<Call> out = {

      Raw("socket_inet", SYS_socket, AF_INET, SOCK_STREAM, 0),
      Raw("socket_inet6", SYS_socket, AF_INET6, SOCK_DGRAM, 0),
      Raw("socket_netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 0),
      Raw("socket_packet", SYS_socket, AF_PACKET, SOCK_RAW, 0),
      Raw("socketpair", SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, nullptr),
      Raw("connect", SYS_connect, 3, nullptr, 0),
      Raw("bind", SYS_bind, 3, nullptr, 0),
      Raw("listen", SYS_listen, 3, 1),
      Raw("accept", SYS_accept, 3, nullptr, nullptr),
      Raw("accept4", SYS_accept4, 3, nullptr, nullptr, 0),
      Raw("sendmsg_which_can_pass_descriptors", SYS_sendmsg, 3, nullptr, 0),
      Raw("recvmsg_which_can_take_descriptors", SYS_recvmsg, 3, nullptr, 0),
      Raw("sendto_an_address", SYS_sendto, 3, kTrue, 1, 0, kTrue, 2),
      Raw("execve", SYS_execve, kTrue, nullptr, nullptr),
      Raw("execveat", SYS_execveat, AT_FDCWD, kTrue, nullptr, nullptr, 0),
      Raw("clone_of_a_process", SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr),
      Raw("ptrace", SYS_ptrace, PTRACE_TRACEME, 0, nullptr, nullptr),
      Raw("process_vm_readv", SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0),
      Raw("process_vm_writev", SYS_process_vm_writev, 1, nullptr, 0, nullptr, 0, 0),
      Raw("pidfd_open", SYS_pidfd_open, 1, 0),
      Raw("pidfd_getfd", SYS_pidfd_getfd, 3, 0, 0),
      Raw("kill_another_process", SYS_kill, 1, 0),
      Raw("tgkill_another_process", SYS_tgkill, 1, 1, 0),
      Raw("prctl_dumpable_again", SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0),
      Raw("munlockall", SYS_munlockall),
      Raw("io_uring_setup", SYS_io_uring_setup, 1, nullptr),
      Raw("bpf", SYS_bpf, 0, nullptr, 0),
      Raw("userfaultfd", SYS_userfaultfd, 0),
      Raw("memfd_create", SYS_memfd_create, "x", 0),
      Raw("unshare", SYS_unshare, CLONE_NEWNET),
      Raw("setns", SYS_setns, 3, 0),
      Raw("mount", SYS_mount, nullptr, nullptr, nullptr, 0, nullptr),
      Raw("chroot", SYS_chroot, "/"),
      Raw("setuid", SYS_setuid, 0),
      Raw("setresuid", SYS_setresuid, 0, 0, 0),
      Raw("capset", SYS_capset, nullptr, nullptr),
      Raw("add_key", SYS_add_key, nullptr, nullptr, nullptr, 0, 0),
      Raw("keyctl", SYS_keyctl, 0, 0, 0, 0, 0),
      Raw("init_module", SYS_init_module, nullptr, 0, nullptr),
      Raw("kexec_load", SYS_kexec_load, 0, 0, nullptr, 0),
      Raw("reboot", SYS_reboot, 0, 0, 0, nullptr),
      Raw("settimeofday", SYS_settimeofday, nullptr, nullptr),
      Raw("clock_settime", SYS_clock_settime, 0, nullptr),
      Raw("fchmodat_of_a_path", SYS_fchmodat, AT_FDCWD, kTrue, 04755),
      Raw("mknodat", SYS_mknodat, AT_FDCWD, "x", 0, 0),
      Call{"a_raised_limit",
           [] {
             const rlimit more{RLIM_INFINITY, RLIM_INFINITY};
             return ::setrlimit(RLIMIT_CORE, &more) == 0;
           }},
      Call{"new_code",
           [] {
             return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                    MAP_FAILED;
           }},
      Call{"memory_made_code", [] {
             void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             return ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
           }}};
#ifdef SYS_fork
  out.push_back(Raw("fork", SYS_fork));
  out.push_back(Raw("vfork", SYS_vfork));
#endif
  return out;
}

std::string NameOf(const ::testing::TestParamInfo<Call>& call) {
  return call.param.name;
}

INSTANTIATE_TEST_SUITE_P(Confined, Forbidden, ::testing::ValuesIn(ForbiddenCalls()), NameOf);

class Allowed : public ::testing::TestWithParam<Call> {};

TEST_P(Allowed, StillWorks) {
  const int result = ResultOf(GetParam().act);
  ASSERT_TRUE(WIFEXITED(result)) << "ended by signal " << WTERMSIG(result);
  EXPECT_EQ(WEXITSTATUS(result), 0);
}

const std::string& Folder() {
  static const test::TempFolder folder;
  static const std::string path = folder / "";
  return path;
}

INSTANTIATE_TEST_SUITE_P(
    Confined, Allowed,
    ::testing::Values(Call{"durable_files",
                           [] {
                             FileSystem& files = PosixFiles();
                             const std::string path = Folder() + "kept";
                             if (!files.WriteDurably(path, Bytes{1, 2}, true).ok()) return false;
                             auto log = files.OpenAppend(Folder() + "log");
                             if (!log.ok() || !(*log)->Append(Bytes{1, 2, 3}).ok()) return false;
                             (*log)->Sync();
                             return (*log)->ReadAt(1, 2).ok() && (*log)->Truncate(1).ok() && files.Exists(path) &&
                                    files.Read(path, 10).ok() && files.List(Folder()).ok() && files.Remove(path).ok() &&
                                    files.SyncDirectory(Folder()).ok();
                           }},
                      Call{"locks_of_files",
                           [] { return FileLock::Take(Folder() + "lock", Millis(0), "in use").ok(); }},
                      Call{"record_locks_and_streams_as_SoftHSM_uses_them",
                           [] {
                             const std::string path = Folder() + "object";
                             FILE* const file = ::fopen(path.c_str(), "w+");
                             if (file == nullptr) return false;
                             struct flock lock {};
                             lock.l_type = F_WRLCK;
                             const bool locked = ::fcntl(::fileno(file), F_SETLKW, &lock) == 0;
                             const bool written =
                                 ::fputs("x", file) >= 0 && ::fflush(file) == 0 && ::ftruncate(::fileno(file), 0) == 0;
                             ::fclose(file);
                             return locked && written && ::mkdir((Folder() + "sub").c_str(), 0700) == 0 &&
                                    ::rmdir((Folder() + "sub").c_str()) == 0 && ::unlink(path.c_str()) == 0;
                           }},
                      Call{"threads",
                           [] {
                             int found = 0;
                             std::thread([&found] { found = 1; }).join();
                             return found == 1;
                           }},
                      Call{"locked_memory",
                           [] {
                             static char page[4096];
                             return ::mlock(page, sizeof page) == 0 && ::munlock(page, sizeof page) == 0;
                           }},
                      Call{"much_memory", [] { return std::make_unique<std::vector<char>>(64 << 20)->size() > 0; }},
                      Call{"poll_of_an_event",
                           [] {
                             const int fd = ::eventfd(1, EFD_CLOEXEC);
                             pollfd wanted{fd, POLLIN, 0};
                             return ::poll(&wanted, 1, 0) == 1;
                           }},
                      Call{"time_and_chance",
                           [] {
                             timespec now{};
                             return ::syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now) == 0 &&
                                    SystemRandom().Take(32).size() == 32;
                           }},
                      Call{"reading_limits",
                           [] {
                             rlimit found{};
                             return ::getrlimit(RLIMIT_MEMLOCK, &found) == 0;
                           }},
                      Call{"a_library_that_logs_to_syslog_finds_none",
                           [] {
                             ::syslog(LOG_ERR, "smki confine test");
                             return ::socket(AF_UNIX, SOCK_DGRAM, 0) < 0 && errno == EACCES;
                           }}),
    NameOf);

TEST(Confined, TheSocketToTheParentStillServes) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  const int result = ResultOf([&] {
    char octet = 0;
    return ::send(fds[1], "x", 1, MSG_NOSIGNAL) == 1 && ::recv(fds[0], &octet, 1, 0) == 1 && octet == 'x';
  });
  ::close(fds[0]);
  ::close(fds[1]);
  EXPECT_EQ(result, 0);
}

TEST(Confined, AbortEndsByItsOwnSignal) {
  const int result = ResultOf([]() -> bool { ::abort(); });
  ASSERT_TRUE(WIFSIGNALED(result));
  EXPECT_EQ(WTERMSIG(result), SIGABRT);
}

TEST(Confined, I5_AThreadThatWasThereBeforeIsConfinedToo) {
  if (kInstrumented) GTEST_SKIP() << "instrumented builds are not confined";
  const pid_t child = ::fork();
  if (child == 0) {
    const int go = ::eventfd(0, EFD_CLOEXEC);
    std::thread early([go] {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t ignored = ::read(go, &count, sizeof count);
      ::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
      ::_exit(kFailed);
    });
    if (!ConfineProcess().ok()) ::_exit(kNotConfined);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(go, &one, sizeof one);
    early.join();
  }
  int result = 0;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  ASSERT_TRUE(WIFSIGNALED(result)) << WEXITSTATUS(result);
  EXPECT_EQ(WTERMSIG(result), SIGSYS);
}

// As in a container that forbids seccomp(2).
TEST(Confined, I10_SaysSoWhenItCannotBe) {
  if (kInstrumented) GTEST_SKIP() << "instrumented builds are not confined";
  const pid_t child = ::fork();
  if (child == 0) {
    sock_filter no_seccomp[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_seccomp},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{4, no_seccomp};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(kFailed);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) ::_exit(kFailed);
    ::_exit(ConfineProcess().ok() ? 0 : kNotConfined);
  }
  int result = 0;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  ASSERT_TRUE(WIFEXITED(result));
  EXPECT_EQ(WEXITSTATUS(result), kNotConfined);
}

}  // namespace
}  // namespace smki::hsm
