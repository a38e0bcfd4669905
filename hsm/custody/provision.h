// Making the token of a Recovery or Contingency key, or of the Symmetric Key. Used where an estate is made and in key
// ceremonies, never by the keyguard.
#pragma once

#include <string>

#include "base/random.h"
#include "hsm/custody/binding.h"
#include "hsm/pkcs11/module.h"

namespace smki::hsm {

// Initialises a token `token_label`, sets the PIN that `secret` stands for (PinOf), makes the key pair labelled
// `binding.key` in it and writes the binding. The SO PIN is 32 random octets that nobody keeps: with it the user PIN
// could be set anew.
StatusOr<pki::PublicKey> ProvisionToken(pkcs11::Module& module, const std::string& token_label, const Secret& secret,
                                        const TokenBinding& binding, Random& random);
// The same for the Contingency Symmetric Key, which is returned once: for wrapping the contingency key with it.
StatusOr<Secret> ProvisionSymmetricToken(pkcs11::Module& module, const std::string& token_label, const Secret& secret,
                                         const TokenBinding& binding, Random& random);

// Writes the binding of a token made before its trust policy was.
Status BindToken(pkcs11::Module& module, const std::string& token_label, const Secret& secret,
                 const TokenBinding& binding);

}  // namespace smki::hsm
