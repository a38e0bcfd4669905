// The token of one key, as the signer uses it: what it says of itself, and the key once its secret is known.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "hsm/custody/binding.h"
#include "hsm/pkcs11/module.h"
#include "hsm/signer/batch_signer.h"

namespace smki::hsm {

// Signer's thread only.
class KeyToken {
 public:
  virtual ~KeyToken() = default;
  // Readable without its secret.
  virtual StatusOr<TokenBinding> ReadBinding() = 0;                // exactly one, else kFailedPrecondition
  virtual StatusOr<std::vector<TokenBinding>> ReadBindings() = 0;  // a crash while it is replaced leaves two
  virtual StatusOr<TokenWitness> ReadWitness() = 0;
  virtual StatusOr<pki::PublicKey> ReadPublicKey() = 0;

  // kPermissionDenied for a wrong secret. The key is open until the BatchSigner ends and Close is called.
  virtual StatusOr<std::unique_ptr<BatchSigner>> Open(const Secret& secret) = 0;
  // Of the token of the Contingency Symmetric Key, which signs nothing: opens it and reads the key. As Open.
  virtual StatusOr<Secret> OpenAndRead(const Secret& secret) = 0;
  // The key itself, for good; the token stays, and says whose it was. Only while open.
  virtual Status DestroyKey() = 0;
  virtual Status WriteWitness(const TokenWitness& witness) = 0;  // only while open
  virtual void Close() = 0;

  // For a custody change; the token is closed before and after. kPermissionDenied if `old` is wrong: nothing has
  // changed.
  virtual Status ChangeSecret(const Secret& old, const Secret& next) = 0;
  virtual Status WriteBinding(const TokenBinding& binding) = 0;  // only while open
};

using KeyTokens = std::map<std::string, std::unique_ptr<KeyToken>>;  // by key name

// A token behind PKCS#11. `uri` names it; its key objects are labelled `key` unless the URI says otherwise. Signs with
// `threads` session copies of the key, each on a thread of its own; with 0, one session copy signs at once on the
// caller's thread (ImmediateBatchSigner): for a process that must have one thread, as a simulation. kNotFound if the
// token is not connected.
StatusOr<std::unique_ptr<KeyToken>> FindKeyToken(pkcs11::Module& module, const std::string& key, const std::string& uri,
                                                 int threads);

}  // namespace smki::hsm
