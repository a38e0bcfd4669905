#include "repository/transfer/access.h"

#include <libssh/libssh.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "pki/digest.h"
#include "repository/extract/shown.h"

namespace smki::repository::transfer {
namespace {

constexpr size_t kMaxUrl = 1024;
constexpr size_t kMaxKnownHosts = 1 << 20;
constexpr std::string_view kScheme = "sftp://";
constexpr std::string_view kFingerprint = "SHA256:";
constexpr char kForm[] = "sftp://user@host[:port]/path";

bool IsPlain(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || more.find(c) != more.npos;
  });
}

Status ParseAuthority(std::string_view authority, RemoteFolder& out) {
  const size_t at = authority.rfind('@');
  if (at == authority.npos) return InvalidArgument("no user is named, expected {}", kForm);
  const std::string_view user = authority.substr(0, at);
  if (user.find(':') != user.npos) {
    return InvalidArgument(
        "a password does not belong there, it would be seen by everybody on this machine; use --key");
  }
  std::string_view host = authority.substr(at + 1), port = "22";
  const bool bracketed = !host.empty() && host[0] == '[';
  const size_t end = bracketed ? host.find(']') : host.find(':');
  if (bracketed && end == host.npos) return InvalidArgument("a bracket is not closed, expected {}", kForm);
  const size_t colon = bracketed ? end + 1 : end;
  if (colon < host.size()) {
    if (host[colon] != ':') return InvalidArgument("a port follows a colon, expected {}", kForm);
    port = host.substr(colon + 1);
  }
  host = bracketed ? host.substr(1, end - 1) : host.substr(0, end);
  if (!IsPlain(user, "._-") || user[0] == '-') return InvalidArgument("the user's name is not plain");
  if (!IsPlain(host, bracketed ? ":" : ".-") || host[0] == '-') return InvalidArgument("the host's name is not plain");
  const auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || last != port.data() + port.size() || out.port == 0) {
    return InvalidArgument("\"{}\" is no port", Shown(port));
  }
  out.user = std::string(user);
  out.host = std::string(host);
  return OkStatus();
}

struct DeleteKey {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
struct DeleteEntry {
  void operator()(ssh_knownhosts_entry* entry) const { ssh_knownhosts_entry_free(entry); }
};

// The key that `line` has for `host`; null if it is for another one.
std::unique_ptr<ssh_knownhosts_entry, DeleteEntry> EntryFor(const std::string& host, const std::string& line) {
  ssh_knownhosts_entry* entry = nullptr;
  if (ssh_known_hosts_parse_line(host.c_str(), line.c_str(), &entry) != SSH_OK) return nullptr;
  return std::unique_ptr<ssh_knownhosts_entry, DeleteEntry>(entry);
}

StatusOr<Digest> DigestOf(ssh_key key) {
  unsigned char* hash = nullptr;
  size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != SSH_OK) {
    return Internal("libssh cannot hash a public key");
  }
  Digest out{};
  SMKI_CHECK(size == out.size());
  std::memcpy(out.data(), hash, size);
  ssh_clean_pubkey_hash(&hash);
  return out;
}

// What libssh asks for if, and only if, a key is encrypted. Without it OpenSSL would ask at the terminal by itself.
struct Question {
  const std::string& file;
  const AskPassphrase& ask;
  Status answer;
  bool asked = false;
};
int Answer(const char*, char* buffer, size_t size, int, int, void* user) {
  auto& question = *static_cast<Question*>(user);
  question.asked = true;
  if (!question.ask) {
    question.answer = FailedPrecondition(
        "{} is encrypted, and its passphrase is only asked for at a terminal; run this at one, or use a key that is "
        "protected by other means",
        question.file);
    return -1;
  }
  const auto passphrase = question.ask(question.file);
  question.answer = passphrase.status();
  if (!passphrase.ok() || passphrase->size() + 1 > size) return -1;
  std::memcpy(buffer, passphrase->span().data(), passphrase->size());
  buffer[passphrase->size()] = 0;
  return 0;
}

StatusOr<ssh_key> ImportKey(const std::string& file, const Secret& text, const AskPassphrase& ask) {
  std::string pem = ToString(text.span());  // libssh wants an end of zero
  Question question{file, ask, OkStatus()};
  ssh_key key = nullptr;
  const int code = ssh_pki_import_privkey_base64(pem.c_str(), nullptr, Answer, &question, &key);
  Zeroise(pem);
  if (code == SSH_OK) return key;
  SMKI_RETURN_IF_ERROR(question.answer);
  if (question.asked) return PermissionDenied("{} cannot be opened: the passphrase is wrong", file);
  return InvalidArgument("{} is no private key in OpenSSH or PEM form", file);
}

}  // namespace

std::string RemoteFolder::Shown() const {
  const std::string at = host.find(':') == host.npos ? host : "[" + host + "]";
  const std::string from = path[0] == '/' ? path : path == "." ? "/~" : "/~/" + path;
  return fmt::format("{}{}@{}{}{}", kScheme, user, at, port == 22 ? "" : fmt::format(":{}", port), from);
}

StatusOr<RemoteFolder> ParseSftpUrl(std::string_view url) {
  RemoteFolder out;
  const auto wrong = [&](const Status& status) {
    // Not shown as it is: it may hold a password.
    return WithContext(status, "the address of the SFTP folder");
  };
  if (url.size() > kMaxUrl || url.substr(0, kScheme.size()) != kScheme) {
    return wrong(InvalidArgument("it does not start with sftp://, expected {}", kForm));
  }
  url.remove_prefix(kScheme.size());
  const size_t slash = url.find('/');
  const Status authority = ParseAuthority(url.substr(0, slash), out);
  if (!authority.ok()) return wrong(authority);
  std::string_view path = slash == url.npos ? "/~" : url.substr(slash);
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  if (!IsPlain(path, "/._-~ +=,@")) return wrong(InvalidArgument("the path has a character that is not plain"));
  out.path = path == "/~" ? "." : std::string(path.substr(0, 3) == "/~/" ? path.substr(3) : path);
  return out;
}

StatusOr<HostPin> HostPin::FromFingerprint(std::string_view fingerprint) {
  HostPin out;
  const bool marked = fingerprint.substr(0, kFingerprint.size()) == kFingerprint;
  const auto digest =
      marked ? FromBase64(std::string(fingerprint.substr(kFingerprint.size())) + "=") : std::optional<Bytes>();
  if (!digest || digest->size() != Digest().size()) {
    return InvalidArgument(
        "\"{}\" is no fingerprint of a host key, expected SHA256: and 43 characters, as ssh-keygen -l shows it",
        repository::Shown(fingerprint));
  }
  std::copy(digest->begin(), digest->end(), out.keys_.emplace_back().begin());
  return out;
}

StatusOr<HostPin> HostPin::FromKnownHosts(const std::string& file, std::string_view text, const RemoteFolder& at) {
  if (text.size() > kMaxKnownHosts) return InvalidArgument("{} is too large for a known_hosts file", file);
  // Without port 22 the name is "[host]:port", as OpenSSH writes it.
  const std::string host = at.port == 22 ? at.host : fmt::format("[{}]:{}", at.host, at.port);
  HostPin out;
  out.file_ = file;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (const size_t first = line.find_first_not_of(" \t"); first != line.npos && line[first] == '@') {
      return InvalidArgument(
          "{}:{}: @revoked and @cert-authority are not understood here; name the host key by its "
          "fingerprint with --host-key",
          file, number);
    }
    const auto entry = EntryFor(host, line);
    if (!entry) continue;
    SMKI_ASSIGN_OR_RETURN(const Digest digest, DigestOf(entry->publickey));
    out.keys_.push_back(digest);
    out.types_.push_back(ssh_key_type_to_char(ssh_key_type(entry->publickey)));
  }
  if (out.keys_.empty())
    return NotFound("{} has no key of {}; ask its operator for the fingerprint of its host key", file, host);
  return out;
}

bool HostPin::Accepts(const Digest& key) const {
  bool found = false;
  for (const Digest& pinned : keys_) found |= ConstantTimeEqual(pinned, key);
  return found;
}

std::string HostPin::Shown() const {
  if (file_.empty()) return Fingerprint(keys_.front());
  return fmt::format("the {} in {}", keys_.size() == 1 ? "key" : fmt::format("{} keys", keys_.size()), file_);
}

std::string Fingerprint(const Digest& key) {
  std::string text = ToBase64(key);
  text.pop_back();  // OpenSSH leaves the padding out
  return std::string(kFingerprint) + text;
}

StatusOr<ClientKey> ClientKey::Parse(const std::string& file, const Secret& text, const AskPassphrase& ask) {
  ClientKey out;
  out.file_ = file;
  SMKI_ASSIGN_OR_RETURN(const ssh_key key, ImportKey(file, text, ask));
  out.key_ = std::shared_ptr<ssh_key_struct>(key, DeleteKey());
  SMKI_ASSIGN_OR_RETURN(const Digest digest, DigestOf(key));
  out.shown_ = fmt::format("{} {}", ssh_key_type_to_char(ssh_key_type(key)), Fingerprint(digest));
  return out;
}

}  // namespace smki::repository::transfer
