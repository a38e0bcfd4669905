#include "cli/person_key.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "hsm/pkcs11/module.h"

namespace smki::cli {
namespace {

constexpr char kTokenScheme[] = "pkcs11:";
constexpr uint8_t kInterrupt = 3;  // Ctrl-C

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// While it lives the terminal shows nothing of what is typed. Interrupting is the end of a line meanwhile, so that
// nothing ends us before the terminal is as it was.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal), silent_(::tcgetattr(terminal, &before_) == 0) {
    if (!silent_) return;
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    now.c_cc[VEOL] = kInterrupt;
    silent_ = ::tcsetattr(terminal, TCSAFLUSH, &now) == 0;
  }
  ~Silence() {
    if (silent_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  bool holds() const { return silent_; }

 private:
  int terminal_;
  termios before_{};
  bool silent_;
};

// Up to the end of the line or of the input.
StatusOr<Secret> ReadLine(int fd, const std::string& what) {
  Bytes line;
  line.reserve(kMaxPin + 1);  // never moved: no copy is left behind
  const auto failed = [&](const std::string& why) {
    const Secret wiped(std::move(line));
    return FailedPrecondition("no PIN for {}: {}; nothing was signed", what, why);
  };
  for (;;) {
    uint8_t octet = 0;
    const ssize_t got = ::read(fd, &octet, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(std::strerror(errno));
    if (got == 0 || octet == '\n') break;
    if (octet == kInterrupt) return failed("interrupted");
    if (line.size() == kMaxPin) return failed(fmt::format("it is longer than {} characters", kMaxPin));
    line.push_back(octet);
  }
  if (line.empty()) return failed("it is empty");
  return Secret(std::move(line));
}

Status Say(int fd, const std::string& text) {
  return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size())
             ? OkStatus()
             : FailedPrecondition("the terminal cannot be written: {}", std::strerror(errno));
}

// Signs with the key as it lies in the token: a card lets nobody copy it.
class TokenKey : public pki::Signer {
 public:
  static StatusOr<std::unique_ptr<pki::Signer>> Open(const ClientSite& site, const PinSource& pin) {
    namespace p11 = hsm::pkcs11;
    SMKI_ASSIGN_OR_RETURN(const p11::TokenUri uri, p11::TokenUri::Parse(site.sign.key));
    SMKI_ASSIGN_OR_RETURN(const std::shared_ptr<p11::Module> module, p11::Module::Load(site.pkcs11_module, ""));
    SMKI_ASSIGN_OR_RETURN(const p11::Slot slot, module->FindToken(uri));
    SMKI_ASSIGN_OR_RETURN(std::unique_ptr<p11::Session> session, slot.OpenSession(p11::Access::kReadOnly));
    SMKI_ASSIGN_OR_RETURN(const Secret secret, pin.Read("token " + uri.token));
    const Status in = session->Login(secret);
    if (in.code() == StatusCode::kPermissionDenied) {
      return PermissionDenied("{}: {}; a token locks itself after a few wrong PINs. Next: be sure, then repeat",
                              uri.token, Message(in));
    }
    SMKI_RETURN_IF_ERROR(in);
    SMKI_ASSIGN_OR_RETURN(const p11::Object key, session->FindPrivateKey(uri.object));
    SMKI_ASSIGN_OR_RETURN(pki::PublicKey public_key, session->ReadPublicKey(uri.object));
    return std::unique_ptr<pki::Signer>(new TokenKey(std::move(session), key, std::move(public_key)));
  }
  const pki::PublicKey& public_key() const override { return public_key_; }
  StatusOr<pki::RawSignature> SignDigest(const Digest& digest) override { return session_->Sign(key_, digest); }

 private:
  TokenKey(std::unique_ptr<hsm::pkcs11::Session> session, hsm::pkcs11::Object key, pki::PublicKey public_key)
      : session_(std::move(session)), key_(key), public_key_(std::move(public_key)) {}
  std::unique_ptr<hsm::pkcs11::Session> session_;
  hsm::pkcs11::Object key_;
  pki::PublicKey public_key_;
};

}  // namespace

StatusOr<Secret> PinSource::Read(const std::string& what) const {
  if (descriptor_ >= 0) return ReadLine(descriptor_, what);
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (terminal.get() < 0) {
    return FailedPrecondition("the PIN of {} cannot be asked: there is no terminal. Next: hand it over with --pin-fd N",
                              what);
  }
  const Silence silence(terminal.get());
  if (!silence.holds()) return FailedPrecondition("the terminal would show the PIN of {}; it was not asked", what);
  SMKI_RETURN_IF_ERROR(Say(terminal.get(), "PIN of " + what + ": "));
  auto line = ReadLine(terminal.get(), what);
  SMKI_RETURN_IF_ERROR(Say(terminal.get(), "\n"));
  return line;
}

StatusOr<pki::PrivateKey> ReadPrivateKey(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Secret pem, ReadKeyFile(path));
  auto key = pki::PrivateKey::FromPem(AsText(pem.span()));
  if (!key.ok()) return WithContext(key.status(), path);
  return key;
}

StatusOr<std::unique_ptr<pki::Signer>> OpenSigningKey(const ClientSite& site, const PinSource& pin) {
  if (site.sign.key.starts_with(kTokenScheme)) return TokenKey::Open(site, pin);
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, ReadPrivateKey(site.sign.key));
  return std::unique_ptr<pki::Signer>(new pki::PrivateKey(std::move(key)));
}

}  // namespace smki::cli
