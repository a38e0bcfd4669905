#include "hsm/custody/provision.h"

#include "hsm/custody/shares.h"

namespace smki::hsm {

namespace {

// A new token, and a session of its user.
StatusOr<std::unique_ptr<pkcs11::Session>> MakeToken(pkcs11::Module& module, const std::string& token_label,
                                                     const Secret& secret, Random& random) {
  const Secret so_pin = PinOf(Secret(random.Take(kPinSecret)));
  SMKI_ASSIGN_OR_RETURN(const pkcs11::Slot slot, module.InitToken(token_label, so_pin));
  SMKI_ASSIGN_OR_RETURN(std::unique_ptr<pkcs11::Session> session, slot.OpenSession(pkcs11::Access::kReadWrite));
  SMKI_RETURN_IF_ERROR(session->LoginSecurityOfficer(so_pin));
  const Secret pin = PinOf(secret);
  SMKI_RETURN_IF_ERROR(session->InitPin(pin));
  SMKI_RETURN_IF_ERROR(session->Logout());
  SMKI_RETURN_IF_ERROR(session->Login(pin));
  return session;
}

// The key is made: what the token says of itself, and the end of the login.
Status Conclude(pkcs11::Session& session, const TokenBinding& binding) {
  SMKI_RETURN_IF_ERROR(session.WriteData(kBindingLabel, AsBytes(Render(binding))));
  SMKI_RETURN_IF_ERROR(session.WriteData(kWitnessLabel, AsBytes(Render(TokenWitness{}))));
  return session.Logout();
}

}  // namespace

StatusOr<pki::PublicKey> ProvisionToken(pkcs11::Module& module, const std::string& token_label, const Secret& secret,
                                        const TokenBinding& binding, Random& random) {
  SMKI_ASSIGN_OR_RETURN(const auto session, MakeToken(module, token_label, secret, random));
  SMKI_ASSIGN_OR_RETURN(pki::PublicKey key, session->GenerateKeyPair(binding.key));
  SMKI_RETURN_IF_ERROR(Conclude(*session, binding));
  return key;
}

StatusOr<Secret> ProvisionSymmetricToken(pkcs11::Module& module, const std::string& token_label, const Secret& secret,
                                         const TokenBinding& binding, Random& random) {
  SMKI_ASSIGN_OR_RETURN(const auto session, MakeToken(module, token_label, secret, random));
  SMKI_RETURN_IF_ERROR(session->GenerateSecretKey(binding.key));
  SMKI_ASSIGN_OR_RETURN(Secret key, session->ReadSecretKey(binding.key));
  SMKI_RETURN_IF_ERROR(Conclude(*session, binding));
  return key;
}

Status BindToken(pkcs11::Module& module, const std::string& token_label, const Secret& secret,
                 const TokenBinding& binding) {
  SMKI_ASSIGN_OR_RETURN(const pkcs11::TokenUri uri, pkcs11::TokenUri::Parse("pkcs11:token=" + token_label));
  SMKI_ASSIGN_OR_RETURN(const pkcs11::Slot slot, module.FindToken(uri));
  SMKI_ASSIGN_OR_RETURN(const auto session, slot.OpenSession(pkcs11::Access::kReadWrite));
  SMKI_RETURN_IF_ERROR(session->Login(PinOf(secret)));
  SMKI_RETURN_IF_ERROR(session->WriteData(kBindingLabel, AsBytes(Render(binding))));
  return session->Logout();
}

}  // namespace smki::hsm
