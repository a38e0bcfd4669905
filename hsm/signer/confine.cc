#include "hsm/signer/confine.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <vector>

namespace smki::hsm {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "which system calls may the signer use here? hsm/signer/confine.cc knows x86_64 and aarch64"
#endif
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the halves of arguments are read in this order");

// Instrumented builds ask more of the kernel than the product does, up to a process that looks for leaks.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#elif defined(__has_feature)
constexpr bool kInstrumented = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kInstrumented = false;
#endif

constexpr uint32_t kEnd = SECCOMP_RET_KILL_PROCESS;
constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t Answer(int error) {
  return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error);
}

constexpr int kAllowed[] = {
    // Files: those of the journal and, with SoftHSM, of the token. No path can be judged here; the user can.
    __NR_read,
    __NR_readv,
    __NR_pread64,
    __NR_preadv,
    __NR_write,
    __NR_writev,
    __NR_pwrite64,
    __NR_pwritev,
    __NR_lseek,
    __NR_openat,
    __NR_close,
    __NR_fstat,
    __NR_newfstatat,
    __NR_statx,
    __NR_faccessat,
    __NR_faccessat2,
    __NR_getdents64,
    __NR_getcwd,
    __NR_readlinkat,
    __NR_mkdirat,
    __NR_unlinkat,
    __NR_linkat,
    __NR_renameat,
    __NR_renameat2,
    __NR_ftruncate,
    __NR_fallocate,
    __NR_fchmod,
    __NR_umask,
    __NR_fsync,
    __NR_fdatasync,
    __NR_flock,
    __NR_fcntl,
    __NR_dup,
    __NR_fadvise64,
#ifdef __NR_open
    __NR_open,
    __NR_stat,
    __NR_lstat,
    __NR_access,
    __NR_readlink,
    __NR_mkdir,
    __NR_rmdir,
    __NR_unlink,
    __NR_link,
    __NR_rename,
#endif
    // Memory.
    __NR_brk,
    __NR_munmap,
    __NR_mremap,
    __NR_madvise,
    __NR_mlock,
    __NR_mlock2,
    __NR_munlock,
    // Waiting, time, chance. The socket to the parent is there; recvfrom takes no address.
    __NR_ppoll,
    __NR_eventfd2,
    __NR_recvfrom,
    __NR_futex,
    __NR_nanosleep,
    __NR_clock_nanosleep,
    __NR_clock_gettime,
    __NR_clock_getres,
    __NR_gettimeofday,
    __NR_getrandom,
    __NR_sched_yield,
#ifdef __NR_poll
    __NR_poll,
    __NR_time,
#endif
    // Threads, signals, the end.
    __NR_set_robust_list,
    __NR_rseq,
    __NR_sched_getaffinity,
    __NR_membarrier,
    __NR_sigaltstack,
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
    __NR_restart_syscall,
    __NR_exit,
    __NR_exit_group,
    // Who am I.
    __NR_getpid,
    __NR_gettid,
    __NR_getppid,
    __NR_getuid,
    __NR_geteuid,
    __NR_getgid,
    __NR_getegid,
    __NR_uname,
    __NR_sysinfo,
    __NR_getrusage,
    __NR_times,
};

// A filter in the kernel's own small machine (classic BPF), which sees number and arguments of each call.
class Filter {
 public:
  void Add(uint16_t code, uint32_t k, uint8_t if_true = 0, uint8_t if_false = 0) {
    program_.push_back({code, if_true, if_false, k});
  }
  void Return(uint32_t action) { Add(BPF_RET | BPF_K, action); }
  void LoadNumber() { Add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)); }
  void LoadArgument(int index, bool upper = false) {
    const size_t at = offsetof(seccomp_data, args) + static_cast<size_t>(index) * 8 + (upper ? 4 : 0);
    Add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(at));
  }
  // Leaves the filter with `action` unless the loaded word is `value`.
  void Expect(uint32_t value, uint32_t action) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    Return(action);
  }
  void ExpectNull(int argument, uint32_t action) {
    for (const bool upper : {false, true}) {
      LoadArgument(argument, upper);
      Expect(0, action);
    }
  }
  // `rule` adds what decides about system call `number`; it must not fall through.
  template <typename Rule>
  void For(int number, Rule rule) {
    LoadNumber();
    const size_t jump = program_.size();
    Add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number));
    rule();
    const size_t length = program_.size() - jump - 1;
    SMKI_CHECK(length < 256);
    program_[jump].jf = static_cast<uint8_t>(length);
  }
  sock_fprog program() { return {static_cast<unsigned short>(program_.size()), program_.data()}; }

 private:
  std::vector<sock_filter> program_;
};

Filter MakeFilter() {
  const auto self = static_cast<uint32_t>(::getpid());
  Filter f;
  f.Add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  f.Expect(kArchitecture, kEnd);
  for (const int number : kAllowed) f.For(number, [&] { f.Return(kAllow); });
  // No code but what is loaded.
  for (const int number : {__NR_mmap, __NR_mprotect}) {
    f.For(number, [&] {
      f.LoadArgument(2);
      f.Add(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
      f.Return(kEnd);
      f.Return(kAllow);
    });
  }
  // Threads, never processes. Of clone3 the filter cannot see the flags; the C library falls back to clone.
  f.For(__NR_clone, [&] {
    f.LoadArgument(0);
    f.Add(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
    f.Return(kEnd);
    f.Return(kAllow);
  });
  f.For(__NR_clone3, [&] { f.Return(Answer(ENOSYS)); });
  // To whom the socket is connected, and nobody else.
  f.For(__NR_sendto, [&] {
    f.ExpectNull(4, kEnd);
    f.Return(kAllow);
  });
  // Libraries that complain to syslog find that there is none; any other socket is an attack.
  f.For(__NR_socket, [&] {
    f.LoadArgument(0);
    f.Expect(AF_UNIX, kEnd);
    f.Return(Answer(EACCES));
  });
  f.For(__NR_ioctl, [&] { f.Return(Answer(ENOTTY)); });
  // abort and fail points end this process; no other is touched.
  for (const int number : {__NR_kill, __NR_tgkill}) {
    f.For(number, [&] {
      f.LoadArgument(0);
      f.Expect(self, kEnd);
      f.Return(kAllow);
    });
  }
  // To read one's own limits.
  f.For(__NR_prlimit64, [&] {
    f.LoadArgument(0);
    f.Add(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
    f.Expect(self, kEnd);
    f.LoadArgument(0);  // both ways arrive here
    f.ExpectNull(2, kEnd);
    f.Return(kAllow);
  });
  f.Return(kEnd);
  return f;
}

}  // namespace

Status ConfineProcess() {
  if (kInstrumented) return OkStatus();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return FailedPrecondition("the signer cannot give up new privileges: {}", std::strerror(errno));
  Filter filter = MakeFilter();
  const sock_fprog program = filter.program();
  const long result = ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (result == 0) return OkStatus();
  const std::string why = result > 0 ? fmt::format("thread {} has a filter of its own", result) : std::strerror(errno);
  return FailedPrecondition(
      "the signer cannot be confined by seccomp: {}. Next: run it on a kernel with CONFIG_SECCOMP_FILTER (Linux 4.14 "
      "or "
      "newer), outside a container that forbids seccomp(2)",
      why);
}

}  // namespace smki::hsm
