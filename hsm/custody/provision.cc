#include "hsm/custody/provision.h"

#include "hsm/custody/shares.h"

namespace smki::hsm {

StatusOr<pki::PublicKey> ProvisionToken(pkcs11::Module& module, const std::string& token_label, const Secret& secret,
                                        const TokenBinding& binding, Random& random) {
  const Secret so_pin = PinOf(Secret(random.Take(kPinSecret)));
  SMKI_ASSIGN_OR_RETURN(const pkcs11::Slot slot, module.InitToken(token_label, so_pin));
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<pkcs11::Session> session, slot.OpenSession(pkcs11::Access::kReadWrite));
  SMKI_RETURN_IF_ERROR(session->LoginSecurityOfficer(so_pin));
  const Secret pin = PinOf(secret);
  SMKI_RETURN_IF_ERROR(session->InitPin(pin));
  SMKI_RETURN_IF_ERROR(session->Logout());
  SMKI_RETURN_IF_ERROR(session->Login(pin));
  SMKI_ASSIGN_OR_RETURN(pki::PublicKey key, session->GenerateKeyPair(binding.key));
  SMKI_RETURN_IF_ERROR(session->WriteData(kBindingLabel, AsBytes(Render(binding))));
  SMKI_RETURN_IF_ERROR(session->WriteData(kWitnessLabel, AsBytes(Render(TokenWitness{}))));
  SMKI_RETURN_IF_ERROR(session->Logout());
  return key;
}

}  // namespace smki::hsm
