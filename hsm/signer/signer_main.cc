// smki-signer: the child of smki-keyguard that holds the key. It talks to nobody but its parent, over one socket, and
// ends with its activation or with its parent (docs/formats/signer-frames.md).
#include <grp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/lock.h"
#include "hsm/signer/confine.h"
#include "hsm/signer/identity_key.h"
#include "hsm/signer/signer.h"

namespace smki::hsm {
namespace {

constexpr size_t kReadSize = 1 << 20;
constexpr size_t kMaxPem = 64 * 1024;
constexpr int kTickMillis = 1000;
constexpr Millis kLastSignerEnds{5000};  // one whose keyguard was killed finishes its batch
// More than this many Signs under way keep no key busier.
constexpr int kMaxThreads = 16;

// The key's process leaves nothing behind that others could read.
void HideMemory() {
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  rlimit lockable{};
  // With a limit, memory that is locked ahead of its use would fail later, at the worst time.
  if (::geteuid() == 0 || (::getrlimit(RLIMIT_MEMLOCK, &lockable) == 0 && lockable.rlim_cur == RLIM_INFINITY)) {
    ::mlockall(MCL_CURRENT | MCL_FUTURE);
  }
}

// For good: neither this process nor a thief in it gets back what it was.
Status BecomeUser(uint32_t user, uint32_t group) {
  if (user == 0) return OkStatus();
  // What is locked from now on would count against the limit of a user.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  // Not allowed here: unlocked memory may be swapped out, but what is locked could not grow, not even the stack.
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0) ::munlockall();
  const bool became =
      ::setgroups(0, nullptr) == 0 && ::setresgid(group, group, group) == 0 && ::setresuid(user, user, user) == 0;
  if (!became) return FailedPrecondition("the signer cannot become user {}: {}", user, std::strerror(errno));
  if (::setresuid(0, 0, 0) == 0) return FailedPrecondition("the signer became user {} but can go back to root", user);
  ::prctl(PR_SET_DUMPABLE, 0);  // a change of user may have reset it
  return OkStatus();
}

class Parent {
 public:
  explicit Parent(int fd) : fd_(fd) {}
  int fd() const { return fd_; }

  // False when the parent is gone.
  bool Read() {
    const std::span<uint8_t> room = reader_.Room(kReadSize);
    ssize_t count = 0;
    do {
      count = ::read(fd_, room.data(), room.size());
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return false;
    reader_.Filled(static_cast<size_t>(count));
    return true;
  }
  StatusOr<std::optional<Frame>> Next() { return reader_.Next(); }

  bool Write(ByteSpan octets) {
    while (!octets.empty()) {
      const ssize_t count = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      octets = octets.subspan(static_cast<size_t>(count));
    }
    return true;
  }

 private:
  int fd_;
  FrameReader reader_;
};

// What ends with the process in this order: the signer's sessions, then the module.
struct Running {
  FileLock journal;  // two signers would each count and burn for themselves
  std::shared_ptr<pkcs11::Module> module;
  std::unique_ptr<Signer> signer;
};

StatusOr<Running> Configure(const Frame& frame) {
  if (frame.type != FrameType::kConfigure) return InvalidArgument("the first frame must configure the signer");
  SMKI_ASSIGN_OR_RETURN(ConfigureFrame c, DecodePayload<ConfigureFrame>(frame.payload));
  SMKI_RETURN_IF_ERROR(BecomeUser(c.user, c.group));
  SMKI_ASSIGN_OR_RETURN(const Bytes certificate_pem, PosixFiles().Read(c.identity_certificate, kMaxPem));
  SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::FromPem(AsText(certificate_pem)));
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey identity, ReadIdentityKey(c.identity_key));
  if (identity.public_key() != *certificate.public_key) {
    return InvalidArgument("{} is not the key of {}", c.identity_key, c.identity_certificate);
  }
  Running out;
  SMKI_ASSIGN_OR_RETURN(
      out.journal,
      FileLock::Take(c.journal + ".lock", kLastSignerEnds,
                     fmt::format("{} is in use by another process. Next: stop that keyguard first", c.journal)));
  SMKI_ASSIGN_OR_RETURN(out.module, pkcs11::Module::Load(c.module, c.softhsm_config));
  const int threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
  KeyTokens tokens;
  for (const NamedKey& key : c.keys) {
    SMKI_ASSIGN_OR_RETURN(tokens[key.name], FindKeyToken(*out.module, key.name, key.uri, threads));
  }
  const std::string revocation_list = DirectoryOf(c.journal) + "/persons.crl";
  SMKI_ASSIGN_OR_RETURN(
      out.signer, Signer::Make({SystemClock(), SystemRandom(), PosixFiles(), c.journal, revocation_list,
                                std::move(identity), std::move(certificate), std::move(c.policy), std::move(tokens)}));
  // Now everything is open that must be found by name; no foreign octet has been read yet.
  SMKI_RETURN_IF_ERROR(ConfineProcess());
  return out;
}

bool WriteAnswers(Parent& parent, Signer& signer, bool wait) {
  for (const Bytes& answer : signer.TakeAnswers(wait)) {
    if (!parent.Write(answer)) return false;
  }
  return true;
}

// Submits every whole frame. False when the activation has ended or the parent talks nonsense.
bool TakeRequests(Parent& parent, Signer& signer) {
  while (!signer.ended()) {
    auto frame = parent.Next();
    if (!frame.ok()) return false;
    if (!*frame) return true;
    signer.Submit(*std::move(*frame));
    if (!WriteAnswers(parent, signer, false)) return false;
  }
  return false;
}

int Serve(Parent& parent, Signer& signer) {
  while (true) {
    pollfd fds[] = {{parent.fd(), POLLIN, 0}, {signer.ready_fd(), POLLIN, 0}};
    if (::poll(fds, 2, kTickMillis) < 0 && errno != EINTR) return 1;
    signer.Tick();
    bool more = !signer.ended();
    if (more && fds[0].revents != 0) more = parent.Read() && TakeRequests(parent, signer);
    if (more) more = WriteAnswers(parent, signer, false);
    if (more && !signer.ended()) continue;
    if (!signer.ended()) signer.Shutdown("the keyguard ended");
    return WriteAnswers(parent, signer, true) ? 0 : 1;
  }
}

int Main(int fd) {
  HideMemory();
  Parent parent(fd);
  while (true) {
    if (!parent.Read()) return 0;
    auto first = parent.Next();
    if (!first.ok()) return 1;
    if (!*first) continue;
    StatusOr<Running> running = Configure(**first);
    if (!running.ok()) {
      parent.Write(MakeErrorFrame(running.status()));
      return 1;
    }
    if (!parent.Write(MakeFrame(FrameType::kOk, EmptyFrame{}))) return 1;
    const int result = TakeRequests(parent, *running->signer) ? Serve(parent, *running->signer) : 0;
    running->signer.reset();
    return result;
  }
}

}  // namespace
}  // namespace smki::hsm

int main(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "--fd") != 0) {
    std::fprintf(stderr,
                 "smki-signer is started by smki-keyguard; start that one: smki-keyguard --site keyguard.yaml\n");
    return 2;
  }
  return smki::hsm::Main(static_cast<int>(std::strtol(argv[2], nullptr, 10)));
}
