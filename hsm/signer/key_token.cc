#include "hsm/signer/key_token.h"

#include "hsm/custody/shares.h"

namespace smki::hsm {
namespace {

// One session copy of the key.
class SessionKey : public pki::Signer {
 public:
  SessionKey(std::unique_ptr<pkcs11::Session> session, pkcs11::Object key, pki::PublicKey public_key)
      : session_(std::move(session)), key_(key), public_key_(std::move(public_key)) {}
  const pki::PublicKey& public_key() const override { return public_key_; }
  StatusOr<pki::RawSignature> SignDigest(const Digest& digest) override { return session_->Sign(key_, digest); }

 private:
  std::unique_ptr<pkcs11::Session> session_;
  pkcs11::Object key_;
  pki::PublicKey public_key_;
};

// Signs at once and owns its key.
class SessionBatchSigner : public ImmediateBatchSigner {
 public:
  explicit SessionBatchSigner(std::unique_ptr<pki::Signer> key) : ImmediateBatchSigner(*key), key_(std::move(key)) {}

 private:
  std::unique_ptr<pki::Signer> key_;
};

// Between activations no session is kept: one that died meanwhile (a token pulled out, an HSM that was restarted) would
// be of no use for ever.
class Pkcs11KeyToken : public KeyToken {
 public:
  Pkcs11KeyToken(pkcs11::Slot slot, std::string label, int threads)
      : slot_(std::move(slot)), label_(std::move(label)), threads_(threads) {}

  StatusOr<TokenBinding> ReadBinding() override {
    SMKI_ASSIGN_OR_RETURN(std::vector<TokenBinding> found, ReadBindings());
    if (found.size() != 1) {
      return FailedPrecondition("token '{}' has {} data objects '{}'; one is expected", slot_.token_label(),
                                found.size(), kBindingLabel);
    }
    return std::move(found[0]);
  }

  StatusOr<std::vector<TokenBinding>> ReadBindings() override {
    SMKI_ASSIGN_OR_RETURN(const Lent session, Lend());
    SMKI_ASSIGN_OR_RETURN(const std::vector<Bytes> found, session->ReadData(kBindingLabel));
    std::vector<TokenBinding> out;
    for (const Bytes& text : found) {
      SMKI_ASSIGN_OR_RETURN(out.emplace_back(), ParseTokenBinding(AsText(text)));
    }
    return out;
  }

  StatusOr<TokenWitness> ReadWitness() override {
    SMKI_ASSIGN_OR_RETURN(const Lent session, Lend());
    SMKI_ASSIGN_OR_RETURN(const std::vector<Bytes> found, session->ReadData(kWitnessLabel));
    if (found.empty())
      return FailedPrecondition("token '{}' has no data object '{}'", slot_.token_label(), kWitnessLabel);
    TokenWitness newest;
    for (const Bytes& text : found) {
      SMKI_ASSIGN_OR_RETURN(const TokenWitness witness, ParseTokenWitness(AsText(text)));
      if (witness.journal_records >= newest.journal_records) newest = witness;
    }
    return newest;
  }

  StatusOr<pki::PublicKey> ReadPublicKey() override {
    SMKI_ASSIGN_OR_RETURN(const Lent session, Lend());
    return session->ReadPublicKey(label_);
  }

  StatusOr<std::unique_ptr<BatchSigner>> Open(const Secret& secret) override {
    SMKI_ASSIGN_OR_RETURN(open_, slot_.OpenSession(pkcs11::Access::kReadWrite));
    const Status in = open_->Login(PinOf(secret));
    auto signer = in.ok() ? MakeSigners() : StatusOr<std::unique_ptr<BatchSigner>>(in);
    if (!signer.ok()) Close();
    return signer;
  }

  StatusOr<Secret> OpenAndRead(const Secret& secret) override {
    SMKI_ASSIGN_OR_RETURN(open_, slot_.OpenSession(pkcs11::Access::kReadWrite));
    const Status in = open_->Login(PinOf(secret));
    auto key = in.ok() ? open_->ReadSecretKey(label_) : StatusOr<Secret>(in);
    if (!key.ok()) Close();
    return key;
  }

  Status DestroyKey() override {
    if (open_ == nullptr) return FailedPrecondition("token '{}' is closed", slot_.token_label());
    return open_->DestroyKeys(label_);
  }

  Status WriteWitness(const TokenWitness& witness) override { return Write(kWitnessLabel, Render(witness)); }

  // Also ends the login if C_Logout does not: it was the token's last session.
  void Close() override {
    if (open_ != nullptr) open_->Logout().IgnoreError();
    open_.reset();
  }

  Status ChangeSecret(const Secret& old, const Secret& next) override {
    SMKI_ASSIGN_OR_RETURN(open_, slot_.OpenSession(pkcs11::Access::kReadWrite));
    Status changed = open_->Login(PinOf(old));
    if (changed.ok()) changed = open_->SetPin(PinOf(old), PinOf(next));
    Close();
    return changed;
  }

  Status WriteBinding(const TokenBinding& binding) override { return Write(kBindingLabel, Render(binding)); }

 private:
  using Lent = std::shared_ptr<pkcs11::Session>;
  // The open one, or one for this time only.
  StatusOr<Lent> Lend() {
    if (open_ != nullptr) return open_;
    SMKI_ASSIGN_OR_RETURN(std::unique_ptr<pkcs11::Session> session, slot_.OpenSession(pkcs11::Access::kReadOnly));
    return Lent(std::move(session));
  }

  Status Write(const char* label, const std::string& text) {
    if (open_ == nullptr) return FailedPrecondition("token '{}' is closed", slot_.token_label());
    return open_->WriteData(label, AsBytes(text));
  }

  StatusOr<std::unique_ptr<BatchSigner>> MakeSigners() {
    SMKI_ASSIGN_OR_RETURN(const pki::PublicKey public_key, open_->ReadPublicKey(label_));
    if (threads_ == 0) {
      SMKI_ASSIGN_OR_RETURN(std::unique_ptr<pki::Signer> key, CopyKey(public_key));
      return std::make_unique<SessionBatchSigner>(std::move(key));
    }
    std::vector<std::unique_ptr<pki::Signer>> keys;
    for (int i = 0; i < threads_; ++i) {
      SMKI_ASSIGN_OR_RETURN(keys.emplace_back(), CopyKey(public_key));
    }
    return MakeParallelBatchSigner(std::move(keys));
  }

  // On a session of its own.
  StatusOr<std::unique_ptr<pki::Signer>> CopyKey(const pki::PublicKey& public_key) {
    SMKI_ASSIGN_OR_RETURN(std::unique_ptr<pkcs11::Session> session, slot_.OpenSession(pkcs11::Access::kReadOnly));
    SMKI_ASSIGN_OR_RETURN(const pkcs11::Object token_key, session->FindPrivateKey(label_));
    SMKI_ASSIGN_OR_RETURN(const pkcs11::Object copy, session->CopyToSession(token_key));
    return std::make_unique<SessionKey>(std::move(session), copy, public_key);
  }

  pkcs11::Slot slot_;
  Lent open_;  // while the key is open
  std::string label_;
  int threads_;
};

}  // namespace

StatusOr<std::unique_ptr<KeyToken>> FindKeyToken(pkcs11::Module& module, const std::string& key, const std::string& uri,
                                                 int threads) {
  SMKI_ASSIGN_OR_RETURN(const pkcs11::TokenUri parsed, pkcs11::TokenUri::Parse(uri));
  SMKI_ASSIGN_OR_RETURN(pkcs11::Slot slot, module.FindToken(parsed));
  return std::make_unique<Pkcs11KeyToken>(std::move(slot), parsed.object.empty() ? key : parsed.object, threads);
}

}  // namespace smki::hsm
