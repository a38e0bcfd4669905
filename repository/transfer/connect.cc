// How an Sftp comes to be: options, key exchange, host key, authentication.
#include <libssh/libssh.h>
#include <libssh/sftp.h>

#include <cstring>

#include "repository/extract/shown.h"
#include "repository/transfer/sftp.h"

namespace smki::repository::transfer {
namespace {

// Nothing with SHA-1, CBC or a key of less than 128 bits of strength.
constexpr char kExchanges[] =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512";
constexpr char kCiphers[] =
    "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";
constexpr char kMacs[] = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
constexpr char kHostKeys[] =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";
constexpr int kLeastRsa = 2048;

// The host key algorithms for keys of these types; all of them if none is named.
std::string AlgorithmsFor(const std::vector<std::string>& types) {
  if (types.empty()) return kHostKeys;
  std::string out;
  for (const std::string& type : types) {
    out += (out.empty() ? "" : ",") + (type == "ssh-rsa" ? "rsa-sha2-512,rsa-sha2-256" : type);
  }
  return out;
}

struct FreeKey {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};

}  // namespace

void Sftp::EndSession::operator()(ssh_session_struct* session) const {
  ssh_disconnect(session);
  ssh_free(session);
}

Sftp::Sftp(std::unique_ptr<Line> line, const Access& access, const Patience& patience)
    : line_(std::move(line)), at_(access.folder.host), patience_(patience), session_(ssh_new()) {
  SMKI_CHECK(session_ != nullptr);
}

Status Sftp::Lost(const char* what) const {
  if (line_->cut())
    return Unavailable("the server at {} has been silent for {} s", at_, patience_.answer.count() / 1000);
  const std::string why = repository::Shown(ssh_get_error(session_.get()));
  return Unavailable("the connection to {} was lost before it could be {}{}", at_, what,
                     why.empty() ? "" : " (" + why + ")");
}

StatusOr<std::unique_ptr<Sftp>> Sftp::Connect(const Access& access, const Patience& patience) {
  SMKI_ASSIGN_OR_RETURN(auto line, Line::Dial(access.folder.host, access.folder.port, patience.connect));
  std::unique_ptr<Sftp> out(new Sftp(std::move(line), access, patience));
  SMKI_RETURN_IF_ERROR(out->Handshake(access));
  SMKI_RETURN_IF_ERROR(out->CheckHostKey(access));
  SMKI_RETURN_IF_ERROR(out->Authenticate(access));
  SMKI_RETURN_IF_ERROR(out->Begin());
  return out;
}

Status Sftp::Handshake(const Access& access) {
  ssh_session session = session_.get();
  const int no = 0, yes = 1;
  const long seconds = patience_.answer.count() / 1000 + 1;
  const std::string algorithms = AlgorithmsFor(access.pin.types());
  bool ok = true;
  const auto set = [&](ssh_options_e option, const void* value) {
    ok = ok && ssh_options_set(session, option, value) == 0;
  };
  // First of all: neither ~/.ssh/config nor /etc/ssh/ssh_config may change what is done here.
  set(SSH_OPTIONS_PROCESS_CONFIG, &no);
  set(SSH_OPTIONS_HOST, access.folder.host.c_str());
  set(SSH_OPTIONS_USER, access.folder.user.c_str());
  set(SSH_OPTIONS_TIMEOUT, &seconds);
  set(SSH_OPTIONS_KEY_EXCHANGE, kExchanges);
  set(SSH_OPTIONS_HOSTKEYS, algorithms.c_str());
  set(SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, kHostKeys);
  set(SSH_OPTIONS_CIPHERS_C_S, kCiphers);
  set(SSH_OPTIONS_CIPHERS_S_C, kCiphers);
  set(SSH_OPTIONS_HMAC_C_S, kMacs);
  set(SSH_OPTIONS_HMAC_S_C, kMacs);
  set(SSH_OPTIONS_COMPRESSION, "no");  // what is moved is compressed already
  set(SSH_OPTIONS_RSA_MIN_SIZE, &kLeastRsa);
  set(SSH_OPTIONS_NODELAY, &yes);
  if (!ok) return Internal("libssh does not take its options: {}", ssh_get_error(session));
  SMKI_ASSIGN_OR_RETURN(lent_, line_->Lend());
  const socket_t descriptor = lent_;
  if (ssh_options_set(session, SSH_OPTIONS_FD, &descriptor) != 0) {
    return Internal("libssh does not take a connection: {}", ssh_get_error(session));
  }
  const auto in_time = AnswerInTime();
  if (ssh_connect(session) == SSH_OK) return OkStatus();
  const std::string why = ssh_get_error(session);
  if (!line_->cut() && why.find("no match for method") != why.npos) {
    return FailedPrecondition(
        "the server at {} has no algorithm in common with us that is strong enough: {}; ask its "
        "operator for an up-to-date configuration",
        at_, repository::Shown(why.substr(why.find("no match"))));
  }
  return Lost("reached");
}

Status Sftp::CheckHostKey(const Access& access) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session_.get(), &raw) != SSH_OK) return Lost("checked");
  const std::unique_ptr<ssh_key_struct, FreeKey> key(raw);
  unsigned char* hash = nullptr;
  size_t size = 0;
  if (ssh_get_publickey_hash(raw, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != SSH_OK) return Lost("checked");
  Digest seen{};
  SMKI_CHECK(size == seen.size());
  std::memcpy(seen.data(), hash, size);
  ssh_clean_pubkey_hash(&hash);
  if (access.pin.Accepts(seen)) return OkStatus();
  return PermissionDenied(
      "the server at {} port {} shows the {} key {}, which is not {}. It may not be the SMKI Repository at all; "
      "nothing "
      "was sent to it. Next: ask the Repository's operator (the DCC Service Desk), on another way than this network, "
      "which host key is right; never take it from this message",
      at_, access.folder.port, ssh_key_type_to_char(ssh_key_type(raw)), Fingerprint(seen), access.pin.Shown());
}

Status Sftp::Authenticate(const Access& access) {
  const auto in_time = AnswerInTime();
  const int code = ssh_userauth_publickey(session_.get(), nullptr, access.key.get());
  if (code == SSH_AUTH_SUCCESS) return OkStatus();
  if (code == SSH_AUTH_DENIED || code == SSH_AUTH_PARTIAL) {
    return PermissionDenied(
        "the server at {} does not let {} in with the key {} ({}){}. Next: ask its operator to register this public "
        "key for "
        "this user, or name the right one with --key",
        at_, access.folder.user, access.key.file(), access.key.shown(),
        code == SSH_AUTH_PARTIAL ? ", it wants a second proof, which is not supported" : "");
  }
  return Lost("logged in to");
}

Status Sftp::Begin() {
  const auto in_time = AnswerInTime();
  sftp_.reset(sftp_new(session_.get()));
  if (!sftp_) return Lost("used");
  if (sftp_init(sftp_.get()) == SSH_OK) return OkStatus();
  if (line_->closed()) return Lost("used");
  return FailedPrecondition("the server at {} has no SFTP for this user: {}; ask its operator", at_,
                            repository::Shown(ssh_get_error(session_.get())));
}

}  // namespace smki::repository::transfer
