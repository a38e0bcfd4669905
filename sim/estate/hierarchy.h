// The two hierarchies of the SMKI: Root OCA > Issuing OCA, Root DCA > Issuing DCA, each key in a token of its own.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "hsm/pkcs11/module.h"
#include "pki/certificate.h"
#include "sim/estate/folder.h"

namespace smki::sim {

struct AuthorityKey {
  std::string token;  // label
  pki::Certificate certificate;
};
struct Hierarchy {
  AuthorityKey root_oca, issuing_oca, root_dca, issuing_dca;
};

// Makes tokens in `module`, whose PINs go to authority/pins, and certificates to authority/. `day`: midnight of today.
// The Root OCA carries `apex` (SEC L10.30(e)).
StatusOr<Hierarchy> MakeHierarchy(const EstateFolder& folder, hsm::pkcs11::Module& module, const std::string& estate,
                                  UtcTime day, const pki::WrappedApexKey& apex, Random& random);

}  // namespace smki::sim
