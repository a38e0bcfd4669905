// Where an SFTP folder is, which server key is the right one, and with which key of ours we show who we are. Nothing is
// ever trusted on first use, and there is no password, agent or other way in.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

struct ssh_key_struct;

namespace smki::repository::transfer {

struct RemoteFolder {
  std::string host;  // IPv6 without brackets
  uint16_t port = 22;
  std::string user;
  std::string path;  // "/a/b" from the server's root; "a/b" or "." from the user's home, written /~/a/b

  std::string Of(const std::string& name) const { return (path == "/" ? "" : path) + "/" + name; }
  std::string Shown() const;  // as it was written
};

// "sftp://user@host[:port]/path". kInvalidArgument says what is wrong; a password in it is refused.
StatusOr<RemoteFolder> ParseSftpUrl(std::string_view url);

// The host keys that are accepted, by the SHA-256 of their public key blob (what ssh-keygen -l shows).
class HostPin {
 public:
  // "SHA256:" and 43 characters of Base64.
  static StatusOr<HostPin> FromFingerprint(std::string_view fingerprint);
  // The keys that `text`, an OpenSSH known_hosts file named `file`, has for this host; hashed names are understood.
  // kNotFound if it has none. Markers (@revoked, @cert-authority) are not understood and refused.
  static StatusOr<HostPin> FromKnownHosts(const std::string& file, std::string_view text, const RemoteFolder& at);

  bool Accepts(const Digest& key) const;
  // Key types in the words of SSH ("ssh-ed25519"); empty: any.
  const std::vector<std::string>& types() const { return types_; }
  // For a message: "SHA256:..." or "the 2 keys in FILE".
  std::string Shown() const;

 private:
  std::string file_;  // empty: one fingerprint
  std::vector<Digest> keys_;
  std::vector<std::string> types_;
};

// "SHA256:...", as ssh-keygen prints it.
std::string Fingerprint(const Digest& key);

// Asked only if the key file is encrypted.
using AskPassphrase = std::function<StatusOr<Secret>(const std::string& file)>;

class ClientKey {
 public:
  // `text`: a private key in OpenSSH or PEM form, read from `file` (for messages). kFailedPrecondition if it is
  // encrypted and `ask` is empty, kPermissionDenied if the passphrase is wrong.
  static StatusOr<ClientKey> Parse(const std::string& file, const Secret& text, const AskPassphrase& ask);

  const std::string& file() const { return file_; }
  // "ssh-ed25519 SHA256:...": what the server's operator knows it by.
  const std::string& shown() const { return shown_; }
  ssh_key_struct* get() const { return key_.get(); }

 private:
  std::string file_, shown_;
  std::shared_ptr<ssh_key_struct> key_;
};

struct Access {
  RemoteFolder folder;
  HostPin pin;
  ClientKey key;
};

}  // namespace smki::repository::transfer
