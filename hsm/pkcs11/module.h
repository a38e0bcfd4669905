// PKCS#11 as objects that end by themselves: Module > Slot > Session > Object.
//
// One Module per process at a time (a second C_Initialize fails). A Session and its Objects belong to one thread at a
// time; different Sessions may be used by different threads at once. Logging in counts for all Sessions of this process
// on that token. Every error names the PKCS#11 function and the CKR_ code.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "hsm/pkcs11/uri.h"
#include "pki/key.h"

namespace smki::hsm::pkcs11 {

class Module;
class Session;

// A key or data object. Valid while the Session that found, made or copied it is open.
struct Object {
  unsigned long handle = 0;
};

enum class Access { kReadOnly, kReadWrite };

// A slot with a token in it.
class Slot {
 public:
  StatusOr<std::unique_ptr<Session>> OpenSession(Access access) const;
  const std::string& token_label() const { return label_; }

 private:
  friend class Module;
  Slot(std::shared_ptr<Module> module, unsigned long id, std::string label)
      : module_(std::move(module)), id_(id), label_(std::move(label)) {}
  std::shared_ptr<Module> module_;
  unsigned long id_;
  std::string label_;
};

class Module : public std::enable_shared_from_this<Module> {
 public:
  // Loads `library` and calls C_Initialize with OS locking. If `softhsm_config` is not empty, SOFTHSM2_CONF names it
  // from now on in this process: call it before other threads read the environment.
  static StatusOr<std::shared_ptr<Module>> Load(const std::string& library, const std::string& softhsm_config);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // The one token that matches; kNotFound if there is none, kFailedPrecondition if there are several.
  StatusOr<Slot> FindToken(const TokenUri& uri);
  // Initialises an empty slot as a token of a label (1 to 32 octets) that no token has yet.
  StatusOr<Slot> InitToken(const std::string& label, const Secret& so_pin);

  struct Functions;  // the library's function list
  const Functions& functions() const { return *functions_; }

 private:
  Module() = default;
  std::unique_ptr<Functions> functions_;
  bool initialised_ = false;
};

class Session {
 public:
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // kPermissionDenied for a wrong or locked PIN. Being logged in already is no error.
  Status Login(const Secret& pin);
  Status LoginSecurityOfficer(const Secret& so_pin);
  Status Logout();
  // As security officer: sets the user PIN.
  Status InitPin(const Secret& pin);
  // As user: replaces the user PIN. kPermissionDenied if `old` is not the PIN; nothing has changed then.
  Status SetPin(const Secret& old, const Secret& next);

  // Makes a P-256 key pair in the token, CKA_ID 01; the private key is sensitive, not extractable and only signs.
  // Refuses a label that is taken.
  StatusOr<pki::PublicKey> GenerateKeyPair(const std::string& label);
  // Exactly one of that label. The private key is visible only when logged in.
  StatusOr<Object> FindPrivateKey(const std::string& label);
  StatusOr<pki::PublicKey> ReadPublicKey(const std::string& label);
  // Makes a 256-bit AES key in the token that a logged-in user can read: the Contingency Symmetric Key is to be
  // disclosed one day, and it is used nowhere but in its disclosure. Refuses a label that is taken.
  Status GenerateSecretKey(const std::string& label);
  StatusOr<Secret> ReadSecretKey(const std::string& label);
  // Every private and secret key of that label, for good. A public key stays, and says what was destroyed. kNotFound if
  // there is none.
  Status DestroyKeys(const std::string& label);
  // A copy that lives in this session only: such a copy signs without a look at the token's files, and copies on
  // sessions of their own sign in parallel (docs/contributor.md, limits of SoftHSM).
  StatusOr<Object> CopyToSession(Object key);
  // CKM_ECDSA over a SHA-256 digest.
  StatusOr<pki::RawSignature> Sign(Object key, const Digest& digest);

  // CKO_DATA objects, found by label, visible without login, at most kMaxData octets. Writing makes the new object
  // first and then removes the old: a crash in between leaves both, so reading gives all of a label.
  static constexpr size_t kMaxData = 16 * 1024;
  StatusOr<std::vector<Bytes>> ReadData(const std::string& label);
  Status WriteData(const std::string& label, ByteSpan value);

 private:
  friend class Slot;
  Session(std::shared_ptr<Module> module, unsigned long handle) : module_(std::move(module)), handle_(handle) {}
  StatusOr<std::vector<Object>> FindAll(unsigned long object_class, const std::string& label);
  StatusOr<Object> FindOne(unsigned long object_class, const std::string& label, const char* what);
  std::shared_ptr<Module> module_;
  unsigned long handle_;
};

// A key in a token as the rest of the system knows it. One thread.
class TokenSigner : public pki::Signer {
 public:
  // Logs in and takes a session copy of the key.
  static StatusOr<std::unique_ptr<TokenSigner>> Open(const Slot& slot, const Secret& pin, const std::string& key_label);
  const pki::PublicKey& public_key() const override { return public_key_; }
  StatusOr<pki::RawSignature> SignDigest(const Digest& digest) override { return session_->Sign(key_, digest); }

 private:
  TokenSigner(std::unique_ptr<Session> session, Object key, pki::PublicKey public_key)
      : session_(std::move(session)), key_(key), public_key_(std::move(public_key)) {}
  std::unique_ptr<Session> session_;
  Object key_;
  pki::PublicKey public_key_;
};

// The text of a softhsm2.conf for tokens in `token_directory`, which must exist and be an absolute path.
std::string SoftHsmConfig(const std::string& token_directory);

}  // namespace smki::hsm::pkcs11
